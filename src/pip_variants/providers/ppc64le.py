"""Little-endian POWER processors; docs/providers/ppc64le.md describes the feature.

Source: Linux, arch/powerpc/kernel/setup-common.c and cpu_specs_book3s_64.h. "(architected)" and
"(raw)" behind the name say whether the hypervisor chose it; either way it is what programs may use.
"""

import re

from pip_variants.contract import Feature
from pip_variants.providers import cpuinfo
from pip_variants.providers.machine import log

_GENERATIONS = (10, 9, 8)
# Linux runs little-endian programs on POWER8 and newer only (64-Bit ELF V2 ABI, section 1.1).
_OLDEST = _GENERATIONS[-1]


def features_of(text: str) -> list[Feature]:
    """What the oldest processor of this /proc/cpuinfo supports."""
    names = cpuinfo.values_of("cpu", text)
    log.info("cpu: %s", ", ".join(sorted(set(names))) or "no such line, counted as POWER8")
    # Linux writes POWER10 and Power11; under user-mode emulation it is not a POWER at all.
    found = [re.match(r"POWER(\d+)", name, re.IGNORECASE) for name in names]
    oldest = min((int(match[1]) if match else _OLDEST for match in found), default=_OLDEST)
    usable = [f"power{n}" for n in _GENERATIONS if n <= max(oldest, _OLDEST)]
    return [Feature("microarchitecture", usable)]


def get_supported_configs() -> list[Feature]:
    return features_of(cpuinfo.read()) if cpuinfo.interpreter_is("ppc64le") else []


def get_all_configs() -> list[Feature]:
    return [Feature("microarchitecture", [f"power{n}" for n in _GENERATIONS])]


baseline = cpuinfo.baseline("microarchitecture", "power8", "ppc64le")
