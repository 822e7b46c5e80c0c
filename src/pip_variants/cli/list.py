"""List the installed variants, and whether this machine supports them."""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pip_variants.errors import printable

if TYPE_CHECKING:
    from pip_variants.inventory import InstalledVariant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument("--json", action="store_true", help="print JSON, see docs/commands.md")


def run(options: argparse.Namespace) -> int:
    """Run the command: 1 if anything could not be told."""
    from pip_variants.inventory import installed_variants  # not for the --help of other commands

    found = installed_variants(warn)
    if options.json:
        print_json(found)
    for one in () if options.json else found:
        label = f", variant {one.variant.label}" if one.variant else ""
        fits = {True: "supported", False: "not supported", None: "not known"}[one.supported]
        properties = one.variant.properties if one.variant else ()
        print_lines(f"{one.name} {one.version}{label}: {fits}", *map(str, properties), one.reason)
    if not found and not options.json:
        print("No variants are installed.")
    return 1 if any(one.supported is None for one in found) else 0


def warn(text: str) -> None:
    """Pass on what a provider warns of."""
    print(f"pip-variants: {printable(text)}", file=sys.stderr)


def print_json(found: "Iterable[InstalledVariant]") -> None:
    """Print the JSON that docs/commands.md describes."""
    print(json.dumps({"version": "1", "variants": [one.to_json() for one in found]}, indent=2))


def print_lines(first: str, *others: str) -> None:
    """Print texts within 80 columns, all but the first indented."""
    for text, indent in ((first, ""), *((other, "    ") for other in others)):
        for line in _wrapped(text, 80, indent):
            print(line)


def print_command(command: str) -> None:
    """Print a command within 80 columns, such that a shell takes what is copied."""
    print(" \\\n".join(_wrapped(command, 78, "    ", whole_words=True)))


def _wrapped(text: str, width: int, indent: str, *, whole_words: bool = False) -> list[str]:
    return textwrap.wrap(
        printable(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=not whole_words,
        break_on_hyphens=False,
    )
