"""Providers that are trusted by name: from where they come, and what is kept of them.

GOOD is the index of the run of pip; what EVIL has of the trusted name may never run.
"""

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.environments import ALL_PIPS, FORCED, WHEELHOUSE, Environment, Result, download
from support.server import Index, Reply
from support.wheels import plain_wheel, release, sdist

from pip_variants.model.metadata import PluginProvider

TRUST = ("--variant-trust", "acme-plugin")
REFUSED = "--variant-trust acme-plugin cannot be used where hashes are required"
ENTRY_POINT = "[variant_plugins]\nacme = acme_plugin\n"
PLUGIN = """
from types import SimpleNamespace
{}
def get_supported_configs():
    return [SimpleNamespace(name="engine", values=["mk{}"], multi_value=False)]
"""


def demo(root: Path) -> None:
    labels = {f"mk{number}": (f"acme :: engine :: mk{number}",) for number in (1, 2)}
    provider = {"acme": PluginProvider(("acme-plugin",), "acme_plugin")}
    release(root / "demo", "1.0", {**labels, None: ()}, namespaces=("acme",), providers=provider)


def plugin(
    root: Path, version: str = "1.0", code: str = "", points: str = ENTRY_POINT, requires: str = ""
) -> Path:
    """What finds the engine `mk1` in its version 1, `mk2` in 2."""
    files = {"acme_plugin.py": PLUGIN.format(code, version[0])}
    if points:
        files[f"acme_plugin-{version}.dist-info/entry_points.txt"] = points
    metadata = [f"Requires-Dist: {requires}"] if requires else []
    return plain_wheel(root / "acme-plugin", "acme_plugin", version, files=files, metadata=metadata)


def source(folder: Path, name: str, ran: Path) -> None:
    """A source distribution that says so when anything of it runs."""
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": f"open({str(ran)!r}, 'w')\n",
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    }
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
        for file, text in files.items():
            info = tarfile.TarInfo(f"{name}-1.0/{file}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def install(
    env: Environment, *arguments: object, more: dict[str, str] | None = None, **options
) -> Result:
    return env.pip(
        "install",
        "--force-reinstall",
        *TRUST,
        *arguments,
        env={**FORCED, **(more or {})},
        **options,
    )


def caching(folder: Path) -> dict[str, str]:
    return {"PIP_NO_CACHE_DIR": "", "PIP_CACHE_DIR": str(folder / "cache")}


@pytest.fixture
def good(index: Index) -> Index:
    demo(index.root)
    plugin(index.root)
    return index


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """What code of EVIL's writes to when it runs."""
    return tmp_path / "ran"


@pytest.fixture
def evil(tmp_path: Path, ran: Path) -> Iterator[Index]:
    root = tmp_path / "evil"
    plugin(root, "2.0", f"open({str(ran)!r}, 'w')")
    with Index(root) as running:
        yield running


# From where


def in_requirements(
    good: Index, evil: Index, folder: Path
) -> tuple[str, list[str], dict[str, str]]:
    return f"--index-url {good.url}", [], {"PIP_INDEX_URL": evil.url}


def isolated(good: Index, evil: Index, folder: Path) -> tuple[str, list[str], dict[str, str]]:
    return "", ["--isolated", "--index-url", good.url], {"PIP_EXTRA_INDEX_URL": evil.url}


def links_in_requirements(
    good: Index, evil: Index, folder: Path
) -> tuple[str, list[str], dict[str, str]]:
    for name in ("demo", "acme-plugin"):
        (good.root / name).rename(folder / name)
    links = "\n".join(f"--find-links {name}" for name in ("demo", "acme-plugin"))
    return f"--no-index\n{links}", [], {"PIP_INDEX_URL": evil.url}


def relative_links(good: Index, evil: Index, folder: Path) -> tuple[str, list[str], dict[str, str]]:
    for name in ("demo", "acme-plugin"):
        (good.root / name).rename(folder / name)
    return "", ["--no-index", "--find-links", "demo", "--find-links", "acme-plugin"], {}


