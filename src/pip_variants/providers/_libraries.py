"""Asks a library of a driver, or one of MPI, what it is: the program that `probe` runs.

Its arguments are a function below and what that takes; it writes the answer as JSON. Sources: NVML
API reference guide; CUDA driver API reference manual; oneAPI Level Zero specification, Core
Programming Guide and API (ze_api.h); MPI 5.0, "MPI Functionality that is Always Available".
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import time

TYPE_CHECKING = False  # that of `typing`, which takes as long to load as a fifth of all this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WSL = "/usr/lib/wsl/lib"  # not on every distribution's loader path
NVML = ["nvml.dll"] if os.name == "nt" else ["libnvidia-ml.so.1", f"{WSL}/libnvidia-ml.so.1"]
LIBCUDA = ["nvcuda.dll"] if os.name == "nt" else ["libcuda.so.1", f"{WSL}/libcuda.so.1"]
LEVEL_ZERO = "ze_loader.dll" if os.name == "nt" else "libze_loader.so.1"

PATIENCE = 2.0  # seconds, after which no further GPU is asked: each may take some to wake up

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


def load(names: list[str]) -> ctypes.CDLL:
    """The first library of these that can be loaded."""
    try:
        return ctypes.CDLL(names[0])
    except OSError:
        for name in names[1:]:
            with contextlib.suppress(OSError):
                return ctypes.CDLL(name)
        raise


def call(library: ctypes.CDLL, name: str, *arguments: Any) -> None:
    """Call a function that returns 0 for success. Raises OSError with the library's own words."""
    if not hasattr(library, name):
        raise OSError(f"it has no {name}")
    if status := getattr(library, name)(*arguments):
        text = ctypes.c_char_p()
        if hasattr(library, "nvmlErrorString"):
            library.nvmlErrorString.restype = ctypes.c_char_p
            text.value = library.nvmlErrorString(status)
        if hasattr(library, "cuGetErrorName"):
            library.cuGetErrorName(status, ctypes.byref(text))
        number = status if 0 < status < 2**16 else f"{status & 0xFFFFFFFF:#x}"
        why = f": {text.value.decode(errors='replace')}" if text.value else ""
        raise OSError(f"{name} failed with {number}{why}")


def number(library: ctypes.CDLL, name: str, *arguments: Any) -> int:
    """Call a function that writes a number to where its first argument points."""
    value = ctypes.c_int()
    call(library, name, ctypes.byref(value), *arguments)
    return value.value


def nvml() -> dict[str, Any]:
    """Ask NVML. It ignores CUDA_VISIBLE_DEVICES; of a GPU in parts (MIG) it tells the whole.

    The answer is `{"cuda": 12080, "gpus": [[major, minor, bytes of memory], ...], "notes": [...]}`.
    """
    library = load(NVML)
    call(library, "nvmlInit_v2")

    def gpu(index: int) -> list[int]:
        handle, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()  # total, free, used
        call(library, "nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(handle))
        major, minor = ctypes.c_int(), ctypes.c_int()
        capability = (ctypes.byref(major), ctypes.byref(minor))
        call(library, "nvmlDeviceGetCudaComputeCapability", handle, *capability)
        with contextlib.suppress(OSError):  # the CPU's memory is the GPU's too
            call(library, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory))
        return [major.value, minor.value, memory[0]]

    # The function without _v2 tells a version even where no CUDA program can run.
    cuda = number(library, "nvmlSystemGetCudaDriverVersion_v2")
    if os.name == "posix":
        check_libcuda(library)
    return {"cuda": cuda, **each(number(library, "nvmlDeviceGetCount_v2"), gpu)}


