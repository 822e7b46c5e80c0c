"""Variant markers: decided where they speak of variants, left alone elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement

from pip_variants.errors import InvalidVariantProperty
from pip_variants.model.markers import MarkerContext, resolve, resolve_requirement
from pip_variants.model.metadata import Variant
from pip_variants.model.names import VariantProperty

FOO = Variant.of(
    "foobar", (VariantProperty("foo", "bar", "baz"), VariantProperty("foo", "bar", "old"))
)
ON_TARGET = MarkerContext.of(FOO, lambda one: one.value == "baz")
PLAIN = MarkerContext()


@pytest.mark.parametrize(
    ("marker", "for_foobar", "for_plain"),
    [
        # The examples of PEP 825, Environment markers.
        ('variant_label == "foobar"', True, False),
        ('variant_label != "null"', True, True),
        ('variant_label == ""', False, True),
        ('"foo" in variant_namespaces', True, False),
        ('"foo :: bar" in variant_features', True, False),
        ('"foo :: bar :: baz" in variant_properties', True, False),
        ('"foo::bar::baz" in variant_properties', True, False),
        ('"foo ::bar::  baz" in variant_properties', True, False),
        # The target supports one of the two values only.
        ('"foo :: bar :: old" in variant_properties', False, False),
        ('"foo :: bar :: old" not in variant_properties', True, True),
        ("'nothing like this' in variant_properties", False, False),
        ("'FOO' in variant_namespaces", False, False),
        ("'bar' in variant_label", True, False),
        ("variant_label in 'foobar null'", True, True),
        ("'null' not in variant_label", True, True),
        ("'foobar' == variant_label", True, False),
        ("variant_label === 'foobar'", True, False),
        ("(variant_label == 'foobar' or 'x' in variant_features)", True, False),
        ("variant_label == 'foobar' and 'x' in variant_features", False, False),
        (
            "variant_label == 'x' or 'foo' in variant_namespaces and variant_label != ''",
            True,
            False,
        ),
    ],
)
def test_what_speaks_of_variants_is_decided(marker, for_foobar, for_plain) -> None:
    assert resolve(marker, ON_TARGET) is for_foobar
    assert resolve(marker, PLAIN) is for_plain


@pytest.mark.parametrize(
    ("requirement", "left"),
    [
        ("dep", "dep"),
        ("dep; extra == 'a'", "dep; extra == 'a'"),
        ("dep[x]>=1,<2 ; variant_label == 'foobar'", "dep[x]>=1,<2"),
        ("dep (>=1); variant_label == 'no'", None),
        ("dep; extra == 'a' and variant_label == 'foobar'", "dep; extra == 'a'"),
        ("dep; extra == 'a' or variant_label == 'no'", "dep; extra == 'a'"),
        ("dep; extra == 'a' or variant_label == 'foobar'", "dep"),
        (
            "dep; variant_label == 'foobar' and (os.name == 'nt' or extra == \"a\")",
            "dep; os.name == 'nt' or extra == \"a\"",
        ),
        (
            "dep; (os_name == 'nt' or extra == 'a') and extra != 'b' and variant_label == 'foobar'",
            "dep; (os_name == 'nt' or extra == 'a') and extra != 'b'",
        ),
        (
            "dep @ https://example.org/a;b.whl ; variant_label == 'foobar' and extra == 'x'",
            "dep @ https://example.org/a;b.whl ; extra == 'x'",
        ),
        ("dep @ https://example.org/a;b.whl", "dep @ https://example.org/a;b.whl"),
        ("variant_dep", "variant_dep"),
        ("dep; extra == 'variant_x'", "dep; extra == 'variant_x'"),
    ],
)
def test_what_is_left_of_a_requirement(requirement, left) -> None:
    assert resolve_requirement(requirement, ON_TARGET) == left


@pytest.mark.parametrize(
    "marker",
    [
        "variant_label",
        "variant_label ==",
        "variant_label == 'x",
        "variant_label == 'x' and",
        "(variant_label == 'x'",
        "variant_label == 'x')",
        "variant_label < 'x'",
        "variant_label == variant_label",
        "variant_label == os_name",
        "variant_properties in 'x'",
        "'x' == variant_properties",
        "os_name in variant_properties",
        "variant_label not 'x'",
        "; variant_label == 'x'",
        "(" * 500 + "variant_label == 'x'" + ")" * 500,
    ],
)
def test_what_cannot_be_read_is_refused(marker: str) -> None:
    with pytest.raises(InvalidVariantProperty, match="invalid environment marker"):
        resolve(marker, ON_TARGET)


def test_parentheses_may_be_nested_fifty_times() -> None:
    """Below what Python's own stack can do, wherever it stands when a dependency is read."""
    deepest = "(" * 50 + "variant_label == 'foobar'" + ")" * 50
    assert resolve(deepest, ON_TARGET) is True
    with pytest.raises(InvalidVariantProperty, match="invalid environment marker"):
        resolve(f"({deepest})", ON_TARGET)


ATOMS = st.sampled_from(
    [
        ("variant_label == 'foobar'", True),
        ("variant_label != 'foobar'", False),
        ("'foo::bar' in variant_features", True),
        ("'nope' in variant_namespaces", False),
        ("extra == 'a'", None),
        ("extra != 'b'", None),
        ("'c' in extra", None),
    ]
)
TREES = st.recursive(
    ATOMS, lambda inner: st.tuples(st.sampled_from(["and", "or"]), inner, inner), max_leaves=12
)


def text_of(tree) -> str:
    if len(tree) == 2:
        return tree[0]
    return f"({text_of(tree[1])} {tree[0]} {text_of(tree[2])})"


def truth_of(tree, extra: str) -> bool:
    if len(tree) == 3:
        one, two = truth_of(tree[1], extra), truth_of(tree[2], extra)
        return (one and two) if tree[0] == "and" else (one or two)
    return tree[1] if tree[1] is not None else Marker(tree[0]).evaluate({"extra": extra})


@given(TREES, st.booleans())
def test_what_is_left_is_as_true_as_the_whole(tree, outer: bool) -> None:
    text = text_of(tree)
    left = resolve(text[1:-1] if outer and len(tree) == 3 else text, ON_TARGET)
    for extra in ("", "a", "b", "c"):
        now = left if isinstance(left, bool) else Marker(left).evaluate({"extra": extra})
        assert now is truth_of(tree, extra)


@given(TREES)
def test_what_is_left_is_a_requirement_that_every_tool_can_read(tree) -> None:
    left = resolve_requirement(f"dep>=1; {text_of(tree)}", ON_TARGET)
    assert left is None or Requirement(left).name == "dep"
