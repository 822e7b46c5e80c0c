"""The contract for vendors but for its hooks: apart, as providers of ours need no pluggy."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from pip_variants.model.published import Published

ENTRY_POINT_GROUP = "pip_variants"
"""Where vendors register their plugin."""

PREFIX_VARIABLE = "_PIP_VARIANTS_PREFIX"
"""Holds the prefix of the environment that is installed into, where it is not this one's."""


class Feature(NamedTuple):
    """One feature of the vendor's namespace, and the values that this machine supports.

    `values` are without repetition, the most preferred first. `multi_value` says whether one wheel
    may name several of them (PEP 850, Variant feature config class, which this implements).
    `devices` is for machines with devices that differ: the values that each of them supports, by
    what people call it. pip warns of a wheel that has none of those of one device.
    """

    name: str
    values: Sequence[str]
    multi_value: bool = False
    devices: Mapping[str, Sequence[str]] = MappingProxyType({})

    def __hash__(self) -> int:
        return hash(self[:3])  # mappings have none


def target_prefix() -> str:
    """The prefix, as `sys.prefix`, that is installed into: not this one under `pip --python`."""
    return os.environ.get(PREFIX_VARIABLE) or sys.prefix


class Provider(NamedTuple):
    """Says which properties of one namespace this machine supports.

    `detect` returns the supported features, the most preferred first, nothing without the hardware.
    `get_supported_configs` of a PEP 850 plugin will do. It runs in a process of its own, once per
    pip run; `pip-variants show -v` shows what it logs.

    `implements` names the provider packages that this one answers for. Wheels find a provider by
    package and endpoint, never by namespace (PEP 850, High level design); `namespace` is the
    recommended name, for people and environment variables.

    The user may replace what was detected (`{NAMESPACE}_VARIANT_PROVIDER_FORCE_{FEATURE}`, the
    supported values in order). `forced` names the features of which `detect` reads that variable
    itself, because another meaning of it is established.

    `baseline` is for installs for another machine (`pip install --platform …`): given a platform
    tag such as `manylinux_2_28_x86_64`, it returns what every machine of that platform supports.
    `named` gives the features of well-known targets (`pip install --variant-target NAME`), such as
    `x86_64_v3`, and nothing for other names.

    `valid` is for those who publish wheels: every feature with every value that there is, those of
    `detect` among them, in any order; nothing if the provider cannot say. `get_all_configs` of a
    plugin will do (the draft on building variants, Extensions to provider plugin API).
    """

    namespace: str
    detect: Callable[[], Iterable[Any]]
    implements: Sequence[Published]
    baseline: Callable[[str], Iterable[Any]] = lambda _: ()
    forced: Sequence[str] = ()
    named: Callable[[str], Iterable[Any]] = lambda _: ()
    valid: Callable[[], Iterable[Any]] = tuple
