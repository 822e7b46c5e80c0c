"""Surroundings in which a pip may have to run: what is missing, refused, full, odd or in the way.

Each changes a `Start`, by a way that works for root and for others; its docstring says how.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from support.environments import Environment, Result

VARIANT = "takes the variant"
PLAIN = "takes the plain wheel and says why"
STOPS = "stops and says why"
PIPS = "fails like stock pip"
UNAWARE = "is stock pip: takes the plain wheel"
"""What an install with variants comes to."""


@dataclass
class Start:
    """How one pip is started. `folder` is for what the surroundings are made of."""

    environment: Environment
    folder: Path
    cwd: Path
    site: Path
    """Where is looked for what was installed."""
    env: dict[str, str]
    by: list[object] = field(default_factory=list)
    """The programs that start each other, and the interpreter at last."""
    flags: list[str] = field(default_factory=list)
    pip: list[object] = field(default_factory=lambda: ["-m", "pip"])
    options: list[object] = field(default_factory=list)
    streams: dict[str, Any] = field(default_factory=dict)

    def write(
        self, *files: str, text: str = "raise ImportError('in the way')", below: str = "way"
    ) -> Path:
        """Files below `folder`."""
        for name in files:
            file = self.folder / below / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return self.folder / below

    def own(self, name: str = "venv") -> None:
        """Use a copy of the environment."""
        folder = self.folder / "own" / name
        old = self.environment
        shutil.copytree(old.folder, folder, symlinks=True, copy_function=os.link)
        self.environment = copy(old)
        self.environment.folder, self.environment.python = folder, folder / "bin/python"
        self.environment.site = self.site = folder / old.site.relative_to(old.folder)

    def after(self, code: str) -> None:
        """Run this code in pip's interpreter before pip."""
        run = "import runpy, sys\nsys.argv[0] = 'pip'\nrunpy.run_module('pip', run_name='__main__', alter_sys=True)"
        self.pip = ["-c", f"{code}\n{run}"]

    def into_a_folder(self) -> Path:
        """Install into a folder of its own."""
        self.site = self.folder / "target"
        self.site.mkdir()
        self.options += ["--target", self.site]
        return self.site

    def install(self, url: str, package: str) -> Result:
        # Where a cache is wanted: pip has one for trusted hosts only.
        install = ["install", "--no-color", "--trusted-host", "127.0.0.1", "--index-url", url]
        start = [*self.by, self.environment.python, *self.flags, *self.pip]
        command = [*start, *install, *self.options, package]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **self.streams}
        done = subprocess.run(
            list(map(str, command)), env=self.env, cwd=self.cwd, timeout=600, **streams
        )
        return Result(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Surroundings:
    change: Callable[[Start], None]
    outcome: str
    says: str
    """What pip says where it takes the plain wheel or stops."""


SURROUNDINGS: dict[str, Surroundings] = {}

_PAGE = """# Hostile environments

pip has to work where something is missing, refused, full, odd or in the way, and pip-variants must
not change that. Written by `pytest --surroundings FILE tests/pip/test_hostile_environment.py`; a
row is here if its test passed.

In each of these surroundings, stock pip and pip with pip-variants install the same package without
variants: exit status, output and every installed file are equal. Then pip with pip-variants
installs a package with a variant that every x86-64 processor supports and one that none does. The
second one is never installed. Where pip *stops and says why*, it installs nothing, and one line
says what failed and which options go on without it.

| surroundings | how they are made | package without variants | package with variants |
|---|---|---|---|
"""


def page(rows: Iterable[str]) -> str:
    """docs/surroundings.md with these rows."""
    names = list(SURROUNDINGS)
    ordered = sorted(rows, key=lambda row: names.index(row.split(" | ")[0].removeprefix("| ")))
    return _PAGE + "".join(f"{row}\n" for row in ordered)


def surroundings(name: str, outcome: str = VARIANT, says: str = "") -> Callable[..., None]:
    def add(change: Callable[[Start], None]) -> None:
        assert name not in SURROUNDINGS and change.__doc__
        SURROUNDINGS[name] = Surroundings(change, outcome, says)

    return add


# Ways to make them


IS_ROOT = os.getuid() == 0
PLAIN_USER = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if IS_ROOT else []
"""Modes of files count: root gives up what overrides them."""


@cache
def _mounts() -> list[str]:
    """The command that gives what it starts mounts of its own; none if that is forbidden."""
    own = ["unshare", "--mount", *([] if IS_ROOT else ["--map-root-user"])]
    works = not subprocess.run(
        [*own, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True
    ).returncode
    return own if works else []


def mounted(start: Start, script: str, otherwise: Callable[[], object]) -> None:
    """Start with other mounts, made by a shell script; where that is forbidden, otherwise."""
    if _mounts():
        start.by += [*_mounts(), "sh", "-ec", f'{script}; exec "$@"', "sh"]
    else:
        otherwise()


LANDLOCK = """
import ctypes, os, struct
call = ctypes.CDLL(None, use_errno=True).syscall
def check(result):
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result
ruled = check(call(444, struct.pack("Q", {rights}), 8, 0))
for path in {paths}:
    if os.path.exists(path) and os.path.isdir(path):
        check(call(445, ruled, 1, struct.pack("=Qi", {rights}, os.open(path, os.O_PATH)), 0))
check(ctypes.CDLL(None).prctl(38, 1, 0, 0, 0))
check(call(446, ruled, 0))
"""
READ, WRITE = 0b1100, 0b1_1111_1111_0010


def hidden(start: Start, path: str) -> None:
    """Without a top folder: nothing is there, or it may not be read."""
    (start.folder / "empty").mkdir()
    others = [entry.path for entry in os.scandir("/") if entry.path != path]
    rules = LANDLOCK.format(rights=READ, paths=others)
    mounted(start, f"mount --bind {start.folder}/empty {path}", lambda: start.after(rules))


SECCOMP = """
import ctypes, struct
def step(code, k, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, k)
def refuse(*numbers, threads):
    program = [step(0x20, 0)]
    # clone3 has its arguments in memory, where no filter looks: the C library goes on with clone.
    program += [step(0x15, 435, 0, 1), step(0x06, 0x50000 | 38)]
    for number in numbers:
        program += [step(0x15, number, 0, 1), step(0x06, 0x50000 | 1)]
    if threads is not None:
        program += [step(0x15, 56, 0, 3), step(0x20, 16), step(0x45, 0x10000, *((1, 0) if threads else (0, 1)))]
        program += [step(0x06, 0x50000 | 1)]
    program += [step(0x06, 0x7FFF0000)]
    code = b"".join(program)
    kept = ctypes.create_string_buffer(code)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(38, 1, 0, 0, 0) == 0
    assert prctl(22, 2, struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(kept)), 0, 0) == 0
"""


def full(start: Start) -> Path:
    """A folder on a disk with room for 40 KiB; otherwise no file may be longer than 8."""
    folder = start.folder / "disk"
    folder.mkdir()

    def limited() -> None:
        start.by += ["prlimit", "--fsize=8192"]

    mounted(start, f"mount -t tmpfs -o size=40k none {folder}", limited)
    return folder


def other_user(start: Start) -> int:
    """As a user whom nobody knows and who runs nothing else; where that is forbidden, as oneself."""
    if not IS_ROOT:
        return os.getuid()
    user = 1_000_000 + os.getpid()
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    # The interpreter may be below the home folder of root.
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    start.by += [*become, *reads]
    return user


# Files


@surroundings("read-only home")
def _(start: Start) -> None:
    """HOME may not be written; pip's cache is on"""
    home = start.write("README", below="home")
    home.chmod(0o555)
    start.by += PLAIN_USER
    start.env["HOME"] = str(home)
    del start.env["PIP_NO_CACHE_DIR"]


@surroundings("no home")
def _(start: Start) -> None:
    """HOME is not there and cannot be made; pip's cache is on"""
    start.env["HOME"] = "/proc/no/such/home"
    del start.env["PIP_NO_CACHE_DIR"]


@surroundings("an empty environment")
def _(start: Start) -> None:
    """`env -i`"""
    start.env.clear()
    start.options += ["--isolated", "--no-cache-dir", "--disable-pip-version-check"]


@surroundings("no file can grow", PIPS)
def _(start: Start) -> None:
    """no file may be longer than 0 bytes (`prlimit --fsize=0`)"""
    start.by += ["prlimit", "--fsize=0"]


@surroundings("full disk, temporary files", PIPS)
def _(start: Start) -> None:
    """TMPDIR on a full tmpfs"""
    start.env["TMPDIR"] = str(full(start))


@surroundings("full disk, installed files", PIPS)
def _(start: Start) -> None:
    """`--target` on a full tmpfs"""
    start.site = full(start)
    start.options += ["--target", start.site]


@surroundings("full disk, cache")
def _(start: Start) -> None:
    """pip's cache is on a full tmpfs"""
    folder = start.folder / "cache"
    folder.mkdir(mode=0o555)
    mounted(start, f"mount -t tmpfs -o size=40k none {folder}", lambda: start.by.extend(PLAIN_USER))
    start.env["PIP_CACHE_DIR"] = str(folder)
    del start.env["PIP_NO_CACHE_DIR"]


@surroundings("read-only disk", PIPS)
def _(start: Start) -> None:
    """every mount is read-only"""
    mounted(
        start,
        "mount -o remount,ro,bind /",
        lambda: start.after(LANDLOCK.format(rights=WRITE, paths=[])),
    )


@surroundings("TMPDIR not there")
def _(start: Start) -> None:
    """TMPDIR is not there"""
    start.env["TMPDIR"] = str(start.folder / "no/such")


@surroundings("TMPDIR read-only")
def _(start: Start) -> None:
    """TMPDIR may not be written"""
    start.env["TMPDIR"] = str(start.write("README", below="tmp"))
    (start.folder / "tmp").chmod(0o555)
    start.by += PLAIN_USER


@surroundings("no /proc")
def _(start: Start) -> None:
    """an empty folder over `/proc`"""
    hidden(start, "/proc")


@surroundings("no /sys")
def _(start: Start) -> None:
    """an empty folder over `/sys`"""
    hidden(start, "/sys")


@surroundings("no /dev", STOPS, "could not start")
def _(start: Start) -> None:
    """an empty folder over `/dev`"""
    hidden(start, "/dev")


# Processes


@surroundings("no child processes", STOPS, "could not start the detection process")
def _(start: Start) -> None:
    """a seccomp filter refuses fork, vfork and clone, but for threads"""
    start.after(SECCOMP + "refuse(57, 58, threads=True)")


@surroundings("no other program", STOPS, "could not start the detection process")
def _(start: Start) -> None:
    """a seccomp filter refuses execve"""
    start.after(SECCOMP + "refuse(59, 322, threads=None)")


@surroundings("no threads", STOPS, "could not start the detection process: can't start new thread")
def _(start: Start) -> None:
    """a seccomp filter refuses clone for threads"""
    start.after(SECCOMP + "refuse(threads=False)")


@surroundings("no processes left", STOPS, "could not start the detection process")
def _(start: Start) -> None:
    """`prlimit --nproc=1`, as another user"""
    folder = start.into_a_folder()
    user = other_user(start)
    os.chown(folder, user, -1)
    start.by += ["prlimit", "--nproc=1"]


@surroundings(
    "a child process refused by an audit hook", STOPS, "could not start the detection process"
)
def _(start: Start) -> None:
    """`sys.addaudithook` with a function that raises"""
    start.after(
        "def refuse(event, _):\n if event == 'subprocess.Popen': raise PermissionError('not allowed')\n"
        "import sys; sys.addaudithook(refuse)"
    )


@surroundings("few file descriptors")
def _(start: Start) -> None:
    """`prlimit --nofile=16`"""
    start.by += ["prlimit", "--nofile=16"]


@surroundings("no file descriptors", STOPS, "could not start the detection process")
def _(start: Start) -> None:
    """`prlimit --nofile=8`"""
    start.by += ["prlimit", "--nofile=8"]


@surroundings("little memory")
def _(start: Start) -> None:
    """`prlimit --as=200000000`"""
    start.by += ["prlimit", "--as=200000000"]


@surroundings("signals ignored")
def _(start: Start) -> None:
    """SIGCHLD, SIGHUP, SIGINT, SIGPIPE and SIGTERM are ignored from the start"""
    start.by += ["env", "--ignore-signal=CHLD,HUP,INT,PIPE,TERM"]


@surroundings("signals blocked")
def _(start: Start) -> None:
    """every signal is blocked from the start"""
    start.by += ["env", "--block-signal"]


@surroundings("the interpreter unknown", STOPS, "could not start the detection process")
def _(start: Start) -> None:
    """`sys.executable` is empty, as in embedded interpreters"""
    start.after("import sys; sys.executable = ''")


# Modules in the way


SCRIPT = "import sys\nfrom pip._internal.cli.main import main\nsys.exit(main())"
SHADOWS = ("archspec.py", "pluggy.py", "importlib_metadata.py", "packaging/__init__.py")


@surroundings("PYTHONPATH with modules in the way")
def _(start: Start) -> None:
    """PYTHONPATH with `archspec.py`, `pluggy.py`, `importlib_metadata.py` and `packaging/`"""
    start.env["PYTHONPATH"] = str(start.write(*SHADOWS))


@surroundings(
    "PYTHONPATH with another pip_variants",
    PLAIN,
    "WARNING: pip-variants is broken, pip goes on without it",
)
def _(start: Start) -> None:
    """PYTHONPATH with a `pip_variants.py`"""
    start.env["PYTHONPATH"] = str(start.write("pip_variants.py", text=""))


@surroundings("current directory with modules in the way, pip")
def _(start: Start) -> None:
    """the script `pip`, with the same and `json.py` in the current directory"""
    start.cwd = start.write(*SHADOWS, "json.py")
    start.pip = [start.write("pip", text=SCRIPT, below="bin") / "pip"]


@surroundings("current directory with modules in the way, python -m pip")
def _(start: Start) -> None:
    """`python -m pip`, with the same in the current directory"""
    start.cwd = start.write(*SHADOWS, "json.py")


@surroundings("current directory deleted", PIPS)
def _(start: Start) -> None:
    """the script `pip`, in a current directory that was removed"""
    start.pip = [start.write("pip", text=SCRIPT, below="bin") / "pip"]
    (start.folder / "gone").mkdir()
    start.by += [
        "sh",
        "-c",
        f'cd "{start.folder}/gone"; rmdir "{start.folder}/gone"; exec "$@"',
        "sh",
    ]


# Locales


_compiled = tempfile.TemporaryDirectory()


@cache
def _compile(locale: str) -> None:
    """Have the locale, if this machine has its source; else it is one that is not there."""
    language, charset = locale.split(".")
    if shutil.which("localedef"):
        command = ["localedef", "-i", language, "-f", charset, f"{_compiled.name}/{locale}"]
        subprocess.run(command, capture_output=True)


def in_locale(start: Start, locale: str) -> None:
    _compile(locale)
    start.env |= {"LC_ALL": locale, "LOCPATH": _compiled.name}


PURE = {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

for _name, _how, _variables in (
    ("LC_ALL=C", "", {"LC_ALL": "C"}),
    (
        "LC_ALL=C, really ASCII",
        "with PYTHONCOERCECLOCALE=0 and PYTHONUTF8=0",
        {"LC_ALL": "C", **PURE},
    ),
    ("a locale that is not there", "LC_ALL=xx_XX.UTF-8", {"LC_ALL": "xx_XX.UTF-8"}),
    ("PYTHONIOENCODING=ascii", "", {"PYTHONIOENCODING": "ascii"}),
):

    def _change(start: Start, variables: Mapping[str, str] = _variables) -> None:
        start.env.update(variables)

    _change.__doc__ = _how or "so set"
    surroundings(_name)(_change)


@surroundings("Turkish locale")
def _(start: Start) -> None:
    """LC_ALL=tr_TR.UTF-8"""
    in_locale(start, "tr_TR.UTF-8")


@surroundings("Latin-1 locale, é in the path")
def _(start: Start) -> None:
    """LC_ALL=de_DE.ISO-8859-1, PYTHONUTF8=0, an environment below `é`"""
    start.own("é")
    in_locale(start, "de_DE.ISO-8859-1")
    start.env |= PURE


# The interpreter


@surroundings("python -S", UNAWARE)
def _(start: Start) -> None:
    """pip started from its folder, `--target`: no `.pth` file is read"""
    start.flags += ["-S"]
    start.pip = [start.environment.site / "pip"]
    start.into_a_folder()


for _name, _flags in {
    "python -O": ["-O"],
    "python -OO": ["-OO"],
    "python -I": ["-I"],
    "python -X dev -bb -W error": ["-X", "dev", "-bb", "-W", "error"],
}.items():

    def _started(start: Start, flags: list[str] = _flags) -> None:
        """so started"""
        start.flags += flags

    surroundings(_name)(_started)


@surroundings("PYTHONWARNINGS=error")
def _(start: Start) -> None:
    """so set, with PYTHONDEVMODE=1 and PYTHONSAFEPATH=1"""
    start.env |= {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1", "PYTHONSAFEPATH": "1"}


@surroundings("trace function")
def _(start: Start) -> None:
    """a `sitecustomize.py` calls `sys.settrace` and `threading.settrace`"""
    code = "import sys, threading\ndef trace(*_): return trace\nsys.settrace(trace); threading.settrace(trace)"
    start.env["PYTHONPATH"] = str(start.write("sitecustomize.py", text=code))


@surroundings("debugger")
def _(start: Start) -> None:
    """`python -m pdb -c continue -c quit -m pip`"""
    start.pip = ["-m", "pdb", "-c", "continue", "-c", "quit", "-m", "pip"]


@surroundings("profiler")
def _(start: Start) -> None:
    """`python -m cProfile -m pip`"""
    start.pip = ["-m", "cProfile", "-o", start.folder / "profile", "-m", "pip"]


@surroundings("in a thread")
def _(start: Start) -> None:
    """pip's `main` in another thread than the first"""
    start.pip = ["-c", THREAD]


THREAD = """
import sys, threading
from pip._internal.cli.main import main
codes = []
thread = threading.Thread(target=lambda: codes.append(main(sys.argv[1:])))
thread.start()
thread.join()
sys.exit(codes[0])
"""


@surroundings("twice in one process")
def _(start: Start) -> None:
    """pip's `main` called two times"""
    start.pip = ["-c", TWICE]


TWICE = """
import sys
from pip._internal.cli.main import main
main(sys.argv[1:])
sys.exit(main([*sys.argv[1:], "--force-reinstall"]))
"""


# Paths


@surroundings("path that is not UTF-8")
def _(start: Start) -> None:
    """an environment below a folder with the byte FF"""
    start.own(os.fsdecode(b"\xff"))


@surroundings("path with spaces and quotes")
def _(start: Start) -> None:
    """an environment below ``a 'b' "c" $d `e` %f é``"""
    start.own("a 'b' \"c\" $d `e` %f é")


@surroundings("path with a line feed")
def _(start: Start) -> None:
    """an environment below a folder with a line feed"""
    start.own("a\nb")


# Users


@surroundings("root")
def _(start: Start) -> None:
    """as root; as another user, in a user namespace of one's own"""
    start.by += [] if IS_ROOT else ["unshare", "--map-root-user"]


@surroundings("another user", PIPS)
def _(start: Start) -> None:
    """a user who may not write the environment and has neither name nor home"""
    other_user(start)
    start.env["HOME"] = "/nonexistent"
    if not IS_ROOT:
        start.own()
        start.site.chmod(0o555)


@surroundings("another user, own folder")
def _(start: Start) -> None:
    """the same with `--target`"""
    folder = start.into_a_folder()
    os.chown(folder, other_user(start), -1)
    start.env["HOME"] = "/nonexistent"


# Standard streams


@surroundings("standard input closed")
def _(start: Start) -> None:
    """`<&-`"""
    start.by += ["sh", "-c", 'exec "$@" <&-', "sh"]


@surroundings("standard output closed")
def _(start: Start) -> None:
    """`>&-`"""
    start.by += ["sh", "-c", 'exec "$@" >&-', "sh"]


@surroundings("standard error closed")
def _(start: Start) -> None:
    """`2>&-`"""
    start.by += ["sh", "-c", 'exec "$@" 2>&-', "sh"]


@surroundings("all three closed")
def _(start: Start) -> None:
    """`<&- >&- 2>&-`"""
    start.by += ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]


@surroundings("nobody reads the output", PIPS)
def _(start: Start) -> None:
    """standard output is a pipe whose reader has ended"""
    reader, writer = os.pipe()
    os.close(reader)
    start.streams["stdout"] = writer


@surroundings("output to a full disk")
def _(start: Start) -> None:
    """standard output is `/dev/full`"""
    start.by += ["sh", "-c", 'exec "$@" >/dev/full', "sh"]
