"""The command `pip-variants`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import pip_variants
from pip_variants.errors import PipVariantsError

__all__ = ["main"]

_COMMANDS = ("show", "make", "index")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="pip-variants", description="Wheel variants for pip: look at them and make them."
    )
    parser.add_argument("--version", action="version", version=pip_variants.__version__)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in _COMMANDS:
        command = import_module(f"pip_variants.cli.{name}")
        summary = str(command.__doc__)
        subparser = subparsers.add_parser(name, help=summary.splitlines()[0], description=summary)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except BrokenPipeError:
        # The reader has seen enough (`| head`); Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (PipVariantsError, OSError) as error:
        print(f"pip-variants: {error}", file=sys.stderr)
        return 1
    return code
