"""Every other way of asking pip for a package, written as a person would type it."""

import json
from pathlib import Path

import pytest
from support.environments import FORCED
from support.server import Index, Reply
from support.wheels import levels, plain_wheel, release, sdist, variant_wheel

from pip_variants.publish.index import write_index_metadata

LEVEL = "x86_64 :: level :: {}".format
ALL = {**levels("v1", "v2", "v3", "v4"), "null": (), None: ()}


@pytest.fixture
def folder(index: Index) -> Path:
    return release(index.root / "demo", "1.0", ALL)


def pip(env, command: str, index: Index, *arguments, **options):
    return env.pip(command, "--index-url", index.url, *arguments, env=FORCED, **options)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.whl")}


# Direct wheels


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "{url}", "demo @ {url}"])
def test_a_direct_wheel_that_fits_is_installed(env, index: Index, folder: Path, form: str) -> None:
    path = folder / "demo-1.0-py3-none-any-v2.whl"
    target = form.format(path=path, url=f"{index.url}demo/{path.name}")
    env.pip("install", target, env=FORCED)
    assert env.installed() == ("1.0", "v2")


@pytest.mark.parametrize("form", ["{path}", "{url}", "demo @ {url}", "app"])
def test_a_direct_wheel_that_does_not_fit_is_refused(env, index, folder: Path, form: str) -> None:
    path = folder / "demo-1.0-py3-none-any-v4.whl"
    url = f"{index.url}demo/{path.name}"
    plain_wheel(index.root / "app", "app", metadata=[f"Requires-Dist: demo @ {url}"])
    result = pip(env, "install", index, form.format(path=path, url=url), code=1)
    assert env.installed() is None
    assert (
        "ERROR: demo-1.0-py3-none-any-v4.whl is not a supported wheel on this machine: "
        "it needs x86_64 :: level :: v4 (supported: v3, v2, v1)." in result.err
    )


def test_a_direct_wheel_without_or_with_foreign_metadata_is_refused(env, tmp_path: Path) -> None:
    bare = plain_wheel(tmp_path).rename(tmp_path / "demo-1.0-py3-none-any-v3.whl")
    result = env.pip("install", bare, env=FORCED, code=1)
    assert (
        f"{bare.name} is not a valid variant wheel: {bare.name} has no variant.json" in result.err
    )
    other = variant_wheel(tmp_path, "v2", [LEVEL("v2")]).rename(tmp_path / bare.name)
    result = env.pip("install", other, env=FORCED, code=1)
    assert f"variant.json of {bare.name} must describe v3 and nothing else, not v2" in result.err
    assert env.installed() is None


def test_requirement_and_constraint_files(env, index: Index, folder: Path, tmp_path: Path) -> None:
    release(folder, "2.0", ALL)
    (tmp_path / "requirements.txt").write_text("demo\n")
    (tmp_path / "constraints.txt").write_text("demo<2\n")
    arguments = ("-r", tmp_path / "requirements.txt", "-c", tmp_path / "constraints.txt")
    pip(env, "install", index, *arguments)
    assert env.installed() == ("1.0", "v3")
    env.reset()
    wheel = folder / "demo-1.0-py3-none-any-v2.whl"
    (tmp_path / "constraints.txt").write_text(f"demo @ file://{wheel}\n")
    pip(env, "install", index, *arguments)
    assert env.installed() == ("1.0", "v2")


# Options of finding


def test_options_that_choose_files(env, index: Index, folder: Path) -> None:
    sdist(folder, version="2.0")
    for options, expected in (
        (["--only-binary", ":all:"], ("1.0", "v3")),
        (["--prefer-binary"], ("1.0", "v3")),
        (["--no-binary", "demo"], ("2.0", None)),
        ([], ("2.0", None)),
        (["--no-deps", "--only-binary", "demo"], ("1.0", "v3")),
    ):
        env.reset()
        pip(env, "install", index, *options, "demo")
        assert env.installed() == expected, options


def test_prereleases(env, index: Index, folder: Path) -> None:
    release(folder, "2.0rc1", ALL)
    pip(env, "install", index, "demo")
    assert env.installed() == ("1.0", "v3")
    pip(env, "install", index, "--pre", "--upgrade", "demo")
    assert env.installed() == ("2.0rc1", "v3")


