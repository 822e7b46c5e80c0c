"""`pip-variants make` of a wheel of 1 GB: time beside that of copying the file, and memory.

And what `pip-variants build` makes: the C loop of the quickstart in v3, beside the plain wheel's.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from helpers import (
    REPOSITORY,
    Row,
    Tables,
    child_seconds,
    compare,
    compare_at,
    environment,
    in_pairs,
)
from support.backends import library_in, project_of
from support.wheels import large_wheel

MB = 10**6
PAIRS = 7
LOOPS = 51
SMALL, LARGE = 1, 1000  # megabytes

# As ours: into a new file, which takes the place of the old one.
COPY = """
import os, shutil, sys
shutil.copyfile(sys.argv[1], sys.argv[2] + ".part")
os.replace(sys.argv[2] + ".part", sys.argv[2])
with open(sys.argv[2], "rb") as file:
    while file.read(2**18):
        pass
"""
COMMAND = "import sys; from pip_variants.cli import main; sys.exit(main())"
# Not the figure of `getrusage`, in which that of the process before `exec` remains.
PEAK = """
import sys; from pip_variants.cli import main
code = main()
with open("/proc/self/status") as file:
    (peak,) = (line.split()[1] for line in file if line.startswith("VmHWM"))
print(peak, file=sys.stderr)
sys.exit(code)
"""


def measure(work: Path) -> Tables:
    env = environment(work, PYTHONPATH=os.pathsep.join(sys.path))
    wheels = {size: large_wheel(work / str(size), size) for size in (SMALL, LARGE)}
    made = work / "made"
    large, target = wheels[LARGE], made / "copy"
    variant = made / f"{large.stem}-v3.whl"
    make = ["make", large, "--label", "v3", "--property", "x86_64 :: level :: v3", "-o", made]
    unmake = ["make", variant, "--label", "none", "-o", work / "unmade"]

    def seconds(*command: object) -> tuple[float, float]:
        os.sync()  # else one writes what the other left in memory
        return child_seconds([sys.executable, *command], env=env)

    made.mkdir()
    rows = []
    for name, command in (("make", make), ("unmake", unmake)):
        sides = (
            partial(seconds, "-c", COPY, large, target),
            partial(seconds, "-c", COMMAND, *command),
        )
        for side in sides:  # a virtual machine gets its memory when that is first used
            side()
            side()
        copied, ours = in_pairs(*sides, PAIRS)
        for place, what in enumerate(("CPU", "wall")):
            figures = compare_at(place, (copied, ours), 1)
            rows.append({"command": name, "seconds": what, **figures})
    assert (work / "unmade" / large.name).read_bytes() == large.read_bytes()
    target.unlink()
    shutil.rmtree(work / "unmade")
    return {
        f"publish: a wheel of {large.stat().st_size // MB} MB, without: copying the file and reading "
        f"it back, {PAIRS} pairs": rows,
        "publish: peak memory, MB": [_peaks(work, wheels, env, name) for name in _COMMANDS],
        f"publish: a loop in the wheel v3, without: in the plain one, ms, {LOOPS} pairs": [
            _loops(work / name, name)
            for name in ("setuptools", "meson-python", "scikit-build-core", "hatchling")
        ],
    }


_COMMANDS = {
    "make": lambda folder, wheel: (
        ["make", wheel, "--label", "v3", "--property", "x86_64 :: level :: v3", "-o", folder]
    ),
    "unmake": lambda folder, wheel: [
        "make",
        folder / f"{wheel.stem}-v3.whl",
        "--label",
        "none",
        "-o",
        folder / "u",
    ],
    "index --pages": lambda folder, wheel: ["index", "--pages", folder],
    "verify": lambda folder, wheel: ["verify", folder, wheel],
}


def _peaks(work: Path, wheels: dict[int, Path], env: dict[str, str], name: str) -> Row:
    row: Row = {"command": name}
    for size, wheel in wheels.items():
        arguments = _COMMANDS[name](work / f"of{size}", wheel)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *map(str, arguments)],
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        row[f"wheel of {size} MB"] = round(int(done.stderr.split()[-1]) * 1024 / MB, 1)
    return row


def _loops(work: Path, backend: str) -> Row:
    """Needs a processor of level v3."""
    with pytest.MonkeyPatch.context() as settings:  # where pip finds the backend
        command: list[str | Path] = [
            sys.executable,
            "-c",
            COMMAND,
            "build",
            project_of(backend, work / "project", settings),
        ]
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
        subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)

    def timing(label: str, pattern: str) -> Callable[[], float]:
        (wheel,) = (work / "project" / "dist").glob(pattern)
        logistic = ctypes.CDLL(library_in(wheel, work / label)).logistic

        def seconds() -> float:
            numbers = (ctypes.c_float * 4096)(*[i / 4096 for i in range(4096)])
            start = time.perf_counter()
            logistic(numbers, len(numbers))
            return time.perf_counter() - start

        return seconds

    sides = timing("plain", "*_x86_64.whl"), timing("v3", "*-v3.whl")
    return {"backend": backend, **compare(*in_pairs(*sides, LOOPS))}
