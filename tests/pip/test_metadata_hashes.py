"""A hash that a page gives is that of the file it stands beside, and of no other."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED, Environment, Result
from support.server import Index, Reply
from support.wheels import levels, release

JSON = "demo-{}-variants.json".format


@pytest.fixture(params=["html", "json"])
def folder(index: Index, request: pytest.FixtureRequest) -> Path:
    """Of demo: in 1.0, v3 is for machines of level v3; in 2.0 all are for those of v2."""
    index.pages = request.param
    folder = release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    return release(folder, "2.0", {"v2": levels("v2")["v2"], "v3": levels("v4")["v4"], None: ()})


def install(env: Environment, index: Index, what: str = "demo", **options: Any) -> Result:
    return env.pip("install", "--index-url", index.url, what, env=FORCED, **options)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def assert_refused(env: Environment, result: Result, got: str) -> None:
    assert env.installed() is None
    (line,) = [
        one for one in result.err.splitlines() if one.startswith("ERROR: The variant metadata")
    ]
    assert "does not have the hash that its index gives: expected sha256 " in line
    assert f", got {got}" in line
    assert len([one for one in result.err.splitlines() if one.strip()]) == 1


def test_the_metadata_of_an_older_release(env: Environment, index: Index, folder: Path) -> None:
    """It is on the page, with its hash, and describes other wheels."""
    old = (folder / JSON("1.0")).read_bytes()
    index.replies[JSON("2.0")] = Reply(old)
    assert_refused(env, install(env, index, code=1), sha256(old))


def test_any_other_file_of_the_page(env: Environment, index: Index, folder: Path) -> None:
    """Somebody could list whatever he likes there."""
    forged = json.loads((folder / JSON("2.0")).read_text())
    forged["variants"]["v3"]["x86_64"]["level"] = ["v1"]
    content = json.dumps(forged).encode()
    (folder / "demo-0.1-variants.json").write_bytes(content)
    (folder / "demo-0.1.tar.gz").write_bytes(content)
    index.replies[JSON("2.0")] = Reply(content)
    assert_refused(env, install(env, index, code=1), sha256(content))


@pytest.mark.parametrize("valid", [True, False])
def test_more_than_is_read(env: Environment, index: Index, folder: Path, valid: bool) -> None:
    """Nobody knows the hash of all of it, so it is not the one of the page."""
    whole = (folder / JSON("2.0")).read_bytes() + b" " * (9 * 2**20)
    index.replies[JSON("2.0")] = Reply(whole)
    if valid:
        # Even where it is: it cannot be used, and that is no reason to believe it.
        index.attributes[JSON("2.0")] = {"hashes": {"sha256": sha256(whole)}}
    assert_refused(env, install(env, index, code=1), "more than 8 MiB")


def test_a_page_that_changed_meanwhile(
    env: Environment, index: Index, folder: Path, tmp_path: Path
) -> None:
    """Where pip took the page from its cache, the new page vouches for the new file, beside the same name."""
    index.headers["Cache-Control"] = "max-age=600"
    index.replies[JSON("2.0")] = lambda: Reply(content[-1], headers={"Cache-Control": "no-store"})
    content = [(folder / JSON("2.0")).read_bytes()]
    options = ("--cache-dir", tmp_path / "cache", "--trusted-host", "127.0.0.1")

    def again() -> Result:
        env.reset()
        return env.pip("install", *options, "--index-url", index.url, "demo", env=FORCED, code=None)

    again()
    assert env.installed() == ("2.0", "v2")
    document = json.loads((folder / JSON("2.0")).read_text())
    document["new-key"] = 1
    (folder / JSON("2.0")).write_text(json.dumps(document))
    content.append(json.dumps(document).encode())
    result = again()
    assert (result.code, env.installed()) == (0, ("2.0", "v2")), result.all
    content.append((folder / JSON("1.0")).read_bytes())
    assert_refused(env, again(), sha256(content[-1]))


def listed(index: Index, folder: Path, *twice: tuple[str, str]) -> None:
    """The page, with further links to the metadata of 2.0: where, and with which hash."""
    page = index._page(folder)
    if index.pages == "json":
        document = json.loads(page.body)
        entries = [
            {"filename": JSON("2.0"), "url": url, "hashes": {"sha256": digest} if digest else {}}
            for url, digest in twice
        ]
        document["files"] = [
            one for one in document["files"] if one["filename"] != JSON("2.0")
        ] + entries
        body = json.dumps(document).encode()
    else:
        anchors = "".join(
            f'<a href="{url}{"#sha256=" * bool(digest)}{digest}">{JSON("2.0")}</a>'
            for url, digest in twice
        )
        lines = [line for line in page.body.decode().splitlines() if JSON("2.0") not in line]
        body = "\n".join([*lines[:-1], anchors, lines[-1]]).encode()
    index.replies["/simple/demo/"] = Reply(body, headers=page.headers)


@pytest.mark.parametrize("first", [0, 1])
def test_two_links_with_different_hashes(
    env: Environment, index: Index, folder: Path, first: int
) -> None:
    """Which of them is meant nobody knows: that is said, and neither is taken silently."""
    right, other = (folder / JSON("2.0")).read_bytes(), (folder / JSON("1.0")).read_bytes()
    index.replies[f"/files/{JSON('2.0')}"] = Reply(other)
    links = [(JSON("2.0"), sha256(right)), (f"/files/{JSON('2.0')}", sha256(other))]
    listed(index, folder, links[first], links[1 - first])
    result = install(env, index, code=None)
    assert result.err.strip(), result.all
    assert "demo 2.0" in result.err or JSON("2.0") in result.err
    assert env.installed() in (None, ("2.0", None))


@pytest.mark.parametrize("same", [True, False])
def test_two_links_that_do_not_contradict_each_other(
    env: Environment, index: Index, folder: Path, same: bool
) -> None:
    """The same file twice; or one of them without a hash, which vouches for nothing."""
    digest = sha256((folder / JSON("2.0")).read_bytes())
    listed(index, folder, (JSON("2.0"), digest), (JSON("2.0"), digest if same else ""))
    result = install(env, index)
    assert (env.installed(), result.err) == (("2.0", "v2"), "")


def test_a_link_without_hash_does_not_replace_one_with(
    env: Environment, index: Index, folder: Path
) -> None:
    """Wherever it stands on the page."""
    right, other = (folder / JSON("2.0")).read_bytes(), (folder / JSON("1.0")).read_bytes()
    index.replies[f"/files/{JSON('2.0')}"] = Reply(other)
    for links in (
        [(JSON("2.0"), sha256(right)), (f"/files/{JSON('2.0')}", "")],
        [(f"/files/{JSON('2.0')}", ""), (JSON("2.0"), sha256(right))],
    ):
        listed(index, folder, *links)
        install(env, index)
        assert env.installed() == ("2.0", "v2")
        env.reset()


@pytest.mark.parametrize("folder", ["json"], indirect=True)  # a link of HTML has one
def test_hashes_of_several_algorithms_all_count(
    env: Environment, index: Index, folder: Path
) -> None:
    right = (folder / JSON("2.0")).read_bytes()
    hashes: Mapping[str, str] = {
        "sha256": sha256(right),
        "sha512": hashlib.sha512(b"other").hexdigest(),
    }
    index.attributes[JSON("2.0")] = {"hashes": hashes}
    result = install(env, index, code=1)
    assert "expected sha512" in result.err
