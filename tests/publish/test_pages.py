"""`pip-variants index --pages`: what the pages of a static index say; and `--add`."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.wheels import levels, plain_wheel, release, sdist, variant_wheel

from pip_variants.cli import main

V3 = "demo-1.0-py3-none-any-v3.whl"


def test_pages_say_what_installers_need(tmp_path: Path, capsys) -> None:
    requires = ["Requires-Python: >=3.9"]
    release(tmp_path, "1.0", {**levels("v3"), None: ()}, "Demo_One", metadata=requires, index=False)
    (tmp_path / "demo_one-1.0.tar.gz").write_text("")
    sdist(tmp_path, "other")
    for name in ("notes.txt", "strange.whl", "nothing.tar.gz"):
        (tmp_path / name).write_text("")
    assert main(["index", str(tmp_path), "--pages"]) == 0
    written = ["demo_one-1.0-variants.json"]
    written += [
        f"simple/{one}" for one in ("demo-one/index.html", "demo-one/index.json", "index.html")
    ]
    written += ["simple/other/index.html", "simple/other/index.json"]
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / one) for one in written]

    page = json.loads((tmp_path / "simple/demo-one/index.json").read_text())
    files = {one.pop("filename"): one for one in page.pop("files")}
    assert page == {"meta": {"api-version": "1.1"}, "name": "demo-one", "versions": ["1.0"]}
    wheels = ["Demo_One-1.0-py3-none-any-v3.whl", "Demo_One-1.0-py3-none-any.whl"]
    assert sorted(files) == [*wheels, "demo_one-1.0-variants.json", "demo_one-1.0.tar.gz"]
    html = (tmp_path / "simple/demo-one/index.html").read_text()
    for name, said in files.items():
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        url = f"../../{name}"
        expected = {
            "url": url,
            "size": (tmp_path / name).stat().st_size,
            "hashes": {"sha256": digest},
        }
        if name.endswith(".json"):
            assert f'<a href="{url}#sha256={digest}">{name}</a>' in html
        else:
            expected["requires-python"] = ">=3.9"
            link = f'<a href="{url}#sha256={digest}" data-requires-python="&gt;=3.9"'
            if name in wheels:
                core = hashlib.sha256((tmp_path / f"{name}.metadata").read_bytes()).hexdigest()
                expected["core-metadata"] = {"sha256": core}
                link += f' data-core-metadata="sha256={core}"'
            assert f"{link}>{name}</a>" in html
        assert said == expected
    assert (
        (tmp_path / "simple/index.html")
        .read_text()
        .endswith('<a href="demo-one/">demo-one</a><br>\n<a href="other/">other</a><br>\n')
    )


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "demo-2.0-py3-none-any.whl",
            b"no archive",
            "cannot be read as a wheel: File is not a zip file",
        ),
        (
            "demo-2.0-py3-none-any.whl",
            None,
            "demo-2.0-py3-none-any.whl has no demo-1.0.dist-info/METADATA",
        ),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, capsys, name: str, content, complaint: str
) -> None:
    if content is None:
        plain_wheel(tmp_path).rename(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        content = data.replace(b"dist-info/METADATA", b"dist-info/METADATE")
    (tmp_path / name).write_bytes(content)
    assert main(["index", str(tmp_path), "--pages"]) == 1
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "simple").exists()


def test_wheels_are_added_to_what_is_published(tmp_path: Path, capsys) -> None:
    """The other wheels need not be there; what was published stays."""
    dist, folder = tmp_path / "dist", tmp_path / "new" / "index"
    for label in ("v2", "v3", "v4"):
        wheel = variant_wheel(dist, label, [f"x86_64 :: level :: {label}"])
        assert main(["index", str(folder), "--add", str(wheel)]) == 0
        assert capsys.readouterr().out == f"{folder / 'demo-1.0-variants.json'}\n"
        wheel.unlink()
    published = (folder / "demo-1.0-variants.json").read_bytes()
    assert sorted(json.loads(published)["variants"]) == ["v2", "v3", "v4"]

    other = variant_wheel(dist, "v3", ["x86_64 :: level :: v1"])
    fresh = variant_wheel(dist, "v1", ["x86_64 :: level :: v1"])
    assert main(["index", str(folder), "--add", str(fresh), "--add", str(other)]) == 1
    assert capsys.readouterr().err == (
        f"pip-variants: {V3} contradicts the files before it: variants.v3 differs\n"
    )
    assert (folder / "demo-1.0-variants.json").read_bytes() == published


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("gone-1.0-py3-none-any-v3.whl", 1, "cannot be read as a wheel: "),
        ("wheel.txt", 1, "invalid wheel file name"),
        ("demo-1.0-py3-none-any-V3.whl", 1, "invalid variant label (must match [a-z0-9_.]+): 'V3'"),
        ("demo-1.0-py3-none-any.whl", 0, "demo-1.0-py3-none-any.whl: no metadata was written."),
    ],
)
def test_what_cannot_be_added(tmp_path: Path, capsys, name: str, code: int, said: str) -> None:
    plain_wheel(tmp_path / "dist")
    assert main(["index", str(tmp_path), "--add", str(tmp_path / "dist" / name)]) == code
    out, err = capsys.readouterr()
    assert said in out + err
    assert not list(tmp_path.glob("*.json"))


# Pages that are there


def published(folder: Path, project: str = "demo") -> dict[str, dict]:
    """What the page of a project says of each file."""
    page = json.loads((folder / "simple" / project / "index.json").read_text())
    return {one["filename"]: one for one in page["files"]}


def test_pages_that_are_there_stay_in_step(tmp_path: Path, capsys) -> None:
    """Whoever grows a release need not know that there are pages, nor have its other wheels."""
    folder = release(tmp_path / "dist", "1.0", {**levels("v3"), None: ()})
    assert main(["index", str(folder), "--pages"]) == 0
    before = published(folder)
    (folder / V3).unlink()
    new = variant_wheel(tmp_path / "new", "v4", ["x86_64 :: level :: v4"])
    assert main(["index", str(folder), "--add", str(new)]) == 0
    assert "index.json" in capsys.readouterr().out
    after = published(folder)
    assert {name: after[name] for name in (V3, "demo-1.0-py3-none-any.whl")} == {
        name: before[name] for name in (V3, "demo-1.0-py3-none-any.whl")
    }
    assert after[new.name]["hashes"] == {"sha256": hashlib.sha256(new.read_bytes()).hexdigest()}
    document = (folder / "demo-1.0-variants.json").read_bytes()
    assert after["demo-1.0-variants.json"]["hashes"] == {
        "sha256": hashlib.sha256(document).hexdigest()
    }
    assert (folder / f"{new.name}.metadata").exists()
    assert main(["index", str(folder)]) == 0  # all that is in the folder, and nothing else
    assert sorted(published(folder)) == ["demo-1.0-py3-none-any.whl"] + ["demo-1.0-variants.json"]


def test_a_yanked_version_stays_yanked(tmp_path: Path, capsys) -> None:
    for version in ("1.0", "2.0"):
        release(tmp_path, version, {**levels("v3"), None: ()})
    arguments = ["index", str(tmp_path), "--yank"]
    assert main([*arguments, "3.0"]) == 1
    assert f"nothing was yanked: no file in {tmp_path} is of 3.0" in capsys.readouterr().err
    assert not (tmp_path / "simple").exists()
    plain_wheel(tmp_path, "other", "3.0")
    assert main([*arguments, "2.0=<wrong> results", "--yank", "1.0"]) == 0
    for _ in range(2):
        said = {name: one.get("yanked") for name, one in published(tmp_path).items()}
        assert {name: one for name, one in said.items() if "-2.0" in name} == {
            "demo-2.0-py3-none-any-v3.whl": "<wrong> results",
            "demo-2.0-py3-none-any.whl": "<wrong> results",
            "demo-2.0-variants.json": None,  # PEP 825: it means nothing there
        }
        assert said[V3] is True
        html = (tmp_path / "simple/demo/index.html").read_text()
        assert html.count('data-yanked="&lt;wrong&gt; results"') == 2
        assert html.count('data-yanked=""') == 2
        assert "yanked" not in published(tmp_path, "other")["other-3.0-py3-none-any.whl"]
        assert main(["index", str(tmp_path)]) == 0


def test_a_page_that_is_not_ours(tmp_path: Path, capsys) -> None:
    release(tmp_path, "1.0", {**levels("v3"), None: ()})
    assert main(["index", str(tmp_path), "--pages"]) == 0
    page = tmp_path / "simple/demo/index.json"
    page.write_text("[]")
    assert main(["index", str(tmp_path)]) == 1
    assert f"{page} is no page of ours, remove it: " in capsys.readouterr().err


def test_json_of_what_was_written(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    release(tmp_path / "dist", "1.0", {**levels("v3"), None: ()})
    (tmp_path / "dist" / "strange.whl").write_text("")
    assert main(["index", "--json"]) == 0  # of dist, where nothing is said
    out = json.loads(capsys.readouterr().out)
    assert out["version"] == "1"
    assert out["written"] == [str(Path("dist/demo-1.0-variants.json"))]
    assert "'strange.whl'" in out["left_out"][0]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("command", [["index", "--pages"], ["verify", "--target", "here"]])
def test_long_work_shows_how_far_it_is_on_a_terminal_only(
    tmp_path: Path, command: list[str]
) -> None:
    import pty

    release(
        tmp_path / "dist", "1.0", {**levels("v3"), None: ()}, files={"big.txt": "x" * 3 * 2**20}
    )
    shutil.rmtree(tmp_path / "dist" / "plain")
    arguments = [sys.executable, "-m", "pip_variants", *command]
    terminal, other = pty.openpty()
    done = subprocess.run(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=other, check=True)
    os.close(other)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so that nobody writes any more
        while piece := os.read(terminal, 2**16):
            shown += piece
    os.close(terminal)
    lines = shown.decode().split("\r\033[K")
    assert any(line.startswith("1 of 2: 'demo-1.0-py3-none-any") for line in lines)
    assert any(line.startswith("2 MiB of '") for line in lines)
    assert lines[-1] == ""  # and it is gone
    again = subprocess.run(arguments, cwd=tmp_path, capture_output=True, check=True)
    assert (again.stdout, again.stderr) == (done.stdout, b"")
