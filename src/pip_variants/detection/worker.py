"""The detection process: loads the providers and answers one JSON question per line.

Answers start with `ANSWER` and hold one JSON object. What providers print is discarded.
"""

import _thread
import faulthandler
import json
import os
import select
import signal
import sys
from contextlib import suppress
from typing import Any, TextIO

from pip_variants.detection import ANSWER, DEADLINE, START_DEADLINE
from pip_variants.detection.registry import Registry
from pip_variants.errors import BrokenInstallation, InvalidTarget, PipVariantsError
from pip_variants.model.support import Answer
from pip_variants.providers.machine import log

_GRACE = 5.0  # seconds after the client's deadline


def main() -> None:
    """Answer questions until standard input ends."""
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # what anybody else prints to stdout or stderr is lost
        os.dup2(nowhere, stream)
    _thread.start_new_thread(_end_with_client, (questions.fileno(),))
    # The client kills a process that is late; should that and the thread fail, this ends it.
    faulthandler.dump_traceback_later(START_DEADLINE + _GRACE, exit=True, file=nowhere)
    registry = Registry(
        lambda name: _write(answers, f"while loading the plugin {name}" if name else "once loaded")
    )
    _write(answers, ANSWER + "{}")
    faulthandler.cancel_dump_traceback_later()
    for line in questions:
        faulthandler.dump_traceback_later(DEADLINE + _GRACE, exit=True, file=nowhere)
        try:
            answer = _answer(registry, **json.loads(line))
        except BrokenInstallation as error:
            answer = {"unloadable": str(error)}
        except PipVariantsError as error:
            answer = {"failed": str(error), "is_target": isinstance(error, InvalidTarget)}
        except (ImportError, SyntaxError) as error:  # of ours: those of providers are caught before
            answer = {"unloadable": f"{type(error).__name__}: {error}"}
        except Exception as error:  # noqa: BLE001 - ours, too; what ends a process says nothing
            answer = {"failed": f"internal error: {type(error).__name__}: {error}"}
        faulthandler.cancel_dump_traceback_later()
        _write(answers, ANSWER + json.dumps(answer))
    os._exit(0)  # nobody needs what Python would tidy up


def _end_with_client(questions: int) -> None:
    """End at once, with what providers started, when the client was killed."""
    if hasattr(select, "poll"):  # not on Windows
        hangup = select.poll()
        hangup.register(questions, 0)
        hangup.poll()
        with suppress(OSError):
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)


def _write(answers: TextIO, text: str) -> None:
    answers.write(f"\n{text}\n")
    answers.flush()


def _answer(registry: Registry, ask: str, **arguments: Any) -> dict[str, Any]:
    if ask == "registered":
        return registry.registered()
    if ask == "index_sets":
        return {"texts": registry.index_sets()}
    if ask == "machine":
        from pip_variants.model.target import Target

        return {"toml": Target((registry.machine(**arguments),)).to_toml()}
    if "logging" in sys.modules:  # else nobody has logged anything, or changed how that is done
        from pip_variants.detection.listening import listen

        listen()
    log.notes.clear()
    answer: Answer = getattr(registry, ask)(**arguments)
    return {
        **answer.support._asdict(),
        "by": answer.by,
        "always": answer.always,
        "single": [*answer.single],
        "notes": [note.text for note in log.notes],
        "warnings": [note.text for note in log.notes if note.is_warning],
    }
