"""Python starts as if we were not there, whatever state the package is in."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.environments import Environment, clean


@pytest.fixture
def own(make_environment: Callable[..., Environment], tmp_path: Path) -> Path:
    """A copy of an environment's site-packages, to be damaged, on no one else's path."""
    env = make_environment()
    copy = tmp_path / "copy"
    shutil.copytree(env.folder, copy, symlinks=True)
    return copy


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / "bin/python", *arguments], capture_output=True, text=True, env=clean()
    )


def site(folder: Path) -> Path:
    return next(folder.glob("lib/python*/site-packages"))


def test_nothing_of_ours_is_imported(own: Path) -> None:
    done = start(own, "-X", "importtime", "-c", "import json, argparse, logging, subprocess")
    assert done.returncode == 0
    assert "subprocess" in done.stderr
    assert "pip_variants" not in done.stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda site: None,
        lambda site: shutil.rmtree(site / "pip_variants"),
        lambda site: (site / "pip_variants/__init__.py").write_text("syntax error"),
        lambda site: (site / "pip_variants/pip_adapter/hook/attach.py").unlink(),
        lambda site: shutil.rmtree(site / "pip"),
    ],
    ids=["whole", "package gone", "syntax error", "module gone", "pip gone"],
)
@pytest.mark.parametrize("flags", [(), ("-I",), ("-S",), ("-O",), ("-W", "error"), ("-X", "dev")])
def test_nothing_is_printed_when_pip_is_not_running(own: Path, damage, flags) -> None:
    damage(site(own))
    done = start(own, *flags, "-c", "print('started')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")


def test_a_half_removed_package_leaves_pip_working_with_one_line(own: Path) -> None:
    shutil.rmtree(site(own) / "pip_variants")
    done = start(own, "-m", "pip", "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("pip 26.3 from")
    assert done.stderr == (
        "WARNING: pip-variants is broken, pip goes on without it "
        "(ModuleNotFoundError: No module named 'pip_variants')\n"
    )
