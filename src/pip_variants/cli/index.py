"""Write the index-level metadata for a folder of wheels."""

import argparse
from pathlib import Path

from pip_variants.publish.index import write_index_metadata

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument("folder", type=Path, help="the folder with all wheels of the releases")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    paths = write_index_metadata(options.folder)
    for path in paths:
        print(path)
    if not paths:
        print(f"There are no variant wheels in {options.folder}: nothing was written.")
    return 0
