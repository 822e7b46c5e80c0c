"""What pip is set to, as far as variants are concerned.

A program for a pip process of its own. Its argument is a file, to which it writes JSON.
"""

import contextlib
import io
import json
import sys
from typing import Any

from pip._internal.commands.install import InstallCommand
from pip._internal.exceptions import PipError

from pip_variants.errors import printable
from pip_variants.pip_adapter.hook.run import Run, entered


def of_variants() -> tuple[str, dict[str, Any]]:
    """Why pip does not start as it is set up, if so; and its options for variants that are set."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            options, _ = InstallCommand("install", "").parse_args([])
    except (PipError, SystemExit) as error:
        text = str(error) if isinstance(error, PipError) else said.getvalue()
        return " ".join(text.strip().rpartition("\n\n")[2].split()), {}  # not pip's usage
    return "", {
        name: value
        for name, value in sorted(vars(options).items())
        if value and (name.startswith("variant_") or name == "no_variants")
    }


def main() -> int:
    """Run the program."""
    with entered(Run()):
        failed, options = of_variants()
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"failed": printable(failed), "options": options}, file)
    return 0