def trusted_host(good: Index, evil: Index, folder: Path) -> tuple[str, list[str], dict[str, str]]:
    """The host has no address, and only the proxy knows it."""
    lines = "--index-url http://index.invalid/simple/\n--trusted-host index.invalid"
    proxy = good.url.removesuffix("/simple/").replace("//", "//me:hidden@")
    return lines, [], {"PIP_PROXY": proxy}


LONG = pytest.param(relative_links, marks=pytest.mark.long)
WAYS = [in_requirements, isolated, links_in_requirements, LONG, trusted_host]


@pytest.mark.parametrize("way", WAYS)
def test_the_provider_comes_from_where_this_run_looks(
    env, good: Index, evil: Index, ran: Path, tmp_path: Path, way
) -> None:
    lines, options, more = way(good, evil, tmp_path)
    (tmp_path / "requirements.txt").write_text(f"{lines}\ndemo\n")
    result = install(env, *options, "-r", "requirements.txt", more=more, cwd=tmp_path)
    assert not ran.exists()
    assert env.installed() == ("1.0", "mk1"), result.all
    assert not [one for one in evil.requests if "acme" in one]


@pytest.mark.parametrize("file", ["helper-1.0.tar.gz", "helper-1.0-py3-none-any.whl"])
def test_what_it_requires_comes_from_no_other_place(
    env, good: Index, evil: Index, ran: Path, file: str
) -> None:
    """Nor is anything built: the file of the address would run code while it is installed."""
    plain_wheel(evil.root / "helper", "helper")
    source(evil.root / "helper", "helper", ran)
    plugin(good.root, requires=f"helper @ {evil.url}helper/{file}")
    result = install(env, "--index-url", good.url, "demo", code=1)
    assert "the provider acme-plugin could not be installed: " in result.err
    assert not evil.requests
    assert not ran.exists()
    assert env.installed() is None


def test_it_is_no_wheel_where_the_user_wants_none(env, good: Index, ran: Path) -> None:
    """--no-binary stands against wheels only: neither is broken."""
    source(good.root / "acme-plugin", "acme_plugin", ran)
    formats = ("--no-binary", ":all:", "--only-binary", "demo")
    result = install(env, "--index-url", good.url, *formats, "demo", code=1)
    assert "the provider acme-plugin could not be installed" in result.err
    assert not ran.exists()


def test_constraints_count(env, good: Index, tmp_path: Path) -> None:
    """Of a file that is named relative to the folder of another; what was kept without does not."""
    plugin(good.root, "2.0")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "requirements.txt").write_text("-c limits.txt\ndemo\n")
    (tmp_path / "more" / "limits.txt").write_text("acme-plugin<2; python_version > '3'\n")
    (tmp_path / "limits.txt").write_text("acme-plugin<2\nother @ http://127.0.0.1:1/other.whl\n")
    cache = caching(tmp_path)
    for arguments, more, expected in (
        (["demo"], {}, "mk2"),
        (["-r", "more/requirements.txt"], {}, "mk1"),
        (["demo"], {"PIP_CONSTRAINT": "limits.txt"}, "mk1"),
    ):
        result = install(
            env, "--index-url", good.url, *arguments, more={**cache, **more}, cwd=tmp_path
        )
        assert env.installed() == ("1.0", expected), result.all


def test_the_time_of_upload_counts(env, good: Index) -> None:
    plugin(good.root, "2.0")
    good.pages = "json"
    for file in good.root.rglob("*"):
        good.attributes[file.name] = {
            "upload-time": f"20{'30' if '2.0' in file.name else '20'}-01-01T00:00:00Z"
        }
    for limit, expected in (("2025-01-01", "mk1"), ("2031-01-01", "mk2")):
        result = install(env, "--index-url", good.url, "--uploaded-prior-to", limit, "demo")
        assert env.installed() == ("1.0", expected), result.all


def test_pre_releases_count_where_this_run_allows_them(env, good: Index, tmp_path: Path) -> None:
    plugin(good.root, "2.0b1")
    for line, expected in (("", "mk1"), ("--pre", "mk2")):
        (tmp_path / "requirements.txt").write_text(f"{line}\ndemo\n")
        result = install(env, "--index-url", good.url, "-r", tmp_path / "requirements.txt")
        assert env.installed() == ("1.0", expected), result.all


# Secrets


HIDDEN = secrets.token_hex(8)


