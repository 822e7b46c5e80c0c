"""Nothing hangs, and nothing is said or asked for without end."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED, Environment, Result
from support.server import Index, Reply
from support.wheels import levels, release, variant_wheel

JSON = "demo-1.0-variants.json"


def install(env: Environment, *words: object, **options: Any) -> Result:
    return env.pip("install", *words, "demo", env=FORCED, **options)


@pytest.fixture
def folder(index: Index) -> Path:
    return release(index.root / "demo", "1.0", {**levels("v3"), "null": (), None: ()})


# Files that are no files


@pytest.mark.parametrize(
    "name", [JSON, "demo-9.0-variants.json", "other-1.0-variants.json", "-variants.json"]
)
def test_a_pipe_in_a_folder(env: Environment, folder: Path, name: str) -> None:
    """Whoever opens it waits for somebody to write into it."""
    if name == JSON:
        (folder / JSON).unlink()
    os.mkfifo(folder / name)
    result = install(env, "--no-index", "--find-links", folder)
    assert env.installed() == ("1.0", "v3"), result.all


def test_a_pipe_that_a_page_names(
    env: Environment, index: Index, folder: Path, tmp_path: Path
) -> None:
    """A page of this machine, which pip reads as a file."""
    os.mkfifo(tmp_path / JSON)
    wheels = "".join(f'<a href="{path.as_uri()}">{path.name}</a>' for path in folder.glob("*.whl"))
    (tmp_path / "page.html").write_text(
        f'<html><body>{wheels}<a href="{(tmp_path / JSON).as_uri()}">x</a></body></html>'
    )
    result = install(env, "--no-index", "--find-links", tmp_path / "page.html")
    version, _ = env.installed() or ("", None)
    assert version == "1.0"
    assert "is no ordinary file" in result.err


@pytest.mark.parametrize("what", ["folder", "link to nothing", "device"])
def test_other_things_in_a_folder(env: Environment, folder: Path, what: str) -> None:
    (folder / JSON).unlink()
    if what == "folder":
        (folder / JSON).mkdir()
    elif what == "device":
        (folder / JSON).symlink_to("/dev/zero")
    else:
        (folder / JSON).symlink_to(folder / "nothing")
    result = install(env, "--no-index", "--find-links", folder)
    assert env.installed() == ("1.0", "v3"), result.all


# Very many versions


@pytest.fixture
def unfit(index: Index) -> Path:
    """400 versions of which nothing fits, and one that does, older than all."""
    folder = index.root / "demo"
    release(folder, "0.1", {**levels("v3"), None: ()})
    content = variant_wheel(folder / "one", "v4", levels("v4")["v4"]).read_bytes()
    metadata = json.loads((folder / "demo-0.1-variants.json").read_text())
    metadata["variants"] = {"v4": {"x86_64": {"level": ["v4"]}}}
    for number in range(1, 401):
        index.replies[f"demo-{number}-py3-none-any-v4.whl"] = Reply(content)
        (folder / f"demo-{number}-py3-none-any-v4.whl").touch()
        (folder / f"demo-{number}-variants.json").write_text(json.dumps(metadata))
    return folder


def test_400_unfit_versions_are_one_line(env: Environment, index: Index, unfit: Path) -> None:
    result = install(env, "--index-url", index.url)
    assert env.installed() == ("0.1", "v3")
    skipped = [line.strip() for line in result.out.splitlines() if "Skipping" in line]
    assert len(skipped) == 1
    assert skipped[0].startswith(
        "Skipping 400 versions of demo (400 to 1, each with its reason at -v): no variant fits"
    )
    assert len(result.all) < 3000
    assert result.err == ""


def test_the_rest_is_said_when_asked_for(env: Environment, index: Index, unfit: Path) -> None:
    result = install(env, "-v", "--index-url", index.url)
    assert env.installed() == ("0.1", "v3")
    for number in (1, 200, 400):
        assert f"Skipping demo {number}: no variant fits this machine; v4 needs" in result.out


def test_400_versions_that_do_not_fit_and_nothing_else(
    env: Environment, index: Index, unfit: Path
) -> None:
    for file in unfit.glob("demo-0.1*"):
        file.unlink()
    result = install(env, "--index-url", index.url, code=1)
    assert len([line for line in result.out.splitlines() if "Skipping" in line]) == 1
    # What pip itself says lists all the versions, once or twice.
    assert len(result.all) < 9000


def test_index_versions_asks_for_few(env: Environment, index: Index, unfit: Path) -> None:
    result = env.pip("index", "versions", "--index-url", index.url, "demo", env=FORCED)
    assert len(index.requests) <= 25
    assert len(result.err.splitlines()) <= 1
    index.requests.clear()
    env.pip("list", "--outdated", "--index-url", index.url, env=FORCED)
    assert len(index.requests) <= 25


def test_400_labels_that_do_not_fit_are_one_line(env: Environment, index: Index) -> None:
    folder = release(index.root / "demo", "1.0", {**levels("v4"), None: ()})
    metadata = json.loads((folder / JSON).read_text())
    for number in range(400):
        (folder / f"demo-1.0-py3-none-any-l{number}.whl").touch()
        metadata["variants"][f"l{number}"] = {"x86_64": {"level": ["v4"], f"f{number}": ["1"]}}
    (folder / JSON).write_text(json.dumps(metadata))
    result = install(env, "--index-url", index.url)
    assert env.installed() == ("1.0", None)
    assert len(result.all) < 2000
    (line,) = [
        line for line in result.out.splitlines() if "Using the wheel without variant" in line
    ]
    assert len(line) < 600


# Texts that are no JSON


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("place", ["page", "folder", "wheel"])
def test_json_is_utf_8(
    env: Environment, index: Index, folder: Path, encoding: str, place: str
) -> None:
    """PEP 825 says JSON, which is UTF-8 (RFC 8259, 8.1); what is written otherwise is not read."""
    import zipfile

    text = (folder / JSON).read_text().encode(encoding)
    if place == "wheel":
        (folder / JSON).unlink()
        wheel = folder / "demo-1.0-py3-none-any-v3.whl"
        with zipfile.ZipFile(wheel) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, content in files.items():
                archive.writestr(
                    name,
                    content.decode().encode(encoding) if name.endswith("variant.json") else content,
                )
    else:
        (folder / JSON).write_bytes(text)
    source = (
        ("--no-index", "--find-links", folder) if place == "folder" else ("--index-url", index.url)
    )
    result = install(env, *source)
    assert env.installed() == ("1.0", None)
    (warning,) = result.err.splitlines()
    assert "WARNING: Ignoring the wheel variants of demo 1.0: " in warning
    assert "is not valid JSON" in warning or "is no text" in warning


# Addresses of files


@pytest.mark.parametrize("address", ["file://host/somewhere/{}", "file://host.invalid/{}"])
@pytest.mark.parametrize("listed", ["metadata", "wheel", "both"])
def test_files_of_another_host(
    env: Environment, stock: Environment, index: Index, folder: Path, address: str, listed: str
) -> None:
    """pip cannot read them, and says so; that is no fault of ours."""
    wheel, plain = "demo-1.0-py3-none-any-v3.whl", "demo-1.0-py3-none-any.whl"
    metadata = address.format(JSON) if listed != "wheel" else JSON
    of_wheel = address.format(wheel) if listed != "metadata" else wheel
    body = f'<a href="{metadata}">x</a><a href="{of_wheel}">x</a><a href="{plain}">x</a>'
    index.replies["/simple/demo/"] = Reply(body.encode(), headers={"Content-Type": "text/html"})
    result = install(env, "--index-url", index.url, code=None)
    assert "internal error" not in result.all
    assert "Traceback" not in result.all
    assert result.err.strip()
    assert len([line for line in result.err.splitlines() if line.strip()]) <= 2
    if result.code == 0:
        assert env.installed() == ("1.0", None)
        assert "Ignoring the wheel variants of demo 1.0: " in result.err
    else:
        assert env.installed() is None


def test_a_wheel_of_another_host_is_pips_error(
    env: Environment, stock: Environment, index: Index, folder: Path
) -> None:
    body = f'<a href="file://host/demo-1.0-py3-none-any.whl">x</a><a href="demo-1.0-py3-none-any-v4.whl">x</a><a href="{JSON}">x</a>'
    index.replies["/simple/demo/"] = Reply(body.encode(), headers={"Content-Type": "text/html"})
    results = [install(one, "--index-url", index.url, code=None) for one in (stock, env)]
    assert results[0].code != 0
    assert results[0].code == results[1].code
    assert results[0].err.splitlines()[-1] == results[1].err.splitlines()[-1]
    assert "internal error" not in results[1].all


# One version in many spellings


@pytest.mark.parametrize(
    ("place", "of_wheel", "of_json"),
    [
        ("page", "1.0.0", "1.0"),
        ("folder", "1.0.0", "1.0"),
        ("page", "1.0", "1.0.0"),
        ("folder", "1", "1.0.0.0"),
        ("page", "1.0.post1", "1.0-1"),
        ("folder", "1.0rc1", "1.0.0-rc.1"),
        ("page", "1.0+cpu.1", "1.0+cpu-1"),
    ],
)
def test_one_version_in_two_spellings(
    env: Environment, index: Index, place: str, of_wheel: str, of_json: str
) -> None:
    """PEP 440 says which are equal: the metadata is that of the wheels, and those are not read for it."""
    folder = release(index.root / "demo", of_wheel, {**levels("v2", "v3"), None: ()})
    (written,) = folder.glob("*-variants.json")
    target = folder / f"demo-{of_json.replace('-', '_')}-variants.json"
    written.rename(target)
    document = json.loads(target.read_text())
    del document["variants"]["v3"]  # so that it is seen which is used
    target.write_text(json.dumps(document))
    source = (
        ("--no-index", "--find-links", folder) if place == "folder" else ("--index-url", index.url)
    )
    env.pip("install", "--pre", *source, "demo", env=FORCED)
    found = env.installed()
    assert found is not None and found[1] == "v2"
