#!/usr/bin/env python3
"""Try pip-variants on Pythons that this machine lacks: `python tests/pythons.py FOLDER [pytest arguments]`.

Makes a root of Debian's sid with its Pythons and PyPy (debootstrap) in FOLDER, unless it is there, and runs
pytest in it, by default the tests that write docs/pips.md. The Pythons that pyenv has here are there, too.
Needs root, Linux, debootstrap, a package index and two gigabytes; half an hour.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "pips.md"
TABLE = [
    "-n",
    str(os.cpu_count()),
    "--all",
    "--table",
    str(PAGE),
    "tests/pip/test_matrix.py",
    "tests/pip/test_kinds.py",
]
NAMES = ("python3.13", "python3.14", "python3.15", "pypy3")
PACKAGES = [
    *NAMES,
    *(f"{name}-venv" for name in NAMES),
    "python3-pip",
    "ca-certificates",
    "gcc",
    "libc6-dev",
]
SHARED = ["/etc/ssl/certs", "/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/xdg/pip"]
"""How this machine reaches the package index."""

ENTER = r"""
set -e
root="$1"; shift
mount --rbind /proc "$root/proc"; mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$root$1"; else touch "$root$1"; fi
    mount --rbind "$1" "$root$1"; shift
done
shift
exec chroot "$root" "$@"
"""


def make_root(root: Path) -> None:
    """A Debian, unless it is there already."""
    if not (root / "done").exists():
        shutil.rmtree(root, ignore_errors=True)
        uri = subprocess.check_output(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)"], text=True
        ).split()[0]
        command: list[str | Path] = [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            "sid",
            root,
            uri,
        ]
        subprocess.run(command, check=True)
        (root / "done").touch()


def enter(root: Path, *command: str) -> int:
    """Exit status of a command in the root, in the folder of this checkout."""
    shared = [path for path in (*SHARED, str(Path.home()), str(ROOT)) if os.path.exists(path)]
    inside = ["/usr/bin/env", "-C", str(ROOT), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *command]
    space = ["unshare", "--mount", "--fork", "bash", "-c", ENTER, "enter"]
    return subprocess.run([*space, root, *shared, "--", *inside]).returncode


def main() -> int:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    root = Path(sys.argv[1]).resolve() / "sid"
    make_root(root)
    if not (root / "env").exists():
        enter(root, "python3", "-m", "venv", "/env")
    if enter(root, "/env/bin/pip", "install", "-q", "-e", f"{ROOT}[test]"):
        return 1
    return enter(root, "/env/bin/python", "-m", "pytest", *(sys.argv[2:] or TABLE))


if __name__ == "__main__":
    sys.exit(main())
