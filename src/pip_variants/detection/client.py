"""Asks the detection process. Runs inside pip: standard library only, nothing of the providers."""

import atexit
import contextlib
import json
import os
import queue
import re
import signal
import site
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeVar

from pip_variants.detection import ANSWER, DEADLINE, FOLDER_VARIABLE, START_DEADLINE, is_path
from pip_variants.errors import (
    BrokenInstallation,
    DetectionError,
    InvalidTarget,
    ProviderFailed,
    printable,
)
from pip_variants.model.metadata import PluginProvider
from pip_variants.model.names import check_feature, check_value
from pip_variants.model.support import Answer, NamespaceSupport, SupportedFeature

__all__ = ["Answer", "Detection", "command"]  # the first one is of `support`

_T = TypeVar("_T")

_LIST = "the list of providers"
_NOT_STARTED = "the detection process of pip-variants could not start"

_MAX_LINE = 2**20  # characters
_MAX_ANSWER = 16 * 2**20  # with the noise before it
_LINE = 64  # what a line counts beside its characters

# Isolated mode (-I) keeps the current directory, PYTHONPATH and PYTHONSTARTUP out; it also leaves
# out the user's site folder, which is added where this interpreter uses it.
_BOOT = f"""\
import os, site, sys
for path in sys.argv[1:]:
    site.addsitedir(path)
if os.environ.get({FOLDER_VARIABLE!r}):
    sys.path.insert(0, os.environ[{FOLDER_VARIABLE!r}])
try:
    from pip_variants.detection.worker import main
except Exception as error:
    import json
    said = json.dumps({{"unloadable": f"{{type(error).__name__}}: {{error}}"}})
    sys.exit(print(f"\\n{ANSWER}{{said}}", flush=True))
main()
"""

# What gives access to something: no business of a provider that is not even installed.
_GIVES_ACCESS = r"TOKEN|PASS|_PWD$|SECRET|CREDENTIAL|AUTH|KEY$|KEY_|NETRC|_PAT$|^PIP_|^UV_"
_WITH_USER = r"://[^/\s]*@"  # such as a proxy's address


def command() -> list[str]:
    """The command line that starts the detection process."""
    user_site = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [sys.executable, "-I", "-c", _BOOT, *user_site]


def _environment(folder: str) -> dict[str, str]:
    kept = dict(os.environ)
    for name, text in os.environ.items():
        if folder and (re.search(_GIVES_ACCESS, name.upper()) or re.search(_WITH_USER, text)):
            del kept[name]
    return {**kept, FOLDER_VARIABLE: folder}