def command_lines() -> str:
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_text(errors="replace"))
        except OSError:  # it ended
            continue
    return "\n".join(lines)


def keyring(env: Environment, index: Index, home: Path) -> tuple[str, list[str], dict[str, str]]:
    answer = json.dumps({"username": "me", "password": HIDDEN})
    (home / "keyring").write_text(f"#!/bin/sh\necho '{answer}'\n")
    (home / "keyring").chmod(0o755)
    return (
        index.url.replace("//", "//me@"),
        ["--keyring-provider", "subprocess"],
        {"PATH": f"{home}:/usr/bin:/bin"},
    )


def keyring_unasked(
    env: Environment, index: Index, home: Path
) -> tuple[str, list[str], dict[str, str]]:
    """Where pip may ask, it looks for a keyring by itself."""
    url, _, more = keyring(env, index, home)
    return url, [], {**more, "PIP_NO_INPUT": ""}


def in_the_url(env: Environment, index: Index, home: Path) -> tuple[str, list[str], dict[str, str]]:
    return index.url.replace("//", f"//me:{HIDDEN}@"), [], {}


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="no /proc")
@pytest.mark.parametrize(
    "way", [in_the_url, keyring_unasked, pytest.param(keyring, marks=pytest.mark.long)]
)
def test_credentials_stand_on_no_command_line_and_are_not_kept(
    env, good: Index, tmp_path: Path, way
) -> None:
    url, options, more = way(env, good, tmp_path)
    good.credentials = f"me:{HIDDEN}"
    seen: list[str] = []
    wheel = next((good.root / "acme-plugin").iterdir())

    def answer() -> Reply:
        seen.append(command_lines())
        return Reply(wheel.read_bytes())

    good.replies[wheel.name] = answer
    (tmp_path / "requirements.txt").write_text(f"--index-url {url}\ndemo\n")
    result = install(
        env, *options, "-r", tmp_path / "requirements.txt", more={**more, **caching(tmp_path)}
    )
    assert env.installed() == ("1.0", "mk1"), result.all
    assert seen
    assert HIDDEN not in "".join(seen)
    assert HIDDEN not in result.all
    kept = [one for one in (tmp_path / "cache").rglob("*") if one.is_file()]
    assert kept
    assert not [one for one in kept if HIDDEN.encode() in one.read_bytes()]
    good.replies[wheel.name] = Reply(b"no", 403)
    result = install(env, *options, "-r", tmp_path / "requirements.txt", more=more, code=1)
    assert "the provider acme-plugin could not be installed" in result.err
    assert HIDDEN not in result.all


# Hashes


def lock(good: Index, folder: Path) -> list[object]:
    wheels = sorted((good.root / "demo").glob("*.whl"))
    table = json.loads((good.root / "demo" / "demo-1.0-variants.json").read_text())
    lines = [
        'lock-version = "1.0"',
        'created-by = "test"',
        "[[packages]]",
        'name = "demo"',
        'version = "1.0"',
        "wheels = [",
    ]
    for wheel in wheels:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(
            f'{{name = "{wheel.name}", url = "{good.url}demo/{wheel.name}", hashes = {{sha256 = "{digest}"}}}},'
        )
    lines += [
        "]",
        "[packages.variants-json]",
        *(f"{json.dumps(key)} = {toml(value)}" for key, value in table.items()),
    ]
    (folder / "pylock.toml").write_text("\n".join(lines))
    return ["-r", folder / "pylock.toml"]


def toml(value: object) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
        )
    return f"[{', '.join(map(toml, value))}]" if isinstance(value, list) else json.dumps(value)


def hashes(folder: Path) -> str:
    digests = [hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.glob("*.whl")]
    return " ".join(f"--hash=sha256:{one}" for one in digests)


def hash_in_constraints(good: Index, folder: Path) -> list[object]:
    (folder / "limits.txt").write_text(f"demo==1.0 {hashes(good.root / 'demo')}")
    return ["-c", folder / "limits.txt", "demo"]


def option_in_requirements(good: Index, folder: Path) -> list[object]:
    (folder / "requirements.txt").write_text("demo==1.0\n--require-hashes\n")
    return ["-r", folder / "requirements.txt"]


