"""Several packages with variants in one resolution, and the same packages without variants."""

import hashlib
import io
import json
import shutil
import statistics
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from helpers import (
    Row,
    Tables,
    child_seconds,
    compare_at,
    environment,
    in_pairs,
    without_and_with,
)
from support.server import Index, Reply

COUNTS = (1, 10, 50)
PAIRS = {0: 9, 20: 3, 100: 2}  # by milliseconds of latency for each request
LEVELS = ("v4", "v3", "v2", "v1")
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n"
MAX_RATIO, MAX_MORE = 1.05, 40  # milliseconds

Run = tuple[Any, ...]  # CPU and wall seconds, requests
Runs = list[Run]


def measure(work: Path) -> Tables:
    plain, added = without_and_with(work)
    force = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": ",".join(LEVELS)}
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1", **force)
    requests, times = [], []
    with Index(work / "empty") as index:

        def measured(python: Path, release: str, names: Sequence[str]) -> Run:
            # Not a dry run, which has to look into each variant wheel.
            options = ["--dest", work / "downloaded", "--index-url", f"{index.url}{release}/"]
            index.requests.clear()
            shutil.rmtree(work / "downloaded", ignore_errors=True)
            command = [python, "-m", "pip", "download", *options, *names]
            return *child_seconds(command, cwd=work, env=env), tuple(index.requests)

        for latency, pairs in PAIRS.items():
            index.replies = {
                path: late(reply, latency / 1000) for path, reply in replies(max(COUNTS)).items()
            }
            for count in COUNTS:
                names = [f"project{number:02}" for number in range(count)]
                runs = in_pairs(
                    partial(measured, plain, "plain", names),
                    partial(measured, added, "variants", names),
                    pairs,
                )
                case = {"latency": latency, "packages": count}
                requests.append({**case, **_requests(count, *runs)})
                times += [{**case, **row} for row in _times(count, *runs)]
    return {
        "packages: requests, the same in all runs": requests,
        f"packages: ms, {', '.join(map(str, PAIRS.values()))} pairs": times,
    }


def _requests(count: int, stock: Runs, ours: Runs) -> Row:
    """How many; one more for each release, and otherwise the same ones in the same order."""
    without, with_ = ({_by_project(run[-1]) for run in side} for side in (stock, ours))
    assert len(without) == len(with_) == 1, "not the same requests in all runs"
    (first,), (second,) = without, with_
    assert [kinds for _, kinds in first] == [("metadata", "page")] * count + [("whl",)] * count, (
        first
    )
    more = [kinds for _, kinds in second if "variants.json" in kinds]
    assert more == [("metadata", "page", "variants.json")] * count, second
    left = [(name, tuple(one for one in kinds if one[0] != "v")) for name, kinds in second]
    assert left == list(first), (first, second)
    return {"without": 3 * count, "with": 4 * count}


def _by_project(requests: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Projects in the order of their requests, each with the kinds of these, of which two race."""
    # Wheels come last; of one package they would follow its own metadata.
    groups = groupby(map(_what, requests), key=lambda one: (one[0], one[1] == "whl"))
    return tuple((name, tuple(sorted(kind for _, kind in group))) for (name, _), group in groups)


def _what(request: str) -> tuple[str, str]:
    """Project and kind of what was asked for."""
    *_, folder, last = request.split("/")
    if not last:
        return folder, "page"
    return last.split("-")[0], "variants.json" if last.endswith(".json") else last.rpartition(".")[
        2
    ]


def _times(count: int, stock: Runs, ours: Runs) -> Iterator[Row]:
    for place, what in enumerate(("CPU", "wall")):
        row = compare_at(place, (stock, ours))
        pairs = zip(stock, ours, strict=True)
        more = statistics.median(b[place] - a[place] for a, b in pairs) * 1000
        is_met = row["ratio"] < MAX_RATIO or more < MAX_MORE
        target = "" if what == "CPU" else "met" if is_met else "missed"
        each = {"more": round(more), "for each package": round(more / count)}
        yield {"what": what, **row, **each, "target": target}


def late(reply: Any, seconds: float) -> Reply | Callable[[], Reply]:
    def answer() -> Any:
        time.sleep(seconds)
        return reply

    return answer if seconds else reply


def replies(count: int) -> dict[str, Reply | Callable[[], Reply]]:
    """Two indexes: releases of a plain wheel, and the same ones with a variant for each level."""
    replies: dict[str, Reply | Callable[[], Reply]] = {}
    for number in range(count):
        name = f"project{number:02}"
        stem = f"{name}-1.0-py3-none-any"
        wheels = {f"{stem}.whl": _wheel(name, None)}
        variants = {f"{stem}-{level}.whl": _wheel(name, level) for level in LEVELS}
        metadata = METADATA.format(name).encode()
        digests = {"sha256": hashlib.sha256(metadata).hexdigest()}
        listed = f"{name}-1.0-variants.json"
        for folder, more in (("plain", {}), ("variants", variants)):
            files = [{"filename": one, "core-metadata": digests} for one in {**wheels, **more}]
            files += [{"filename": listed}] if more else []
            replies[f"/simple/{folder}/{name}/"] = page(name, files)
        replies[listed] = as_json(_metadata())
        for one, content in {**wheels, **variants}.items():
            replies[f"{one}.metadata"], replies[one] = Reply(metadata), Reply(content)
    return replies


def page(name: str, files: list[Row]) -> Reply:
    files = [{"url": f"/files/{one['filename']}", "hashes": {}, **one} for one in files]
    return as_json({"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files})


def as_json(document: Any) -> Reply:
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    return Reply(json.dumps(document).encode(), headers=kind)


def _wheel(name: str, level: str | None) -> bytes:
    info, file = f"{name}-1.0.dist-info", io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{info}/METADATA", METADATA.format(name))
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        if level:
            variants = {level: {"x86_64": {"level": [level]}}}
            archive.writestr(
                f"{info}/variant.json", json.dumps({**_metadata(), "variants": variants})
            )
        archive.writestr(f"{info}/RECORD", "")
    return file.getvalue()


def _metadata() -> dict[str, Any]:
    provider = {"requires": ["x86-64-variant-provider >=0.2.1,<1"]}
    return {
        "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
        "default-priorities": {"namespace": ["x86_64"]},
        "providers": {"x86_64": provider},
        "variants": {level: {"x86_64": {"level": [level]}} for level in LEVELS},
    }
