"""The alphabets of PEP 825 and the spelling of properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from support.strategies import NAME_ALPHABET, VALUE_ALPHABET, examples, properties

from pip_variants.errors import InvalidVariantLabel, InvalidVariantProperty
from pip_variants.model.names import (
    VariantFeature,
    VariantProperty,
    check_feature,
    check_label,
    check_namespace,
    check_value,
    meant,
    normal_requirement,
)

CHECKS = [
    (check_namespace, "namespace", NAME_ALPHABET, InvalidVariantProperty),
    (check_feature, "feature", NAME_ALPHABET, InvalidVariantProperty),
    (check_value, "value", VALUE_ALPHABET, InvalidVariantProperty),
    (check_label, "label", VALUE_ALPHABET, InvalidVariantLabel),
]
checks = pytest.mark.parametrize(
    ("check", "what", "alphabet", "error"), CHECKS, ids=[what for _, what, *_ in CHECKS]
)
spaces = st.text(" \t\n", max_size=3)


@checks
@given(data=st.data())
@examples(100)
def test_every_string_over_the_alphabet_is_accepted(check, what, alphabet, error, data):
    text = data.draw(st.text(alphabet, min_size=1))
    assert check(text) == text


@checks
@given(data=st.data())
@examples(100)
def test_one_character_outside_the_alphabet_is_refused(check, what, alphabet, error, data):
    start, end = data.draw(st.text(alphabet)), data.draw(st.text(alphabet))
    foreign = data.draw(st.characters(exclude_characters=alphabet))
    with pytest.raises(error):
        check(start + foreign + end)


@checks
@pytest.mark.parametrize(
    "text", ["", " ", "A", "a-b", "a+b", "a b", "a\n", "é", "ß", "²", "٣", "\N{KELVIN SIGN}", "a:b"]
)
def test_the_error_names_what_is_wrong(check, what, alphabet, error, text):
    with pytest.raises(error) as caught:
        check(text)
    assert f"invalid variant {what}" in str(caught.value)
    assert repr(text) in str(caught.value)


@checks
@pytest.mark.parametrize("value", [None, 3, True, b"a", ["a"], {}])
def test_what_is_no_string_is_refused(check, what, alphabet, error, value):
    with pytest.raises(error, match="invalid variant"):
        check(value)


@pytest.mark.parametrize("check", [check_namespace, check_feature])
def test_a_dot_is_for_values_and_labels_only(check):
    with pytest.raises(InvalidVariantProperty, match=r"'12\.8'"):
        check("12.8")
    assert check_value("12.8") == check_label("12.8") == "12.8"


def test_a_bad_label_is_told_from_a_bad_property():
    assert not issubclass(InvalidVariantLabel, InvalidVariantProperty)
    assert not issubclass(InvalidVariantProperty, InvalidVariantLabel)


@given(properties)
@examples(100)
def test_a_property_survives_being_written(found):
    assert VariantProperty.parse(str(found)) == found


@given(properties, st.lists(spaces, min_size=6, max_size=6))
@examples(100)
def test_space_around_the_separators_does_not_matter(found, around):
    """Ignore differences in whitespace around the `::` separators."""
    a, b, c, d, e, f = around
    text = f"{a}{found.namespace}{b}::{c}{found.feature}{d}::{e}{found.value}{f}"
    assert VariantProperty.parse(text) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x86_64 :: level :: v3", ("x86_64", "level", "v3")),
        ("x86_64 :: avx512_bf16 :: on", ("x86_64", "avx512_bf16", "on")),
        (
            "nvidia :: cuda_version_lower_bound :: 12.8",
            ("nvidia", "cuda_version_lower_bound", "12.8"),
        ),
        ("nvidia :: sm_arch :: 120_real", ("nvidia", "sm_arch", "120_real")),
    ],
)
def test_the_examples_of_pep_825(text, expected):
    assert VariantProperty.parse(text) == expected
    assert str(VariantProperty(*expected)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x86_64",
        "x86_64 :: level",
        "x86_64 : level : v3",
        "x86_64 :: level :: v3 :: more",
        ":: level :: v3",
        "x86_64 :: :: v3",
        "x86_64 :: level ::",
        "x86_64 ::: level :: v3",
        "X86_64 :: level :: v3",
        "x86.64 :: level :: v3",
        "x86_64 :: le vel :: v3",
        "x86_64 :: level :: v3+",
    ],
)
def test_the_error_names_the_property(text):
    with pytest.raises(InvalidVariantProperty) as caught:
        VariantProperty.parse(text)
    assert repr(text) in str(caught.value)


def test_the_error_names_the_part_of_the_property():
    with pytest.raises(
        InvalidVariantProperty, match=r"invalid variant feature .*'Level' in .*'x86_64::Level::v3'"
    ):
        VariantProperty.parse("x86_64::Level::v3")


@given(st.text())
@examples(100)
def test_any_text_is_a_property_or_refused(text):
    try:
        found = VariantProperty.parse(text)
    except InvalidVariantProperty:
        return
    assert VariantProperty.parse(str(found)) == found


def test_a_feature_is_written_like_a_property_without_value():
    assert str(VariantFeature("x86_64", "level")) == "x86_64 :: level"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a>=1,<2", " A < 2 , >= 1.0.0"),
        ("a-b.c", "A_B--C"),
        ("a (>=1)", "a>=1"),
        ("a[x,Y-z]", "a [ y_z , x ]"),
        ("a;os_name=='nt'", 'a ; os_name == "nt"'),
        (
            "a @ https://example.org/a;b.whl ; os_name=='nt'",
            "A@https://example.org/a;b.whl  ;os_name=='nt'",
        ),
        ("a==0", "a==0.0"),
    ],
)
def test_a_requirement_has_one_normal_form(one, two):
    assert Requirement(one) == Requirement(two)  # or the test is wrong
    assert normal_requirement(one) == normal_requirement(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a", "b"),
        ("a", "a[x]"),
        ("a", "a>=1"),
        ("a>=1", "a>=10"),
        ("a>=1", "a>1"),
        ("a~=1", "a~=1.0"),
        ("a===1", "a===1.0"),
        ("a==1.*", "a==1.0.*"),
        ("a==1+0", "a==1+0.0"),
        ("a; os_name == 'nt'", "a; os_name == 'NT'"),
        ("a; os_name == 'nt'", "a; os_name != 'nt'"),
        ("a; os_name == 'at'", "a; os_name == 'bt'"),
        ("a; os_name == 'ta'", "a; os_name == 'tb'"),
        ("a; os_name == 'a;b'", "a; os_name == 'ab'"),
        ("a; Xa", "a; Xb"),
        ("a===1X", "a===1"),
        ("a @ https://example.org/a", "a @ https://example.org/b"),
        ("a @ https://example.org/a,b,c", "a @ https://example.org/a,c,b"),
        ("-e .", "-e x"),
        ("?", "??"),
    ],
)
def test_other_requirements_have_another(one, two):
    assert normal_requirement(one) != normal_requirement(two)


parts = st.tuples(
    st.lists(st.sampled_from(("<2", ">=1.0", "!=1.5", "==1.*", "~=1.4", ">=1")), max_size=3),
    st.lists(st.sampled_from(("x", "y")), max_size=2),
    st.sampled_from(("", "os_name == 'nt'", "os_name != 'nt' and python_version < '4'")),
)


def spelled(found, draw):
    """A way to write a requirement with these parts."""
    specifiers, extras, marker = (draw(st.permutations(found[0])), found[1], found[2])
    space = st.sampled_from(("", " ", "  "))
    text = draw(st.sampled_from(("a-b", "A_b", "a.B")))
    if extras:
        text += f"{draw(space)}[{','.join(draw(space) + one for one in extras)}]"
    joined = f"{draw(space)},{draw(space)}".join(specifiers)
    text += f" ({joined})" if specifiers and draw(st.booleans()) else f"{draw(space)}{joined}"
    if draw(st.booleans()):
        marker = marker.replace("'", '"')
    return f"{text}{draw(space)};{draw(space)}{marker}" if marker else text


@given(parts, parts, st.data())
@examples(400)
def test_requirements_are_equal_where_packaging_says_so(one, two, data):
    for other in (one, two):
        texts = spelled(one, data.draw), spelled(other, data.draw)
        equal = normal_requirement(texts[0]) == normal_requirement(texts[1])
        assert equal == (Requirement(texts[0]) == Requirement(texts[1]))


@given(st.text(max_size=30))
def test_any_text_has_a_normal_form(text):
    assert normal_requirement(text) == normal_requirement(text)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("pytroch", "; did you mean pytorch?"),
        ("torch", "; did you mean torch2?"),
        ("numpy", ""),
        ("vxyz", "; did you mean wxyz?"),  # three of four letters
        ("onetwotxxxx", ""),  # seven of eleven
    ],
)
def test_the_nearest_of_the_known_names(name, end):
    assert meant(name, ["pytorch", "torch2", "x", "wxyz", "onetwothree"]) == end
