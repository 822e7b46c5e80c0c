"""The wheel against what its index says: another meaning is refused, another spelling is none.

And no wheel is downloaded to find that out, and none after the other for one and the same reason.
"""

import json
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from support import byhand
from support.byhand import STATIC, X86_64, colour, document, level, of_wheel
from support.environments import FORCED, Environment, Result
from support.server import Index

V3 = level("v3")
WITH_NULL = {**V3, "null": {}}


def same(**changes: Any) -> dict[str, Any]:
    return {"x86_64": {**X86_64["x86_64"], **changes}}


def paint(**more: Any) -> dict[str, Any]:
    return {"paint": {**STATIC["paint"], **more}}


RED = colour("red")
TWO = {"red": {"paint": {"colour": ["red", "blue"]}}}
TWO_TURNED = {"red": {"paint": {"colour": ["blue", "red"]}}}
MORE = {**X86_64, "smell": {"dynamic": {}}}
EARLY = {"namespace": ["x86_64"], "feature": {"x86_64": ["level"]}}

# name of the project -> what its index says, what its wheels say, and what is to be taken
SPELLINGS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "the-same": (document(V3, X86_64), document(V3, X86_64), "v3"),
    "index-without-providers": (document(V3, None, byhand.PEP_825), document(V3, X86_64), "v3"),
    "wheels-without-providers": (document(V3, X86_64), document(V3, None, byhand.PEP_825), "v3"),
    "specifiers-in-another-order": (
        document(V3, same(requires=["x86-64-variant-provider<1,>=0.2.1"])),
        document(V3, X86_64),
        "v3",
    ),
    "spaces": (
        document(V3, same(requires=["x86-64-variant-provider >=0.2.1, <1"])),
        document(V3, X86_64),
        "v3",
    ),
    "name-in-another-spelling": (
        document(V3, same(requires=["X86_64.Variant-Provider>=0.2.1,<1"])),
        document(V3, X86_64),
        "v3",
    ),
    "endpoint-written-out": (
        document(V3, same(**{"plugin-api": "x86_64_variant_provider"})),
        document(V3, X86_64),
        "v3",
    ),
    "defaults-written-out": (
        document(RED, paint(optional=False, **{"feature-order": ["colour"]})),
        document(RED, STATIC),
        "red",
    ),
    "values-in-another-order": (document(TWO, STATIC), document(TWO_TURNED, STATIC), "red"),
    "a-namespace-that-says-nothing": (
        document({"red": {**RED["red"], "x86_64": {}}}, {**STATIC, **X86_64}),
        document(RED, {**STATIC, **X86_64}),
        "red",
    ),
    "unknown-keys": (document(V3, same(mood="good"), signed=True), document(V3, X86_64), "v3"),
    "a-marker-in-another-spelling": (
        document(
            V3, same(**{"enable-if": "platform_machine!='none'"}), f"{byhand.SCHEMAS}/v0.0.3.json"
        ),
        document(
            V3, same(**{"enable-if": 'platform_machine != "none"'}), f"{byhand.SCHEMAS}/v0.0.3.json"
        ),
        "v3",
    ),
    "index-of-a-newer-draft": (document(V3, X86_64), document(V3, X86_64, byhand.PEP_817), "v3"),
    "index-after-the-drafts": (
        document(V3, MORE, byhand.NEWER),
        document(V3, X86_64, byhand.PEP_825_DRAFT, priorities=EARLY),
        "v3",
    ),
    "another-kind-in-a-newer-draft": (
        document(RED, STATIC),
        document(RED, {"paint": {"requires": ["acme-paint"]}}, byhand.PEP_817),
        "red",
    ),
    "an-entry-without-requirement": (
        document(WITH_NULL, {**X86_64, "prio": {"requires": []}}),
        document(WITH_NULL, {**X86_64, "prio": {"requires": []}}),
        "plain",
    ),
    "another-provider-that-is-not-here": (
        document(WITH_NULL, same(requires=["other-provider"])),
        document(WITH_NULL, X86_64),
        "null",
    ),
}
WANTED = {name: label for name, (*_, label) in SPELLINGS.items()}


def fill(root: Path) -> None:
    for name, (index, wheels, _) in SPELLINGS.items():
        byhand.release(root / name, index, inside=wheels, name=name.replace("-", "_"))


def check(env: Environment, *arguments: object) -> None:
    report = env.folder / "report.json"
    enabled = ("--variant-enable", "x86_64")  # for the one whose index names no provider
    command = ["install", "--report", report, *enabled, *arguments, *SPELLINGS]
    result = env.pip(*command, env=FORCED)
    found = {}
    for one in json.loads(report.read_text())["install"]:
        parts = unquote(one["download_info"]["url"]).removesuffix(".whl").split("-")
        found[one["metadata"]["name"].replace("_", "-")] = (
            parts[-1] if parts[-1] != "any" else "plain"
        )
    assert found == WANTED, result.all
    assert "Discarding" not in result.all
    assert "is not what its index says" not in result.all


