"""`pip-variants doctor`: one screen that ends with OK, or with what to do."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.environments import HARDWARE, NEWEST_PIP, Environment, clean, dependencies, pip_wheel
from support.surroundings import PLAIN_USER

ENTRY_POINT = "[{}]\n{} = {}\n"


def doctor(
    env: Environment,
    *arguments: str,
    code: int = 0,
    by: Sequence[str] = (),
    flags: Sequence[str] = (),
    cwd: Path | None = None,
    **variables: str,
) -> str:
    command: list[str | Path] = [
        *by,
        env.python,
        *flags,
        "-m",
        "pip_variants",
        "doctor",
        *arguments,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean({**HARDWARE, **variables}), cwd=cwd
    )
    assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
    if not arguments:
        lines = done.stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert len(lines) <= 40
        assert (lines[-1] == "OK") == (code == 0)
    return done.stdout


def to_do(env: Environment, **options: Any) -> str:
    """What is said to be done, on one line."""
    _, _, text = doctor(env, code=1, **options).partition("To do:\n")
    return " ".join(text.split())


def unknown(env: Environment, **options: Any) -> str:
    """Why pip does not know of pip-variants, and in a second line the command that changes it."""
    (text,) = json.loads(doctor(env, "--json", code=1, **options))["to_do"]
    return str(text).removeprefix("pip does not know of pip-variants: ")


def register(env: Environment, group: str, name: str, value: str) -> None:
    folder = env.site / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(ENTRY_POINT.format(group, name, value))


def test_all_is_well(env: Environment) -> None:
    lines = doctor(env).splitlines()
    assert lines[0].startswith("pip-variants ")
    assert lines[1].startswith("pip 26.3, extended at ")
    assert any(line.startswith("  x86_64 ") for line in lines)
    assert (
        "  nvidia     154 properties forced by the environment variable NV_VARIANT_PRO..." in lines
    )
    assert any(
        line.startswith("  mpi        nothing        MPI4PY_LIBMPI is '/no/mpi'") for line in lines
    )
    assert "  target: this machine" in lines
    assert "Self-test: installed a variant wheel" in lines
    assert env.installed("pip_variants_self_test") is None


def test_the_shape_of_the_json(env: Environment, tmp_path: Path) -> None:
    variables: dict[str, Any] = {
        "X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v3,v2,v1",
        "PIP_VARIANT_TARGET": "x86_64_v2",
    }
    variables |= with_pip(env, tmp_path)
    found = json.loads(doctor(env, "--json", **variables, PIP_VARIANT_PREFER="x86_64::avx"))
    assert set(found.pop("providers")[0]) == {"namespace", "by", "properties", "notes"}
    assert found.pop("python") == str(env.python)
    assert found.pop("replaced") > 20
    assert found.pop("folder") == str(env.site)
    assert found == {
        "version": "1",
        "pip_variants": "0.1.0",
        "pip": "26.3",
        "pip_folder": str(env.site / "pip"),
        "other_pip": "",
        "pip_failed": "",
        "attached": True,
        "finder": "",
        "problems": [],
        "failed": [],
        "warnings": [],
        "plugins": [],
        "index_sets": {"pytorch": "cu128"},
        "forced": {**HARDWARE, "X86_64_VARIANT_PROVIDER_FORCE_LEVEL": "v3,v2,v1"},
        "options": {"variant_prefer": ["x86_64::avx"]},
        "target": "x86_64_v2",
        "target_failed": "",
        "missing": {},
        "self_test": "",
        "to_do": [],
    }


def test_settings_are_shown(env: Environment) -> None:
    lines = doctor(
        env,
        PIP_VARIANT_DISABLE="mpi nvidia",
        PIP_VARIANT_TARGET="x86_64_v2",
    ).splitlines()
    assert "  MPI4PY_LIBMPI=/no/mpi" in lines
    assert "  NV_VARIANT_PROVIDER_FORCE_SM_ARCH=9.0" in lines
    assert "  variant-disable = mpi nvidia" in lines
    assert "  target: x86_64_v2" in lines


def test_turned_off(env: Environment, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nno-variants = true\n")
    for variables in ({"PIP_NO_VARIANTS": "yes"}, {"PIP_CONFIG_FILE": str(config)}):
        assert to_do(env, **variables) == (
            "- Wheel variants are turned off: unset PIP_NO_VARIANTS, or no-variants in pip.conf"
        )
    doctor(env, PIP_NO_VARIANTS="0", PIP_CONFIG_FILE=str(config))


@pytest.mark.parametrize("target", ["x86_64_v9", "pyproject.toml", "./nothing"])
def test_a_target_that_cannot_be_used(env: Environment, tmp_path: Path, target: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\n")
    target = str(file) if target == file.name else target
    assert target.removeprefix(".") in to_do(env, PIP_VARIANT_TARGET=target).replace(" ", "")


def test_plugins_that_are_broken_and_others(env: Environment) -> None:
    register(env, "pip_variants", "acme", "acme_variants")
    (env.site / "acme_variants.py").write_text("raise OSError('no card in the slot')\n")
    register(env, "variant_plugins", "other", "other_plugin:Plugin")
    text = doctor(env, code=1)
    assert "  asked by wheels that name it: other_plugin:Plugin\n" in text
    assert "  failed: the plugin acme is broken: OSError: no card in the slot\n" in text
    assert "Self-test: installed a variant wheel" in text
    assert to_do(env) == (
        "- Fix or uninstall a provider: the plugin acme is broken: OSError: no card in the slot"
    )


def test_a_forced_value_that_is_wrong(env: Environment) -> None:
    assert "'V3' in the environment variable MPI_VARIANT_PROVIDER_FORCE_ABI" in to_do(
        env, MPI_VARIANT_PROVIDER_FORCE_ABI="V3"
    )


def test_warnings_are_something_to_do(env: Environment) -> None:
    register(env, "pip_variants", "acme", "acme_variants")
    (env.site / "acme_variants.py").write_text(
        "import logging\n"
        "from pip_variants.hooks import Provider, hookimpl\n"
        "def detect():\n"
        "    logging.warning('the card is not plugged in')\n"
        "    return []\n"
        "@hookimpl\n"
        "def pip_variants_providers(): return [Provider('acme', detect, [])]\n"
    )
    assert to_do(env) == "- the card is not plugged in"


@pytest.fixture
def own(tmp_path: Path, our_wheel: Path) -> Environment:
    """An environment of the test's own, whose files it may change."""
    return Environment(tmp_path / "own").unpack(pip_wheel(NEWEST_PIP), our_wheel, *dependencies())


