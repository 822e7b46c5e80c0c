"""What a target supports, and how drafts before PEP 825 reorder it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import examples, few_names, few_values, supports

from pip_variants.model.support import Answer, NamespaceSupport, SupportedFeature

LEVELS = NamespaceSupport(
    (SupportedFeature("level", ("v3", "v2", "v1")), SupportedFeature("avx2", ("on",)))
)


def test_values_come_in_order_of_preference():
    assert LEVELS.values("level") == ("v3", "v2", "v1")


def test_a_feature_that_is_not_supported_has_no_values():
    assert LEVELS.values("sve") == ()
    assert NamespaceSupport().values("level") == ()


def test_named_features_come_first():
    preferred = LEVELS.preferring(("avx2",), {})
    assert preferred.features == (LEVELS.features[1], LEVELS.features[0])


def test_named_values_come_first():
    assert LEVELS.preferring((), {"level": ("v1", "v2")}).values("level") == ("v1", "v2", "v3")


def test_names_that_are_not_supported_stay_unsupported():
    assert LEVELS.preferring(("sve", "level"), {"level": ("v4",), "sve": ("on",)}) == LEVELS


def test_the_reason_for_supporting_nothing_stays():
    assert NamespaceSupport(absent="no GPU").preferring(("a",), {"a": ("b",)}).absent == "no GPU"


def test_the_best_of_some_values():
    assert LEVELS.best("level", ["v1", "v4", "v2"]) == "v2"
    with pytest.raises(ValueError, match="empty"):
        LEVELS.best("level", ["v4"])


def test_an_answer_of_nobody_says_what_a_package_registers_instead():
    absent = NamespaceSupport(absent="it registers cpu2")
    assert (Answer("cpu", absent).elsewhere, Answer("cpu", absent, by="me").elsewhere) == (
        "it registers cpu2",
        "",
    )
    assert Answer("cpu", LEVELS).features == LEVELS.features


preferred_names = st.lists(few_names | st.just("unknown"), max_size=5).map(tuple)
preferred_values = st.dictionaries(
    few_names | st.just("unknown"), st.lists(few_values | st.just("unknown"), max_size=5).map(tuple)
)


def front(preferred, items):
    """The items, those that are preferred first and in the order of the preference."""
    return sorted(
        items,
        key=lambda item: (
            preferred.index(item) if item in preferred else len(preferred),
            items.index(item),
        ),
    )


@given(supports(), preferred_names, preferred_values)
@examples(400)
def test_preferring_moves_and_never_adds_or_loses(support, names, values):
    result = support.preferring(names, values)
    expected = front(names, [name for name, _ in support.features])
    assert [name for name, _ in result.features] == expected
    for name, supported in result.features:
        assert list(supported) == front(values.get(name, ()), list(support.values(name)))


@given(supports())
@examples(100)
def test_preferring_nothing_changes_nothing(support):
    assert support.preferring((), {}) == support
