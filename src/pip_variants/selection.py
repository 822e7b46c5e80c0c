"""From the metadata of one release and what a target supports to the variants it can use."""

from collections.abc import Iterable
from typing import Protocol

from pip_variants.model.metadata import (
    ABI_DEPENDENCY,
    BuiltinProvider,
    PluginProvider,
    ProviderInfo,
    StaticProvider,
    Variant,
    VariantMetadata,
)
from pip_variants.model.names import NULL_LABEL
from pip_variants.model.ordering import Ordering, Rejection, order
from pip_variants.model.support import NamespaceSupport, SupportedProperties

__all__ = ["Asker", "select", "supported_properties"]


class Asker(Protocol):
    """Whoever knows what the target supports: the detection process."""

    def supported(self, provider: PluginProvider) -> NamespaceSupport:
        """What `provider` answers for the target. Raises `DetectionError`."""

    def holds(self, marker: str) -> bool:
        """Whether an environment marker is true for the target. Raises `DetectionError`."""


def select(metadata: VariantMetadata, labels: Iterable[str], asker: Asker) -> Ordering:
    """Order the variants with these labels for the target; the others do not matter.

    Asks only for namespaces that the labels use. A label that the metadata does not list is
    rejected (PEP 825, Installing a package from an index). Raises `DetectionError`.
    """
    listed = []
    unlisted = []
    for label in sorted(set(labels)):
        if label == NULL_LABEL:
            listed.append(Variant(label))
        elif label in metadata.variants:
            listed.append(metadata.variants[label])
        else:
            unlisted.append(Rejection(label, "is not listed in the variant metadata"))
    supported = supported_properties(
        metadata, {name for variant in listed for name in variant.namespaces}, asker
    )
    ordering = order(listed, metadata.namespaces, supported)
    rejected = sorted((*ordering.rejected, *unlisted), key=lambda rejection: rejection.label)
    return Ordering(ordering.best_first, tuple(rejected), supported)


def supported_properties(
    metadata: VariantMetadata, namespaces: Iterable[str], asker: Asker
) -> SupportedProperties:
    """What the target supports in each of the namespaces (PEP 850, Providers, steps 2 to 6)."""
    return {
        namespace: _support(namespace, metadata, asker).preferring(
            metadata.feature_priorities.get(namespace, ()),
            {
                feature.name: values
                for feature, values in metadata.value_priorities.items()
                if feature.namespace == namespace
            },
        )
        for namespace in sorted(namespaces)
    }


def _support(namespace: str, metadata: VariantMetadata, asker: Asker) -> NamespaceSupport:
    info: ProviderInfo | None = metadata.providers.get(namespace)
    if namespace == ABI_DEPENDENCY or (
        isinstance(info, BuiltinProvider) and info.name == ABI_DEPENDENCY
    ):
        return NamespaceSupport(absent="ABI dependencies are not supported yet")
    if info is None:
        return NamespaceSupport(absent="its metadata names no provider")
    if info.optional:
        return NamespaceSupport(absent="its provider is optional and not enabled")
    if info.enable_if is not None and not asker.holds(info.enable_if):
        return NamespaceSupport(absent=f"its provider is for {info.enable_if} only")
    if isinstance(info, StaticProvider):
        return NamespaceSupport(info.features)
    if isinstance(info, PluginProvider):
        return asker.supported(info)
    return NamespaceSupport(absent="its provider is of a kind that is not known here")
