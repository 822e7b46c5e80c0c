"""What a target supports: per namespace, features and values in order of preference."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias


class SupportedFeature(NamedTuple):
    """One feature and the values of it that the target supports, most preferred first."""

    name: str
    values: tuple[str, ...]


class _Supported(NamedTuple):
    features: tuple[SupportedFeature, ...] = ()
    absent: str = ""
    remedy: str = ""
    devices: tuple[tuple[str, SupportedFeature], ...] = ()


class NamespaceSupport(_Supported):
    """The features of one namespace that the target supports, most preferred first.

    `absent` says in a few words why there are none, `remedy` is a command or option of the user's
    against that. `devices` says what devices support that differ, by their names.
    """

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
        if not features and not values:
            return self
        by_name = dict(self.features)
        front = tuple(
            SupportedFeature(name, _front(values.get(name, ()), by_name[name]))
            for name in _front(features, tuple(by_name))
        )
        return self._replace(features=front)


class Answer(NamedTuple):
    """What one provider said; `warnings` are `notes` that the user should see unasked.

    `failed` says why there is no answer; then `namespace` may be the name of a plugin. Of what is
    valid, `always` says that all of it fits everywhere, and `single` are the features of which a
    wheel may name one value only (PEP 850, multi_value).
    """

    namespace: str = ""
    support: NamespaceSupport = NamespaceSupport()
    by: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    failed: str = ""
    always: bool = False
    single: frozenset[str] = frozenset()

    @property
    def features(self) -> tuple[SupportedFeature, ...]:
        """What is supported, or valid."""
        return self.support.features

    @property
    def elsewhere(self) -> str:
        """What a package registers instead, where what is valid was asked and nobody answers."""
        return "" if self.by else self.support.absent


SupportedProperties: TypeAlias = Mapping[str, NamespaceSupport]
"""Namespace -> what the target supports in it."""


def _front(preferred: tuple[str, ...], items: tuple[str, ...]) -> tuple[str, ...]:
    known = set(items)
    first = dict.fromkeys(item for item in preferred if item in known)
    return (*first, *(item for item in items if item not in first))
