"""64-bit Arm processors; docs/providers/aarch64.md describes the features.

A version is supported if every core is a model known to have it and Linux lets programs use it.
8.5a and later are not: their programs may restrict prediction (FEAT_SPECRES), and neither Linux nor
macOS lets them.

Source: Arm's technical reference manuals of the cores, section Main ID Register; Linux,
Documentation/arch/arm64/elf_hwcaps.rst; Apple, Determining instruction set characteristics; for
what the values mean to published wheels, uv's aarch64-variant-provider 0.2.0.
"""

import re
import sys
from typing import NamedTuple

from pip_variants.contract import Feature
from pip_variants.providers import cpuinfo
from pip_variants.providers._archspec import TARGETS
from pip_variants.providers._archspec import line as line_of
from pip_variants.providers.machine import log, run

SYSCTL = "/usr/sbin/sysctl"
DEADLINE = 3.0  # seconds that sysctl has to answer

# The order is that of the published provider packages, so that wheels sort the same everywhere;
# the extensions that they do not know stand first.
EXTENSIONS = tuple(
    """
    sme2p1 sme2 sme sve2p1 sveb16b16 f8cvt f8fma f8dp4 f8dp2 f8e4m3 f8e5m2 faminmax lut fpmr ls64
    lse128 lrcpc3 mops hbc cssc sveebf16 ebf16 rpres afp wfxt mte3 mte svef64mm svef32mm svesm4
    svesha3 svebitperm svepmull sveaes sm4 sm3 sve2 flagm2 frint sb bti ecv paca pacg ssbs
    asimdfhm bf16 dcpodp dgh dit flagm i8mm ilrcpc jscvt rng sha3 sha512 svebf16 svei8mm uscat
    asimddp lrcpc asimdhp dcpop fcma fphp sve asimdrdm atomics aes asimd cpuid crc32 evtstrm fp
    pmull sha1 sha2
    """.split()
)

# Each version, and what Linux has to list for it beside what the versions before it need.
_VERSIONS = {
    "8a": "",
    "8.1a": "fp asimd crc32 atomics asimdrdm",
    "8.2a": "dcpop",
    "8.3a": "jscvt fcma lrcpc paca pacg",
    "8.4a": "fphp asimdhp asimddp asimdfhm dit uscat ilrcpc flagm",
}
_NEWEST = "8.4a"

_QEMU = ("0x00", "0x051")  # `-cpu max`; other models of QEMU have the identity of a real core

# What archspec has of a model and no compiler makes use of: hints, and what kernels switch off.
_UNUSED = frozenset({"cpuid", "dgh", "ecv", "evtstrm", "ssbs"})

# Implementer, parts, highest of the versions above, archspec's name or that of the one before it.
_MODELS = (
    ("0x41", "0xd08", "8a", "cortex_a72"),
    # Cortex-A55, A65, A75, A76, A77, A76AE, A78, A78AE, A65AE, X1, Neoverse E1, A78C, X1C
    ("0x41", "0xd05 0xd06 0xd0a 0xd0b 0xd0d 0xd0e 0xd41 0xd42 0xd43 0xd44", "8.2a", ""),
    ("0x41", "0xd4a 0xd4b 0xd4c", "8.2a", ""),
    # Cortex-A510, A710, X2, A715, X3, A520, A720, X4, X925, A725, A520AE, A720AE
    ("0x41", "0xd46 0xd47 0xd48 0xd4d 0xd4e 0xd80 0xd81 0xd82", _NEWEST, ""),
    ("0x41", "0xd85 0xd87 0xd88 0xd89", _NEWEST, ""),
    ("0x41", "0xd0c", "8.2a", "neoverse_n1"),
    ("0x41", "0xd40", _NEWEST, "neoverse_v1"),
    ("0x41", "0xd49 0xd8e", _NEWEST, "neoverse_n2"),  # and Neoverse N3
    ("0x6d", "0xd49", _NEWEST, "neoverse_n2"),  # Azure Cobalt 100
    ("0x41", "0xd4f 0xd84", _NEWEST, "neoverse_v2"),  # and Neoverse V3
    ("0x41", "0xd83", _NEWEST, "neoverse_v3ae"),
    ("0x42", "0x516", "8.1a", "thunderx2"),
    ("0x43", "0x0af", "8.1a", "thunderx2"),
    ("0x46", "0x001", "8.2a", "a64fx"),
    ("0x48", "0xd01", "8.2a", ""),  # Kunpeng 920
    ("0x4e", "0x010", _NEWEST, "olympus"),
    ("0x51", "0x001", _NEWEST, ""),  # Snapdragon X
    ("0xc0", "0xac3", _NEWEST, "ampere1"),
    ("0xc0", "0xac4 0xac5", _NEWEST, "ampere1a"),  # and AmpereOne B
    # Macs: efficiency and performance cores of the chip, its Pro, and its Max
    ("0x61", "0x022 0x023 0x024 0x025 0x028 0x029", _NEWEST, "m1"),
    ("0x61", "0x032 0x033 0x034 0x035 0x038 0x039", _NEWEST, "m2"),
    ("0x61", "0x042 0x043 0x044 0x045 0x048 0x049", _NEWEST, "m3"),
    ("0x61", "0x052 0x053 0x054 0x055 0x058 0x059", _NEWEST, "m4"),
    ("0x61", "0x062 0x063 0x064 0x065 0x068 0x069", _NEWEST, "m4"),  # M5
)
_CORES = {
    (implementer, part): ([*_VERSIONS].index(version), name)
    for implementer, parts, version, name in _MODELS
    for part in parts.split()
}

