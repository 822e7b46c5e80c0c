"""The aarch64 provider: recorded machines, every core that archspec knows, and other machines."""

import re
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from archspec.cpu import TARGETS
from archspec.cpu.schema import TARGETS_JSON
from hypothesis import given
from hypothesis import strategies as st
from support.machines import lines

from pip_variants.providers import aarch64, cpuinfo
from pip_variants.providers.aarch64 import (
    EXTENSIONS,
    baseline,
    features_of,
    from_cpuinfo,
    from_sysctl,
)
from pip_variants.providers.aarch64 import (
    get_supported_configs as detect,
)

MACHINES = Path(__file__).parent / "machines" / "aarch64"
LINUX = sorted(path.stem for path in MACHINES.glob("*.cpuinfo"))
MACOS = sorted(path.stem for path in MACHINES.glob("*.sysctl"))
VERSIONS = ["8.4a", "8.3a", "8.2a", "8.1a", "8a"]

# What compilers' -march=armv8.N-a takes for granted, of what Linux lists; elf_hwcaps.rst.
NEEDED = {
    "8.1a": {"fp", "asimd", "crc32", "atomics", "asimdrdm"},
    "8.2a": {"dcpop"},
    "8.3a": {"jscvt", "fcma", "lrcpc", "paca", "pacg"},
    "8.4a": {"fphp", "asimdhp", "asimddp", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm"},
}
BELOW = dict(pairwise(VERSIONS))

N1, V1, V2 = ("0x41", "0xd0c"), ("0x41", "0xd40"), ("0x41", "0xd4f")
cores = st.sampled_from([("0x41", "0xd08"), N1, V1, V2, ("0x46", "0x001"), ("0x99", "0x999")])
flags = st.frozensets(st.sampled_from(EXTENSIONS)).map(
    lambda missing: frozenset(EXTENSIONS) - missing
)


def linux(models: list[tuple[str, str]], extensions: frozenset[str] = frozenset(EXTENSIONS)) -> str:
    return "\n".join(
        f"processor\t: {number}\n"
        f"Features\t: {' '.join(sorted(extensions))}\n"
        f"CPU implementer\t: {implementer}\n"
        f"CPU architecture: 8\n"
        f"CPU part\t: {part}\n"
        for number, (implementer, part) in enumerate(models)
    )


def values(text: str) -> dict[str, list[str]]:
    return {feature.name: list(feature.values) for feature in features_of(from_cpuinfo(text))}


def expected(name: str) -> list[str]:
    return (MACHINES / f"{name}.expected").read_text().splitlines()


@pytest.fixture
def be(monkeypatch, tmp_path):
    """Become another machine: its system and architecture and what the provider reads."""

    def become(system: str, machine: str, *, text: str | None = None, sysctl: str = "") -> None:
        name = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}[system]
        monkeypatch.setattr(aarch64, "sys", SimpleNamespace(platform=name))
        monkeypatch.setattr("pip_variants.providers.machine.architecture", lambda: machine)
        monkeypatch.setattr(cpuinfo, "PATH", str(tmp_path / "cpuinfo"))
        monkeypatch.setattr(aarch64, "SYSCTL", str(tmp_path / "sysctl"))
        if text is not None:
            (tmp_path / "cpuinfo").write_text(text)
        if sysctl:
            (tmp_path / "sysctl").write_text(f"#!/bin/sh\n{sysctl}\n")
            (tmp_path / "sysctl").chmod(0o755)

    return become


# Recorded machines


@pytest.mark.parametrize("name", LINUX)
def test_recorded_linux_machine(name, be):
    be("Linux", "aarch64", text=(MACHINES / f"{name}.cpuinfo").read_text())
    assert lines(detect()) == expected(name)


@pytest.mark.parametrize("name", MACOS)
def test_recorded_macos_machine(name, be):
    be("Darwin", "arm64", sysctl=f"cat '{MACHINES / name}.sysctl'")
    assert lines(detect()) == expected(name)


