"""The x86_64 provider: recorded machines, every known processor, CPUID, and other architectures."""

import builtins
import importlib
import io
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import archspec.cpu.detect
import pytest
from archspec.cpu import TARGETS
from hypothesis import given
from hypothesis import strategies as st
from support.machines import lines

from pip_variants.hooks import Feature
from pip_variants.providers import x86_64
from pip_variants.providers.x86_64 import (
    INSTRUCTION_SETS,
    LEVELS,
    Processor,
    features_of,
    this_processor,
)
from pip_variants.providers.x86_64 import (
    get_supported_configs as detect,
)

MACHINES = Path(__file__).parent / "machines" / "x86_64"
RECORDED = sorted(path.stem for path in MACHINES.glob("*.cpuinfo"))

# x86-64 psABI, section 3.1.1, table 3.1, in the spelling of Linux: LZCNT is abm, OSXSAVE is xsave.
PSABI = {
    "v2": {"cx16", "lahf_lm", "popcnt", "sse3", "sse4_1", "sse4_2", "ssse3"},
    "v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"},
    "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
BELOW = {"v2": "v1", "v3": "v2", "v4": "v3"}
BASELINE = {"lm", "fpu", "cx8", "cmov", "mmx", "fxsr", "sse", "sse2", "syscall"}
ALL_LEVELS = frozenset(BASELINE.union(*PSABI.values()))

KNOWN = sorted(name for name, target in TARGETS.items() if target.family.name == "x86_64")
VENDORS = ["AuthenticAMD", "GenuineIntel", "HygonGenuine", "CentaurHauls", "generic", ""]
FLAGS = sorted(ALL_LEVELS.union(INSTRUCTION_SETS, *(TARGETS[name].features for name in KNOWN)))
some_flags = st.frozensets(st.sampled_from(FLAGS))
processors = st.builds(  # what a real one has, more or less
    lambda name, vendor, more, less: Processor(vendor, (TARGETS[name].features | more) - less),
    st.sampled_from(KNOWN),
    st.sampled_from(VENDORS),
    some_flags,
    st.frozensets(st.sampled_from(FLAGS), max_size=3),
)


def recorded(name: str) -> str:
    return (MACHINES / f"{name}.cpuinfo").read_text()


def flags_in(cpuinfo: str) -> set[str]:
    match = re.search(r"^flags\s*: (.*)$", cpuinfo, re.MULTILINE)
    assert match
    return set(match[1].split())


def values(features: list[Feature]) -> dict[str, list[str]]:
    return {feature.name: list(feature.values) for feature in features}


def level(processor: Processor) -> str:
    return values(features_of(processor))["level"][0]


def forget() -> None:
    for name in ("host", "_machine", "_darwin_sysctl_data"):  # what archspec caches, by version
        # Not the module above: what asks plugins has archspec loaded anew.
        remembered = getattr(importlib.import_module("archspec.cpu.detect"), name, None)
        getattr(remembered, "cache_clear", lambda: None)()


@pytest.fixture(autouse=True)
def _archspec_remembers_nothing():
    forget()
    yield
    forget()


@pytest.fixture
def be(monkeypatch):
    """Become another machine: an operating system, an architecture and what they read."""

    def become(system: str, machine: str, *, cpuinfo: str | None = None, sysctl=None) -> None:
        real_open = builtins.open

        def fake_open(path, *arguments, **options):
            if path != "/proc/cpuinfo":
                return real_open(path, *arguments, **options)
            if cpuinfo is None:
                raise FileNotFoundError(path)
            return io.StringIO(cpuinfo)

        def fake_run(command, env):
            assert command[0] == "sysctl"
            known = {name: sysctl[name] for name in command if name in sysctl}
            form = "{1}\n" if "-n" in command else "{0}: {1}\n"
            return "".join(form.format(*item) for item in known.items())

        monkeypatch.setattr(builtins, "open", fake_open)
        monkeypatch.setattr(platform, "system", lambda: system)
        name = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}[system]
        monkeypatch.setattr(x86_64, "sys", SimpleNamespace(platform=name))
        monkeypatch.setattr("pip_variants.providers.machine.architecture", lambda: machine)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr("archspec.cpu.detect._check_output", fake_run)

    return become


@pytest.fixture
def cpuid_says_nothing(monkeypatch):
    """The CPUID instruction is that of this machine, not of the recorded one."""
    monkeypatch.setattr(x86_64, "_cpuid", lambda: None)


