"""What docs/security.md says that nobody can do; the page names the tests."""

import json
import re
import shlex
import shutil
import stat
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from support.environments import FORCED, HARDWARE, ROOT, Environment, Result, clean
from support.server import Index, Reply
from support.wheels import levels, plain_wheel, release, sdist, variant_metadata, variant_wheel

from pip_variants.cli import main
from pip_variants.detection import RUN_MODULE
from pip_variants.detection.client import Detection
from pip_variants.detection.registry import Registry
from pip_variants.errors import ProviderFailed
from pip_variants.model.metadata import PluginProvider
from pip_variants.publish.wheel import make_variant_wheel

PAGE = ROOT / "docs" / "security.md"
SOURCE = ROOT / "src" / "pip_variants"

EVIL = "\x1b[2Jred\x9b31m\u202efdp\x07\x7f\u2028"
"""Clears a terminal, colours it, turns the direction of writing: C0, C1, bidi; a bell, a line."""


def assert_harmless(*texts: str) -> None:
    """Nothing in the texts controls a terminal."""
    for text in texts:
        control = [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
        assert set(control) <= {"\n", "\t"}, text


def unpack(site: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def package(site: Path, folder: Path, name: str, source: str, entry_points: str = "") -> None:
    """Have a package with one module installed."""
    files = {f"{name}.py": source, f"{name}-1.0.dist-info/entry_points.txt": entry_points}
    unpack(site, plain_wheel(folder, name, files=files))


def command(
    env: Environment,
    *arguments: object,
    cwd: Path | None = None,
    of: str = "pip_variants.cli",
    **more: str,
) -> Result:
    """Run `pip-variants` as its script does: the working directory is not on Python's path."""
    code = f"import sys; sys.path.pop(0); from {of} import main; sys.exit(main())"
    done = subprocess.run(
        [env.python, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=clean({**FORCED, **HARDWARE, **more}),
        cwd=cwd or env.folder,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """What a trap writes to when it is run."""
    return tmp_path / "ran"


@pytest.fixture
def trap(tmp_path: Path, ran: Path) -> Path:
    """A folder with modules that nobody may import."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in (
        "archspec",
        "build",
        "json",
        "packaging",
        "pip",
        "pip_variants",
        "pluggy",
        "runpy",
        "trap",
    ):
        (folder / f"{name}.py").write_text(touching(ran))
    return folder


def touching(ran: Path) -> str:
    return f"with open({str(ran)!r}, 'a') as file: file.write(__name__)\n"


# An index


def test_index_data_imports_nothing(
    env: Environment, index: Index, trap: Path, ran: Path, tmp_path
) -> None:
    """Whatever requires and plugin-api name, for providers that are enabled, too."""
    (trap / "unrelated").mkdir()
    for name in ("__init__", "__main__", "plugin"):
        (trap / "unrelated" / f"{name}.py").write_text(touching(ran))
    entry_points = "[console_scripts]\nunrelated = unrelated:main\n[pip_variant]\nx = unrelated\n"
    info = {"unrelated-1.0.dist-info/entry_points.txt": entry_points}
    files = {f"unrelated/{one.name}": one.read_text() for one in (trap / "unrelated").iterdir()}
    unpack(env.site, plain_wheel(tmp_path, "unrelated", files={**files, **info}))
    (env.site / "unrelated.py").unlink()
    asked = [
        (("unrelated",), None),
        (("unrelated",), "unrelated:main"),
        (("unrelated",), "unrelated.__main__"),
        (("unrelated",), "unrelated.plugin : Plugin.attribute"),
        (("unrelated>=1; python_version > '3'", "pip"), "unrelated.plugin"),
        (("pip",), "pip.__main__"),
        (("unrelated",), "trap"),
        (("trap",), "trap"),
        (("pip-variants",), "trap:x"),
        (("x86-64-variant-provider",), "trap"),
        ((f"unrelated @ file://{trap}",), "unrelated"),
        ((f"unrelated==={trap}",), None),
    ]
    providers = {
        f"n{i}": PluginProvider(requires, api, optional=i % 2 == 0)
        for i, (requires, api) in enumerate(asked)
    }
    labels = {name: (f"{name} :: feature :: value",) for name in providers}
    options: dict[str, Any] = {"namespaces": tuple(providers), "providers": providers}
    release(index.root / "demo", "1.0", {**labels, None: ()}, **options)
    bare: dict[str, Any] = {"namespaces": ("unrelated", "trap"), "providers": {}}
    release(
        index.root / "bare", "1.0", {"x": ("trap :: feature :: value",), None: ()}, "bare", **bare
    )
    enable = " ".join((*providers, "unrelated", "trap"))
    arguments = ("install", "-v", "--index-url", index.url, "demo", "bare")
    result = command(
        env, *arguments, of="pip._internal.cli.main", cwd=trap, PIP_VARIANT_ENABLE=enable
    )
    assert result.code == 0, result.all
    assert env.installed() == env.installed("bare") == ("1.0", None)
    assert len(re.findall(r"Variant n\d+ of demo 1\.0 needs", result.out)) == len(asked)
    assert result.out.count("registers no provider") >= 6
    assert not ran.exists()


def test_a_trusted_name_lets_no_path_in(
    env: Environment, index: Index, tmp_path: Path, ran: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "setup.py").write_text(touching(ran))
    for number, version in enumerate(
        (f"==={'../' * 30}..", f"===x/{'../' * 30}", f"=={'../' * 30}")
    ):
        requires = f"acme-plugin{version}{str(project).lstrip('/')}"
        acme = {"acme": PluginProvider((requires,), "acme_plugin")}
        labels = {"mk1": ("acme :: engine :: mk1",), None: ()}
        release(index.root / "demo", f"1.{number}", labels, namespaces=("acme",), providers=acme)
    options = ("--variant-trust", "acme-plugin", "--index-url", index.url)
    for version in ("1.0", "1.1", "1.2"):
        result = env.pip("install", "--dry-run", *options, f"demo=={version}", env=FORCED)
        assert f"Would install demo-{version}" in result.out
        assert "Installing the trusted provider" not in result.out
    assert not ran.exists()


def test_a_trusted_provider_is_that_of_the_same_index(
    env: Environment, index: Index, tmp_path: Path
) -> None:
    source = (
        "class Engine: name, values, multi_value = 'engine', ['mk1'], False\n"
        "def get_supported_configs(): return [Engine]\n"
    )
    acme = {"acme": PluginProvider(("acme-plugin",))}
    labels = {"mk1": ("acme :: engine :: mk1",), None: ()}
    folder = release(index.root / "demo", "1.0", labels, namespaces=("acme",), providers=acme)
    files = {
        "acme_plugin.py": source,
        "acme_plugin-1.0.dist-info/entry_points.txt": "[variant_plugins]\nacme = acme_plugin\n",
    }
    plain_wheel(index.root / "acme-plugin", "acme_plugin", files=files)
    cache = {**FORCED, "PIP_NO_CACHE_DIR": "", "PIP_CACHE_DIR": str(tmp_path / "cache")}
    options = ("install", "--dry-run", "--variant-trust", "acme-plugin", "demo")
    assert "Using the variant mk1" in env.pip(*options, "--index-url", index.url, env=cache).out
    shutil.copytree(folder, tmp_path / "other" / "demo")
    with Index(tmp_path / "other") as other:
        result = env.pip(*options, "--index-url", other.url, env=cache, code=1)
    assert "the provider acme-plugin could not be installed" in result.err


REQUIREMENTS = [
    "acme",
    "Acme_Variants [extra] >=1, <2 ; os_name != 'x'",
    "acme===`touch${IFS}ran`",
    "acme===$(touch${IFS}ran",
    "acme===1'",
    'acme===1"&&ran',
    "acme===|sh",
    "acme===\x1b[31m",
    f"acme==={'1' * 700}",
    f"{'a' * 700}==1",
    "acme @ https://example.org/$(ran).whl",
]


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_what_is_printed_to_be_copied_runs_nothing_else(requirement: str) -> None:
    remedy = Registry().supported([requirement], "acme", [], sys.prefix).support.remedy
    if remedy:
        pip, install, what = shlex.split(remedy)
        assert (pip, install) == ("pip", "install")
        assert re.fullmatch(r"[A-Za-z0-9._,<>=-]+", what)
        assert len(remedy) < 350
    assert bool(remedy) == (requirement in REQUIREMENTS[:2] or "@" in requirement)


# Terminals

PROVIDER = f"""
import logging, os, sys
from pip_variants.hooks import Feature, Provider, Published, hookimpl

def where(when):
    with open(os.environ["RAN"], "a") as file:
        file.write(f"{{when}} {{'pip._internal.cli' in sys.modules}}\\n")

where("imported")

def detect():
    where("asked")
    print({EVIL!r})
    print({EVIL!r}, file=sys.stderr)
    os.write(2, {EVIL!r}.encode())
    logging.getLogger("acme").warning("warning: %s", {EVIL!r})
    logging.getLogger("acme").info("note: %s", {EVIL!r})
    return [Feature("engine", ["mk2", "mk1"], devices={{{EVIL!r}: ["mk2"]}})]

def fails():
    raise OSError({EVIL!r})

@hookimpl
def pip_variants_providers():
    return [
        Provider("acme", detect, [Published("acme-variants", "1.0", "acme_variants")]),
        Provider("fails", fails, [Published("acme-variants", "1.0", "acme_variants.fails")]),
    ]
"""
ACME = PluginProvider(("acme-variants",))
FAILS = PluginProvider(("acme-variants",), "acme_variants.fails")


@pytest.fixture
def acme(env: Environment, tmp_path: Path, ran: Path) -> dict[str, str]:
    """A provider that writes to terminals what it can; the environment variables for it."""
    package(
        env.site,
        tmp_path / "acme",
        "acme_variants",
        PROVIDER,
        "[pip_variants]\nacme = acme_variants\n",
    )
    return {**FORCED, **HARDWARE, "RAN": str(ran)}


def test_a_provider_runs_in_no_pip_and_writes_to_no_terminal(
    env: Environment, index: Index, acme: dict[str, str], ran: Path, tmp_path: Path
) -> None:
    providers = {"acme": ACME, "fails": FAILS}
    options: dict[str, Any] = {"namespaces": ("acme", "fails"), "providers": providers}
    release(index.root / "demo", "1.0", {"mk1": ("acme :: engine :: mk1",), None: ()}, **options)
    release(index.root / "other", "1.0", {"x": ("fails :: a :: b",), None: ()}, "other", **options)
    result = env.pip("install", "-vv", "--index-url", index.url, "demo", env=acme)
    assert env.installed() == ("1.0", "mk1")
    assert "warning: \\x1b[2J" in result.err
    failed = env.pip("install", "--index-url", index.url, "other", env=acme, code=1)
    assert "acme failed: OSError: \\x1b[2J" in failed.err
    shown = command(env, "show", "-v", RAN=str(ran))
    assert "acme :: engine :: mk1" in shown.out
    assert "OSError: \\x1b[2J" in shown.err
    assert_harmless(result.out, result.err, failed.out, failed.err, shown.out, shown.err)
    assert set(ran.read_text().splitlines()) == {"imported False", "asked False"}


def test_an_answer_with_other_characters_than_names_have_is_none(monkeypatch) -> None:
    """Code in the detection process may write its answers itself."""
    answer = {
        "features": [[EVIL, ["v1"]]],
        "absent": "",
        "remedy": "",
        "devices": [],
        "by": "",
        "notes": [],
        "warnings": [],
    }
    detection = Detection()
    for features in ([[EVIL, ["v1"]]], [["level", [EVIL]]], [["level", [1]]]):
        monkeypatch.setattr(
            detection, "_ask", lambda *_, found=features: {**answer, "features": found}
        )
        with pytest.raises(ProviderFailed, match="wrong answer"):
            detection.supported(PluginProvider((f"demo=={len(str(features))}",)))


def changed(file: Path, change: Callable[[dict], None]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def test_what_an_index_writes_is_not_printed_raw(env: Environment, index: Index) -> None:
    v3 = {**levels("v3"), None: ()}
    other = {"other": PluginProvider((f"other {EVIL}",), "x")}
    release(
        index.root / "a",
        "1.0",
        {"v9": ("other :: a :: b",), None: ()},
        "a",
        namespaces=("other",),
        providers=other,
    )

    def keys(document: dict) -> None:
        document.update({EVIL: 1, "variants": {EVIL: {EVIL: 1}}})

    def properties(document: dict) -> None:
        document["variants"]["v3"]["x86_64"]["level"] = [EVIL]

    def schema(document: dict) -> None:
        document["$schema"] = f"https://example.org/{EVIL}"

    for name, change in {"c": keys, "d": properties, "e": schema}.items():
        changed(release(index.root / name, "1.0", v3, name) / f"{name}-1.0-variants.json", change)
    # Of its tags one fits, which is enough for pip.
    folder = release(index.root / "f", "1.0", {"v3": levels("v3")["v3"]}, "f")
    wheel = folder / "f-1.0-py3-none-any-v3.whl"
    link = "f-1.0-1%1B%5B31m-py3-none-any.%1B%5B2J%C2%9B-v3.whl"
    index.replies[unquote(link)] = Reply(wheel.read_bytes())
    anchors = f'<a href="{link}">f</a><a href="f-1.0-variants.json">f</a>'
    index.replies["/simple/f/"] = Reply(anchors.encode(), headers={"Content-Type": "text/html"})
    options = ("--index-url", index.url)
    result = env.pip("install", "--dry-run", "-vv", *options, *"acdef", env=FORCED)
    assert "Would install a-1.0 c-1.0 d-1.0 e-1.0 f-1.0" in result.out
    told = [command(env, "explain", *options, name) for name in "af"]
    for one in (result, *told):
        assert_harmless(one.out, one.err)
    assert (result.out + result.err).count("\\x1b[2J") >= 4
    assert all("\\x1b[" in one.out for one in told)


def test_what_a_wheel_says_is_not_printed_raw(env: Environment, tmp_path: Path, capsys) -> None:
    providers = {"other": PluginProvider((f"other {EVIL}",), "x")}
    folder = tmp_path / "dist"
    wheel = variant_wheel(
        folder, "v9", ["other :: a :: b"], namespaces=("other",), providers=providers
    )
    foreign = wheel.rename(folder / "demo-1.0-1\x1b[31m-py3-none-any-v9.whl")
    plain_wheel(folder).rename(folder / "demo-1.0-py3-none-any.\x1b[2J.whl")
    broken = plain_wheel(
        tmp_path, files={"demo-1.0.dist-info/variant.json": json.dumps({"$schema": EVIL})}
    )
    broken = broken.rename(tmp_path / "demo-1.0-py3-none-any-v8.whl")
    tops = plain_wheel(tmp_path, files={f"{EVIL}.dist-info/METADATA": ""})
    assert main(["index", str(folder), "--pages"]) == 0
    for arguments in (
        ["show", foreign, broken],
        ["verify", folder, broken],
        ["verify", tmp_path],
        ["make", "--label", "none", foreign],
        ["make", "--label", "none", broken, "--add-dependency", EVIL],
        ["make", tops, "--label", EVIL],
        ["make", foreign, "--label", "v7", "--property", f"x86_64 :: {EVIL} :: v3"],
        ["make", tops, "--label", "v7", "--property", "x86_64 :: level :: v3"],
        ["index", tmp_path],
    ):
        main([*map(str, arguments)])
    seen = capsys.readouterr()
    assert_harmless(seen.out, seen.err)
    assert (seen.out + seen.err).count("\\x1b[") >= 10
    unpack(env.site, foreign)
    checked = env.pip("check", code=None)
    given = env.pip("install", "--no-deps", broken, code=1)
    lists = [command(env, name) for name in ("list", "check")]
    for one in (checked, given, *lists):
        assert_harmless(one.out, one.err)
    assert "demo" in lists[0].out


def test_what_a_lock_says_is_not_printed_raw(env: Environment, tmp_path: Path) -> None:
    evil = json.dumps(f"demo{EVIL}")
    table = f"""
lock-version = "1.0"
created-by = {evil}
[[packages]]
name = "demo"
version = "1.0"
wheels = [{{name = "demo-1.0-py3-none-any-v3.whl", url = "http://127.0.0.1:1/demo-1.0-py3-none-any-v3.whl", hashes = {{sha256 = "{"0" * 64}"}}}}]
[packages.variants-json]
{evil} = 1
"""
    (tmp_path / "pylock.toml").write_text(table)
    result = env.pip("install", "-r", tmp_path / "pylock.toml", code=1)
    assert "variants-json of demo 1.0" in result.err
    assert_harmless(result.out, result.err)


def test_what_a_target_file_says_is_not_printed_raw(
    env: Environment, tmp_path: Path, capsys
) -> None:
    evil = json.dumps(EVIL)
    files = {
        "names": f"[[machine]]\nformat = 1\nnames = [{evil}]\nmade-by = {evil}\nmade-at = {evil}\n",
        "keys": f"[[machine]]\nformat = 1\n[[machine.provider]]\nnamespace = 'x'\nfeatures = {{{evil} = []}}\n",
        "namespace": f"[[machine]]\nformat = 1\n[[machine.provider]]\nnamespace = {evil}\n",
        "implements": f"[[machine]]\nformat = 1\n[[machine.provider]]\nnamespace = 'x'\nimplements = [{evil}]\n",
        "format": f"[[machine]]\nformat = {evil}\n",
        "other": "[[machine]]\nformat = 1\nnames = ['other']\n[[machine.provider]]\nnamespace = 'x'\nfeatures = {a = 'b'}\n",
        "text": EVIL,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in files:
        main(["target", "--combine", str(tmp_path / "other"), str(tmp_path / name)])
    seen = capsys.readouterr()
    assert_harmless(seen.out, seen.err)
    assert (seen.out + seen.err).count("\\x1b[2J") >= 4
    wheel = variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"])
    result = env.pip("install", "--variant-target", tmp_path / "keys", wheel, code=1)
    assert "--variant-target" in result.err
    assert_harmless(result.out, result.err)


# Wheels

BESIDE: dict[str, list[tuple[str, int, str]]] = {
    "links": [
        ("demo_link", stat.S_IFLNK | 0o777, "/etc/passwd"),
        ("demo_above", stat.S_IFLNK | 0o777, "../../.."),
        ("demo_above/file.txt", stat.S_IFREG | 0o644, "through the link"),
    ],
    "a link": [
        ("demo_link.txt", stat.S_IFLNK | 0o777, "/etc/passwd"),
        ("demo.sh", stat.S_IFREG | 0o4777, ""),
    ],
    "above": [("demo/../../../escaped.txt", stat.S_IFREG | 0o644, "")],
    "data": [("demo-1.0.data/data/../../escaped.txt", stat.S_IFREG | 0o644, "")],
}


def put_into(wheel: Path, entries: Iterable[tuple[str, int, str]]) -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        for name, mode, text in entries:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, text)


@pytest.mark.parametrize("case", BESIDE)
def test_links_and_dots_in_wheels_are_what_they_are_to_stock_pip(
    case: str, env: Environment, stock: Environment, tmp_path: Path
) -> None:
    plain = plain_wheel(tmp_path / "wheels")
    put_into(plain, BESIDE[case])
    variant = make_variant_wheel(plain, variant_metadata("null"), plain.parent)
    seen = []
    for environment, wheel, top in (
        (stock, plain, tmp_path / "stock"),
        (env, variant, tmp_path / "ours"),
    ):
        target = top / "a" / "b"
        target.parent.mkdir(parents=True)
        options = ("--no-deps", "--no-compile", "--target", target)
        result = environment.pip("install", *options, wheel, code=None)
        files = {}
        for path in top.rglob("*"):
            if path.name not in ("variant.json", "RECORD", "direct_url.json"):
                text = path.read_text() if path.is_file() else ""
                files[str(path.relative_to(top))] = path.lstat().st_mode, text
        err = result.err.replace("-null.whl", ".whl").replace(str(environment.folder), "VENV")
        seen.append((result.code, re.sub(r"pip-\w+-\w+", "TMP", err), files))
    assert seen[0] == seen[1]
    assert not [one for one in tmp_path.rglob("*") if one.is_symlink() or one.name == "escaped.txt"]


# Providers


def test_an_untrusted_provider_gets_no_passwords(tmp_path: Path, monkeypatch) -> None:
    """Those of `--variant-trust`; by the names of variables, and in addresses."""
    secret = [
        "PIP_INDEX_URL",
        "UV_INDEX",
        "GITHUB_TOKEN",
        "GPG_PASSPHRASE",
        "SMTP_PASS",
        "MYSQL_PWD",
        "GITHUB_PAT",
    ]
    secret += [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "SIGNING_KEY",
        "NETRC",
        "SSH_AUTH_SOCK",
        "api_key",
    ]
    for name in secret:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:word@127.0.0.1:1")
    monkeypatch.setenv("DATABASE_URL", "db://me:word@127.0.0.1/x")
    monkeypatch.setenv("ACME_HOME", "/acme")
    source = (
        "import os\n"
        "class Names: name, values, multi_value = 'names', [one.lower() for one in os.environ], True\n"
        "def get_supported_configs(): return [Names]\n"
    )
    site = tmp_path / "site"
    site.mkdir()
    package(site, tmp_path, "acme_plugin", source, "[variant_plugins]\nacme = acme_plugin\n")
    detection = Detection(folder=str(site))
    ((_, names),) = detection.supported(PluginProvider(("acme-plugin",))).features
    detection.close()
    assert "acme_home" in names
    assert not {*map(str.lower, secret), "https_proxy", "database_url"} & set(names)


# Target files

READ = """
import sys
from pip_variants.detection.targets import read
from pip_variants.errors import InvalidTarget
done = []
try:
    read(sys.argv[2])  # so that everything is imported
except InvalidTarget:
    pass
sys.addaudithook(lambda event, arguments: done.append([event, str(arguments[:1])]))
target = read(sys.argv[1])
seen = list(done)
print(sorted({event for event, _ in seen}), [what for event, what in seen if event == "open"], target.machines[0].names)
"""


def test_reading_a_target_opens_one_file_and_runs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "target.toml"
    file.write_text(f"""
include = "/etc/passwd"
extends = ["{tmp_path}/other.toml", "http://127.0.0.1:1/other.toml"]
[[machine]]
format = 1
include = "/etc/passwd"
names = ["$(touch ran)", "`touch ran`", "{{{{ 1 + 1 }}}}", "!!python/object/apply:os.system [id]"]
made-by = "__import__('os').system('id')"
[[machine.provider]]
namespace = "x86_64"
by = "trap:main"
plugin-api = "trap:main"
requires = ["trap"]
implements = ["trap 1.0 trap:main", "x86-64-variant-provider 0.2.1 os:system"]
[machine.provider.features]
level = ["v1"]
""")
    (tmp_path / "bad.toml").write_text("[[machine]]\n")
    done = subprocess.run(
        [sys.executable, "-c", READ, file, tmp_path / "bad.toml"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    events, opened, names = done.stdout.replace("] [", "]\n[").replace("] (", "]\n(").splitlines()
    assert events == "['open']"
    assert opened == str([str((str(file),))])
    assert "$(touch ran)" in names


# Environment variables


def test_variables_of_ours_load_nothing(
    env: Environment, index: Index, trap: Path, ran: Path
) -> None:
    """Nothing in pip's process, and no other command or module in the detection process."""
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    (trap / "lib").mkdir()
    more = {
        "_PIP_VARIANTS_DETECTION": json.dumps([str(env.python), str(trap / "trap.py")]),
        "_PIP_VARIANTS_FOLDER": str(trap),
        "_PIP_VARIANTS_PREFIX": str(trap),
        "_PIP_VARIANTS_PIP": str(trap / "trap.py"),
        "PIP_VARIANT_TRUST": "trap",
        "PIP_VARIANT_ENABLE": "trap",
    }
    env.pip("install", "--index-url", index.url, "demo", env={**FORCED, **more})
    assert env.installed() == ("1.0", "v3")
    assert not ran.exists()


# pip-variants itself


def test_no_command_imports_from_the_working_directory(
    env: Environment, index: Index, trap: Path, ran: Path, tmp_path: Path
) -> None:
    trap.chmod(0o777)
    unpack(env.site, variant_wheel(tmp_path, "v3", ["x86_64 :: level :: v3"]))
    release(index.root / "demo", "1.0", levels("v3"))
    for arguments in (
        ["show"],
        ["list"],
        ["explain", "demo"],
        ["check", "--upgradable"],
        ["target", "x86_64_v3"],
    ):
        result = command(env, *arguments, cwd=trap, PIP_INDEX_URL=index.url)
        assert result.code == 0, result.all
        assert not ran.exists(), arguments


@pytest.mark.parametrize("module", ["pip", "pip_variants.publish.backend"])
def test_no_child_imports_from_the_working_directory(module: str, trap: Path, ran: Path) -> None:
    arguments = {"pip": "--version", "pip_variants.publish.backend": "{}"}[module]
    child = [sys.executable, "-c", RUN_MODULE, module, arguments]
    done = subprocess.run(child, capture_output=True, text=True, cwd=trap)
    assert done.stdout.startswith("pip ") or "KeyError: 'kind'" in done.stderr, done.stderr
    assert not ran.exists()


def test_children_that_run_modules_leave_the_working_directory_out() -> None:
    assert not [path for path in SOURCE.rglob("*.py") if '"-m"' in path.read_text()]


def test_unfinished_files_are_not_written_through_links(tmp_path: Path, capsys) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = release(tmp_path / "dist", "1.0", levels("v1"), index=False)
    plain = plain_wheel(folder)
    label = ("--label", "v2", "--property", "x86_64 :: level :: v2")
    for name in ("demo-1.0-variants.json", "demo-1.0-py3-none-any-v2.whl"):
        (folder / f".{name}.part").symlink_to(victim)
    assert main(["make", str(plain), *label]) == main(["index", str(folder)]) == 0
    assert victim.read_text() == "mine"
    assert not [one for one in folder.iterdir() if one.is_symlink()]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, ...]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add((tag, *sorted(name for name, _ in attrs)))


def test_names_of_files_put_no_markup_into_pages_and_no_page_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    names = [
        "<img src=x onerror=alert(1)>",
        'x" onmouseover="alert(1)',
        "..",
        "&lt;b",
        "javascript:alert(1)",
    ]
    for name in names:
        sdist(folder).rename(folder / f"{name}-1.0.tar.gz")
    requires = 'Requires-Python: >=3" onclick="alert(1)'
    variant_wheel(folder, "v1", ["x86_64 :: level :: v1"], metadata=[requires])
    before = set(tmp_path.rglob("*"))
    assert main(["index", str(folder), "--pages"]) == 0
    written = set(tmp_path.rglob("*")) - before
    assert all(folder in one.resolve().parents for one in written)
    pages = [one for one in written if one.suffix == ".html"]
    assert len(pages) == len(names) + 2
    tags = set()
    for page in pages:
        parser = _Tags()
        parser.feed(page.read_text())
        tags |= parser.seen
    assert tags == {
        ("meta", "content", "name"),
        ("title",),
        ("br",),
        ("a", "href"),
        ("a", "data-core-metadata", "data-requires-python", "href"),
    }
    root = next(one for one in pages if one.parent.name == "simple")
    assert "javascript%3Aalert" in root.read_text()


# The page


def items() -> Iterator[tuple[str, str]]:
    """Each entry of a list on the page, on one line, with the word above its list."""
    kind = ""
    for part in re.split(r"\n(?=- )|\n\n", PAGE.read_text()):
        text = " ".join(part.split())
        if text.startswith("- "):
            yield kind, text
        elif text.endswith(("can:", "cannot:")):
            kind = text.rpartition(" ")[2]


def test_every_cannot_of_the_page_names_a_test_that_exists() -> None:
    found = list(items())
    assert {kind for kind, _ in found} == {"can:", "cannot:"}
    assert PAGE.read_text().count("\n- ") == len(found)
    for kind, text in found:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
        assert bool(tests) == (kind == "cannot:"), text
        assert kind == "can:" or re.search(r"::test_\w+`$", text), text
        for file, name in tests:
            assert f"\ndef {name}(" in (ROOT / file).read_text(), f"{file}::{name}"
