"""PEP 825, Variant ordering."""

from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import examples, situations

from pip_variants import reasons
from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantFeature, VariantProperty
from pip_variants.model.ordering import order
from pip_variants.model.support import NamespaceSupport, SupportedFeature


def pep_825(variants, default_priorities, target):
    """The algorithm of PEP 825, step by step as its text has it. Returns labels, best first."""
    # 1. The ordered list of namespaces.
    namespace_order = list(default_priorities)
    # 2. and 3. The ordered lists of compatible features, and of compatible values.
    feature_order: dict[str, list[str]] = {}
    value_order = {}
    for namespace in namespace_order:
        feature_order[namespace] = []
        if namespace in target:
            for feature, values in target[namespace].features:
                feature_order[namespace].append(feature)
                value_order[namespace, feature] = list(values)

    def compatible_values(namespace, feature, wanted):
        return [value for value in value_order.get((namespace, feature), []) if value in wanted]

    def is_compatible(features: Any) -> bool:
        return all(
            compatible_values(namespace, name, wanted) for (namespace, name), wanted in features
        )

    def sorted_keys(features):
        keys = []
        for (namespace, feature), wanted in features:
            # 4. The most preferred value of every feature of the variant.
            best = compatible_values(namespace, feature, wanted)[0]
            # 5. Its sort key: three indices.
            keys.append(
                (
                    namespace_order.index(namespace),
                    feature_order[namespace].index(feature),
                    value_order[namespace, feature].index(best),
                )
            )
        # 6. In ascending order.
        return sorted(keys)

    def compare(one, two):
        # 7. The first key that differs decides, else the greater number of keys, else the label.
        (label, keys), (other_label, other_keys) = one, two
        for key, other_key in zip(keys, other_keys, strict=False):
            if key != other_key:
                return -1 if key < other_key else 1
        if len(keys) != len(other_keys):
            return -1 if len(keys) > len(other_keys) else 1
        return (label > other_label) - (label < other_label)

    groups = [
        (variant.label, sorted_keys(variant.features))
        for variant in variants
        if is_compatible(variant.features)
    ]
    return [label for label, _ in sorted(groups, key=cmp_to_key(compare))]


def variant(label, **features):
    """`level="v3"` is the property `cpu :: level :: v3`; a list gives several values."""
    return Variant(
        label,
        tuple(
            (VariantFeature("cpu", name), (values,) if isinstance(values, str) else tuple(values))
            for name, values in sorted(features.items())
        ),
    )


CPU = NamespaceSupport(
    (SupportedFeature("level", ("v3", "v2", "v1")), SupportedFeature("avx2", ("on",)))
)


def labels(*variants, namespaces=("cpu",), cpu=CPU):
    return [found.label for found in order(variants, namespaces, {"cpu": cpu}).best_first]


def reason(found, target, namespaces=("cpu",)):
    (rejection,) = order([found], namespaces, target).rejected
    assert rejection.label == found.label
    return reasons.reason(rejection)


@given(situations)
@examples(1000)
def test_the_order_is_that_of_pep_825(situation):
    variants, namespaces, target = situation
    found = order(variants, namespaces, target)
    assert [one.label for one in found.best_first] == pep_825(variants, namespaces, target)


@given(situations, st.randoms(use_true_random=False))
@examples(400)
def test_the_order_of_the_input_does_not_matter(situation, random):
    variants, namespaces, target = situation
    shuffled = list(variants)
    random.shuffle(shuffled)
    assert order(shuffled, namespaces, target) == order(variants, namespaces, target)


@given(situations)
@examples(400)
def test_every_variant_is_either_ordered_or_rejected(situation):
    variants, namespaces, target = situation
    found = order(variants, namespaces, target)
    ordered = {one.label for one in found.best_first}
    rejected = [one.label for one in found.rejected]
    assert ordered.isdisjoint(rejected)
    assert ordered.union(rejected) == {one.label for one in variants}
    assert len(found.best_first) + len(found.rejected) == len(variants)
    assert rejected == sorted(rejected)


@given(situations)
@examples(400)
def test_a_rejection_names_a_missing_property_and_what_is_supported(situation):
    variants, namespaces, target = situation
    by_label = {one.label: one for one in variants}
    for rejection in order(variants, namespaces, target).rejected:
        expected = []
        for feature, values in by_label[rejection.label].features:
            support = target.get(feature.namespace)
            supported = support.values(feature.name) if support else ()
            if not set(values) & set(supported):
                needed = " or ".join(
                    [str(VariantProperty(feature.namespace, feature.name, values[0])), *values[1:]]
                )
                known = ", ".join(supported) or "none"
                expected.append(
                    f"needs {needed} (supported: {known})"
                    if support
                    else f"needs {needed} (nothing supports it)"
                )
        assert reasons.reason(rejection) in expected


@given(situations)
@examples(400)
def test_variants_without_properties_fit_everywhere_and_come_last(situation):
    """The null variant acts as a fallback variant that is always compatible."""
    variants, namespaces, target = situation
    found = order(variants, namespaces, target)
    has_none = [not one.features for one in found.best_first]
    assert has_none == sorted(has_none)
    assert sum(has_none) == sum(not one.features for one in variants)


