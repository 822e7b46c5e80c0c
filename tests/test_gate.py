"""The gate opens only after the seams were verified, whatever happens meanwhile."""

import pytest

from pip_variants.pip_adapter import attach
from pip_variants.pip_adapter.gate import Gate


@pytest.mark.parametrize("problems", [["a seam is gone"], None], ids=["problem", "exception"])
def test_a_gate_that_cannot_be_verified_stays_shut_and_says_so_once(
    monkeypatch, caplog, problems
) -> None:
    def verify() -> list[str]:
        if problems is None:
            raise AttributeError("select_backend")
        return problems

    monkeypatch.setattr(attach, "verify", verify)
    gate = Gate()
    assert [gate.accepts_labels() for _ in range(3)] == [False] * 3
    assert not gate.seen
    assert len(caplog.messages) == 1
    assert "pip-variants does not know this pip" in caplog.messages[0]


def test_a_shut_gate_is_not_verified(monkeypatch) -> None:
    monkeypatch.setattr(attach, "verify", lambda: pytest.fail("verified"))
    gate = Gate()
    gate.is_open = False
    assert not gate.accepts_labels()


def test_shutting_for_a_while(monkeypatch) -> None:
    monkeypatch.setattr(attach, "verify", list)
    gate = Gate()
    with gate.shut():
        assert not gate.accepts_labels()
    assert gate.accepts_labels()
    assert gate.seen
