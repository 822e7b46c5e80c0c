"""Metadata is asked for together with variants.json where any wheel's will do."""

import hashlib
import threading
import time
from functools import partial
from http.server import HTTPServer
from pathlib import Path

import pytest
from support import faults
from support.environments import FORCED, NEWEST_PIP
from support.server import Index, Reply
from support.wheels import levels, release, variant_wheel

from pip_variants.publish.index import write_index_metadata

JSON = "demo-1.0-variants.json"
WHEEL = "demo-1.0-py3-none-any-v3.whl"
ALL = {**levels("v1", "v2", "v3", "v4"), "null": (), None: ()}
PROJECTS = ("first", "demo", "last")  # pip resolves them in this order
BEST = ("1.0", "v3")


@pytest.fixture
def folder(index: Index) -> Path:
    """That of demo. The first project of a host is not worth a second connection."""
    index.metadata = True
    for name in PROJECTS:
        release(index.root / name, "1.0", ALL, name=name)
    return index.root / "demo"


# pip asks by itself where an answer is not there soon after the variants.json. How soon it is says
# how fast the machine is, which no test is about.
PATIENT = """
import sys
class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "pip_variants.pip_adapter.variants.candidates":
            sys.meta_path.remove(Finder)
            from pip_variants.pip_adapter.variants import early
            early._PATIENCE = 60.0
sys.meta_path.insert(0, Finder)
"""


def install(
    environment, index: Index, *arguments, variables=FORCED, patient: bool = True, **options
):
    command = ("install", "--index-url", index.url, "--retries", "0", *arguments)
    return environment.pip(
        *command, env={**variables, **(patience(index) if patient else {})}, **options
    )


def patience(index: Index) -> dict[str, str]:
    folder = index.root.parent / "patience"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(PATIENT)
    return {"PYTHONPATH": str(folder)}


def answered_after(index: Index, name: str = "demo", *, seconds: float = 60) -> threading.Event:
    """Holds variants.json back until metadata was asked for; set if that came in time.

    Where it should not come, a few `seconds` are enough: the test is not stricter with more.
    """
    asked, in_time = threading.Event(), threading.Event()

    def note(reply: Reply) -> Reply:
        asked.set()
        return reply

    def hold(reply: Reply) -> Reply:
        if asked.wait(seconds):
            in_time.set()
        return reply

    for wheel in (index.root / name).glob("*.whl"):
        index.faults["GET", f"{wheel.name}.metadata"] = note
    index.faults["GET", f"{name}-1.0-variants.json"] = hold
    return in_time


@pytest.mark.parametrize("pip", ["23.3.2", "24.0", NEWEST_PIP])
@pytest.mark.parametrize("pages", ["html", "json"])
def test_both_are_asked_for_at_once(make_environment, index: Index, folder, pip, pages) -> None:
    """And each once: nothing is asked for that stock pip would not ask for but variants.json."""
    index.pages = pages
    env = make_environment(pip)
    first, second = answered_after(index, "first", seconds=1), answered_after(index)
    result = install(env, index, "first", "demo")
    assert env.installed() == env.installed("first") == BEST
    assert f"{WHEEL}.metadata" in result.out
    assert second.is_set()
    assert not first.is_set()
    assert [len(index.files(end)) for end in (".json", ".metadata", ".whl")] == [2, 2, 2]
    assert len(index.requests) == 8
    env.reset()


def without_hashes(folder: Path, index: Index) -> None:
    for wheel in folder.glob("*.whl"):
        index.attributes[wheel.name] = {"core-metadata": True}


def with_other_metadata(folder: Path, _: Index) -> None:
    variant_wheel(folder, "v4", ALL["v4"], metadata=["Summary: for new machines"])


def without_fallback(folder: Path, _: Index) -> None:
    (folder / "demo-1.0-py3-none-any-null.whl").unlink()
    (folder / "demo-1.0-py3-none-any.whl").unlink()


@pytest.mark.parametrize("change", [without_hashes, with_other_metadata, without_fallback])
def test_one_after_the_other(env, index: Index, folder, change) -> None:
    """Where it is not known whose metadata will be wanted, if anybody's."""
    index.pages = "json"
    change(folder, index)
    write_index_metadata(folder)
    in_time = answered_after(index, seconds=1)
    install(env, index, "first", "demo")
    assert env.installed() == BEST
    assert not in_time.is_set()
    assert index.files(".metadata")[1:] == [f"{WHEEL}.metadata"]


def moved(_: Reply) -> Reply:
    return Reply(status=302, headers={"Location": f"/simple/demo/{WHEEL}.metadata"})


FAULTS = [faults.not_found, faults.forbidden, faults.broken, faults.reset, faults.no_answer, moved]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_what_fails_is_asked_for_again(env, index: Index, folder: Path, fault) -> None:
    """By pip itself, and nothing else ahead. It is not even the metadata of the chosen wheel."""
    for wheel in folder.glob("*.whl"):
        index.faults["GET", f"{wheel.name}.metadata"] = fault
    del index.faults["GET", f"{WHEEL}.metadata"]
    in_time = answered_after(index, "last", seconds=1)
    result = install(env, index, *PROJECTS, patient=False)
    assert [env.installed(name) for name in PROJECTS] == [BEST] * 3
    assert not in_time.is_set()
    assert len(index.files(".metadata")) == 4
    assert result.err == ""


