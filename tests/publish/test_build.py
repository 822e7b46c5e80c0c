"""`pip-variants build`: every variant of a project, by its own backend."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from email.parser import HeaderParser
from functools import partial
from pathlib import Path

import pytest
from support.environments import Environment, clean
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
    monkeypatch.setenv("RUSTFLAGS", "-g")
    folder = project(V2_AND_V3)
    assert main(["build", str(folder), "-j", "3"]) == 0
    built = wheels(folder / "dist")
    assert built.keys() == {"v2", "v3", "null", "none"}
    assert (folder / "dist" / "demo-1.0.tar.gz").is_file()
    for wheel in built.values():  # what the environment has is the same for all
        assert seen(wheel)["env"]["CFLAGS"] == seen(wheel)["env"]["RUSTFLAGS"] == "-g"
    assert [read_metadata(built[one]).variants[one].label for one in ("v2", "v3", "null")]
    # The null variant and the one without label differ in nothing but metadata: built once.
    assert seen(built["null"])["where"] == seen(built["none"])["where"]
    assert "variant_label" in dependencies(built["v3"])[1]
    assert dependencies(built["none"]) == ["here>=1", "gone"]
    said = capsys.readouterr()
    assert {*said.out.splitlines()} == {str(path) for path in (folder / "dist").iterdir()}
    assert not said.err
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
    said = capsys.readouterr()
    assert "pip-variants: v2 not built: building the wheel failed:" in said.err
    assert "no such header: demo.h" in said.err
    assert "Traceback" not in said.err
    log_in(said.err)
    assert len(said.out.splitlines()) == 4


def test_a_source_distribution_is_built_as_well(project, tmp_path: Path) -> None:
    folder = project(V2_AND_V3)
    assert main(["build", str(folder), "--label", "none", "-o", str(tmp_path / "one")]) == 0
    sdist = tmp_path / "one" / "demo-1.0.tar.gz"
    assert main(["build", str(sdist), "--label", "v3", "-o", str(tmp_path / "two")]) == 0
    assert wheels(tmp_path / "two").keys() == {"v3"}
    again = tmp_path / "two" / wheels(tmp_path / "one")["none"].name
    assert main(["make", "--label", "none", str(wheels(tmp_path / "two")["v3"])]) == 0
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
        (True, "mlk", "mkl: static-properties knows no blas :: library :: mlk, but mkl, openblas"),
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
        ("[variant]\nvariants = 3", "variant.variants must be an object, not 3"),
        (V2_AND_V3 + "[variant.labels]", "variant.labels is not known, see docs/variant-table.md"),
        (
            V2_AND_V3 + '[variant.default-priorities]\nnamespace = ["x86_64"]\nfeatures = {}',
            "variant.default-priorities.features is not known",
        ),
        (
            "[variant.variants.a]\nx86_64.level = ['v3']\nnvidia.sm_arch = ['90_real']",
            "[variant.default-priorities] must have namespace, the namespaces with the most "
            "important first, of x86_64, nvidia",
        ),
        (
            "[variant.variants.a]\nacme.engine = ['mk1']",
            "no provider is known for acme: add [variant.providers.acme]",
        ),
        (
            "[variant.providers.acme]\nbuild-requires = ['a']\nrequires = ['a']\n[variant.variants.a]\nacme.engine = ['mk1']",
            "acme.build-requires needs neither requires nor static-properties beside it, not ['a']",
        ),
        ("[variant]", "variant.default-priorities.namespace must not be empty"),
        (V2_AND_V3 + "[variant.providers.acme]\nrequires = ['a']", "differ in acme"),
        ("[variant.variants.V3]\nx86_64.level = ['v3']", "invalid variant label"),
        (
            "[variant.variants.null]\nx86_64.level = ['v3']",
            "is the null variant and must have no properties",
        ),
        (
            V2_AND_V3 + "[tool.pip-variants.variants.v9]",
            "says how to build v9, which is not in [variant.variants]",
        ),
        (
            V2_AND_V3 + "[tool.pip-variants.variants.v3]\nenvironment = {}",
            "pip-variants.variants.v3.environment is not known",
        ),
        (
            V2_AND_V3 + "[tool.pip-variants.variants.v3]\nenv = { A = 1 }",
            "v3.env.A must be a string, not 1",
        ),
        (
            V2_AND_V3 + "[tool.pip-variants.variants.v3]\nadd-dependencies = [1]",
            "must be a list of strings, not [1]",
        ),
        (
            V2_AND_V3 + "[tool.pip-variants.variants.v3]\nadd-dependencies = ['=1']",
            "must begin with a package name, not '=1'",
        ),
        (V2_AND_V3 + "[tool.pip-variants]\nvariant = {}", "tool.pip-variants.variant is not known"),
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
        (
            [str(folder), "--label", "v4"],
            "there is no variant v4 in [variant.variants], only null, v2, v3",
        ),
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
    assert "install the package build: pip install 'pip-variants[build]'" in done.stderr


# What a build prints, and what is shown of it.

FAILING = V2_AND_V3 + '[tool.pip-variants.variants.v2.env]\nFAIL = "1"\n'


def log_in(said: str) -> str:
    file = Path(re.findall(r"the whole log[^:]*: (.+)", said)[0])
    try:
        return file.read_text()
    finally:
        file.unlink()


def test_the_error_is_shown_the_whole_log_kept_and_paths_are_of_the_project(
    project, monkeypatch, capsys
) -> None:
    folder = project(FAILING)
    before, after = (
        "\n".join(f"{text} {i}" for i in range(200)) for text in ("compiling", "cleaning")
    )
    error = (
        "HERE/demo.c: In function 'f':\nHERE/demo.c:3:5: error: 'x' undeclared\n    3 |     x = 1;"
    )
    monkeypatch.setenv("PRINT", f"{before}\n{error}\n" + after[:500])
    assert main(["build", str(folder), "--label", "v2"]) == 1
    said = capsys.readouterr().err
    assert f"{folder}/demo.c:3:5: error: 'x' undeclared\n      3 |     x = 1;" in said
    assert f"{folder}/demo.c: In function 'f':" in said
    assert "compiling 0\n" not in said
    assert said.count("\n") < 25
    assert log_in(said).startswith("compiling 0\n")


def test_errors_that_were_got_over_are_not_the_reason(project, monkeypatch, capsys) -> None:
    probing = "probe.c:1:10: fatal error: maybe.h: No such file\n" + "compiling\n" * 200
    monkeypatch.setenv("PRINT", probing)
    assert main(["build", str(project(FAILING)), "--label", "v2"]) == 1
    said = capsys.readouterr().err
    assert "maybe.h" not in said
    assert "no such header: demo.h" in said
    assert "maybe.h" in log_in(said)


def test_a_backend_that_raises(project, capsys) -> None:
    folder = project(V2_AND_V3)
    backend = folder / "backend.py"
    backend.write_text(
        backend.read_text().replace(
            "def build_wheel(", "def build_wheel(*_):\n    raise RuntimeError('no BLAS')\ndef old("
        )
    )
    assert main(["build", str(folder), "--label", "v2"]) == 1
    said = capsys.readouterr().err
    assert f'File "{folder}/backend.py", line ' in said
    assert "RuntimeError: no BLAS" in said
    assert "pyproject_hooks" not in said
    assert "_in_process.py" in log_in(said)


def test_a_build_requirement_that_cannot_be_had(project, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = project(
        V2_AND_V3 + "[tool.pip-variants.variants.v2]\nbuild-dependencies = ['no-such-tool']\n"
    )
    assert main(["build", str(folder), "--label", "v2"]) == 1
    said = capsys.readouterr().err
    assert "No matching distribution found for no-such-tool" in said
    assert "Traceback" not in said
    log_in(said)


def test_verbose_shows_what_is_printed_while_it_is(project, tmp_path: Path) -> None:
    signal, go_on = tmp_path / "signal", tmp_path / "go on"
    env = {"PRINT": "compiling demo.c", "SIGNAL": str(signal), "WAIT_FOR": str(go_on)}
    folder = project(V2_AND_V3)
    # It prints before it waits.
    backend = folder / "backend.py"
    backend.write_text(
        backend.read_text().replace(
            '    if "SIGNAL"', '    print("before waiting")\n    if "SIGNAL"', 1
        )
    )
    command = [sys.executable, "-m", "pip_variants", "build", "-v", "--label", "v3", str(folder)]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **env},
    ) as running:
        assert running.stderr
        for line in running.stderr:
            if line == "before waiting\n":
                assert signal.parent.is_dir()
                go_on.touch()
                break
        assert "compiling demo.c\n" in running.stderr.read()
    assert running.returncode == 0


def test_a_terminal_is_told_how_far_it_is(project) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pip_variants", "build", str(project(V2_AND_V3))]
    done = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, text=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    flags = "-march=x86-64-v3 -mtune=generic" if shutil.which("cc") else "-C target-cpu=x86-64-v3"
    assert f"building v3: {flags}" in shown
    assert "1 of 3 done: v2" in shown  # null and none are one build
    assert "3 of 3 done: null, none" in shown
    assert len(done.stdout.splitlines()) == 5


def test_json_of_a_build(project, capsys) -> None:
    folder = project(FAILING)
    assert main(["build", str(folder), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    built = wheels(folder / "dist")
    assert said["version"] == "1"
    assert said["source"] == str(folder / "dist" / "demo-1.0.tar.gz")
    assert said["files"] == {label: str(path) for label, path in built.items()}
    assert said["files"].keys() == {"v3", "null", "none"}
    assert said["failed"].keys() == {"v2"}
    assert "no such header: demo.h" in said["failed"]["v2"]
    log_in(said["failed"]["v2"])


# Files that are there already.


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_nothing_is_overwritten_unasked(project, tmp_path: Path, monkeypatch, capsys) -> None:
    folder = project(V2_AND_V3)
    assert main(["build", str(folder)]) == 0
    before = contents(folder / "dist")
    capsys.readouterr()
    monkeypatch.setenv("FAIL", "a wheel was built")
    assert main(["build", str(folder)]) == 1
    there = f"{folder}/dist/demo-1.0.tar.gz"
    complaint = (
        f"{there} exists already: --force replaces it; to add to it: pip-variants build {there}"
    )
    assert capsys.readouterr().err == f"pip-variants: {complaint}\n"
    sdist = folder / "dist" / "demo-1.0.tar.gz"
    assert main(["build", str(sdist), "--label", "v3", "--label", "none"]) == 1
    assert "demo-1.0-py3-none-any-v3.whl exists already" in capsys.readouterr().err
    assert contents(folder / "dist") == before
    monkeypatch.delenv("FAIL")
    (folder / "dist" / "demo-1.0-py3-none-any-v3.whl").write_bytes(b"old")
    assert main(["build", str(folder), "--force"]) == 0
    assert contents(folder / "dist")["demo-1.0-py3-none-any-v3.whl"] != b"old"


def test_other_wheels_are_not_in_the_way(project, tmp_path: Path, monkeypatch) -> None:
    """Of other Pythons, platforms, versions, labels and projects."""
    folder = project(V2_AND_V3)
    dist = folder / "dist"
    dist.mkdir()
    others = [
        "demo-1.0-cp31-cp31-linux_x86_64-v3",
        "demo-1.0-py3-none-win_arm64-v3",
        "demo-1.1-py3-none-any-v3",
        "demo-1.0-py3-none-any-v1",
        "demo_two-1.0-py3-none-any-v3",
    ]
    for name in others:
        (dist / f"{name}.whl").touch()
    assert main(["build", str(folder), "--label", "v3"]) == 0
    # Whose tags are another platform's is told from what is there once it is built.
    monkeypatch.setenv("TAG", "py3-none-win_arm64")
    assert main(["build", str(dist / "demo-1.0.tar.gz"), "--label", "v2"]) == 0
    assert main(["build", str(dist / "demo-1.0.tar.gz"), "--label", "v3"]) == 1
    assert (dist / "demo-1.0-py3-none-win_arm64-v3.whl").read_bytes() == b""


# Repairing.


@pytest.fixture
def repair(tmp_path: Path) -> str:
    """Takes the tag linux_… to manylinux_…, in the name and in WHEEL."""
    script = tmp_path / "repair it.py"
    script.write_text(
        """