def do(env: Environment, our_wheel: Path, text: str, **variables: str) -> None:
    """Do what the end of a text says, with an index that has our wheel."""
    links = f"{our_wheel.parent} {dependencies()[0].parent}"
    variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links}
    _, command = text.splitlines()
    assert command.startswith(str(env.python))
    done = subprocess.run(
        ["sh", "-ec", command], capture_output=True, text=True, env=clean(variables)
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_pth_file(own: Environment, our_wheel: Path) -> None:
    (own.site / "pip_variants.pth").unlink()
    text = unknown(own)
    assert text.startswith(
        f"Python finds no pip_variants.pth in {own.site} that it can read. Install it again:\n"
    )
    do(own, our_wheel, text)
    doctor(own)


@pytest.mark.long
def test_a_pth_file_that_may_not_be_read(own: Environment, our_wheel: Path) -> None:
    (own.site / "pip_variants.pth").chmod(0)
    text = unknown(own, by=PLAIN_USER)
    assert text.startswith(
        f"Python finds no pip_variants.pth in {own.site} that it can read. Install it again:\n"
    )
    do(own, our_wheel, text)
    doctor(own, by=PLAIN_USER)


@pytest.fixture
def elsewhere(tmp_path: Path, our_wheel: Path) -> tuple[Environment, Path]:
    """An environment with a pip alone, and a folder with pip-variants."""
    folder = tmp_path / "folder"
    for wheel in (our_wheel, *dependencies()):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return Environment(tmp_path / "venv").unpack(pip_wheel(NEWEST_PIP)), folder


def unread(env: Environment, folder: Path) -> str:
    return f"it is in {folder}, but Python reads .pth files in {env.site}. Install it there:\n"


@pytest.mark.long
def test_a_folder_of_pythonpath(elsewhere: tuple[Environment, Path], our_wheel: Path) -> None:
    env, folder = elsewhere
    text = unknown(env, PYTHONPATH=str(folder))
    assert text.startswith(unread(env, folder))
    do(env, our_wheel, text, PYTHONPATH=str(folder))
    doctor(env, PYTHONPATH=str(folder))
    assert json.loads(doctor(env, "--json", PYTHONPATH=str(folder)))["folder"] == str(folder)
    assert json.loads(doctor(env, "--json"))["folder"] == str(env.site)


def test_a_folder_of_another_pth_file(elsewhere: tuple[Environment, Path], our_wheel: Path) -> None:
    """As pipx has its shared libraries."""
    env, folder = elsewhere
    (env.site / "another.pth").write_text(f"{folder}\n")
    text = unknown(env)
    assert text.startswith(unread(env, folder))
    do(env, our_wheel, text)
    doctor(env)


@pytest.mark.long
def test_the_current_directory(elsewhere: tuple[Environment, Path], our_wheel: Path) -> None:
    env, folder = elsewhere
    text = unknown(env, cwd=folder)
    assert text.startswith(unread(env, folder))
    do(env, our_wheel, text)
    doctor(env, cwd=folder)


@pytest.mark.parametrize("name", ["pip._internal", pytest.param("pip.", marks=pytest.mark.long)])
def test_another_finder(own: Environment, name: str) -> None:
    (own.site / "tracer.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "class Tracer:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {name!r} or name.startswith({name!r}) and {name!r}[-1] == '.':\n"
        "            return PathFinder.find_spec(name, path)\n"
    )
    # Read after ours; no `sitecustomize`, of which Debian's Python has one that is found first.
    line = own.site / "tracer.pth"
    line.write_text("import sys, tracer; sys.meta_path.insert(0, tracer.Tracer())\n")
    text = unknown(own)
    assert text.startswith("<tracer.Tracer object at ")
    assert text.endswith(
        "> on sys.meta_path finds pip first. Remove it, or have it leave pip alone"
    )
    line.write_text("import sys, tracer; sys.meta_path.append(tracer.Tracer())\n")
    doctor(own)


NO_SITE = (
    "this Python reads no .pth files now. Start it without -S; if a ._pth file lies beside {}, "
    "add a line to that: import site"
)


@pytest.mark.long
def test_a_python_that_reads_no_pth_file(own: Environment) -> None:
    text = unknown(own, flags=["-S"], PYTHONPATH=str(own.site))
    assert text == NO_SITE.format(own.python)


@pytest.mark.long
@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="earlier Pythons read ._pth files on Windows alone"
)
def test_a_python_with_a_list_of_folders(own: Environment) -> None:
    """As in the embeddable Python for Windows."""
    file = own.python.parent / "python._pth"
    paths = [
        path
        for path in sys.path
        if path.startswith(sys.base_prefix) and "site-packages" not in path
    ]
    file.write_text("\n".join([*paths, str(own.site), ""]))
    text = unknown(own)
    assert text == NO_SITE.format(own.python)
    with file.open("a") as opened:
        opened.write("import site\n")
    doctor(own)