def test_yanked_files(env, index: Index, folder: Path) -> None:
    release(folder, "2.0", ALL)
    for path in folder.glob("demo-2.0-*.whl"):
        index.attributes[path.name] = {"yanked": "broken"}
    pip(env, "install", index, "demo")
    assert env.installed() == ("1.0", "v3")
    pip(env, "install", index, "demo==2.0")
    assert env.installed() == ("2.0", "v3")


def test_yanking_one_variant_leaves_the_others(env, index: Index, folder: Path) -> None:
    index.attributes["demo-1.0-py3-none-any-v3.whl"] = {"yanked": "broken"}
    pip(env, "install", index, "demo")
    assert env.installed() == ("1.0", "v2")


def test_required_hashes(env, index: Index, folder: Path, tmp_path: Path) -> None:
    import hashlib

    def requirement(*labels: str) -> Path:
        digests = []
        for label in labels:
            data = (folder / f"demo-1.0-py3-none-any-{label}.whl").read_bytes()
            digests.append(f"--hash=sha256:{hashlib.sha256(data).hexdigest()}")
        file = tmp_path / "requirements.txt"
        file.write_text(f"demo==1.0 {' '.join(digests)}\n")
        return file

    for labels, expected in ((["v2"], "v2"), (["v1", "v2"], "v2"), (["v4", "null"], "null")):
        env.reset()
        pip(env, "install", index, "--require-hashes", "-r", requirement(*labels))
        assert env.installed() == ("1.0", expected)
    env.reset()
    result = pip(env, "install", index, "--require-hashes", "-r", requirement("v4"), code=1)
    assert env.installed() is None
    assert (
        "Skipping demo 1.0: no variant fits this machine; v4 needs x86_64 :: level :: v4 "
        "(supported: v3, v2, v1); the required hashes leave no other file\n" in result.out
    )


def test_two_indexes_have_metadata_of_their_own(env, index: Index, folder: Path, tmp_path) -> None:
    with Index(tmp_path / "second") as second:
        release(second.root / "demo", "1.0", {"v3": (LEVEL("v2"),), "w3": (LEVEL("v3"),)})
        pip(env, "install", index, "--extra-index-url", second.url, "demo")
        assert env.installed()[0] == "1.0"
        assert index.files(".json") == second.files(".json") == ["demo-1.0-variants.json"]
        result = pip(
            env, "install", index, "--extra-index-url", second.url, "demo", "--force-reinstall"
        )
        assert "The sources of demo 1.0 disagree about its variants" in result.err
        assert env.installed() == ("1.0", "v3")
        assert index.files("-v3.whl")
        assert not second.files(".whl")


def test_two_indexes_that_agree_are_one(env, index: Index, tmp_path: Path) -> None:
    release(index.root / "demo", "1.0", {**levels("v2"), None: ()})
    with Index(tmp_path / "second") as second:
        release(second.root / "demo", "1.0", levels("v3"))
        result = pip(env, "install", index, "--extra-index-url", second.url, "demo")
        assert env.installed() == ("1.0", "v3")
        assert result.err == ""


def test_a_source_without_variants_beside_one_with(env, index: Index, folder, tmp_path) -> None:
    plain_wheel(tmp_path / "links", version="1.0")
    pip(env, "install", index, "--find-links", tmp_path / "links", "demo")
    assert env.installed() == ("1.0", "v3")


@pytest.mark.parametrize("json_file", [True, False])
def test_a_wheelhouse_made_by_download(
    env, index: Index, folder: Path, tmp_path, json_file
) -> None:
    house = tmp_path / "house"
    pip(env, "download", index, "-d", house, "demo")
    assert names(house) == {"demo-1.0-py3-none-any-v3.whl"}
    if json_file:
        write_index_metadata(house)
    env.pip("install", "--no-index", "--find-links", house, "demo", env=FORCED)
    assert env.installed() == ("1.0", "v3")
    env.reset()
    pip(env, "wheel", index, "-w", tmp_path / "wheels", "demo")
    assert names(tmp_path / "wheels") == {"demo-1.0-py3-none-any-v3.whl"}