@pytest.fixture
def cpuid(monkeypatch):
    """Let the CPUID instruction report these features."""

    def report(features: set[str], vendor: str = "GenuineIntel") -> None:
        monkeypatch.setattr(x86_64, "ask_cpuid", lambda: (vendor, set(features)))
        monkeypatch.setattr(
            "archspec.cpu.detect.CpuidInfoCollector",
            lambda: SimpleNamespace(features=set(features), vendor=vendor),
        )

    return report


# Recorded machines


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_machine(name, be, cpuid_says_nothing):
    be("Linux", "x86_64", cpuinfo=recorded(name))
    assert lines(detect()) == (MACHINES / f"{name}.expected").read_text().splitlines()


def test_recorded_machines_cover_every_level():
    firsts = {(MACHINES / f"{name}.expected").read_text().split("\n")[0] for name in RECORDED}
    assert firsts == {"level :: v1", "level :: v2", "level :: v3", "level :: v4"}
    assert len(RECORDED) >= 14


# Every known processor


@pytest.mark.parametrize("name", KNOWN)
def test_known_processor_has_the_level_of_its_generic_ancestor(name):
    target = TARGETS[name]
    version = target.generic.name.removeprefix("x86_64").lstrip("_") or "v1"
    assert level(Processor(target.vendor, frozenset(target.features))) == version


@pytest.mark.parametrize("name", KNOWN)
def test_known_processor_reports_itself_first_and_then_its_ancestors(name):
    target = TARGETS[name]
    features = values(features_of(Processor(target.vendor, frozenset(target.features))))
    line = [one.name for one in (target, *target.ancestors) if one.vendor != "generic"]
    assert features.get("microarchitecture", []) == line


@pytest.mark.parametrize("name", [name for name in KNOWN if TARGETS[name].vendor != "generic"])
def test_processor_of_an_unknown_vendor_has_no_microarchitecture(name):
    features = values(features_of(Processor("HygonGenuine", frozenset(TARGETS[name].features))))
    assert "microarchitecture" not in features


@pytest.mark.parametrize("version", LEVELS)
def test_level_is_what_the_psabi_says(version):
    needed = BASELINE.union(*(PSABI[one] for one in PSABI if one <= version))
    assert level(Processor("HygonGenuine", frozenset(needed))) == version


@pytest.mark.parametrize(
    ("version", "flag"), [(version, flag) for version in PSABI for flag in sorted(PSABI[version])]
)
def test_a_missing_flag_lowers_the_level(version, flag):
    assert level(Processor("GenuineIntel", ALL_LEVELS - {flag})) == BELOW[version]


@given(processors)
def test_v1_is_always_reported_and_levels_have_no_gap(processor):
    first, *_ = features_of(processor)
    assert first.name == "level"
    assert tuple(first.values) == LEVELS[-len(first.values) :]


@given(processors)
def test_features_come_in_the_documented_order(processor):
    names = [feature.name for feature in features_of(processor)]
    sets = [name for name in INSTRUCTION_SETS if name in processor.flags]
    assert names in (["level", *sets], ["level", "microarchitecture", *sets])


@given(processors)
def test_values_are_present_and_distinct(processor):
    for feature in features_of(processor):
        assert 0 < len(feature.values) == len(set(feature.values))


@given(processors)
def test_a_microarchitecture_that_is_reported_is_supported(processor):
    for name in values(features_of(processor)).get("microarchitecture", []):
        assert TARGETS[name].features <= processor.flags
        assert TARGETS[name].vendor == processor.vendor


@given(processors, some_flags)
def test_more_flags_never_lower_the_level(processor, more):
    better = Processor(processor.vendor, processor.flags | more)
    assert LEVELS.index(level(better)) <= LEVELS.index(level(processor))


def test_names_and_values_have_the_alphabet_of_pep_825():
    for name in KNOWN:
        for feature in features_of(Processor(TARGETS[name].vendor, frozenset(FLAGS))):
            assert re.fullmatch(r"[a-z0-9_]+", feature.name)
            assert all(re.fullmatch(r"[a-z0-9_.]+", value) for value in feature.values)


def test_an_instruction_set_is_named_once():
    assert len(set(INSTRUCTION_SETS)) == len(INSTRUCTION_SETS)


def test_an_instruction_set_has_the_value_on():
    features = values(features_of(Processor("", ALL_LEVELS)))
    assert {tuple(features[name]) for name in INSTRUCTION_SETS if name in features} == {("on",)}


# CPUID


@pytest.fixture
def haswell_host(be):
    """A container that sees /proc/cpuinfo of a Haswell machine."""
    be("Linux", "x86_64", cpuinfo=recorded("linux-haswell"))
    return flags_in(recorded("linux-haswell"))