def test_a_pip_that_does_not_start(env: Environment, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("no section\n")
    text = to_do(env, PIP_CONFIG_FILE=str(config))
    assert text.startswith(
        "- Fix what pip is set to, it does not start: Configuration file could not be"
    )
    assert "\nSelf-test: installed a variant wheel\n" in doctor(
        env, code=1, PIP_CONFIG_FILE=str(config)
    )
    env.at_start(
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'pip._internal.commands.install':\n"
        "            raise OSError('the disk is full')\n"
        "sys.meta_path.insert(0, Finder)\n"
    )
    what = "- This pip does not start here: OSError: the disk is full. Take another one: "
    assert to_do(env).replace("\\ ", "") == f"{what}{env.python} -m ensurepip --upgrade"


def with_pip(env: Environment, folder: Path) -> dict[str, Any]:
    """The variable by which a shell starts the environment's pip."""
    (folder / "pip").write_text(f'#!/bin/sh\nexec "{env.python}" -m pip "$@"\n')
    (folder / "pip").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_the_pip_of_a_shell_is_another_one(env: Environment, tmp_path: Path) -> None:
    """As with `pipx install pip-variants`: what doctor says is of a pip that nobody uses."""
    assert "Of another Python" not in doctor(env, **with_pip(env, tmp_path))
    other = tmp_path / "pip"
    other.write_text(
        "#!/bin/sh\necho pip 25.1.1 from /usr/lib/python3/dist-packages/pip '(python 3.13)'\n"
    )
    other.chmod(0o755)
    lines = doctor(env, PATH=f"{tmp_path}:{os.environ['PATH']}").splitlines()
    assert lines[3] == f"Of another Python, and not looked at: {other}"[:77] + "..." * (
        len(str(other)) > 42
    )


def test_a_python_without_lzma(env: Environment) -> None:
    """As it is where the headers of liblzma were not there when Python was built."""
    env.at_start("import sys; sys.modules['_lzma'] = sys.modules['lzma'] = None")
    assert doctor(env).endswith("\nOK\n")


def test_a_pip_that_does_not_install(env: Environment) -> None:
    """It looks well, but the disk is full."""
    env.at_start(
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event == 'shutil.move':\n"
        "        raise OSError('the disk is full')\n"
        "sys.addaudithook(refuse)\n"
    )
    assert to_do(env) == "- The self-test failed: OSError: the disk is full"


@pytest.mark.parametrize("pip", ["23.0.1", "25.3"])
def test_older_pips(make_environment, pip: str) -> None:
    assert f"\npip {pip}, extended at " in doctor(make_environment(pip))


def test_help_on_any_terminal() -> None:
    command = [sys.executable, "-m", "pip_variants", "doctor", "--help"]
    variables = {"PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, env=clean(variables))
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
