"""From the metadata of one release and what a target supports to the variants it can use."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from pip_variants.errors import DetectionError, InconsistentVariantMetadata
from pip_variants.model.abi import is_abi_namespace, newest_first
from pip_variants.model.metadata import (
    ABI_DEPENDENCY,
    BuiltinProvider,
    PluginProvider,
    ProviderInfo,
    StaticProvider,
    Variant,
    VariantMetadata,
    combine_all,
)
from pip_variants.model.names import NULL_LABEL
from pip_variants.model.ordering import Ordering, Rejection, order
from pip_variants.model.support import NamespaceSupport, SupportedFeature, SupportedProperties

Releases: TypeAlias = Callable[[str, tuple[str, ...]], tuple[str, ...]]
"""Given a package and releases of it, newest first: those that can be had, best first."""

_Packages: TypeAlias = dict[str, dict[str, set[str]]]  # by ABI namespace and package


class Asker(Protocol):
    """Whoever knows what the target supports: the detection process."""

    def supported(self, provider: PluginProvider) -> NamespaceSupport:
        """What `provider` answers for the target. Raises `DetectionError`."""

    def supported_in(self, namespace: str) -> NamespaceSupport:
        """What the provider that recommends this namespace answers. Raises `DetectionError`."""

    def listed(self, namespace: str, provider: PluginProvider | None) -> NamespaceSupport | None:
        """What the user's own list says, if it says anything. Raises `DetectionError`."""


class Choices(NamedTuple):
    """What the user chose: namespaces, what comes first, and `releases` of other packages.

    The `preferred` are namespaces, features (two names) and properties (three), in this order.
    """

    enabled: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    preferred: tuple[tuple[str, ...], ...] = ()
    releases: Releases = lambda _, releases: releases

    def namespaces(self, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        """The namespaces with the preferred ones first."""
        known = (names[0] for names in self.preferred if names[0] in namespaces)
        return tuple(dict.fromkeys((*known, *namespaces)))

    def within(self, namespace: str) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
        """The preferred features of a namespace, and the preferred values by feature."""
        own = [names[1:] for names in self.preferred if names[0] == namespace and names[1:]]
        features = tuple(names[0] for names in own)
        return features, {
            feature: tuple(value for name, *values in own if name == feature for value in values)
            for feature in features
        }


_NO_CHOICES = Choices()


def select(
    metadata: VariantMetadata, labels: Iterable[str], asker: Asker, choices: Choices = _NO_CHOICES
) -> Ordering:
    """Order the variants with these labels for the target; only their namespaces are asked for.

    A label that the metadata does not list is rejected (PEP 825). Raises `DetectionError`.
    """
    known = {**metadata.variants, NULL_LABEL: Variant(NULL_LABEL)}
    listed = [known[label] for label in {*labels} & known.keys()]
    unlisted = [Rejection(label) for label in {*labels} - known.keys()]
    used = {feature.namespace for variant in listed for feature, _ in variant.features}
    supported = supported_properties(metadata, used, asker, choices)
    # The reserved namespace has no place in the priorities: it decides where nothing else does.
    namespaces = choices.namespaces((*metadata.namespaces, ABI_DEPENDENCY))
    ordering = order(listed, namespaces, supported)
    rejected = sorted((*ordering.rejected, *unlisted), key=lambda rejection: rejection.label)
    return Ordering(ordering.best_first, tuple(rejected), supported)


def select_from_sources(
    metadata: Mapping[str, VariantMetadata],
    labels: Mapping[str, Iterable[str]],
    asker: Asker,
    choices: Choices = _NO_CHOICES,
) -> tuple[Ordering, tuple[str, ...], str]:
    """Order the variants of one release that several sources have (PEP 825, Multiple sources).

    Sources are given by name, the most important first. The order is for the wheels of those that
    are returned with it: where the metadata of several is inconsistent, for the first one's only,
    and the difference is the last that is returned. Raises `DetectionError`.
    """
    of_source = {one: select(metadata[one], labels[one], asker, choices) for one in metadata}
    usable = {one: metadata[one] for one in metadata if of_source[one].best_first}
    first = next(iter(usable), "")
    best = of_source.get(first, Ordering())
    difference = ""
    if len(usable) > 1:
        try:
            every = {label for one in usable for label in labels[one]}
            best = select(combine_all(usable), every, asker, choices)
        except InconsistentVariantMetadata as error:
            usable, difference = {first: usable[first]}, str(error)
    rejected = tuple(one for ordering in of_source.values() for one in ordering.rejected)
    return Ordering(best.best_first, rejected, best.supported), tuple(usable), difference


def supported_properties(
    metadata: VariantMetadata,
    namespaces: Iterable[str],
    asker: Asker,
    choices: Choices = _NO_CHOICES,
) -> SupportedProperties:
    """What the target supports in each of the namespaces (PEP 850, Providers, steps 2 to 6)."""
    wanted = sorted(namespaces)
    packages = _packages(metadata, {one for one in wanted if is_abi_namespace(one, metadata)})
    return {
        one: _support(one, metadata, asker, choices, packages).preferring(*choices.within(one))
        for one in wanted
    }


def _support(
    namespace: str, metadata: VariantMetadata, asker: Asker, choices: Choices, packages: _Packages
) -> NamespaceSupport:
    if namespace in choices.disabled:
        return NamespaceSupport(absent="disabled by --variant-disable")
    if namespace == ABI_DEPENDENCY:
        return _releases(packages[namespace], choices.releases)
    info = metadata.providers.get(namespace)
    try:
        if namespace not in packages:
            plugin = info if isinstance(info, PluginProvider) else None
            if listed := asker.listed(namespace, plugin):
                return listed  # the user's own list counts alone (PEP 850, step 1)
        if info is None and namespace in choices.enabled:
            return asker.supported_in(namespace)
        return _said(namespace, info, asker, choices) or _releases(
            packages[namespace], choices.releases
        )
    except DetectionError as error:
        error.namespace = namespace
        raise


def _said(
    namespace: str, info: ProviderInfo | None, asker: Asker, choices: Choices
) -> NamespaceSupport | None:
    """What the provider says that the metadata names; None where that is the resolver."""
    enable = f"--variant-enable {namespace}"
    if info is None:
        return NamespaceSupport((), "its metadata names no provider", enable)
    if info.optional and namespace not in choices.enabled:
        return NamespaceSupport(absent=f"its provider is optional and not enabled, see {enable}")
    if isinstance(info, StaticProvider):
        return NamespaceSupport(info.features)
    if isinstance(info, PluginProvider):
        return asker.supported(info)
    if isinstance(info, BuiltinProvider) and info.name == ABI_DEPENDENCY:
        return None
    return NamespaceSupport(absent="its provider is of a kind that is not known here")


def _packages(metadata: VariantMetadata, namespaces: Collection[str]) -> _Packages:
    """The releases that the variants are built for, by package and ABI namespace."""
    packages: _Packages = {namespace: {} for namespace in namespaces}
    for variant in metadata.variants.values() if packages else ():
        for feature, values in variant.features:
            if feature.namespace in packages:
                packages[feature.namespace].setdefault(feature.name, set()).update(values)
    return packages


def _releases(packages: Mapping[str, set[str]], releases: Releases) -> NamespaceSupport:
    """The releases of other packages that variants may be built for; the resolver keeps that."""
    found = (
        SupportedFeature(name, releases(name.replace("_", "-"), newest_first(packages[name])))
        for name in sorted(packages)
    )
    features = tuple(feature for feature in found if feature.values)
    return NamespaceSupport(features, "" if features else "no such release can be had")
