"""Many pips at once, in environments of their own, with one cache."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.environments import Environment, clean
from support.server import Index
from support.wheels import levels, release

LEVELS = ("v1", "v2", "v3", "v4", "v2", "v3", "v4", "none")
"""What the environments support: eight of them, at most."""


@pytest.fixture
def environments(make_environment: Callable[..., Environment], tmp_path: Path) -> list[Environment]:
    first = make_environment()
    first.pip("--version")  # compiled once
    copies = []
    for number in range(len(LEVELS)):
        copy = Environment(tmp_path / f"environment-{number}")
        shutil.copytree(first.site, copy.site, dirs_exist_ok=True)
        copies.append(copy.unpack())  # what `reset` leaves
    return copies


def test_one_cache(environments: list[Environment], index: Index, tmp_path: Path) -> None:
    release(
        index.root / "demo",
        "1.0",
        {**levels("v1", "v2", "v3", "v4"), None: ()},
        metadata=["Requires-Dist: other"],
    )
    release(index.root / "other", "1.0", {**levels("v2", "v3"), "null": ()}, name="other")
    index.etags = True
    index.headers["Cache-Control"] = "max-age=600"
    options = (
        "--cache-dir",
        tmp_path / "cache",
        "--trusted-host",
        "127.0.0.1",
        "--index-url",
        index.url,
    )

    def install_all() -> None:
        started = []
        for environment, level in zip(environments, LEVELS, strict=True):
            best = [one for one in ("v4", "v3", "v2", "v1") if one <= level]
            forced = {"X86_64_VARIANT_PROVIDER_FORCE_LEVEL": ",".join(best) or "none"}
            command: list[str | Path] = [
                environment.python,
                "-m",
                "pip",
                "install",
                *options,
                "demo",
            ]
            pipes: dict[str, Any] = {
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
            }
            started.append(subprocess.Popen(command, env=clean(forced), **pipes))
        for environment, level, pip in zip(environments, LEVELS, started, strict=True):
            out, err = pip.communicate(timeout=600)
            assert (pip.returncode, err) == (0, ""), out
            assert environment.installed() == ("1.0", None if level == "none" else level)
            assert environment.installed("other") == (
                "1.0",
                {"v4": "v3", "v1": "null", "none": "null"}.get(level, level),
            )
            environment.reset()

    install_all()
    index.answers.clear()
    install_all()
    # The page is fresh enough, and it gives the hashes of all else: nothing is asked for again.
    assert index.answers == []
