"""The ways in which a pip gets onto a machine, and the ways of starting it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.environments import (
    FORCED,
    WHEELHOUSE,
    Environment,
    clean,
    dependencies,
    download,
    pip_wheel,
)
from support.server import Index
from support.wheels import levels, plain_wheel, release

SYSTEM = "/usr/bin/python3"
"""Debian's own Python, for which its package python3-pip is."""

Kind = tuple[list[object], dict[str, str], Path]
"""The command that is pip, the variables that it needs, and where it installs to."""


def run(*command: object, env: dict[str, str]) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=clean(env), timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def with_tool(name: str, folder: Path) -> tuple[Path, str]:
    """The command `name` of a package, in an environment of its own."""
    wheels = download(WHEELHOUSE / name, "*.whl", name)
    environment = Environment(folder / "tools").unpack(*wheels)
    return environment.python, name


def made_by_venv(folder: Path) -> Kind:
    run(sys.executable, "-m", "venv", "--symlinks", folder / "venv", env={})
    (site,) = folder.glob("venv/lib/*/site-packages")
    return [folder / "venv/bin/python", "-m", "pip"], {}, site


def script(folder: Path) -> Kind:
    *_, site = made_by_venv(folder)
    return [folder / "venv/bin/pip"], {}, site


def isolated(folder: Path) -> Kind:
    *_, site = made_by_venv(folder)
    return [folder / "venv/bin/python", "-I", "-m", "pip"], {}, site


def made_by_virtualenv(folder: Path) -> Kind:
    python, module = with_tool("virtualenv", folder)
    run(python, "-m", module, folder / "venv", env={"XDG_DATA_HOME": str(folder / "data")})
    (site,) = folder.glob("venv/lib/*/site-packages")
    return [folder / "venv/bin/python", "-m", "pip"], {}, site


def out_of_a_wheel(folder: Path) -> Kind:
    environment = Environment(folder / "venv")
    return [environment.python, pip_wheel("26.3") / "pip"], {}, environment.site


def of_debian(folder: Path) -> Kind:
    if not Path("/usr/lib/python3/dist-packages/pip").exists():
        pytest.skip("Debian's python3-pip is not here")
    # As most people there do who are told not to touch what the system manages.
    env = {"PYTHONUSERBASE": str(folder), "PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_USER": "1"}
    site = run(SYSTEM, "-c", "import site; print(site.getusersitepackages())", env=env)
    return [SYSTEM, "-m", "pip"], env, Path(site.strip())


def of_pipx(folder: Path) -> Kind:
    """An application's environment, into which pipx links the pip that all of them share."""
    python, module = with_tool("pipx", folder)
    env = {
        "PIPX_HOME": str(folder / "home"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "HOME": str(folder),
    }
    app = plain_wheel(
        folder,
        "app",
        files={"app-1.0.dist-info/entry_points.txt": "[console_scripts]\napp = app:VERSION\n"},
    )
    env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(pip_wheel("26.3").parent)}
    run(python, "-m", module, "install", app, env=env)
    (site,) = folder.glob("home/venvs/app/lib/*/site-packages")
    assert not (site / "pip").exists()
    del env["PIP_NO_INDEX"], env["PIP_FIND_LINKS"]
    return [python, "-m", module, "runpip", "app"], env, site


KINDS: dict[str, Callable[[Path], Kind]] = {
    "ensurepip, python -m pip": made_by_venv,
    "ensurepip, the pip script": script,
    "ensurepip, python -I -m pip": isolated,
    "virtualenv": made_by_virtualenv,
    "a wheel of pip, not installed": out_of_a_wheel,
    "Debian's python3-pip, user's folder": of_debian,
    "pipx, shared pip": of_pipx,
}


def marked(name: str) -> object:
    """Of ensurepip's pip one way of starting it is tried by default."""
    is_like_another = name in ("ensurepip, python -I -m pip", "ensurepip, the pip script")
    return pytest.param(name, marks=pytest.mark.long) if is_like_another else name


@pytest.mark.parametrize("name", [marked(name) for name in KINDS])
def test_every_kind_of_pip(
    name: str, tmp_path: Path, index: Index, our_wheel: Path, record_property
) -> None:
    release(index.root / "demo", "1.0", {**levels("v2", "v3", "v4"), None: ()})
    pip, env, site = KINDS[name](tmp_path / "kind")
    record_property("pip", " ".join(run(*pip, "--version", env=env).split()[:2]))

    def install(*arguments: object) -> str:
        return run(*pip, "install", *arguments, env={**env, **FORCED})

    def variant() -> list[str]:
        return [
            next(iter(json.loads(f.read_text())["variants"]))
            for f in site.glob("demo-1.0*/variant.json")
        ]

    install("--index-url", index.url, "demo")
    assert variant() == []
    links = dependencies()[0].parent
    install(
        "--no-index", "--find-links", links, "--find-links", pip_wheel("26.3").parent, our_wheel
    )
    output = install("--index-url", index.url, "--force-reinstall", "demo")
    assert variant() == ["v3"], output
    assert "Using the variant v3 (x86_64 :: level :: v3)" in output
    run(*pip, "uninstall", "-y", "pip-variants", env=env)
    install("--index-url", index.url, "--force-reinstall", "demo")
    assert variant() == []
    shutil.rmtree(tmp_path)
