"""What the built-in providers call valid: all that they ever answer, and nothing that is not."""

import platform
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from archspec.cpu import TARGETS
from hypothesis import given
from hypothesis import strategies as st

from pip_variants.detection.registry import checked_features
from pip_variants.hooks import Feature, Provider
from pip_variants.model.names import check_namespace
from pip_variants.providers import (
    BUILT_IN,
    _archspec,
    aarch64,
    nvidia,
    provider_of,
    riscv64,
    x86_64,
)

MACHINES = Path(__file__).parent / "machines"
PROVIDERS = {one.namespace: one for one in map(provider_of, BUILT_IN)}
RECORDED = sorted(path.relative_to(MACHINES) for path in MACHINES.glob("*/*.expected"))
CPUS = ("x86_64", "aarch64", "riscv64", "ppc64le", "s390x")
PLATFORMS = (
    *(f"manylinux_2_28_{cpu}" for cpu in CPUS),
    *("win_amd64", "win_arm64", "macosx_11_0_arm64", "macosx_10_9_x86_64"),
)
NAMES = (
    *(f"x86_64_v{level}" for level in range(1, 5)),
    *(f"aarch64_{version}" for version in ("8a", "8.1a", "8.2a", "8.3a", "8.4a")),
    *("cuda11.0", "cuda12.8", "cuda12.8-sm90", "cuda13.0-sm100-sm89", "cuda18.3-sm121"),
)

Properties = set[tuple[str, str]]


def properties(features: Iterable[Feature]) -> Properties:
    return {(name, value) for name, values in checked_features(features) for value in values}


def valid(namespace: str) -> Properties:
    return properties(PROVIDERS[namespace].valid())


def recorded(path: Path) -> Properties:
    """What is detected on this machine, which the tests of its provider assert."""
    lines = [line.partition(":") for line in (MACHINES / path).read_text().splitlines()]
    values = ((name.strip(), rest.strip(" :").split()) for name, _, rest in lines)
    return {(name, value) for name, all_values in values for value in all_values}


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_it_is_said_as_features_are(provider: Provider) -> None:
    check_namespace(provider.namespace)
    assert properties(provider.valid()) == properties(provider.valid()) != set()


@pytest.mark.parametrize("path", RECORDED, ids=str)
def test_what_is_detected_is_valid(path: Path) -> None:
    assert recorded(path) <= valid(path.parent.name)


@pytest.mark.parametrize("namespace", PROVIDERS)
def test_every_provider_has_recorded_machines(namespace: str) -> None:
    assert any(recorded(path) for path in RECORDED if path.parent.name == namespace)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_what_other_machines_have_is_valid(provider: Provider) -> None:
    for one in PLATFORMS:
        assert properties(provider.baseline(one)) <= valid(provider.namespace), one
    for name in NAMES:
        assert properties(provider.named(name)) <= valid(provider.namespace), name


def test_these_other_machines_are_known() -> None:
    assert all(any(any(p.named(name)) for p in PROVIDERS.values()) for name in NAMES)
    known = {p.namespace for p in PROVIDERS.values() if any(any(p.baseline(t)) for t in PLATFORMS)}
    assert known == {*CPUS} - {"s390x"}


# Values that no machine has

CLOSED = (
    ("x86_64", "level"),
    ("aarch64", "version"),
    ("riscv64", "profile"),
    ("ppc64le", "microarchitecture"),
    ("s390x", "microarchitecture"),
    ("tpu", "present"),
    ("mpi", "abi"),
)


@pytest.mark.parametrize(("namespace", "feature"), CLOSED)
def test_each_value_is_that_of_some_machine(namespace: str, feature: str) -> None:
    machines = [recorded(path) for path in RECORDED if path.parent.name == namespace]
    found = {value for machine in machines for name, value in machine if name == feature}
    assert {value for name, value in valid(namespace) if name == feature} == found