@given(situations, st.data())
@examples(400)
def test_a_variant_that_extends_another_comes_before_it(situation, data):
    """The group with more keys is sorted earlier."""
    variants, namespaces, target = situation
    for longer in order(variants, namespaces, target).best_first:
        kept = data.draw(
            st.sets(st.sampled_from(longer.features)) if longer.features else st.just(set())
        )
        if len(kept) < len(longer.features):
            shorter = Variant("0", tuple(sorted(kept)))
            assert order([shorter, longer], namespaces, target).best_first == (longer, shorter)


@given(situations)
@examples(400)
def test_the_best_supported_value_of_every_feature_decides(situation):
    """Step 4: among the values the one with the lowest position in the ordered value list."""
    variants, namespaces, target = situation
    found = order(variants, namespaces, target)
    for one in found.best_first:
        assert found.deciding(one) == tuple(
            VariantProperty(*feature, min(set(values) & set(supported), key=supported.index))
            for feature, values in one.features
            for supported in [target[feature.namespace].values(feature.name)]
        )


def test_devices_that_cannot_use_a_variant_which_others_can():
    devices = tuple(
        (name, SupportedFeature("level", levels))
        for name, levels in (("new", ("v3", "v2")), ("old", ("v2", "v1")), ("older", ("v1",)))
    )
    supported = CPU._replace(devices=(*devices, ("older", SupportedFeature("avx2", ()))))
    found = order([], ("cpu",), {"cpu": supported})
    assert found.unfit_devices(variant("a", level="v3")) == ("old", "older")
    assert found.unfit_devices(variant("a", level=["v2", "v3"], avx2="on")) == ("older",)
    assert found.unfit_devices(variant("a", level=["v1", "v3"])) == ()
    assert found.unfit_devices(variant("a", sve="on")) == ()


def test_a_better_value_comes_first():
    assert labels(variant("a", level="v1"), variant("b", level="v3")) == ["b", "a"]


def test_a_feature_counts_with_its_best_supported_value():
    several = variant("b", level=["v1", "v3", "v9"])
    assert labels(variant("a", level="v2"), several) == ["b", "a"]


def test_an_earlier_feature_outweighs_a_later_one():
    assert labels(variant("a", avx2="on"), variant("b", level="v1")) == ["b", "a"]


def test_an_earlier_namespace_outweighs_a_later_one():
    gpu = Variant("b", ((VariantFeature("gpu", "arch"), ("90",)),))
    target = {"cpu": CPU, "gpu": NamespaceSupport((SupportedFeature("arch", ("100", "90")),))}
    found = order([variant("a", level="v3"), gpu], ("gpu", "cpu"), target)
    assert [one.label for one in found.best_first] == ["b", "a"]


def test_equal_properties_are_ordered_by_label():
    assert labels(variant("b", level="v3"), variant("a", level=["v3", "v2"])) == ["a", "b"]


def test_the_null_variant_comes_last():
    assert labels(Variant("null"), variant("zzz", level="v1")) == ["zzz", "null"]


def test_nothing_is_ordered_for_no_variants():
    found = order([], ("cpu",), {"cpu": CPU})
    assert (found.best_first, found.rejected) == ((), ())


def test_one_supported_value_of_every_feature_is_enough():
    assert labels(variant("a", level=["v3", "v4"], avx2="on")) == ["a"]


def test_every_feature_must_be_supported():
    assert labels(variant("a", level="v4", avx2="on")) == []


def test_the_reason_names_property_and_supported_values():
    found = reason(variant("a", level="v4"), {"cpu": CPU})
    assert found == "needs cpu :: level :: v4 (supported: v3, v2, v1)"


def test_the_reason_tells_what_is_missing_from_what_there_is():
    (rejection,) = order([variant("a", level="v4")], ("cpu",), {"cpu": CPU}).rejected
    assert reasons.missing(rejection) == "needs cpu :: level :: v4"
    assert reasons.cause(rejection) == "supported: v3, v2, v1"


def test_the_reason_names_every_value_that_would_do():
    found = reason(variant("a", level=["v4", "v5"]), {"cpu": CPU})
    assert found == "needs cpu :: level :: v4 or v5 (supported: v3, v2, v1)"


def test_the_reason_says_that_a_feature_is_not_supported_at_all():
    assert (
        reason(variant("a", sve="on"), {"cpu": CPU}) == "needs cpu :: sve :: on (supported: none)"
    )


def test_the_reason_says_why_a_namespace_is_empty():
    target = {"cpu": NamespaceSupport(absent="no such processor")}
    assert (
        reason(variant("a", level="v3"), target) == "needs cpu :: level :: v3 (no such processor)"
    )


def test_the_reason_says_that_nothing_supports_a_namespace():
    assert reason(variant("a", level="v3"), {}) == "needs cpu :: level :: v3 (nothing supports it)"


@pytest.mark.parametrize("backwards", [False, True])
def test_rejections_are_ordered_by_label(backwards):
    found = sorted([variant("b", level="v8"), variant("a", level="v9")], key=str, reverse=backwards)
    rejected = order(found, ("cpu",), {"cpu": CPU}).rejected
    assert [(rejection.label, reasons.reason(rejection)) for rejection in rejected] == [
        ("a", "needs cpu :: level :: v9 (supported: v3, v2, v1)"),
        ("b", "needs cpu :: level :: v8 (supported: v3, v2, v1)"),
    ]
