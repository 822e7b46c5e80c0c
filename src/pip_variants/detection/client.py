"""Asks the detection process. Runs inside pip: standard library only, nothing of the providers."""

import atexit
import contextlib
import json
import os
import queue
import signal
import site
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pip_variants.detection import COMMAND_VARIABLE
from pip_variants.errors import DetectionError, ProviderFailed
from pip_variants.model.metadata import PluginProvider
from pip_variants.model.support import NamespaceSupport, SupportedFeature

__all__ = ["ANSWER", "DEADLINE", "START_DEADLINE", "Answer", "Detection", "command"]

DEADLINE = 10.0
"""Seconds that a provider has to answer."""

START_DEADLINE = 60.0
"""Seconds that the process has to start, which on a cold network drive takes a while."""

ANSWER = "pip-variants-answer:"
"""What a line of the detection process starts with; other lines are noise of its start."""

_NOT_STARTED = "the detection process of pip-variants could not start"

_MAX_ANSWER = 2**20  # characters

# Isolated mode (-I) keeps the current directory, PYTHONPATH and PYTHONSTARTUP out; it also leaves
# out the user's site folder, which is added where this interpreter uses it.
_BOOT = (
    "import site, sys; [site.addsitedir(path) for path in sys.argv[1:]]; "
    "from pip_variants.detection.worker import main; main()"
)


def command() -> list[str]:
    """The command line that starts the detection process."""
    if given := os.environ.get(COMMAND_VARIABLE):
        return [str(part) for part in json.loads(given)]
    user_site = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [sys.executable, "-I", "-c", _BOOT, *user_site]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one provider said. `by` names it, `notes` are what it looked at.

    `failed` says why there is no answer; then `namespace` may be the name of a plugin.
    """

    namespace: str
    support: NamespaceSupport = field(default_factory=NamespaceSupport)
    by: str = ""
    notes: tuple[str, ...] = ()
    failed: str = ""


class Detection:
    """One detection process, started early and asked late; each question is asked once.

    Use from one thread. A process that dies or hangs fails the question it was asked, and the
    next question starts a new one.

    With `platforms`, the tags of another platform, it is asked what all machines of these support.
    """

    def __init__(self, platforms: Sequence[str] = ()) -> None:
        self._platforms = tuple(platforms)
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._is_ready = False
        self._answers: dict[object, Any] = {}

    def warm_up(self) -> None:
        """Let the process start and load its providers meanwhile, if that is possible."""
        with contextlib.suppress(DetectionError):  # said when something is asked
            self._start()

    def _start(self) -> None:
        if self._process is not None:
            return
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # what it leaves behind ends with it
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, ValueError, TypeError) as error:  # sys.executable may be None
            raise DetectionError(f"could not start the detection process: {error}") from None
        self._is_ready = False
        self._lines = queue.SimpleQueue()
        threading.Thread(
            target=_read, args=(self._process, self._lines), daemon=True, name="pip-variants"
        ).start()
        atexit.register(self.close)

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        atexit.unregister(self.close)
        if process is not None:
            if os.name != "posix":
                process.kill()
            elif process.returncode is None:  # else the number may be another group's by now
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                assert process.stdin is not None  # noqa: S101 - it is a pipe
                process.stdin.close()
            # What hangs in the kernel cannot be ended, and is not waited for.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)

    def supported(self, provider: PluginProvider) -> NamespaceSupport:
        """What `provider` says of the target. Raises `DetectionError`."""
        key = provider.requires, provider.endpoint
        if key not in self._answers:
            question = {
                "requires": provider.requires,
                "endpoint": provider.endpoint,
                "platforms": self._platforms,
            }
            answer = self._ask({"provider": question}, f"the provider {provider.package}")
            if "failed" in answer:
                raise ProviderFailed(answer["failed"])
            self._answers[key] = _support(answer)
        support: NamespaceSupport = self._answers[key]
        return support

    def holds(self, marker: str) -> bool:
        """Whether an environment marker is true here. Raises `DetectionError`."""
        if marker not in self._answers:
            answer = self._ask({"marker": marker}, f"the marker {marker!r}")
            self._answers[marker] = bool(answer["holds"])
        return bool(self._answers[marker])

    def everything(self) -> tuple[Answer, ...]:
        """What every provider of this environment says. Raises `DetectionError`."""
        registered = self._ask({"registered": True}, "the list of providers")
        answers = [
            Answer(plugin, failed=f"the plugin {plugin} is broken: {error}")
            for plugin, error in registered["broken"].items()
        ]
        for namespace in registered["namespaces"]:
            try:
                answer = self._ask({"namespace": namespace}, f"the provider of {namespace}")
            except ProviderFailed as error:
                answer = {"failed": str(error)}
            if "failed" in answer:
                answers.append(Answer(namespace, failed=answer["failed"]))
            else:
                notes = tuple(map(str, answer["notes"]))
                answers.append(Answer(namespace, _support(answer), str(answer["by"]), notes))
        return tuple(answers)

    def _ask(self, question: dict[str, Any], whom: str) -> dict[str, Any]:
        self._start()
        process = self._process
        assert process is not None  # noqa: S101 - _start() raised otherwise
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        if not self._is_ready:
            self._answer(process, START_DEADLINE, "the detection process")
            self._is_ready = True
        with contextlib.suppress(OSError):  # it ended: the reader says so
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
        return self._answer(process, DEADLINE, whom)

    def _answer(
        self, process: "subprocess.Popen[str]", deadline: float, whom: str
    ) -> dict[str, Any]:
        end = time.monotonic() + deadline
        line, noise = "", ""
        while not line.startswith(ANSWER):
            noise = line.strip()[:200] or noise  # the last line of a traceback says what it was
            try:
                found = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self.close()
                raise ProviderFailed(
                    f"{whom} did not answer within {deadline:.0f} seconds"
                    f"{' (' + noise + ')' if noise else ''}"
                ) from None
            if found is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, end - time.monotonic()))
                self.close()
                why = f"{noise + '; ' if noise else ''}exit status {process.returncode}"
                ended = f"{whom} ended the detection process" if self._is_ready else _NOT_STARTED
                raise ProviderFailed(f"{ended} ({why})")
            line = found
        try:
            answer = json.loads(line[len(ANSWER) :])
        except ValueError:
            self.close()
            raise ProviderFailed(f"{whom} gave an answer that is too long or not JSON") from None
        return answer if isinstance(answer, dict) else {}


def _read(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    """Pass on the lines of the process, then None; a line that is too long is cut."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(OSError, ValueError), process.stdout:  # closed meanwhile
        while line := process.stdout.readline(_MAX_ANSWER):
            lines.put(line)
    lines.put(None)


def _support(answer: dict[str, Any]) -> NamespaceSupport:
    features = (
        SupportedFeature(str(name), tuple(map(str, values))) for name, values in answer["features"]
    )
    return NamespaceSupport(tuple(features), str(answer["absent"]))
