"""Metadata out of wheels, where an index has none: of servers of every kind, and not without end."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED, Environment, Result
from support.server import Index, Reply
from support.wheels import levels, release

LABELS = ("v2", "v3", "v4")
WHEEL = "demo-1.0-py3-none-any-{}.whl".format
LARGE = "x" * 5 * 2**20


@pytest.fixture
def folder(index: Index) -> Path:
    return release(index.root / "demo", "1.0", {**levels(*LABELS), None: ()}, index=False)


def large(index: Index) -> None:
    release(
        index.root / "demo",
        "1.0",
        {**levels(*LABELS), None: ()},
        index=False,
        files={"large.txt": LARGE},
    )


def install(env: Environment, index: Index, *words: object, **options: Any) -> Result:
    return env.pip("install", "--index-url", index.url, *words, "demo", env=FORCED, **options)


def head_refused(status: int) -> Callable[[Index], None]:
    def change(index: Index) -> None:
        for label in LABELS:
            index.faults["HEAD", WHEEL(label)] = lambda _: Reply(b"", status)

    return change


def says_nothing_of_ranges(index: Index) -> None:
    """Parts are sent all the same."""

    def quiet(reply: Reply) -> Reply:
        return Reply(
            reply.body,
            reply.status,
            {k: v for k, v in reply.headers.items() if k != "Accept-Ranges"},
        )

    for label in LABELS:
        for method in ("HEAD", "GET", "PARTS"):
            index.faults[method, WHEEL(label)] = quiet


def says_none(index: Index) -> None:
    """And sends them all the same."""
    index.headers["Accept-Ranges"] = "none"
    says_nothing_of_ranges(index)


def no_suffixes(status: int, says_size: bool = True) -> Callable[[Index], None]:
    """Only parts with a beginning are sent."""

    def change(index: Index) -> None:
        for label in LABELS:
            whole = (index.root / "demo" / WHEEL(label)).read_bytes()

            def answer(reply: Reply, whole: bytes = whole) -> Reply:
                if not index.asked[-1]["Range"].startswith("bytes=-"):
                    return reply
                size = {"Content-Range": f"bytes */{len(whole)}"} if says_size else {}
                return Reply(whole) if status == 200 else Reply(b"no", status, size)

            index.faults["PARTS", WHEEL(label)] = answer

    return change


KINDS: dict[str, Callable[[Index], None]] = {
    **{
        f"HEAD is refused with {status}": head_refused(status)
        for status in (400, 403, 404, 405, 500)
    },
    "nothing is said of ranges": says_nothing_of_ranges,
    "ranges are denied": says_none,
    **{f"ends are refused with {status}": no_suffixes(status) for status in (400, 416, 501)},
    "ends are refused, without a size": no_suffixes(416, says_size=False),
    "ends are answered with all of it": no_suffixes(200),
}


LARGE_TOO = (
    "HEAD is refused with 403",
    "ranges are denied",
    "ends are refused with 416",
    "ends are answered with all of it",
)


@pytest.mark.parametrize(
    ("kind", "size"),
    [*((kind, "small") for kind in KINDS), *((kind, "large") for kind in LARGE_TOO)],
)
def test_servers(env: Environment, index: Index, folder: Path, kind: str, size: str) -> None:
    """What a server says of itself does not matter, only what it does."""
    if size == "large":
        large(index)
    KINDS[kind](index)
    result = install(env, index)
    assert env.installed() == ("1.0", "v3"), result.all
    assert result.err == ""
    assert not [one for one in index.requests if one.startswith("HEAD")]
    assert len(index.requests) <= 2 + 4 * len(LABELS)


@pytest.mark.parametrize("pip", ["23.0.1", "24.0", "25.3"])
@pytest.mark.parametrize(
    "kind",
    ["HEAD is refused with 403", "ends are refused with 416", "ends are answered with all of it"],
)
def test_servers_and_older_pips(
    make_environment, index: Index, folder: Path, pip: str, kind: str
) -> None:
    env = make_environment(pip)
    KINDS[kind](index)
    result = install(env, index)
    assert (env.installed(), result.err) == (("1.0", "v3"), ""), result.all
    env.reset()


def test_addresses_that_are_signed_for_one_method(
    env: Environment, index: Index, folder: Path
) -> None:
    """As of object stores: each wheel is a redirect to an address that answers to GET alone."""
    for label in LABELS:
        content = (folder / WHEEL(label)).read_bytes()
        index.replies[f"/simple/demo/{WHEEL(label)}"] = Reply(
            status=302, headers={"Location": f"/store/{label}?signature=1"}
        )
        index.replies[f"/store/{label}"] = Reply(content)
        index.faults["HEAD", label] = lambda _: Reply(b"", 403)
    result = install(env, index)
    assert (env.installed(), result.err) == (("1.0", "v3"), "")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_wheels_that_are_refused(env: Environment, index: Index, folder: Path, status: int) -> None:
    """Their variants cannot be known, and the plain wheel is left."""
    for label in LABELS:
        index.faults["PARTS", WHEEL(label)] = lambda _: Reply(b"", status)
    result = install(env, index, "--no-input")
    assert env.installed() == ("1.0", None), result.all
    (warning,) = [line for line in result.err.splitlines() if "Ignoring the wheel variants" in line]
    assert str(status) in warning


# Indexes that know nothing of variants


def devpi(index: Index, folder: Path) -> None:
    """Pages as devpi's: files below another address, named by their hashes, and no separate metadata."""
    anchors = []
    for wheel in sorted(folder.glob("*.whl")):
        content = wheel.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        path = f"/+f/{digest[:3]}/{digest[3:16]}/{wheel.name}"
        index.replies[path] = Reply(content, headers={"Content-Type": "application/octet-stream"})
        anchors.append(
            f'<a href="../../..{path}#sha256={digest}" data-requires-python="&gt;=3">{wheel.name}</a><br/>'
        )
    page = "<!DOCTYPE html><html><head><title>root/pypi: links for demo</title></head><body>"
    body = f"{page}<h1>root/pypi: links for demo</h1>{''.join(anchors)}</body></html>"
    index.replies["/simple/demo/"] = Reply(body.encode(), headers={"Content-Type": "text/html"})


