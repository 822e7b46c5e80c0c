"""`pip-variants list` and `pip-variants check`: an environment that moved to another machine."""

import json
import shlex
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.environments import FORCED, Environment, Result, clean, unpack
from support.server import Index
from support.wheels import X86_64, levels, plain_wheel, release, variant_wheel

from pip_variants.model.metadata import PluginProvider

OLDER = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v2,v1"}
ACME = {"acme": PluginProvider(("acme-variants >=1,<2",))}
FINE = "All installed variants fit this machine.\n"


def run(env: Environment, *arguments: str, code: int, machine=FORCED, **extra: str) -> Result:
    done = subprocess.run(
        [env.python, "-m", "pip_variants", *arguments],
        capture_output=True,
        text=True,
        env=clean({**machine, **extra}),
        cwd=env.folder,
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    assert result.code == code, result.all
    assert "Traceback" not in result.all
    assert "--json" in arguments or max(map(len, result.out.splitlines())) <= 80, result.out
    return result


def entries(env: Environment, *arguments: str, **options) -> list[dict]:
    document = json.loads(run(env, *arguments, "--json", **options).out)
    assert list(document) == ["version", "variants"]
    assert document["version"] == "1"
    return document["variants"]


def run_commands(env: Environment, commands: list[str], machine=FORCED, **extra: str) -> None:
    for command in commands:
        pip, *arguments = shlex.split(command)
        assert pip == "pip"
        env.pip(*arguments, env={**machine, **extra})


@pytest.fixture
def moved(env: Environment, index: Index) -> Environment:
    """Made on a machine of level v3: a variant, a null variant and a plain wheel."""
    release(index.root / "demo", "1.0", {**levels("v1", "v2", "v3"), None: ()})
    release(index.root / "other", "1.0", {None: ()}, name="other")
    release(index.root / "simple", "1.0", {"null": ()}, name="simple")
    env.pip("install", "--index-url", index.url, "demo", "other", "simple", env=FORCED)
    return env


def test_list(moved: Environment) -> None:
    assert run(moved, "list", code=0).out == (
        "demo 1.0, variant v3: supported\n"
        "    x86_64 :: level :: v3\n"
        "simple 1.0, variant null: supported\n"
    )
    assert run(moved, "list", code=0, machine=OLDER).out == (
        "demo 1.0, variant v3: not supported\n"
        "    x86_64 :: level :: v3\n"
        "    v3 needs x86_64 :: level :: v3 (supported: v2, v1)\n"
        "simple 1.0, variant null: supported\n"
    )


def test_list_json(moved: Environment) -> None:
    demo, simple = entries(moved, "list", code=0, machine=OLDER)
    assert demo == {
        "name": "demo",
        "version": "1.0",
        "variant": {"label": "v3", "properties": ["x86_64 :: level :: v3"]},
        "supported": False,
        "target": "",
        "reason": "v3 needs x86_64 :: level :: v3 (supported: v2, v1)",
        "better": "",
        "commands": ["pip install --force-reinstall --no-deps demo==1.0"],
    }
    assert simple == {
        "name": "simple",
        "version": "1.0",
        "variant": {"label": "null", "properties": []},
        "supported": True,
        "target": "",
        "reason": "",
        "better": "",
        "commands": [],
    }


def test_nothing_is_installed(env: Environment) -> None:
    assert run(env, "list", code=0).out == "No variants are installed.\n"
    assert entries(env, "list", code=0) == []
    none = "No variants are installed. Which packages have some: pip-variants explain\n"
    assert run(env, "check", code=0).out == none
    assert run(env, "check", "--upgradable", code=0).out == none


def test_check_finds_and_its_command_mends(moved: Environment, index: Index) -> None:
    assert run(moved, "check", code=0).out == FINE
    assert entries(moved, "check", code=0) == []
    assert run(moved, "check", code=1, machine=OLDER).out == (
        "demo 1.0: v3 needs x86_64 :: level :: v3 (supported: v2, v1)\n"
        "    pip install --force-reinstall --no-deps demo==1.0\n"
    )
    (entry,) = entries(moved, "check", code=1, machine=OLDER)
    run_commands(moved, entry["commands"], OLDER, PIP_INDEX_URL=index.url)
    assert moved.installed() == ("1.0", "v2")
    assert run(moved, "check", code=0, machine=OLDER).out == FINE


def test_upgradable(moved: Environment, index: Index) -> None:
    """Asks pip, which knows its index by a variable; what does not fit is not asked about."""
    where = {"PIP_INDEX_URL": index.url}
    moved.pip("install", "--force-reinstall", "demo", env={**OLDER, **where})
    index.requests.clear()
    index.answers.clear()
    assert run(moved, "check", code=0, **where).out == FINE
    assert run(moved, "check", "--upgradable", code=0, machine=OLDER, **where).out == FINE
    assert run(moved, "check", "--upgradable", code=1, **where).out == (
        "demo 1.0: pip would take the variant v3 instead of v2\n"
        "    pip install --force-reinstall --no-deps demo==1.0\n"
    )
    (entry,) = entries(moved, "check", "--upgradable", code=1, **where)
    assert (entry["supported"], entry["better"]) == (True, "v3")
    asked = zip(index.requests, index.answers, strict=True)
    assert {
        status for request, (_, status) in asked if request[:3] == "GET" and ".whl" in request
    } == {206}
    assert moved.installed() == ("1.0", "v2")
    run_commands(moved, entry["commands"], **where)
    assert moved.installed() == ("1.0", "v3")
    assert run(moved, "check", "--upgradable", code=0, **where).out == FINE

    older = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v1"}
    index.requests.clear()
    (entry,) = entries(moved, "check", "--upgradable", code=1, machine=older, **where)
    assert (entry["name"], entry["better"]) == ("demo", "")
    assert not [path for path in index.requests if "demo" in path]


def test_a_plain_wheel_is_no_better_variant(moved: Environment, index: Index) -> None:
    where = {"PIP_INDEX_URL": index.url}
    for wheel in (index.root / "demo").glob("*-v?.whl"):
        wheel.unlink()
    assert run(moved, "check", "--upgradable", code=0, **where).out == FINE


def test_what_pip_does_not_find_hides_nothing(moved: Environment, index: Index) -> None:
    """One version is gone from the index, for another there is a better variant."""
    where = {"PIP_INDEX_URL": index.url}
    moved.pip("install", "--force-reinstall", "demo", env={**OLDER, **where})
    for file in (index.root / "simple").iterdir():
        file.unlink() if file.is_file() else None
    assert run(moved, "check", "--upgradable", code=1, **where).out == (
        "demo 1.0: pip would take the variant v3 instead of v2\n"
        "    pip install --force-reinstall --no-deps demo==1.0\n"
        "simple 1.0: pip cannot look for a better variant: No matching distribution found\n"
        "  for simple==1.0\n"
    )


def test_no_network(moved: Environment) -> None:
    where = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/", "PIP_RETRIES": "1"}
    lines = run(moved, "check", "--upgradable", code=1, **where).out.splitlines()
    assert lines == [
        f"{name} 1.0: pip cannot look for a better variant: it cannot reach an index"
        for name in ("demo", "simple")
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"[]", "must be an object"),
        (b"\xff\xfe\xfa", "can't decode byte"),
        (b'{"$schema": "https://x/v9.0.0.json"}', "v9.0.0"),
    ],
)
def test_a_broken_file_is_a_line(
    env: Environment, tmp_path: Path, content: bytes, what: str
) -> None:
    unpack(env, variant_wheel(tmp_path, "v1", ("x86_64 :: level :: v1",)))
    (env.site / "demo-1.0.dist-info" / "variant.json").write_bytes(content)
    printed = run(env, "check", code=1).out
    assert printed.startswith("demo 1.0: broken: ")
    assert what in " ".join(printed.split())
    assert printed.endswith("    pip install --force-reinstall --no-deps demo==1.0\n")
    assert run(env, "list", code=1).out.startswith("demo 1.0: not known\n    broken: ")
    (entry,) = entries(env, "list", code=1)
    assert (entry["variant"], entry["supported"]) == (None, None)