@pytest.mark.parametrize(
    "fault",
    [
        *(
            pytest.param(one, marks=pytest.mark.long) if one is faults.no_answer else one
            for one in FAULTS
        ),
        *(
            faults.slow_drip,
            faults.truncated,
            faults.wrong_length,
            faults.wrong_type,
            faults.gzip_bomb,
        ),
    ],
    ids=lambda fault: fault.__name__,
)
def test_faults_are_pips(env, index: Index, folder: Path, fault) -> None:
    """All of a release's metadata is broken: the same happens as when demo comes first."""
    index.pages = "json"
    for wheel in folder.glob("*.whl"):
        index.faults["GET", f"{wheel.name}.metadata"] = fault
    # Long enough for all that is answered, however slow the machine is.
    options = ("--timeout", "5" if fault is faults.no_answer else "60")
    alone = install(env, index, *options, "demo", code=None)
    is_installed = env.installed()
    env.reset()
    ahead = install(env, index, *options, "first", "demo", code=None)
    assert (ahead.code, ahead.err, env.installed()) == (alone.code, alone.err, is_installed)
    assert ahead.code == 0 or env.installed("first") is None


def test_a_wrong_hash_is_seen(env, index: Index, folder: Path) -> None:
    """As stock pip sees it."""
    index.pages = "json"
    for wheel in folder.glob("*.whl"):
        index.attributes[wheel.name] = {"core-metadata": {"sha256": "0" * 64}}
    in_time = answered_after(index)
    result = install(env, index, "first", "demo", code=1)
    assert in_time.is_set()
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in result.err
    assert env.installed() is env.installed("first") is None


def test_a_server_with_one_connection_at_a_time(env, index: Index, folder: Path) -> None:
    """pip keeps the first connection, so that nothing is ever answered on a second one."""
    server = index._server
    server.process_request = partial(HTTPServer.process_request, server)  # type: ignore[method-assign]
    started = time.monotonic()
    result = install(env, index, "--timeout", "100", *PROJECTS, patient=False)
    assert time.monotonic() - started < 100  # it was not waited for
    assert [env.installed(name) for name in PROJECTS] == [BEST] * 3
    assert result.err == ""


@pytest.mark.parametrize("place", ["url", "netrc"])
def test_credentials(env, index: Index, folder: Path, tmp_path: Path, place: str) -> None:
    """They are those of the page: nobody is asked for them in the background."""
    index.credentials = "me:secret"
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    in_time = answered_after(index)
    url = index.url.replace("//", "//me:secret@") if place == "url" else index.url
    home = {**FORCED, "HOME": str(tmp_path)} if place == "netrc" else FORCED
    result = env.pip(
        "install", "--index-url", url, "first", "demo", env={**home, **patience(index)}
    )
    assert env.installed() == BEST
    assert in_time.is_set()
    assert len(index.files(".metadata")) == 2
    assert "secret" not in result.all


def test_a_proxy(env, index: Index, folder: Path) -> None:
    proxy, index.url = index.url.removesuffix("/simple/"), "http://index.invalid/simple/"
    in_time = answered_after(index)
    install(env, index, "--proxy", proxy, "--trusted-host", "index.invalid", "first", "demo")
    assert env.installed() == BEST
    assert in_time.is_set()
    assert len(index.requests) == 8
    assert {headers["Host"] for headers in index.asked} == {"index.invalid"}


def test_a_cache(env, index: Index, folder: Path, tmp_path: Path) -> None:
    """What pip may take from its cache is not asked for, ahead or later."""
    index.headers["Cache-Control"] = "max-age=600"
    for _ in range(2):
        index.requests.clear()
        options = ("--cache-dir", tmp_path / "cache", "--trusted-host", "127.0.0.1")
        install(
            env, index, *options, "first", "demo", variables={**FORCED, "PIP_NO_CACHE_DIR": "0"}
        )
        assert env.installed() == BEST
        env.reset()
    assert index.files(".metadata") == []


def test_hashes_need_no_metadata(env, index: Index, folder: Path, tmp_path: Path) -> None:
    lines = []
    for name in ("first", "demo"):
        wheel = index.root / name / WHEEL.replace("demo", name)
        lines += [f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"]
    (tmp_path / "requirements.txt").write_text("".join(lines))
    install(env, index, "--requirement", tmp_path / "requirements.txt")
    assert env.installed() == env.installed("first") == BEST
    assert index.files(".metadata") == []


def test_a_choice_by_hand(env, index: Index, folder: Path) -> None:
    """Of the wheel that is no variant, whose metadata may differ."""
    install(env, index, "--variant", "demo=none", "first", "demo")
    assert env.installed() == ("1.0", None)
    assert index.files(".metadata")[1:] == ["demo-1.0-py3-none-any.whl.metadata"]
