"""What a target supports: per namespace, features and values in order of preference."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeAlias


class SupportedFeature(NamedTuple):
    """One feature and the values of it that the target supports, most preferred first."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class NamespaceSupport:
    """The features of one namespace that the target supports, most preferred first.

    `absent` says in a few words why there are none, `remedy` is a command or option of the user's
    against that. `devices` says what devices support that differ, by their names.
    """

    features: tuple[SupportedFeature, ...] = ()
    absent: str = ""
    remedy: str = ""
    devices: tuple[tuple[str, SupportedFeature], ...] = ()

    def values(self, feature: str) -> tuple[str, ...]:
        """The supported values of `feature`, most preferred first; empty if there are none."""
        return tuple(self._places.get(feature, ()))

    def supports(self, feature: str, value: str) -> bool:
        """Whether a value is among the supported ones."""
        return value in self._places.get(feature, ())

    def best(self, feature: str, values: Iterable[str]) -> str:
        """The most preferred of these values. Raises `ValueError` if none is supported."""
        supported = (value for value in values if self.supports(feature, value))
        return min(supported, key=self._places[feature].__getitem__)

    @cached_property  # asked for thousands of labels, of what an index may have made long
    def _places(self) -> Mapping[str, Mapping[str, int]]:
        return {
            name: {value: place for place, value in enumerate(values)}
            for name, values in self.features
        }

    def preferring(
        self, features: tuple[str, ...], values: Mapping[str, tuple[str, ...]]
    ) -> "NamespaceSupport":
        """The same support with the named features and values moved to the front."""
        by_name = dict(self.features)
        front = tuple(
            SupportedFeature(name, _front(values.get(name, ()), by_name[name]))
            for name in _front(features, tuple(by_name))
        )
        return replace(self, features=front)


SupportedProperties: TypeAlias = Mapping[str, NamespaceSupport]
"""Namespace -> what the target supports in it."""


def _front(preferred: tuple[str, ...], items: tuple[str, ...]) -> tuple[str, ...]:
    known = set(items)
    first = dict.fromkeys(item for item in preferred if item in known)
    return (*first, *(item for item in items if item not in first))
