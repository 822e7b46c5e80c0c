"""A wheel that means something else than its index said (PEP 825, Metadata consistency)."""

import pytest
from hypothesis import given
from support.strategies import examples, metadata

from pip_variants.model.consistency import Contradiction, contradiction
from pip_variants.model.metadata import VariantMetadata

PEP_850 = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
PEP_825 = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"
NEWER = "https://example.org/v0.3.0.json"

PLUGIN = {"requires": ["cpu-provider>=0.2,<1"]}
STATIC = {"static-properties": {"level": ["v3", "v2"]}}
V3 = {"level": ["v3"]}


def release(provider=PLUGIN, schema=PEP_850, level=V3, **others):
    """Metadata whose variant `v3` uses `cpu`; `others` are providers that it does not use."""
    providers = {"cpu": provider, **others} if provider is not None else {}
    return VariantMetadata.from_json(
        {
            "$schema": schema,
            "default-priorities": {"namespace": ["cpu", *others]},
            **({"providers": providers} if providers else {}),
            "variants": {"v3": {"cpu": level}, "null": {}},
        },
        "demo.json",
    )


def both_ways(one, two, label="v3"):
    found = [contradiction(one, two, label), contradiction(two, one, label)]
    assert bool(found[0]) == bool(found[1])
    return found[0]


ANOTHER_PROVIDER = Contradiction("another provider for cpu", "cpu")


@given(metadata())
@examples(100)
def test_nothing_contradicts_itself(found):
    for label in found.variants:
        assert contradiction(found, found, label) is None


def test_other_properties_are_a_contradiction_of_this_label_alone():
    found = contradiction(release(), release(level={"level": ["v4", "v3"]}), "v3")
    assert found == ("cpu :: level :: v3, cpu :: level :: v4 instead of cpu :: level :: v3", None)
    found = contradiction(release(), release(level={}), "v3")
    assert found == ("no properties instead of cpu :: level :: v3", None)


@pytest.mark.parametrize(
    "other",
    [
        {"requires": ["other-provider>=0.2,<1"]},
        {"requires": ["cpu-provider>=0.3,<1"]},
        {"requires": ["cpu-provider"]},
        {"requires": ["cpu-provider>=0.2,<1; python_version > '3'"]},
        {"requires": ["cpu-provider>=0.2,<1", "more"]},
        {**PLUGIN, "plugin-api": "other"},
        STATIC,
        {"builtin": "abi_dependency"},
    ],
)
def test_another_provider_is_a_contradiction(other):
    assert both_ways(release(), release(other)) == ANOTHER_PROVIDER


@pytest.mark.parametrize(
    "requirement",
    [
        "cpu-provider<1,>=0.2",
        "cpu-provider >=0.2, <1",
        "CPU_Provider>=0.2.0,<1.0",
        "cpu.provider (>=0.2,<1)",
        "cpu-provider[]>=0.2,<1",
    ],
)
@pytest.mark.parametrize("api", [{}, {"plugin-api": "cpu_provider"}])
def test_another_spelling_is_none(requirement, api):
    assert both_ways(release(), release({"requires": [requirement], **api})) is None


@pytest.mark.parametrize("schema", [PEP_850, PEP_825])
def test_a_provider_that_is_left_out_contradicts_nothing(schema):
    assert both_ways(release(), release(None, schema)) is None


def test_what_the_variant_does_not_use_does_not_matter():
    one = release(gpu={"requires": ["a"]})
    assert both_ways(one, release(gpu={"requires": ["b"]})) is None
    assert both_ways(one, release()) is None


def test_the_null_variant_contradicts_nothing():
    assert both_ways(release(), release(STATIC, level={}), "null") is None


@pytest.mark.parametrize("other", [{"static-properties": {"level": ["v2", "v3"]}}, PLUGIN])
def test_static_providers_are_compared_by_their_features(other):
    assert both_ways(release(STATIC), release(STATIC)) is None
    assert both_ways(release(STATIC), release(other)) == ANOTHER_PROVIDER


@pytest.mark.parametrize(
    ("schema", "other"),
    [(NEWER, {"wasm": {}}), (NEWER, STATIC), ("https://example.org/v0.1.0.json", STATIC)],
)
def test_another_draft_may_say_it_by_another_kind_of_provider(schema, other):
    assert both_ways(release(), release(other, schema)) is None


@pytest.mark.parametrize("schema", [PEP_850, NEWER])
def test_the_same_kind_is_compared_whatever_the_draft(schema):
    assert both_ways(release(), release(PLUGIN, schema)) is None
    assert both_ways(release(), release({"requires": ["b"]}, schema)) == ANOTHER_PROVIDER


def test_optional_is_for_the_index_to_say():
    assert both_ways(release(), release({**PLUGIN, "optional": True})) is None
