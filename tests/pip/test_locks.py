"""`pip lock`, and installing from `pylock.toml` on another machine than it was made on."""

from pathlib import Path

import pytest
from support.environments import FORCED, NEWEST_PIP
from support.server import Index
from support.toml import tomllib
from support.wheels import levels, plain_wheel, release

OLDER = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v1"}
ALL = {**levels("v2", "v3", "v4"), "null": (), None: ()}


@pytest.fixture
def folder(index: Index) -> Path:
    return release(index.root / "demo", "1.0", ALL)


def lock(environment, index: Index, where: Path, *arguments, **options) -> dict:
    options.setdefault("env", FORCED)
    command = ["lock", "--index-url", index.url, "-o", where / "pylock.toml"]
    environment.pip(*command, *(arguments or ["demo"]), **options)
    return tomllib.loads((where / "pylock.toml").read_text())


@pytest.mark.parametrize("pip", ["25.3", "26.2", NEWEST_PIP])
def test_a_lock_holds_every_wheel_and_the_metadata(
    make_environment, index: Index, folder: Path, tmp_path: Path, pip: str
) -> None:
    plain_wheel(index.root / "app", "app", metadata=["Requires-Dist: demo"])
    env = make_environment(pip)
    document = lock(env, index, tmp_path, "app")
    app, demo = document["packages"]
    assert (app["name"], "variants-json" in app, len(app["wheels"])) == ("app", False, 1)
    names = [wheel["name"] for wheel in demo["wheels"]]
    assert names == sorted(path.name for path in folder.glob("*.whl"))
    assert all(wheel["hashes"]["sha256"] for wheel in demo["wheels"])
    table = demo["variants-json"]
    assert table["$schema"].endswith("/v0.2.0.json")
    assert table["variants"]["v4"] == {"x86_64": {"level": ["v4"]}}
    assert set(table["variants"]) == {"v2", "v3", "v4", "null"}


@pytest.mark.parametrize("pip", ["26.2", NEWEST_PIP])
def test_a_lock_is_installed_for_the_machine_at_hand(
    make_environment, index: Index, folder: Path, tmp_path: Path, pip: str
) -> None:
    env = make_environment(pip)
    lock(env, index, tmp_path)
    index.requests.clear()
    for forced, expected in ((FORCED, "v3"), (OLDER, "null")):
        env.reset()
        result = env.pip("install", "-r", tmp_path / "pylock.toml", env=forced)
        assert env.installed() == ("1.0", expected), result.all
        assert f"Using the variant {expected}" in result.out
    assert index.files(".json") == []
    env.reset()


def test_a_lock_without_a_usable_file_says_why(env, index: Index, tmp_path: Path) -> None:
    release(index.root / "demo", "1.0", levels("v3", "v4"))
    lock(env, index, tmp_path)
    result = env.pip("install", "-r", tmp_path / "pylock.toml", env=OLDER, code=1)
    assert env.installed() is None
    assert "Skipping demo 1.0: no variant fits this machine; v3 needs" in result.out


def test_a_package_that_is_not_for_this_machine_does_not_matter(env, index, tmp_path) -> None:
    release(index.root / "demo", "1.0", levels("v4"))
    plain_wheel(index.root / "app", "app")
    newer = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v4"}
    lock(env, index, tmp_path, "demo", "app", env=newer)
    file = tmp_path / "pylock.toml"
    text = file.read_text()
    file.write_text(
        text.replace('name = "demo"\n', 'name = "demo"\nmarker = "os_name == \'x\'"\n', 1)
    )
    env.pip("install", "-r", file, env=FORCED)
    assert env.installed("app") == ("1.0", None)
    assert env.installed() is None


def test_a_lock_without_a_table_reads_the_wheel(env, index, folder: Path, tmp_path: Path) -> None:
    lock(env, index, tmp_path)
    file = tmp_path / "pylock.toml"
    text = file.read_text()
    file.write_text(text[: text.index("[packages.variants-json]")])
    for name in ("v4", "v2", "null"):
        text = file.read_text()
        start = text.index(f'[[packages.wheels]]\nname = "demo-1.0-py3-none-any-{name}.whl"')
        end = text.find("[[packages.wheels]]", start + 1)
        file.write_text(text[:start] + (text[end:] if end > 0 else ""))
    env.pip("install", "-r", file, env=FORCED)
    assert env.installed()[0] == "1.0"


def test_hashes_of_a_lock_hold(env, index: Index, folder: Path, tmp_path: Path) -> None:
    lock(env, index, tmp_path)
    release(folder, "1.0", {"v3": ("x86_64 :: level :: v3",)}, metadata=["Summary: changed"])
    result = env.pip("install", "-r", tmp_path / "pylock.toml", env=FORCED, code=1)
    assert env.installed() is None
    assert "hash" in result.err.lower()


@pytest.mark.parametrize(
    ("today", "then", "complaint"),
    [
        ('namespace = [\n    "x86_64",\n]', "namespace = 3", "must be a list of strings, not 3"),
        ("v0.2.0.json", "v7.0.0.json", "must have a supported major version"),
    ],
)
def test_an_invalid_table_is_refused(
    env, index: Index, folder: Path, tmp_path: Path, today, then, complaint
) -> None:
    lock(env, index, tmp_path)
    file = tmp_path / "pylock.toml"
    text = file.read_text()
    assert today in text
    file.write_text(text.replace(today, then))
    result = env.pip("install", "-r", file, env=FORCED)
    assert env.installed() == ("1.0", None)
    assert "Ignoring the wheel variants of demo 1.0: variants-json of demo 1.0: " in result.err
    assert complaint in result.err


def test_a_lock_of_packages_without_variants_is_that_of_stock_pip(
    env, stock, index: Index, tmp_path: Path
) -> None:
    release(index.root / "demo", "1.0", {None: ()})
    locks = []
    for environment in (env, stock):
        lock(environment, index, tmp_path)
        locks.append((tmp_path / "pylock.toml").read_text())
        environment.pip("install", "-r", tmp_path / "pylock.toml")
        assert environment.installed() == ("1.0", None)
    assert locks[0] == locks[1]


def test_a_lock_from_a_folder_hashes_the_files(env, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "pylock.toml"
    env.pip("lock", "--no-index", "--find-links", folder, "-o", file, "demo", env=FORCED)
    (package,) = tomllib.loads(file.read_text())["packages"]
    assert len(package["wheels"]) == 5
    env.pip("install", "-r", file, env=FORCED)
    assert env.installed() == ("1.0", "v3")


def test_without_variants_a_lock_gives_the_plain_wheel(env, index, folder, tmp_path) -> None:
    lock(env, index, tmp_path)
    env.pip("install", "--no-variants", "-r", tmp_path / "pylock.toml", env=FORCED)
    assert env.installed() == ("1.0", None)


def test_without_variants_a_lock_holds_the_plain_wheel(env, index, folder: Path, tmp_path) -> None:
    document = lock(env, index, tmp_path, "--no-variants", "demo")
    (package,) = document["packages"]
    assert [wheel["name"] for wheel in package["wheels"]] == ["demo-1.0-py3-none-any.whl"]
    assert "variants-json" not in package
