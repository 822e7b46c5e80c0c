"""Metadata in all the shapes that projects published: a choice or one clear warning, never a traceback.

The drafts before PEP 825 had keys that today's schema cannot express, and a newer one will have
others. They are read, and never written again: so it makes no difference whether pip has metadata
separate from the wheels (PEP 658), where the index's stands in for the wheel's own.
"""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from support import byhand
from support.byhand import STATIC, X86_64, colour, document, level
from support.environments import FORCED, Environment, Result
from support.server import Index

HERE, ELSEWHERE = "platform_machine != 'none'", "platform_machine == 'none'"
OURS: dict[str, Any] = {"requires": ["x86-64-variant-provider>=0.2.1,<1"]}
THEIRS = {"requires": ["acme-tech == 1.0.0"], "plugin-api": "acme_tech.plugin:AcmePlugin"}
DRAFT = "{}/v0.0.{}.json".format


def draft(
    variants: dict[str, Any], providers: Any, number: int = 3, schema: str = "", **more: Any
) -> dict[str, Any]:
    """Metadata of PEP 817."""
    return document(variants, providers, schema or DRAFT(byhand.SCHEMAS, number), **more)


# name of the project -> what its index and its wheels say, and what is to be taken
SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "enabled-here": (draft(level("v3"), {"x86_64": {**OURS, "enable-if": HERE}}), "v3"),
    "enabled-elsewhere": (draft(level("v3"), {"x86_64": {**OURS, "enable-if": ELSEWHERE}}), "v3"),
    "build-time-only": (
        draft(
            {
                "lime": {"paint": {"colour": ["lime"]}},
                "v3_teal": {**level("v3")["v3"], "paint": {"colour": ["teal"]}},
            },
            {
                "x86_64": {**OURS, "enable-if": HERE},
                "paint": {"plugin-use": "build", "requires": ["acme-paint"]},
            },
            2,
            priorities={
                "namespace": ["paint", "x86_64"],
                "feature": {"paint": ["colour"]},
                "property": {"paint": {"colour": ["teal", "lime"]}},
            },
        ),
        "v3_teal",
    ),
    "no-plugin": (
        draft(
            {"lime": {"paint": {"colour": ["lime"]}}, "teal": {"paint": {"colour": ["teal"]}}},
            {"paint": {"plugin-use": "none", "requires": []}},
            2,
            priorities={
                "namespace": ["paint"],
                "property": {"paint": {"colour": ["teal", "lime"]}},
            },
        ),
        "teal",
    ),
    "static-at-the-top": (
        draft(
            colour("red", "blue"),
            {"paint": {"install-time": False, "requires": ["acme-paint"]}},
        )
        | {"static-properties": {"paint": {"colour": ["blue", "red"]}}},
        "blue",
    ),
    "empty-priorities": (
        draft(
            {"00000000": {}, **level("v3")},
            {"x86_64": {**OURS, "enable-if": HERE, "install-time": True}},
            priorities={"namespace": ["x86_64"], "feature": {}, "property": {}},
        )
        | {"static-properties": {}},
        "v3",
    ),
    "null-of-zeros": (
        draft({"00000000": {}, **level("v4")}, {"x86_64": {**OURS, "install-time": True}}),
        "00000000",
    ),
    "values-in-order": (
        draft(
            level("v2", "v3"),
            {"x86_64": OURS},
            priorities={"namespace": ["x86_64"], "property": {"x86_64": {"level": ["v2", "v3"]}}},
        ),
        "v3",
    ),
    "draft-of-825": (
        document(
            colour("red", "blue"),
            STATIC,
            byhand.PEP_825_DRAFT,
            priorities={"namespace": ["paint"], "feature": {"paint": ["colour"]}},
        ),
        "red",
    ),
    "called-property": (
        draft({"mk1": {"property": {"engine": ["mk1"]}}, "null": {}}, {"property": THEIRS}),
        "null",
    ),
    "bound-to-a-release": (
        draft(
            {
                "v2_lib1.0": {
                    "x86_64": {"level": ["v2"]},
                    "abi_dependency": {"enabled_here": ["1.0"]},
                }
            },
            {"x86_64": OURS},
        ),
        "v2_lib1.0",
    ),
    "odd-names": (
        draft(
            {
                "0deadbee": {"tech": {"risk": ["1000000000"]}},
                "_.": {"tech": {"quantum": ["foam"]}},
                "null": {},
            },
            {"tech": THEIRS, "hw": {**THEIRS, "plugin-api": "acme_hw.plugin : AcmePlugin"}},
        ),
        "null",
    ),
    "nothing-fits": (
        draft({f"mk{n}": {"tech": {"engine": [f"mk{n}"]}} for n in range(20)}, {"tech": THEIRS}),
        "plain",
    ),
    "of-a-newer-kind": (
        document(colour("red"), {**STATIC, "smell": {"dynamic": {"by": "nose"}}}, byhand.NEWER),
        "red",
    ),
    "needs-a-newer-kind": (
        document({"rose": {"smell": {"of": ["rose"]}}}, {"smell": {"dynamic": {}}}, byhand.NEWER),
        "plain",
    ),
    "keys-from-tomorrow": (
        document(
            colour("red"),
            {"paint": {**STATIC["paint"], "thickness": 3}},
            byhand.NEWER,
            priorities={"namespace": ["paint"], "moods": {"paint": None}},
            signatures=[{"by": "somebody"}],
        ),
        "red",
    ),
    "without-providers": (document(level("v3"), None, byhand.PEP_825), "plain"),
    "empty-namespace": (
        document({"red": {**colour("red")["red"], "smell": {}, "x86_64": {}}, "null": {}}, STATIC),
        "red",
    ),
    "no-version": (draft(level("v3"), {"x86_64": OURS}, schema=f"{byhand.SCHEMAS}/"), "plain"),
    "major-two": (document(colour("red"), STATIC, byhand.UNKNOWN), "plain"),
}