def libcuda() -> dict[str, Any]:
    """Ask the CUDA driver, which must start for it; the answer is as that of NVML."""
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    library = load(LIBCUDA)
    call(library, "cuInit", 0)

    def gpu(index: int) -> list[int]:
        device, memory = number(library, "cuDeviceGet", index), ctypes.c_size_t()
        # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        capability = [number(library, "cuDeviceGetAttribute", one, device) for one in (75, 76)]
        with contextlib.suppress(OSError):
            call(library, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
        return [*capability, memory.value]

    cuda = number(library, "cuDriverGetVersion")
    return {"cuda": cuda, **each(number(library, "cuDeviceGetCount"), gpu)}


def each(count: int, gpu: Callable[[int], list[int]]) -> dict[str, Any]:
    """Ask every GPU, as long as that does not take too long."""
    gpus, notes, start = [], [], time.monotonic()
    for index in range(count):
        if time.monotonic() - start > PATIENCE:
            notes.append(f"only {index} of {count} GPUs were asked: they are slow to answer")
            break
        try:
            gpus.append(gpu(index))
        except OSError as reason:
            notes.append(f"GPU {index} is left out: {reason}")
    return {"gpus": gpus, "notes": notes}


def check_libcuda(nvml: ctypes.CDLL) -> None:
    """Raise OSError where programs get another libcuda than the driver's, such as a newer one.

    NVML tells its version, too, and does not know whether it works with this driver and GPU.
    """
    driver = ctypes.create_string_buffer(80)  # NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE
    call(nvml, "nvmlSystemGetDriverVersion", driver, len(driver))
    version, path = driver.value.decode(errors="replace"), "libcuda"
    with contextlib.suppress(OSError):
        load(LIBCUDA)
        with open("/proc/self/maps", errors="replace") as maps:  # where it really lies
            paths = (line[line.index("/") :].strip() for line in maps if "/libcuda.so" in line)
            path = next(paths, path)
    if not path.endswith(f"/libcuda.so.{version}"):
        raise OSError(f"only libcuda knows whether {path} works with the driver {version}")


def level_zero() -> list[int]:
    """The device IP versions of Intel's GPUs, such as 83902464; old drivers know none."""
    os.environ.pop("ZE_AFFINITY_MASK", None)  # hides GPUs
    library = ctypes.CDLL(LEVEL_ZERO)
    call(library, "zeInit", ZE_INIT_FLAG_GPU_ONLY)

    def handles(name: str, *parent: ctypes.c_void_p) -> list[ctypes.c_void_p]:
        count = ctypes.c_uint32()
        call(library, name, *parent, ctypes.byref(count), None)
        found = (ctypes.c_void_p * count.value)()
        call(library, name, *parent, ctypes.byref(count), found)
        return [ctypes.c_void_p(handle) for handle in found[: count.value]]

    result = []
    for device in (
        one for driver in handles("zeDriverGet") for one in handles("zeDeviceGet", driver)
    ):
        version = Version(ZE_STRUCTURE_TYPE_DEVICE_IP_VERSION_EXT)
        extension = ctypes.cast(ctypes.pointer(version), ctypes.c_void_p)
        properties = Properties(ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES, extension)
        call(library, "zeDeviceGetProperties", device, ctypes.byref(properties))
        if properties.vendorId == INTEL and version.ip:
            result.append(version.ip)
    return result


def mpi(path: str, *names: str) -> dict[str, Any]:
    """Where a library lies, what functions that need no MPI_Init give, and whose symbols it has.

    Of `names`, those for which the loader takes this library from now on.
    """
    library = ctypes.CDLL(path)  # and never closed: Open MPI does not survive that
    text = ctypes.create_string_buffer(2**16)  # the longest MPI_MAX_LIBRARY_VERSION_STRING: 2**13
    call(library, "MPI_Get_library_version", text, ctypes.byref(ctypes.c_int()))
    place = (ctypes.c_char_p * 4)()  # Dl_info of <dlfcn.h>, which starts with the file
    if os.name == "posix":
        function = ctypes.cast(library.MPI_Get_library_version, ctypes.c_void_p)
        ctypes.CDLL(None).dladdr(function, place)

    def pair(name: str) -> list[int]:
        first, second = ctypes.c_int(), ctypes.c_int()
        call(library, name, ctypes.byref(first), ctypes.byref(second))
        return [first.value, second.value]

    has_abi = hasattr(library, "MPI_Abi_get_version")
    return {
        "path": os.fsdecode(place[0] or path),
        "text": text.value.decode(errors="replace"),
        "standard": pair("MPI_Get_version"),
        "abi_version": pair("MPI_Abi_get_version") if has_abi else None,
        "open_mpi": hasattr(library, "ompi_mpi_comm_world"),
        "msmpi": hasattr(library, "MSMPI_Get_version"),
        "names": [name for name in names if is_loaded_as(name, path)],
    }


def is_loaded_as(name: str, path: str) -> bool:
    """Whether a program that loads a name now gets this library."""
    if not hasattr(os, "RTLD_NOLOAD"):  # Windows knows a loaded library by its file's name
        return os.path.basename(path).lower() == name
    try:
        ctypes.CDLL(name, os.RTLD_NOLOAD)
    except OSError:
        return False
    return True


def main(name: str, *arguments: str) -> None:
    """Write what a function answers, or why it does not."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what the library prints is lost
    functions: dict[str, Callable[..., Any]] = {
        one.__name__: one for one in (nvml, libcuda, level_zero, mpi)
    }
    try:
        answer = functions[name](*arguments)
    except (OSError, AttributeError) as error:
        answer = {"failed": str(error)}
    os.write(answers, json.dumps(answer).encode())
    os._exit(0)  # nothing of the library runs or prints any more


if __name__ == "__main__":
    main(*sys.argv[1:])
