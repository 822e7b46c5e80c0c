"""Build the variants of a project, as [variant] in its pyproject.toml describes them.

Writes the source distribution, a wheel for each variant, for the null variant, and the one that is
no variant.
"""

import argparse
import re
import sys
from pathlib import Path

from pip_variants.cli.make import print_path
from pip_variants.cli.text import add_list, print_json, warn
from pip_variants.errors import PipVariantsError, printable
from pip_variants.publish.build import Build


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "the project's folder (default: this one), or its source distribution"
    parser.add_argument("source", type=Path, nargs="?", default=Path(), metavar="SRC", help=text)
    text = "build this one, none for the wheel that is no variant; repeat for more (default: all)"
    add_list(parser, "--label", "LABEL", text)
    text = "the folder to write to (default: dist in the project)"
    parser.add_argument("-o", "--output", type=Path, help=text)
    text = "so many wheels at a time (default: 1)"
    parser.add_argument("-j", "--jobs", type=_number, default=1, help=text)
    text = "run on wheels with code first, such as 'auditwheel repair -w {dest_dir} {wheel}'"
    parser.add_argument("--repair", default="", metavar="COMMAND", help=text)
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the builds print")
    text = "take properties that their provider does not know"
    parser.add_argument("--unchecked", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    places = {*re.findall(r"\{(\w*)\}", options.repair)}
    if options.repair and places != {"wheel", "dest_dir"}:
        raise PipVariantsError(f"--repair must have {{wheel}} and {{dest_dir}}: {options.repair}")
    folder = options.source.parent if options.source.is_file() else options.source / "dist"
    say = _tell if options.verbose or sys.stderr.isatty() else lambda _: None
    how = options.jobs, options.repair, options.force, options.verbose, options.unchecked
    build = Build(options.source, options.output or folder, say, warn, *how)
    made, failed = build.wheels(options.label)
    files = {label: str(path) for label, path in made.items()}
    if options.json:
        print_json(source=files.pop("", None), files=files, failed=failed)
    for path in () if options.json else made.values():
        print_path(path)
    reasons: dict[str, list[str]] = {}
    for label, why in failed.items():  # which ends with where the log is
        reasons.setdefault(why.rpartition("\n")[0] or why, []).append(label)
    for labels in reasons.values():
        said = f"pip-variants: {', '.join(labels)} not built: {failed[labels[0]]}"
        for line in said.splitlines():
            _tell(line)
    return 1 if failed else 0


def _tell(text: str) -> None:
    sys.stderr.write(f"{printable(text, 10_000)}\n")  # at once: several builds may speak


def _number(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number
