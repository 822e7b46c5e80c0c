"""Build the variants of a project, as [variant] in its pyproject.toml describes them.

Writes the source distribution, a wheel for each variant, for the null variant, and the one that is
no variant.
"""

import argparse
from functools import partial
from pathlib import Path

from pip_variants.cli.text import add_list
from pip_variants.publish.build import build


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=Path,
        nargs="?",
        default=Path(),
        metavar="SRC",
        help="the project's folder (default: this one), or its source distribution",
    )
    text = "build this one; repeat for more; null, and none for the wheel that is no variant "
    add_list(parser, "--label", "LABEL", f"{text}(default: all)")
    parser.add_argument(
        "-o", "--output", type=Path, help="the folder to write to (default: dist in the project)"
    )
    parser.add_argument(
        "-j", "--jobs", type=_number, default=1, help="so many wheels at a time (default: 1)"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command: 0 all were built, 1 at least one was not."""
    beside = options.source.parent if options.source.is_file() else options.source / "dist"
    say = partial(print, flush=True)
    failed = build(options.source, options.label, options.output or beside, options.jobs, say)
    if failed:
        say(f"Not built: {', '.join(failed)}")
    return 1 if failed else 0


def _number(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number
