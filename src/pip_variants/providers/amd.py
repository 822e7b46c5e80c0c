"""AMD GPUs and ROCm, by files; docs/providers/amd.md describes the features.

Sources: Linux, drivers/gpu/drm/amd/amdkfd/kfd_topology.c and kfd_device.c (gfx_target_version);
LLVM, User Guide for AMDGPU Backend, Processors; ROCm's `.info/version`; Debian's libamdhip64.
"""

import glob
import itertools
import os
import re

from pip_variants.contract import Feature
from pip_variants.providers.machine import architecture, forced, log, read, run

FORCED = ("gfx_arch", "rocm_version")

_NODES = "sys/class/kfd/kfd/topology/nodes"
_VERSION_FILES = (".info/version", "core/.info/version")  # the second since ROCm 7.14

_DEADLINE = 7.0  # seconds, of the ten that a provider has


def gfx_arch(target_version: int) -> str | None:
    """The name of the instruction set that the kernel calls 90402: gfx942, in hexadecimal."""
    major, rest = divmod(target_version, 10000)
    minor, stepping = divmod(rest, 100)
    if 0 < major < 100 and minor < 16 and stepping < 16:
        return f"gfx{major}{minor:x}{stepping:x}"
    return None


def gfx_archs(root: str = "/") -> list[str]:
    """The distinct instruction sets of the GPUs that the kernel shows, the biggest GPU's first."""
    folder = os.path.join(root, _NODES)
    try:
        nodes = sorted(os.listdir(folder), key=lambda name: (len(name), name))
    except OSError as error:
        log.info("no AMD GPU: %s", error)
        return _of_windows(root)
    found = []
    for node in nodes:  # CPUs are nodes too
        # In a container, the kernel refuses to show the GPUs that the container may not use.
        properties = read(folder, node, "properties")
        simds = _number(properties, "simd_count")
        arch = gfx_arch(_number(properties, "gfx_target_version"))
        if arch:
            log.info("node %s: %s with %d SIMD units", node, arch, simds)
            found.append((simds, arch))
        elif simds:
            log.info("node %s: a GPU without gfx_target_version: the kernel is too old", node)
    found.sort(key=lambda gpu: -gpu[0])  # stable: of equals, the first stays first
    return list(dict.fromkeys(arch for _, arch in found))


def rocm_versions(root: str = "/") -> list[str]:
    """The version of the ROCm installation: $ROCM_PATH, or AMD's newest, or the distribution's."""
    several = glob.glob("opt/rocm-*", root_dir=root)
    several.sort(key=lambda name: [*map(int, re.findall(r"\d+", name))], reverse=True)
    named = os.environ.get("ROCM_PATH")
    places = [named.lstrip("/")] if named else ["opt/rocm", *several, "usr"]
    for place in (os.path.join(root, one) for one in places):
        files = (read(place, file) for file in _VERSION_FILES)
        for text in (*files, _version_of_hip(place)):
            if match := re.match(r"\s*(\d{1,3})\.(\d{1,3})(?!\d)", text, re.ASCII):
                version = f"{int(match[1])}.{int(match[2])}"
                log.info("ROCm %s: %s", version, place)
                return [version]
    log.info("no ROCm: no version in %s", ", ".join(places))
    return []


def get_supported_configs(root: str = "/") -> list[Feature]:
    """What the AMD GPUs and the ROCm of this machine, or the forced ones, support."""
    archs = _forced("GFX_ARCH", r"(gfx[a-z0-9_.]+)")
    versions = _forced("ROCM_VERSION", r"(\d{1,3}\.\d{1,3})(?:\.\d+)?")
    features = [
        Feature("gfx_arch", gfx_archs(root) if archs is None else archs, multi_value=True),
        Feature("rocm_version", rocm_versions(root) if versions is None else versions),
    ]
    return [feature for feature in features if feature.values]


def get_all_configs() -> list[Feature]:
    """Every gfx700 to gfx15ff, since kernels learn new GPUs, and every ROCm 1.0 to 15.30."""
    numbers = itertools.product(range(7, 16), range(16), range(16))
    archs = [gfx_arch(10000 * major + 100 * minor + step) for major, minor, step in numbers]
    versions = [f"{major}.{minor}" for major in range(1, 16) for minor in range(31)]
    return [
        Feature("gfx_arch", [arch for arch in archs if arch], multi_value=True),
        Feature("rocm_version", versions),
    ]


def _forced(name: str, pattern: str) -> list[str] | None:
    """The values that the user puts in place of what is here; None if the user names none."""
    variable = f"AMD_VARIANT_PROVIDER_FORCE_{name}"
    values = re.findall(r"[^\s,;]+", forced(variable))
    matches = [re.fullmatch(pattern, value, re.ASCII) for value in values]
    if values not in ([], ["none"]) and None in matches:
        log.warning("%s is not understood: %s; it counts as none", variable, " ".join(values))
        return []
    return list(dict.fromkeys(match[1] for match in matches if match)) if values else None


def _of_windows(root: str) -> list[str]:
    """The instruction sets of GPUs that Windows lends to WSL, whose kernel does not show them."""
    if not os.path.exists(os.path.join(root, "dev/dxg")):
        return []
    text = run(os.path.join(root, "opt/rocm/bin/rocminfo"), deadline=_DEADLINE)
    archs = re.findall(r"^ *Name: +(gfx[0-9a-f]+)\s*$", text, re.ASCII | re.MULTILINE)
    log.info("rocminfo: %s", ", ".join(archs) or "no GPU")
    return list(dict.fromkeys(archs))


def _version_of_hip(place: str) -> str:
    """The version of HIP's library: ROCm's, and all that distributions have of it."""
    folders = ("lib64", "lib", f"lib/{architecture()}-linux-gnu")
    links = [f"{place}/{one}/libamdhip64.so.{n}" for n in range(15, 4, -1) for one in folders]
    found = (os.path.realpath(link) for link in links if os.path.exists(link))
    return next(found, "").rpartition(".so.")[2]


def _number(properties: str, name: str) -> int:
    match = re.search(rf"^{name} (\d{{1,9}})$", properties, re.ASCII | re.MULTILINE)
    return int(match[1]) if match else 0
