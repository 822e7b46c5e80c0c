"""Locks on other machines than they were made on, and for several: they work, or said that they would not."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import product, takewhile
from pathlib import Path
from typing import Any

import pytest
from support.environments import NEWEST_PIP, Environment, clean
from support.server import Index
from support.wheels import plain_wheel, release
from test_stories import NAMESPACES, PROVIDERS, machine

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib


def gpu(level: int, cuda: int, **more: str) -> dict[str, str]:
    versions = ",".join(str(number) for number in range(cuda, 11, -1))
    return machine(level, nvidia_cuda_version_lower_bound=versions, nvidia_sm_arch="90_real,90_virtual", **more)


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
    more = {"namespaces": NAMESPACES, "providers": PROVIDERS}
    release(index.root / "demo", "1.0", LABELS, metadata=REQUIRES, **more)
    plain_wheel(index.root / "cudart", "cudart", "12.0")
    release(index.root / "cudart", "13.0", {"gpu": ("nvidia :: sm_arch :: 90_real",)}, "cudart", **more)
    plain_wheel(index.root / "app", "app", metadata=["Requires-Dist: demo"])
    extra = ["Provides-Extra: more", "Requires-Dist: moremore; extra == 'more'"]
    plain_wheel(index.root / "mpilib", "mpilib", metadata=extra)
    for name in ("moremore", "slow", "always"):
        plain_wheel(index.root / name, name)
    return index


@pytest.fixture
def targets(tmp_path: Path) -> Mapping[str, Path]:
    """A file of each machine."""
    files = {}
    for name, variables in MACHINES.items():
        files[name] = tmp_path / f"{name}.toml"
        command = [sys.executable, "-m", "pip_variants", "target", "-o", files[name]]
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
    return {wheel["name"].removesuffix(".whl").partition("-any")[2].lstrip("-") for wheel in entry["wheels"]}


def pairs() -> list[Any]:
    few = {("cuda12", "old"), ("old", "cuda13"), ("cuda13", "mpi")}
    every = product(MACHINES, MACHINES)
    return [pytest.param(*one, marks=() if one in few else pytest.mark.long) for one in every]


@pytest.mark.parametrize(("here", "there"), pairs())
def test_from_each_machine_to_each(env: Environment, packages: Index, tmp_path: Path, here: str, there: str) -> None:
    """The law: a lock works, or it said that it would not, and the install says what to do."""
    for way, more in (("index", []), ("folder", ["--no-index"])):
        file = tmp_path / f"from {way}" / "pylock.toml"
        file.parent.mkdir()
        said = env.pip("lock", *places(packages, way), "-o", file, "app", env=MACHINES[here]).all
        result = env.pip("install", "--require-hashes", *more, "-r", file, env=MACHINES[there], code=None)
        if result.code == 0:
            env.pip("check", env=MACHINES[there])
            locked = labels(entries(file)["demo"])
            better = list(takewhile(lambda label: label not in locked, BEST[there]))
            assert env.installed() == ("1.0", BEST[there][len(better)] or None)
            for label in better:
                assert re.search(f"leaves them out: .*{label} needs ", said), said
        elif "Skipping demo" in result.out:
            assert "the wheel without variant needs slow" in said
        else:
            assert "cudart is installed everywhere, of demo only cu13 needs it" in said, said
        assert result.code == 0 or "the lock has no other and was made for other machines" in result.out, result.all
        env.reset()


@pytest.mark.parametrize("pip", ["25.1.1", "25.3", "26.1", NEWEST_PIP])
def test_a_lock_for_several_targets(
    make_environment: Callable[..., Environment], packages: Index, targets: Mapping[str, Path], tmp_path: Path, pip: str
) -> None:
    """Each gets its variant, and all of them what one of them needs."""
    env, file = make_environment(pip), tmp_path / "pylock.toml"
    options = [*places(packages, "index"), "-o", file, *for_each(targets, "old", "cuda12", "mpi")]
    result = env.pip("lock", *options, "app", env=MACHINES["all"])
    assert "leaves them out: cu13 needs cudart>=13. " in result.err
    assert "cudart is installed everywhere, of demo only cu12 needs it" in result.out
    found = entries(file)
    assert [*found] == ["always", "app", "cudart", "demo", "moremore", "mpilib", "slow"]
    assert labels(found["demo"]) == {"cu12", "mpi", "v3", ""}
    assert set(found["demo"]["variants-json"]["variants"]) == {"cu12", "cu13", "mpi", "v3"}
    assert "\n# It was made for old.toml, cuda12.toml, mpi.toml.\n" in file.read_text()
    if pip < "26.1":  # pip installs no locks
        return
    for name, expected in (("old", None), ("cuda12", "cu12"), ("mpi", "mpi"), ("new", "v3"), ("cuda13", "cu12")):
        env.pip("install", "--no-index", "-r", file, env=MACHINES[name])
        assert env.installed() == ("1.0", expected)
        assert all(env.installed(one) for one in found)
        env.pip("check", env=MACHINES[name])
        env.reset()