# Commands


def test_upgrade_reinstall_target_prefix(env, index: Index, folder: Path, tmp_path: Path) -> None:
    pip(env, "install", index, "demo==1.0")
    release(folder, "2.0", ALL)
    pip(env, "install", index, "demo")
    assert env.installed() == ("1.0", "v3")
    for strategy in ("only-if-needed", "eager"):
        pip(env, "install", index, "--upgrade", "--upgrade-strategy", strategy, "demo")
        assert env.installed() == ("2.0", "v3")
    pip(env, "install", index, "--force-reinstall", "demo==1.0")
    assert env.installed() == ("1.0", "v3")
    pip(env, "install", index, "--ignore-installed", "demo==2.0")
    for option in ("--target", "--prefix"):
        pip(env, "install", index, option, tmp_path / option, "--ignore-installed", "demo")
        assert list((tmp_path / option).rglob("demo-2.0.dist-info/variant.json"))


def test_an_incompatible_variant_installed_already_stays(env, index: Index, folder: Path) -> None:
    pip(env, "install", index, "demo")
    result = env.pip(
        "install", "--index-url", index.url, "demo",
        env={"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v1"},
    )  # fmt: skip
    assert "already satisfied" in result.out
    assert env.installed() == ("1.0", "v3")


def test_list_outdated_and_index_versions(env, index: Index, folder: Path) -> None:
    pip(env, "install", index, "demo")
    release(folder, "2.0", levels("v2"))
    release(folder, "3.0", levels("v4"))
    outdated = json.loads(pip(env, "list", index, "--outdated", "--format", "json").out)
    latest = {one["name"]: one["latest_version"] for one in outdated}
    assert latest.get("demo") == "2.0"
    index.requests.clear()
    versions = env.pip("index", "versions", "--index-url", index.url, "demo", env=FORCED)
    assert versions.out.startswith("demo (2.0)\nAvailable versions: 2.0, 1.0\n")
    assert sorted(index.files(".json")) == ["demo-2.0-variants.json", "demo-3.0-variants.json"]
    stock = env.pip(
        "index", "versions", "--no-variants", "--index-url", index.url, "demo", env=FORCED
    )
    assert "Available versions: 1.0\n" in stock.out


def test_commands_that_look_at_the_environment(env, index: Index, folder: Path) -> None:
    pip(env, "install", index, "demo")
    assert env.pip("check").out == "No broken requirements found.\n"
    assert "demo==1.0" in env.pip("freeze").out
    env.pip("debug")
    env.pip("uninstall", "-y", "demo")
    assert env.installed() is None


