"""The commands, beside those of pip in the same environment that do the most similar thing."""

from functools import partial
from pathlib import Path

import packages
from helpers import (
    Tables,
    can_count,
    child_seconds,
    compare_at,
    environment,
    in_pairs,
    instructions,
    with_ours,
)
from support.server import Index

PAIRS = 11
DEMO = "project00"
COMMANDS = {  # ours: pip's
    ("--help",): ("--help",),
    ("show",): ("list",),
    ("explain", DEMO): ("install", "--dry-run", DEMO),
}


def measure(work: Path) -> Tables:
    python = with_ours(work / "added")
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1")
    times, counts = [], []
    with Index(work / "empty") as index:
        index.replies = packages.replies(1)
        env["PIP_INDEX_URL"] = f"{index.url}variants/"
        for ours, theirs in COMMANDS.items():
            one = [python.parent / "pip", *theirs]
            two = [python.parent / "pip-variants", *ours]
            what = f"pip-variants {' '.join(ours)}, beside pip {' '.join(theirs)}"
            sides = [partial(child_seconds, command, env=env) for command in (one, two)]
            runs = in_pairs(sides[0], sides[1], PAIRS)
            for place, unit in enumerate(("CPU", "wall")):
                row = compare_at(place, runs)
                target = "met" if row["ratio"] <= 1 else "missed"
                target = "" if unit == "CPU" else target
                times.append({"command": what, "ms": unit, **row, "target": target})
            if can_count():
                pip, command = (instructions(c, children=True, env=env) for c in (one, two))
                row = {"without": pip // 10**6, "with": command // 10**6}
                counts.append({"command": what, **row, "ratio": round(command / pip, 3)})
    return {
        f"commands: without: pip's, {PAIRS} pairs": times,
        "commands: millions of instructions, but for the process that asks providers": counts,
    }
