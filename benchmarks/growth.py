"""What each further package, wheel, link and label costs, and each of ten times as many."""

import hashlib
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import packages
import pages
from helpers import (
    Row,
    Tables,
    can_count,
    child_seconds,
    environment,
    instructions,
    without_and_with,
)
from support import byhand
from support.server import Index, Reply

Command = tuple[list[object], dict[str, Any]]
"""A command, and how it is run."""

TIMES = 10
MAX_GROWTH = 10.5
RUNS = 3  # of which the median counts

# So many labels, and the first things that are done with them.
LABELS = """
import sys
from ordering import NOBODY, document
from pip_variants.model.metadata import VariantMetadata
from pip_variants.selection import select
labels, things = map(int, sys.argv[1:])
made = document(labels)
if things > 0:
    metadata = VariantMetadata.from_json(made, "-")
if things > 1:
    select(metadata, metadata.variants, NOBODY)
"""


def measure(work: Path) -> Tables:
    plain, added = without_and_with(work)
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1")
    costs = {"CPU ms": (_seconds, 1000), **({"millions": (_counted, 1e-6)} if can_count() else {})}
    rows: list[Row] = []
    with Index(work / "empty") as index:
        for what, numbers, commands in _cases(index, work, plain, added, env):
            row: Row = {"what": what, "numbers": " ".join(map(str, numbers))}
            for unit, (cost, factor) in costs.items():
                found = []
                for number in numbers:
                    *less, last = (factor * cost(*one) for one in commands(number))
                    found.append(last - sum(less))
                growth = round(_growth(numbers, found), 2)
                target = "met" if growth <= MAX_GROWTH else "missed"
                row |= {unit: " ".join(f"{one:.0f}" for one in found)}
                row |= {f"growth of {unit}": growth, f"target, {unit}": target}
            rows.append(row)
    return {f"growth: what is added, at most {MAX_GROWTH} times by {TIMES} times": rows}


def _growth(numbers: tuple[int, int, int], costs: list[float]) -> float:
    """What ten times as many cost beside the few, both without what the first costs."""
    first, few, many = numbers
    none, some, more = costs
    return TIMES * (more - none) / (many - first) / ((some - none) / (few - first))


def _seconds(command: list[object], options: dict[str, Any]) -> float:
    return statistics.median(child_seconds(command, **options)[0] for _ in range(RUNS))


def _counted(command: list[object], options: dict[str, Any]) -> float:
    return instructions(command, children="explain" in command, **options)


def _cases(
    index: Index, work: Path, plain: Path, added: Path, env: dict[str, str]
) -> Iterator[tuple[str, tuple[int, int, int], Callable[[int], Iterable[Command]]]]:
    """What is counted: a name, three numbers, and the commands for each; the last, less a first."""
    options: dict[str, Any] = {"cwd": work, "env": env}
    lock = work / "pylock.toml"

    def pip(python: Path, *arguments: object, url: str = index.url) -> Command:
        program: list[object] = (
            ["-m", "pip"] if arguments[0] != "explain" else [python.parent / "pip-variants"]
        )
        return [python, *program, *arguments, "--index-url", url], options

    def of_packages(number: int) -> Iterator[Command]:
        index.replies = packages.replies(number)
        names = [f"project{one:02}" for one in range(number)]
        install = "install", "--dry-run", *names
        yield pip(plain, *install, url=f"{index.url}plain/")
        yield pip(added, *install, url=f"{index.url}variants/")

    def of_links(number: int) -> Iterator[Command]:
        index.replies = pages.replies(number // pages.links(1))
        install = "install", "--dry-run", "--no-deps"
        yield pip(plain, *install, "others")
        yield pip(added, *install, "demo01")

    def of_wheels(
        *arguments: object, is_locked: bool = False
    ) -> Callable[[int], Iterator[Command]]:
        def commands(number: int) -> Iterator[Command]:
            index.replies = _release(work, number)
            if is_locked:
                _seconds(*pip(added, "lock", "demo", "--output", lock))
            yield pip(added, *arguments)

        return commands

    def of_labels(things: int) -> Callable[[int], Iterator[Command]]:
        path = {"PYTHONPATH": os.pathsep.join(sys.path)}
        options = {"env": {**env, **path}}

        def commands(number: int) -> Iterator[Command]:
            for one in (things - 1, things):
                yield [sys.executable, "-c", LABELS, number, one], options

        return commands

    yield "packages with variants, beside those without", (1, 30, 300), of_packages
    yield "links of a page, beside other wheels", (400, 2000, 20_000), of_links
    wheels = 1, 400, 4000
    yield "wheels of a release: install", wheels, of_wheels("install", "--dry-run", "demo")
    yield "wheels of a release: lock", wheels, of_wheels("lock", "demo", "--output", lock)
    locked = of_wheels("install", "--dry-run", "--requirement", lock, is_locked=True)
    yield "wheels of a release: install from the lock", wheels, locked
    yield "wheels of a release: explain", wheels, of_wheels("explain", "demo")
    labels = 1, 1000, 10_000
    yield "labels: read", labels, of_labels(1)
    yield "labels: select", labels, of_labels(2)


def _release(work: Path, number: int) -> dict[str, Any]:
    """A release of so many wheels: variants that fit, that do not, and of an optional provider."""
    variants = {
        f"build{one:05}": {"other" if one % 3 == 2 else "some": {"build": [f"v{one}"]}}
        for one in range(number)
    }
    providers = {
        "some": {"static-properties": {"build": [f"v{one}" for one in range(0, number, 3)]}},
        "other": {"requires": ["other"], "optional": True},
    }
    whole = byhand.document(variants, providers)
    best, *others = variants
    wheel = byhand.wheel(work / "release", best, byhand.of_wheel(whole, best))
    plain = byhand.wheel(work / "release")
    wheels = {one.name: one.read_bytes() for one in (wheel, plain)}
    wheels |= {wheel.name.replace(best, label): b"never asked for" for label in others}
    core = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
    files = [
        {"filename": name, "hashes": _sha256(content), "core-metadata": _sha256(core)}
        for name, content in wheels.items()
    ]
    metadata = "demo-1.0-variants.json"
    return {
        "/simple/demo/": packages.page("demo", [*files, {"filename": metadata}]),
        metadata: packages.as_json(whole),
        **{name: Reply(content) for name, content in wheels.items()},
        **{f"{name}.metadata": Reply(core) for name in wheels},
    }


def _sha256(content: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(content).hexdigest()}