def test_a_file_with_two_variants_is_broken(env: Environment, tmp_path: Path) -> None:
    unpack(env, variant_wheel(tmp_path, "v1", ("x86_64 :: level :: v1",)))
    file = env.site / "demo-1.0.dist-info" / "variant.json"
    value = json.loads(file.read_text())
    value["variants"]["second"] = value["variants"]["v1"]
    file.write_text(json.dumps(value))
    assert run(env, "check", code=1).out.startswith(
        "demo 1.0: broken: variant.json has 2 variants\n"
    )


def acme(tmp_path: Path, detect: str) -> Path:
    """A vendor's provider package with this body of `detect`."""
    source = "\n".join(
        [
            "import logging",
            "from pip_variants.hooks import Feature, Provider, Published, hookimpl",
            f"def detect(): {detect}",
            "@hookimpl",
            "def pip_variants_providers():",
            "    return [Provider('acme', detect, [Published('acme-variants', '1.0', 'acme_variants')])]",
        ]
    )
    files = {
        "acme_variants.py": source,
        "acme_variants-1.0.dist-info/entry_points.txt": "[pip_variants]\nacme = acme_variants\n",
    }
    return plain_wheel(tmp_path, "acme_variants", "1.0", files=files)


def test_a_provider_that_is_gone_is_asked_for(env: Environment, tmp_path: Path) -> None:
    """Nobody knows whether the variant fits: that is no reason to exchange it."""
    wheel = variant_wheel(
        tmp_path, "mk2", ("acme :: engine :: mk2",), providers=ACME, namespaces=("acme",)
    )
    unpack(env, wheel)
    assert run(env, "check", code=1).out == (
        "demo 1.0: cannot tell whether mk2 fits: it needs acme :: engine :: mk2, its\n"
        "  provider is not installed\n"
        "    pip install 'acme-variants<2,>=1'\n"
    )
    (entry,) = entries(env, "check", code=1)
    assert entry["supported"] is None
    unpack(env, acme(tmp_path, "return [Feature('engine', ['mk2'])]"))
    assert run(env, "check", code=0).out == FINE


