"""Names of wheels and of index-level metadata files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import examples, values

from pip_variants.errors import InvalidVariantLabel, InvalidWheelFilename
from pip_variants.model.filename import (
    WheelFilename,
    index_metadata_filename,
    split_index_metadata_filename,
)
from pip_variants.model.names import normalised

parts = st.text(st.characters(exclude_characters="-\n"), min_size=1, max_size=8)
builds = st.builds("{}{}".format, st.integers(0, 99), st.text("ab_.", max_size=3))
filenames = st.builds(
    WheelFilename,
    distribution=parts,
    version=parts,
    build=st.none() | builds,
    python=parts.filter(lambda tag: not tag[0].isdigit()),
    abi=parts,
    platform=parts,
    label=st.none() | values,
)


@given(filenames)
@examples(300)
def test_parts_survive_being_written(filename):
    assert WheelFilename.parse(str(filename)) == filename


@given(filenames.map(str))
@examples(300)
def test_names_survive_being_read(text):
    assert str(WheelFilename.parse(text)) == text


@given(
    st.lists(st.text("a1_. A", max_size=3), max_size=9).map("-".join),
    st.sampled_from(["", ".whl", ".zip"]),
)
@examples(500)
def test_any_name_is_read_exactly_or_refused(stem, extension):
    try:
        filename = WheelFilename.parse(stem + extension)
    except InvalidWheelFilename:
        return
    assert str(filename) == stem + extension
    assert not filename.python[0].isdigit()
    assert filename.build is None or filename.build[0].isdigit()


@pytest.mark.parametrize(
    ("text", "build", "python", "label"),
    [
        ("numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64.whl", None, "cp313", None),
        ("numpy-2.3.2-1-cp313-cp313t-musllinux_1_2_x86_64.whl", "1", "cp313", None),
        ("numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64-x86_64_v3.whl", None, "cp313", "x86_64_v3"),
        (
            "numpy-2.3.2-1-cp313-cp313t-musllinux_1_2_x86_64-x86_64_v3.whl",
            "1",
            "cp313",
            "x86_64_v3",
        ),
        ("numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64-null.whl", None, "cp313", "null"),
        # A label may start with a digit, and a build tag may look like a Python tag.
        ("demo-1.0-py3-none-any-12.8.whl", None, "py3", "12.8"),
        ("demo-1.0-1-py3-none-any-2.whl", "1", "py3", "2"),
        ("demo-1.0-1_py3-py3-none-any.whl", "1_py3", "py3", None),
        (
            "demo-1.0-py2.py3-none-any-a_very_long_label_of_more_than_16.whl",
            None,
            "py2.py3",
            "a_very_long_label_of_more_than_16",
        ),
    ],
)
def test_a_build_tag_starts_with_a_digit_and_a_python_tag_does_not(text, build, python, label):
    filename = WheelFilename.parse(text)
    assert (filename.build, filename.python, filename.label) == (build, python, label)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".whl",
        "demo.whl",
        "demo-1.0-py3-none-any",
        "demo-1.0-py3-none-any.zip",
        "demo-1.0-py3-none-any.WHL",
        "demo-1.0-py3-none-any.whl.metadata",
        "demo-1.0.tar.gz",
        "demo-1.0-variants.json",
        "demo-1.0-py3-none.whl",
        "demo-1.0-1-py3-none.whl",  # a build tag, but no platform tag
        "demo-1.0-1-3py-none-any.whl",  # the Python tag starts with a digit
        "demo-1.0-1-3py-none-any-label.whl",
        "demo-1.0-3py-none-any.whl",
        "demo-1.0-b1-py3-none-any-label.whl",  # neither build tag nor Python tag
        "demo-1.0-py3-none-any-one-two.whl",
        "demo-1.0-1-py3-none-any-one-two.whl",
        "-1.0-py3-none-any.whl",
        "demo--py3-none-any.whl",
        "demo-1.0--none-any.whl",
        "demo-1.0--py3-none-any.whl",
        "demo-1.0-py3--any.whl",
        "demo-1.0-py3-none-.whl",
        "demo-1.0-1--none-any.whl",
        "demo-1.0-py3-none--label.whl",
    ],
)
def test_what_is_no_wheel_is_refused(text):
    with pytest.raises(InvalidWheelFilename) as caught:
        WheelFilename.parse(text)
    assert "invalid wheel file name" in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("label", ["", "V3", "a+b", "a b", "é", "a\n"])
def test_a_bad_label_is_refused_with_the_file(label):
    text = f"demo-1.0-py3-none-any-{label}.whl"
    with pytest.raises(InvalidWheelFilename) as caught:
        WheelFilename.parse(text)
    assert f"{label!r} in {text!r}" in str(caught.value)


@given(filenames, values)
@examples(100)
def test_a_label_is_replaced_and_nothing_else(filename, label):
    labelled = filename.with_label(label)
    assert labelled.label == label
    assert labelled.with_label(filename.label) == filename


@given(filenames)
@examples(100)
def test_a_label_can_be_taken_away(filename):
    plain = filename.with_label(None)
    assert plain.label is None
    assert WheelFilename.parse(str(plain)) == plain


def test_a_bad_label_cannot_be_given():
    with pytest.raises(InvalidVariantLabel, match="'V3'"):
        WheelFilename.parse("demo-1.0-py3-none-any.whl").with_label("V3")


@given(st.lists(parts, min_size=1, max_size=3).map("-".join), parts)
@examples(100)
def test_an_index_metadata_name_is_taken_apart_again(distribution, version):
    name = index_metadata_filename(distribution, version)
    parts = split_index_metadata_filename(name)
    assert parts == (normalised(distribution).replace("-", "_"), version)
    assert index_metadata_filename(*parts) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("foo-1.2.3-variants.json", ("foo", "1.2.3")),
        ("my-dashed-name-1.0-variants.json", ("my-dashed-name", "1.0")),
        ("my_name-1.0+cu128-variants.json", ("my_name", "1.0+cu128")),
        ("foo-1.2.3-variants.json.metadata", None),
        ("foo-1.2.3-py3-none-any.whl", None),
        ("foo-1.2.3_variants.json", None),
        ("foo-variants.json", None),
        ("foo--variants.json", None),
        ("-1.0-variants.json", None),
        ("-variants.json", None),
        ("variants.json", None),
        ("", None),
    ],
)
def test_an_index_metadata_name_has_a_distribution_and_a_version(name, expected):
    assert split_index_metadata_filename(name) == expected