@pytest.mark.parametrize("way", [lock, hash_in_constraints, option_in_requirements])
def test_nothing_of_it_runs_where_hashes_are_required(
    env, good: Index, ran: Path, tmp_path: Path, way
) -> None:
    plugin(good.root, code=f"open({str(ran)!r}, 'w')")
    result = install(env, "--index-url", good.url, *way(good, tmp_path), code=1)
    assert not ran.exists()
    assert not [one for one in good.requests if "acme" in one]
    assert REFUSED in result.err, result.all


def test_there_the_advice_can_be_followed(env, good: Index, tmp_path: Path) -> None:
    arguments = option_in_requirements(good, tmp_path)
    (tmp_path / "requirements.txt").write_text(f"demo==1.0 {hashes(good.root / 'demo')}\n")
    said = " ".join(install(env, "--index-url", good.url, *arguments, code=1).err.split())
    assert "Install the provider beforehand, by pip install -r FILE" in said
    assert "where FILE has it and all that it requires, each with its version and hashes" in said
    (tmp_path / "provider.txt").write_text(
        f"acme-plugin==1.0 {hashes(good.root / 'acme-plugin')}\n"
    )
    more = {**FORCED, "PIP_REQUIRE_HASHES": "1", "PIP_INDEX_URL": good.url}
    env.pip("install", "-r", tmp_path / "provider.txt", env=more)
    install(env, *arguments, more=more)
    assert env.installed() == ("1.0", "mk1")


def test_nor_where_something_is_built(env, good: Index, tmp_path: Path) -> None:
    """pip requires no hashes of what a build requires, and starts another pip for it."""
    app = sdist(good.root / "app", "app", requires=["demo"])
    digest = hashlib.sha256(app.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"app==1.0 --hash=sha256:{digest}\n")
    install(env, "--index-url", good.url, "-r", tmp_path / "requirements.txt")
    assert env.installed("app") == ("1.0", None)
    assert good.files("demo-1.0-py3-none-any.whl")
    assert not [one for one in good.requests if "acme" in one]


# What is kept


def test_what_the_configuration_says_of_the_install_is_not_for_the_provider(
    env, good: Index, tmp_path: Path
) -> None:
    plugin(good.root, requires="helper", code="import helper")
    plain_wheel(good.root / "helper", "helper")
    elsewhere = {f"PIP_{name}": str(tmp_path / "elsewhere") for name in ("ROOT", "PREFIX")}
    more = {**caching(tmp_path), **elsewhere, "PIP_DRY_RUN": "1", "PIP_NO_DEPS": "1"}
    result = install(env, "--index-url", good.url, "demo", more=more)
    assert "Using the variant mk1" in result.out, result.all
    again = install(env, "--index-url", good.url, "demo", more=caching(tmp_path))
    assert env.installed() == ("1.0", "mk1"), again.all


def later(folder: Path, seconds: int) -> dict[str, str]:
    """Variables with which Python takes it to be that much later."""
    folder.mkdir(exist_ok=True)
    code = "import time\nfor name, unit in (('time', 1), ('time_ns', 10**9)):\n"
    code += f"    setattr(time, name, lambda now=getattr(time, name), more={seconds} * unit: now() + more)\n"
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def kept(folder: Path) -> set[Path]:
    """The files of providers that are kept, but for what the interpreter adds."""
    found = (folder / "cache" / "pip-variants" / "providers").rglob("*")
    return {one for one in found if one.is_file() and "__pycache__" not in one.parts}


def test_the_daily_look_leaves_what_is_in_use_and_removes_what_is_old(
    env, good: Index, tmp_path: Path
) -> None:
    day, arguments = 24 * 3600, ("--index-url", good.url, "demo")
    install(env, *arguments, more=caching(tmp_path))
    first = kept(tmp_path)
    plugin(good.root, "2.0")
    install(env, *arguments, more=caching(tmp_path))
    assert env.installed() == ("1.0", "mk1")  # for a day
    assert kept(tmp_path) == first
    install(env, *arguments, more={**caching(tmp_path), **later(tmp_path / "next", day + 100)})
    assert env.installed() == ("1.0", "mk2")
    second = kept(tmp_path) - first
    assert first < kept(tmp_path)
    install(env, *arguments, more={**caching(tmp_path), **later(tmp_path / "month", 30 * day)})
    assert env.installed() == ("1.0", "mk2")
    assert not kept(tmp_path) & (first | second)


