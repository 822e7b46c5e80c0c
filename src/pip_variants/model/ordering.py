"""Which variants a target can use, and in which order (PEP 825, Variant ordering)."""

from collections.abc import Iterable
from functools import cache
from itertools import count
from operator import itemgetter
from typing import NamedTuple

from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantFeature, VariantProperty
from pip_variants.model.support import NamespaceSupport, SupportedProperties


class Rejection(NamedTuple):
    """A label that the target cannot use, and the first feature that the target lacks.

    `feature` is None where the metadata does not list the label. `values` are those of the wheel,
    `supported` those of the target. `absent` and `remedy` are those of `NamespaceSupport`.
    """

    label: str
    feature: VariantFeature | None = None
    values: tuple[str, ...] = ()
    supported: tuple[str, ...] = ()
    absent: str = ""
    remedy: str = ""


class Ordering(NamedTuple):
    """Variants that the target can use, best first, and those that it cannot, by label."""

    best_first: tuple[Variant, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    supported: SupportedProperties = {}  # noqa: RUF012 - nobody writes to it

    def deciding(self, variant: Variant) -> tuple[VariantProperty, ...]:
        """For each feature of a usable variant the best value that the target supports (step 4)."""
        return tuple(
            VariantProperty(*feature, self.supported[feature.namespace].best(feature.name, values))
            for feature, values in variant.features
        )

    def unfit_devices(self, variant: Variant) -> tuple[str, ...]:
        """The devices of the target that cannot use a usable variant; others can."""
        found = {
            device: None
            for feature, values in variant.features
            for device, only in self.supported[feature.namespace].devices
            if only.name == feature.name and not set(only.values) & set(values)
        }
        return tuple(found)


def order(
    variants: Iterable[Variant], namespaces: tuple[str, ...], supported: SupportedProperties
) -> Ordering:
    """Order variants, which need one value of each feature (PEP 825, Variant properties); total."""
    # Ranks grow with the namespace, the feature and the value, in this order, so that comparing
    # single numbers compares the specification's triples. The last one sorts a list that is the
    # beginning of another behind it (step 7), and the label behind equal ones.
    ranks: dict[VariantFeature, dict[str, int]] = {}
    end = 0
    for namespace in namespaces:
        for name, values in supported.get(namespace, NamespaceSupport()).features:
            ranks[VariantFeature(namespace, name)] = dict(zip(values, count(end), strict=False))
            end += len(values)

    @cache  # thousands of labels share a few features with the same values
    def best(feature: VariantFeature, values: tuple[str, ...]) -> int:
        of_feature = ranks.get(feature, {})
        return min((of_feature[one] for one in values if one in of_feature), default=-1)

    usable: list[tuple[tuple[int | str, ...], Variant]] = []
    rejected = []
    nothing = NamespaceSupport(absent="nothing supports it")
    for variant in variants:
        key = [best(*item) for item in variant.features]
        if -1 in key:
            feature, values = variant.features[key.index(-1)]
            lack = supported.get(feature.namespace, nothing)
            found = lack.values(feature.name), lack.absent, lack.remedy
            rejected.append(Rejection(variant.label, feature, values, *found))
        else:
            usable.append(((*sorted(key), end, variant.label), variant))
    usable.sort(key=itemgetter(0))
    rejected.sort(key=lambda rejection: rejection.label)
    return Ordering(tuple(variant for _, variant in usable), tuple(rejected), supported)
