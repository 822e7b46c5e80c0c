"""`pip check` reports variants that this machine does not support."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.environments import FORCED, Environment
from support.server import Index
from support.wheels import levels, release

OLDER = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v2,v1"}
FAILING = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "V3"}
FINE = "No broken requirements found.\n"
PIPS = [
    ("23.0.1", "3.10"),
    ("24.0", "3.11"),
    ("26.3", "3.13"),
    pytest.param("24.0", "3.10", marks=pytest.mark.long),
    pytest.param("25.3", "3.11", marks=pytest.mark.long),
    pytest.param("26.2", "3.11", marks=pytest.mark.long),
    pytest.param("26.3", "3.10", marks=pytest.mark.long),
]


def install(env: Environment, index: Index, **options: Any) -> None:
    release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()}, **options)
    env.pip("install", "--index-url", index.url, "demo", env=FORCED)
    assert env.installed() == ("1.0", "v3")


@pytest.mark.parametrize(("pip", "python"), PIPS)
def test_an_environment_that_moved(
    make_environment: Callable[..., Environment], index: Index, pip: str, python: str
) -> None:
    env = make_environment(pip, python)
    env.reset()
    install(env, index)
    assert env.pip("check", env=FORCED).out == FINE
    result = env.pip("check", env=OLDER, code=1)
    assert result.out == (
        "demo 1.0 is a variant that this machine does not support: "
        "v3 needs x86_64 :: level :: v3 (supported: v2, v1)\n"
    )
    assert "Traceback" not in result.err

    result = env.pip("check", env=FAILING)
    assert result.out == FINE
    assert "WARNING: Could not tell whether the variant of demo fits: " in result.err
    assert "'V3'" in result.err

    (env.site / "demo-1.0.dist-info" / "variant.json").write_text("{")
    result = env.pip("check", env=OLDER)
    assert result.out == FINE
    assert "variant.json is not valid JSON" in result.err
    env.reset()


def test_beside_what_pip_finds_itself(env: Environment, index: Index) -> None:
    release(index.root / "other", "1.0", {None: ()}, name="other")
    env.pip("install", "--index-url", index.url, "other", env=FORCED)
    install(env, index, metadata=["Requires-Dist: other"])
    env.pip("uninstall", "--yes", "other")
    lines = env.pip("check", env=OLDER, code=1).out.splitlines()
    assert lines[0].startswith("demo 1.0 is a variant that this machine does not support: ")
    assert lines[1] == "demo 1.0 requires other, which is not installed."


def test_off(env: Environment, index: Index) -> None:
    install(env, index)
    assert env.pip("check", env={**OLDER, "PIP_NO_VARIANTS": "1"}).out == FINE


def test_a_provider_that_is_not_installed_is_no_broken_requirement(
    env: Environment, index: Index
) -> None:
    install(env, index)
    file = env.site / "demo-1.0.dist-info" / "variant.json"
    metadata = json.loads(file.read_text())
    metadata["providers"]["x86_64"]["requires"] = ["acme-variants"]
    file.write_text(json.dumps(metadata))
    result = env.pip("check", env=OLDER)
    assert result.out == FINE
    assert "its provider is not installed: pip install acme-variants" in result.err


def test_without_variants_nothing_of_ours_is_loaded(env: Environment, index: Index) -> None:
    release(index.root / "other", "1.0", {None: ()}, name="other")
    env.pip("install", "--index-url", index.url, "other", env=FORCED)
    code = """
import atexit, runpy, sys
atexit.register(lambda: print("LOADED", *sorted(name for name in sys.modules if name.startswith("pip_variants.")), file=sys.stderr))
sys.argv = ["pip", "check"]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
    import subprocess

    from support.environments import clean

    done = subprocess.run(
        [env.python, "-c", code], capture_output=True, text=True, env=clean(OLDER)
    )
    assert (done.returncode, done.stdout) == (0, FINE)
    loaded = done.stderr.partition("LOADED")[2].split()
    assert "pip_variants.pip_adapter.hook.conditions" in loaded
    assert not {
        "pip_variants.pip_adapter.variants.installed",
        "pip_variants.detection.client",
    } & set(loaded)
