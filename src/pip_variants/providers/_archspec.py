"""What archspec knows of processors, read without its code, which takes longest of all to load."""

import json
import os
from typing import Any, NamedTuple

import archspec


class Target(NamedTuple):
    """A microarchitecture, and those whose programs it runs, the nearest first."""

    name: str
    vendor: str
    features: frozenset[str]
    ancestors: tuple[str, ...]


def read(name: str) -> Any:
    """One of its files."""
    path = os.path.join(archspec.__path__[0], "json", "cpu", name)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _read_targets() -> dict[str, Target]:
    known = read("microarchitectures.json")["microarchitectures"]
    found: dict[str, Target] = {}

    def add(name: str) -> Target:
        if name not in found:
            one = known[name]
            above = [add(parent).ancestors for parent in one["from"]]
            ancestors = dict.fromkeys([*one["from"], *(each for some in above for each in some)])
            implied = {"sse3"} if "ssse3" in one["features"] else set()  # as Linux has another name
            features = implied.union(one["features"])
            found[name] = Target(name, one["vendor"], frozenset(features), tuple(ancestors))
        return found[name]

    for name in known:
        add(name)
    return found


TARGETS = _read_targets()


def of_family(name: str) -> list[Target]:
    """All processors of an architecture."""
    return [one for one in TARGETS.values() if name in (one.name, *one.ancestors)]


def line(name: str) -> list[str]:
    """A microarchitecture and those whose programs it runs, if it is known; no generic ones."""
    line = (name, *TARGETS[name].ancestors) if name in TARGETS else ()
    return [one for one in line if TARGETS[one].vendor != "generic"]
