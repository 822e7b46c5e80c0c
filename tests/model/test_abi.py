"""ABI dependencies: their two spellings, what a release stands for, and requirements for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pip_variants.model.abi import AbiDependency, abi_dependencies, belongs_to, newest_first
from pip_variants.model.metadata import VariantMetadata

numbers = st.integers(0, 12)
releases = st.lists(numbers, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
versions = st.builds(
    lambda parts, more: ".".join(map(str, parts)) + more,
    st.lists(numbers, min_size=1, max_size=4),
    st.sampled_from(["", ".post1", "+cu128", "+local.1"]),
)


def metadata(namespace: str, providers: dict) -> VariantMetadata:
    return VariantMetadata.from_json(
        {
            "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
            "default-priorities": {"namespace": list(providers) or ["x"]},
            "providers": providers or {"x": {"static-properties": {}}},
            "variants": {"one": {namespace: {"my_runtime": ["2.8", "2.10"]}}},
        },
        "here",
    )


@pytest.mark.parametrize(
    ("namespace", "providers"),
    [("abi_dependency", {}), ("abi", {"abi": {"builtin": "abi_dependency"}})],
)
def test_both_spellings(namespace: str, providers: dict) -> None:
    found = metadata(namespace, providers)
    expected = AbiDependency("my-runtime", ("2.10", "2.8"))
    assert abi_dependencies(found.variants["one"], found) == (expected,)


def test_other_namespaces_are_not_packages() -> None:
    found = metadata("abi", {"abi": {"requires": ["abi-dependency"]}})
    assert abi_dependencies(found.variants["one"], found) == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2.9"], ["torch==2.9.*"]),
        (["2"], ["torch==2.*"]),
        (["2.8", "2.9"], ["torch>=2.8,<2.10"]),
        (["2.8", "2.10"], ["torch>=2.8,<2.11,!=2.9.*"]),
        (["2.0", "1.13"], ["torch==2.0.*", "torch==1.13.*"]),
        (["1", "2000000"], ["torch==2000000.*", "torch==1.*"]),
        (["1", "52"], ["torch>=1,<53" + "".join(f",!={one}.*" for one in range(2, 52))]),
        (["1", "53"], ["torch==53.*", "torch==1.*"]),
    ],
)
def test_requirements(values: list[str], expected: list[str]) -> None:
    assert list(AbiDependency("torch", tuple(values)).requirements) == expected


@given(st.lists(releases, min_size=1, max_size=6, unique=True), versions)
def test_requirements_admit_what_belongs_to_one_of_the_releases(wanted, version) -> None:
    requirements = AbiDependency("torch", tuple(wanted)).requirements
    admitted = any(Requirement(text).specifier.contains(version) for text in requirements)
    assert admitted is any(belongs_to(version, release) for release in wanted)


@pytest.mark.parametrize(("version", "is_one"), [("0!2.9.1", True), ("0!2.90", False)])
def test_the_epoch_0_is_that_of_versions_without_one(version: str, is_one: bool) -> None:
    assert belongs_to(version, "2.9") is is_one


@given(releases, versions)
def test_a_release_is_a_prefix(release: str, version: str) -> None:
    assert belongs_to(version, release) is SpecifierSet(f"=={release}.*").contains(version)


@given(releases, st.integers(0, 2), releases)
def test_zeros_at_the_end_of_a_version_may_be_left_out(release: str, more: int, other: str) -> None:
    longer = ".".join([*release.split("."), *["0"] * more][:3])
    assert belongs_to(release, longer)
    for version in (release, other):
        expected = SpecifierSet(f"=={longer}.*").contains(version)
        assert belongs_to(version, longer) is expected


@pytest.mark.parametrize("invalid", ["02.8", "2.8.0.1", "2.", "v2", "2.8rc1", "", "1_0"])
def test_what_is_no_release_is_left_out(invalid: str) -> None:
    assert newest_first([invalid, "2.9", "2.10"]) == ("2.10", "2.9")


@pytest.mark.parametrize("version", ["1!2.9", "nonsense", ""])
def test_odd_versions_belong_to_nothing(version: str) -> None:
    assert not belongs_to(version, "2.9")
