from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from acme_variants import detect, valid

from pip_variants.testing import check_detect, check_package, choose, make_wheel, serve

MACHINES = Path(__file__).parent / "machines"
Feature = tuple[str, tuple[str, ...]]


def test_the_package_keeps_the_contract() -> None:
    check_package("acme-variants")


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("mk1", [("engine", ("mk1",)), ("driver", ("1",))]),
        ("mk1-and-mk2", [("engine", ("mk2", "mk1")), ("driver", ("2", "1"))]),
        ("driver-without-version", [("engine", ("mk1",))]),
        ("lost-card", []),
    ],
)
def test_recorded_machines(
    machine: str, expected: list[Feature], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_FSROOT", str(MACHINES / machine))
    answer = check_detect(detect)
    assert answer == expected
    assert properties(answer) <= properties(check_detect(valid))


def properties(features: Iterable[Feature]) -> set[tuple[str, str]]:
    return {(name, value) for name, values in features for value in values}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package index with demo 1.0: for mk1, for mk2, and for machines without a card."""
    folder = tmp_path_factory.mktemp("index")
    make_wheel(folder, "demo-1.0-py3-none-any.whl")
    for engine in ("mk1", "mk2"):
        make_wheel(
            folder,
            f"demo-1.0-py3-none-any-{engine}.whl",
            properties=[f"acme :: engine :: {engine}"],
            providers={"acme": "acme-variants>=1.0"},
        )
    with serve(folder) as url:
        yield url


@pytest.mark.parametrize(
    ("machine", "label"), [("mk1", "mk1"), ("mk1-and-mk2", "mk2"), ("lost-card", None)]
)
def test_pip_takes_the_best_wheel(
    machine: str, label: str | None, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_FSROOT", str(MACHINES / machine))
    assert choose(index, "demo").label == label
