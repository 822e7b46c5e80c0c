"""What the providers for processors share: the interpreter's architecture and /proc/cpuinfo."""

import re
import sys
from collections.abc import Callable, Container, Iterable

from pip_variants.contract import Feature
from pip_variants.providers import machine
from pip_variants.providers._archspec import of_family

PATH = "/proc/cpuinfo"

OF_QEMU = (
    "QEMU's own processor has more than any machine has: only the baseline of its architecture "
    "counts; to choose for the machines that will run this, name them with --variant-target"
)


def interpreter_is(*machines: str) -> bool:
    """Whether this is a 64-bit Python on `machines`; for a 32-bit one the kernel says the same."""
    known = sys.maxsize > 2**32 and machine.architecture() in machines
    if not known:
        machine.log.info("this interpreter is not one for %s", machines[0])
    return known


def baseline(feature: str, value: str, *tags: str) -> Callable[[str], list[Feature]]:
    """Says that all machines have this whose platform's tag ends with one of `tags`."""
    return lambda platform: [Feature(feature, [value])] if platform.endswith(tags) else []


def read() -> str:
    """/proc/cpuinfo; nothing where there is none."""
    return machine.read(PATH)


def everything(family: str, first: Feature, extensions: Iterable[str]) -> list[Feature]:
    """The first feature, all microarchitectures of a family (archspec), and all extensions."""
    names = [target.name for target in of_family(family) if target.vendor != "generic"]
    microarchitecture = Feature("microarchitecture", names, multi_value=True)
    return [first, microarchitecture, *(Feature(name, ["on"]) for name in extensions)]


def switched_on(names: Iterable[str], found: Container[str]) -> list[Feature]:
    """The features for extensions, those of `names` that were found."""
    return [Feature(name, ["on"]) for name in names if name in found]


def ladder(steps: Iterable[tuple[str, str]], listed: Iterable[str]) -> list[str]:
    """The steps that are reached, the highest first; each needs some words beside those before."""
    reached: list[str] = []
    for name, needed in steps:
        if missing := set(needed.split()).difference(listed):
            machine.log.info("not %s: Linux does not list %s", name, ", ".join(sorted(missing)))
            break
        reached.insert(0, name)
    return reached


def values_of(key: str, cpuinfo: str) -> list[str]:
    """The values of all lines `key : value`; there is one for each core, or one for all."""
    return re.findall(rf"^{re.escape(key)}[ \t]*:[ \t]*(.*?)[ \t]*$", cpuinfo, re.MULTILINE)