@pytest.mark.parametrize("separate", [False, True], ids=["alone", "separate metadata"])
def test_a_spelling_is_no_difference_and_costs_no_download(
    env: Environment, index: Index, separate: bool
) -> None:
    fill(index.root)
    index.metadata, index.ranges = separate, False
    check(env, "--index-url", index.url)
    expected = [
        f"{name.replace('-', '_')}-1.0-py3-none-any{(label != 'plain' and f'-{label}') or ''}.whl"
        for name, label in WANTED.items()
    ]
    assert sorted(index.files(".whl")) == sorted(expected)


def test_a_spelling_is_no_difference_in_a_folder(env: Environment, index: Index) -> None:
    fill(index.root)
    folders = [part for name in SPELLINGS for part in ("--find-links", index.root / name)]
    check(env, "--no-index", *folders)


# A real contradiction.

OTHER = same(requires=["other-provider>=1"])
MANY = {f"v{n}": V3["v3"] for n in range(10, 30)}


@pytest.mark.parametrize("separate", [False, True], ids=["alone", "separate metadata"])
def test_what_is_wrong_with_all_wheels_is_found_by_one(
    env: Environment, index: Index, separate: bool
) -> None:
    """One provider for all variants of a namespace: where it is another one, all of them are out."""
    whole = document({**MANY, **RED}, {**X86_64, **STATIC})
    folder = byhand.release(index.root / "demo", whole)
    for label in MANY:
        byhand.wheel(folder, label, document({label: V3["v3"]}, {**OTHER, **STATIC}))
    index.metadata, index.ranges = separate, False
    result = env.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert env.installed() == ("1.0", "red"), result.all  # it is of another namespace
    first, *others = index.files(".whl")
    assert set(others) == {"demo-1.0-py3-none-any-red.whl"}  # looked into before it is taken
    assert f"{first} is not what its index says: another provider for x86_64" in result.all
    assert len(index.requests) < 8


@pytest.mark.parametrize("way", ["index", "separate metadata", "folder", "lock"])
def test_wheels_that_differ_each_in_its_own_way(
    env: Environment, index: Index, tmp_path: Path, way: str
) -> None:
    """One after the other is refused, and then the null variant is taken."""
    whole = document({**level("v1", "v2", "v3"), "null": {}}, X86_64)
    folder = byhand.release(index.root / "demo", whole)
    for label in ("v1", "v2", "v3"):
        byhand.wheel(folder, label, document({label: level("v4")["v4"]}, X86_64))
    index.metadata = way == "separate metadata"
    arguments: list[object] = ["--index-url", index.url, "demo"]
    if way == "folder":
        arguments = ["--no-index", "--find-links", folder, "demo"]
    if way == "lock":
        arguments = ["-r", byhand.lock(tmp_path / "pylock.toml", folder, whole)]
    tried = env.pip("install", "--dry-run", *arguments, env=FORCED)
    assert byhand.taken(tried) == "null", tried.all
    result = env.pip("install", "-v", *arguments, env=FORCED)
    assert env.installed() == ("1.0", "null"), result.all
    assert byhand.taken(result) == "null", result.all
    for label in ("v1", "v2", "v3"):
        assert f"demo-1.0-py3-none-any-{label}.whl is not what its index says" in result.all
    downloads = [one for one in index.answers if one == ("demo-1.0-py3-none-any-v1.whl", 200)]
    assert len(downloads) == 0  # after the first one, pip looks into the others


def test_a_large_wheel_on_a_server_that_sends_no_parts(env: Environment, index: Index) -> None:
    """With separate metadata nobody has seen the wheel yet; --dry-run promises nothing unseen."""
    whole = document({**V3, "null": {}}, X86_64)
    folder = byhand.release(index.root / "demo", whole)
    large = {"large.txt": "x" * 5 * 2**20}
    byhand.wheel(folder, "v3", document({"v3": level("v4")["v4"]}, X86_64), files=large)
    index.metadata, index.ranges = True, False
    command = ("install", "--index-url", index.url, "demo")
    for options, installed in ((["--dry-run"], None), ([], ("1.0", "null"))):
        result = env.pip(*command, *options, env=FORCED)
        assert env.installed() == installed
        assert byhand.taken(result) == "null", result.all


# A variant.json describes one variant, and there is one.


def install_each_way(
    env: Environment, index: Index, tmp: Path, whole: dict[str, Any]
) -> list[Result]:
    """The release of the index, got at in every way: each time what does not fit is refused."""
    folder = index.root / "demo"
    lock = byhand.lock(tmp / "pylock.toml", folder, whole)
    done = []
    for arguments, has_metadata in (
        (["--index-url", index.url, "demo"], False),
        (["--index-url", index.url, "demo"], True),
        (["--no-index", "--find-links", folder, "demo"], False),
        (["-r", lock], False),
    ):
        index.metadata = has_metadata
        result = env.pip("install", "--dry-run", *arguments, env=FORCED)
        assert byhand.taken(result) == "plain", result.all
        result = env.pip("install", *arguments, env=FORCED)
        assert env.installed() == ("1.0", None), result.all
        assert byhand.taken(result) == "plain", result.all
        env.reset()
        done.append(result)
    wheel = folder / "demo-1.0-py3-none-any-v3.whl"
    done.append(env.pip("install", "--no-index", wheel, env=FORCED, code=1))
    assert env.installed() is None
    return done


