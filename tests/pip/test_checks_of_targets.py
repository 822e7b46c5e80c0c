"""An environment that was made for other machines, in every check: on them, and where it was made."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.environments import Environment, Result, clean
from support.server import Index
from support.wheels import levels, release

BUILD_HOST = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v2,v1"}
NODE = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v4,v3,v2,v1"}
FINE = "No broken requirements found.\n"
LACKS = "v4 needs x86_64 :: level :: v4 (supported: v2, v1)"
FITS = f"fits cluster.toml, for which it was installed; not this machine: {LACKS}"


def ours(
    env: Environment, *arguments: object, machine: dict[str, str], code: int = 0, **more: str
) -> Result:
    command: list[str | Path] = [env.python, "-m", "pip_variants", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean({**machine, **more}), cwd=env.folder
    )
    assert done.returncode == code, done.stdout + done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


def said(result: Result) -> str:
    """The output without its spaces: long paths are broken anywhere."""
    return "".join(result.out.split())


@pytest.fixture
def cluster(env: Environment, tmp_path: Path) -> Path:
    file = tmp_path / "cluster.toml"
    ours(env, "target", "x86_64_v4", "-o", file, machine={})
    return file


@pytest.fixture
def image(env: Environment, index: Index, cluster: Path) -> Environment:
    """Built for the nodes, on a host that is less than they are."""
    release(index.root / "demo", "1.0", {**levels("v2", "v4"), None: ()})
    env.pip(
        "install", "--index-url", index.url, "--variant-target", cluster, "demo", env=BUILD_HOST
    )
    assert env.installed() == ("1.0", "v4")
    return env


def test_without_a_word_both_are_told(image: Environment) -> None:
    assert image.pip("check", env=BUILD_HOST).out == f"demo 1.0 {FITS}\n{FINE}"
    assert image.pip("check", env=NODE).out == FINE
    assert said(ours(image, "check", machine=BUILD_HOST)) == "".join(f"demo 1.0: {FITS}".split())
    assert ours(image, "check", machine=NODE).out == "All installed variants fit this machine.\n"
    listed = f"demo 1.0, variant v4: for cluster.toml x86_64 :: level :: v4 {FITS}"
    assert said(ours(image, "list", machine=BUILD_HOST)) == "".join(listed.split())
    (entry,) = json.loads(ours(image, "list", "--json", machine=BUILD_HOST).out)["variants"]
    assert (entry["target"], entry["supported"], entry["commands"]) == ("cluster.toml", False, [])


@pytest.mark.parametrize(
    "how", ["option", "pip.conf", pytest.param("variable", marks=pytest.mark.long)]
)
def test_the_target_that_is_named_counts_alone(
    image: Environment, cluster: Path, tmp_path: Path, how: str
) -> None:
    def asked(target: str | Path) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]:
        if how == "option":
            return ("--variant-target", str(target)), ("--target", str(target)), {}
        if how == "variable":
            return (), (), {"PIP_VARIANT_TARGET": str(target)}
        (tmp_path / "pip.conf").write_text(f"[global]\nvariant-target = {target}\n")
        return (), (), {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}

    for_pip, for_us, more = asked(cluster)
    assert image.pip("check", *for_pip, env={**BUILD_HOST, **more}).out == FINE
    fine = f"All installed variants fit the target {cluster}."
    assert said(ours(image, "check", *for_us, machine=BUILD_HOST, **more)) == "".join(fine.split())
    assert "variant v4: supported" in ours(image, "list", *for_us, machine=BUILD_HOST, **more).out

    for_pip, for_us, more = asked("x86_64_v3")
    result = image.pip("check", *for_pip, env={**NODE, **more}, code=1)
    assert result.out.startswith(
        "demo 1.0 is a variant that the target x86_64_v3 does not support: v4 needs "
    )
    result = ours(image, "check", *for_us, machine=NODE, code=1, **more)
    command = "pip install --variant-target x86_64_v3 --force-reinstall --no-deps demo==1.0"
    assert command in " ".join(result.out.replace("\\\n", "").split())

    for_pip, for_us, more = asked("here")
    assert image.pip("check", *for_pip, env={**BUILD_HOST, **more}, code=1).out == (
        f"demo 1.0 is a variant that this machine does not support: {LACKS}\n"
    )
    assert said(ours(image, "check", *for_us, machine=BUILD_HOST, code=1, **more)).startswith(
        "".join(f"demo 1.0: {LACKS}".split())
    )


def test_the_printed_command_changes_something(image: Environment, index: Index) -> None:
    for target, label in (("here", "v2"), ("x86_64_v3", "v2")):
        result = ours(image, "check", "--json", "--target", target, machine=BUILD_HOST, code=1)
        ((command,),) = (one["commands"] for one in json.loads(result.out)["variants"])
        _, *arguments = shlex.split(command)
        image.pip(*arguments, env={**BUILD_HOST, "PIP_INDEX_URL": index.url})
        assert image.installed() == ("1.0", label)
        assert (
            not (image.site / "demo-1.0.dist-info" / "variant_target.txt").exists()
            or target != "here"
        )
        ours(image, "check", "--target", target, machine=BUILD_HOST)
        arguments = ["--index-url", index.url, "--force-reinstall", "--no-deps", "demo==1.0"]
        image.pip("install", "--variant-target", "x86_64_v4", *arguments, env=BUILD_HOST)


def test_better_ones_are_looked_for_by_the_target(image: Environment, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v2", "v3", "v4"), None: ()})
    image.pip(
        "install",
        "--index-url",
        index.url,
        "--variant",
        "demo=v2",
        "--force-reinstall",
        "demo",
        env=NODE,
    )
    more = {"PIP_INDEX_URL": index.url}
    result = ours(
        image, "check", "--upgradable", "--target", "x86_64_v3", machine=NODE, code=1, **more
    )
    assert "pip would take the variant v3 instead of v2" in result.out


def test_what_is_for_a_target_is_not_to_be_exchanged_for_this_machine(
    image: Environment, index: Index
) -> None:
    """A better build for the host is none for the nodes."""
    release(index.root / "other", "1.0", levels("v2", "v3"), name="other")
    arguments = ("--index-url", index.url, "--variant-target", "x86_64_v2")
    image.pip("install", *arguments, "other", env=NODE)
    more: dict[str, Any] = {"PIP_INDEX_URL": index.url}
    result = ours(image, "check", "--upgradable", machine=NODE, **more)
    assert "pip would take" not in result.out
    assert (
        "For better variants of what was installed for x86_64_v2: --target x86_64_v2\n"
        in result.out
    )
    assert "To exchange what is installed" not in ours(image, "explain", machine=NODE, **more).out
    result = ours(
        image, "check", "--upgradable", "--target", "x86_64_v3", machine=NODE, code=1, **more
    )
    assert "pip would take the variant v3 instead of v2" in result.out


def test_what_is_noted_belongs_to_the_package(image: Environment, index: Index) -> None:
    """It is uninstalled with it; nothing is noted of what is no variant, or is for this machine."""
    note = image.site / "demo-1.0.dist-info" / "variant_target.txt"
    assert note.read_text() == "cluster.toml\n"
    assert "demo-1.0.dist-info/variant_target.txt,sha256=" in (note.parent / "RECORD").read_text()
    image.pip("uninstall", "-y", "demo")
    assert not note.parent.exists()
    for machine, arguments in ((NODE, ()), (BUILD_HOST, ("--variant-target", "cuda12.8"))):
        image.pip("install", "--index-url", index.url, *arguments, "demo", env=machine)
        assert not note.exists(), arguments
        image.pip("uninstall", "-y", "demo")


def test_a_target_that_is_gone_breaks_no_check(image: Environment, tmp_path: Path) -> None:
    gone = {**NODE, "PIP_VARIANT_TARGET": str(tmp_path / "gone.toml")}
    result = image.pip("check", env=gone)
    assert result.out == FINE
    assert "Could not tell whether the variant of demo fits: " in result.err
    assert (
        "option --variant-target: no such file: " in ours(image, "check", machine=gone, code=1).err
    )


@pytest.mark.parametrize("pip", ["23.0.1", pytest.param("25.0.1", marks=pytest.mark.long)])
def test_older_pips(make_environment, index: Index, pip: str) -> None:
    env = make_environment(pip)
    release(index.root / "demo", "1.0", {**levels("v2", "v4"), None: ()})
    env.pip(
        "install", "--index-url", index.url, "--variant-target", "x86_64_v4", "demo", env=BUILD_HOST
    )
    assert "fits x86_64_v4, for which it was installed" in env.pip("check", env=BUILD_HOST).out
    assert env.pip("check", "--variant-target", "x86_64_v4", env=BUILD_HOST).out == FINE
    env.reset()
