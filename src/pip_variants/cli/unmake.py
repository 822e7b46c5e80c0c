"""Make the wheel that is no variant out of a variant wheel.

Variant markers of its dependencies are decided, since few installers know them.
"""

import argparse
from pathlib import Path

from pip_variants.cli.make import add_changes, changes_of, write
from pip_variants.errors import InvalidWheel
from pip_variants.model.filename import WheelFilename


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wheel", type=Path, help="the variant wheel; it stays as it is")
    add_changes(parser)


def run(options: argparse.Namespace) -> int:
    name = options.wheel.name
    if WheelFilename.parse(name).label is None:
        raise InvalidWheel(f"{name} is no variant wheel: its name has no label")
    write(options, None, changes_of(options))
    return 0
