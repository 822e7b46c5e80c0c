"""Write what an index needs beside the wheels: the metadata of variants, and pages."""

import argparse
from pathlib import Path

from pip_variants.cli.make import print_path
from pip_variants.cli.text import add_list, warn
from pip_variants.publish.index import add_to_index_metadata, write_index_metadata, write_pages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="the folder with all wheels of the releases")
    text = "only add what this wheel says to the metadata in the folder, where the release's "
    add_list(parser, "--add", "WHEEL", f"{text}other wheels need not be; repeat for more", Path)
    parser.add_argument(
        "--pages",
        action="store_true",
        help="also write the pages of an index for a plain file server, below simple",
    )


def run(options: argparse.Namespace) -> int:
    if options.add:
        paths = add_to_index_metadata(options.folder, options.add)
    else:
        paths = write_index_metadata(options.folder, lambda why: warn(f"left out: {why}"))
    if not paths:
        where = ", ".join(map(str, options.add or [options.folder]))
        print(f"There are no variant wheels in {where}: nothing was written.")
    if options.pages:
        paths += write_pages(options.folder)
    for path in paths:
        print_path(path)
    return 0
