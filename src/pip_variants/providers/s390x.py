"""IBM Z and LinuxONE processors; docs/providers/s390x.md describes the feature.

Source: Linux, arch/s390/kernel/processor.c (machine types, names of features); glibc's choice of
hwcaps subdirectories for z13 to z17, and dfp, which QEMU lacks and compilers use for all of them;
Principles of Operation, Facility Indications (the numbers).
"""

import re

from pip_variants.contract import Feature
from pip_variants.providers import cpuinfo
from pip_variants.providers.machine import log

# Value, machine types, and what it needs beside the one before: words of `features`, or numbers of
# `facilities` where Linux has no word.
_MICROARCHITECTURES = (
    ("z13", "2964 2965", "dfp vx"),
    ("z14", "3906 3907", "vxd vxe gs"),
    ("z15", "8561 8562", "vxe2 vxp"),
    ("z16", "3931 3932", "vxp2"),
    ("z17", "9175 9176", "84 198 199 201"),
)


def features_of(text: str) -> list[Feature]:
    """What the oldest processor of this /proc/cpuinfo supports."""
    machines = sorted(set(re.findall(r"\bmachine\s*[=:]\s*(\w+)", text)))
    log.info("machine: %s", ", ".join(machines) or "no such line")
    types = enumerate(types.split() for _, types, _ in _MICROARCHITECTURES)
    known = [number for number, some in types if {*some} & {*machines}]
    newest = min(known, default=len(_MICROARCHITECTURES))  # else what Linux lists decides alone
    lines = cpuinfo.values_of("features", text) + cpuinfo.values_of("facilities", text)
    steps = [(name, needed) for name, _, needed in _MICROARCHITECTURES[: newest + 1]]
    usable = cpuinfo.ladder(steps, " ".join(lines).split())
    return [Feature("microarchitecture", usable)] if usable else []


def get_supported_configs() -> list[Feature]:
    return features_of(cpuinfo.read()) if cpuinfo.interpreter_is("s390x") else []


def get_all_configs() -> list[Feature]:
    return [Feature("microarchitecture", [name for name, _, _ in _MICROARCHITECTURES])]