def test_user_mode_emulation_without_avx_is_v2(haswell_host, cpuid):
    cpuid({flag for flag in haswell_host if not flag.startswith("avx")})
    features = values(detect())
    assert features["level"] == ["v2", "v1"]
    assert features["microarchitecture"][0] == "westmere"
    assert not {"avx", "avx2"} & set(features)


def test_cpuid_that_confirms_everything_changes_nothing(haswell_host, cpuid):
    cpuid(haswell_host)
    expected = (MACHINES / "linux-haswell.expected").read_text().splitlines()
    assert lines(detect()) == expected


def test_cpuid_adds_nothing_that_the_kernel_hides(be, cpuid):
    be("Linux", "x86_64", cpuinfo=recorded("linux-avx512-masked"))
    cpuid(flags_in(recorded("linux-skylake_avx512")))
    assert detect()[0].values[0] == "v3"


def test_cpuid_that_cannot_be_read_changes_nothing(haswell_host, monkeypatch):
    def forbidden():
        raise OSError("mmap: permission denied")

    monkeypatch.setattr(x86_64, "ask_cpuid", forbidden)
    expected = (MACHINES / "linux-haswell.expected").read_text().splitlines()
    assert lines(detect()) == expected


def test_a_python_without_ctypes_takes_what_the_system_lists(monkeypatch):
    code = "import sys; sys.modules['_ctypes'] = None; from pip_variants.providers import x86_64; "
    code += "print(x86_64.get_supported_configs())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    monkeypatch.setattr(x86_64, "_cpuid", lambda: None)
    assert (done.stdout.strip(), done.stderr) == (str(detect()), "")


def test_flags_that_cpuid_spells_differently_or_lacks_are_kept(be, cpuid):
    be("Linux", "x86_64", cpuinfo=recorded("linux-zen4"))
    cpuid(flags_in(recorded("linux-zen4")) - {"clzero", "flush_l1d", "sse3"}, "AuthenticAMD")
    features = values(detect())
    assert {"sse3", "clzero", "flush_l1d"} <= set(features)
    assert features["microarchitecture"][0] == "zen4"


def test_sse3_is_what_cpuid_and_linux_call_pni(be, cpuid):
    be("Linux", "x86_64", cpuinfo=recorded("linux-core2"))
    cpuid(flags_in(recorded("linux-core2")) - {"pni"})
    features = values(detect())
    assert "sse3" not in features
    assert "ssse3" in features


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="no x86-64 processor")
def test_cpuid_is_asked_as_archspec_asks_it():
    collector = archspec.cpu.detect.CpuidInfoCollector()
    assert x86_64.ask_cpuid() == (collector.vendor, collector.features)


def test_the_real_cpuid_confirms_what_linux_says_of_this_machine(monkeypatch):
    read = this_processor()
    monkeypatch.setattr(x86_64, "_cpuid", lambda: None)
    unchecked = this_processor()
    assert read == unchecked
    assert (read is None) == (platform.machine() not in ("x86_64", "AMD64"))


def test_this_machine_agrees_with_archspec():
    processor = this_processor()
    host = archspec.cpu.host()
    assert (processor is None) == (host.family.name != "x86_64")
    if processor is not None:
        features = values(features_of(processor))
        best = features.get("microarchitecture", ["x86_64_" + features["level"][0]])[0]
        assert best.removesuffix("_v1") == host.name


# Other machines


