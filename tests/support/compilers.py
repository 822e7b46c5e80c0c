"""A C compiler: that of this machine, else `ziglang` from the package index."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

import pytest
from support.environments import WHEELHOUSE

ZIG = WHEELHOUSE / "ziglang"


@cache
def cc() -> tuple[str, ...]:
    """The command that compiles C. Skips the test if there is none, and the index has none."""
    for name in ("cc", "gcc"):
        if found := shutil.which(name):
            return (found,)
    if not ZIG.exists():
        WHEELHOUSE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=WHEELHOUSE
        ) as own:  # another process may bring it, too
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "-q",
                "--target",
                f"{own}/ziglang",
                "ziglang",
            ]
            if subprocess.run(command).returncode:
                pytest.skip(
                    "neither a C compiler nor ziglang, which the package index may have, is here"
                )
            if not ZIG.exists():
                os.rename(f"{own}/ziglang", ZIG)
    return (str(ZIG / "ziglang" / "zig"), "cc")


def build_tools() -> None:
    """Skip the test unless build backends find here what they need to compile an extension."""
    for name in ("gcc", "git", "objdump"):
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("the headers of this Python are not installed")
