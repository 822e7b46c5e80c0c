"""Names that nothing has: a line says so, once, with the nearest name."""

import subprocess
from pathlib import Path

import pytest
from support.environments import FORCED, Environment, clean
from support.server import Index
from support.wheels import levels, plain_wheel, release

LEVELS = "X86_64_VARIANT_PROVIDER_FORCE_"


@pytest.fixture(autouse=True)
def folder(index: Index) -> None:
    release(index.root / "xgboost", "1.0", {**levels("v2", "v3"), None: ()}, name="xgboost")
    plain_wheel(index.root / "plain", "plain")


def install(
    env: Environment,
    index: Index,
    *arguments: str,
    more: dict[str, str] | None = None,
    code: int = 0,
):
    env.reset()
    arguments = arguments if "plain" in arguments else (*arguments, "xgboost")
    return env.pip(
        "install", "--index-url", index.url, *arguments, env={**FORCED, **(more or {})}, code=code
    )


TYPED = {
    "--variant-disable nvdia": "nvdia; did you mean nvidia?",
    "--variant-disable something_else": "something_else",
    "--variant-enable x86_46": "x86_46; did you mean x86_64?",
    "--variant-prefer x8664::level": "x8664; did you mean x86_64?",
    "--variant-prefer x86_64::levl": "x86_64::levl; did you mean x86_64::level?",
    "--variant xgbost=v2": "xgbost; did you mean xgboost?",
    "--variant torch=cu126": "torch",
    "--variant-trust x86-64-variant-providr": "x86-64-variant-providr; did you mean x86-64-variant-provider?",
}


def test_what_is_typed(env: Environment, index: Index) -> None:
    result = install(env, index, *(word for typed in TYPED for word in typed.split()))
    said = [line for line in result.err.splitlines() if "was not used" in line]
    assert sorted(said) == sorted(
        f"WARNING: {typed} was not used: nothing is called {what}" for typed, what in TYPED.items()
    )
    assert env.installed("xgboost") == ("1.0", "v3")


def test_what_is_set_for_many_runs(env: Environment, index: Index) -> None:
    """A variable or pip.conf is for other packages as well: only what looks like a mistake is said."""
    fine = {
        "PIP_VARIANT": "torch=cu126",
        "PIP_VARIANT_DISABLE": "nvidia acme",
        "PIP_VARIANT_PREFER": "mpi",
    }
    assert "was not used" not in install(env, index, more=fine).all
    assert "did you mean xgboost?" in install(env, index, more={"PIP_VARIANT": "xgbost=v2"}).err
    result = install(env, index, more={"PIP_VARIANT_DISABLE": "nvdia nvidia"})
    assert result.err.count("was not used") == 1
    assert "did you mean nvidia?" in result.err


def test_names_that_there_are(env: Environment, index: Index) -> None:
    fine = ("--variant-disable=nvidia", "--variant-enable=x86_64", "--variant=xgboost=v2")
    assert "was not used" not in install(env, index, *fine).all


def test_a_name_is_used_where_what_is_installed_stays(env: Environment, index: Index) -> None:
    install(env, index)
    result = env.pip(
        "install", "--index-url", index.url, "--variant", "xgboost=v3", "xgboost", env=FORCED
    )
    assert "was not used" not in result.all


def test_nothing_is_said_where_nothing_has_variants(env: Environment, index: Index) -> None:
    result = install(env, index, "--variant-disable", "nvdia", "plain")
    assert "was not used" not in result.all


def test_contradictions(env: Environment, index: Index) -> None:
    twice = ("--variant", "xgboost=v2", "--variant", "XGBoost=v3")
    result = install(env, index, *twice, code=2)
    assert "option --variant: give one of xgboost=v2 and xgboost=v3\n" in result.err
    result = install(env, index, more={"PIP_VARIANT": "xgboost=v2 xgboost=v3"}, code=2)
    assert "give one of xgboost=v2 and xgboost=v3\n" in result.err
    assert env.installed("xgboost") is None
    # The command line comes after a variable, as everywhere in pip; twice the same is no contradiction.
    install(env, index, "--variant", "xgboost=v3", more={"PIP_VARIANT": "xgboost=v2"})
    assert env.installed("xgboost") == ("1.0", "v3")
    install(env, index, "--variant", "xgboost=v2", "--variant", "xgboost=v2")
    assert env.installed("xgboost") == ("1.0", "v2")


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--variant-indexes", "./my sets/one.toml", "there must be no space in '"),
        ("--variant", "xg\nboost=v2", "there must be no space in 'xg\\nboost=v2'"),
        ("--variant-trust", "a" * 2**17, "all values together must be shorter than 130972 bytes"),
    ],
)
def test_what_cannot_be_passed_on_to_other_pips(
    env: Environment, index: Index, tmp_path, option, value, complaint
) -> None:
    if len(value) > 1000:
        (tmp_path / "pip.conf").write_text(f"[global]\n{option[2:]} = {value}\n")
        result = install(env, index, more={"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}, code=2)
    else:
        result = install(env, index, option, value, code=2)
    assert f"option {option}: {complaint}" in result.err
    assert len(result.err) < 5000
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("variable", "value", "said", "label"),
    [
        ("LEVLE", "v2", "is ignored: no such feature; did you mean level?", "v3"),
        ("LEVEL", "3", "says 3, which is none of v", None),
        ("NONSENSE", "1", "is ignored: no such feature", "v3"),
    ],
)
def test_variables_that_force(env: Environment, index: Index, variable, value, said, label) -> None:
    machine = {f"{LEVELS}LEVEL": "v3,v2,v1"} if variable != "LEVEL" else {}
    env.reset()
    more = {**machine, f"{LEVELS}{variable}": value}
    result = env.pip("install", "--index-url", index.url, "xgboost", env=more)
    assert result.err.count(f"the environment variable {LEVELS}{variable} {said}") == 1, result.err
    assert env.installed("xgboost") == ("1.0", label)


def test_variables_of_the_gpu(env: Environment) -> None:
    wrong = {
        "NV_VARIANT_PROVIDER_FORCE_SM_ARHC": "9.0",
        "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.8",
    }
    command: list[str | Path] = [env.python, "-m", "pip_variants", "show"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean(wrong), check=True)
    said = "NV_VARIANT_PROVIDER_FORCE_SM_ARHC is ignored: no such variable; did you mean NV_VARIANT_PROVIDER_FORCE_SM_ARCH?"
    assert said in done.stderr


def test_features_of_a_target_file(env: Environment, index: Index, tmp_path) -> None:
    """People write these files, too; what is not said by a provider's name is theirs to invent."""
    command: list[str | Path] = [env.python, "-m", "pip_variants", "target", "x86_64_v2"]
    text = subprocess.run(command, capture_output=True, text=True, env=clean(), check=True).stdout
    (tmp_path / "node.toml").write_text(text.replace("level = ", "levl = "))
    result = install(env, index, "--variant-target", str(tmp_path / "node.toml"))
    assert result.err.count("x86_64 has no feature levl; did you mean level?") == 1
    (tmp_path / "node.toml").write_text(text)
    assert (
        "has no feature"
        not in install(env, index, "--variant-target", str(tmp_path / "node.toml")).err
    )
