"""Locks on other machines than they were made on, and for several: they work, or said that they would not."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support.environments import NEWEST_PIP, Environment, clean
from support.forced import NAMESPACES, PROVIDERS, machine
from support.server import Index, Reply
from support.toml import tomllib
from support.wheels import plain_wheel, release, sdist


def gpu(level: int, cuda: int, **more: str) -> dict[str, str]:
    versions = ",".join(str(number) for number in range(cuda, 11, -1))
    return machine(
        level, nvidia_cuda_version_lower_bound=versions, nvidia_sm_arch="90_real,90_virtual", **more
    )


MACHINES = {
    "old": machine(2),
    "new": machine(3),
    "cuda12": gpu(3, 12),
    "cuda13": gpu(3, 13),
    "mpi": machine(2, mpi_abi="mpich"),
    "all": gpu(4, 13, mpi_abi="mpich"),
}
CUDA = "nvidia :: cuda_version_lower_bound ::"
LABELS = {
    "cu13": (f"{CUDA} 13", "nvidia :: sm_arch :: 90_real"),
    "cu12": (f"{CUDA} 12", "nvidia :: sm_arch :: 90_real"),
    "mpi": ("mpi :: abi :: mpich",),
    "v3": ("x86_64 :: level :: v3",),
    None: (),
}
BEST = {
    "old": [""],
    "new": ["v3", ""],
    "cuda12": ["cu12", "v3", ""],
    "cuda13": ["cu13", "cu12", "v3", ""],
    "mpi": ["mpi", ""],
    "all": ["cu13", "cu12", "mpi", "v3", ""],
}
"""The variants that fit each machine, best first; of an empty one, the wheel without variant."""

REQUIRES = [
    f"Requires-Dist: cudart >=13; '{CUDA} 13' in variant_properties",
    f"Requires-Dist: cudart <13; '{CUDA} 12' in variant_properties",
    "Requires-Dist: mpilib[more]; 'mpi' in variant_namespaces",
    "Requires-Dist: slow; variant_label == ''",
    "Requires-Dist: always",
]


@pytest.fixture
def packages(index: Index) -> Index:
    """An application, a library with variants that need different things, and these."""
    more: dict[str, Any] = {"namespaces": NAMESPACES, "providers": PROVIDERS}
    release(index.root / "demo", "1.0", LABELS, metadata=REQUIRES, **more)
    plain_wheel(index.root / "cudart", "cudart", "12.0")
    release(
        index.root / "cudart", "13.0", {"gpu": ("nvidia :: sm_arch :: 90_real",)}, "cudart", **more
    )
    plain_wheel(index.root / "app", "app", metadata=["Requires-Dist: demo"])
    extra = ["Provides-Extra: more", "Requires-Dist: moremore; extra == 'more'"]
    plain_wheel(index.root / "mpilib", "mpilib", metadata=extra)
    for name in ("moremore", "slow", "always"):
        plain_wheel(index.root / name, name)
    return index


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A file of each machine."""
    files, folder = {}, tmp_path_factory.mktemp("targets")
    for name, variables in MACHINES.items():
        files[name] = folder / f"{name}.toml"
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "pip_variants",
            "target",
            "-o",
            files[name],
        ]
        subprocess.run(command, check=True, env=clean(variables))
    return files


def places(index: Index, way: str) -> list[object]:
    """Options that say where packages are."""
    if way == "index":
        return ["--index-url", index.url]
    folders = [part for folder in sorted(index.root.iterdir()) for part in ("--find-links", folder)]
    return ["--no-index", *folders]


def for_each(targets: Mapping[str, Path], *names: str) -> list[object]:
    return [part for name in names for part in ("--variant-target", targets[name])]


def entries(file: Path) -> dict[str, dict[str, Any]]:
    """What a lock has of each package."""
    return {one["name"]: one for one in tomllib.loads(file.read_text())["packages"]}


def labels(entry: Mapping[str, Any]) -> set[str]:
    return {
        wheel["name"].removesuffix(".whl").partition("-any")[2].lstrip("-")
        for wheel in entry["wheels"]
    }


def pairs() -> list[Any]:
    few = {("cuda12", "old"), ("cuda13", "mpi")}
    every = product(MACHINES, MACHINES)
    return [pytest.param(*one, marks=() if one in few else pytest.mark.long) for one in every]


