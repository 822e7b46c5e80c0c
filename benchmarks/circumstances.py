"""The first package with variants where files are not in memory or processes start slowly; memory."""

import os
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import packages
from helpers import (
    Row,
    Tables,
    child_seconds,
    compare,
    environment,
    forget,
    in_pairs,
    run,
    without_and_with,
)
from support.server import Index

PAIRS = 15
COUNTS = (1, 30, 300)  # packages, where memory is measured
SLOW = 0.15  # seconds before a process begins, about what a scanner of viruses takes on Windows
# In the place of an interpreter, under whose name that starts; also for the processes that it starts.
SLOW_PYTHON = """\
#!/bin/bash
sleep {seconds}
exec -a "$0" {python} "$@"
"""
# A pip that says, in the end, its peak memory and that of the process that asks providers, in kB.
# Not the figure of `getrusage`, in which that of the process before `exec` remains.
PEAKS = """
import os, runpy, sys
def say(process):
    with open(f"/proc/{process}/status") as file:
        (peak,) = (line.split()[1] for line in file if line.startswith("VmHWM"))
    with open("peaks", "a") as file:
        print(peak, file=file)
def kill(process, number, original=os.killpg):
    say(process)
    original(process, number)
os.killpg = kill
try:
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
finally:
    say("self")
"""


def measure(work: Path) -> Tables:
    plain, added = without_and_with(work)
    force = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": ",".join(packages.LEVELS)}
    env = environment(work, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_CACHE_DIR="1", **force)
    with Index(work / "empty") as index:
        index.replies = packages.replies(max(COUNTS))

        def pip(python: Path, release: str, count: int, *program: str) -> list[object]:
            names = [f"project{number:02}" for number in range(count)]
            options = ["--dry-run", "--no-deps", "--index-url", f"{index.url}{release}/"]
            return [python, *(program or ("-m", "pip")), "install", *options, *names]

        def seconds(python: Path, release: str, prepare: Callable[[Path], object]) -> float:
            prepare(python)
            return child_seconds(pip(python, release, 1), cwd=work, env=env)[1]

        def peaks(python: Path, release: str, count: int) -> list[float]:
            (work / "peaks").write_text("")
            run(pip(python, release, count, "-c", PEAKS), cwd=work, env=env)
            return [int(one) * 1024 / 10**6 for one in (work / "peaks").read_text().split()]

        memory = [_memory(count, plain, added, peaks) for count in COUNTS]
        times = []
        for what, prepare in (
            ("as usual", lambda _: None),
            ("no file in memory", forget),
            (f"{SLOW} s before a process begins", _slow_down),
        ):
            runs = in_pairs(
                partial(seconds, plain, "plain", prepare),
                partial(seconds, added, "variants", prepare),
                PAIRS,
            )
            more = statistics.median(two - one for one, two in zip(*runs, strict=True))
            times.append({"what": what, **compare(*runs), "more": round(more * 1000)})
    return {
        f"circumstances: wall ms of the first package, {PAIRS} pairs": times,
        "circumstances: peak memory, MB": memory,
    }


def _memory(count: int, plain: Path, added: Path, peaks: Callable[..., list[float]]) -> Row:
    (stock,) = peaks(plain, "plain", count)
    (without,) = peaks(added, "plain", count)
    child, ours = peaks(added, "variants", count)
    figures = {"stock pip": stock, "without variants": without, "with": ours, "providers": child}
    return {"packages": count, **{what: round(one, 1) for what, one in figures.items()}}


def _slow_down(python: Path) -> None:
    if python.is_symlink():
        python.unlink()
        python.write_text(SLOW_PYTHON.format(seconds=SLOW, python=os.path.realpath(sys.executable)))
        python.chmod(0o755)
