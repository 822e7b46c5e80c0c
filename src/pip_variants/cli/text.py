"""What commands print: fit for a terminal whoever wrote it, and texts within 80 columns."""

import argparse
import json
import logging
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pip_variants.errors import printable


def add_list(parser: argparse.ArgumentParser, name: str, metavar: str, text: str) -> None:
    """Define an option that can be repeated."""
    parser.add_argument(name, metavar=metavar, help=text, action="append", default=[])


def print_json(**content: Any) -> None:
    """Print JSON of a shape that docs/json describes."""
    print(json.dumps({"version": "1", **content}, indent=2))


def warn(text: str) -> None:
    """Tell the user, beside what the command prints."""
    print(f"pip-variants: {printable(text)}", file=sys.stderr)


def print_lines(text: str, first: str = "", other: str = "  ") -> None:
    """Print the text in lines with these indents, if there is any."""
    wrapper = textwrap.TextWrapper(80, first, other, break_on_hyphens=False)
    for line in wrapper.wrap(printable(text, 5000)):
        print(line)


def print_table(rows: Sequence[Sequence[str]], first: str = "") -> None:
    """Print rows of cells, the last of which may be long: it goes on below itself."""
    widths = [min(24, max(map(len, column))) for column in zip(*rows, strict=True)][:-1]
    other = first + " " * min(sum(widths) + 2 * len(widths), 40)
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print_lines("  ".join((*cells, row[-1])).rstrip(), first, other)


def print_command(command: str) -> None:
    """Print a command in lines such that a shell takes what is copied."""
    lines = textwrap.wrap(printable(command), 72, break_long_words=False, break_on_hyphens=False)
    print("    " + " \\\n      ".join(lines))


def print_tasks(texts: Iterable[str]) -> None:
    """Print what there is to do; a command that does it may follow in a line of its own."""
    for what, _, command in (text.partition("\n") for text in texts):
        print_lines(what, "  - ", "    ")
        if command:
            print_command(command)


@contextmanager
def progress() -> Iterator[None]:
    """Show on a terminal, in a line that is gone in the end, how far long work says it is."""
    if not sys.stderr.isatty():
        yield
        return
    handler, log = logging.StreamHandler(), logging.getLogger("pip_variants.publish")
    handler.setFormatter(logging.Formatter("\r\033[K%(message).79s"))
    handler.terminator = ""
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        print("\r\033[K", end="", file=sys.stderr, flush=True)