def test_pips_that_bring_it_at_the_same_time_do_not_disturb_each_other(
    env, good: Index, tmp_path: Path
) -> None:
    """Each has found none when it asks for it, and none is done before the other has begun."""
    both = threading.Barrier(2, timeout=120)
    wheel = next((good.root / "acme-plugin").iterdir())
    content = wheel.read_bytes()

    def answer() -> Reply:
        both.wait()
        return Reply(content)

    good.replies[wheel.name] = answer
    results: list[Result] = []

    def run(number: int) -> None:
        options = ("--target", tmp_path / str(number), "--index-url", good.url)
        results.append(install(env, *options, "demo", more=caching(tmp_path), code=None))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.out.count("Using the variant mk1") for one in results] == [1, 1], [
        one.all for one in results
    ]
    assert [one.code for one in results] == [0, 0]


def test_what_was_kept_for_another_platform_is_not_used(env, good: Index, tmp_path: Path) -> None:
    arguments = ("--index-url", good.url, "demo")
    install(env, *arguments, more=caching(tmp_path))
    good.requests.clear()
    platform = {"_PYTHON_HOST_PLATFORM": "linux-riscv64"}
    result = install(env, *arguments, more={**caching(tmp_path), **platform})
    assert [one for one in good.requests if "acme" in one]
    assert env.installed() == ("1.0", "mk1"), result.all


