"""Asks one MPI library what it is; for `probe`.

Where it lies, what three functions that need no MPI_Init give (MPI 5.0, "MPI Functionality that
is Always Available"), whose symbols it has, and what the loader takes for it from now on.
"""

import ctypes
import os
from typing import Any


class _Place(ctypes.Structure):  # Dl_info of <dlfcn.h>
    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def ask(name: str, *names: str) -> dict[str, Any]:
    """What the library says; raises OSError, AttributeError."""
    library = ctypes.CDLL(name)  # and never closed: Open MPI does not survive that
    text = ctypes.create_string_buffer(2**16)  # the longest MPI_MAX_LIBRARY_VERSION_STRING: 2**13
    _call(library.MPI_Get_library_version, text, ctypes.byref(ctypes.c_int()))
    has_abi = hasattr(library, "MPI_Abi_get_version")
    return {
        "path": _path(library.MPI_Get_library_version) or name,
        "text": text.value.decode(errors="replace"),
        "standard": _pair(library.MPI_Get_version),
        "abi_version": _pair(library.MPI_Abi_get_version) if has_abi else None,
        "open_mpi": hasattr(library, "ompi_mpi_comm_world"),
        "msmpi": hasattr(library, "MSMPI_Get_version"),
        "names": [one for one in names if _is_loaded_as(one, name)],
    }


def _call(function: Any, *arguments: Any) -> None:
    if status := function(*arguments):
        raise OSError(f"{function.__name__} failed with {status}")


def _pair(function: Any) -> tuple[int, int]:
    first, second = ctypes.c_int(), ctypes.c_int()
    _call(function, ctypes.byref(first), ctypes.byref(second))
    return first.value, second.value


def _path(function: Any) -> str:
    if os.name != "posix":
        return ""
    place = _Place()
    ctypes.CDLL(None).dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(place))
    return os.fsdecode(place.file or b"")


def _is_loaded_as(name: str, library: str) -> bool:
    if not hasattr(os, "RTLD_NOLOAD"):  # Windows knows a loaded library by its file's name
        return os.path.basename(library).lower() == name
    try:
        ctypes.CDLL(name, os.RTLD_NOLOAD)
    except OSError:
        return False
    return True
