"""`pip install` of 200 projects without variants, with and without pip-variants."""

import os
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers import (
    Tables,
    can_count,
    compare_at,
    environment,
    in_pairs,
    instructions,
    without_and_with,
)
from support.popular import popular
from support.server import Index

COUNT = 200
COUNTED = 60  # where instructions are counted, which takes 50 times as long
PAIRS = 9


def measure(work: Path) -> Tables:
    plain, added = without_and_with(work)
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1")
    with Index(work / "empty") as index:
        arguments = _prepare(index, COUNT, work)

        def measured(python: Path) -> tuple[float, int, tuple[Any, ...]]:
            index.requests.clear()
            usage, output = _run([python, *arguments], work / "output", env)
            cpu = usage.ru_utime + usage.ru_stime
            return cpu, usage.ru_maxrss, (output, *index.requests)

        stock, ours = in_pairs(lambda: measured(plain), lambda: measured(added), PAIRS)
        assert len({seen for *_, seen in stock + ours}) == 1, "not the same output and requests"
        counted = []
        if can_count():
            arguments = _prepare(index, COUNTED, work)
            counted = [instructions([p, *arguments], cwd=work, env=env) for p in (plain, added)]
    return {
        f"resolution: {COUNT} projects, {PAIRS} pairs": [
            {
                "what": what,
                **compare_at(place, (stock, ours), unit),
            }
            for place, (what, unit) in enumerate((("CPU, ms", 1000), ("peak memory, MB", 1 / 1024)))
        ],
        f"resolution: {COUNT} projects, the same output and requests in all runs": [
            {"requests": len(ours[0][-1]) - 1, "bytes of output": len(ours[0][-1][0])}
        ],
        f"resolution: {COUNTED} projects, millions of instructions": [
            {
                "without": counted[0] // 10**6,
                "with": counted[1] // 10**6,
                "ratio": round(counted[1] / counted[0], 4),
            }
        ]
        if counted
        else [],
    }


def _prepare(index: Index, count: int, work: Path) -> list[object]:
    """Have the index serve so many projects; the arguments that have pip resolve them all."""
    made = popular(count)
    index.replies = made.replies("html")
    constraints = work / "constraints.txt"
    constraints.write_text("\n".join(made.constraints))
    options = ["--dry-run", "--report", "-", "--index-url", index.url, "--constraint", constraints]
    return ["-m", "pip", "install", *options, *made.requirements]


def _run(
    command: Sequence[Any], output: Path, env: dict[str, str]
) -> tuple[resource.struct_rusage, bytes]:
    """What one process used, and what it printed."""
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, env=env)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output.read_text()
    return usage, output.read_bytes()
