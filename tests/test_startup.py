"""Python starts as if we were not there, whatever state the package is in, and by which file it starts us.

`pip_variants.pth` counts up to Python 3.17, `pip_variants.start` from 3.15 on (PEP 829).
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.environments import FORCED, ROOT, Environment, clean
from support.server import Index
from support.wheels import levels, release


@pytest.fixture(params=["pth", "start"])
def way(request: pytest.FixtureRequest) -> str:
    """By which file Python starts us."""
    return request.param


@pytest.fixture
def own(make_environment: Callable[..., Environment], tmp_path: Path, way: str) -> Path:
    """A copy of an environment's site-packages, to be damaged, on no one else's path."""
    env = make_environment()
    copy = tmp_path / "copy"
    shutil.copytree(env.folder, copy, symlinks=True)
    begin(site(copy), way)
    return copy


def begin(site: Path, way: str) -> None:
    """Let Python start us by one file alone; of older Pythons, a .pth file calls what .start names."""
    for name in ("pip_variants.pth", "pip_variants.start", "pip_variants_start.py"):
        (site / name).unlink(missing_ok=True)
    if way == "pth":
        shutil.copy(ROOT / "src/pip_variants.pth", site)
    else:
        shutil.copy(ROOT / "src/pip_variants_start.py", site)
        line = (ROOT / "src/pip_variants.start").read_text()
        module, _, function = line.strip().partition(":")
        if sys.version_info >= (3, 15):
            shutil.copy(ROOT / "src/pip_variants.pth", site)  # does not count beside the other
            (site / "pip_variants.start").write_text(line)
        else:
            (site / "pip_variants.pth").write_text(f"import {module}; {module}.{function}()\n")


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / "bin/python", *arguments], capture_output=True, text=True, env=clean(variables)
    )


def site(folder: Path) -> Path:
    return next(folder.glob("lib/python*/site-packages"))


def test_nothing_of_ours_is_imported(own: Path, way: str) -> None:
    done = start(own, "-c", "import argparse, logging, subprocess, sys; print(*sys.modules)")
    assert done.returncode == 0
    ours = [name for name in done.stdout.split() if "pip_variants" in name]
    assert ours == ([] if way == "pth" else ["pip_variants_start"])


def test_pip_is_extended(own: Path, index: Index) -> None:
    release(index.root / "demo", "1.0", {**levels("v3"), None: ()})
    arguments = [
        "-W",
        "error",
        "-X",
        "dev",
        "-m",
        "pip",
        "download",
        "--no-deps",
        "-i",
        index.url,
        "demo",
    ]
    done = subprocess.run(
        [own / "bin/python", *arguments],
        capture_output=True,
        text=True,
        env=clean(FORCED),
        cwd=index.root,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "  Using the variant v3 (x86_64 :: level :: v3)\n" in done.stdout


def test_it_waits_once_if_python_starts_it_twice(own: Path, tmp_path: Path) -> None:
    """As Python 3.14 does in a virtual environment, and any other if there are two installations."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import site; site.addsitedir({str(site(own))!r})\n"
    )
    shutil.rmtree(site(own) / "pip_variants")
    done = start(own, "-m", "pip", "--version", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1, done.stderr


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
def test_nothing_is_printed_when_pip_is_not_running(own: Path, damage) -> None:
    damage(site(own))
    for flags in ((), ("-I",), ("-S",), ("-O",), ("-W", "error"), ("-X", "dev")):
        done = start(own, *flags, "-c", "print('started')")
        assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", ""), flags


def test_a_half_removed_package_leaves_pip_working_with_one_line(own: Path) -> None:
    shutil.rmtree(site(own) / "pip_variants")
    done = start(own, "-m", "pip", "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("pip 26.3 from")
    assert done.stderr == (
        "WARNING: pip-variants is broken, pip goes on without it "
        "(ModuleNotFoundError: No module named 'pip_variants')\n"
    )