ARM_CPUINFO = """\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""

# What `sysctl machdep.cpu` says on a MacBook Pro of 2018.
INTEL_MAC = {
    "machdep.cpu.brand_string": "Intel(R) Core(TM) i9-8950HK CPU @ 2.90GHz",
    "machdep.cpu.vendor": "GenuineIntel",
    "machdep.cpu.features": "FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT "
    "PSE36 CLFSH DS ACPI MMX FXSR SSE SSE2 SS HTT TM PBE SSE3 PCLMULQDQ DTES64 MON DSCPL VMX EST "
    "TM2 SSSE3 FMA CX16 TPR PDCM SSE4.1 SSE4.2 x2APIC MOVBE POPCNT AES PCID XSAVE OSXSAVE "
    "SEGLIM64 TSCTMR AVX1.0 RDRAND F16C",
    "machdep.cpu.leaf7_features": "SMEP ERMS RDWRFSGS TSC_THREAD_OFFSET BMI1 HLE AVX2 BMI2 "
    "INVPCID RTM SMAP RDSEED ADX IPT SGX FPU_CSDS MPX CLFSOPT",
    "machdep.cpu.extfeatures": "SYSCALL XD 1GBPAGE EM64T LAHF LZCNT PREFETCHW RDTSCP TSCI",
}


@pytest.mark.parametrize("machine", ["aarch64", "armv7l", "riscv64", "ppc64le", "s390x", "i686"])
def test_other_architecture_has_nothing(machine, be):
    be("Linux", machine, cpuinfo=ARM_CPUINFO)
    assert list(detect()) == []


@pytest.mark.parametrize("machine", ["aarch64", "i686"])
def test_other_architecture_on_an_x86_64_host_has_nothing(machine, be):
    be("Linux", machine, cpuinfo=recorded("linux-haswell"))
    assert list(detect()) == []


# What an x86-64 program can see that is not about the processor it runs on: an Arm host's
# /proc/cpuinfo (Docker Desktop), none at all (a chroot without /proc), another vendor's.
FOREIGN = {
    "Arm": ARM_CPUINFO,
    "Rosetta": "processor\t: 0\nvendor_id\t: VirtualApple\ncpu family\t: 6\n",
    "empty": "",
    "words": "no processor\n\n",
    "another vendor's": recorded("linux-zen3"),
}


@pytest.mark.filterwarnings("ignore")  # archspec warns; the detection process does not care
@pytest.mark.parametrize("cpuinfo", [*FOREIGN.values(), None], ids=[*FOREIGN, "none"])
def test_cpuid_decides_where_the_system_shows_another_processor(cpuinfo, be, cpuid):
    be("Linux", "x86_64", cpuinfo=cpuinfo)
    cpuid(flags_in(recorded("linux-nehalem")))
    features = values(detect())
    assert features["level"] == ["v2", "v1"]
    assert features["microarchitecture"] == ["nehalem", "core2", "nocona"]


@pytest.mark.parametrize(
    "brand", ["Apple M1", "Apple M4 Pro", "Apple processor", "VirtualApple @ 2.50GHz processor"]
)
def test_cpuid_decides_under_rosetta(brand, be, cpuid):
    be("Darwin", "x86_64", sysctl={"machdep.cpu.brand_string": brand})
    cpuid(flags_in(recorded("linux-westmere")))
    assert values(detect())["level"] == ["v2", "v1"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cpuinfo", [*list(FOREIGN.values())[:-1], None])
def test_a_processor_that_nothing_tells_of_is_the_least_level(cpuinfo, be, cpuid_says_nothing):
    be("Linux", "x86_64", cpuinfo=cpuinfo)
    assert lines(detect()) == ["level :: v1"]


def test_apple_silicon_has_nothing(be):
    be("Darwin", "arm64", sysctl={"machdep.cpu.brand_string": "Apple M1"})
    assert list(detect()) == []


def test_intel_mac_has_a_level(be, cpuid_says_nothing):
    be("Darwin", "x86_64", sysctl=INTEL_MAC)
    features = values(detect())
    assert features["level"] == ["v3", "v2", "v1"]
    assert features["microarchitecture"][0] == "skylake"


def test_windows_has_the_level_that_cpuid_says(be, cpuid):
    be("Windows", "AMD64")
    cpuid(flags_in(recorded("linux-skylake_avx512")))
    features = values(detect())
    assert features["level"][0] == "v4"
    assert features["microarchitecture"][0] == "skylake_avx512"


def test_windows_on_arm_has_nothing(be):
    be("Windows", "ARM64")
    assert list(detect()) == []


def test_32_bit_python_has_nothing(be, monkeypatch):
    be("Linux", "x86_64", cpuinfo=recorded("linux-haswell"))
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    assert list(detect()) == []


# Models of QEMU: another program's idea of the processor, and glibc's of its level

QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
MODELS = "qemu64 core2duo Nehalem Westmere SandyBridge Haswell EPYC Opteron_G3 max".split()
LEVEL_OF_GLIBC = re.compile(r"x86-64-(v\d) \(supported, searched\)")


@pytest.mark.parametrize("model", MODELS)
def test_levels_under_qemu_are_those_of_glibc(model):
    if not QEMU:
        pytest.skip("qemu-x86_64 (Debian: qemu-user) is not installed")
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    if not loader.exists() or "glibc-hwcaps" not in run(QEMU, "-cpu", model, loader, "--help"):
        pytest.skip("glibc 2.33, whose loader tells the level, is not installed")
    levels = LEVEL_OF_GLIBC.findall(run(QEMU, "-cpu", model, loader, "--help"))
    code = "from pip_variants.providers import x86_64; print(*x86_64.get_supported_configs()[0].values)"
    found = run(QEMU, "-cpu", model, sys.executable, "-c", code).split()
    assert found == [*levels, "v1"]


def run(*command) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
