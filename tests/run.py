#!/usr/bin/env python3
"""The test command: `python3 tests/run.py [--all] [pytest arguments]`.

Needs Python 3.10 or later and a package index. Makes a virtual environment (`.venv`), installs
this checkout with what the tests need, and runs ruff, mypy and pytest. `--all` adds the long tests:
what cannot be had on this machine is skipped, and named in pytest's summary.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# As many at a time as there are processors; who has nothing left takes from the others.
EVERYTHING = ["-n", str(os.cpu_count() or 1), "--dist", "worksteal"]
BIN = ROOT / ".venv" / ("Scripts" if os.name == "nt" else "bin")


def main() -> int:
    if not (BIN / "pip").exists() and not (BIN / "pip.exe").exists():
        venv.create(ROOT / ".venv", with_pip=True)
    python = str(BIN / "python")
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, "-e", f"{ROOT}[test]"], check=True)
    commands = [
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "src"],
        ["-m", "mypy"],
        ["-m", "pytest", *([] if {*sys.argv[1:]} - {"--all"} else EVERYTHING), *sys.argv[1:]],
    ]
    failed = []
    for command in commands:
        print("+", *command[1:], flush=True)
        if subprocess.run([python, *command], cwd=ROOT).returncode:
            failed.append(command[1])
    if failed:
        print("failed:", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
