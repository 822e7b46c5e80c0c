"""Asks Level Zero for the device IP versions of Intel's GPUs, such as 83902464; for `probe`.

Source: oneAPI Level Zero specification, Core Programming Guide and API (ze_api.h).
"""

import ctypes
import os
from typing import Any

LIBRARY = "ze_loader.dll" if os.name == "nt" else "libze_loader.so.1"
INTEL = 0x8086  # vendorId is that of PCI

ZE_INIT_FLAG_GPU_ONLY = 1
ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES = 0x3
ZE_STRUCTURE_TYPE_DEVICE_IP_VERSION_EXT = 0x1000F


class Version(ctypes.Structure):
    """ze_device_ip_version_ext_t."""

    _fields_ = (("stype", ctypes.c_uint32), ("pNext", ctypes.c_void_p), ("ip", ctypes.c_uint32))


class Properties(ctypes.Structure):
    """ze_device_properties_t, of 368 bytes: its beginning, and room for more than the rest."""

    _fields_ = (
        ("stype", ctypes.c_uint32),
        ("pNext", ctypes.c_void_p),
        ("type", ctypes.c_uint32),
        ("vendorId", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 1000),
    )


def call(library: ctypes.CDLL, name: str, *arguments: Any) -> None:
    """Call a function that returns 0 for success."""
    if status := getattr(library, name)(*arguments):
        raise OSError(f"{name} failed with {status & 0xFFFFFFFF:#x}")


def handles(library: ctypes.CDLL, name: str, *parent: ctypes.c_void_p) -> list[ctypes.c_void_p]:
    """What one of Level Zero's enumerating functions lists."""
    count = ctypes.c_uint32()
    call(library, name, *parent, ctypes.byref(count), None)
    found = (ctypes.c_void_p * count.value)()
    call(library, name, *parent, ctypes.byref(count), found)
    return [ctypes.c_void_p(handle) for handle in found[: count.value]]


def ask() -> list[int]:
    """The versions of all GPUs, in Level Zero's order; of other vendors and old drivers none."""
    os.environ.pop("ZE_AFFINITY_MASK", None)  # hides GPUs
    library = ctypes.CDLL(LIBRARY)
    call(library, "zeInit", ZE_INIT_FLAG_GPU_ONLY)
    result = []
    for driver in handles(library, "zeDriverGet"):
        for device in handles(library, "zeDeviceGet", driver):
            version = Version(ZE_STRUCTURE_TYPE_DEVICE_IP_VERSION_EXT)
            properties = Properties(
                ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES,
                ctypes.cast(ctypes.pointer(version), ctypes.c_void_p),
            )
            call(library, "zeDeviceGetProperties", device, ctypes.byref(properties))
            if properties.vendorId == INTEL and version.ip:
                result.append(version.ip)
    return result