import os, sys, zipfile
wheel, folder = sys.argv[1:]
print("repairing", os.path.basename(wheel))
name = os.path.basename(wheel).replace("-linux_", "-manylinux_2_28_")
with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(os.path.join(folder, name), "w") as target:
    for file in source.namelist():
        content = source.read(file)
        target.writestr(file, content.replace(b"-linux_", b"-manylinux_2_28_") if file.endswith("WHEEL") else content)
"""
    )
    return f"true && {sys.executable} '{script}' {{wheel}} {{dest_dir}}"


def test_wheels_are_repaired_before_they_become_variants(
    project, repair, monkeypatch, capsys
) -> None:
    folder = project(V2_AND_V3)
    monkeypatch.setenv("TAG", "py3-none-linux_x86_64")
    assert main(["build", str(folder), "--repair", repair]) == 0, capsys.readouterr().err
    names = sorted(path.name for path in (folder / "dist").glob("*.whl"))
    assert names == [
        f"demo-1.0-py3-none-manylinux_2_28_x86_64{label}.whl"
        for label in ("-null", "-v2", "-v3", "")
    ]
    assert main(["index", str(folder / "dist")]) == 0
    capsys.readouterr()
    main(["verify", str(folder / "dist")])
    assert "tag" not in capsys.readouterr().out


def test_wheels_without_code_need_no_repair(project) -> None:
    folder = project(V2_AND_V3)
    assert (
        main(["build", str(folder), "--label", "v2", "--repair", "false {wheel} {dest_dir}"]) == 0
    )


@pytest.mark.parametrize(
    "command, complaint",
    [
        (
            "echo no such library: libmpi >&2; false {wheel} {dest_dir}",
            "failed:\n  no such library: libmpi",
        ),
        ("true {wheel} {dest_dir}", "true {wheel} {dest_dir} made 0 files instead of one:"),
    ],
)
def test_a_repair_that_fails(project, monkeypatch, capsys, command: str, complaint: str) -> None:
    folder = project(V2_AND_V3)
    monkeypatch.setenv("TAG", "py3-none-linux_x86_64")
    assert main(["build", str(folder), "--label", "v2", "--repair", command]) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert not list((folder / "dist").glob("*.whl"))
    log_in(said)


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
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
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
        (
            GCC_12,
            ["x86_64 :: level :: v4"],
            "-march=x86-64-v4 -mtune=generic",
            "-C target-cpu=x86-64-v4",
        ),
        (
            CLANG_16,
            ["x86_64 :: level :: v3"],
            "-march=x86-64-v3 -mtune=generic",
            "-C target-cpu=x86-64-v3",
        ),
        # An old compiler gets the instruction sets one by one.
        (
            GCC_8,
            ["x86_64 :: level :: v2"],
            "-march=x86-64 -mtune=generic -mcx16",
            "-C target-cpu=x86-64-v2",
        ),
        # The more special of two, and the more general of two values.
        (
            GCC_12,
            ["x86_64 :: level :: v3", "x86_64 :: microarchitecture :: haswell"],
            "-march=haswell -mtune=haswell",
            "-C target-cpu=haswell",
        ),
        (
            GCC_12,
            ["x86_64 :: level :: v3", "x86_64 :: level :: v4"],
            "-march=x86-64-v3 -mtune=generic",
            "-C target-cpu=x86-64-v3",
        ),
        (GCC_12, ["aarch64 :: version :: 8.2a"], "-march=armv8.2-a -mtune=generic", None),
        (GCC_12, ["aarch64 :: microarchitecture :: neoverse_n1"], "-mcpu=neoverse-n1", None),
        (
            GCC_12,
            ["ppc64le :: microarchitecture :: power9le"],
            "-mcpu=power9 -mtune=power9",
            "-C target-cpu=power9",
        ),
        # Nothing to compile for.
        (GCC_12, ["nvidia :: sm_arch :: 90_real"], None, None),
        (GCC_12, ["x86_64 :: avx2 :: on"], None, None),
        ("icc (ICC) 2021.5", ["x86_64 :: level :: v3"], None, "-C target-cpu=x86-64-v3"),
    ],
)
def test_flags(compiler, version, properties, cflags, rustflags) -> None:
    compiler(version)
    found = flags.flags_for(variant(*properties), {})
    assert found.get("RUSTFLAGS") == rustflags
    for name in ("CFLAGS", "CXXFLAGS", "FFLAGS"):
        assert (found.get(name) or "").startswith(cflags or "")
        assert (name in found) is (cflags is not None)


@pytest.mark.parametrize(
    "version, properties, complaint",
    [
        (
            GCC_8,
            ["x86_64 :: microarchitecture :: zen4"],
            "no flags of gcc 8.5 for zen4 are known: ",
        ),
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
        flags.flags_for(variant(*properties), {})


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


# What an afternoon with it showed


def test_a_build_of_which_nothing_came_leaves_nothing(project, capsys) -> None:
    """So that it can be typed again when the error is mended."""
    folder = project(
        V2_AND_V3
        + "".join(f'[tool.pip-variants.variants.{one}.env]\nFAIL = "1"\n' for one in ("v2", "v3"))
    )
    assert main(["build", str(folder), "--label", "v2", "--label", "v3"]) == 1
    assert not (folder / "dist").exists()
    err = capsys.readouterr().err
    assert err.count("no such header: demo.h") == 1  # not once for each label
    assert "pip-variants: v2, v3 not built: " in err or "pip-variants: v3, v2 not built: " in err
    for path in re.findall(r"the whole log[^:]*: (.+)", err):
        Path(path).unlink()
    for path in Path(tempfile.gettempdir()).glob("pip-variants-*.log"):
        if "no such header: demo.h" in path.read_text():
            path.unlink()


def test_wheels_of_an_earlier_build_are_named(project, capsys) -> None:
    folder = project(V2_AND_V3)
    assert main(["build", str(folder)]) == 0
    assert capsys.readouterr().err == ""
    (folder / "pyproject.toml").write_text(
        (folder / "pyproject.toml").read_text().replace("v3", "v4")
    )
    assert main(["build", str(folder), "--force"]) == 0
    err = capsys.readouterr().err
    assert err.startswith(
        f"pip-variants: demo-1.0-py3-none-any-v3.whl in {folder}/dist: of an earlier build"
    )
    assert main(["build", str(folder / "dist/demo-1.0.tar.gz"), "--label", "v4", "--force"]) == 0
    assert capsys.readouterr().err == ""  # who adds to what there is knows


def test_a_variant_for_which_compilers_know_no_flags(project, capsys) -> None:
    folder = project('[variant.variants.v5]\nx86_64.level = ["v5"]\n')
    assert main(["build", str(folder), "--label", "v5"]) == 1
    assert "v5: x86-64-variant-provider knows no x86_64 :: level :: v5" in capsys.readouterr().err
    assert main(["build", str(folder), "--label", "v5", "--unchecked"]) == 0
    assert "v5 is compiled as the plain wheel is: no flags are known" in capsys.readouterr().err


def test_what_is_wrong_with_the_table_is_said_of_the_file_that_has_it(project, capsys) -> None:
    folder = project("[variant.variants.v3]\nx8664.level = ['v3']\n")
    assert main(["build", str(folder)]) == 1
    file = folder / "pyproject.toml"
    assert (
        capsys.readouterr().err
        == f"pip-variants: {file}: no provider is known for x8664: did you mean x86_64?\n"
    )


@pytest.mark.parametrize(
    "command", ["auditwheel repair {wheel}", "auditwheel repair -w {dest} {wheel}", "true"]
)
def test_a_repair_without_its_places(project, capsys, command: str) -> None:
    folder = project(V2_AND_V3)
    assert main(["build", str(folder), "--repair", command]) == 1
    assert (
        capsys.readouterr().err
        == f"pip-variants: --repair must have {{wheel}} and {{dest_dir}}: {command}\n"
    )
    assert not (folder / "dist").exists()
