"""What a newcomer runs first: examples/quickstart.py, and the commands in README.md."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.environments import ROOT
from support.projects import project_in
from support.wheels import plain_wheel

from pip_variants.cli import main

QUICKSTART = ROOT / "examples" / "quickstart.py"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def quickstart(folder: Path, **changes: str) -> str:
    """Its output with `folder` as the place for temporary files, which it must leave empty."""
    env = {name: value for name, value in os.environ.items() if "_FORCE_" not in name}
    done = subprocess.run(
        [sys.executable, QUICKSTART],
        capture_output=True,
        text=True,
        env=env | {"TMPDIR": str(folder)} | changes,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert list(folder.iterdir()) == []
    assert max(map(len, done.stdout.splitlines())) < 80
    return done.stdout


def chosen(output: str) -> str | None:
    """The level that pip said it took; None where no variant fits."""
    if "No x86-64 processor." in output:
        assert "Using the wheel without variant: no variant fits this machine" in output
        return None
    best = re.search(r"x86_64 :: level :: (v\d)$", output, re.MULTILINE)
    using = re.search(r"Using the variant x86_64_(v\d) \(x86_64 :: level :: (v\d)\)", output)
    assert best and using
    assert using[1] == using[2] == best[1]
    return using[1]


def installed(output: str) -> list[str]:
    return re.findall(r"Installed: the (\w+) build\.", output)


def test_the_quickstart_as_it_stands(tmp_path: Path) -> None:
    output = quickstart(tmp_path)
    level = chosen(output)
    assert installed(output) == [level or "plain", "plain"]
    times = re.findall(r"^ +(\w+) +[\d.]+ ms$", output, re.MULTILINE)
    assert times == ([level, "plain"] if level and "no C compiler" not in output else [])


def test_the_quickstart_without_a_compiler(tmp_path: Path) -> None:
    temporary, empty = tmp_path / "temporary", tmp_path / "empty"
    temporary.mkdir()
    empty.mkdir()
    output = quickstart(temporary, PATH=str(empty), CC="")
    level = chosen(output)
    missing = "no C compiler found" if level else "not an x86-64 processor"
    assert f"Left out ({missing}): the wheels have no C code." in output
    assert installed(output) == [level or "plain", "plain"]
    assert " ms" not in output


def test_the_quickstart_says_which_command_failed_and_how(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, QUICKSTART],
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path), "PIP_TIMEOUT": "never"},
        timeout=600,
    )
    assert done.returncode == 1
    assert "This command failed" in done.stderr
    assert "-m pip install" in done.stderr
    assert "'never'" in done.stderr  # pip's own words
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to send")
def test_the_quickstart_leaves_nothing_when_interrupted(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, QUICKSTART],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job of nohup has none
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("1. ")
    time.sleep(2)  # it makes an environment now, or pip works in it
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130, errors
    assert "Interrupted" in errors
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def readme_commands() -> Iterator[list[str]]:
    """Every `pip-variants ...` in the shell blocks, in order."""
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["pip-variants"]:
                yield words[1:]


def test_the_commands_of_the_readme_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = list(readme_commands())
    assert [command[0] for command in commands] == ["build", "index", "verify", "make"]
    (table,) = re.findall(r"^```toml\n(\[variant\..*?)^```", README, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(project_in(tmp_path, table))
    for command in commands:
        if command[0] == "make":  # a wheel that was there before anything was built
            plain_wheel(tmp_path / "dist", tag="py3-none-linux_x86_64")
        assert main(command) == 0, capsys.readouterr().err
    named = set(re.findall(r"dist/[\w.-]+", README))
    assert len(named) == 1
    assert {name for name in named if not (tmp_path / name).is_file()} == set()


def test_the_paths_in_the_readme_exist() -> None:
    scripts = set(re.findall(r"^python3 (\S+)", README, re.MULTILINE))
    assert scripts == {"examples/quickstart.py", "tests/run.py"}
    assert all((ROOT / script).is_file() for script in scripts)
