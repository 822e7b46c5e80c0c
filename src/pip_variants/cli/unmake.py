"""Make the wheel that is no variant out of a variant wheel.

Variant markers of its dependencies are decided, since few installers know them.
"""

import argparse
from pathlib import Path

from pip_variants.cli.make import add_changes, changes_of, output_of, print_path
from pip_variants.publish.wheel import unmake_variant_wheel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument("wheel", type=Path, help="the variant wheel; it stays as it is")
    add_changes(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    print_path(unmake_variant_wheel(options.wheel, output_of(options), changes_of(options)))
    return 0
