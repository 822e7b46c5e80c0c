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
from pip_variants.cli.explain import ask_pip
from pip_variants.detection.client import Detection
from pip_variants.errors import DetectionError, InvalidWheel, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.publish.sources import LocalFiles, ProjectPage
from pip_variants.publish.verify import Release, covers, verify
from pip_variants.selection import select

# Those that are compared unless others are named, for the namespaces that a release uses.
_TARGETS = {
    "x86_64": ("x86_64_v4", "x86_64_v3", "x86_64_v2", "x86_64_v1"),
    "aarch64": ("aarch64_8.4a", "aarch64_8.2a", "aarch64_8a"),
}

_Wheels: TypeAlias = list[WheelFilename]
_Taken: TypeAlias = tuple[str, list[str]]
"""Which of the wheels a target takes, and the properties that decide."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    about = "wheels and folders, or the address of a project's page on an index (default: dist)"
    metavar = "WHEELS|INDEX-URL"
    parser.add_argument("what", nargs="*", default=["dist"], metavar=metavar, help=about)
    about = "say what this target would get, a file or a name; repeat for more (default: some "
    about += "processors, if the wheels are for those)"
    text.add_list(parser, "--target", "TARGET", about)


def run(options: argparse.Namespace) -> int:
    """Run the command: 0 nothing is wrong, 1 there are mistakes."""
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
        warned: dict[str, None] = {}
        take = partial(_of_pip, urls[0], warned) if urls else partial(_of_order, asked)
        tables = [
            table
            for release in releases
            for table in _tables(release, options.target or _known(release) or least, take)
        ]
    # What pip warns of is no news where something is wrong.
    (remarks if any(faults.values()) else faults["pip"]).extend(warned)
    found = [(where, *one.partition("\n")[::2]) for where in faults for one in faults[where]]
    if options.json:
        listed = [{"where": where, "what": what, "command": one} for where, what, one in found]
        text.print_json(tables=tables, remarks=remarks, faults=listed)
        return 1 if found else 0
    for one in tables:
        _print(**one)
    for remark in remarks:
        text.print_lines(remark)
    before = ""
    for where, what, command in found:
        if where != before:
            print(printable(where))
        before = where
        text.print_lines(what, "  - ", "    ")
        if command:
            text.print_command(command)
    print(f"{len(found)} to mend" if found else "OK")
    return 1 if found else 0


def _print(release: str, tags: list[str], labels: list[str], targets: list[dict[str, Any]]) -> None:
    text.print_lines(f"{release}, {', '.join(tags)}: {', '.join(labels)}")
    rows = [(one["target"], one["takes"], ", ".join(one["deciding"])) for one in targets]
    text.print_table([("target", "takes", "because of"), *rows] if rows else [], "  ")
    print()


def _known(release: Release) -> list[str]:
    return [one for name in release.metadata.namespaces for one in _TARGETS.get(name, ())]


def _tables(
    release: Release, targets: list[str], take: Callable[[Release, _Wheels, str], _Taken]
) -> Iterator[dict[str, Any]]:
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
            rows = [
                {"target": target, "takes": takes, "deciding": deciding}
                for target, (takes, deciding) in zip(targets, answers, strict=True)
            ]
        yield {"release": str(release), "tags": all_tags, "labels": labelled, "targets": rows}


def _of_order(
    asked: dict[str, Detection], release: Release, wheels: _Wheels, target: str
) -> _Taken:
    """By the order of the variants that the wheels describe."""
    labels = {one.label for one in wheels}
    try:
        ordering = select(release.metadata, filter(None, labels), asked[target])
    except DetectionError as error:
        return str(error), []
    if ordering.best_first:
        best = ordering.best_first[0]
        return best.label, [*map(str, ordering.deciding(best))]
    other = "the source distribution" if release.has_source else "nothing"
    return "no variant" if None in labels else other, []


def _of_pip(
    url: str, warned: dict[str, None], release: Release, wheels: _Wheels, target: str
) -> _Taken:
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
        _, answer = ask_pip(*options, "--variant-target", target, wanted, env=env)
    warned.update(dict.fromkeys([answer["error"]] if "error" in answer else answer["warnings"]))
    filename = answer.get("filename") or ""
    other = "the source distribution" if filename else "nothing"
    other = "no variant" if filename.endswith(".whl") else other
    return answer.get("label") or other, answer.get("deciding", [])


def _machine(wheels: _Wheels) -> list[str]:
    """The options of pip for a machine and a Python that take all these wheels."""
    options = [f"--platform={one}" for wheel in wheels for one in wheel.platform.split(".")]
    options += [f"--abi={one}" for wheel in wheels for one in wheel.abi.split(".")]
    pythons = [re.fullmatch(r"(cp|pp)(\d)(\d+)", wheel.python) for wheel in wheels]
    # The newest one: of the others there are wheels that run there, too.
    for found in sorted(filter(None, pythons), key=lambda one: int(one[3])):
        options += [f"--implementation={found[1]}", f"--python-version={found[2]}.{found[3]}"]
    return [one for one in dict.fromkeys(options) if one not in ("--platform=any", "--abi=none")]