class Detection:
    """One detection process, started early and asked late; each question is asked once.

    A process that dies or hangs fails the question it was asked, and the next question starts a
    new one. Threads ask one after the other.

    It is asked what all machines with the tags `platforms` support, or a `target`, a file or names,
    or else this machine. `prefix` is that of the environment that packages are installed into. With
    `folder`, packages are looked for there first, and variables that look like credentials are
    withheld. `command` starts the process, where that of this interpreter will not do.
    """

    def __init__(  # noqa: PLR0913 - most of them by name
        self,
        platforms: Sequence[str] = (),
        prefix: str = sys.prefix,
        folder: str = "",
        target: str = "",
        *,
        warn: Callable[[str], object] = lambda _: None,
        command: Sequence[str] | None = None,
    ) -> None:
        """`warn` is given what the user should see unasked."""
        self._command = command
        self._folder = folder
        self._target = os.path.abspath(target) if is_path(target) else target
        self._where: dict[str, Any] = {"platforms": list(platforms), "target": self._target}
        self._warn = warn
        self._prefix = prefix
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._output = _Output()
        self._is_ready = False
        self._answers: dict[str, Any] = {}

    def warm_up(self) -> None:
        """Let the process start and load its providers meanwhile, if that is possible."""
        # An error is said when something is asked.
        with contextlib.suppress(DetectionError), self._lock:
            self._start()

    def _start(self) -> None:
        if self._process is not None:
            return
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command() if self._command is None else self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=_environment(self._folder),
                start_new_session=True,  # what it leaves behind ends with it
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            self._output = _Output()
            output = (self._process.stdout,)
            threading.Thread(target=self._output.read, args=output, daemon=True).start()
        except Exception as error:  # noqa: BLE001 - no process, no thread, or what a hook raises
            self.close()
            raise DetectionError(f"could not start the detection process: {error}") from None
        self._is_ready = False
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
        return self.answer_of(provider).support

    def answer_of(self, provider: PluginProvider, *, trusted: bool = False) -> Answer:
        """The same with who said it and what was looked at. Raises `DetectionError`.

        A package that the user `trusted` by name need not register its provider.
        """
        more = {"prefix": self._prefix, "trusted": trusted or bool(self._folder)}
        return self._said("supported", provider, **more, **self._where)

    def supported_in(self, namespace: str) -> NamespaceSupport:
        """The same for metadata that names no provider. Raises `DetectionError`."""
        return self._said("supported_in", namespace=namespace, **self._where).support

    def listed(self, namespace: str, provider: PluginProvider | None) -> NamespaceSupport | None:
        """What the target says of a provider, if it says anything. Raises `DetectionError`."""
        if not self._target:
            return None
        said = self._said("listed", provider, namespace=namespace, target=self._target)
        return said.support if said.by else None

    def valid(self, provider: PluginProvider) -> Answer | None:
        """Everything that `provider` says there is, None if it cannot. Raises `DetectionError`."""
        found = self._said("valid", provider, trusted=bool(self._folder))
        return found if found.features or found.elsewhere else None

    def valid_in(self, namespace: str) -> Answer:
        """The same of the provider that recommends this namespace. Raises `DetectionError`."""
        return self._said("valid_in", namespace=namespace)

    def machine(self, names: Sequence[str] = ()) -> str:
        """The target file of this machine or of names. Raises `DetectionError`, `InvalidTarget`."""
        return self._once(_LIST, lambda a: str(a["toml"]), "machine", names=[*names])

    def index_sets(self) -> tuple[str, ...]:
        """The texts of the index sets that installed packages have. Raises `DetectionError`."""
        return self._once(_LIST, lambda a: tuple(map(str, a["texts"])), "index_sets")

    def everything(self) -> tuple[Answer, ...]:
        """What every provider of this environment says. Raises `DetectionError`."""
        broken, namespaces = self._once(
            _LIST, lambda a: (dict(a["broken"]), [*map(str, a["namespaces"])]), "registered"
        )
        answers = [
            Answer(plugin, failed=f"the plugin {plugin} is broken: {error}")
            for plugin, error in broken.items()
        ]
        for number, name in enumerate(namespaces):
            place = namespaces[:number].count(name)
            try:
                said = self._said("supported_in", namespace=name, place=place)
                answers.append(said._replace(namespace=name))
            except ProviderFailed as error:
                answers.append(Answer(name, failed=str(error)))
        return tuple(answers)

    def _said(
        self, kind: str, provider: PluginProvider | None = None, **arguments: object
    ) -> Answer:
        """What the target says, or the provider of a package or namespace."""
        whom = f"the provider of {arguments.get('namespace')}"
        if provider is not None:
            whom = f"the provider {provider.package}"
            arguments |= {"requires": provider.requires, "endpoint": provider.endpoint}
        if arguments.get("target"):
            whom = f"the target {self._target}"
        return self._once(whom, _said, kind, **arguments)

    def _once(
        self, whom: str, read: Callable[[dict[str, Any]], _T], kind: str, **arguments: object
    ) -> _T:
        """What is read of the answer to a question; one that hangs is waited for once, too."""
        question = {"ask": kind, **arguments}
        key = json.dumps(question)
        if key not in self._answers:
            try:
                answer = self._ask(question, whom)
                self._answers[key] = read(answer)
                for warning in answer.get("warnings", ()):
                    self._warn(str(warning))
            except ProviderFailed as error:
                self._answers[key] = error
            except InvalidTarget:
                raise
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
                # Other code than ours wrote to the process's output.
                why = f"the detection process gave a wrong answer: {error!r}"
                self._answers[key] = ProviderFailed(why)
        found: _T | ProviderFailed = self._answers[key]
        if isinstance(found, ProviderFailed):
            raise found
        return found

    def _ask(self, question: dict[str, Any], whom: str) -> dict[str, Any]:
        with self._lock:
            self._start()
            process = self._process
            assert process is not None and process.stdin is not None  # noqa: S101, PT018
            if not self._is_ready:
                self._answer(process, START_DEADLINE, "the detection process")
                self._is_ready = True
            self._output.taken, self._output.noise = 0, ""
            with contextlib.suppress(OSError):  # it ended: the reader says so
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
            return self._answer(process, DEADLINE, whom)

    def _answer(
        self, process: "subprocess.Popen[str]", deadline: float, whom: str
    ) -> dict[str, Any]:
        try:
            line = self._output.answers.get(timeout=deadline)
        except queue.Empty:
            said = f" ({self._output.noise})" if self._output.noise else ""
            why = f"{whom} did not answer within {deadline:.0f} seconds{said}"
            raise self._ended(why) from None
        if line is None and self._output.taken > _MAX_ANSWER:
            raise self._ended(f"{whom} gave an answer that is too long")
        if line is None:
            ended = f"{whom} ended the detection process" if self._is_ready else _NOT_STARTED
            _let_end(process)
            self.close()
            noise = f"{self._output.noise}; " if self._output.noise else ""
            raise ProviderFailed(f"{ended} ({noise}exit status {process.returncode})")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            raise self._ended(f"{whom} gave an answer that is too long or not JSON") from None
        if not isinstance(answer, dict):
            return {}
        if "unloadable" in answer:
            self.close()  # a process that is started when it is mended finds that
            raise BrokenInstallation(printable(str(answer["unloadable"])))
        if "failed" in answer:
            error = InvalidTarget if answer.get("is_target") else ProviderFailed
            raise error(str(answer["failed"]))
        return answer

    def _ended(self, why: str) -> ProviderFailed:
        self.close()
        return ProviderFailed(why)


