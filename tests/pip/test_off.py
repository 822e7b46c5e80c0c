"""Off is off, and nothing of pip, of a program that uses it, or of its words is touched."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.environments import FORCED, Environment, Result, clean
from support.server import Index
from support.wheels import levels, release

OLDER = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v1"}
OFF = {"PIP_NO_VARIANTS": "1"}


@pytest.fixture
def folder(index: Index) -> Path:
    """2.0 has variants only."""
    folder = release(index.root / "demo", "1.0", {**levels("v2", "v3"), None: ()})
    return release(folder, "2.0", levels("v2", "v3"))


@pytest.fixture
def conf(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "pip.conf").write_text("[global]\nno-variants = true\n")
    return {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}


# A program with words of its own


_TOOL = """
import os, sys
words = list(sys.argv)
{before}
import pip._internal.cli.main
from pip._internal.cli.main import main
assert sys.argv == words, sys.argv
code = {do}
assert sys.argv == words, sys.argv
print(code, *sys.argv[1:])
"""
DOES = {
    "nothing": "0",
    "installs": "main(['install', '--quiet', '--index-url', os.environ['INDEX'], 'demo'])",
    "installs, with our options": (
        "main(['install', '--quiet', '--variant', 'demo=v2', '--variant-target=x86_64_v3',"
        " '--index-url', os.environ['INDEX'], 'demo'])"
    ),
    "lists": "main(['list', '--format', 'json', '--path', os.devnull])",
}


@pytest.mark.parametrize("off", [True, False], ids=["off", "on"])
@pytest.mark.parametrize("does", DOES)
def test_a_tool_keeps_its_words(
    env: Environment, index: Index, folder: Path, tmp_path: Path, does: str, off: bool
) -> None:
    (tmp_path / "tool.py").write_text(_TOOL.format(before="", do=DOES[does]))
    words = (
        "--variant",
        "release",
        "build",
        "--variant-target=x",
        "--no-variants",
        "--",
        "--variant-trust",
    )
    variables = clean({**FORCED, **(OFF if off else {}), "INDEX": index.url})
    command: list[str | Path] = [env.python, "tool.py", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, " ".join(("0", *words))), (
        done.stderr
    )
    if "installs" in does:
        expected = ("1.0", None) if off else ("2.0", "v2" if "our" in does else "v3")
        assert env.installed() == expected


def test_a_program_with_words_like_those_of_pip(env: Environment, tmp_path: Path) -> None:
    """Its own parser sees them, whatever it calls itself."""
    (tmp_path / "pip").write_text(
        "import argparse, sys\nimport pip._internal.cli.main\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--variant')\nprint(parser.parse_args())\n"
    )
    for variables in ({}, OFF):
        command: list[str | Path] = [env.python, "pip", "--variant", "release"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=clean(variables), cwd=tmp_path
        )
        assert done.stdout == "Namespace(variant='release')\n"


# Words that are not options


WORDS = {
    "after --": (["--", "--variant"], {}),
    "after --, with a value": (["--", "--variant=demo=v2", "demo"], {}),
    "a requirement": (["demo ; python_version > '3' and '--no-variants' != ''"], {}),
    "a value of --config-settings": (["--config-settings", "--variant=demo=v2", "demo==1.0"], {}),
    "a value of -C": (["-C--no-variants=1", "demo==1.0"], {}),
    "a value of --log": (["--log", "--no-variants", "demo==1.0"], {}),
    "a value of --report": (["--dry-run", "--report", "--variant-target", "demo==1.0"], {}),
    "a value of --prefix": (["--prefix", "--variant", "demo==1.0"], {}),
    "a variable of another option": (["demo==1.0"], {"PIP_LOG": "--no-variants"}),
    "the first command": (["--variant"], {}),
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_words_that_are_not_options_are_pips(
    env: Environment, stock: Environment, index: Index, folder: Path, tmp_path: Path, words
) -> None:
    """With variants off everything is as with stock pip, the files that are written included."""
    arguments, variables = words
    seen = []
    for one, off in ((stock, {}), (env, OFF)):
        where = tmp_path / one.folder.name / "where"
        where.mkdir(parents=True, exist_ok=True)
        command = ["install", "--quiet", "--index-url", index.url, *arguments]
        result = one.pip(*command, env={**FORCED, **variables, **off}, cwd=where, code=None)
        files = sorted(str(path.relative_to(where)) for path in where.rglob("*") if path.is_file())
        usage = result.err.partition("\n\n")[2] or result.err  # which lists the groups of options
        seen.append(
            (result.code, result.out, usage.replace(str(one.folder), ""), one.installed(), files)
        )
    if arguments == ["--variant"]:  # an option of ours, with or without variants
        assert "--variant option requires 1 argument" in seen[1][2]
    else:
        assert seen[0] == seen[1]


def test_the_values_of_other_options_turn_nothing_off(
    env: Environment, index: Index, folder: Path, tmp_path: Path
) -> None:
    for number, words in enumerate(
        (["--log", "--no-variants"], ["-C", "--no-variants=1"], ["--report", "--no-variants"])
    ):
        env.pip(
            "install",
            "--force-reinstall",
            "--index-url",
            index.url,
            *words,
            "demo",
            env=FORCED,
            cwd=tmp_path,
        )
        assert env.installed() == ("2.0", "v3"), number


def test_options_of_ours_are_understood_when_off(
    env: Environment, index: Index, folder: Path, tmp_path: Path, conf
) -> None:
    """A command line that is right stays right; one that is wrong stays wrong."""
    ours = (
        "--variant",
        "demo=v2",
        "--variant-prefer",
        "x86_64",
        "--variant-target",
        "x86_64_v2",
        "--variant-trust",
        "x",
    )
    for variables in (OFF, conf):
        env.reset()
        result = env.pip(
            "install", *ours, "--index-url", index.url, "demo", env={**FORCED, **variables}
        )
        assert (env.installed(), result.err) == (("1.0", None), "")
        result = env.pip(
            "install",
            "--variant",
            "--index-url",
            index.url,
            "demo",
            env={**FORCED, **variables},
            code=2,
        )
        assert "must be PACKAGE=LABEL" in result.err
        result = env.pip("install", "--variants", "x", "demo", env={**FORCED, **variables}, code=2)
        assert "no such option" in result.err


# For every command


def test_pip_conf_holds_for_every_command(
    env: Environment, index: Index, folder: Path, conf: dict[str, str]
) -> None:
    """As `PIP_NO_VARIANTS` does; each would say something of variants else."""
    env.pip("install", "--index-url", index.url, "demo==1.0", env=FORCED)
    assert env.installed() == ("1.0", "v3")
    commands = [
        ["list"], ["list", "--format", "json"], ["list", "--outdated", "--index-url", index.url],
        ["show", "demo"], ["check"], ["inspect"],
        ["index", "versions", "--index-url", index.url, "demo"],
        ["install", "--dry-run", "--ignore-installed", "--index-url", index.url, "demo"],
    ]  # fmt: skip
    for command in commands:
        machine = OLDER if command == ["check"] else FORCED
        on = env.pip(*command, env=machine, code=None)
        variable, setting = (
            env.pip(*command, env={**machine, **off}, code=None) for off in (OFF, conf)
        )
        assert (variable.code, variable.out, variable.err) == (
            setting.code,
            setting.out,
            setting.err,
        )
        assert not says_something(setting, command), command
        assert on.all != setting.all, command
    again = env.pip("list", env={**OLDER, **conf, "PIP_NO_VARIANTS": "0"})
    assert says_something(again, ["list"])


def says_something(result: Result, command: list[str]) -> bool:
    """Of variants."""
    text = result.all
    if command == ["inspect"]:  # pip-variants is installed, too
        text = json.dumps(
            [
                one
                for one in json.loads(result.out)["installed"]
                if one["metadata"]["name"] == "demo"
            ]
        )
    return bool(re.search(r'\bVariant|"variant"|\bv3\b|Skipping', text))


@pytest.mark.parametrize("pip", ["23.0.1"])
def test_pip_conf_holds_for_older_pips(
    make_environment, index: Index, folder: Path, conf: dict[str, str], pip: str
) -> None:
    env = make_environment(pip)
    env.pip("install", "--index-url", index.url, "demo==1.0", env=FORCED)
    for command in (["list"], ["check"], ["inspect"]):
        assert not says_something(env.pip(*command, env={**OLDER, **conf}), command), command
    env.reset()


def test_a_command_alone_is_off(
    env: Environment, index: Index, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text("[list]\nno-variants = true\n")
    variables = {**FORCED, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    env.pip("install", "--index-url", index.url, "demo", env=variables)
    assert env.installed() == ("2.0", "v3")
    assert "v3" not in env.pip("list", env=variables).out
    assert "Variant: v3" in env.pip("show", "demo", env=variables).out
    assert "Variant" not in env.pip("show", "--no-variants", "demo", env=variables).out
    assert "variant" not in json.loads(env.pip("list", "--format", "json", env=variables).out)[0]


# A target that vanished


@pytest.mark.parametrize("target", ["/no/such/target.toml", "x86_64_v99"])
def test_a_target_that_vanished_locks_nobody_out(
    env: Environment, index: Index, folder: Path, tmp_path: Path, target: str
) -> None:
    env.pip("install", "--index-url", index.url, "demo", env=FORCED)
    (tmp_path / "pip.conf").write_text(f"[global]\nvariant-target = {target}\n")
    in_file = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    for variables in (in_file if target.startswith("/") else {"PIP_VARIANT_TARGET": target},):
        variables = {**FORCED, **variables}
        for command in (["list"], ["show", "demo"], ["inspect"], ["freeze"], ["config", "list"]):
            env.pip(*command, env=variables)
        install = ["install", "--force-reinstall", "--index-url", index.url, "demo"]
        for words, expected in (
            (["--no-variants"], ("1.0", None)),
            (["--variant-target", "here"], ("2.0", "v3")),
            (["--variant-target", "x86_64_v2"], ("2.0", "v2")),
        ):
            env.pip(*install, *words, env=variables)
            assert env.installed() == expected
        result = env.pip(*install, env=variables, code=None)
        assert result.code in (1, 2)
        assert target in result.err
        assert "Traceback" not in result.err
        env.pip("uninstall", "--yes", "demo", env=variables)
        env.pip("install", "--index-url", index.url, "demo", env={**variables, **OFF})
        assert env.installed() == ("1.0", None)
