#!/usr/bin/env python3
"""The test command: `python3 tests/run.py [--all] [pytest arguments]`.

Needs Python 3.10 or later and a package index. Makes a virtual environment (`.venv`), installs
this checkout with what the tests need, and runs ruff, mypy and pytest. `--all` adds the long tests:
what cannot be had on this machine is skipped, and named in pytest's summary.

With pytest's arguments, such as the file of a test, it runs these tests alone, and installs only
where what an installation depends on has changed.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# One more at a time than there are processors, for tests that wait; who has nothing left takes
# from the others.
EVERYTHING = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal"]
BIN = ROOT / ".venv" / ("Scripts" if os.name == "nt" else "bin")
INSTALLED = ROOT / ".venv" / "installed"  # what the last installation depended on
LINT = [
    ["-m", "ruff", "check", "."],
    ["-m", "ruff", "format", "--check", "."],
    ["-m", "mypy"],
    ["-m", "mypy", "--strict", "benchmarks"],
    ["-m", "mypy", "--strict", "examples"],
]


def install(extras: str, *, anew: bool) -> None:
    """Install this checkout, `anew` even if nothing has changed. The sources count as they are."""
    names = ("pyproject.toml", "src/pip_variants.pth", "src/pip_variants/__init__.py")
    state = extras + "".join((ROOT / name).read_text() for name in names)
    if not anew and INSTALLED.is_file() and INSTALLED.read_text() == state:
        return
    if not (BIN / "pip").exists() and not (BIN / "pip.exe").exists():
        venv.create(ROOT / ".venv", with_pip=True)
    pip = [str(BIN / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "-e", f"{ROOT}[{extras}]"], check=True)
    INSTALLED.write_text(state)


def main() -> int:
    arguments = sys.argv[1:]
    is_some = bool({*arguments} - {"--all"})
    install("test,docs" if "--all" in arguments else "test", anew=not is_some)
    tests = ["-m", "pytest", *([] if is_some else EVERYTHING), *arguments]
    commands = [tests] if is_some else [*LINT, tests]
    failed = []
    for command in commands:
        print("+", *command[1:], flush=True)
        if subprocess.run([str(BIN / "python"), *command], cwd=ROOT).returncode:
            failed.append(command[1])
    if failed:
        print("failed:", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
