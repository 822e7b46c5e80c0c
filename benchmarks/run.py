"""Measure what pip-variants costs: `python benchmarks/run.py [NAME ...] [--json FILE]`."""

import argparse
import importlib
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from helpers import REPOSITORY, Row

sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tests")]

NAMES = (
    "startup",
    "ordering",
    "install",
    "packages",
    "pages",
    "resolution",
    "detection",
    "indexes",
    "growth",
    "commands",
    "tls",
    "circumstances",
    "uv",
    "publish",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    results = {}
    for name in options.names or NAMES:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="pip-variants-") as folder:
            tables = importlib.import_module(name).measure(Path(folder).resolve())
        for title, rows in tables.items():
            show(title, rows)
        print(f"\n({name}: {time.monotonic() - start:.0f} seconds)")
        results.update(tables)
    if options.json:
        made = {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
        options.json.write_text(json.dumps({**made, "results": results}, indent=2) + "\n")


def show(title: str, rows: list[Row]) -> None:
    print(f"\n{title}\n")
    if not rows:
        return
    table = [list(rows[0])] + [[_text(cell) for cell in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        print("  ".join(map(str.ljust, cells, widths)).rstrip())


def _text(cell: Any) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)


if __name__ == "__main__":
    main()
