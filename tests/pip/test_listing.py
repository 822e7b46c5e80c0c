"""`list`, `show`, `inspect` and `--report` name the variant, and change nothing else."""

import json

import pytest
from support.environments import FORCED
from support.server import Index
from support.wheels import levels, release

VARIANT = {"label": "v3", "properties": ["x86_64 :: level :: v3"]}


@pytest.fixture
def both(env, stock, index: Index):
    """Our environment with a variant and a plain package, a stock one with plain ones."""
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    release(index.root / "other", "1.0", {None: ()}, name="other")
    for environment in (env, stock):
        environment.pip("install", "--index-url", index.url, "demo", "other", env=FORCED)
    return env, stock


def test_list(both) -> None:
    env, _ = both
    lines = env.pip("list").out.splitlines()
    assert lines[0].split() == ["Package", "Version", "Variant"]
    assert "demo 1.0 v3".split() in [line.split() for line in lines]
    assert "other 1.0".split() in [line.split() for line in lines]
    entries = {one["name"]: one for one in json.loads(env.pip("list", "--format", "json").out)}
    assert entries["demo"] == {"name": "demo", "version": "1.0", "variant": VARIANT}
    assert entries["other"] == {"name": "other", "version": "1.0"}
    assert "demo==1.0\n" in env.pip("list", "--format", "freeze").out
    assert "demo==1.0\n" in env.pip("freeze").out


def test_show(both) -> None:
    env, stock = both
    shown = env.pip("show", "demo", "other", "demo").out
    assert shown.count("Variant: v3 (x86_64 :: level :: v3)\n") == shown.count("Name: demo\n") > 0
    plain = stock.pip("show", "demo", "other", "demo").out
    ours = shown.replace("Variant: v3 (x86_64 :: level :: v3)\n", "")
    assert ours.replace(str(env.folder), "") == plain.replace(str(stock.folder), "")
    assert env.pip("show", "other").out.count("Variant") == 0
    assert "not found: nothing" in env.pip("show", "nothing", code=1).err


def test_inspect(both) -> None:
    env, _ = both
    installed = json.loads(env.pip("inspect").out)["installed"]
    entries = {one["metadata"]["name"]: one for one in installed}
    assert entries["demo"]["variant"] == VARIANT
    assert "variant" not in entries["other"]


@pytest.mark.parametrize("metadata", [False, True])
@pytest.mark.parametrize("extra", [("--dry-run",), ()])
def test_report(env, index: Index, metadata: bool, extra) -> None:
    index.metadata = metadata
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    arguments = ("install", *extra, "--quiet", "--report", "-", "--index-url", index.url, "demo")
    report = json.loads(env.pip(*arguments, env=FORCED).out)
    assert report["version"] == "1"
    assert report["install"][0]["variant"] == VARIANT


def test_without_variants_the_output_is_that_of_stock_pip(env, stock, index: Index) -> None:
    release(index.root / "other", "1.0", {None: ()}, name="other")
    for environment in (env, stock):
        environment.pip("install", "--index-url", index.url, "other", env=FORCED)
    ours = env.pip("list").out.splitlines()
    dependencies = {"archspec", "importlib", "lazy", "packaging", "pip", "pluggy", "zipp"}
    assert ours[0].split() == ["Package", "Version"]
    kept = [
        line.split() for line in ours if line.replace("-", "_").split("_")[0] not in dependencies
    ]
    theirs = [line.split() for line in stock.pip("list").out.splitlines()]
    assert ["other", "1.0"] in kept
    assert ["other", "1.0"] in theirs
