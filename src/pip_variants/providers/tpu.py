"""Google TPUs, by the PCI devices that the kernel shows; see docs/providers/tpu.md.

Sources: the PCI identifiers are those of JAX's hardware_utils and of gVisor's tpu.go; uv 0.13.9
takes exactly the same for TPUs. Linux, Documentation/ABI/testing/sysfs-bus-pci.
"""

import os

from pip_variants.contract import Feature
from pip_variants.providers.machine import forced, log, read

FORCED = ("present",)

_DEVICES = "sys/bus/pci/devices"
_GOOGLE = "0x1ae0"  # network cards and disks of Google's cloud have it too

TPUS = {  # the PCI devices of Google that are TPUs, and the TPU's version
    "0x0027": "v2 or v3",
    "0x0056": "v4 lite",
    "0x005e": "v4",
    "0x0062": "v5p",
    "0x0063": "v5e",
    "0x006f": "v6e",
    "0x0076": "7x",
    "0x007c": "8t",
    "0x0083": "8i",
}


def get_supported_configs(root: str = "/") -> list[Feature]:
    """Whether a TPU is among the devices below `root`, or is said to be there."""
    said = forced("TPU_VARIANT_PROVIDER_FORCE_PRESENT").lower()
    if said == "none":
        return []
    present = said in ("1", "true", "yes") if said else _has_tpu(os.path.join(root, _DEVICES))
    return [Feature("present", ["true" if present else "false"])]


def get_all_configs() -> list[Feature]:
    return [Feature("present", ["true", "false"])]


def _has_tpu(folder: str) -> bool:
    try:
        devices = sorted(os.listdir(folder))
    except OSError as error:
        log.info("no PCI devices: %s", error)
        return False
    for device in devices:
        place = os.path.join(folder, device)
        vendor, version = read(place, "vendor").strip(), TPUS.get(read(place, "device").strip())
        if vendor == _GOOGLE and version:
            log.info("a TPU %s: %s", version, place)
            return True
    log.info("no TPU in %s", folder)
    return False
