"""The tables of a lock: copied whole from what was read, and of use even where they are not.

PEP 825, Integration with pylock.toml: a lock has the same metadata, its `$schema` included.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from support import byhand
from support.byhand import STATIC, X86_64, colour, document, level, of_wheel
from support.environments import FORCED, Environment
from support.server import Index, Reply
from support.toml import tomllib
from support.wheels import sdist

TOMORROW = {"mood": "good", "list": [1, 2.5, True, {"deep": {"er": ["é", ""]}}]}
TABLES: dict[str, dict[str, Any]] = {
    "of-today": document(level("v2", "v3"), X86_64),
    "of-a-newer-draft": document(
        level("v3"),
        {**X86_64, "smell": {"dynamic": {"by": ["nose"]}}},
        byhand.NEWER,
        later=TOMORROW,
    ),
    "with-unknown-keys": document(
        level("v3"),
        {"x86_64": {**X86_64["x86_64"], "later": TOMORROW}},
        priorities={"namespace": ["x86_64"], "later": TOMORROW},
        later=TOMORROW,
    ),
    "of-an-older-draft": document(
        colour("red", "blue"),
        STATIC,
        byhand.PEP_825_DRAFT,
        priorities={"namespace": ["paint"], "feature": {"paint": ["colour"]}, "property": {}},
    ),
    "of-the-oldest-draft": document(
        {"00000000": {}, **level("v3")},
        {"x86_64": {**X86_64["x86_64"], "install-time": True, "enable-if": "os_name != 'none'"}},
        byhand.PEP_817,
        priorities={"namespace": ["x86_64"], "feature": {}, "property": {}},
        **{"static-properties": {}},
    ),
    "with-other-labels": document({**colour("red"), "gone": {"paint": {}}}, STATIC),
}


def locked(env: Environment, file: Path, *arguments: object) -> dict[str, Any]:
    """What a lock has of each package."""
    env.pip("lock", "-o", file, *arguments, env=FORCED)
    return {one["name"]: one for one in tomllib.loads(file.read_text())["packages"]}


@pytest.mark.parametrize("way", ["index", "separate metadata", "folder"])
def test_a_table_is_copied_as_it_was_read(
    env: Environment, index: Index, tmp_path: Path, way: str
) -> None:
    index.metadata = way == "separate metadata"
    for name, table in TABLES.items():
        byhand.release(index.root / name, table, name=name.replace("-", "_"))
    sources: list[object] = ["--index-url", index.url]
    if way == "folder":
        folders = [part for name in TABLES for part in ("--find-links", index.root / name)]
        sources = ["--no-index", *folders]
    packages = locked(env, tmp_path / "pylock.toml", *sources, *TABLES)
    assert {name: one["variants-json"] for name, one in packages.items()} == TABLES
    for name in TABLES:
        wheels = sorted(path.name for path in (index.root / name).glob("*.whl"))
        assert [one["name"] for one in packages[name]["wheels"]] == wheels


def test_a_null_which_toml_has_not_is_left_out(env: Environment, index: Index, tmp_path) -> None:
    table = document(level("v3"), X86_64, later=None, more={"one": None, "two": 2})
    byhand.release(index.root / "demo", table)
    packages = locked(env, tmp_path / "pylock.toml", "--index-url", index.url, "demo")
    del table["later"], table["more"]["one"]
    assert packages["demo"]["variants-json"] == table


def test_what_was_read_out_of_the_wheels_is_whole_too(
    env: Environment, index: Index, tmp_path: Path
) -> None:
    table = TABLES["with-unknown-keys"]
    both = {**table, "variants": level("v2", "v3")}
    byhand.release(index.root / "demo", both, index=None)
    packages = locked(env, tmp_path / "pylock.toml", "--index-url", index.url, "demo")
    assert packages["demo"]["variants-json"] == both


@pytest.mark.parametrize("state", ["broken", "refused"])
def test_a_lock_of_what_cannot_be_used_holds_the_plain_wheel(
    env: Environment, index: Index, tmp_path: Path, state: str
) -> None:
    byhand.release(index.root / "demo", TABLES["of-today"], index="{broken")
    if state == "refused":
        index.replies["demo-1.0-variants.json"] = Reply(b"no", 403)
    file = tmp_path / "pylock.toml"
    result = env.pip("lock", "-o", file, "--index-url", index.url, "demo", env=FORCED)
    assert "WARNING: Ignoring the wheel variants of demo 1.0: " in result.err
    (package,) = tomllib.loads(file.read_text())["packages"]
    assert [one["name"] for one in package["wheels"]] == ["demo-1.0-py3-none-any.whl"]
    assert "variants-json" not in package
    env.pip("install", "-r", file, env=FORCED)
    assert env.installed() == ("1.0", None)


TYPES = {
    "no table": None,
    "a table without anything": {},
    "a text": "broken",
    "variants of the wrong type": {**TABLES["of-today"], "variants": 3},
    "a major version that is not known": {**TABLES["of-today"], "$schema": byhand.UNKNOWN},
    "a namespace without provider": document(level("v3"), STATIC),
}


@pytest.mark.parametrize("table", TYPES.values(), ids=TYPES)
def test_a_table_that_cannot_be_used_leads_to_the_plain_wheel(
    env: Environment, index: Index, tmp_path: Path, table: object
) -> None:
    folder = byhand.release(index.root / "demo", document({**level("v3"), "null": {}}, X86_64))
    file = byhand.lock(tmp_path / "pylock.toml", folder, table)
    result = env.pip("install", "-r", file, env=FORCED)
    assert env.installed() == ("1.0", None)
    assert byhand.taken(result) == "plain"
    ours = [line for line in result.err.splitlines() if "experimental feature" not in line]
    (warning,) = ours
    assert warning.startswith(
        "WARNING: Ignoring the wheel variants of demo 1.0: variants-json of demo 1.0"
    )


def test_a_lock_has_next_candidates_as_an_index_has(
    env: Environment, index: Index, tmp_path: Path
) -> None:
    """One after the other turns out to be something else; the plain wheel is what it says."""
    whole = document({**level("v1", "v2", "v3"), "null": {}}, X86_64)
    folder = byhand.release(index.root / "demo", whole)
    lies: dict[str, Any] = {
        "v3": of_wheel(whole, "v2"),
        "v2": document(level("v2"), {"x86_64": {"requires": ["another-provider"]}}),
        "null": "no JSON",
    }
    for label, inside in lies.items():
        byhand.wheel(folder, label, inside)
        result = env.pip(
            "install", "-r", byhand.lock(tmp_path / "pylock.toml", folder, whole), env=FORCED
        )
        expected = {"v3": "v2", "v2": "null", "null": "plain"}[label]
        assert env.installed() == ("1.0", None if expected == "plain" else expected), result.all
        assert byhand.taken(result) == expected
        env.reset()


@pytest.mark.parametrize("format_control", ["--no-binary", "--only-binary"])
def test_no_wheel_of_a_lock_is_taken_where_the_user_wants_none(
    env: Environment, index: Index, tmp_path: Path, format_control: str
) -> None:
    whole = document({**level("v3"), "null": {}}, X86_64)
    folder = byhand.release(index.root / "demo", whole)
    sdist(folder)
    file = byhand.lock(tmp_path / "pylock.toml", folder, whole)
    env.pip("install", format_control, "demo", "-r", file, env=FORCED)
    assert env.installed() == ("1.0", "v3" if format_control == "--only-binary" else None)


def test_a_wrong_hash_in_a_lock_is_no_reason_for_the_next(
    env: Environment, index: Index, tmp_path: Path
) -> None:
    whole = document({**level("v3"), "null": {}}, X86_64)
    folder = byhand.release(index.root / "demo", whole)
    file = byhand.lock(tmp_path / "pylock.toml", folder, whole)
    byhand.wheel(folder, "v3", of_wheel(whole, "v3"), metadata=["Summary: another build"])
    result = env.pip("install", "-r", file, env=FORCED, code=1)
    assert env.installed() is None
    assert "DO NOT MATCH THE HASHES" in result.err


def test_a_table_is_read_and_never_written(env: Environment, index: Index, tmp_path: Path) -> None:
    """An install of a lock changes nothing in it, and the variant.json that it installs is the wheel's."""
    table = TABLES["of-a-newer-draft"]
    folder = byhand.release(index.root / "demo", table)
    file = byhand.lock(tmp_path / "pylock.toml", folder, table)
    before = file.read_bytes()
    env.pip("install", "-r", file, env=FORCED)
    assert file.read_bytes() == before
    installed = env.site / "demo-1.0.dist-info" / "variant.json"
    assert json.loads(installed.read_text()) == of_wheel(table, "v3")


@pytest.mark.parametrize("options", [(), ("--no-variants",)])
def test_two_versions_of_one_package(
    env: Environment, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Under markers of which one is true, as who locks for several machines writes them."""
    whole = document(level("v3"), X86_64)
    lock = ""
    for version, marker in (("1.0", "python_version < '3.0'"), ("2.0", "python_version >= '3.0'")):
        byhand.release(tmp_path, whole, version=version)
        text = byhand.lock(tmp_path / "pylock.toml", tmp_path, whole, version).read_text()
        head, _, package = text.partition("[[packages]]\n")
        lock = f'{lock or head}[[packages]]\nmarker = "{marker}"\n{package}\n'
    (tmp_path / "pylock.toml").write_text(lock)
    env.pip("install", *options, "--no-index", "-r", tmp_path / "pylock.toml", env=FORCED)
    assert env.installed() == ("2.0", None if options else "v3")