@pytest.mark.parametrize(("here", "there"), pairs())
def test_from_each_machine_to_each(
    env: Environment, packages: Index, tmp_path: Path, here: str, there: str
) -> None:
    """The law: a lock works, or it said that it would not, and the install says what to do."""
    for way, more in (("index", []), ("folder", ["--no-index"])):
        file = tmp_path / f"from {way}" / "pylock.toml"
        file.parent.mkdir()
        said = env.pip("lock", *places(packages, way), "-o", file, "app", env=MACHINES[here]).all
        result = env.pip(
            "install", "--require-hashes", *more, "-r", file, env=MACHINES[there], code=None
        )
        if result.code == 0:
            env.pip("check", env=MACHINES[there])
            locked = labels(entries(file)["demo"])
            better = []
            for label in BEST[there]:
                if label in locked:
                    break
                better.append(label)
            assert env.installed() == ("1.0", BEST[there][len(better)] or None)
            for label in better:
                assert re.search(f"leaves them out: .*{label} needs ", said), said
        elif "Skipping demo" in result.out:
            assert "the wheel without variant needs slow" in said
        else:
            assert "cudart is installed everywhere; of demo only cu13 needs it" in said, said
        assert (
            result.code == 0
            or "the lock has no other and was made for other machines" in result.out
        ), result.all
        env.reset()


def older(*pips: str) -> list[Any]:
    """The newest pip, and others that are tried in the long tests."""
    return [NEWEST_PIP, *(pytest.param(pip, marks=pytest.mark.long) for pip in pips)]


@pytest.mark.parametrize("pip", older("25.1.1", "25.3", "26.1"))
def test_a_lock_for_several_targets(
    make_environment: Callable[..., Environment],
    packages: Index,
    targets: Mapping[str, Path],
    tmp_path: Path,
    pip: str,
) -> None:
    """Each gets its variant, and all of them what one of them needs."""
    env, file = make_environment(pip), tmp_path / "pylock.toml"
    options = [*places(packages, "index"), "-o", file, *for_each(targets, "old", "cuda12", "mpi")]
    result = env.pip("lock", *options, "app", env=MACHINES["all"])
    assert "leaves them out: cu13 needs cudart>=13. " in result.err
    assert "cudart is installed everywhere; of demo only cu12 needs it" in result.out
    found = entries(file)
    assert [*found] == ["always", "app", "cudart", "demo", "moremore", "mpilib", "slow"]
    assert labels(found["demo"]) == {"cu12", "mpi", "v3", ""}
    assert set(found["demo"]["variants-json"]["variants"]) == {"cu12", "cu13", "mpi", "v3"}
    assert "\n# It was made for old.toml, cuda12.toml, mpi.toml.\n" in file.read_text()
    if pip < "26.1":  # pip installs no locks
        return
    for name, expected in (("old", None), ("cuda13", "cu12"), ("mpi", "mpi")):
        env.pip("install", "--no-index", "-r", file, env=MACHINES[name])
        assert env.installed() == ("1.0", expected)
        assert all(env.installed(one) for one in found)
        env.pip("check", env=MACHINES[name])
        env.reset()


def test_what_no_lock_can_hold_for_several(env, packages: Index, targets, tmp_path: Path) -> None:
    """Two versions of a package; a package that has nothing for one of the targets."""
    for names, why in (
        (("cuda12", "cuda13"), "cudart"),
        (("old", "cuda13"), "No matching distribution found for cudart==13.0"),
    ):
        options = [
            *places(packages, "index"),
            "-o",
            tmp_path / "pylock.toml",
            *for_each(targets, *names),
        ]
        result = env.pip("lock", *options, "app", env=MACHINES["all"], code=1)
        error = result.err.splitlines()[-1]
        assert re.match(
            r"ERROR: \S+\.toml cannot get what the lock holds for \S+\.toml: ", error
        ), result.all
        assert error.endswith("Make a lock for each of the targets, or name this one first.")
        assert why in result.err
        assert not (tmp_path / "pylock.toml").exists()


def test_a_variant_that_needs_one_thing_here_and_another_there(
    env, index: Index, tmp_path: Path
) -> None:
    """It has several values of a feature, and markers ask which of them the target supports."""
    label = {"cu": ("nvidia :: sm_arch :: 80_real", "nvidia :: sm_arch :: 90_real")}
    newer = "'nvidia :: sm_arch :: 90_real' {}in variant_properties"
    requires = [
        f"Requires-Dist: fast; {newer.format('')}",
        f"Requires-Dist: slow; {newer.format('not ')}",
    ]
    requires += ["Requires-Dist: never; 'nvidia' not in variant_namespaces"]
    release(
        index.root / "demo",
        "1.0",
        label,
        metadata=requires,
        namespaces=NAMESPACES,
        providers=PROVIDERS,
    )
    for name in ("fast", "slow"):
        plain_wheel(index.root / name, name)
    file, older, newer = tmp_path / "pylock.toml", "cuda12.8-sm80", "cuda12.8-sm90"
    for targets, elsewhere, held in (
        ([newer], "slow", {"fast"}),
        ([older, newer], "", {"fast", "slow"}),
    ):
        options = [part for one in targets for part in ("--variant-target", one)]
        result = env.pip("lock", *places(index, "index"), "-o", file, *options, "demo")
        assert set(entries(file)) == {"demo", *held}
        said = f"WARNING: The lock lacks what some machines need: cu needs {elsewhere} there (demo 1.0). "
        assert (said in result.err) == bool(elsewhere)


