"""torch from an index set, and by stock pip from the same indexes; and pip without a set named."""

import time
from pathlib import Path
from typing import Any

from helpers import (
    Tables,
    can_count,
    child_seconds,
    compare_at,
    environment,
    in_pairs,
    instructions,
    without_and_with,
)
from support.pytorch_replica import replica
from support.server import Index, Reply

PAIRS = {0: 15, 20: 9}  # by milliseconds of latency for each request
USABLE = ("cu118", "cu121", "cu124", "cu126", "cu128", "cu129", "cu130", "cu132", "cpu")
MACHINE = "cuda13.0-sm90"  # which can use these


def measure(work: Path) -> Tables:
    plain, added = without_and_with(work)
    settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    env = environment(work, **settings)
    times = []
    with replica(work / "replica") as made:
        base = ["--index-url", made.base.url]
        command = ["-m", "pip", "install", "--dry-run", "--ignore-installed", *base]
        extra = [f"--extra-index-url={made.url}/{one}" for one in USABLE]
        sets = ["--variant-indexes", f"pytorch={made.url}", "--variant-target", MACHINE]

        def measured(python: Path, *options: object) -> tuple[float, float, int]:
            made.forget()
            spent = child_seconds([python, *command, *options, "torch"], cwd=work, env=env)
            return *spent, len(made.asked())

        for latency, pairs in PAIRS.items():
            for index in (made.pages, made.files, made.base):
                _slow(index, latency / 1000)
            runs = in_pairs(lambda: measured(plain, *extra), lambda: measured(added, *sets), pairs)
            pages = {run[2] for side in runs for run in side}
            for place, what in enumerate(("CPU", "wall")):
                row = compare_at(place, runs)
                times.append({"latency": latency, "what": what, "pages": str(pages), **row})
        counted = []
        if can_count():
            for name, python in (("without", plain), ("with", added)):
                number = instructions([python, *command, "filelock"], cwd=work, env=env)
                counted.append({"pip-variants": name, "million": round(number / 1e6, 1)})
    return {
        f"indexes: ms of torch by an index set, {PAIRS} pairs": times,
        "indexes: instructions where no set is named": counted,
    }


def _slow(index: Index, seconds: float) -> None:
    answer = type(index)._answer

    def late(path: str, headers: Any) -> Reply:
        time.sleep(seconds)
        return answer(index, path, headers)

    index._answer = late  # type: ignore[method-assign]