_APPLE = {"M1": "m1", "M2": "m2", "M3": "m3", "M4": "m4", "M5": "m4"}

# What macOS calls otherwise than Linux, in lower case; the rest is FEAT_ and the name in Linux.
_SYSCTL = dict(
    re.findall(
        r"(\w+): ([\w ]+)",
        """
        floatingpoint: fp, advsimd: asimd, armv8_crc32: crc32, fp16: fphp asimdhp, rdm: asimdrdm,
        lse: atomics, lse2: uscat, lrcpc2: ilrcpc, dpb: dcpop, dpb2: dcpodp, dotprod: asimddp,
        fhm: asimdfhm, frintts: frint, sha256: sha2, pauth: paca pacg
        """,
    )
)


class Processor(NamedTuple):
    """What all cores have: values, the best first, and extensions as Linux spells them."""

    versions: tuple[str, ...]
    microarchitectures: tuple[str, ...]
    extensions: frozenset[str]


def from_cpuinfo(text: str) -> Processor:
    """The processor that Linux describes in /proc/cpuinfo."""
    implementers = cpuinfo.values_of("CPU implementer", text)
    cores = set(zip(implementers, cpuinfo.values_of("CPU part", text), strict=False))
    if _QEMU in cores:
        log.warning(cpuinfo.OF_QEMU)
        return Processor(("8a",), (), frozenset())
    flags = [frozenset(line.split()) for line in cpuinfo.values_of("Features", text)]
    extensions = frozenset.intersection(*flags) if flags else frozenset()
    models = [_CORES.get(core, (0, "")) for core in sorted(cores)] or [(0, "")]
    for core in sorted(cores):
        known = "" if core in _CORES else ", not known: counted as 8a"
        log.info("core: CPU implementer %s, CPU part %s%s", *core, known)
    highest = min(version for version, _ in models)
    versions = cpuinfo.ladder(list(_VERSIONS.items())[: highest + 1], extensions)
    first, *others = (line_of(name) for _, name in models)
    line = [name for name in first if all(name in other for other in others)]
    usable = (name for name in line if TARGETS[name].features <= extensions | _UNUSED)
    return Processor(tuple(versions), tuple(usable), extensions)


def from_sysctl(text: str) -> Processor:
    """The processor that macOS describes in `sysctl machdep.cpu.brand_string hw.optional`."""
    lines = [line.partition(": ") for line in text.splitlines()]
    on = (name.rpartition(".")[2].removeprefix("FEAT_") for name, _, value in lines if value == "1")
    extensions = {flag for name in on for flag in _SYSCTL.get(name.lower(), name.lower()).split()}
    (brand,) = cpuinfo.values_of("machdep.cpu.brand_string", text)[:1] or [""]
    chip = re.match(r"Apple (M\d+)\b", brand)
    model = _APPLE.get(chip[1]) if chip else None
    log.info("chip: %s%s", brand or "no answer", "" if model else ", not known: counted as 8a")
    versions = tuple(reversed(_VERSIONS)) if model else ("8a",)
    return Processor(versions, tuple(line_of(model or "")), frozenset(extensions))


def features_of(processor: Processor) -> list[Feature]:
    """What `processor` supports."""
    log.info("version %s", processor.versions[0])
    found = [Feature("version", processor.versions)]
    if processor.microarchitectures:
        names = processor.microarchitectures
        found.append(Feature("microarchitecture", names, multi_value=True))
    return found + cpuinfo.switched_on(EXTENSIONS, processor.extensions)


def get_supported_configs() -> list[Feature]:
    """What the processor of this machine supports; on Windows what every 64-bit Arm does."""
    if not cpuinfo.interpreter_is("aarch64", "arm64", "ARM64"):
        return []
    if sys.platform == "darwin":
        text = run(SYSCTL, "machdep.cpu.brand_string", "hw.optional", deadline=DEADLINE)
        return features_of(from_sysctl(text))
    return features_of(from_cpuinfo(cpuinfo.read()))


def named(name: str) -> list[Feature]:
    """What processors of an architecture version support: `aarch64_8a` to `aarch64_8.4a`."""
    version = name.removeprefix("aarch64_")
    if not name.startswith("aarch64_") or version not in _VERSIONS:
        return []
    return [Feature("version", [*_VERSIONS][[*_VERSIONS].index(version) :: -1])]


def get_all_configs() -> list[Feature]:
    return cpuinfo.everything("aarch64", Feature("version", [*_VERSIONS]), EXTENSIONS)


baseline = cpuinfo.baseline("version", "8a", "aarch64", "arm64")