@pytest.fixture
def different(index: Index) -> Index:
    """One wheel of a release needs what the others do not, and only its own core metadata says so."""
    more: dict[str, Any] = {"namespaces": NAMESPACES, "providers": PROVIDERS}
    for label in ("cu13", "v3", None):
        release(index.root / "demo", "1.0", {label: LABELS[label]}, index=False, **more)
    requires = ["Requires-Dist: cudart; extra == 'never'", "Requires-Dist: cudart"]
    release(index.root / "demo", "1.0", {"cu12": LABELS["cu12"]}, metadata=requires, **more)
    plain_wheel(index.root / "cudart", "cudart")
    return index


WAYS = ["folder", "index", "index with metadata"]


@pytest.mark.parametrize("way", WAYS)
def test_what_one_wheel_needs_of_a_release(
    env, different: Index, targets, tmp_path: Path, way: str
) -> None:
    """What a wheel needs is what its own core metadata says, not that of the wheel that was chosen."""
    different.metadata = way == "index with metadata"
    file = tmp_path / "pylock.toml"
    options = [*places(different, way.partition(" ")[0]), "-o", file]
    result = env.pip("lock", *options, *for_each(targets, "new"), "demo")
    assert "leaves them out: cu12 needs cudart. " in result.err
    assert labels(entries(file)["demo"]) == {"cu13", "v3", ""}
    if different.metadata:
        assert different.files(".whl.metadata") == [
            f"demo-1.0-py3-none-any-{one}.whl.metadata" for one in ("v3", "cu12")
        ]
        assert set(different.files(".whl")) <= {"demo-1.0-py3-none-any-v3.whl"}  # that pip takes
    different.requests.clear()
    result = env.pip("lock", *options, *for_each(targets, "cuda12", "new"), "demo")
    assert "cudart is installed everywhere; of demo only cu12 needs it" in result.out
    assert labels(entries(file)["demo"]) == {"cu12", "cu13", "v3", ""}
    assert len(different.files("cu13.whl.metadata")) <= 1
    env.pip("install", "--require-hashes", "-r", file, env=MACHINES["cuda12"])
    assert env.installed() == ("1.0", "cu12")
    env.reset()


def test_a_wheel_whose_metadata_cannot_be_read_is_not_locked(
    env, different: Index, targets, tmp_path: Path
) -> None:
    """A server that has lost it, whatever else it has; nothing is asked where no dependency counts."""
    file, gone = tmp_path / "pylock.toml", "demo-1.0-py3-none-any-cu12.whl"
    different.replies[gone] = Reply(b"gone", 404)
    options = [*places(different, "index"), "-o", file, *for_each(targets, "new"), "demo"]
    result = env.pip("lock", *options)
    assert (
        "leaves them out: cu12 needs something unknown (its metadata could not be read). "
        in result.err
    )
    assert labels(entries(file)["demo"]) == {"cu13", "v3", ""}
    different.requests.clear()
    env.pip("lock", "--no-deps", *options)
    assert labels(entries(file)["demo"]) == {"cu12", "cu13", "v3", ""}
    assert gone not in different.files(".whl")


def test_a_metadata_file_that_is_not_what_the_page_promises(
    env, different: Index, targets, tmp_path: Path
) -> None:
    """Then the wheel itself says what it needs."""
    different.metadata = True
    different.replies["demo-1.0-py3-none-any-cu12.whl.metadata"] = Reply(
        b"Metadata-Version: 2.1\nName: demo\n"
    )
    file = tmp_path / "pylock.toml"
    result = env.pip(
        "lock", *places(different, "index"), "-o", file, *for_each(targets, "new"), "demo"
    )
    assert "leaves them out: cu12 needs cudart. " in result.err


