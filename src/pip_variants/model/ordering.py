"""Which variants a target can use, and in which order (PEP 825, Variant ordering)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantFeature, VariantProperty
from pip_variants.model.support import NamespaceSupport, SupportedProperties

__all__ = ["Ordering", "Rejection", "order"]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A label that the target cannot use.

    `missing` says what it lacks, `given` what there is instead; `reason` is both.
    """

    label: str
    missing: str
    given: str = ""

    @property
    def reason(self) -> str:
        """Why the label is rejected, to follow the label in a sentence."""
        return f"{self.missing} ({self.given})" if self.given else self.missing


@dataclass(frozen=True, slots=True)
class Ordering:
    """Variants that the target can use, best first, and those that it cannot, by label."""

    best_first: tuple[Variant, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    supported: SupportedProperties = field(default_factory=dict)

    def deciding(self, variant: Variant) -> tuple[VariantProperty, ...]:
        """For each feature of a usable variant the best value that the target supports (step 4)."""
        best = (
            next(v for v in self.supported[feature.namespace].values(feature.name) if v in values)
            for feature, values in variant.features
        )
        return tuple(VariantProperty(*f, v) for (f, _), v in zip(variant.features, best))  # noqa: B905


def order(
    variants: Iterable[Variant], namespaces: tuple[str, ...], supported: SupportedProperties
) -> Ordering:
    """Order variants by the properties that the target supports.

    The order is total and does not depend on the order of the input. A variant fits if the target
    supports at least one value of each of its features (PEP 825, Variant properties).
    """
    ranks = _ranks(namespaces, supported)
    unranked: dict[str, int] = {}
    # Ranks grow with the namespace, the feature and the value, in this order, so that comparing
    # single numbers compares the specification's triples. The last one sorts a list that is the
    # beginning of another behind it (step 7).
    end = sum(len(values) for values in ranks.values())
    usable: list[tuple[list[int], str, Variant]] = []
    rejected = []
    for variant in variants:
        key = []
        for feature, values in variant.features:
            of_feature = ranks.get(feature, unranked)
            best = min((of_feature[value] for value in values if value in of_feature), default=None)
            if best is None:
                rejected.append(_rejection(variant.label, feature, values, supported))
                break
            key.append(best)
        else:
            key.sort()
            key.append(end)
            usable.append((key, variant.label, variant))
    usable.sort(key=lambda item: item[:2])
    rejected.sort(key=lambda rejection: rejection.label)
    return Ordering(tuple(variant for *_, variant in usable), tuple(rejected), supported)


def _ranks(
    namespaces: tuple[str, ...], supported: SupportedProperties
) -> dict[VariantFeature, dict[str, int]]:
    ranks: dict[VariantFeature, dict[str, int]] = {}
    position = 0
    for namespace in namespaces:
        for name, values in supported.get(namespace, NamespaceSupport()).features:
            ranks[VariantFeature(namespace, name)] = {
                value: position + index for index, value in enumerate(values)
            }
            position += len(values)
    return ranks


def _rejection(
    label: str, feature: VariantFeature, values: tuple[str, ...], supported: SupportedProperties
) -> Rejection:
    support = supported.get(feature.namespace, NamespaceSupport(absent="nothing supports it"))
    there = f"supported: {', '.join(support.values(feature.name)) or 'none'}"
    return Rejection(label, f"needs {feature} :: {' or '.join(values)}", support.absent or there)
