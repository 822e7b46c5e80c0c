"""What the benchmarks share: the working copy, virtual environments, runs in pairs."""

import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

REPOSITORY = Path(__file__).resolve().parents[1]

Row = dict[str, Any]
Tables = dict[str, list[Row]]
"""What is measured: by its title, rows with the same columns."""

T = TypeVar("T")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a measured process: nothing of the user's, nothing of pip's settings."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PIP_CONFIG_FILE": os.devnull,
        **more,
    }


def make_venv(folder: Path) -> Path:
    """A virtual environment without pip; returns its interpreter."""
    run([sys.executable, "-m", "venv", "--without-pip", folder])
    return folder / "bin" / "python"


def site_packages(python: Path) -> Path:
    (found,) = python.parent.parent.glob("lib/*/site-packages")
    return found


def pip_requirement() -> str:
    """The pip that runs here, for the environments that are compared."""
    return f"pip=={version('pip')}"


def build_wheel(folder: Path, source: Path = REPOSITORY) -> Path:
    """The wheel of the working copy, or of another folder."""
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("pip_variants-*.whl")
    return wheel


def with_ours(folder: Path, source: Path = REPOSITORY) -> Path:
    """An environment with pip and with pip-variants, of the working copy or another folder."""
    python = make_venv(folder)
    install(python, pip_requirement(), build_wheel(folder / "wheel", source))
    return python


def without_and_with(work: Path) -> tuple[Path, Path]:
    """Two environments with pip, one of them with pip-variants."""
    plain = make_venv(work / "plain")
    install(plain, pip_requirement())
    return plain, with_ours(work / "added")


def install(python: Path, *what: object) -> None:
    pip("--python", python, "install", *what)


def pip(*arguments: object) -> None:
    """pip with the settings of the user, who may need an index or a proxy, and without us."""
    run([sys.executable, "-m", "pip", *arguments], env={**os.environ, "PIP_NO_VARIANTS": "1"})


def run(command: Sequence[object], **options: Any) -> str:
    """Run a command to its end; returns what it printed. Its errors are ours."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def forget(python: Path) -> None:
    """Have the machine drop these files from memory; those in use by others stay.

    They are those of an environment, and Python's library.
    """
    os.sync()  # what is not written yet cannot be dropped from memory
    for folder in (site_packages(python), os.path.dirname(os.__file__)):
        for where, _, names in os.walk(folder):
            for name in names:
                file = os.open(os.path.join(where, name), os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(file)


def can_count() -> bool:
    if shutil.which("valgrind"):
        return True
    print("valgrind is not installed: no instructions are counted")
    return False


def instructions(command: Sequence[object], *, children: bool = False, **options: Any) -> int:
    """What one process executes; hardly differs from run to run.

    With `children` what those execute counts, too, if they end by themselves: the process that asks
    providers is ended.
    """
    run(command, **options)  # whatever is written or cached once is there afterwards
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        valgrind += [f"--log-file={folder}/%p", f"--trace-children={'yes' if children else 'no'}"]
        run([*valgrind, *command], **options)
        said = "".join(one.read_text() for one in Path(folder).iterdir())
    return sum(map(int, re.findall(r"Collected : (\d+)", said)))


def child_seconds(command: Sequence[object], **options: Any) -> tuple[float, float]:
    """CPU and wall seconds of a command, with the processes that it waited for."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run(command, **options)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall


def in_pairs(one: Callable[[], T], two: Callable[[], T], pairs: int) -> tuple[list[T], list[T]]:
    """Call both in turn, each of them first half of the time; returns two lists of results."""
    results: tuple[list[T], list[T]] = [], []
    for number in range(pairs):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            results[which].append((one, two)[which]())
    return results


def compare(ones: Sequence[float], twos: Sequence[float], unit: float = 1000) -> Row:
    """Medians of both sides and of the ratios within the pairs, with the latter's quartiles."""
    low, ratio, high = statistics.quantiles(
        [two / one for one, two in zip(ones, twos, strict=True)], n=4
    )
    return {
        "without": round(statistics.median(ones) * unit, 2),
        "with": round(statistics.median(twos) * unit, 2),
        "ratio": round(ratio, 3),
        "quartiles": f"{low:.3f}-{high:.3f}",
    }


def compare_at(place: int, runs: Iterable[Sequence[Sequence[Any]]], unit: float = 1000) -> Row:
    """The same of the numbers that stand at this place of each run, of both sides."""
    ones, twos = ([run[place] for run in side] for side in runs)
    return compare(ones, twos, unit)