def mirror(index: Index, folder: Path) -> None:
    """Static files, without parts and without anything but wheels."""
    index.ranges = False


def json_without_hashes(index: Index, folder: Path) -> None:
    index.pages, index.hashes, index.ranges = "json", False, False


@pytest.mark.parametrize("command", ["install", "lock"])
@pytest.mark.parametrize("kind", [devpi, mirror, json_without_hashes])
def test_indexes_that_know_nothing_of_variants(
    env: Environment,
    index: Index,
    folder: Path,
    tmp_path: Path,
    kind: Callable[[Index, Path], None],
    command: str,
) -> None:
    kind(index, folder)
    if command == "lock":
        result = env.pip("lock", "--index-url", index.url, "demo", env=FORCED, cwd=tmp_path)
        assert WHEEL("v3") in (tmp_path / "pylock.toml").read_text()
    else:
        result = install(env, index)
        assert env.installed() == ("1.0", "v3")
    assert "Ignoring" not in result.all
    wheels = index.files(".whl")
    assert max(wheels.count(name) for name in wheels) <= 2


# Not without end


def many(index: Index, labels: int, reply: Reply | None = None) -> None:
    """A page that lists so many variants of demo, each as good as v3, beside the plain wheel."""
    folder = index.root / "demo"
    content = (folder / WHEEL("v3")).read_bytes()
    anchors = [f'<a href="{WHEEL(f"l{number}")}">x</a>' for number in range(labels)]
    anchors.append('<a href="demo-1.0-py3-none-any.whl">x</a>')
    index.replies["/simple/demo/"] = Reply(
        "".join(anchors).encode(), headers={"Content-Type": "text/html"}
    )
    for number in range(labels):
        index.replies[WHEEL(f"l{number}")] = reply or Reply(content)


def test_a_thousand_and_five_hundred_labels(env: Environment, index: Index, folder: Path) -> None:
    """Reading all of them would take as many requests: one warning, and the plain wheel."""
    one = json.loads(_variant_json(folder / WHEEL("v3")))
    many(index, 1500)
    for number in range(1500):
        index.replies[WHEEL(f"l{number}")] = Reply(_wheel(one, f"l{number}"))
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    (warning,) = result.err.splitlines()
    assert warning.strip().startswith(
        "WARNING: Ignoring the wheel variants of demo 1.0: its index has no variant metadata"
    )
    assert len(index.requests) <= 210


def test_a_hundred_labels_are_read(env: Environment, index: Index, folder: Path) -> None:
    one = json.loads(_variant_json(folder / WHEEL("v3")))
    many(index, 100)
    for number in range(100):
        index.replies[WHEEL(f"l{number}")] = Reply(_wheel(one, f"l{number}"))
    result = install(env, index)
    version, label = env.installed() or ("", None)
    assert (version, result.err) == ("1.0", "")
    assert label
    assert len(index.requests) <= 110


def test_large_wheels_without_end(env: Environment, index: Index, folder: Path) -> None:
    """Each is small enough to be read whole; together they are not."""
    one = json.loads(_variant_json(folder / WHEEL("v3")))
    many(index, 50)
    for number in range(50):
        index.replies[WHEEL(f"l{number}")] = Reply(_wheel(one, f"l{number}", size=3 * 2**20))
    result = install(env, index)
    assert env.installed() == ("1.0", None)
    (warning,) = result.err.splitlines()
    assert "Ignoring the wheel variants of demo 1.0: " in warning
    assert len(index.files(".whl")) <= 14


def test_each_release_has_a_budget_of_its_own(env: Environment, index: Index, folder: Path) -> None:
    """What one took is not missing to the next."""
    many(index, 1500)
    release(index.root / "other", "1.0", {**levels("v2", "v3"), None: ()}, "other", index=False)
    result = env.pip("install", "--index-url", index.url, "demo", "other", env=FORCED)
    assert env.installed() == ("1.0", None)
    assert env.installed("other") == ("1.0", "v3")
    assert len(result.err.splitlines()) == 1


def _variant_json(wheel: Path) -> bytes:
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        return archive.read("demo-1.0.dist-info/variant.json")


def _wheel(metadata: dict, label: str, size: int = 0) -> bytes:
    """A wheel that cannot be installed, but whose metadata can be read."""
    import io
    import zipfile

    (variant,) = metadata["variants"].values()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("large.bin", b"x" * size)
        archive.writestr("demo.py", "")
        archive.writestr(
            "demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
        )
        archive.writestr(
            "demo-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("demo-1.0.dist-info/RECORD", "demo.py,,\n")
        archive.writestr(
            "demo-1.0.dist-info/variant.json",
            json.dumps({**metadata, "variants": {label: variant}}),
        )
    return file.getvalue()
