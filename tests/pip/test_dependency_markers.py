"""Variant markers in dependencies, wherever pip reads them: index, wheel, installed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.environments import FORCED, NEWEST_PIP, Environment, pythons
from support.server import Index
from support.wheels import plain_wheel, release, variant_wheel

from pip_variants.model.metadata import StaticProvider
from pip_variants.model.support import SupportedFeature
from pip_variants.publish.index import write_index_metadata

ENGINES = StaticProvider((SupportedFeature("engine", ("mk2", "mk1")),))
REQUIRES = [
    "Requires-Dist: formk2; 'acme :: engine :: mk2' in variant_properties",
    "Requires-Dist: formk1; 'acme::engine::mk1' in variant_properties",
    "Requires-Dist: formk0; 'acme::engine::mk0' in variant_properties",
    "Requires-Dist: foracme; 'acme' in variant_namespaces and python_version >= '3'",
    "Requires-Dist: forplain; variant_label == ''",
    "Requires-Dist: fornull; variant_label == 'null'",
    "Requires-Dist: forextra; extra == 'more' and variant_label != 'null'",
    "Provides-Extra: more",
]
NAMES = ("formk2", "formk1", "formk0", "foracme", "forplain", "fornull", "forextra")


@pytest.fixture(params=[False, True], ids=["wheel", "metadata file"])
def has_metadata(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def demo(index: Index, has_metadata: bool) -> Index:
    """A release whose dependencies depend on the variant, with and without PEP 658 files."""
    index.metadata = has_metadata
    labels = {
        "mk": ("acme :: engine :: mk2", "acme :: engine :: mk0"),
        "null": (),
        None: (),
    }
    release(
        index.root / "demo", "1.0", labels,
        metadata=REQUIRES, namespaces=("acme",), providers={"acme": ENGINES},
    )  # fmt: skip
    for name in NAMES:
        plain_wheel(index.root / name, name)
    return index


def backends() -> list[str]:
    """One Python for each of pip's two ways of reading metadata."""
    here = pythons()
    newer = next(name for name in here if name != "3.10")
    return [name for name in ("3.10", newer) if name in here]


def covering() -> list[Any]:
    """Every pip with either way of reading metadata, and every pair of two things once."""
    older, newer = (backends() * 2)[:2]
    first, last = ("23.0.1", older, False), (NEWEST_PIP, newer, True)
    others = [
        ("24.0", newer, False), (NEWEST_PIP, older, False),
        ("23.0.1", newer, True), ("24.0", older, True),
    ]  # fmt: skip
    return [first, last, *(pytest.param(*one, marks=pytest.mark.long) for one in others)]


@pytest.mark.parametrize(("pip", "python", "has_metadata"), covering())
def test_dependencies_are_those_of_the_chosen_variant(
    make_environment: Callable[..., Environment], demo: Index, pip: str, python: str
) -> None:
    env = make_environment(pip, python)
    folder = demo.root / "demo"

    def dependencies(*arguments: str) -> set[str]:
        env.reset()
        result = env.pip("install", "--index-url", demo.url, *(arguments or ["demo"]), env=FORCED)
        assert result.err == ""
        return {name for name in NAMES if env.installed(name)}

    assert dependencies() == {"formk2", "foracme"}
    assert dependencies("demo[more]") == {"formk2", "foracme", "forextra"}
    check = env.pip("check", env=FORCED)
    assert check.out == "No broken requirements found.\n"
    shown = env.pip("show", "demo", env=FORCED).out
    assert "Requires: foracme, formk2" in shown
    assert "Required-by: demo" in env.pip("show", "foracme", env=FORCED).out
    assert env.pip("list", "--not-required", env=FORCED).err == ""
    again = env.pip("install", "--index-url", demo.url, "demo", "forplain", env=FORCED)
    assert "already satisfied: formk2" in again.out
    env.pip("uninstall", "-y", "formk2")
    assert "demo 1.0 requires formk2, which is not installed." in env.pip("check", code=1).out
    env.pip("inspect", env=FORCED)

    (folder / "demo-1.0-py3-none-any-mk.whl").unlink()
    assert dependencies() == {"fornull"}
    assert dependencies("demo[more]") == {"fornull"}
    (folder / "demo-1.0-py3-none-any-null.whl").unlink()
    assert dependencies() == {"forplain"}
    assert dependencies("demo[more]", "--no-variants") == {"forplain", "forextra"}
    env.reset()


def test_a_report_keeps_the_markers_as_they_are(env, demo: Index) -> None:
    result = env.pip(
        "install", "--index-url", demo.url, "--dry-run", "--quiet", "--report", "-", "demo",
        env=FORCED,
    )  # fmt: skip
    report = json.loads(result.out)
    chosen = {item["metadata"]["name"]: item["metadata"] for item in report["install"]}
    assert set(chosen) == {"demo", "formk2", "foracme"}
    assert len(chosen["demo"]["requires_dist"]) == 7
    assert "variant_properties" in chosen["demo"]["requires_dist"][0]


def test_a_marker_that_nobody_can_read_is_pips_own_matter(env, index: Index) -> None:
    release(index.root / "demo", "1.0", {None: ()})
    plain_wheel(
        index.root / "demo", version="2.0", metadata=["Requires-Dist: x; variant_label < 'a'"]
    )
    result = env.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert env.installed() == ("1.0", None)
    assert "invalid metadata" in result.err


def test_a_direct_wheel_has_markers_too(env, demo: Index) -> None:
    wheel = demo.root / "demo/demo-1.0-py3-none-any-mk.whl"
    for target in (wheel, f"{demo.url}demo/{wheel.name}", f"demo @ {demo.url}demo/{wheel.name}"):
        env.reset()
        env.pip("install", "--index-url", demo.url, target, env=FORCED)
        assert env.installed() == ("1.0", "mk")
        assert env.installed("formk2")
        assert not env.installed("forplain")


def test_another_version_has_its_own_context(env, demo: Index) -> None:
    variant_wheel(
        demo.root / "demo", "mk", ["acme :: engine :: mk1"], version="2.0",
        metadata=REQUIRES, namespaces=("acme",), providers={"acme": ENGINES},
    )  # fmt: skip
    write_index_metadata(demo.root / "demo")
    env.pip("install", "--index-url", demo.url, "demo==2", env=FORCED)
    assert env.installed("formk1")
    assert not env.installed("formk2")