@pytest.mark.parametrize("links", ["index", "folder"])
def test_a_hash_of_the_plain_wheel_takes_the_plain_wheel(
    env, index, folder, tmp_path, links
) -> None:
    """Also where the links have no hashes: stock pip would have downloaded the plain wheel."""
    import hashlib

    index.hashes = False
    digest = hashlib.sha256((folder / "demo-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"demo==1.0 --hash=sha256:{digest}\n")
    source = ("--no-index", "--find-links", folder) if links == "folder" else ("-i", index.url)
    env.pip("install", *source, "-r", tmp_path / "requirements.txt", env=FORCED)
    assert env.installed() == ("1.0", None)


LEGACY = ("--use-deprecated", "legacy-resolver")


@pytest.mark.parametrize("resolver", [(), LEGACY], ids=["resolver", "legacy resolver"])
def test_pips_own_preferences_come_first(env, index: Index, folder: Path, resolver) -> None:
    def install(*arguments: str, code: int = 0) -> None:
        env.reset()
        pip(env, "install", index, *resolver, *arguments, code=code)

    for path in folder.glob("*-v?.whl"):
        index.attributes[path.name] = {"yanked": "broken"}
    (folder / "demo-1.0-py3-none-any-null.whl").unlink()
    install("demo")
    assert env.installed() == ("1.0", None)
    release(index.root / "other", "1.0", levels("v4"), name="other")
    release(index.root / "other", "2.0a1", {None: ()}, name="other")
    install("other", code=1)
    assert env.installed("other") is None
    install("--pre", "other")
    assert env.installed("other") == ("2.0a1", None)


@pytest.mark.parametrize("resolver", [(), LEGACY], ids=["resolver", "legacy resolver"])
def test_a_name_may_be_spelled_differently(env, index: Index, resolver) -> None:
    release(index.root / "my-demo", "1.0", {**levels("v3"), None: ()}, name="my_demo")
    index.ranges = False
    pip(env, "install", index, *resolver, "My.Demo")
    assert env.installed("my_demo") == ("1.0", "v3")


def test_an_index_that_fails_for_one_package_does_not_hide_the_others(env, index, folder) -> None:
    pip(env, "install", index, "demo")
    plain_wheel(index.root / "zoo", "zoo")
    pip(env, "install", index, "zoo")
    plain_wheel(index.root / "zoo", "zoo", "2.0")
    release(folder, "2.0", levels("v2"))
    index.replies["demo-2.0-variants.json"] = Reply(b"", 501)
    result = pip(env, "list", index, "--outdated", "--format", "json")
    assert [one["name"] for one in json.loads(result.out)] == ["zoo"]
    assert "demo-2.0-variants.json" in result.err


def test_show_of_metadata_that_cannot_be_read(env, index: Index, folder: Path) -> None:
    pip(env, "install", index, "demo")
    (env.site / "demo-1.0.dist-info/variant.json").write_bytes(b"\xff")
    assert "Name: demo" in env.pip("show", "demo").out
    assert "demo" in env.pip("list").out
    env.pip("inspect")
    env.pip("check")


def test_the_legacy_resolver(env, index: Index, folder: Path) -> None:
    release(folder, "2.0", levels("v4"))
    pip(env, "install", index, "--use-deprecated", "legacy-resolver", "demo")
    assert env.installed() == ("1.0", "v3")


def test_fast_deps(env, index: Index, folder: Path) -> None:
    pip(env, "install", index, "--use-feature", "fast-deps", "demo")
    assert env.installed() == ("1.0", "v3")


def test_built_variant_wheels_are_not_taken_from_pips_cache(env, index: Index, tmp_path) -> None:
    sdist(index.root / "demo", label="v3")
    cache = {"PIP_NO_CACHE_DIR": "", "PIP_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(2):
        env.reset()
        result = env.pip("install", "--index-url", index.url, "demo", env={**FORCED, **cache})
        assert env.installed() == ("1.0", "v3")
        assert "Building wheel for demo" in result.out
        assert list((tmp_path / "cache").rglob("demo-1.0-py3-none-any-v3.whl"))


def test_a_variant_wheel_built_here_has_to_fit_too(env, index: Index) -> None:
    sdist(index.root / "demo", label="v4")
    result = env.pip("install", "--index-url", index.url, "demo", env=FORCED, code=1)
    assert env.installed() is None
    assert "it needs x86_64 :: level :: v4 (supported: v3, v2, v1)" in result.err


# Installing for another machine


@pytest.mark.parametrize(
    "options",
    [
        ("--platform", "manylinux2014_x86_64"),
        ("--python-version", "3.12"),
        ("--implementation", "cp"),
        ("--abi", "none"),
    ],
)
def test_cross_installs_use_the_baseline(env, index, folder: Path, tmp_path: Path, options) -> None:
    common = ("--only-binary", ":all:", "-d", tmp_path / "out", "demo")
    env.pip("download", "--index-url", index.url, *options, *common)
    assert names(tmp_path / "out") == {"demo-1.0-py3-none-any-v1.whl"}


def test_cross_installs_for_another_architecture(env, index: Index, folder, tmp_path) -> None:
    result = env.pip(
        "install", "-v", "--index-url", index.url, "--platform", "manylinux2014_aarch64",
        "--only-binary", ":all:", "--target", tmp_path / "out", "demo",
    )  # fmt: skip
    assert (tmp_path / "out/demo-1.0.dist-info/variant.json").exists()
    assert "Using the variant null" in result.out
    assert "(not known of the machine that this install is for)" in result.out
