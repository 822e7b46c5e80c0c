"""See pip choose a wheel variant, from nothing to the result: `python3 examples/quickstart.py`.

Makes a virtual environment with this checkout in it, compiles a small C loop once per x86-64
level, makes variant wheels of the results, serves them as a package index on this machine, and
lets plain `pip install` choose. Everything happens in a temporary folder that is removed at the
end. Needs Python 3.10 or newer and a package index; without a C compiler there is less to see.
"""

import base64
import contextlib
import functools
import hashlib
import http.server
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

if sys.version_info < (3, 10):
    sys.exit("This needs Python 3.10 or newer.")

CHECKOUT = Path(__file__).resolve().parent.parent
LEVELS = ("v1", "v2", "v3", "v4")

# The numbers do not depend on each other: with wider registers, more of them are done at a time.
C_SOURCE = """\
void logistic(float *x, int n) {
    for (int step = 0; step < 2000; step++)
        for (int i = 0; i < n; i++)
            x[i] = 3.7f * x[i] * (1.0f - x[i]);
}
"""

# The Python side of the demo package. The compiled library stands beside it in the wheel.
MODULE = '''\
import ctypes, pathlib, statistics, time

BUILD = "@BUILD@"

def milliseconds():
    """The median time of one call of the C loop."""
    library = ctypes.CDLL(str(pathlib.Path(__file__).with_name("logistic.so")))
    numbers = (ctypes.c_float * 4096)(*[i / 4096 for i in range(4096)])
    times = []
    for _ in range(51):
        start = time.perf_counter()
        library.logistic(numbers, len(numbers))
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
'''

# Runs in the virtual environment, where archspec came with pip-variants.
FLAGS_OF_LEVELS = """\
import json, sys
from archspec.cpu import TARGETS
compiler, version, *levels = sys.argv[1:]
names = {level: "x86_64" if level == "v1" else f"x86_64_{level}" for level in levels}
flags = {level: TARGETS[names[level]].optimization_flags(compiler, version) for level in levels}
print(json.dumps(flags))
"""


class Failed(Exception):
    """A command that did not work, with all that it said."""


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up then as well
    try:
        with tempfile.TemporaryDirectory(prefix="pip-variants-") as folder:
            quickstart(Path(folder))
    except Failed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the temporary folder is removed.", file=sys.stderr)
        return 130
    return 0


def quickstart(folder: Path) -> None:
    # Commands put their temporary files here as well, so that nothing is left if one is killed.
    os.environ.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)))

    step("Make a virtual environment and install pip-variants into it")
    python = make_environment(folder / "environment")

    step("Ask what this machine supports: pip-variants show")
    output = run(python, "-m", "pip_variants", "show").splitlines()
    supported = [line for line in output if " :: " in line]
    levels = [line for line in supported if line.startswith("x86_64 :: level ::")]
    tell(*levels, f"... {len(supported) - len(levels)} more" if levels else "No x86-64 processor.")

    step("Compile a small C loop: for any processor, and for each x86-64 level")
    compiler = find_compiler() if levels else None
    if compiler is None:
        missing = "no C compiler found" if levels else "not an x86-64 processor"
        tell(f"Left out ({missing}): the wheels have no C code.")
    wheels = build_wheels(folder / "build", python, compiler)

    step("Make variant wheels and an index: pip-variants make, pip-variants index")
    shelf = folder / "simple" / "demo"
    shelf.mkdir(parents=True)
    shutil.copy(wheels["plain"], shelf)
    for level in LEVELS:
        options = ["--label", f"x86_64_{level}", "--property", f"x86_64 :: level :: {level}"]
        run(python, "-m", "pip_variants", "make", wheels[level], *options, "--output", shelf)
    run(python, "-m", "pip_variants", "index", shelf)
    tell(*sorted(path.name for path in shelf.iterdir()))

    with served(shelf.parent) as url:
        step("Let pip choose: pip install demo")
        install(python, url)
        chosen = ask_demo(python, "BUILD")
        tell(f"Installed: the {chosen} build.")

        if compiler:
            step("Run the C loop of both builds, each 51 times: median time")
            with zipfile.ZipFile(wheels["plain"]) as archive:
                archive.extractall(folder / "plain")
            time = float(ask_demo(python, "milliseconds()"))
            plain = float(ask_demo(python, "milliseconds()", folder / "plain"))
            tell(f"{chosen:<6}{time:7.3f} ms", f"plain {plain:7.3f} ms")
            tell(f"The chosen build needs {time / plain:.0%} of the plain one's time.")

        step("Turn variants off: pip install --no-variants demo")
        install(python, url, "--no-variants", "--force-reinstall")
        tell(f"Installed: the {ask_demo(python, 'BUILD')} build.")


