"""Following a page of the documentation: its commands are run as they stand."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from support.environments import clean

Shell = Callable[..., str]

_COMMANDS = {"pip": "pip", "pip-variants": "pip_variants", "pytest": "pytest"}


def shell_of(python: Path, folder: Path) -> Shell:
    """Runs commands as in the activated environment of a Python; returns what they print."""
    folder.mkdir()
    for name, module in _COMMANDS.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {python} -m {module} "$@"\n')
        (folder / name).chmod(0o755)

    def run(block: str, cwd: Path, **variables: object) -> str:
        path = os.pathsep.join([str(folder), str(python.parent), os.environ["PATH"]])
        done = subprocess.run(
            ["sh", "-e", "-c", block],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=clean({"PATH": path, **{key: str(value) for key, value in variables.items()}}),
            timeout=600,
        )
        assert done.returncode == 0, block + done.stdout
        return done.stdout

    return run


def follow(page: Path, shell: Shell, cwd: Path, **variables: object) -> int:
    """Run the commands of a page; the text below them must be in what they print.

    Returns the number of lines that were compared.
    """
    followed = 0
    blocks = re.findall(
        r"^```sh\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", page.read_text(), re.M | re.S
    )
    for commands, expected in blocks:
        output = shell(commands, cwd, **variables)
        for line in expected.splitlines():
            assert line in output, f"{commands}{output}"
            followed += 1
    return followed
