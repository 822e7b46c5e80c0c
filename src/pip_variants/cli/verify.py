"""Look for mistakes in wheels and indexes, and say who would get which wheel."""

import argparse
from pathlib import Path

from pip_variants.cli.text import add_list, print_lines
from pip_variants.detection.client import Detection
from pip_variants.errors import DetectionError, InvalidWheel, printable
from pip_variants.model.metadata import VariantMetadata
from pip_variants.publish.sources import LocalFiles, ProjectPage
from pip_variants.publish.verify import Release, covers, verify
from pip_variants.selection import select

# Those that are compared unless others are named, for the namespaces that a release uses.
_TARGETS = {
    "x86_64": ("x86_64_v4", "x86_64_v3", "x86_64_v2", "x86_64_v1"),
    "aarch64": ("aarch64_8.4a", "aarch64_8.2a", "aarch64_8a"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="+",
        metavar="WHEELS|INDEX-URL",
        help="wheels and folders, or the address of a project's page on an index",
    )
    text = "say what this target would get, a file or a name; repeat for more (default: some "
    add_list(parser, "--target", "TARGET", f"{text}processors, if the wheels are for those)")


def run(options: argparse.Namespace) -> int:
    """Run the command: 0 nothing is wrong, 1 there are mistakes."""
    urls = [one for one in options.what if "://" in one]
    if urls and len(options.what) > 1:
        raise InvalidWheel("give one address, or wheels and folders, not both")
    source = ProjectPage(urls[0]) if urls else LocalFiles([*map(Path, options.what)])
    targets = options.target or [one for names in _TARGETS.values() for one in names]
    detections = {one: Detection(target="" if one == "here" else one) for one in ("here", *targets)}
    try:
        releases, faults, remarks = verify(source, detections["here"])
        for release in releases:
            if release.metadata:
                _print_coverage(release, release.metadata, options.target, detections)
                print()
    finally:
        for one in detections.values():
            one.close()
    for remark in remarks:
        print_lines(printable(remark))
    for where in filter(faults.get, faults):
        print(printable(where))
        for fault in faults[where]:
            print_lines(printable(fault), "  - ", "    ")
    number = sum(map(len, faults.values()))
    print(f"{number} to mend" if number else "OK")
    return 1 if number else 0


def _print_coverage(
    release: Release, metadata: VariantMetadata, targets: list[str], asked: dict[str, Detection]
) -> None:
    """Which label each target would get; wheels for different platforms may have different ones."""
    by_labels: dict[frozenset[str], list[str]] = {}
    for tags in sorted({name.tags for name in release.wheels if name.label is not None}):
        labels = frozenset(name.label or "" for name in release.wheels if covers(name.tags, tags))
        by_labels.setdefault(labels, []).append("-".join(tags))
    targets = targets or [
        target for name in metadata.namespaces for target in _TARGETS.get(name, ())
    ]
    for labels, all_tags in by_labels.items():
        named = ", ".join(label or "no variant" for label in sorted(labels))
        print_lines(f"{release}, {', '.join(all_tags)}: {named}")
        for target in targets:
            taken = _taken(release, metadata, labels, asked[target])
            print_lines(f"{printable(target):<20} {taken}", "  ", "    ")


def _taken(
    release: Release, metadata: VariantMetadata, labels: frozenset[str], detection: Detection
) -> str:
    try:
        ordering = select(metadata, filter(None, labels), detection)
    except DetectionError as error:
        return printable(str(error))
    if ordering.best_first:
        best = ordering.best_first[0]
        because = ", ".join(map(str, ordering.deciding(best)))
        return f"{best.label:<20} {because}".rstrip()
    if "" in labels:
        return "no variant"
    return "the source distribution" if release.has_source else "nothing"
