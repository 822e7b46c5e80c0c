"""An index over the network: proxies, credentials, redirects, pip's cache, several sources."""

import hashlib
import json
from pathlib import Path

import pytest
from support.environments import FORCED, Environment
from support.server import Index, Reply
from support.wheels import levels, plain_wheel, release, variant_wheel

JSON = "demo-1.0-variants.json"
WHEEL = "demo-1.0-py3-none-any-{}.whl".format
HTML = {"Content-Type": "text/html"}


@pytest.fixture
def folder(index: Index) -> Path:
    return release(index.root / "demo", "1.0", {**levels("v2", "v3", "v4"), "null": (), None: ()})


@pytest.fixture
def second(tmp_path: Path):
    (tmp_path / "second").mkdir()
    with Index(tmp_path / "second") as running:
        yield running


def install(environment: Environment, *arguments, env=None, **options):
    return environment.pip("install", *arguments, env={**FORCED, **(env or {})}, **options)


def page(index: Index, *anchors: str, head: str = "") -> None:
    """What the index answers for demo instead of a list of its files."""
    body = f"<!DOCTYPE html><html><head>{head}</head><body>{' '.join(anchors)}</body></html>"
    index.replies["/simple/demo/"] = Reply(body.encode(), headers=HTML)


def moved(index: Index, path: str, to: str, status: int = 302) -> None:
    index.replies[path] = Reply(status=status, headers={"Location": to})


# Proxies and credentials


@pytest.mark.parametrize("way", ["--proxy", "HTTP_PROXY", "PIP_PROXY"])
@pytest.mark.parametrize("listed", [True, False], ids=["json", "ranges"])
def test_everything_goes_through_the_proxy(env, index: Index, folder: Path, way, listed) -> None:
    """The host of the index has no address: only the proxy knows it."""
    if not listed:
        (folder / JSON).unlink()
    proxy = index.url.removesuffix("/simple/").replace("//", "//me:secret@")
    source = ("--index-url", "http://index.invalid/simple/", "--trusted-host", "index.invalid")
    option, variables = ((way, proxy), {}) if way == "--proxy" else ((), {way: proxy})
    result = install(env, *option, *source, "demo", env=variables)
    assert env.installed() == ("1.0", "v3")
    assert "secret" not in result.all
    assert {headers["Host"] for headers in index.asked} == {"index.invalid"}


def url_with_password(env: Environment, url: str, home: Path):
    return [url.replace("//", "//me:secret@")], {}


def netrc(env: Environment, url: str, home: Path):
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    return [url], {"NETRC": str(home / ".netrc")}


def keyring_command(env: Environment, url: str, home: Path):
    answer = json.dumps({"username": "me", "password": "secret"})
    (home / "keyring").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (home / "keyring").chmod(0o755)
    path = {"PATH": f"{home}:/usr/bin:/bin"}
    return [url.replace("//", "//me@"), "--keyring-provider", "subprocess"], path


def keyring_module(env: Environment, url: str, home: Path):
    (env.site / "keyring.py").write_text("def get_password(url, user):\n    return 'secret'\n")
    return [url.replace("//", "//me@"), "--keyring-provider", "import"], {}


@pytest.mark.parametrize("way", [url_with_password, netrc, keyring_command, keyring_module])
@pytest.mark.parametrize("listed", [True, False], ids=["json", "ranges"])
def test_credentials_reach_the_metadata(env, index, folder, tmp_path, way, listed) -> None:
    if not listed:
        (folder / JSON).unlink()
    index.credentials = "me:secret"
    arguments, variables = way(env, index.url, tmp_path)
    result = install(env, "-v", "demo", "--index-url", *arguments, env=variables)
    assert env.installed() == ("1.0", "v3")
    assert "secret" not in result.all
    if listed:
        assert (JSON, 200) in index.answers


