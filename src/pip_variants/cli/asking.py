"""Asking pip, in a process of its own."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pip_variants.errors import PipVariantsError

OFF = "wheel variants are turned off: unset PIP_NO_VARIANTS, or no-variants in pip.conf"

# Like a console script: without the working directory, where somebody's modules may be.
_PROGRAM = (
    "import sys; sys.path[0] or sys.path.pop(0); "
    "from pip_variants.pip_adapter.{} import main; sys.exit(main())"
)


def ask_pip(program: str, *arguments: str, **how: Any) -> tuple[int, str, dict[str, Any]]:
    """What a program of `pip_adapter` does: its exit status, its last line of errors, its JSON."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "answer.json")
        command = [sys.executable, "-c", _PROGRAM.format(program), str(file), *arguments]
        how |= {"input": "", "encoding": "utf-8", "errors": "replace"}
        try:
            done = subprocess.run(command, check=False, capture_output=True, **how)  # noqa: S603
            code, said = done.returncode, done.stderr.strip().rpartition("\n")[2].strip()
        except subprocess.TimeoutExpired as error:
            code, said = 1, str(error)
        answer = json.loads(file.read_bytes()) if file.exists() else {}
    return code, said or f"pip ended with exit status {code}", answer


def add_target(parser: argparse.ArgumentParser) -> None:
    """Define the option `--target`."""
    text = "for this target, a file or a name, instead of the one that pip is set to; 'here' is "
    parser.add_argument("--target", default="", help=f"{text}this machine")


def target_of(options: argparse.Namespace) -> str:
    """The target that is meant: the one given, or the one that pip is set to; empty for none.

    Raises `PipVariantsError` if pip does not start as it is set up.
    """
    if options.target:
        return str(options.target)
    _, said, found = ask_pip("diagnosis")
    if problem := found["pip_failed"] if found else said:
        raise PipVariantsError(f"pip does not start as it is set up: {problem}")
    return str(found["options"].get("variant_target", ""))
