"""Make the wheel that is no variant out of a variant wheel.

Variant markers of its dependencies are decided, since few installers know them.
"""

import argparse

from pip_variants.cli.make import add_changes, write
from pip_variants.errors import InvalidWheel
from pip_variants.model.filename import WheelFilename
from pip_variants.publish.wheel import Changes

add_arguments = add_changes


def run(options: argparse.Namespace) -> int:
    name = options.wheel.name
    if WheelFilename.parse(name).label is None:
        raise InvalidWheel(f"{name} is no variant wheel: its name has no label")
    write(options, None, Changes())
    return 0
