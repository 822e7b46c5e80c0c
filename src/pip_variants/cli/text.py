"""What commands print: fit for a terminal whoever wrote it, and texts within 80 columns."""

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pip_variants.errors import printable
from pip_variants.publish.files import Tell


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, see docs/commands.md")


def add_list(
    parser: argparse.ArgumentParser, name: str, metavar: str, text: str, to: type = str
) -> None:
    """Define an option that can be repeated."""
    parser.add_argument(name, metavar=metavar, help=text, action="append", default=[], type=to)


def print_json(**content: Any) -> None:
    """Print the JSON that docs/commands.md describes."""
    print(json.dumps({"version": "1", **content}, indent=2))


def warn(text: str) -> None:
    """Tell the user, beside what the command prints."""
    print(f"pip-variants: {printable(text)}", file=sys.stderr)


def print_lines(text: str, first: str = "", other: str = "  ") -> None:
    """Print the text in lines with these indents, if there is any."""
    text = printable(text, len(text) * 10)
    for line in textwrap.wrap(
        text, 80, initial_indent=first, subsequent_indent=other, break_on_hyphens=False
    ):
        print(line)


def print_command(command: str) -> None:
    """Print a command in lines such that a shell takes what is copied."""
    lines = textwrap.wrap(printable(command), 72, break_long_words=False, break_on_hyphens=False)
    print("    " + " \\\n      ".join(lines))


@contextmanager
def progress() -> Iterator[Tell]:
    """Show on a terminal how far long work is, in one line that is gone in the end."""
    due = 0.0

    def tell(text: str) -> None:
        nonlocal due
        if sys.stderr.isatty() and time.monotonic() >= due:
            due = time.monotonic() + 0.1
            print(f"\r\033[K{printable(text, 79)}", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if due:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
