"""The run: what is known in one call of pip, and in no other."""

import threading

import pytest

from pip_variants.pip_adapter.hook import attach
from pip_variants.pip_adapter.hook.run import Run, current, during, entered, parsed


@pytest.fixture(autouse=True)
def run():
    with entered(Run()) as run:
        yield run


@pytest.mark.parametrize("problems", [["a seam is gone"], None], ids=["problem", "exception"])
def test_a_pip_that_cannot_be_verified_is_left_alone_and_that_is_said_once(
    monkeypatch, caplog, problems
) -> None:
    def verify(*_: object) -> list[str]:
        if problems is None:
            raise AttributeError("select_backend")
        return problems

    monkeypatch.setattr(attach, "verify", verify)
    run = Run()
    assert [run.accepts_labels() for _ in range(3)] == [False] * 3
    assert not run.seen
    assert len(caplog.messages) == 1
    assert "pip-variants does not know this pip" in caplog.messages[0]


def test_without_variants_nothing_is_verified(monkeypatch) -> None:
    monkeypatch.setattr(attach, "verify", lambda *_: pytest.fail("verified"))
    run = Run()
    run.is_off = True
    assert not run.accepts_labels()


def test_shutting_for_a_while(monkeypatch, run: Run) -> None:
    monkeypatch.setattr(attach, "verify", lambda *_: [])
    monkeypatch.setattr(attach, "missing", lambda _: [])
    with during("is_shut"):
        assert not run.accepts_labels()
    assert run.accepts_labels()
    assert run.seen


def test_options_that_are_parsed_again_begin_another_run(run: Run) -> None:
    parsed("first", "install", is_off=False)
    assert (current(), run.options) == (run, "first")
    run.labels["a"] = "b"
    parsed("second", "list", is_off=True)
    assert current() is not run
    assert (current().options, current().command, current().is_off) == ("second", "list", True)
    assert current().labels == {}


def test_each_thread_has_a_run_of_its_own(run: Run) -> None:
    found: list[Run] = []
    thread = threading.Thread(target=lambda: found.append(current()))
    thread.start()
    thread.join()
    assert found
    assert found[0] is not run


def test_what_is_built_in_a_run_is_for_this_machine_and_decided_anew(run: Run) -> None:
    run.options = type("Options", (), {"variant_target": "x86_64_v2"})()
    run.releases["demo", "1.0"] = object()  # type: ignore[assignment]
    run.labels["a"] = "b"
    build = run.for_build({"torch": "cu126"})
    assert (run.target_name, build.target_name) == ("x86_64_v2", "")
    assert (run.label_for("torch"), build.label_for("torch")) == ("", "cu126")
    assert build.releases == {}
    assert build.labels is run.labels
    assert build.sources is run.sources
