"""Metadata is asked for together with variants.json where any wheel's will do."""

import hashlib
import threading
from pathlib import Path

import pytest
from support import faults
from support.environments import FORCED, NEWEST_PIP
from support.server import Index, Reply
from support.wheels import levels, release, variant_wheel, write_index_metadata

JSON = "demo-1.0-variants.json"
WHEEL = "demo-1.0-py3-none-any-v3.whl"
ALL = {**levels("v1", "v2", "v3", "v4"), "null": (), None: ()}


@pytest.fixture
def folder(index: Index) -> Path:
    index.metadata = True
    return release(index.root / "demo", "1.0", ALL)


def install(environment, index: Index, *arguments, **options):
    command = ("install", "--index-url", index.url, "--retries", "0", *arguments)
    return environment.pip(*command, env=FORCED, **options)


def answered_after(index: Index) -> threading.Event:
    """Holds variants.json of demo back until metadata was asked for; set if that came in time."""
    asked, in_time = threading.Event(), threading.Event()

    def note(reply: Reply) -> Reply:
        asked.set()
        return reply

    def hold(reply: Reply) -> Reply:
        if asked.wait(2):
            in_time.set()
        return reply

    for wheel in (index.root / "demo").glob("*.whl"):
        index.faults["GET", f"{wheel.name}.metadata"] = note
    index.faults["GET", JSON] = hold
    return in_time


@pytest.mark.parametrize("pip", ["23.3.2", "24.0", NEWEST_PIP])
@pytest.mark.parametrize("pages", ["html", "json"])
def test_both_are_asked_for_at_once(make_environment, index: Index, folder, pip, pages) -> None:
    """And each once: nothing is asked for that stock pip would not ask for but variants.json."""
    index.pages = pages
    env = make_environment(pip)
    in_time = answered_after(index)
    result = install(env, index, "demo")
    assert env.installed() == ("1.0", "v3")
    assert f"{WHEEL}.metadata" in result.out
    assert in_time.is_set()
    assert [len(index.files(end)) for end in (".json", ".metadata", ".whl")] == [1, 1, 1]
    assert len(index.requests) == 4
    env.reset()


def without_hashes(folder: Path, index: Index) -> None:
    for wheel in folder.glob("*.whl"):
        index.attributes[wheel.name] = {"core-metadata": True}


def with_other_metadata(folder: Path, _: Index) -> None:
    variant_wheel(folder, "v4", ALL["v4"], metadata="Summary: for new machines")


def without_fallback(folder: Path, _: Index) -> None:
    (folder / "demo-1.0-py3-none-any-null.whl").unlink()
    (folder / "demo-1.0-py3-none-any.whl").unlink()


@pytest.mark.parametrize("change", [without_hashes, with_other_metadata, without_fallback])
def test_one_after_the_other(env, index: Index, folder, change) -> None:
    """Where it is not known whose metadata will be wanted, if anybody's."""
    index.pages = "json"
    change(folder, index)
    write_index_metadata(folder)
    in_time = answered_after(index)
    install(env, index, "demo")
    assert env.installed() == ("1.0", "v3")
    assert not in_time.is_set()
    assert index.files(".metadata") == [f"{WHEEL}.metadata"]


@pytest.mark.parametrize(
    "fault",
    [faults.not_found, faults.forbidden, faults.broken, faults.reset],
    ids=lambda fault: fault.__name__,
)
def test_what_fails_is_asked_for_again(env, index: Index, folder: Path, fault) -> None:
    """The files of all wheels but the chosen one are broken, which is none of its business."""
    for wheel in folder.glob("*.whl"):
        index.faults["GET", f"{wheel.name}.metadata"] = fault
    del index.faults["GET", f"{WHEEL}.metadata"]
    result = install(env, index, "demo")
    assert env.installed() == ("1.0", "v3")
    assert len(index.files(".metadata")) == 2
    assert result.err == ""


def test_a_wrong_hash_is_seen(env, index: Index, folder: Path) -> None:
    """As stock pip sees it."""
    for wheel in folder.glob("*.whl"):
        index.attributes[wheel.name] = {"core-metadata": {"sha256": "0" * 64}}
    result = install(env, index, "demo", code=1)
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in result.err
    assert env.installed() is None


def test_a_host_where_pip_has_not_been(env, index: Index, folder: Path, tmp_path: Path) -> None:
    """Might ask for a password: for the first of its projects, pip asks when it is its turn."""
    other = release(index.root / "other", "1.0", ALL, name="other")
    for project in (folder, other):
        for file in project.iterdir():
            url = index.url.replace("127.0.0.1", "localhost") + f"{project.name}/{file.name}"
            index.attributes[file.name] = {"url": url}
    index.pages = "json"
    in_time = answered_after(index)
    install(env, index, "demo", "other", "--trusted-host", "localhost")
    assert not in_time.is_set()
    assert env.installed() == env.installed("other") == ("1.0", "v3")
    assert len(index.files(".metadata")) == 2
    index.requests.clear()
    install(env, index, "--force-reinstall", "other", "demo", "--trusted-host", "localhost")
    assert in_time.is_set()
    assert len(index.requests) == 8


@pytest.mark.parametrize("place", ["url", "netrc"])
def test_credentials(env, index: Index, folder: Path, tmp_path: Path, place: str) -> None:
    """They are known from the page: nobody is asked for them in the background."""
    index.credentials = "me:secret"
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    in_time = answered_after(index)
    url = index.url.replace("//", "//me:secret@") if place == "url" else index.url
    home = {**FORCED, "HOME": str(tmp_path)} if place == "netrc" else FORCED
    result = env.pip("install", "--index-url", url, "demo", env=home)
    assert env.installed() == ("1.0", "v3")
    assert in_time.is_set()
    assert len(index.files(".metadata")) == 1
    assert "secret" not in result.all


def test_hashes_need_no_metadata(env, index: Index, folder: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"demo==1.0 --hash=sha256:{digest}\n")
    install(env, index, "--requirement", tmp_path / "requirements.txt")
    assert env.installed() == ("1.0", "v3")
    assert index.files(".metadata") == []


def test_a_choice_by_hand(env, index: Index, folder: Path) -> None:
    """Of the wheel that is no variant, whose metadata may differ."""
    install(env, index, "--variant", "demo=none", "demo")
    assert env.installed() == ("1.0", None)
    assert index.files(".metadata") == ["demo-1.0-py3-none-any.whl.metadata"]
