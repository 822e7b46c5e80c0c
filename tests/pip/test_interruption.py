"""pip is killed or cancelled at many moments of an install with variants, and run again."""

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.environments import FORCED, Environment, clean
from support.server import Index, Reply
from support.wheels import levels, release

CTRL_C, KILL, TERM, HANGUP = signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP

COUNT = """
import os, signal, sys
seen, begin = 0, 0
def look(event, arguments):
    global seen, begin
    seen += 1
    if not begin and event == "socket.connect":
        begin = seen
    if seen == int(os.environ.get("MOMENT", 0)):
        os.killpg(0, int(os.environ["SIGNAL"]))
sys.addaudithook(look)
if "NOTE" in os.environ:
    import atexit
    atexit.register(lambda: open(os.environ["NOTE"], "w").write(f"{begin} {seen}"))
"""
"""A sitecustomize.py. What Python reports to audit hooks divides a run of pip into moments, however
fast the machine is: each file, import, connection and process is one."""


def _with_usual_signals() -> None:
    for one in (signal.SIGINT, signal.SIGHUP):  # a job of nohup ignores them
        signal.signal(one, signal.SIG_DFL)


class SignallingIndex(Index):
    """Calls a function before it answers a request, with the number of the request."""

    before: Callable[[int], object] = staticmethod(lambda _: None)

    def _answer(self, path: str, headers: object) -> Reply:
        self.before(len(self.requests))
        return super()._answer(path, headers)


class Pip:
    """Starts an install with variants, and knows every process that comes of it."""

    def __init__(self, env: Environment, index: SignallingIndex, folder: Path) -> None:
        self.env, self.index, self.folder = env, index, folder
        (folder / "sitecustomize.py").write_text(COUNT)

    def start(self, **variables: object) -> subprocess.Popen[str]:
        self.mark = uuid.uuid4().hex
        self.index.requests.clear()
        options: list[str | Path] = [
            "--cache-dir",
            self.folder / "cache",
            "--trusted-host",
            "127.0.0.1",
        ]
        own = {name: str(value) for name, value in variables.items()}
        return subprocess.Popen(
            [
                self.env.python,
                "-m",
                "pip",
                "install",
                *options,
                "--index-url",
                self.index.url,
                "demo",
            ],
            env=clean({**FORCED, "MARK": self.mark, "PYTHONPATH": str(self.folder), **own}),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_with_usual_signals,
        )

    def left(self) -> list[str]:
        """The command lines of processes that are still there."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text())
            except OSError:
                pass  # ended, or somebody else's
        return found

    def ends(self, pip: subprocess.Popen[str], by: signal.Signals) -> None:
        """It was interrupted, no process of it is left, and when it is run again it succeeds."""
        out, err = pip.communicate(timeout=600)
        if by == CTRL_C:
            assert (pip.returncode, err) == (1, "ERROR: Operation cancelled by user\n"), out
        else:
            assert (pip.returncode, err) == (-by, ""), out
        end = time.monotonic() + 50
        while left := self.left():
            assert time.monotonic() < end, left
            time.sleep(0.02)
        again = self.start()
        out, err = again.communicate(timeout=600)
        assert (again.returncode, err) == (0, "")
        assert self.env.installed() == ("1.0", "v3"), out
        assert self.env.installed("other") == ("1.0", "v2"), out
        self.env.reset()
        shutil.rmtree(self.folder / "cache")


@pytest.fixture(scope="module")
def index_of_two(tmp_path_factory) -> Iterator[SignallingIndex]:
    root = tmp_path_factory.mktemp("index")
    release(
        root / "demo",
        "1.0",
        {**levels("v2", "v3", "v4"), None: ()},
        metadata=["Requires-Dist: other"],
    )
    release(root / "other", "1.0", {**levels("v1", "v2"), None: ()}, name="other")
    running = SignallingIndex(root)
    with running:
        running.headers["Cache-Control"] = "max-age=600"
        yield running


@pytest.fixture
def pip(env: Environment, index_of_two: SignallingIndex, tmp_path: Path) -> Pip:
    return Pip(env, index_of_two, tmp_path)


EVERY = range(1, 7)
"""Two pages, the metadata of two releases and two wheels."""


@pytest.mark.parametrize(
    ("by", "requests"), [(CTRL_C, EVERY), (KILL, EVERY), (TERM, (3, 5)), (HANGUP, (3, 5))]
)
def test_while_pip_waits_for_the_index(pip: Pip, by: signal.Signals, requests) -> None:
    for number in requests:
        started: list[subprocess.Popen[str]] = []

        def interrupt(request: int, number=number, started=started) -> None:
            if request == number:
                os.killpg(started[0].pid, by)

        pip.index.before = interrupt
        started.append(pip.start())
        started[0].wait(timeout=600)
        pip.index.before = lambda _: None
        pip.ends(started[0], by)


@pytest.mark.parametrize(
    ("by", "eighths"),
    [
        (CTRL_C, (1, 3, 5, 7)),
        (KILL, (0, 2, 4, 6)),
        pytest.param(CTRL_C, (0, 2, 4, 6), marks=pytest.mark.long),
        pytest.param(KILL, (1, 3, 5, 7), marks=pytest.mark.long),
    ],
)
def test_at_many_moments(pip: Pip, by: signal.Signals, eighths: tuple[int, ...]) -> None:
    for _ in range(2):  # the first one may compile what it imports
        pip.start(NOTE=pip.folder / "note").communicate(timeout=600)
        pip.env.reset()
        shutil.rmtree(pip.folder / "cache")
    begin, end = map(int, (pip.folder / "note").read_text().split())
    for number in eighths:
        moment = begin + (end - begin) * number // 8
        pip.ends(pip.start(MOMENT=moment, SIGNAL=int(by)), by)
