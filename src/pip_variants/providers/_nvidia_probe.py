"""Asks one of NVIDIA's libraries, `nvml` or `libcuda`; for `probe`.

The answer is `{"cuda": 12080, "gpus": [[major, minor, bytes of memory], ...], "notes": [...]}`.
Sources: NVML API reference guide; CUDA driver API reference manual.
"""

import contextlib
import ctypes
import os
import time
from collections.abc import Callable
from typing import Any

WSL = "/usr/lib/wsl/lib"  # not on every distribution's loader path
NVML = ["nvml.dll"] if os.name == "nt" else ["libnvidia-ml.so.1", f"{WSL}/libnvidia-ml.so.1"]
LIBCUDA = ["nvcuda.dll"] if os.name == "nt" else ["libcuda.so.1", f"{WSL}/libcuda.so.1"]

PATIENCE = 2.0  # seconds, after which no further GPU is asked: each may take some to wake up


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
    """Call a function that returns 0 for success."""
    if not hasattr(library, name):
        raise OSError(f"it has no {name}")
    if status := getattr(library, name)(*arguments):
        text = ctypes.c_char_p()
        if hasattr(library, "nvmlErrorString"):
            library.nvmlErrorString.restype = ctypes.c_char_p
            text.value = library.nvmlErrorString(status)
        if hasattr(library, "cuGetErrorName"):
            library.cuGetErrorName(status, ctypes.byref(text))
        why = (text.value or b"?").decode(errors="replace")
        raise OSError(f"{name} failed with {status}: {why}")


def number(library: ctypes.CDLL, name: str, *arguments: Any) -> int:
    """Call a function that writes a number to where its first argument points."""
    value = ctypes.c_int()
    call(library, name, ctypes.byref(value), *arguments)
    return value.value


def ask(library: str) -> dict[str, Any]:
    """What the library says. Raises OSError."""
    return nvml() if library == "nvml" else libcuda()


def nvml() -> dict[str, Any]:
    """Ask NVML. It ignores CUDA_VISIBLE_DEVICES; of a GPU in parts (MIG) it tells the whole."""
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
    """Ask the CUDA driver, which must start for it."""
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
