"""The command `pip-variants`."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

import pip_variants
from pip_variants.errors import PipVariantsError, printable

_COMMANDS = {
    "show": "print what this machine supports",
    "explain": "say which wheel pip would install, and why",
    "doctor": "look whether pip-variants works here",
    "indexes": "show index sets, and which of their builds pip would take",
    "list": "list the installed variants",
    "check": "say which installed variants do not fit any more",
    "target": "print what this machine supports as a target file, put targets together",
    "build": "build all variants of a project",
    "make": "make a variant wheel out of a built wheel, or an ordinary one again",
    "verify": "look for mistakes in wheels and indexes",
    "index": "write the metadata for a folder of wheels",
}


class _Parser(argparse.ArgumentParser):
    """One whose help ends with where the documentation is."""

    def format_help(self) -> str:
        """The help."""
        from importlib import metadata  # which takes as long as all else here

        about = None
        with suppress(metadata.PackageNotFoundError):  # it may be on the path only
            urls = metadata.metadata("pip-variants").get_all("Project-URL", ())
            about = dict(url.split(", ", 1) for url in urls).get("Documentation")
        return super().format_help() + (f"\nDocumentation: {about}\n" if about else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed, 2 wrong usage."""
    try:
        options = _parsed(sys.argv[1:] if arguments is None else arguments)
        return int(options.run(options) or 0)
    except BrokenPipeError:
        # The reader has seen enough (`| head`); Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (PipVariantsError, OSError) as error:
        lines = (printable(line) for line in str(error).splitlines())
        print("pip-variants: " + "\n".join(lines), file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:  # somebody uninstalled what it needs
        print(f"pip-variants: {error}; pip check says what to install", file=sys.stderr)
        return 1


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="pip-variants",
        description="Wheel variants for pip: look at them and make them.",
        allow_abbrev=False,  # half a word may be another option's tomorrow
    )
    parser.add_argument("--version", action="version", version=pip_variants.__version__)
    parser.set_defaults(run=lambda _: parser.print_help(), parser=parser)
    subparsers = parser.add_subparsers(metavar="COMMAND")
    for name, summary in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, allow_abbrev=False)
        if name in arguments:  # the others are not loaded
            command = import_module(f"pip_variants.cli.{name}")
            subparser.description = command.__doc__
            if hasattr(command, "add_arguments"):
                command.add_arguments(subparser)
            about = "print JSON, see docs/commands.md"
            subparser.add_argument("--json", action="store_true", help=about)
            subparser.set_defaults(run=command.run, parser=subparser)
    options, rest = parser.parse_known_args(arguments)
    if rest and "for_pip" not in options:
        options.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.for_pip = rest
    return options
