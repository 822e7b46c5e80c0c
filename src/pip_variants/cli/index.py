"""Write what an index needs beside the wheels: the metadata of variants, and pages."""

import argparse
from pathlib import Path

from pip_variants.cli.make import print_path
from pip_variants.cli.text import add_list, print_json, progress, warn
from pip_variants.publish.index import write_index_metadata, write_pages


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "the folder with all wheels of the releases (default: dist)"
    parser.add_argument("folder", type=Path, nargs="?", default=Path("dist"), help=text)
    text = "only add what this wheel says to the metadata in the folder; repeat for more"
    add_list(parser, "--add", "WHEEL", text)
    text = "also write pages for a plain file server, below simple; those there are always renewed"
    parser.add_argument("--pages", action="store_true", help=text)
    text = "say on the pages that installers take this version only where it is pinned (PEP 592)"
    add_list(parser, "--yank", "VERSION[=REASON]", text)


def run(options: argparse.Namespace) -> int:
    left_out: list[str] = []
    wheels = [*map(Path, options.add)]
    with progress():
        paths = write_index_metadata(options.folder, wheels, left_out.append)
        written = [*paths]
        if options.pages or options.yank or (options.folder / "simple" / "index.html").is_file():
            yanked = dict(one.partition("=")[::2] for one in options.yank)
            added = [*wheels, *paths] if wheels else []
            written += write_pages(options.folder, added, yanked)
    for why in left_out:
        warn(f"left out: {why}")
    if options.json:
        print_json(written=[*map(str, written)], left_out=left_out)
        return 0
    if not paths:
        where = ", ".join(map(str, wheels or [options.folder]))
        print(f"There are no variant wheels in {where}: no metadata was written.")
    for path in written:
        print_path(path)
    return 0
