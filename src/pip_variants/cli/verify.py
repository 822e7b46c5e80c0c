"""Look for mistakes in wheels and indexes, and say who would get which wheel.

What users of an index get is what pip answers in a process of its own, by the code that installs:
nobody else knows whether a server sends parts of files, and what pip makes of that.
"""

import argparse
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from pip_variants.cli import text
from pip_variants.cli.asking import ask_pip
from pip_variants.detection.client import Detection
from pip_variants.errors import DetectionError, InvalidWheel, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.publish.sources import LocalFiles, ProjectPage
from pip_variants.publish.verify import Faults, Release, covers, verify
from pip_variants.selection import select

# Those that are compared unless others are named, for the namespaces that a release uses.
_TARGETS = {
    "x86_64": ("x86_64_v4", "x86_64_v3", "x86_64_v2", "x86_64_v1"),
    "aarch64": ("aarch64_8.4a", "aarch64_8.2a", "aarch64_8a"),
}

_Wheels: TypeAlias = list[WheelFilename]
_Taken: TypeAlias = dict[str, Any]
"""Which of the wheels a target `takes`, which properties are `deciding`, and pip's `warnings`."""
_Take: TypeAlias = Callable[[Release, _Wheels, str], _Taken]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    about = "wheels and folders, or the address of a project's page on an index (default: dist)"
    parser.add_argument("what", nargs="*", default=["dist"], metavar="WHEELS|URL", help=about)
    about = "say what this target gets, a file or a name; repeatable (default: some processors)"
    text.add_list(parser, "--target", "TARGET", about)


def run(options: argparse.Namespace) -> int:
    urls = [one for one in options.what if "://" in one]
    if urls and len(options.what) > 1:
        raise InvalidWheel("give one address, or wheels and folders, not both")
    targets = options.target or [one for names in _TARGETS.values() for one in names]
    least = ["here"] if urls else []  # where no target is known, pip must be asked nevertheless
    with text.progress(), ExitStack() as stack:
        source = ProjectPage(urls[0]) if urls else LocalFiles([*map(Path, options.what)])
        asked = {
            one: stack.enter_context(closing(Detection(target="" if one == "here" else one)))
            for one in ("here", *targets)
        }
        releases, faults, remarks = verify(source, asked["here"])
        take = partial(_of_pip, urls[0]) if urls else partial(_ordered, asked)
        tables: list[dict[str, Any]] = []
        for release in releases:
            known = [one for name in release.metadata.namespaces for one in _TARGETS.get(name, ())]
            tables += _tables(release, options.target or known or least, take)
    rows = [row for table in tables for row in table["targets"]]
    warned = dict.fromkeys(text for row in rows for text in row.pop("warnings", ()))
    # What pip warns of is no news where something is wrong.
    (remarks if any(faults.values()) else faults["pip"]).extend(warned)
    if options.json:
        found = [(where, *one.partition("\n")) for where in faults for one in faults[where]]
        listed = [{"where": where, "what": what, "command": one} for where, what, _, one in found]
        text.print_json(tables=tables, remarks=remarks, faults=listed)
    else:
        _print(tables, remarks, faults)
    return 1 if any(faults.values()) else 0


def _print(tables: list[dict[str, Any]], remarks: list[str], faults: Faults) -> None:
    for one in tables:
        tags, labels = ", ".join(one["tags"]), ", ".join(one["labels"])
        text.print_lines(f"{one['release']}, {tags}: {labels}")
        rows = [(row["target"], row["takes"], ", ".join(row["deciding"])) for row in one["targets"]]
        text.print_table([("target", "takes", "because of"), *rows] if rows else [], "  ")
        print()
    for remark in remarks:
        text.print_lines(remark)
    for where, wrong in faults.items():
        if wrong:
            print(printable(where))
        text.print_tasks(wrong)
    number = sum(map(len, faults.values()))
    print(f"{number} to fix" if number else "OK")


def _tables(release: Release, targets: list[str], take: _Take) -> Iterator[dict[str, Any]]:
    """Which label each target gets; wheels for different platforms may have different ones."""
    found: dict[frozenset[str | None], tuple[list[str], _Wheels]] = {}
    for tags in sorted({name.tags for name in release.wheels if name.label is not None}):
        wheels = [name for name in release.wheels if covers(name.tags, tags)]
        labels = frozenset(name.label for name in wheels)
        found.setdefault(labels, ([], wheels))[0].append("-".join(tags))
    for all_tags, wheels in found.values() if release.metadata.variants else ():
        labelled = sorted({one.label or "no variant" for one in wheels})
        with ThreadPoolExecutor() as pool:
            answers = pool.map(partial(take, release, wheels), targets)
            rows = [{"target": one, **said} for one, said in zip(targets, answers, strict=True)]
        yield {"release": str(release), "tags": all_tags, "labels": labelled, "targets": rows}


def _ordered(asked: dict[str, Detection], release: Release, wheels: _Wheels, target: str) -> _Taken:
    labels = {one.label for one in wheels}
    try:
        ordering = select(release.metadata, filter(None, labels), asked[target])
    except DetectionError as error:
        return {"takes": str(error), "deciding": []}
    if ordering.best_first:
        best = ordering.best_first[0]
        return {"takes": best.label, "deciding": [*map(str, ordering.deciding(best))]}
    other = "the source distribution" if release.has_source else "nothing"
    return {"takes": "no variant" if None in labels else other, "deciding": []}


def _of_pip(url: str, release: Release, wheels: _Wheels, target: str) -> _Taken:
    """As pip takes them from the page where such wheels can be used; without its settings."""
    options = ["--no-index", "--find-links", url, "--ignore-requires-python", *_machine(wheels)]
    own = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    env = {**own, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    wanted = str(release).replace(" ", "==").replace("_", "-")
    with TemporaryDirectory() as folder:
        if target == "here":  # as a file, since the wheels may be for other platforms
            target = os.path.join(folder, "here.toml")
            with closing(Detection()) as detection:
                Path(target).write_text(detection.machine())
        options += ["--variant-target", target, wanted]
        _, said, answer = ask_pip("explain", *options, env=env)
    (answer,) = answer.get("decisions", [answer])
    warnings = answer.get("warnings", [answer.get("error", said)])
    filename = answer.get("filename") or ""
    other = "the source distribution" if filename else "nothing"
    other = "no variant" if filename.endswith(".whl") else other
    takes = answer.get("label") or other
    return {"takes": takes, "deciding": answer.get("deciding", []), "warnings": warnings}


def _machine(wheels: _Wheels) -> list[str]:
    """The options of pip for a machine and a Python that take all these wheels."""
    options = [f"--platform={one}" for wheel in wheels for one in wheel.platform.split(".")]
    options += [f"--abi={one}" for wheel in wheels for one in wheel.abi.split(".")]
    pythons = [re.fullmatch(r"(cp|pp)(\d)(\d+)", wheel.python) for wheel in wheels]
    # The newest one: of the others there are wheels that run there, too.
    for found in sorted(filter(None, pythons), key=lambda one: int(one[3])):
        options += [f"--implementation={found[1]}", f"--python-version={found[2]}.{found[3]}"]
    return [one for one in dict.fromkeys(options) if one not in ("--platform=any", "--abi=none")]
