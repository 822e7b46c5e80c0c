"""Metadata that is missing, broken, huge, wrong or contradicted: a clear word and the safe choice."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.environments import FORCED
from support.server import Index, Reply
from support.wheels import levels, plain_wheel, release, variant_metadata, variant_wheel

from pip_variants.publish.wheel import make_variant_wheel

LEVEL = "x86_64 :: level :: {}".format
JSON = "demo-1.0-variants.json"


@pytest.fixture
def folder(index: Index) -> Path:
    """A release with one variant that fits, null and the plain wheel."""
    return release(index.root / "demo", "1.0", {**levels("v3"), "null": (), None: ()})


def install(environment, index, *arguments, **options):
    command = ["install", "--index-url", index.url, *(arguments or ["demo"])]
    return environment.pip(*command, env=FORCED, **options)


def rewrite(file: Path, change: Callable[[dict], object]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"{", f"{JSON} is not valid JSON"),
        (b"", f"{JSON} is not valid JSON"),
        (b"\xff\xfe\x00", f"{JSON} is not valid JSON"),
        (b"[" * 200_000, f"{JSON} is not valid JSON: it is nested too deeply"),
        (b" " * (8 * 2**20 + 1), f"{JSON} is larger than 8 MiB"),
        (b"[]", f"{JSON}: the document must be an object, not []"),
        (b"{}", f"{JSON}: $schema must be a non-empty string, not None"),
        (
            b'{"$schema": "https://example.org/v9.0.0.json"}',
            f"{JSON}: $schema must have a supported major version (0, 1), not "
            "'https://example.org/v9.0.0.json'",
        ),
    ],
    ids=["half", "empty", "binary", "deep", "huge", "list", "no-schema", "unknown-major"],
)
def test_unreadable_json_leaves_null_and_the_plain_wheel(
    env, index: Index, folder: Path, content: bytes, complaint: str
) -> None:
    (folder / JSON).write_bytes(content)
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert f"WARNING: Ignoring the wheel variants of demo 1.0: {complaint}" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("variants", 3, "variants must be an object, not 3"),
        ("variants", {"v3": []}, "variants.v3 must be an object, not []"),
        (
            "variants",
            {"v3": {"x86_64": {"level": "v3"}}},
            "variants.v3.x86_64.level must be a list of strings, not 'v3'",
        ),
        (
            "variants",
            {"V3": {}},
            "variants.V3: invalid variant label (must match [a-z0-9_.]+): 'V3'",
        ),
        ("default-priorities", None, "default-priorities must be an object, not None"),
        ("providers", [1], "providers must be an object, not [1]"),
        (
            "providers",
            {"x86_64": {"requires": "x"}},
            "providers.x86_64.requires must be a list of strings, not 'x'",
        ),
    ],
)
def test_wrong_types_name_the_key_and_the_value(
    env, index: Index, folder: Path, key: str, value: object, complaint: str
) -> None:
    rewrite(folder / JSON, lambda document: document.update({key: value}))
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert f"Ignoring the wheel variants of demo 1.0: {JSON}: {complaint}\n" in result.err


def test_unknown_keys_do_no_harm(env, index: Index, folder: Path) -> None:
    rewrite(folder / JSON, lambda document: document.update({"new-key": {"a": [1]}}))
    result = install(env, index)
    assert env.installed() == ("1.0", "v3")
    assert result.err == ""


def test_a_wrong_hash_is_an_error(env, index: Index, folder: Path) -> None:
    index.attributes[JSON] = {"hashes": {"sha256": "0" * 64}}
    result = install(env, index, code=1)
    assert env.installed() is None
    assert f"does not have the hash that its index gives: expected sha256 {'0' * 64}" in result.err


@pytest.mark.parametrize("pages", ["html", "json"])
def test_the_right_hash_is_checked_and_accepted(env, index: Index, folder: Path, pages) -> None:
    index.pages = pages
    install(env, index)
    assert env.installed() == ("1.0", "v3")


def test_a_label_that_is_not_listed_is_skipped_alone(env, index: Index, folder: Path) -> None:
    release(folder, "1.0", levels("v2"), index=False)
    result = install(env, index, "-v", "demo")
    assert env.installed() == ("1.0", "v3")
    assert "Variant v2 of demo 1.0 is not listed in the variant metadata" in result.out


def test_a_listed_label_without_wheel_does_not_matter(env, index: Index, folder: Path) -> None:
    rewrite(folder / JSON, lambda document: document["variants"].update({"gone": {}}))
    result = install(env, index)
    assert env.installed() == ("1.0", "v3")
    assert result.err == ""


def test_a_variant_wheel_without_variant_json_is_passed_over(
    env, index: Index, folder: Path
) -> None:
    bare = plain_wheel(folder / "bare")
    bare.rename(folder / "demo-1.0-py3-none-any-v3.whl")
    result = install(env, index)
    assert env.installed() == ("1.0", "null")
    assert (
        "demo-1.0-py3-none-any-v3.whl is not what its index says: "
        "demo-1.0-py3-none-any-v3.whl has no variant.json" in result.out
    )


def test_a_wheel_with_other_properties_is_passed_over(env, index: Index, folder: Path) -> None:
    variant_wheel(folder, "v3", [LEVEL("v4")])
    result = install(env, index)
    assert env.installed() == ("1.0", "null")
    assert (
        "demo-1.0-py3-none-any-v3.whl is not what its index says: "
        "x86_64 :: level :: v4 instead of x86_64 :: level :: v3" in result.out
    )


def test_with_separate_metadata_a_lying_wheel_is_found_before_anything_is_installed(
    env, index: Index, folder: Path
) -> None:
    index.metadata = True
    variant_wheel(folder, "v3", [LEVEL("v4")])
    result = install(env, index)
    assert env.installed() == ("1.0", "null")
    assert "demo-1.0-py3-none-any-v3.whl is not what its index says" in result.err
    assert "Using the variant null" in result.out.splitlines()[-5]


def test_missing_metadata_is_read_from_the_wheels(env, index: Index, folder: Path) -> None:
    (folder / JSON).unlink()
    install(env, index)
    assert env.installed() == ("1.0", "v3")


def test_a_missing_file_that_the_page_lists_is_read_from_the_wheels(
    env, index: Index, folder: Path
) -> None:
    index.replies[JSON] = Reply(b"gone", 404)
    install(env, index)
    assert env.installed() == ("1.0", "v3")


def test_missing_metadata_on_a_server_without_ranges(env, index: Index, folder: Path) -> None:
    """Small wheels are read whole then; large ones are not, for one label after the other."""
    (folder / JSON).unlink()
    index.ranges = False
    install(env, index)
    assert env.installed() == ("1.0", "v3")
    env.reset()
    variant_wheel(folder, "v2", [LEVEL("v2")], files={"large.txt": "x" * 5 * 2**20})
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert (
        "Ignoring the wheel variants of demo 1.0: its index has no variant metadata for it "
        "and cannot serve parts of a wheel" in result.err
    )


def test_a_forbidden_file_leaves_the_plain_wheel(env, index: Index, folder: Path) -> None:
    index.replies[JSON] = Reply(b"no", 403)
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert f"{JSON} could not be read (HTTP status 403)" in result.err


def test_a_failing_server_is_an_error_and_no_downgrade(env, index: Index, folder: Path) -> None:
    index.replies[JSON] = Reply(b"oops", 500)
    result = install(env, index, "--retries", "1", "demo", code=1)
    assert env.installed() is None
    assert JSON in result.err
    assert result.err.endswith("Use --no-variants to go on without.\n")


@pytest.mark.parametrize("status", [408, 429])
def test_an_index_that_says_not_now_is_an_error(env, index: Index, folder: Path, status) -> None:
    index.replies[JSON] = Reply(b"later", status)
    install(env, index, code=1)
    assert env.installed() is None


def test_wheels_that_cannot_be_asked_for_their_size(env, index: Index, folder: Path) -> None:
    (folder / JSON).unlink()
    index.replies["demo-1.0-py3-none-any-v3.whl"] = Reply(b"", 405)
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert "Ignoring the wheel variants of demo 1.0" in result.err


@pytest.mark.parametrize("content", [b"no zip", None], ids=["no zip", "not UTF-8"])
def test_a_corrupt_wheel_in_a_folder_leaves_the_others(env, index, folder: Path, content) -> None:
    (folder / JSON).unlink()
    bad = folder / "demo-1.0-py3-none-any-v3.whl"
    if content is None:
        plain_wheel(folder / "bad").rename(bad)
        with zipfile.ZipFile(bad, "a") as archive:
            archive.writestr("demo-1.0.dist-info/variant.json", b"\xff\xfe")
    else:
        bad.write_bytes(content)
    result = env.pip("install", "--no-index", "--find-links", folder, "demo", env=FORCED)
    assert env.installed() == ("1.0", None)
    assert "Ignoring the wheel variants of demo 1.0" in result.err


def test_names_on_a_page_that_only_look_like_metadata(env, index: Index, folder: Path) -> None:
    index.replies["/simple/demo/"] = Reply(
        b'<a href="demo-' + b"9" * 5000 + b'-variants.json">x</a>'
        b'<a href="x-variants.json/demo-1.0-py3-none-any.whl">y</a>',
        headers={"Content-Type": "text/html"},
    )
    index.replies["/simple/demo/x-variants.json/demo-1.0-py3-none-any.whl"] = Reply(
        (folder / "demo-1.0-py3-none-any.whl").read_bytes()
    )
    install(env, index)
    assert env.installed() == ("1.0", None)


def test_what_an_index_writes_does_not_reach_the_terminal_raw(env, index, folder: Path) -> None:
    evil = "\x1b[2Jevil\n[red]"
    rewrite(folder / JSON, lambda document: document.update({evil: 1, "variants": {evil: {}}}))
    result = install(env, index, "demo")
    assert "Ignoring the wheel variants of demo 1.0" in result.err
    assert "\x1b" not in result.all


def test_a_huge_complaint_is_cut(env, index: Index, folder: Path) -> None:
    values = [f"v{number}" for number in range(100_000)]
    rewrite(folder / JSON, lambda d: d["variants"]["v3"]["x86_64"].update({"level": values[9:]}))
    result = install(env, index)
    assert env.installed() == ("1.0", "null")
    assert len(result.all) < 3000


@pytest.mark.parametrize("pip", ["24.0", "26.3"])
def test_brackets_in_a_difference_are_no_markup(make_environment, index, folder: Path, pip) -> None:
    environment = make_environment(pip)
    plain_wheel(
        folder / "bad", files={"demo-1.0.dist-info/variant.json": '{"$schema": "[/x]"}'}
    ).rename(folder / "demo-1.0-py3-none-any-v3.whl")
    result = install(environment, index)
    assert environment.installed() == ("1.0", "null"), result.all
    environment.reset()


def test_a_truncated_answer_is_an_error_and_no_downgrade(env, index: Index, folder: Path) -> None:
    index.replies[JSON] = Reply(b"{", headers={"Content-Length": "100", "Connection": "close"})
    result = install(env, index, "--retries", "0", "demo", code=1)
    assert env.installed() is None
    assert JSON in result.err


def test_contradicting_wheels_without_index_metadata(env, index: Index, folder: Path) -> None:
    (folder / JSON).unlink()
    other = variant_metadata("v2", [LEVEL("v2")], namespaces=("nvidia", "x86_64"))
    make_variant_wheel(plain_wheel(folder / "plain"), other, folder, force=True)
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    assert "Ignoring the wheel variants of demo 1.0:" in result.err
    assert "default-priorities.namespace differs" in result.err
