"""NVIDIA GPUs and their driver, by NVML or else by libcuda; see docs/providers/nvidia.md.

Names, values and order of the features are those of the published provider.
Sources: CUDA C++ Programming Guide, Binary Compatibility, PTX Compatibility, Compute
Capabilities; Blackwell Compatibility Guide.
"""

import glob
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pip_variants.contract import Feature
from pip_variants.model.names import meant
from pip_variants.providers.machine import ProbeFailed, forced, log, probe, read

Version = tuple[int, int]

_FORCE = "NV_VARIANT_PROVIDER_FORCE_"  # what the names of variables begin with

TEGRA = frozenset({(5, 3), (6, 2), (7, 2), (8, 7), (10, 1), (11, 0)})
"""Compute capabilities of systems on a chip: their cubins and those of others do not mix."""

# What the published provider names. Drivers newer than that get two majors above their own.
_OLDEST_CUDA, _NEWEST_CUDA, _NEWEST_MINOR = 11, 15, 20
_OLDEST_SM = 50

_FIRST_OF_CUDA_13 = (7, 5)  # the first compute capability that its toolkit makes code for

# What is told to publishers: the last CUDA, and the newest minor of majors that get no more.
_LAST_CUDA = 20
_NEWEST_MINORS = {5: 3, 6: 2, 7: 5, 8: 9, 9: 0}

_DEADLINES = {"nvml": 4.0, "libcuda": 3.0}  # seconds, of the ten that a provider has
_KERNEL_DRIVER = "/proc/driver/nvidia/version"
_PCI_DEVICES = "/sys/bus/pci/devices"


class Machine(NamedTuple):
    """The newest CUDA that the driver runs, and the distinct GPUs' capabilities, best first."""

    cuda: Version | None = None
    capabilities: tuple[Version, ...] = ()


def sm_values(capability: Version) -> list[str]:
    """The code that a GPU of this compute capability runs: cubins, then PTX, each newest first.

    A cubin runs on later minors of its major, on Tegra only on its own; PTX on all later GPUs.
    Code with `a` is for one capability, with `f` (since 10.0) for those that its cubins run on.
    """
    major, minor = capability
    number = 10 * major + minor
    if number < _OLDEST_SM:
        return []
    others = [] if capability in TEGRA else range(minor - 1, -1, -1)
    family = [number, *(10 * major + m for m in others if (major, m) not in TEGRA)]
    special = [f"{number}a"] if major >= 9 else []
    special += [f"{one}f" for one in family] if major >= 10 else []
    real = [*special, *family]
    virtual = [*special, *range(number, _OLDEST_SM - 1, -1)]
    return [f"{one}_real" for one in real] + [f"{one}_virtual" for one in virtual]


def features_of(machine: Machine) -> list[Feature]:
    """What `machine` supports: any code that one of its GPUs runs, that of the best GPU first."""
    features = []
    name = "the GPU of compute capability {}.{}".format
    if machine.cuda is not None:
        major, minor = machine.cuda
        if major < _OLDEST_CUDA:
            log.info("CUDA %d.%d is too old: variants start at %d.0", major, minor, _OLDEST_CUDA)
            return []
        lower = [*_minors(major, minor, 0), f"{major}", *_majors(major - 1, _OLDEST_CUDA)]
        newest = max(_NEWEST_CUDA, major + 2)
        upper = [*_majors(newest, major + 1), *_minors(major, _NEWEST_MINOR, minor + 1)]
        # A wheel need not state `sm_arch`: what CUDA 13 made has nothing for these GPUs.
        dropped = [one for one in machine.capabilities if major > 12 and one < _FIRST_OF_CUDA_13]
        devices = {name(*one): _majors(12, _OLDEST_CUDA) for one in dropped}
        features.append(Feature("cuda_version_lower_bound", lower, devices=devices))
        features.append(Feature("cuda_version_upper_bound", upper))
    by_gpu = {name(*one): sm_values(one) for one in machine.capabilities}
    if code := dict.fromkeys(value for values in by_gpu.values() for value in values):
        devices = by_gpu if len(by_gpu) > 1 else {}
        features.append(Feature("sm_arch", list(code), multi_value=True, devices=devices))
    elif machine.capabilities:
        log.info("the GPU is too old for sm_arch, which starts at %d", _OLDEST_SM)
    return features


def best_first(gpus: Iterable[Sequence[int]]) -> tuple[Version, ...]:
    """The distinct capabilities of GPUs: that with most memory leads, not the highest number."""
    ranked = [(memory, (major, minor)) for major, minor, memory in gpus]
    best = max(ranked)[1]
    return (best, *sorted({capability for _, capability in ranked} - {best}, reverse=True))


