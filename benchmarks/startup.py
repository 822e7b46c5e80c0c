"""What every start of Python costs once pip-variants is installed and pip is not running.

Counts instructions (callgrind), which are the same in every run; wall time is there to compare.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from helpers import (
    REPOSITORY,
    Row,
    Tables,
    build_wheel,
    can_count,
    compare,
    environment,
    in_pairs,
    install,
    instructions,
    make_venv,
    run,
    site_packages,
)

PASS = "pass"
IMPORTS = "import json, argparse, logging, subprocess"
MAX_ADDED = 2_000_000  # instructions, for PASS
MAX_SHARE = 0.02  # of the instructions without the plugin, for IMPORTS
PACKAGES = 2000
PAIRS = 100


def measure(work: Path) -> Tables:
    # Names of one length: paths are hashed, copied and compared at every start.
    plain, added = (make_venv(work / name) for name in ("plain", "added"))
    install(added, build_wheel(work / "wheel"))
    home = work / "empty"  # `-c` looks for modules in the current folder
    home.mkdir()
    return {
        "startup: instructions": list(_cases(plain, added, home)) if can_count() else [],
        f"startup: wall time, ms, {PAIRS} pairs": [
            {"code": code, **_wall(plain, added, home, code)} for code in (PASS, IMPORTS)
        ],
    }


def _cases(plain: Path, added: Path, home: Path) -> Iterator[Row]:
    for code in (PASS, IMPORTS):
        yield _counted("as installed", code, plain, added, home)
    # How much of that is the size of site-packages.
    pth = site_packages(added) / "pip_variants.pth"
    line = pth.read_text()
    pth.unlink()
    yield _counted("without the .pth file", PASS, plain, added, home)
    pth.write_text("import sys\n")
    yield _counted("with a .pth file that only says `import sys`", PASS, plain, added, home)
    pth.write_text("import pip_variants_start; pip_variants_start.wait()\n")
    shutil.copy(f"{REPOSITORY}/src/pip_variants_start.py", site_packages(added))
    yield _counted("with a .pth file that imports a module", PASS, plain, added, home)
    if sys.version_info >= (3, 15):
        start = shutil.copy(f"{REPOSITORY}/src/pip_variants.start", site_packages(added))
        yield _counted("with a .start file (PEP 829)", PASS, plain, added, home)
        os.remove(start)
    pth.write_text(line)
    for cache in site_packages(added).rglob("__pycache__"):
        shutil.rmtree(cache)
    for code in (PASS, IMPORTS):
        yield _counted("no .pyc files", code, plain, added, home, PYTHONDONTWRITEBYTECODE="1")
    for python in (plain, added):
        for number in range(PACKAGES):
            (site_packages(python) / f"package{number:04}-1.0.dist-info").mkdir()
    for code in (PASS, IMPORTS):
        yield _counted(f"{PACKAGES} more packages in both", code, plain, added, home)


def _counted(case: str, code: str, plain: Path, added: Path, home: Path, **variables: str) -> Row:
    env = environment(home, **variables)
    without, with_ = (
        instructions([python, "-c", code], cwd=home, env=env) for python in (plain, added)
    )
    more = with_ - without
    good = more < MAX_ADDED if code == PASS else more < MAX_SHARE * without
    return {
        "case": case,
        "code": code,
        "without": without,
        "added": more,
        "share": f"{more / without:.2%}",
        "target": "met" if good else "missed",
    }


def _wall(plain: Path, added: Path, home: Path, code: str) -> Row:
    def start(python: Path) -> float:
        begin = time.perf_counter()
        run([python, "-c", code], cwd=home, env=environment(home))
        return time.perf_counter() - begin

    return compare(*in_pairs(lambda: start(plain), lambda: start(added), PAIRS))