def test_a_wheel_that_describes_two_variants_is_refused(
    env: Environment, index: Index, tmp_path: Path
) -> None:
    """Its markers would be those of either, and so would its dependencies."""
    whole = document(level("v3"), X86_64)
    folder = byhand.release(index.root / "demo", whole)
    two = document(level("v2", "v3"), X86_64)
    needs = ["Requires-Dist: gone; variant_label == 'v2'"]
    byhand.wheel(folder, "v3", two, metadata=needs)
    byhand.wheel(folder, metadata=needs)
    for result in install_each_way(env, index, tmp_path, whole):
        assert "demo-1.0-py3-none-any-v3.whl has 2 variants" in result.all, result.all


LIBRARY = "lib/python{}.{}/site-packages".format(*sys.version_info[:2])


@pytest.mark.parametrize(
    "place",
    [
        "demo-1.0.data/purelib/demo-1.0.dist-info/variant.json",
        "demo-1.0.data/platlib/demo-1.0.dist-info/variant.json",
        f"demo-1.0.data/data/{LIBRARY}/demo-1.0.dist-info/variant.json",
        "demo-1.0.dist-info/./variant.json",
    ],
    ids=["purelib", "platlib", "data", "spelled otherwise"],
)
def test_a_second_variant_json_is_refused(
    env: Environment, index: Index, tmp_path: Path, place: str
) -> None:
    """pip would install it over the one that was checked."""
    whole = document(level("v3"), X86_64)
    folder = byhand.release(index.root / "demo", whole)
    lie = json.dumps(document({"v3": level("v4")["v4"]}, X86_64))
    inside = of_wheel(whole, "v3")
    wheel = byhand.wheel(folder, "v3", inside, files={place: lie})
    with zipfile.ZipFile(wheel) as archive:
        assert place in archive.namelist()
    if "purelib" in place:
        for result in install_each_way(env, index, tmp_path, whole):
            assert f"brings a second variant.json ({place})" in result.all, result.all
        return
    result = env.pip("install", "--no-index", "--find-links", folder, "demo", env=FORCED)
    assert env.installed() == ("1.0", None), result.all
    assert f"brings a second variant.json ({place})" in result.all, result.all


# The same file by name and by URL


BY_URL = {
    "its metadata is fine": True,
    "its metadata is broken": "{",
    "it is not listed": document(level("v3"), X86_64),
}


@pytest.mark.parametrize("index_json", BY_URL.values(), ids=BY_URL)
def test_a_file_that_was_passed_over_and_stands_in_a_dependency_has_to_fit(
    env: Environment, tmp_path: Path, index_json: object
) -> None:
    """pip looks demo up first, and then some other package wants just this file of it."""
    byhand.release(tmp_path, document(level("v3", "v4"), X86_64), index=index_json)
    url = (tmp_path / "demo-1.0-py3-none-any-v4.whl").as_uri()
    byhand.wheel(tmp_path, name="by_url", metadata=[f"Requires-Dist: demo @ {url}"])
    byhand.wheel(tmp_path, name="both", metadata=["Requires-Dist: demo", "Requires-Dist: by-url"])
    result = env.pip("install", "--no-index", "--find-links", tmp_path, "both", env=FORCED, code=1)
    unsupported = "demo-1.0-py3-none-any-v4.whl is not a supported wheel on this machine: it needs x86_64 :: level :: v4"
    assert unsupported in result.err
    assert "Traceback" not in result.err
    assert env.installed() is None


def test_each_project_has_its_own_hashes(env: Environment, tmp_path: Path) -> None:
    """Whatever was looked up in between: pip remembers what it found."""
    byhand.release(tmp_path, document({**level("v4"), "null": {}}, X86_64), index="{")
    byhand.wheel(tmp_path, name="other")
    digests = {path.name: sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("*.whl")}
    null, other = "demo-1.0-py3-none-any-null.whl", "other-1.0-py3-none-any.whl"
    links = [
        f'<a href="{name}{f"#sha256={digests[name]}" if name in (null, other) else ""}">{name}</a>'
        for name in sorted(path.name for path in tmp_path.iterdir())
    ]
    (tmp_path / "page.html").write_text(
        f"<!DOCTYPE html><html><body>{' '.join(links)}</body></html>"
    )
    requirements = tmp_path / "requirements.txt"
    for others in ([], [f"other==1.0 --hash=sha256:{digests[other]}"]):
        lines = [f"demo==1.0 --hash=sha256:{digests[null]}", *others]
        requirements.write_text("\n".join(lines))
        page = (tmp_path / "page.html").as_uri()
        env.pip("install", "--no-index", "--find-links", page, "-r", requirements, env=FORCED)
        assert env.installed() == ("1.0", "null")
        env.reset()