def this_machine() -> Machine:
    """What the driver of this machine says; nothing if no CUDA program could run."""
    for library, deadline in _DEADLINES.items():
        try:
            return _machine(library, probe(library, deadline=deadline))
        except ProbeFailed as reason:
            log.info("%s: %s", library, reason)
    if place := _place_of_gpu():
        log.warning("an NVIDIA GPU is here (%s), but no CUDA program can use it", place)
    return Machine()


def get_supported_configs() -> list[Feature]:
    """What the driver and the GPUs of this machine, or the forced ones, support."""
    names = [f"{_FORCE}CUDA_DRIVER_VERSION", f"{_FORCE}SM_ARCH"]
    for name in os.environ:
        if name.startswith(_FORCE) and name not in names:
            log.warning("%s is ignored: no such variable%s", name, meant(name, names))
    try:
        cuda = _forced("CUDA_DRIVER_VERSION", r"(\d{1,2})(?:\.(\d{1,2})(?:\.\d+)*)?")
        capability = _forced("SM_ARCH", r"(\d{1,2})\.(\d)")
    except ValueError as error:  # the safe side: no wheel for a GPU
        log.warning("%s", error)
        return []
    found = Machine() if cuda and capability else this_machine()
    capabilities = (capability,) if capability else found.capabilities
    return features_of(Machine(cuda or found.cuda, capabilities))


def named(name: str) -> list[Feature]:
    """What a CUDA driver and GPUs support: `cuda12.8`, `cuda12.8-sm90`, `cuda13.0-sm100-sm90`."""
    match = re.fullmatch(r"cuda(\d{1,2})\.(\d{1,2})((?:-sm\d{2,3})*)", name, re.ASCII)
    if not match:
        return []
    numbers = map(int, match[3].replace("-", "").split("sm")[1:])
    capabilities = tuple(dict.fromkeys(divmod(number, 10) for number in numbers))
    return features_of(Machine((int(match[1]), int(match[2])), capabilities))


def get_all_configs() -> list[Feature]:
    """All CUDA versions to 20.20, and the code for compute capabilities to 19.9, made or not."""
    upper = [*_majors(_LAST_CUDA, _OLDEST_CUDA + 1), *_minors(_OLDEST_CUDA, _NEWEST_MINOR, 1)]
    newest = [(major, _NEWEST_MINORS.get(major, 9)) for major in range(5, 20)]
    capabilities = [(major, m) for major, minor in newest for m in range(minor + 1)]
    code = dict.fromkeys(value for one in capabilities for value in sm_values(one))
    return [
        Feature("cuda_version_lower_bound", _majors(_LAST_CUDA, _OLDEST_CUDA)),
        Feature("cuda_version_upper_bound", upper),
        Feature("sm_arch", list(code), multi_value=True),
    ]


def _minors(major: int, newest: int, oldest: int) -> list[str]:
    return [f"{major}.{minor}" for minor in range(newest, oldest - 1, -1)]


def _majors(newest: int, oldest: int) -> list[str]:
    majors = range(newest, oldest - 1, -1)
    return [value for one in majors for value in (*_minors(one, _NEWEST_MINOR, 0), f"{one}")]


def _forced(name: str, pattern: str) -> Version | None:
    variable = _FORCE + name
    text = forced(variable)
    match = re.fullmatch(pattern, text, re.ASCII)
    if text and not match:
        like = "9.0" if name == "SM_ARCH" else "12.8"
        raise ValueError(f"{variable} is not like {like}: {text!r}; no NVIDIA GPU is counted on")
    return (int(match[1]), int(match[2] or 0)) if match else None


def _machine(library: str, answer: Any) -> Machine:
    """Read an answer of `_libraries.nvml`. Raises `ProbeFailed` if it is not enough."""
    for note in answer["notes"]:
        log.info("%s: %s", library, note)
    if not answer["gpus"]:
        raise ProbeFailed("no GPU answers")
    cuda = answer["cuda"] // 1000, answer["cuda"] % 1000 // 10
    capabilities = best_first(answer["gpus"])
    numbers = ", ".join("{}.{}".format(*one) for one in capabilities)
    log.info("%s: CUDA %d.%d; compute capability %s", library, *cuda, numbers)
    if len(capabilities) > 1:
        log.info("the GPUs differ: a wheel may be taken that some of them cannot run")
    if cuda >= (13, 0) and min(capabilities) < _FIRST_OF_CUDA_13:
        log.info("the toolkit of CUDA 13 makes no code for GPUs before 7.5, as one of these is")
    return Machine(cuda, capabilities)


def _place_of_gpu() -> str:
    """Where the kernel shows a GPU, usable or not; empty if nowhere."""
    if os.path.exists(_KERNEL_DRIVER):
        return _KERNEL_DRIVER
    for folder in glob.glob(f"{_PCI_DEVICES}/*"):
        if read(folder, "vendor").strip() == "0x10de" and read(folder, "class").startswith("0x03"):
            return folder
    return ""