def _let_end(process: "subprocess.Popen[str]") -> None:
    """Give a process whose output has ended a moment to end itself: its exit status says why.

    It is not waited for. As long as nobody does that, its number is still that of its group.
    """
    wait = getattr(os, "waitid", None)  # not on Windows, on macOS since Python 3.13
    for _ in range(100):
        if wait and wait(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.01)


class _Output:
    """The answers of the process, then None; of other lines the last one, such as a traceback's.

    `taken` is what it wrote since it was set to 0. From `_MAX_ANSWER` on nothing more is read; a
    line that is too long is cut.
    """

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.noise = ""
        self.taken = 0

    def read(self, stream: IO[str]) -> None:
        with contextlib.suppress(OSError, ValueError), stream:  # closed meanwhile
            while self.taken <= _MAX_ANSWER and (line := stream.readline(_MAX_LINE)):
                self.taken += len(line) + _LINE
                if line.startswith(ANSWER):
                    self.answers.put(line.removeprefix(ANSWER))
                else:
                    self.noise = line.strip()[:200] or self.noise
        self.answers.put(None)


def _said(answer: dict[str, Any]) -> Answer:
    devices = tuple(
        (str(device), SupportedFeature(str(name), tuple(map(str, values))))
        for device, (name, values) in answer["devices"]
    )
    features = tuple(
        SupportedFeature(check_feature(name), tuple(map(check_value, values)))
        for name, values in answer["features"]
    )
    support = NamespaceSupport(features, str(answer["absent"]), str(answer["remedy"]), devices)
    notes, warnings = (tuple(map(str, answer[key])) for key in ("notes", "warnings"))
    known = bool(answer.get("always")), frozenset(map(str, answer.get("single", ())))
    return Answer("", support, str(answer["by"]), notes, warnings, "", *known)
