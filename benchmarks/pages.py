"""Big index pages: variant wheels with pip-variants, as many other wheels without it."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from helpers import (
    Row,
    Tables,
    can_count,
    child_seconds,
    compare_at,
    environment,
    in_pairs,
    instructions,
    without_and_with,
)
from support import byhand
from support.server import Index, Reply

VERSIONS, LABELS = 50, 40
PLATFORMS = (  # of which x86-64 Linux supports the first
    "manylinux_2_17_x86_64",
    "manylinux_2_17_aarch64",
    "manylinux_2_17_ppc64le",
    "manylinux_2_17_s390x",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx_10_9_x86_64",
    "macosx_11_0_arm64",
    "win_amd64",
    "win_arm64",
)
PAIRS = {1: 7, 2: 3, 4: 3}  # by how many times as many versions
COUNTED = (2, 4)  # versions where instructions are counted, which takes 50 times as long
MAX_RATIO = 1.1


def measure(work: Path) -> Tables:
    plain, added = without_and_with(work)
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1")
    with Index(work / "empty") as index:
        options = ["--dry-run", "--no-deps", "--index-url", index.url]
        commands = [
            [python, "-m", "pip", "install", *options, name]
            for python, name in ((plain, "others"), (added, "demo01"))
        ]

        def seconds(command: Sequence[object]) -> tuple[float, float]:
            return child_seconds(command, cwd=work, env=env)

        rows = []
        for times, pairs in PAIRS.items():
            index.replies = replies(VERSIONS * times)
            runs = in_pairs(partial(seconds, commands[0]), partial(seconds, commands[1]), pairs)
            for place, what in enumerate(("CPU", "wall")):
                figures = compare_at(place, runs)
                rows.append({"links": links(VERSIONS * times), "what": what, **figures})
        counted = {}
        if can_count():
            for versions in COUNTED:
                index.replies = replies(versions)
                counted[versions] = [instructions(c, cwd=work, env=env) for c in commands]
    return {
        f"pages: ms, {', '.join(map(str, PAIRS.values()))} pairs": [
            {**row, **_growth(rows, row)} for row in rows
        ],
        "pages: instructions of pip itself": list(_counts(counted)),
    }


def _growth(rows: list[Row], row: Row) -> Row:
    """How much longer both sides take than with half the links; whether the ratio is as wanted."""
    half = [one for one in rows if (2 * one["links"], one["what"]) == (row["links"], row["what"])]
    growth = [round(row[side] / half[0][side], 2) if half else "" for side in ("without", "with")]
    target = "met" if row["ratio"] <= MAX_RATIO else "missed"
    return {"growth without": growth[0], "growth with": growth[1], "target": target}


def _counts(counted: dict[int, list[int]]) -> Iterator[Row]:
    for versions, (without, with_) in counted.items():
        yield _counted(f"{links(versions):,} links, millions", without / 10**6, with_ / 10**6)
    if counted:
        (few, more), (first, second) = counted.keys(), counted.values()
        each = [(b - a) / links(more - few) for a, b in zip(first, second, strict=True)]
        yield _counted("each link more", *each)


def _counted(what: str, without: float, with_: float) -> Row:
    ratio = round(with_ / without, 3)
    return {"what": what, "without": round(without), "with": round(with_), "ratio": ratio}


def links(versions: int) -> int:
    return versions * LABELS * len(PLATFORMS)


def replies(versions: int) -> dict[str, Reply | Callable[[], Reply]]:
    """Pages of two projects with the same number of links, all as long; and of both as many fit."""
    names: dict[str, list[str]] = {"others": [], "demo01": []}
    made: dict[str, Reply | Callable[[], Reply]] = {}
    for version in (f"1.{number:03}" for number in range(versions)):
        for platform in PLATFORMS:
            for label in range(LABELS):
                tags = f"py3-none-{platform}"
                names["others"].append(f"others-{version}-{label:02}build-{tags}.whl")
                names["demo01"].append(f"demo01-{version}-{tags}-build{label:02}.whl")
        names["demo01"].append(f"demo01-{version}-variants.json")
        made[names["demo01"][-1]] = Reply(_metadata())
    for project, files in names.items():
        metadata = (
            f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.{versions - 1:03}\n".encode()
        )
        digests = {"sha256": hashlib.sha256(metadata).hexdigest()}
        entries = [
            {"filename": name, "url": f"/files/{name}", "hashes": {}, "core-metadata": digests}
            for name in files
        ]
        page = {"meta": {"api-version": "1.1"}, "name": project, "versions": [], "files": entries}
        made[f"/simple/{project}/"] = Reply(
            json.dumps(page).encode(),
            headers={"Content-Type": "application/vnd.pypi.simple.v1+json"},
        )
        made.update({f"{name}.metadata": Reply(metadata) for name in files})
    # A dry run looks into the wheel that it promises.
    best = f"demo01-1.{versions - 1:03}-py3-none-{PLATFORMS[0]}-build00.whl"
    with tempfile.TemporaryDirectory() as folder:
        whole = json.loads(_metadata())
        wheel = byhand.wheel(Path(folder), "build00", byhand.of_wheel(whole, "build00"))
        made[best] = Reply(wheel.read_bytes())
    return made


def _metadata() -> bytes:
    """What stands for each label; static, so that no process has to be asked."""
    values = [f"v{label:02}" for label in range(LABELS)]
    return json.dumps(
        {
            "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
            "default-priorities": {"namespace": ["some"]},
            "providers": {"some": {"static-properties": {"build": values}}},
            "variants": {f"build{v[1:]}": {"some": {"build": [v]}} for v in values},
        }
    ).encode()
