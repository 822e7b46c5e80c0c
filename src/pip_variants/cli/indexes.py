"""Print index sets, and which of their builds pip would take here, or on a target.

Sets are named as pip's --variant-indexes takes them; without any, all that are installed are shown.
"""

import argparse
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from pip_variants import reasons
from pip_variants.cli.text import print_json, print_lines, print_table
from pip_variants.detection.client import Detection
from pip_variants.detection.index_sets import IndexSets
from pip_variants.errors import InvalidIndexSet, printable
from pip_variants.model.index_set import IndexSet
from pip_variants.selection import select


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", nargs="*", help="a name, such as pytorch, or a file")
    parser.add_argument("--target", default="", help="for this target, a file or a name")


def run(options: argparse.Namespace) -> int:
    with closing(Detection(target=options.target)) as detection:
        found = [describe(one, detection) for one in index_sets(detection, options.set)]
    if options.json:
        print_json(sets=found)
        return 0
    for one in found:
        print_lines(f"{one['name']}: {', '.join(one['projects'])}")
        fits = [build for build in one["builds"] if build["supported"]]
        places = [*map(str, range(1, len(fits) + 1)), *("-" * (len(one["builds"]) - len(fits)))]
        rows = [
            (place, build["label"], build["reason"])
            for place, build in zip(places, one["builds"], strict=True)
        ]
        print_table([tuple(map(printable, row)) for row in rows], "  ")
        where = f"on {options.target}" if options.target else "here"
        best = fits[0]["url"] if fits else "none of them"
        print_lines(f"Preferred {where}: {best}; of a release, the first that has it")
    return 0


def index_sets(detection: Detection, names: Sequence[str] = ()) -> tuple[IndexSet, ...]:
    """Those of these names, or all that installed packages have. Raises `PipVariantsError`."""
    sets = IndexSets(detection.index_sets(), _refuse)
    return sets.named(names or sets.names)


def describe(index_set: IndexSet, detection: Detection) -> dict[str, Any]:
    """A set, its builds best first, those that do not fit last. Raises `DetectionError`."""
    metadata = index_set.metadata(lambda _: False)
    ordering = index_set.in_order(select(metadata, metadata.variants, detection))
    urls = {one.label: one.url for one in index_set.builds}
    fits = {
        one.label: ", ".join(map(str, ordering.deciding(one))) or reasons.FITS_EVERYWHERE
        for one in ordering.best_first
    }
    lacks = {one.label: reasons.reason(one) for one in ordering.rejected}
    return {
        "name": index_set.name,
        "projects": sorted(index_set.projects),
        "builds": [
            {"label": label, "url": urls[label], "supported": label in fits, "reason": reason}
            for label, reason in {**fits, **lacks}.items()
        ],
    }


def _refuse(url: str) -> bytes:
    raise InvalidIndexSet(f"{url}: only pip fetches sets; download it and name the file")