def test_recorded_machines_cover_every_kind():
    firsts = {expected(name)[0] for name in LINUX}
    assert firsts == {"version :: 8a", "version :: 8.1a", "version :: 8.2a", "version :: 8.4a"}
    assert len(LINUX) + len(MACOS) >= 20


# Versions


@pytest.mark.parametrize(("version", "flag"), [(v, f) for v in NEEDED for f in sorted(NEEDED[v])])
def test_a_version_needs_every_flag_of_it(version, flag):
    found = values(linux([V2], frozenset(EXTENSIONS) - {flag}))
    assert found["version"][0] == BELOW[version]


@pytest.mark.parametrize("version", NEEDED)
def test_a_version_needs_nothing_else(version):
    needed = frozenset().union(*(NEEDED[one] for one in NEEDED if one <= version))
    assert values(linux([V2], needed))["version"][0] == version


def test_no_version_is_above_what_programs_may_use():
    assert values(linux([V2]))["version"] == VERSIONS


def test_a_model_that_is_not_known_is_8a_whatever_linux_lists():
    assert values(linux([("0x99", "0xd4f")]))["version"] == ["8a"]


@given(st.lists(cores, min_size=1), flags)
def test_versions_have_no_gap_and_the_order_is_the_documented_one(models, extensions):
    features = features_of(from_cpuinfo(linux(models, extensions)))
    names = [feature.name for feature in features]
    found = [name for name in EXTENSIONS if name in extensions]
    assert list(features[0].values) == VERSIONS[-len(features[0].values) :]
    assert names in (["version", *found], ["version", "microarchitecture", *found])


@given(st.lists(cores, min_size=1), flags, cores, flags)
def test_another_core_adds_nothing(models, extensions, core, others):
    one = set(lines(features_of(from_cpuinfo(linux(models, extensions)))))
    text = linux(models, extensions) + "\n" + linux([core], others)
    assert set(lines(features_of(from_cpuinfo(text)))) <= one


@given(st.lists(cores, min_size=1), flags, flags)
def test_more_flags_take_nothing_away(models, extensions, more):
    one = set(lines(features_of(from_cpuinfo(linux(models, extensions)))))
    assert one <= set(lines(features_of(from_cpuinfo(linux(models, extensions | more)))))


def test_the_log_says_what_was_seen_and_what_was_missing(caplog):
    caplog.set_level("INFO")
    features_of(from_cpuinfo(linux([V2, ("0x99", "0x123")], frozenset(EXTENSIONS) - {"dit"})))
    assert "CPU implementer 0x99, CPU part 0x123, not known: counted as 8a" in caplog.text
    caplog.clear()
    features_of(from_cpuinfo(linux([V2], frozenset(EXTENSIONS) - {"dit"})))
    assert "not 8.4a: Linux does not list dit" in caplog.text


# What archspec knows

IMPLEMENTERS = {vendor: code for code, vendor in TARGETS_JSON["conversions"]["arm_vendors"].items()}
KNOWN = [
    name
    for name, target in TARGETS.items()
    if target.family.name == "aarch64" and target.cpu_part.startswith("0x")
]


@pytest.mark.parametrize("name", KNOWN)
def test_core_of_archspec(name):
    target = TARGETS[name]
    # archspec's version, or what all above it are counted as
    version = target.generic.name.removeprefix("armv").replace("aarch64", "8a")
    version = version if version in VERSIONS else "8.4a"
    needed = frozenset().union(*(NEEDED[one] for one in NEEDED if one <= version))
    text = linux([(IMPLEMENTERS[target.vendor], target.cpu_part)], target.features | needed)
    found = values(text)
    assert found["version"][0] == version
    line = [one.name for one in (target, *target.ancestors) if one.vendor != "generic"]
    assert found["microarchitecture"] == line