@pytest.mark.parametrize(
    ("listed", "name", "reply"),
    [
        (f"{JSON}", JSON, Reply(b"no", 403)),
        (f"{JSON}", JSON, Reply(b"no", 500)),
        (f"{JSON}#sha256={'0' * 64}", JSON, Reply(b"{}")),
        ("", WHEEL("v3"), Reply(b"", 500)),
    ],
    ids=["forbidden", "broken", "wrong hash", "ranges"],
)
def test_passwords_are_not_printed(env, index: Index, folder, listed, name, reply: Reply) -> None:
    base = f"{index.url}demo/".replace("//", "//me:secret@")
    page(index, f'<a href="{base}{listed}">j</a>', f'<a href="{base}{WHEEL("v3")}">w</a>')
    index.replies[name] = reply
    result = install(env, "--retries", "0", "--index-url", index.url, "demo", code=1)
    assert name in result.err
    assert "secret" not in result.all


def test_passwords_of_sources_that_differ_are_not_printed(env, index, second, folder) -> None:
    release(second.root / "demo", "1.0", {"v3": ("x86_64 :: level :: v2",)})
    sources = [one.url.replace("//", "//me:secret@") for one in (index, second)]
    result = install(env, "--index-url", sources[0], "--extra-index-url", sources[1], "demo")
    assert "The sources of demo 1.0 disagree" in result.err
    assert "secret" not in result.all


# Redirects


@pytest.mark.parametrize("status", [302, 308])
@pytest.mark.parametrize("what", ["page", "json", "wheel", "metadata"])
def test_redirects(env, index: Index, second: Index, folder: Path, what: str, status: int) -> None:
    """To another host, as from an index to where its files are."""
    release(second.root / "demo", "1.0", {**levels("v2", "v3", "v4"), "null": (), None: ()})
    index.metadata = second.metadata = True
    last = {"page": "", "json": JSON, "wheel": WHEEL("v3"), "metadata": WHEEL("v3") + ".metadata"}[
        what
    ]
    moved(index, f"/simple/demo/{last}", f"{second.url}demo/{last}", status)
    install(env, "--index-url", index.url, "demo")
    assert env.installed() == ("1.0", "v3")
    assert f"GET /simple/demo/{last}" in second.requests


def test_a_wheel_elsewhere_is_read_in_parts_too(env, index: Index, second: Index, folder) -> None:
    (folder / JSON).unlink()
    release(second.root / "demo", "1.0", levels("v2", "v3", "v4"), index=False)
    for label in ("v2", "v3", "v4"):
        moved(index, f"/simple/demo/{WHEEL(label)}", f"{second.url}demo/{WHEEL(label)}")
    result = install(env, "--index-url", index.url, "demo")
    assert env.installed() == ("1.0", "v3"), result.all


def test_credentials_do_not_follow_a_redirect(env, index: Index, second: Index, folder) -> None:
    (second.root / JSON).write_bytes((folder / JSON).read_bytes())
    index.credentials = "me:secret"
    moved(index, f"/simple/demo/{JSON}", second.url.replace("127.0.0.1", "localhost") + JSON)
    install(env, "--index-url", index.url.replace("//", "//me:secret@"), "demo")
    assert env.installed() == ("1.0", "v3")
    assert [headers.get("Authorization") for headers in second.asked] == [None]


def test_a_redirect_without_end_is_an_error(env, index: Index, folder: Path) -> None:
    moved(index, f"/simple/demo/{JSON}", f"/simple/demo/{JSON}")
    result = install(env, "--index-url", index.url, "demo", code=1)
    assert env.installed() is None
    assert f"Could not fetch the variant metadata {index.url}demo/{JSON}" in result.err


# pip's cache of what it fetched


@pytest.fixture
def cached(env, index: Index, tmp_path: Path):
    """Install with a cache, each time anew."""
    index.etags = True
    options = ("--cache-dir", tmp_path / "cache", "--trusted-host", "127.0.0.1")

    def run(*arguments, pip: Environment = env):
        pip.reset()
        index.answers.clear()
        return install(pip, *options, "--index-url", index.url, *arguments, "demo")

    return run


