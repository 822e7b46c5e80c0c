"""What providers share: small files, programs, libraries, and what users put in place of them."""

import contextlib
import json
import os
import signal
import sys
from typing import Any, NamedTuple

_MOST_NOTES = 1000  # of one answer


class Note(NamedTuple):
    """What a provider explains or warns of."""

    text: str
    is_warning: bool


class Log:
    """What providers explain: `pip-variants show -v` shows it.

    A logger, but where nobody has loaded `logging`, which takes a seventh of an answer.
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def info(self, text: str, *values: object) -> None:
        """Explain."""
        self._say(text, values, is_warning=False)

    def warning(self, text: str, *values: object) -> None:
        """Explain what the user should see unasked."""
        self._say(text, values, is_warning=True)

    def add(self, text: str, *, is_warning: bool) -> None:
        """Keep it, unless there is too much: some log without end."""
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(Note(text, is_warning))

    def _say(self, text: str, values: tuple[object, ...], *, is_warning: bool) -> None:
        if logging := sys.modules.get("logging"):
            level = logging.WARNING if is_warning else logging.INFO
            logging.getLogger(__package__).log(level, text, *values)
        else:
            self.add(text % values, is_warning=is_warning)


log = Log()

DEADLINE = 3.0  # seconds that a library has; a provider may ask two and still be in time itself


def read(*parts: str) -> str:
    """The text of a file; nothing if it cannot be read."""
    path = os.path.join(*parts)
    try:
        if os.path.isfile(path):  # others may block
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read(1 << 24)
    except OSError as error:
        log.info("%s cannot be read: %s", path, error.strerror)
    return ""


def architecture() -> str:
    """The machine's, as `platform.machine()` says it; most systems say it themselves."""
    if hasattr(os, "uname"):
        return os.uname().machine
    import platform

    return platform.machine()


def run(*command: str, deadline: float) -> str:
    """What a program prints; nothing if it cannot be run or takes more than `deadline` seconds."""
    import subprocess

    try:
        return subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, errors="replace", timeout=deadline, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        log.info("%s gives no answer: %s", command[0], error)
        return ""


def forced(variable: str) -> str:
    """What an environment variable says; empty if nothing."""
    text = os.environ.get(variable, "").strip()
    if text:
        log.info("forced by the environment variable %s: %s", variable, text)
    return text


class ProbeFailed(Exception):
    """Why a probe gave no answer, in a few words."""


def probe(*arguments: str, deadline: float = DEADLINE) -> Any:
    """What a function of `_libraries.py` answers, given its name. Raises `ProbeFailed`.

    A driver's or MPI's library may hang or crash: it is loaded in a process of its own.
    """
    import subprocess

    program = os.path.join(os.path.dirname(__file__), "_libraries.py")
    command = [sys.executable, "-I", "-S", program, *arguments]
    try:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what the library starts ends with it
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise ProbeFailed(f"no process could be started: {error}") from None
    try:
        output, _ = process.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        raise ProbeFailed(f"no answer within {deadline:.0f} seconds") from None
    finally:
        _end(process)
    if process.returncode:
        raise ProbeFailed(_ending(process.returncode))
    try:
        answer = json.loads(output)
    except ValueError:
        raise ProbeFailed("the answer is not JSON") from None
    if isinstance(answer, dict) and "failed" in answer:
        raise ProbeFailed(answer["failed"])
    return answer


def _end(process: Any) -> None:
    if os.name == "posix":
        with contextlib.suppress(OSError):  # nothing is left of it
            os.killpg(process.pid, signal.SIGKILL)
    elif process.returncode is None:
        process.kill()
    with contextlib.suppress(Exception):  # what hangs in the kernel cannot be ended
        process.wait(1)
    process.stdout.close()


def _ending(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"it was killed by {signal.Signals(-status).name}"
    return f"it ended with status {status}"