def test_a_provider_that_fails_is_a_line_for_each_that_needs_it(
    env: Environment, tmp_path: Path
) -> None:
    acme_one: dict[str, Any] = {"providers": ACME, "namespaces": ("acme",)}
    for name in ("demo", "fast"):
        unpack(env, variant_wheel(tmp_path, "mk2", ("acme :: engine :: mk2",), name, **acme_one))
    unpack(env, variant_wheel(tmp_path, "v3", ("x86_64 :: level :: v3",), "other"))
    unpack(env, acme(tmp_path, "raise OSError('engine on fire')"))
    for command in ("check", "list"):
        text = " ".join(run(env, command, code=1).out.split())
        assert text.count("cannot tell whether mk2 fits: the provider acme") == 2
        assert text.count("OSError: engine on fire") == 2
    assert [one["commands"] for one in entries(env, "check", code=1)] == [[], []]
    assert [one["supported"] for one in entries(env, "list", code=1)] == [None, None, True]


def test_what_a_provider_warns_of_is_passed_on_once(env: Environment, tmp_path: Path) -> None:
    acme_one: dict[str, Any] = {"providers": ACME, "namespaces": ("acme",)}
    for name in ("demo", "fast"):
        unpack(env, variant_wheel(tmp_path, "mk2", ("acme :: engine :: mk2",), name, **acme_one))
    unpack(env, acme(tmp_path, "logging.warning('the driver is too old'); return []"))
    result = run(env, "check", code=1)
    assert result.err == "pip-variants: the driver is too old\n"
    assert result.out.count("mk2 needs acme :: engine :: mk2 (") == 2


def test_what_had_to_be_enabled_counts_as_enabled(env: Environment, tmp_path: Path) -> None:
    optional = {"x86_64": PluginProvider(X86_64.requires, optional=True)}
    unpack(env, variant_wheel(tmp_path, "v3", ("x86_64 :: level :: v3",), providers=optional))
    unpack(env, variant_wheel(tmp_path, "v3", ("x86_64 :: level :: v3",), "other", providers={}))
    assert run(env, "check", code=0).out == FINE
    assert run(env, "check", code=1, machine=OLDER).out.count("supported: v2, v1") == 2


