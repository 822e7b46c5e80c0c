"""Fixtures: an empty site-packages folder, and the detection process of a real environment."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pip_variants.detection import client


@pytest.fixture(autouse=True)
def _nothing_is_forced(monkeypatch):
    for name in [name for name in os.environ if "_VARIANT_PROVIDER_FORCE_" in name.upper()]:
        monkeypatch.delenv(name)


@pytest.fixture
def site(tmp_path) -> Path:
    """A site-packages folder; see the module vendors for what to put there."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def other_python(tmp_path_factory) -> Path:
    """The interpreter of an environment that has what pip-variants needs, and nothing else."""
    folder = tmp_path_factory.mktemp("detection") / "venv"
    create = [sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(create, check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    purelib = subprocess.run(
        [python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    names = ("pip_variants", "archspec", "importlib_metadata", "packaging", "pluggy")
    files = [Path(str(importlib.import_module(name).__file__)) for name in names]
    needed = dict.fromkeys(str(file.parents[1]) for file in files)
    Path(purelib, "needed.pth").write_text("\n".join(needed))
    return python


@pytest.fixture
def detection(other_python, site, monkeypatch):
    """A detection process in that environment, which also sees the packages in `site`."""
    _, *arguments = client.command()
    # Folders after the code are added as the user's site-packages folder is.
    command = [str(other_python), *arguments, str(site)]
    monkeypatch.setattr(client, "command", lambda: command)
    running = client.Detection()
    yield running
    running.close()
