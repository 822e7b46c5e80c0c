"""`pip-variants show`: what this machine supports, and who says so."""

import json
import subprocess
import sys

import pytest
from support.environments import FORCED, HARDWARE, clean

from pip_variants.cli import _COMMANDS


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip_variants", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean({**HARDWARE, **env}))


def test_properties_are_listed_as_the_specification_writes_them() -> None:
    done = run("show", **FORCED)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == [
        "x86_64 :: level :: v3",
        "x86_64 :: level :: v2",
        "x86_64 :: level :: v1",
    ]
    assert all(line.count(" :: ") == 2 for line in done.stdout.splitlines())


def test_verbose_says_who_found_it_and_what_is_forced() -> None:
    lines = run("show", "-v", **FORCED).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("# x86_64, by pip-variants ")
    place = lines.index("#   level is forced by the environment variable")
    assert lines[place + 1] == "#     X86_64_VARIANT_PROVIDER_FORCE_LEVEL"


def test_the_shape_of_the_json() -> None:
    done = run("show", "--json", **FORCED)
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["version"]) == (0, "", "1")
    by_namespace = {one["namespace"]: one for one in found["providers"]}
    keys = {"namespace", "by", "features", "absent", "notes", "warnings", "failed"}
    assert all(set(one) == keys for one in found["providers"])
    levels = {"name": "level", "values": ["v3", "v2", "v1"]}
    assert by_namespace["x86_64"]["features"][0] == levels
    assert by_namespace["x86_64"]["by"].startswith("pip-variants ")
    assert by_namespace["mpi"]["features"] == []
    assert "found nothing" in by_namespace["mpi"]["absent"]
    failed = run("show", "--json", X86_64_VARIANT_PROVIDER_FORCE_LEVEL="V3")
    assert (failed.returncode, failed.stderr) == (1, "")
    first = json.loads(failed.stdout)["providers"][0]
    assert "'V3' in the environment variable" in first["failed"]


def test_a_wrong_forced_value_is_named() -> None:
    done = run("show", X86_64_VARIANT_PROVIDER_FORCE_LEVEL="V3")
    assert done.returncode == 1
    assert done.stderr == (
        "pip-variants: invalid variant value (must match [a-z0-9_.]+): 'V3' in the environment "
        "variable X86_64_VARIANT_PROVIDER_FORCE_LEVEL\n"
    )


@pytest.mark.parametrize(
    ("arguments", "of"),
    [
        (("nonsense",), ""),
        (("make",), " make"),
        (("show", "--nonsense"), " show"),
        (("list", "x"), " list"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], of: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: pip-variants{of} [-h]")


def test_bare_it_prints_its_help() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("--help").stdout


def test_what_is_no_wheel_is_a_package() -> None:
    done = run("show", "numpy")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "show takes wheel files, not numpy; of a package, pip-variants explain numpy" in done.stderr
    )


def test_where_the_documentation_is(env) -> None:
    """As the distribution says it, in every help."""
    for command in ((), ("check",)):
        done = subprocess.run(
            [env.python, "-m", "pip_variants", *command, "-h"], capture_output=True, text=True
        )
        assert done.stdout.rstrip().splitlines()[-1].startswith("Documentation: https://")


@pytest.mark.parametrize("command", [(), *((name,) for name in _COMMANDS)])
def test_help_on_any_terminal(command: tuple[str, ...]) -> None:
    done = run(*command, "--help", PYTHONIOENCODING="ascii", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", [(), *((name,) for name in _COMMANDS)])
def test_help_loads_nothing_that_takes_long(command: tuple[str, ...]) -> None:
    code = (
        "import sys; from pip_variants.cli import main; sys.argv[1:] = ARGUMENTS\n"
        "try: main()\n"
        "finally: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    ).replace("ARGUMENTS", repr([*command, "--help"]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean())
    assert done.returncode == 0
    loaded = set(done.stderr.split())
    assert "pip_variants" in loaded
    assert not loaded & {"pip", "pluggy", "importlib_metadata"}


def test_a_reader_that_has_seen_enough() -> None:
    command = f"{sys.executable} -m pip_variants show | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=clean(FORCED))
    assert (done.stdout, done.stderr) == ("x86_64 :: level :: v3\n", "")


def test_everything_of_an_installed_vendor(env) -> None:
    """Of one that registers a provider, and of a plugin of PEP 850 by the name of its entry point."""
    hook = (
        "from pip_variants.hooks import Feature, Provider, Published, hookimpl\n"
        "every = lambda: [Feature('engine', ['mk2', 'mk1'])]\n"
        "@hookimpl\ndef pip_variants_providers():\n    return [Provider('acme', tuple, [], valid=every)]\n"
    )
    plugin = (
        "from types import SimpleNamespace\ndef get_supported_configs(): return []\n"
        "def get_all_configs(): return [SimpleNamespace(name='wing', values=['x'], multi_value=False)]\n"
    )
    for name, source, group in (("acme", hook, "pip_variants"), ("zed", plugin, "variant_plugins")):
        (env.site / f"{name}_variants.py").write_text(source)
        info = env.site / f"{name}_variants-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}-variants\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}_variants\n")
    shown = {}
    for name in ("acme", "zed", "x86_64"):
        command = [env.python, "-m", "pip_variants", "show", "--valid", name]
        shown[name] = subprocess.run(
            command, capture_output=True, text=True, check=True, env=clean()
        ).stdout
    assert shown["acme"] == "acme :: engine :: mk2\nacme :: engine :: mk1\n"
    assert shown["zed"] == "zed :: wing :: x\n"
    assert shown["x86_64"].startswith("x86_64 :: level :: v4\n")