@pytest.mark.parametrize(
    ("namespace", "feature", "value"),
    [
        ("x86_64", "level", "v9"),
        ("x86_64", "level", "v0"),
        ("x86_64", "level", "x86_64_v3"),
        ("x86_64", "microarchitecture", "x86_64_v3"),
        ("x86_64", "microarchitecture", "pentium4"),
        ("x86_64", "avx2", "off"),
        ("x86_64", "avx512", "on"),
        ("x86_64", "sve2", "on"),
        ("aarch64", "version", "8.5a"),
        ("aarch64", "version", "armv8.2a"),
        ("aarch64", "microarchitecture", "armv8.2a"),
        ("riscv64", "profile", "rva23"),
        ("riscv64", "microarchitecture", "riscv64"),
        ("ppc64le", "microarchitecture", "power7"),
        ("ppc64le", "microarchitecture", "power9le"),
        ("s390x", "microarchitecture", "zec12"),
        ("nvidia", "cuda_version_lower_bound", "128"),
        ("nvidia", "cuda_version_lower_bound", "12.8.1"),
        ("nvidia", "cuda_version_lower_bound", "10.2"),
        ("nvidia", "cuda_version_upper_bound", "11.0"),
        ("nvidia", "sm_arch", "90"),
        ("nvidia", "sm_arch", "sm_90"),
        ("nvidia", "sm_arch", "91a_real"),
        ("nvidia", "sm_arch", "90f_real"),
        ("nvidia", "sm_arch", "37_real"),
        ("amd", "gfx_arch", "gfx9042"),
        ("amd", "gfx_arch", "mi300x"),
        ("amd", "rocm_version", "6"),
        ("amd", "rocm_version", "6.4.1"),
        ("intel", "device_ip", "bmg"),
        ("intel", "device_ip", "20.1"),
        ("tpu", "present", "v5e"),
        ("mpi", "abi", "intel"),
        ("mpi", "implementation", "openmpi_4.2"),
        ("mpi", "implementation", "open_mpi_5"),
        ("mpi", "standard_lower_bound", "3.2"),
    ],
)
def test_what_does_not_exist_is_not_valid(namespace: str, feature: str, value: str) -> None:
    assert (feature, value) not in valid(namespace)


# Laws


@given(st.sampled_from([*TARGETS.values()]))
def test_every_x86_64_processor_is_valid(target) -> None:
    found = x86_64.features_of(x86_64.Processor(target.vendor, target.features))
    assert properties(found) <= valid("x86_64")


@given(st.sampled_from([*aarch64._CORES]), st.sets(st.sampled_from(aarch64.EXTENSIONS)))
def test_every_arm_core_is_valid(core: tuple[str, str], extensions: set[str]) -> None:
    lines = zip(("CPU implementer", "CPU part"), core, strict=True)
    text = "".join(f"{key}\t: {value}\n" for key, value in lines)
    found = aarch64.from_cpuinfo(f"{text}Features\t: {' '.join(extensions)}\n")
    assert properties(aarch64.features_of(found)) <= valid("aarch64")


def test_every_arm_microarchitecture_can_be_detected() -> None:
    names = {name for _, name in aarch64._CORES.values()} | {*aarch64._APPLE.values()}
    lines = {one for name in names for one in _archspec.line(name)}
    assert {value for name, value in valid("aarch64") if name == "microarchitecture"} == lines


def test_what_archspec_knows_is_what_its_own_code_reads() -> None:
    read = {
        one.name: (one.vendor, one.features, [*one.ancestors]) for one in _archspec.TARGETS.values()
    }
    host = platform.machine()  # which archspec adds where it does not know it
    known = {
        name: (one.vendor, one.features, [above.name for above in one.ancestors])
        for name, one in TARGETS.items()
        if name != host or one.features or host in read
    }
    assert read == known
    for family in {one.family.name for one in TARGETS.values()} & set(read):
        names = [one.name for one in _archspec.of_family(family)]
        assert names == [name for name, one in TARGETS.items() if one.family.name == family]


def test_a_name_that_archspec_has_for_all_riscv64_is_no_microarchitecture() -> None:
    assert [f.name for f in riscv64.features_of("isa: rv64imafdc\nuarch: riscv64\n")] == ["profile"]


CAPABILITIES = (
    *((5, 0), (5, 2), (5, 3), (6, 0), (6, 1), (6, 2), (7, 0), (7, 2), (7, 5), (8, 0), (8, 6)),
    *((8, 7), (8, 8), (8, 9), (9, 0), *product(range(10, 20), range(10))),
)


@given(
    st.tuples(st.integers(11, 18), st.integers(0, 20)),
    st.lists(st.sampled_from(CAPABILITIES), unique=True),
)
def test_every_nvidia_machine_is_valid(cuda, capabilities) -> None:
    found = nvidia.features_of(nvidia.Machine(cuda, tuple(capabilities)))
    assert properties(found) <= valid("nvidia")