@pytest.mark.parametrize("pip", ["23.0.1", "26.3"])
def test_the_metadata_is_asked_for_again_whenever_the_page_is(
    make_environment, index: Index, folder: Path, cached, pip: str
) -> None:
    env = make_environment(pip)
    cached(pip=env)
    assert index.answers == [("demo", 200), (JSON, 200), (WHEEL("v3"), 200)]
    cached(pip=env)
    assert env.installed() == ("1.0", "v3")
    assert index.answers == [("demo", 304), (JSON, 304), (WHEEL("v3"), 304)]
    (folder / WHEEL("v3")).unlink()
    release(folder, "1.0", {"w3": ("x86_64 :: level :: v3",)})
    cached(pip=env)
    assert env.installed() == ("1.0", "w3")
    assert index.answers == [("demo", 200), (JSON, 200), (WHEEL("w3"), 200)]
    env.reset()


def test_a_copy_with_the_hash_of_the_page_is_not_asked_about(
    env, index: Index, folder: Path, cached
) -> None:
    index.replies[JSON] = lambda: Reply(
        (folder / JSON).read_bytes(), headers={"Cache-Control": "max-age=600"}
    )
    cached()
    cached()
    assert env.installed() == ("1.0", "v3")
    assert index.answers == [("demo", 304), (WHEEL("v3"), 304)]
    (folder / WHEEL("v3")).unlink()
    release(folder, "1.0", {"w3": ("x86_64 :: level :: v3",)})
    cached()
    assert env.installed() == ("1.0", "w3")
    assert index.answers == [("demo", 200), (JSON, 200), (WHEEL("w3"), 200)]


def test_changed_metadata_is_seen_although_the_page_has_not_changed(
    env, index: Index, folder: Path, cached
) -> None:
    index.hashes = False
    index.replies[JSON] = lambda: Reply(
        (folder / JSON).read_bytes(), headers={"Cache-Control": "max-age=600"}
    )
    cached()
    assert env.installed() == ("1.0", "v3")
    document = json.loads((folder / JSON).read_text())
    del document["variants"]["v3"]
    (folder / JSON).write_text(json.dumps(document))
    cached()
    assert env.installed() == ("1.0", "v2")
    assert index.answers[:2] == [("demo", 304), (JSON, 200)]


def test_a_page_from_the_cache_and_newer_metadata(env, index: Index, cached) -> None:
    """pip 26.2 and later take a page from the cache for as long as its index allows."""
    index.headers["Cache-Control"] = "max-age=600"
    release(index.root / "demo", "1.0", levels("v2"))
    cached()
    release(index.root / "demo", "1.0", levels("v2", "v3"))
    cached()
    assert env.installed()[1] in ("v2", "v3")
    cached("--refresh-package", "demo")
    assert env.installed() == ("1.0", "v3")


