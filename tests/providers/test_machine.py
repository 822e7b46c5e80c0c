"""What providers share."""

import subprocess

import pytest

from pip_variants.providers.machine import ProbeFailed, probe


def test_a_process_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(ProbeFailed, match="no process could be started: .*temporarily"):
        probe("nvml")