@pytest.mark.parametrize("name", KNOWN)
def test_what_no_program_uses_makes_no_other_core_of_it(name):
    """evtstrm is a setting of the kernel's timer, dgh a hint: hypervisors and kernels hide both."""
    target = TARGETS[name]
    core = (IMPLEMENTERS[target.vendor], target.cpu_part)
    hidden = {"cpuid", "dgh", "ecv", "evtstrm", "ssbs"}
    found = values(linux([core], target.features - hidden))
    assert found["microarchitecture"] == values(linux([core], target.features))["microarchitecture"]


@pytest.mark.parametrize("others", [[], [N1], [V2, V1]])
def test_what_only_qemu_has_does_not_count_and_it_is_said(others, caplog):
    assert lines(features_of(from_cpuinfo(linux([*others, ("0x00", "0x051")])))) == [
        "version :: 8a"
    ]
    warning = caplog.messages[0]
    assert "QEMU" in warning
    assert "--variant-target" in warning


def test_core_of_archspec_without_its_features_is_one_of_its_ancestors():
    text = linux([V2], frozenset(TARGETS["neoverse_v2"].features) - {"sve2"})
    assert values(text)["microarchitecture"] == ["neoverse_n1", "cortex_a72"]


def test_archspec_names_no_extension_that_is_not_reported():
    known = (t for t in TARGETS.values() if t.family.name == "aarch64")
    assert frozenset().union(*(target.features for target in known)) <= frozenset(EXTENSIONS)


def test_names_and_values_have_the_alphabet_of_pep_825():
    assert len(set(EXTENSIONS)) == len(EXTENSIONS)
    for name in KNOWN:
        core = (IMPLEMENTERS[TARGETS[name].vendor], TARGETS[name].cpu_part)
        for feature, found in values(linux([core])).items():
            assert re.fullmatch(r"[a-z0-9_]+", feature)
            assert all(re.fullmatch(r"[a-z0-9_.]+", value) for value in found)


# Other machines, and what cannot be read


@given(st.text() | st.text(st.sampled_from("CPUpart implementerFeatures :\n0x41d")))
def test_nothing_that_is_read_makes_it_fail(text):
    for processor in (from_cpuinfo(text), from_sysctl(text)):
        assert features_of(processor)[0].values[-1] == "8a"


@pytest.mark.parametrize("brand", ["Apple M6", "Apple M10", "Apple processor", "Apple A12Z", ""])
def test_apple_chip_that_is_not_known_is_8a(brand):
    found = features_of(from_sysctl(f"machdep.cpu.brand_string: {brand}\n"))
    assert lines(found) == ["version :: 8a"]


@pytest.mark.parametrize("machine", ["x86_64", "armv7l", "armv8l", "riscv64", "ppc64le", "s390x"])
def test_other_architecture_has_nothing(machine, be):
    be("Linux", machine, text=linux([N1]))
    assert list(detect()) == []


def test_32_bit_python_on_a_64_bit_kernel_has_nothing(be, monkeypatch):
    be("Linux", "aarch64", text=linux([N1]))
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    assert list(detect()) == []


def test_rosetta_has_nothing(be):
    be("Darwin", "x86_64", sysctl="echo 'machdep.cpu.brand_string: Apple M1'")
    assert list(detect()) == []


def test_windows_is_8a(be):
    be("Windows", "ARM64")
    assert lines(detect()) == ["version :: 8a"]


def test_cpuinfo_that_is_not_there_is_8a(be):
    be("Linux", "aarch64")
    assert lines(detect()) == ["version :: 8a"]


@pytest.mark.parametrize("sysctl", ["", "exit 1", "exec sleep 60", "printf '\\377\\n: 1\\n'"])
def test_sysctl_that_does_not_answer_is_8a(sysctl, be, monkeypatch):
    be("Darwin", "arm64", sysctl=sysctl)
    monkeypatch.setattr(aarch64, "DEADLINE", 0.5)
    assert lines(detect()) == ["version :: 8a"]


@pytest.mark.parametrize("platform", ["manylinux_2_28_aarch64", "macosx_14_0_arm64", "win_arm64"])
def test_baseline(platform):
    assert lines(baseline(platform)) == ["version :: 8a"]
    assert list(baseline("manylinux_2_28_x86_64")) == []