def test_a_cache_is_enough_where_it_is_enough_for_stock_pip(env, stock, tmp_path: Path) -> None:
    """The index is gone, and all that it sent may still be used."""
    root = tmp_path / "gone"
    release(root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    options = ("--retries", "0", "--trusted-host", "127.0.0.1")

    def install_all() -> None:
        for pip, label in ((stock, None), (env, "v3")):
            pip.reset()
            cache = ("--cache-dir", tmp_path / f"cache of {label}")
            install(pip, *options, *cache, "--index-url", index.url, "demo")
            assert pip.installed() == ("1.0", label)

    with Index(root) as index:
        index.headers["Cache-Control"] = "max-age=600"
        install_all()
    install_all()


# What a page may look like


def digest(path: Path, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("pages", "algorithm", "right", "code"),
    [
        ("html", "sha512", True, 0), ("html", "md5", True, 0), ("html", "md5", False, 1),
        ("json", "sha512", True, 0), ("json", "sha256", False, 1), ("json", "blake9", False, 0),
        ("json", "shake_256", False, 0),  # has no fixed length
    ],
)  # fmt: skip
def test_hashes_of_the_metadata(env, index, folder, pages, algorithm, right, code) -> None:
    index.pages = pages
    value = digest(folder / JSON, algorithm) if right else "0" * 64
    index.attributes[JSON] = {"hashes": {algorithm: value}}
    result = install(env, "--index-url", index.url, "demo", code=code)
    assert env.installed() == (None if code else ("1.0", "v3")), result.all
    assert ("does not have the hash that its index gives" in result.err) == bool(code)


def test_a_hash_that_fips_forbids(env: Environment, index: Index, folder: Path) -> None:
    """The page has no other one for the metadata; pip itself would refuse such a wheel."""
    env.at_start(
        "import hashlib\n"
        "new = hashlib.new\n"
        "def fips(name, data=b'', *, usedforsecurity=True):\n"
        "    if name == 'md5' and usedforsecurity:\n"
        "        raise ValueError('[digital envelope routines] unsupported')\n"
        "    return new(name, data, usedforsecurity=usedforsecurity)\n"
        "hashlib.new = fips\n"
    )
    index.attributes[JSON] = {"hashes": {"md5": digest(folder / JSON, "md5")}}
    result = install(env, "--index-url", index.url, "demo")
    assert (env.installed(), result.err) == (("1.0", "v3"), "")


def test_one_wrong_hash_of_several_is_an_error(env, index: Index, folder: Path) -> None:
    index.pages = "json"
    right = digest(folder / JSON).upper()
    index.attributes[JSON] = {"hashes": {"sha256": right}}
    install(env, "--index-url", index.url, "demo")
    assert env.installed() == ("1.0", "v3")
    env.reset()
    index.attributes[JSON] = {"hashes": {"sha256": right, "sha512": "0" * 128}}
    result = install(env, "--index-url", index.url, "demo", code=1)
    assert "expected sha512" in result.err


@pytest.mark.parametrize(
    ("head", "href"),
    [
        ("", "../../files/{}"),
        ("", "/files/{}"),
        ('<base href="{root}/files/">', "{}"),
        ('<base href="{root}/elsewhere/">', "{root}/files/{}"),
        ("", "../../files/{}?token=a%26b&x=1"),
    ],
)
def test_links_of_a_page(env, index: Index, folder: Path, head: str, href: str) -> None:
    root = index.url.removesuffix("/simple/")
    names = [path.name for path in folder.iterdir() if path.is_file()]
    for name in names:
        index.replies[f"/files/{name}"] = Reply((folder / name).read_bytes())
    anchors = [f'<a href="{href.format(name, root=root)}">x</a>' for name in names]
    page(index, *anchors, head=head.format(root=root))
    install(env, "--index-url", index.url, "demo")
    assert env.installed() == ("1.0", "v3")
    assert index.requests[1:] == [f"GET /files/{JSON}", f"GET /files/{WHEEL('v3')}"]


@pytest.mark.parametrize("pages", ["html", "json"])
def test_separate_metadata_spares_the_wheel(env, index: Index, folder: Path, pages: str) -> None:
    index.pages, index.metadata = pages, True
    result = install(env, "--dry-run", "--index-url", index.url, "demo")
    assert "Would install demo-1.0" in result.out
    # The wheel's own metadata is in its end, and has to agree: a dry run promises nothing else.
    files = ["", JSON, f"{WHEEL('v3')}.metadata", WHEEL("v3")]
    assert index.requests == [f"GET /simple/demo/{name}" for name in files]
    assert "Range" in index.asked[-1]


def test_separate_metadata_with_a_wrong_hash_is_pips_error(env, index: Index, folder: Path) -> None:
    index.metadata = True
    index.attributes[WHEEL("v3")] = {"core-metadata": {"sha256": "0" * 64}}
    result = install(env, "--index-url", index.url, "demo", code=1)
    assert env.installed() is None
    assert "hash" in result.err.lower()


# Dates


OLD, NEW = {"upload-time": "2025-01-01T00:00:00Z"}, {"upload-time": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("pip", ["26.2", "26.3"])
@pytest.mark.parametrize(
    ("newer", "expected"),
    [
        ([], ("2.0", "v3")),
        ([JSON.replace("1.0", "2.0")], ("2.0", "v3")),  # was written when v3 was added
        (["demo-2.0-py3-none-any-v3.whl"], ("2.0", "v2")),
        (["demo-2.0-py3-none-any-v3.whl", "demo-2.0-py3-none-any-v2.whl"], ("1.0", "v3")),
    ],
)
def test_files_of_a_day(make_environment, index: Index, folder, pip: str, newer, expected) -> None:
    env = make_environment(pip)
    index.pages = "json"
    release(folder, "2.0", levels("v2", "v3", "v4"))
    for path in folder.iterdir():
        index.attributes[path.name] = NEW if path.name in newer else OLD
    install(env, "--uploaded-prior-to", "2025-06-01", "--index-url", index.url, "demo")
    assert env.installed() == expected
    env.reset()


@pytest.mark.parametrize("extra", ["", "--no-variants"])
def test_metadata_without_a_date_does_no_harm(env, index: Index, folder: Path, extra: str) -> None:
    index.pages = "json"
    for path in folder.glob("*.whl"):
        index.attributes[path.name] = OLD
    options = ("--uploaded-prior-to", "2025-06-01", "--index-url", index.url)
    result = install(env, *options, *filter(None, [extra]), "demo")
    assert env.installed() == ("1.0", None if extra else "v3")
    assert result.err == ""


# Several sources


def test_an_index_two_more_and_a_folder(env, index, second, folder: Path, tmp_path: Path) -> None:
    with Index(tmp_path / "third") as third:
        sources = (
            "--index-url", index.url, "--extra-index-url", second.url,
            "--extra-index-url", third.url, "--find-links", tmp_path / "links",
        )  # fmt: skip
        for path in folder.glob("*"):
            if path.name != "demo-1.0-py3-none-any.whl" and path.is_file():
                path.unlink()
        plain_wheel(second.root / "demo")
        release(third.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
        (tmp_path / "links").mkdir()
        steps = [
            # The third index alone has variants; then the folder has a better one; then an index
            # has a newer version without any; then the folder has one that does not fit.
            (lambda: None, ("1.0", "v3")),
            (lambda: release(tmp_path / "links", "1.1", levels("v2")), ("1.1", "v2")),
            (lambda: plain_wheel(second.root / "demo", version="1.2"), ("1.2", None)),
            (lambda: release(tmp_path / "links", "1.3", levels("v4")), ("1.2", None)),
            (lambda: release(index.root / "demo", "1.3", {"null": ()}), ("1.3", "null")),
        ]
        for change, expected in steps:
            change()
            env.reset()
            result = install(env, *sources, "demo")
            assert env.installed() == expected, result.all
            assert result.err == ""


@pytest.mark.parametrize("resolver", [(), ("--use-deprecated", "legacy-resolver")])
def test_sources_that_contradict_each_other(env, index, second, tmp_path: Path, resolver) -> None:
    """Indexes count in the order of the command line, then the folders."""
    links = tmp_path / "links"
    for number, place in enumerate((index.root / "demo", second.root / "demo", links), 1):
        properties = {"v3": (f"x86_64 :: level :: v{number}",)}
        release(place, "1.0", properties, files={"where.py": str(number)})
    one, two, folder = (index.url, second.url, links)
    for sources, expected in (
        (("-i", one, "--extra-index-url", two, "-f", folder), "1"),
        (("-i", two, "--extra-index-url", one, "-f", folder), "2"),
        (("-f", folder, "-i", two), "2"),
    ):
        env.reset()
        result = install(env, *resolver, *sources, "demo")
        assert (env.site / "where.py").read_text() == expected, sources
        assert "The sources of demo 1.0 disagree about its variants" in result.err


def test_a_page_of_links_to_many_hosts(env, index: Index, second: Index, folder: Path) -> None:
    """The page is the source, wherever its files are."""
    variant_wheel(second.root / "demo", "v3", ["x86_64 :: level :: v3"])
    (folder / WHEEL("v3")).unlink()
    page(
        index,
        f'<a href="{JSON}">j</a> <a href="{WHEEL("v2")}">w</a>',
        f'<a href="{second.url}demo/{WHEEL("v3")}">w</a>',
    )
    for source in (("--index-url", index.url), ("--no-index", "-f", f"{index.url}demo/")):
        env.reset()
        install(env, *source, "demo")
        assert env.installed() == ("1.0", "v3")