@pytest.mark.long
def test_a_source_distribution_for_one_of_several(
    env, index: Index, targets, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"namespaces": NAMESPACES, "providers": PROVIDERS}
    release(index.root / "demo", "1.0", {"cu12": LABELS["cu12"]}, **more)
    sdist(index.root / "demo")
    file = tmp_path / "pylock.toml"
    env.pip(
        "lock", *places(index, "index"), "-o", file, *for_each(targets, "old", "cuda12"), "demo"
    )
    assert "sdist" in entries(file)["demo"]
    for name, expected in (("old", None), ("cuda12", "cu12")):
        env.pip("install", "--no-index", "-r", file, env=MACHINES[name])
        assert env.installed() == ("1.0", expected)
        env.reset()


def test_several_targets_are_for_locks_and_downloads(env, targets) -> None:
    for command in (["install"], ["wheel"], ["index", "versions"], ["list", "--outdated"]):
        result = env.pip(*command, *for_each(targets, "old", "new"), "app", code=2)
        assert "option --variant-target: only pip lock and pip download take several" in result.err


def test_a_target_of_several_that_is_not_there(env, targets, tmp_path: Path) -> None:
    options = ["--variant-target", tmp_path / "no.toml", *for_each(targets, "old")]
    result = env.pip("lock", "-o", tmp_path / "pylock.toml", *options, "app", code=2)
    assert f"no such file: '{tmp_path}/no.toml'" in result.err


@pytest.mark.parametrize("has_metadata", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.parametrize("pip", older("22.3.1", "24.0"))
def test_a_folder_for_several_targets(
    make_environment, packages: Index, targets, tmp_path: Path, pip: str, has_metadata: bool
) -> None:
    """Every wheel that one of them needs, and the metadata as it was read; it serves each, offline."""
    if not has_metadata:
        (packages.root / "demo/demo-1.0-variants.json").unlink()
    env, folder = make_environment(pip), tmp_path / "wheels"
    options = [
        *places(packages, "index"),
        "--dest",
        folder,
        *for_each(targets, "old", "cuda12", "cuda13", "mpi"),
    ]
    env.pip("download", *options, "app", env=MACHINES["all"])
    wheels = {path.name for path in folder.glob("demo*.whl")}
    assert wheels == {
        f"demo-1.0-py3-none-any{label}.whl" for label in ("", "-cu12", "-cu13", "-mpi")
    }
    assert len([*folder.glob("cudart-1*.whl")]) == 2
    document = json.loads((folder / "demo-1.0-variants.json").read_text())
    assert set(document["variants"]) == {"cu12", "cu13", "mpi", "v3"}
    for name in ("old", "cuda12", "cuda13", "mpi"):
        env.pip("install", "--no-index", "--find-links", folder, "app", env=MACHINES[name])
        assert env.installed() == ("1.0", BEST[name][0] or None)
        env.pip("check", env=MACHINES[name])
        env.reset()


def test_a_download_for_one_target_is_as_ever(
    env, packages: Index, targets, tmp_path: Path
) -> None:
    env.pip(
        "download",
        *places(packages, "index"),
        "--dest",
        tmp_path / "wheels",
        *for_each(targets, "old"),
        "app",
    )
    assert [*(tmp_path / "wheels").glob("*.json")] == []


def test_one_target_is_that_of_the_last_word(env, packages: Index, targets, tmp_path: Path) -> None:
    """A variable or pip.conf is no second one."""
    file = tmp_path / "pylock.toml"
    variables = {**MACHINES["all"], "PIP_VARIANT_TARGET": str(targets["mpi"])}
    env.pip(
        "lock",
        *places(packages, "index"),
        "-o",
        file,
        *for_each(targets, "cuda12"),
        "app",
        env=variables,
    )
    assert labels(entries(file)["demo"]) == {"cu12", "v3"}
    assert "# It was made for cuda12.toml.\n" in file.read_text()


# Without variants


def test_a_lock_that_has_variants_only_says_so_without(
    env, stock, packages: Index, tmp_path: Path
) -> None:
    file = tmp_path / "pylock.toml"
    env.pip("lock", *places(packages, "index"), "-o", file, "app", env=MACHINES["cuda12"])
    result = env.pip("install", "-r", file, "--no-variants", code=1)
    expected = f"ERROR: Invalid pylock file '{file}': it has variants only of demo; leave out --no-variants"
    assert result.err.splitlines()[-1] == expected
    for environment, variables in ((stock, {}), (env, {"PIP_NO_VARIANTS": "1"})):
        result = environment.pip("install", "-r", file, env=variables, code=1)
        assert (
            "Invalid wheel filename 'demo-1.0-py3-none-any-cu12.whl' in 'packages[3]" in result.err
        )
    assert 'Without, it says "Invalid wheel filename"' in file.read_text()
