"""What each command prints with `--json`, against its schema in docs/json.

The schemas allow further keys, as docs/commands.md promises. Here there must be none: what is printed
is described. And they refuse every output that lacks a key or has something else there.
"""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.environments import FORCED, HARDWARE, ROOT, Environment, clean, unpack
from support.projects import project_in
from support.server import Index
from support.wheels import X86_64, levels, plain_wheel, release, sdist, variant_wheel

from pip_variants.cli import _COMMANDS
from pip_variants.model.metadata import PluginProvider

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "docs" / "json").iterdir()}
SAME = {"check": "list"}
"""Commands that print what another one prints."""


def objects(value: object) -> Iterator[dict[str, Any]]:
    """Every JSON object in a value, itself included."""
    if isinstance(value, dict):
        yield value
    for one in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from objects(one)


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that allows no further keys."""
    schema = copy.deepcopy(schema)
    for node in objects(schema):
        if "object" in node.get("type", ()) and "properties" in node:
            node["additionalProperties"] = False
    return schema


def mutants(document: dict[str, Any], names: set[str]) -> Iterator[str]:
    """Take one of these keys away, then give it a wrong value; says which, the document is changed."""
    for node in list(objects(document)):
        for name in names & node.keys():
            value = node.pop(name)
            yield name
            node[name] = [0]
            yield name
            node[name] = value


def check(command: str, *documents: dict[str, Any]) -> None:
    """They are what the schema says, and have all of its keys between them."""
    schema = SCHEMAS[SAME.get(command, command)]
    names = {name for node in objects(schema) for name in node.get("required", ())}
    found = set()
    for document in documents:
        Draft202012Validator(closed(schema)).validate(document)
        for name in mutants(document, names):
            assert not Draft202012Validator(schema).is_valid(document), name
            found.add(name)
    assert found == names


def printed(
    *arguments: object, python: Path | str = sys.executable, code: int = 0, **variables: str
) -> dict[str, Any]:
    command = [python, "-m", "pip_variants", *map(str, arguments), "--json"]
    env = clean({**FORCED, **HARDWARE, **variables})
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    for node in objects(SCHEMAS[name]):
        if isinstance(node.get("required"), list) and "properties" in node:
            assert node["properties"].keys() >= {*node["required"]}
    assert f"(json/{name}.json)" in (ROOT / "docs" / "commands.md").read_text()


def test_every_command_has_a_schema() -> None:
    assert {SAME.get(name, name) for name in _COMMANDS} == SCHEMAS.keys()


def test_show(tmp_path: Path) -> None:
    wheel = variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"])
    wheels = printed("show", wheel, plain_wheel(tmp_path))
    v3, plain = wheels["wheels"]
    assert v3 == {
        "file": str(wheel),
        "label": "v3",
        "properties": ["x86_64 :: level :: v3"],
        "providers": {"x86_64": [*X86_64.requires]},
    }
    assert plain["label"] is None
    valid = printed("show", "--valid", "x86_64")
    assert valid["valid"][0] == {"name": "level", "values": ["v4", "v3", "v2", "v1"]}
    failed = printed("show", code=1, X86_64_VARIANT_PROVIDER_FORCE_LEVEL="V3")
    assert failed["providers"][0]["failed"]
    check("show", wheels, valid, failed, printed("show"))


def test_target(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.toml" for name in ("x86_64_v2", "x86_64_v3")]
    for file in files:
        assert printed("target", file.stem, "-o", file)["target"] == file.read_text()
    both = printed("target", "--combine", *files)
    assert "x86_64 :: level :: v3" in both["lost"]["x86_64_v2"]
    check("target", printed("target"), both)


def test_indexes() -> None:
    check("indexes", printed("indexes"), printed("indexes", "pytorch", "--target", "x86_64_v2"))


def test_list_and_check(env: Environment, tmp_path: Path) -> None:
    for command in ("list", "check"):
        assert printed(command, python=env.python)["variants"] == []
    wheels = [
        variant_wheel(tmp_path, "v9", ["x86_64 :: level :: v9"], name) for name in ("demo", "other")
    ]
    wheels += [variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"], "right")]
    unpack(env, *wheels)
    (env.site / "other-1.0.dist-info" / "variant.json").write_text("{")
    for command, number in (("list", 3), ("check", 2)):
        found = printed(command, python=env.python, code=1)
        assert len(found["variants"]) == number
        check(command, found)


def test_explain(env: Environment, index: Index) -> None:
    providers = {"x86_64": X86_64, "acme": PluginProvider(("acme-plugin>=1",), "acme_plugin")}
    labels = {**levels("v3", "v4"), "mk1": ("acme :: engine :: mk1",), None: ()}
    folder = release(
        index.root / "demo", "1.0", labels, namespaces=("x86_64", "acme"), providers=providers
    )
    sdist(folder)
    release(folder, "2.0", levels("v4"))
    release(index.root / "none", "1.0", levels("v4"), name="none")
    plain_wheel(index.root / "plain", "plain")
    unpack(env, folder / "demo-1.0-py3-none-any-v3.whl")
    explain = "explain", "--index-url", index.url
    rich = printed(*explain, "demo", "none", "plain", "absent", python=env.python, code=1)
    demo, none, plain, absent = rich["decisions"]
    assert demo["installed"] and demo["skipped"] and demo["hints"] and demo["namespaces"]
    assert (none["release"], plain["installed"]) == (None, None)
    assert absent.keys() == {"name", "installed", "error"}
    check("explain", rich, printed(*explain, "--target", "x86_64_v2", "demo"))


def test_doctor(env: Environment, tmp_path: Path) -> None:
    fine = printed(
        "doctor", python=env.python, PIP_VARIANT_PREFER="x86_64::avx", PIP_VARIANT_TARGET="here"
    )
    assert (fine["to_do"], fine["self_test"]) == ([], "")
    (tmp_path / "pip.conf").write_text("no section\n")
    wrong = {
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "V3",
    }
    failed = printed("doctor", python=env.python, code=1, **wrong)
    assert failed["failed"] and failed["pip_failed"]
    check("doctor", fine, failed)


def test_build(tmp_path: Path) -> None:
    table = '[variant.variants.v3]\nx86_64.level = ["v3"]\n[tool.pip-variants.variants.v3]\nenv = { FAIL = "1" }\n'
    made = printed("build", project_in(tmp_path, table), code=1)
    assert (sorted(made["files"]), [*made["failed"]]) == (["none", "null"], ["v3"])
    again = printed("build", made["source"], "--label", "none", "-o", tmp_path / "other")
    assert again["source"] is None
    check("build", made, again)


def test_make(tmp_path: Path) -> None:
    made = printed(
        "make", plain_wheel(tmp_path), "--property", "x86_64 :: level :: v3", "--label", "v3"
    )
    check("make", made)
    check("make", printed("make", made["file"], "--label", "none", "-o", tmp_path / "other"))


def test_index_and_verify(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nothing = printed("index", tmp_path / "empty")
    assert nothing["written"] == []
    folder = release(tmp_path / "dist", "1.0", {**levels("v2", "v3"), None: ()})
    (folder / "strange.whl").write_text("")
    rich = printed("index", folder, "--pages")
    assert rich["written"] and rich["left_out"]
    check("index", nothing, rich)
    faulty = printed("verify", folder, code=1)
    assert faulty["faults"]
    right = printed(
        "verify", release(tmp_path / "right", "1.0", {**levels("v3"), "null": (), None: ()})
    )
    assert (right["faults"], right["remarks"]) == ([], [])
    check("verify", faulty, right)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (1, ["show", "demo"]),
        (1, ["make", "nothing-1.0-py3-none-any.whl"]),
        (2, ["list", "--nonsense"]),
    ],
)
def test_an_error_is_a_line_and_no_json(code: int, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip_variants", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean())
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.splitlines()[-1].startswith("pip-variants")
