"""64-bit RISC-V processors; docs/providers/riscv64.md describes the features.

A profile is supported if Linux lists, for every hart, its mandatory extensions but these: hints,
which other processors skip; Zicsr, Zicntr and Zihpm, which were part of I once; and promises about
memory (Ziccif, Za64rs, Zic64b, …), which Linux mostly does not list and compilers do not use.

Source: RISC-V Profiles, RVA20U64 and RVA22U64; RVA23 Profiles, RVA23U64; Linux,
Documentation/arch/riscv/uabi.rst and arch/riscv/kernel/cpufeature.c.
"""

import re

from pip_variants.contract import Feature
from pip_variants.providers import cpuinfo
from pip_variants.providers._archspec import TARGETS, line
from pip_variants.providers.machine import log

EXTENSIONS = tuple(
    """
    zvfbfwma zvfbfmin zvfh zvfhmin zvkned zvknhb zvknha zvksed zvksh zvkg zvbc zvbb zvkb zvkt v
    zve64d zve64f zve64x zve32f zve32x zfbfmin zfh zfhmin zfa zacas zabha zawrs ztso zicond zcb
    zcmop zimop supm zba zbb zbs zbc zbkb zbkc zbkx zknd zkne zknh zksed zksh zkt zicbom zicbop
    zicboz zihintntl zihintpause
    """.split()
)

# What each profile needs beside the one before; all distributions need the first.
_PROFILES = {
    "rva20u64": "",
    "rva22u64": "i m a f d c zba zbb zbs zicbom zicboz zfhmin zkt",
    "rva23u64": "v zvfhmin zvbb zvkt zicond zimop zcmop zcb zfa zawrs supm",
}

# Older kernels list the name that the device tree has and not what it stands for.
_STANDS_FOR = {
    "b": "zba zbb zbs",
    "v": "zve64d zve64f zve64x zve32f zve32x",
    "zfh": "zfhmin",
    "zvfh": "zvfhmin",
    "zvbb": "zvkb",
}


def extensions_of(isa: str) -> frozenset[str]:
    """The extensions in a line such as rv64imafdc_zba_zbb, in lower case, without versions."""
    # Single letters stand first, in old device trees with "su", the modes of the processor, behind.
    match = re.match(r"rv64((?:[a-rt-wy](?:\d+p\d+)?)*)(.*)", isa.lower())
    letters, others = match.groups() if match else ("", "")
    names = set(re.findall(r"([a-z])(?:\d+p\d+)?", letters))
    names |= {re.sub(r"\d+p\d+$", "", name) for name in others.split("_") if name}
    return frozenset(names).union(*(_STANDS_FOR.get(name, "").split() for name in names))


def features_of(text: str) -> list[Feature]:
    """What every hart of this /proc/cpuinfo supports."""
    lines = set(cpuinfo.values_of("isa", text))
    log.info("isa: %s", ", ".join(sorted(lines)) or "no such line")
    found = frozenset.intersection(*(extensions_of(line) for line in lines or ("",)))
    is_qemu = "qemu" in cpuinfo.values_of("uarch", text)
    # QEMU's own processors (`max`, `rv64`) have svadu, which no model that it shows has.
    if is_qemu and "svadu" in found:
        log.warning(cpuinfo.OF_QEMU)
        found = frozenset()
    # T-Head's version 0.7.1 of `v` is another one, which Linux tells by the identity of the core
    # (cpufeature.c). Kernels that know the ratified version, 6.5 and newer, show that; QEMU, which
    # has no other version, does not.
    vendors, archs = cpuinfo.values_of("mvendorid", text), cpuinfo.values_of("marchid", text)
    is_ratified = is_qemu or (vendors and ("0x5b7", "0x0") not in zip(vendors, archs, strict=False))
    if "v" in found and not is_ratified:
        log.info("v is not version 1.0 of the vector extension, as far as Linux tells: ignored")
        found = frozenset(name for name in found if not name.startswith(("v", "zv")))
    features = [Feature("profile", cpuinfo.ladder(_PROFILES.items(), found))]
    if name := _microarchitecture(text):
        features.append(Feature("microarchitecture", [name]))
    return features + cpuinfo.switched_on(EXTENSIONS, found)


def get_supported_configs() -> list[Feature]:
    return features_of(cpuinfo.read()) if cpuinfo.interpreter_is("riscv64") else []


def get_all_configs() -> list[Feature]:
    return cpuinfo.everything("riscv64", Feature("profile", [*_PROFILES]), EXTENSIONS)


baseline = cpuinfo.baseline("profile", "rva20u64", "riscv64")


def _microarchitecture(text: str) -> str:
    """Name of the cores in archspec, such as u74mc for sifive,u74-mc; empty if it has none."""
    lines = cpuinfo.values_of("uarch", text) or cpuinfo.values_of("model name", text)
    names = {re.split("[ ,]", line.lower())[-1].replace("-", "") for line in lines}
    name = names.pop() if len(names) == 1 else ""
    return name if name in line(name) and "riscv64" in TARGETS[name].ancestors else ""
