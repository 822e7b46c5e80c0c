"""The detection process: loads the providers and answers one JSON question per line.

Questions: `{"provider": {"requires": [...], "endpoint": "...", "platforms": [...]}}`,
`{"marker": "..."}`, `{"registered": true}` and `{"namespace": "..."}`. Answers start with `ANSWER`
and hold one JSON object, which has `failed` where a provider broke the contract. What providers
print is discarded.
"""

import faulthandler
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from packaging.markers import Marker

from pip_variants.detection.client import ANSWER, DEADLINE, START_DEADLINE
from pip_variants.detection.registry import Answer, Registry
from pip_variants.errors import InvalidProviderAnswer, ProviderFailed

_GRACE = 5.0  # seconds after the client's deadline


def main() -> None:
    """Answer questions until standard input ends."""
    questions, answers, nowhere = _take_standard_streams()
    # The client kills a process that is late; if the client is gone, this ends it.
    faulthandler.dump_traceback_later(START_DEADLINE + _GRACE, exit=True, file=nowhere)
    registry = Registry(lambda name: _write(answers, f"while loading the plugin {name}"))
    _write(answers, ANSWER + "{}")
    faulthandler.cancel_dump_traceback_later()
    for line in questions:
        faulthandler.dump_traceback_later(DEADLINE + _GRACE, exit=True, file=nowhere)
        try:
            answer = _answer(registry, json.loads(line))
        except (ProviderFailed, InvalidProviderAnswer) as error:
            answer = {"failed": str(error)}
        faulthandler.cancel_dump_traceback_later()
        _write(answers, ANSWER + json.dumps(answer))


def _write(answers: TextIO, text: str) -> None:
    answers.write(f"\n{text}\n")
    answers.flush()


def _take_standard_streams() -> tuple[TextIO, TextIO, int]:
    """Keep standard output for answers; what anybody else prints there or to stderr is lost."""
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return questions, answers, nowhere


def _answer(registry: Registry, question: dict[str, Any]) -> dict[str, Any]:
    if "marker" in question:
        try:
            return {"holds": Marker(question["marker"]).evaluate()}
        except Exception:  # noqa: BLE001 - an index wrote it: it may be anything, and deeply nested
            return {"holds": False}
    if "registered" in question:
        return {"namespaces": registry.namespaces, "broken": registry.broken}
    with _records() as notes:
        if "namespace" in question:
            answer = registry.supported_in(question["namespace"])
        else:
            answer = registry.supported(**question["provider"])
    return {**_to_json(answer), "notes": notes}


def _to_json(answer: Answer) -> dict[str, Any]:
    return {
        "features": [[name, list(values)] for name, values in answer.support.features],
        "absent": answer.support.absent,
        "by": answer.by,
    }


@contextmanager
def _records() -> Iterator[list[str]]:
    """Collect what is logged meanwhile, as the provider's own explanation."""
    notes: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: notes.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield notes
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