def test_what_cannot_be_kept_is_an_error_and_no_downgrade(env, good: Index, tmp_path: Path) -> None:
    """A file is in the way of the folder."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "pip-variants").write_text("")
    result = install(env, "--index-url", good.url, "demo", more=caching(tmp_path), code=1)
    assert "the provider acme-plugin could not be installed" in result.err
    assert env.installed() is None


# How it is asked


def test_it_needs_no_entry_point(env, good: Index) -> None:
    """PEP 850, Providers: requires and plugin-api say whom to ask; entry points are for discovery."""
    plugin(good.root, points="")
    result = install(env, "--index-url", good.url, "demo")
    assert env.installed() == ("1.0", "mk1"), result.all


def test_one_that_is_installed_needs_no_entry_point_either(
    env, good: Index, tmp_path: Path
) -> None:
    """Nor does its module say by its text that it is a plugin; it is asked where it is installed."""
    files = {
        "acme_plugin/__init__.py": "from acme_plugin.all import *",
        "acme_plugin/all.py": PLUGIN.format("", 2),
    }
    env.pip("install", plain_wheel(tmp_path, "acme_plugin", "2.0", files=files))
    result = env.pip("install", "--index-url", good.url, "demo", env=FORCED)
    assert env.installed() == ("1.0", None)
    assert "acme-plugin registers no provider acme_plugin (variant_plugins)" in result.out
    install(env, "--index-url", good.url, "demo")
    assert env.installed() == ("1.0", "mk2")
    assert not good.files("acme_plugin-1.0-py3-none-any.whl")


def test_of_what_is_installed_it_lets_nothing_else_be_asked(env, good: Index, ran: Path) -> None:
    (env.site / "unrelated.py").write_text(f"open({str(ran)!r}, 'w')")
    plain_wheel(good.root / "helper", "helper", files={"helper.py": f"open({str(ran)!r}, 'w')"})
    plugin(good.root, points="", requires="helper")
    endpoints = ("unrelated", "helper", "pip.__main__")
    providers = {
        f"n{i}": PluginProvider(("acme-plugin",), endpoint) for i, endpoint in enumerate(endpoints)
    }
    labels = {name: (f"{name} :: engine :: mk1",) for name in providers}
    release(
        good.root / "demo",
        "2.0",
        {**labels, None: ()},
        namespaces=tuple(providers),
        providers=providers,
    )
    result = install(env, "--index-url", good.url, "demo", "-v")
    assert env.installed() == ("2.0", None), result.all
    assert (
        len(
            re.findall(
                r"Variant n\d of demo 2\.0 needs .*acme-plugin registers no provider", result.out
            )
        )
        == 3
    )
    assert not ran.exists()


@pytest.mark.long
@pytest.mark.parametrize(
    "more", [[], ["--use-deprecated", "legacy-certs"]], ids=["truststore", "legacy"]
)
def test_certificates_of_both_sides(env, good: Index, tmp_path: Path, more: list[str]) -> None:
    """Their files are named relative to the working directory."""
    if not shutil.which("openssl"):
        pytest.skip("openssl")
    for name in ("server", "client"):
        subject = [
            "-subj",
            f"/CN={name}",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            f"{name}.key",
        ]
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-out",
            f"{name}.pem",
        ]
        subprocess.run([*command, *subject], cwd=tmp_path, check=True, capture_output=True)
        with open(tmp_path / f"{name}.pem", "a") as file:
            file.write((tmp_path / f"{name}.key").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(tmp_path / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    good._server.socket = context.wrap_socket(good._server.socket, server_side=True)
    (tmp_path / "requirements.txt").write_text(
        f"--index-url {good.url.replace('http:', 'https:')}\ndemo\n"
    )
    options = ["--cert", "server.pem", "--client-cert", "client.pem", *more]
    bundles = {
        "REQUESTS_CA_BUNDLE": "",
        "CURL_CA_BUNDLE": "",
    }  # requests prefers them to pip's options
    result = install(env, *options, "-r", "requirements.txt", more=bundles, cwd=tmp_path)
    assert env.installed() == ("1.0", "mk1"), result.all


def test_what_its_pip_complains_of_is_said(env, good: Index) -> None:
    """Not the last line only, which may be half of it."""
    wheel = next((good.root / "acme-plugin").iterdir())
    good.replies[wheel.name] = Reply(b"something else")
    result = install(env, "--index-url", good.url, "demo", code=1)
    assert (
        "the provider acme-plugin could not be installed: ERROR: THESE PACKAGES DO NOT MATCH"
        in result.err
    )


@pytest.mark.long
def test_a_published_plugin(env, index: Index) -> None:
    (wheel, _) = download(
        WHEELHOUSE / "plugins", "*.whl", "--no-deps", "provider-variant-x86-64==0.0.1.post2"
    )[::-1][:2]
    endpoint = "provider_variant_x86_64.plugin:X8664Plugin"
    folder = index.root / "provider-variant-x86-64"
    folder.mkdir()
    (folder / wheel.name).write_bytes(wheel.read_bytes())
    provider = {"x86_64": PluginProvider(("provider-variant-x86-64",), endpoint)}
    labels = {"v1": ("x86_64 :: level :: v1",), None: ()}
    release(index.root / "demo", "1.0", labels, namespaces=("x86_64",), providers=provider)
    options = ("--variant-trust", "provider-variant-x86-64", "--index-url", index.url, "demo")
    result = env.pip("install", *options)
    assert env.installed() == ("1.0", "v1"), result.all


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pip" in metafunc.fixturenames:
        metafunc.parametrize("pip", ALL_PIPS)


@pytest.mark.long
def test_every_pip_keeps_to_the_sources(
    make_environment: Callable[..., Environment], good, evil, ran, tmp_path, pip
) -> None:
    if sys.version_info >= (3, 12) and pip.startswith(("22.", "23.0")):
        pytest.skip("pip up to 23.0 does not start on Python 3.12")
    env = make_environment(pip)
    env.reset()
    plugin(good.root, "2.0")
    plugin(good.root, "3.0", f"open({str(ran)!r}, 'w')")
    (tmp_path / "limits.txt").write_text("acme-plugin<3\n")
    for way in (in_requirements, isolated, trusted_host):
        lines, options, more = way(good, evil, tmp_path)
        (tmp_path / "requirements.txt").write_text(f"{lines}\n-c limits.txt\ndemo\n")
        result = install(env, *options, "-r", "requirements.txt", more=more, cwd=tmp_path)
        assert env.installed() == ("1.0", "mk2"), result.all
    evil.requests.clear()
    plain_wheel(evil.root / "helper", "helper")
    plugin(good.root, "2.0", requires=f"helper @ {evil.url}helper/helper-1.0-py3-none-any.whl")
    install(env, "--index-url", good.url, "-c", tmp_path / "limits.txt", "demo", code=1)
    assert not evil.requests
    assert not ran.exists()