def test_a_package_it_is_built_for_has_changed(env: Environment, index: Index) -> None:
    where = {"PIP_INDEX_URL": index.url}
    for version in ("2.8.0", "2.9.0"):
        plain_wheel(index.root / "torch", "torch", version)
    labels = {
        f"t{one[0]}{one[2]}": (f"abi_dependency :: torch :: {one}",) for one in ("2.8", "2.9")
    }
    release(index.root / "vllm", "1.0", labels, name="vllm", metadata=["Requires-Dist: torch"])
    env.pip("install", "vllm", env={**FORCED, **where})
    assert run(env, "check", "--upgradable", code=0, **where).out == FINE

    env.pip("install", "torch==2.8.0", env={**FORCED, **where})
    assert run(env, "check", code=1).out == (
        "vllm 1.0: t29 is built for torch==2.9.*, and torch 2.8.0 is installed\n"
        "    pip install --force-reinstall --no-deps vllm==1.0\n"
    )
    (entry,) = entries(env, "check", code=1)
    run_commands(env, entry["commands"], **where)
    assert env.installed("vllm") == ("1.0", "t28")
    assert run(env, "check", "--upgradable", code=0, **where).out == FINE

    env.pip("uninstall", "--yes", "torch")
    assert "t28 is built for torch==2.8.*, which is not installed" in run(env, "check", code=1).out


def test_another_build_may_need_other_packages(env: Environment, index: Index) -> None:
    """And nothing else is changed: neither `helper` nor what both builds need."""
    where = {"PIP_INDEX_URL": index.url}
    plain_wheel(index.root / "helper", "helper")
    plain_wheel(index.root / "common", "common", "1.0")
    requires = ["Requires-Dist: common", "Requires-Dist: helper; variant_label == 'v2'"]
    release(index.root / "demo", "1.0", levels("v2", "v3"), metadata=requires)
    env.pip("install", "demo", env={**FORCED, **where})
    plain_wheel(index.root / "common", "common", "2.0")
    assert env.installed("helper") is None
    (entry,) = entries(env, "check", code=1, machine=OLDER)
    run_commands(env, entry["commands"], OLDER, **where)
    assert env.installed() == ("1.0", "v2")
    assert env.installed("helper") == ("1.0", None)
    assert env.installed("common") == ("1.0", None)
    env.pip("check", env=OLDER)


def test_long_names_fit_the_terminal_and_the_shell(env: Environment, tmp_path: Path) -> None:
    name, version = "a_rather_long_name_of_a_package_with_kernels", "2025.11+cuda12.8"
    feature = "x86_64 :: " + "a_feature_with_a_long_name_" * 2 + " :: " + "some_value_" * 5
    unpack(env, variant_wheel(tmp_path, "a_label_" * 12, (feature,), name, version))
    lines = run(env, "check", code=1).out.splitlines()
    run(env, "list", code=0)
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("pip "))
    command = subprocess.run(
        ["sh", "-c", "\n".join(lines[start:]).replace("pip ", "printf '%s\\n' ", 1)],
        capture_output=True,
        text=True,
    )
    assert command.stdout.splitlines() == [
        *("install", "--force-reinstall", "--no-deps"),
        f"{name}=={version}",
    ]


def test_what_another_folder_hides_is_not_installed(moved: Environment, tmp_path: Path) -> None:
    """The path decides, as for Python: a plain wheel lies before the variant."""
    with zipfile.ZipFile(plain_wheel(tmp_path / "wheels")) as archive:
        archive.extractall(tmp_path / "first")
    extra = {"PYTHONPATH": str(tmp_path / "first")}
    assert [one["name"] for one in entries(moved, "list", code=0, **extra)] == ["simple"]


def test_hostile_names_do_not_reach_the_terminal_or_the_shell(
    env: Environment, tmp_path: Path
) -> None:
    unpack(env, variant_wheel(tmp_path, "v9", ("x86_64 :: level :: v9",)))
    metadata = env.site / "demo-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Name: demo", "Name: demo;\x1b[31m"))
    printed = run(env, "check", code=1).out
    assert "\x1b" not in printed
    assert "pip install --force-reinstall --no-deps 'demo;\\x1b[31m==1.0'\n" in printed


@pytest.mark.parametrize("command", ["list", "check"])
def test_help_fits_the_terminal(env: Environment, command: str) -> None:
    assert run(env, command, "--help", code=0, COLUMNS="80").out.startswith("usage: ")
