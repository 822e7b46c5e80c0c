"""Intel GPUs, by Level Zero; see docs/providers/intel.md.

Sources: oneAPI Level Zero specification, ZE_extension_device_ip_version; intel/compute-runtime,
hw_ip_version.h (the bits of a version); the families are those of Intel's published provider and
of its offline compiler (`ocloc ids bmg`).
"""

from pip_variants.contract import Feature
from pip_variants.providers.machine import ProbeFailed, log, probe

_DEADLINE = 7.0  # seconds, of the ten that a provider has

_FAMILIES = {
    "12.55.8": "12.56.5 12.57.0",  # dg2
    "12.70.4": "12.71.4",  # mtl
    "20.1.0": "20.2.0 20.4.4",  # bmg
    "30.0.4": "30.1.0 30.3.1 30.4.4 30.5.4",  # ptl
}
BASES = {member: base for base, members in _FAMILIES.items() for member in members.split()}
"""Version -> the version of its family whose code it runs."""


def values_of(version: int) -> list[str]:
    """What a GPU of this device IP version, as Level Zero gives it, runs; its own code first."""
    own = f"{version >> 22}.{version >> 14 & 0xFF}.{version & 0x3F}"
    return [own, BASES[own]] if own in BASES else [own]


def get_supported_configs() -> list[Feature]:
    """What the Intel GPUs of this machine support, in the order of Level Zero."""
    try:
        answer = probe("level_zero", deadline=_DEADLINE)
    except ProbeFailed as reason:
        log.info("no Intel GPU: Level Zero: %s", reason)
        return []
    values = [value for version in answer for value in values_of(version)]
    log.info("Level Zero: %s", ", ".join(values) or "it has no Intel GPU whose version it knows")
    return [Feature("device_ip", list(dict.fromkeys(values)), multi_value=True)] if values else []


def get_all_configs() -> list[Feature]:
    """Every version 9.0.0 to 63.9.9, of 12, which has more, to 12.79.9."""
    versions = [
        f"{major}.{minor}.{revision}"
        for major in range(9, 64)
        for minor in range(80 if major == 12 else 10)
        for revision in range(10)
    ]
    return [Feature("device_ip", versions, multi_value=True)]
