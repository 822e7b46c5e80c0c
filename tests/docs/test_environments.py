"""docs/environments.md: each tool does what its recipe says, and installs the variant."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.environments import (
    ROOT,
    WHEELHOUSE,
    Environment,
    clean,
    dependencies,
    download,
    pip_wheel,
)
from support.pages import shell_of
from support.server import Index
from support.wheels import levels, plain_wheel, release

PAGE = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")

TOOLS = {
    "tox": ("tox", {"tox": "tox"}),
    "nox": ("nox", {"nox": "nox"}),
    "hatch": ("hatch", {"hatch": "hatch"}),
    "pipx": ("pipx", {"pipx": "pipx"}),
    "ansible": ("ansible-core", {"ansible-playbook": "ansible playbook"}),
}
"""The package, and its commands as modules."""

# Tools that take uv where there is one have to be told, on the page, not to.
UV = '#!/bin/sh\n[ "$*" = --version ] && echo "uv 0.13.9" || exit 1\n'


def blocks(heading: str) -> list[str]:
    """What is to be typed or written, or is printed, below a heading."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [one for one in section if one.startswith(f"{heading}\n")]
    return re.findall(r"^```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def has_variant(folder: Path) -> bool:
    """Whether demo is in there as the variant v1; it must be there."""
    (info,) = folder.rglob("demo-1.0.dist-info")
    file = info / "variant.json"
    return file.exists() and [*json.loads(file.read_text())["variants"]] == ["v1"]


@pytest.fixture
def served(index: Index, our_wheel: Path) -> Index:
    """An index with two variants of demo, of which one fits, pip-variants, and a pip."""
    release(index.root / "demo", "1.0", {**levels("v1", "v9"), None: ()})
    add(index, [our_wheel, pip_wheel("26.3"), *dependencies()])
    return index


def add(index: Index, wheels: Iterable[Path]) -> None:
    for wheel in wheels:
        folder = index.root / wheel.name.partition("-")[0].replace("_", "-").lower()
        folder.mkdir(exist_ok=True)
        shutil.copy(wheel, folder)


class Machine:
    """A home with a tool, and an index."""

    def __init__(self, folder: Path, index: Index) -> None:
        self.home = folder / "home"
        self.project = self.home / "project"
        self.bin = folder / "bin"
        for one in (self.home, self.project, self.bin):
            one.mkdir()
        self.command("uv", UV)
        self.command("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        foreign = ("XDG_", "TOX_", "NOX_", "HATCH_", "PIPX_", "UV_", "ANSIBLE_", "VIRTUAL")
        self.env = {name: text for name, text in clean().items() if not name.startswith(foreign)}
        self.env |= {"HOME": str(self.home), "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}
        self.env |= {"PIP_INDEX_URL": index.url, "UV_DEFAULT_INDEX": index.url, "UV_NO_CONFIG": "1"}

    def command(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def get(self, name: str) -> "Machine":
        package, commands = TOOLS[name]
        version = "{}.{}".format(*sys.version_info[:2])
        wheels = download(WHEELHOUSE / f"{package}-{version}", "*.whl", package)
        python = Environment(self.bin / "tools").unpack(*wheels).python
        for command, module in commands.items():
            self.command(command, f'#!/bin/sh\nexec {python} -m {module} "$@"\n')
        return self

    def run(self, block: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", block],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.project,
            env=self.env,
            timeout=600,
        )
        assert done.returncode == 0, block + done.stdout
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path, served: Index) -> Machine:
    return Machine(tmp_path, served)


PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "project"
version = "1.0"
[tool.hatch.build.targets.wheel]
bypass-selection = true
"""


@pytest.fixture
def project(machine: Machine, served: Index) -> Path:
    """A project in the current directory, and on the index what builds it."""
    add(served, download(WHEELHOUSE / "hatchling", "*.whl", "hatchling", "editables"))
    file = machine.project / "pyproject.toml"
    file.write_text(PROJECT)
    return file


def test_both_in_one_run(stock: Environment, served: Index, tmp_path: Path) -> None:
    shell = shell_of(stock.python, tmp_path / "commands")
    at_once, explain, lines, _ = blocks("One run for both")
    shell(at_once, tmp_path, PIP_INDEX_URL=served.url)
    assert not has_variant(stock.site)
    assert "already satisfied: demo" in shell(
        "pip install demo", tmp_path, PIP_INDEX_URL=served.url
    )
    output = shell(explain, tmp_path, PIP_INDEX_URL=served.url)
    assert set(lines.splitlines()) <= set(output.splitlines())
    shell(lines.splitlines()[-1], tmp_path, PIP_INDEX_URL=served.url)
    assert has_variant(stock.site)


@pytest.mark.long
@pytest.mark.parametrize("heading", ["One run for both", "Docker"])
def test_in_two_runs(heading: str, stock: Environment, served: Index, tmp_path: Path) -> None:
    shell = shell_of(stock.python, tmp_path / "commands")
    block = blocks(heading)[-1]
    lines = [
        line.removeprefix("RUN ") for line in block.splitlines() if not line.startswith("FROM ")
    ]
    assert len(lines) == 2
    shell("\n".join(lines), tmp_path, PIP_INDEX_URL=served.url)
    assert has_variant(stock.site)


@pytest.mark.long
def test_what_uninstalling_leaves(tmp_path: Path, our_wheel: Path) -> None:
    env = Environment(tmp_path / "venv").unpack(pip_wheel("26.3"), our_wheel, *dependencies())
    env.pip("uninstall", "-y", "pip-variants")
    (names,) = re.findall(r"`pip show (.*)` prints", (ROOT / "README.md").read_text())
    left = [one["name"] for one in json.loads(env.pip("list", "--format=json").out)]
    assert sorted(name.replace("_", "-") for name in left) == sorted([*names.split(), "pip"])
    said = re.findall(r"^Required-by:(.*)$", env.pip("show", *names.split()).out, re.MULTILINE)
    assert [one.strip() for one in said] == ["", "", "", "", "importlib_metadata"]


@pytest.mark.long
def test_tox(machine: Machine, project: Path, served: Index) -> None:
    """`deps`, and what the project depends on."""
    (config,) = blocks("tox")
    release(served.root / "other", "1.0", {**levels("v1"), None: ()}, "other")
    project.write_text(
        PROJECT.replace('version = "1.0"\n', 'version = "1.0"\ndependencies = ["other"]\n')
    )
    (machine.project / "tox.ini").write_text(
        f"{config}package = wheel\ndeps = demo\ncommands = python -m pip list\n"
    )
    output = machine.get("tox").run("tox")
    assert re.search(r"^demo +1.0 +v1$", output, re.MULTILINE), output
    assert re.search(r"^other +1.0 +v1$", output, re.MULTILINE), output


@pytest.mark.long
def test_nox(machine: Machine) -> None:
    (text,) = blocks("nox")
    (machine.project / "noxfile.py").write_text(text)
    machine.get("nox").run("nox")
    assert has_variant(machine.project / ".nox")


@pytest.mark.long
def test_hatch(machine: Machine, project: Path) -> None:
    (text,) = blocks("hatch")
    project.write_text(PROJECT + text)
    data = machine.home / ".local" / "share" / "hatch"
    machine.get("hatch").run("hatch run python -m pip list")
    assert has_variant(data)
    machine.run("hatch env prune")
    project.write_text(f"{PROJECT}{text}skip-install = true\n")
    machine.run("hatch run python -m pip list")
    assert not has_variant(data)


@pytest.mark.long
def test_pip_tools(machine: Machine, stock: Environment, served: Index) -> None:
    (text,) = blocks("pip-tools")
    add(served, download(WHEELHOUSE / "pip-tools", "*.whl", "pip-tools"))
    for name, module in {
        "pip": "pip",
        "pip-compile": "piptools compile",
        "pip-sync": "piptools sync",
    }.items():
        machine.command(name, f'#!/bin/sh\nexec {stock.python} -m {module} "$@"\n')
    machine.run(text)
    assert has_variant(stock.site)
    wheels = len([*served.root.glob("demo/*.whl")])
    assert hashes_of_demo(machine) == wheels == 3

    machine.run("pip uninstall --quiet -y pip-variants && rm requirements.txt")
    machine.run(
        "pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe requirements.in"
    )
    assert hashes_of_demo(machine) == 1

    (machine.project / "requirements.txt").write_text("demo\n")
    machine.run("pip uninstall --quiet -y demo && pip install pip-variants && pip-sync")
    assert not has_variant(stock.site)


def hashes_of_demo(machine: Machine) -> int:
    text = (machine.project / "requirements.txt").read_text()
    return text.partition("\ndemo==")[2].partition("# via")[0].count("--hash=")


@pytest.fixture
def pipx(machine: Machine, served: Index) -> Callable[..., bool]:
    """Runs commands; whether demo, which the application needs, is a variant then."""
    entry_point = {"app-1.0.dist-info/entry_points.txt": "[console_scripts]\napp = app:VERSION\n"}
    plain_wheel(served.root / "app", "app", metadata=["Requires-Dist: demo"], files=entry_point)
    machine.get("pipx")

    def run(block: str) -> bool:
        machine.run(block)
        return has_variant(machine.home / ".local" / "share" / "pipx" / "venvs" / "app")

    return run


@pytest.mark.long
def test_pipx(pipx: Callable[..., bool]) -> None:
    recipe, _ = blocks("pipx")
    assert not pipx("pipx install --backend pip app")
    assert not pipx("pipx runpip app install --force-reinstall demo")
    assert not pipx("pipx reinstall app")
    assert pipx(recipe.replace("pipx install ", "pipx install --force "))
    assert pipx("pipx runpip app install --force-reinstall demo")
    assert not pipx("pipx reinstall app")
    assert pipx(f"pipx uninstall app\n{recipe}")


@pytest.mark.long
def test_shared_libraries_of_pipx(pipx: Callable[..., bool], machine: Machine) -> None:
    """What doctor says of one application, and what the page says for all of them."""
    _, recipe = blocks("pipx")
    lines = recipe.splitlines()
    assert not pipx("pipx install --backend pip app")
    machine.run("\n".join(lines[:2]))
    again = "pipx runpip app install --force-reinstall demo"
    assert not pipx(again)
    doctor = '"$(pipx environment --value PIPX_LOCAL_VENVS)/app/bin/python" -m pip_variants doctor'
    found = json.loads(machine.run(f"{doctor} --json || true"))
    (to_do,) = found["to_do"]
    assert "/shared/lib/" in found["folder"]
    assert f"it is in {found['folder']}, but Python reads .pth files in " in to_do
    assert pipx(f"{to_do.splitlines()[1]}\n{doctor}\n{again}")
    if find_spec("sitecustomize") is None:
        assert not pipx("pipx reinstall app")
        assert pipx(f"pipx uninstall app\n{recipe}\n{doctor}")
        assert pipx("pipx reinstall app")


@pytest.mark.long
def test_uv(machine: Machine) -> None:
    (wheel,) = download(WHEELHOUSE / "uv", "uv-*.whl", "--no-deps", "uv==0.13.9")
    with zipfile.ZipFile(wheel) as archive:
        program = archive.read("uv-0.13.9.data/scripts/uv")
    (machine.bin / "uv").write_bytes(program)
    folder = machine.project / ".venv"
    own, pip = blocks("uv")
    machine.run(own)
    assert has_variant(folder)
    machine.run(f"rm -r .venv\n{pip}")
    assert has_variant(folder)
    machine.run("uv pip install --reinstall demo")
    assert not has_variant(folder)


@pytest.mark.long
def test_ansible(machine: Machine) -> None:
    (text,) = blocks("ansible")
    (machine.project / "play.yml").write_text(text)
    folder = machine.project / "made"
    machine.get("ansible").run(f"ansible-playbook -e folder={folder} play.yml")
    assert has_variant(folder)