def publish(index: Index, name: str, whole: dict[str, Any]) -> None:
    # A project's name as it stands in the names of its files.
    byhand.release(index.root / name, whole, name=name.replace("-", "_"))


def installed_from(env: Environment, index: Index, *names: str) -> tuple[dict[str, str], Result]:
    """What each of the projects gives, in one call of pip."""
    report = env.folder / "report.json"
    options = ["--index-url", index.url, "--report", report]
    result = env.pip("install", *options, *names, env=FORCED, code=None)
    assert result.code == 0, result.all
    assert "Traceback" not in result.all
    assert "internal error" not in result.all
    found = {}
    for one in json.loads(report.read_text())["install"]:
        parts = unquote(one["download_info"]["url"]).removesuffix(".whl").split("-")
        label = parts[-1] if parts[-1] != "any" else "plain"
        found[one["metadata"]["name"].replace("_", "-")] = label
    return found, result


def test_each_shape_leads_to_the_same_choice_with_and_without_separate_metadata(
    env: Environment, index: Index
) -> None:
    for name, (whole, _) in SHAPES.items():
        publish(index, name, whole)
    expected = {name: label for name, (_, label) in SHAPES.items()}
    said = []
    for index.metadata in (False, True):
        found, result = installed_from(env, index, *SHAPES)
        assert found == expected, result.all
        lines = [line.strip() for line in (result.out + result.err).splitlines()]
        said.append(
            sorted(line for line in lines if line.startswith(("Using the", "WARNING:", "Hint:")))
        )
        env.reset()
    assert said[0] == said[1]
    for name in ("no-version", "major-two"):
        complaint = f"WARNING: Ignoring the wheel variants of {name} 1.0: "
        assert [complaint in line for line in said[0]].count(True) == 1


@pytest.mark.parametrize("way", ["index", "folder"])
def test_each_shape_is_read_out_of_the_wheels_too(env: Environment, index: Index, way: str) -> None:
    """Where there is nothing but the wheels, and an index nevertheless has separate metadata."""
    index.metadata = True
    for name, (whole, _) in SHAPES.items():
        publish(index, name, whole)
        for file in (index.root / name).glob("*.json"):
            file.unlink()
    if way == "index":
        found, result = installed_from(env, index, *SHAPES)
    else:
        folders = [part for name in SHAPES for part in ("--find-links", index.root / name)]
        report = env.folder / "report.json"
        command = ["install", "--no-index", *folders, "--report", report, *SHAPES]
        result = env.pip(*command, env=FORCED)
        found, _ = installed_of(report), result
    assert "Traceback" not in result.all
    # Several wheels of one release say the same order only if they say it whole.
    assert found == {name: label for name, (_, label) in SHAPES.items()}, result.all


def installed_of(report: Any) -> dict[str, str]:
    found = {}
    for one in json.loads(report.read_text())["install"]:
        parts = unquote(one["download_info"]["url"]).removesuffix(".whl").split("-")
        found[one["metadata"]["name"].replace("_", "-")] = (
            parts[-1] if parts[-1] != "any" else "plain"
        )
    return found


SCHEMAS = {
    "as-published": (f"{byhand.SCHEMAS}/v0.0.3.json", True),
    "of-a-pep": (byhand.PEP_850, True),
    "version-in-the-middle": ("https://example.org/0.2.0/variants.schema.json", True),
    "two-numbers": ("https://example.org/schemas/v0.2/variants.json", True),
    "no-ending": ("https://example.org/variants/v1.0.0", True),
    "a-folder": ("https://example.org/variants/v0.2.0/", True),
    "in-the-name": ("https://example.org/variants-0.2.0.json", True),
    "in-a-query": ("https://example.org/schema?version=0.2.0", True),
    "behind-a-hash": ("https://example.org/schema#v0.2.0", True),
    "a-newer-minor": ("https://example.org/v1.99.json", True),
    "a-newer-major": ("https://example.org/v2.0.0.json", False),
    "only-a-host": ("https://10.2.0.1/schema.json", False),
    "no-number": ("https://example.org/schema.json", False),
    "only-the-pep": ("https://example.org/peps/850.json", False),
}


def test_the_version_is_read_out_of_any_url_that_holds_one(env: Environment, index: Index) -> None:
    index.metadata = True
    for name, (schema, _) in SCHEMAS.items():
        # In the oldest of these drafts static properties stood elsewhere.
        publish(index, name, document(level("v3"), X86_64, schema))
    found, result = installed_from(env, index, *SCHEMAS)
    expected = {name: "v3" if is_known else "plain" for name, (_, is_known) in SCHEMAS.items()}
    assert found == expected, result.all
    warned = [line for line in result.err.splitlines() if "Ignoring the wheel variants" in line]
    assert len(warned) == list(expected.values()).count("plain")


def test_an_empty_namespace_costs_nothing(env: Environment, index: Index) -> None:
    """Nobody is asked about a namespace of which a variant has no property."""
    broken = {"requires": ["x86-64-variant-provider>=0.2.1,<1"]}
    whole = document({"red": {**colour("red")["red"], "x86_64": {}}}, {**STATIC, "x86_64": broken})
    byhand.release(index.root / "demo", whole)
    wrong = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "nonsense"}  # whoever is asked fails
    result = env.pip("install", "--index-url", index.url, "demo", env=wrong)
    assert env.installed() == ("1.0", "red"), result.all
    assert result.err == ""