def make_environment(folder: Path) -> Path:
    """Make a virtual environment with this checkout in it; return the path of its Python."""
    run(sys.executable, "-m", "venv", folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # The one step that needs the network, so pip is used as its user configured it.
    run(python, "-m", "pip", "install", "--no-input", CHECKOUT)
    versions = run(python, "-m", "pip", "list", "--format=freeze").splitlines()
    ours = [line for line in versions if line.startswith(("pip==", "pip-variants=="))]
    tell(", ".join(ours).replace("==", " "))
    return python


def find_compiler() -> list[str] | None:
    """The command of a C compiler, if there is one."""
    names = [os.environ["CC"]] if os.environ.get("CC", "").strip() else ["cc", "gcc", "clang"]
    commands = [shlex.split(name) for name in names]
    return next((command for command in commands if shutil.which(command[0])), None)


def build_wheels(folder: Path, python: Path, compiler: list[str] | None) -> dict[str, Path]:
    """Build an ordinary wheel as it comes, "plain", and one for each level."""
    flags = {"plain": ""} | dict.fromkeys(LEVELS, "")
    if compiler:
        flags |= flags_of_levels(python, compiler)
    wheels = {}
    for build in flags:
        (folder / build).mkdir(parents=True)
        files = {"demo/__init__.py": MODULE.replace("@BUILD@", build).encode()}
        if compiler:
            tell(f"{build:<6} -O3 {flags[build]}".rstrip())
            files["demo/logistic.so"] = compile_c(compiler, flags[build], folder / build)
        wheels[build] = write_wheel(folder / build, files, pure=not compiler)
    return wheels


def flags_of_levels(python: Path, compiler: list[str]) -> dict[str, str]:
    """The options with which this compiler builds for each level, as archspec knows them."""
    output = run(*compiler, "-dM", "-E", "-x", "c", os.devnull)
    macros = dict(re.findall(r"#define (\w+) (.+)", output))
    if "__clang__" in macros:
        name = "apple-clang" if "__apple_build_version__" in macros else "clang"
        parts = ("__clang_major__", "__clang_minor__", "__clang_patchlevel__")
    else:
        name, parts = "gcc", ("__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__")
    version = ".".join(macros[part] for part in parts)
    tell(f"Compiler: {name} {version}")
    output = run(python, "-c", FLAGS_OF_LEVELS, name, version, *LEVELS)
    return dict(json.loads(output.splitlines()[-1]))


def compile_c(compiler: list[str], flags: str, folder: Path) -> bytes:
    """The C loop as a shared library."""
    (folder / "logistic.c").write_text(C_SOURCE)
    library = folder / "logistic.so"
    options: list[str | Path] = ["-O3", *flags.split(), "-fPIC", "-shared", "-o", library]
    run(*compiler, *options, folder / "logistic.c")
    return library.read_bytes()


def write_wheel(folder: Path, files: dict[str, bytes], *, pure: bool) -> Path:
    """Write a wheel of the demo package as a build backend would, without any."""
    platform = "any" if pure else sysconfig.get_platform().replace("-", "_").replace(".", "_")
    tag = f"py3-none-{platform}"
    info = "demo-1.0.dist-info"
    files = files | {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: quickstart\n"
            f"Root-Is-Purelib: {str(pure).lower()}\nTag: {tag}\n"
        ).encode(),
    }
    record = [f"{name},{hash_of(content)},{len(content)}\n" for name, content in files.items()]
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
    wheel = folder / f"demo-1.0-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


def hash_of(content: bytes) -> str:
    """The hash of a file as RECORD has it."""
    digest = hashlib.sha256(content).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as a package index on this machine; gives its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def install(python: Path, url: str, *options: str) -> None:
    """Install demo from that index and from nowhere else; show what pip says of the choice."""
    output = run(
        python,
        *("-m", "pip", "install", *options, "--index-url", url, "demo"),
        environment={
            **{key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        },
    )
    lines = [line.strip() for line in output.splitlines()]
    tell(*(line for line in lines if line.startswith(("Using the ", "WARNING"))))


def ask_demo(python: Path, expression: str, folder: Path | None = None) -> str:
    """The value of `demo.<expression>`, of the installed package or of the one in a folder."""
    path = f"sys.path.insert(0, {str(folder)!r})" if folder else ""
    code = f"import sys; {path}\nimport demo; print(demo.{expression})"
    return run(python, "-I", "-c", code).splitlines()[-1]


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run a command; return what it printed. Raises `Failed`."""
    shown = shlex.join(map(str, command))
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(f"This command could not be started: {shown}\n{error}") from None
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        end(process)
        raise
    if process.returncode != 0:
        raise Failed(f"This command failed (status {process.returncode}): {shown}\n{output}")
    return output


def end(process: subprocess.Popen[str]) -> None:
    """End a command and all that it started, so that nothing writes into the folder any more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # nothing may interrupt the cleaning up
    if os.name == "nt":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


_steps = iter(range(1, 100))


def step(title: str) -> None:
    print(f"{next(_steps)}. {title}", flush=True)


def tell(*lines: str) -> None:
    for line in lines:
        wrapped = textwrap.wrap(line, 72, subsequent_indent="  ", break_on_hyphens=False)
        print(textwrap.indent("\n".join(wrapped), " " * 5))


if __name__ == "__main__":
    sys.exit(main())
