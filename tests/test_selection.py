"""From metadata and what a target supports to the variants that it can use."""

import pytest

from pip_variants.errors import ProviderFailed
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.model.names import VariantProperty
from pip_variants.model.ordering import Ordering
from pip_variants.model.support import NamespaceSupport, SupportedFeature
from pip_variants.reasons import reason
from pip_variants.selection import Choices, select, select_from_sources

SCHEMA = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
DRAFT = "https://variants-schema.wheelnext.dev/v0.0.3.json"


class Machine:
    """An asker that knows its answers by package, and remembers what it was asked."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def supported(self, provider):
        self.asked.append(provider)
        return self.answers[provider.package]

    def listed(self, namespace, provider):
        return None

    def supported_in(self, namespace):
        return self.answers[f"{namespace}-provider"]

    @property
    def packages(self):
        return [provider.package for provider in self.asked]


class NobodyToAsk:
    """An asker for what must be known without asking."""

    def supported(self, provider):
        pytest.fail(f"asked for {provider}")

    def listed(self, namespace, provider):
        return None

    def supported_in(self, namespace):
        pytest.fail(f"asked for {namespace}")


def features(**values):
    return NamespaceSupport(
        tuple(SupportedFeature(name, tuple(found.split())) for name, found in values.items())
    )


def metadata(providers, schema=SCHEMA, **variants):
    """A variant is written `x86_64=dict(level="v3")`: feature and value, or values."""
    return VariantMetadata.from_json(
        {
            "$schema": schema,
            "default-priorities": {"namespace": list(providers)},
            "providers": providers,
            "variants": {
                label: {
                    namespace: {name: values.split() for name, values in found.items()}
                    for namespace, found in variant.items()
                }
                for label, variant in variants.items()
            },
        },
        "demo.json",
    )


CPU_AND_GPU = metadata(
    {"gpu": {"requires": ["gpu-provider"]}, "cpu": {"requires": ["cpu-provider"]}},
    v3={"cpu": {"level": "v3"}},
    v4={"cpu": {"level": "v4"}},
    cuda={"gpu": {"arch": "90"}},
    cuda_v3={"gpu": {"arch": "90"}, "cpu": {"level": "v3"}},
)
CPU = features(level="v3 v2 v1")
GPU = features(arch="100 90")


def machine(**changes):
    return Machine(**{"cpu-provider": CPU, "gpu-provider": GPU, **changes})


def labels(ordering):
    return [variant.label for variant in ordering.best_first]


def reasons(ordering):
    return {rejection.label: reason(rejection) for rejection in ordering.rejected}


def rejected(metadata, label, asker):
    """Why the only label is rejected."""
    ordering = select(metadata, [label], asker)
    assert labels(ordering) == []
    assert list(reasons(ordering)) == [label]
    return reasons(ordering)[label]


def test_variants_come_best_first_and_the_rest_is_explained():
    ordering = select(CPU_AND_GPU, ["null", "v3", "v4", "cuda", "cuda_v3"], machine())
    assert labels(ordering) == ["cuda_v3", "cuda", "v3", "null"]
    assert ordering.best_first[0] == CPU_AND_GPU.variants["cuda_v3"]
    assert reasons(ordering) == {"v4": "needs cpu :: level :: v4 (supported: v3, v2, v1)"}


def test_what_was_asked_for_is_kept():
    ordering = select(CPU_AND_GPU, ["cuda_v3"], machine())
    assert ordering.supported == {"cpu": CPU, "gpu": GPU}
    assert [str(found) for found in ordering.deciding(ordering.best_first[0])] == [
        "cpu :: level :: v3",
        "gpu :: arch :: 90",
    ]


@pytest.mark.parametrize(
    ("wanted", "packages"),
    [
        ([], []),
        (["null"], []),
        (["unlisted"], []),
        (["v3"], ["cpu-provider"]),
        (["v3", "v4", "null"], ["cpu-provider"]),
        (["cuda"], ["gpu-provider"]),
        (["cuda_v3"], ["cpu-provider", "gpu-provider"]),
        (["v3", "cuda"], ["cpu-provider", "gpu-provider"]),
    ],
)
def test_only_namespaces_that_the_labels_use_are_asked_for_and_each_once(wanted, packages):
    asker = machine()
    select(CPU_AND_GPU, wanted, asker)
    assert asker.packages == packages


def test_the_provider_is_asked_as_the_metadata_describes_it():
    asker = machine()
    select(CPU_AND_GPU, ["cuda"], asker)
    assert asker.asked == [CPU_AND_GPU.providers["gpu"]]


def test_the_order_and_the_number_of_labels_do_not_matter():
    once = select(CPU_AND_GPU, ["cuda", "v3", "v4", "null"], machine())
    assert select(CPU_AND_GPU, iter(["null", "v4", "v3", "v3", "cuda", "v4"]), machine()) == once


def test_labels_that_are_not_given_do_not_matter():
    assert labels(select(CPU_AND_GPU, ["v3"], machine())) == ["v3"]


def test_the_null_variant_needs_no_metadata():
    """`null` always corresponds to the variant with zero properties."""
    assert "null" not in CPU_AND_GPU.variants
    assert labels(select(CPU_AND_GPU, ["null"], NobodyToAsk())) == ["null"]


def test_an_unlisted_label_is_rejected():
    assert rejected(CPU_AND_GPU, "v5", NobodyToAsk()) == "is not listed in the variant metadata"


def test_rejections_are_sorted_whatever_their_reason():
    ordering = select(CPU_AND_GPU, ["zz", "v4", "aa"], machine())
    assert list(reasons(ordering)) == ["aa", "v4", "zz"]


def test_a_static_provider_is_used_without_asking():
    found = metadata(
        {"blas": {"static-properties": {"library": ["accelerate", "openblas", "mkl"]}}},
        mkl={"blas": {"library": "mkl"}},
        openblas={"blas": {"library": "openblas"}},
        blis={"blas": {"library": "blis"}},
    )
    ordering = select(found, found.variants, NobodyToAsk())
    assert labels(ordering) == ["openblas", "mkl"]
    assert reasons(ordering) == {
        "blis": "needs blas :: library :: blis (supported: accelerate, openblas, mkl)"
    }


@pytest.mark.parametrize(
    "provider", [{"static-properties": {"build": ["on"]}}, {"requires": ["debug-provider"]}]
)
def test_an_optional_provider_is_not_used(provider):
    """Disabled by default: an empty list."""
    found = metadata({"debug": {"optional": True, **provider}}, dbg={"debug": {"build": "on"}})
    assert rejected(found, "dbg", NobodyToAsk()) == (
        "needs debug :: build :: on (its provider is optional and not enabled, see --variant-enable debug)"
    )


def test_a_namespace_of_pep_825_alone_has_no_provider():
    found = VariantMetadata(("cpu", "gpu"), CPU_AND_GPU.variants)
    assert rejected(found, "v3", NobodyToAsk()) == (
        "needs cpu :: level :: v3 (its metadata names no provider: --variant-enable cpu)"
    )
    choices = Choices(enabled=frozenset(["cpu"]))
    assert labels(select(found, ["v3", "v4"], machine(), choices)) == ["v3"]


def test_an_optional_provider_that_is_enabled():
    provider = {"optional": True, "static-properties": {"build": ["on"]}}
    found = metadata({"debug": provider}, dbg={"debug": {"build": "on"}})
    choices = Choices(enabled=frozenset(["debug"]))
    assert labels(select(found, ["dbg"], NobodyToAsk(), choices)) == ["dbg"]


def test_a_namespace_that_is_disabled_is_not_asked():
    choices = Choices(disabled=frozenset(["gpu"]))
    assert labels(select(CPU_AND_GPU, ["cuda", "v3"], machine(), choices)) == ["v3"]
    choices = Choices(disabled=frozenset(["gpu", "cpu"]))
    assert labels(select(CPU_AND_GPU, ["cuda", "v3", "null"], NobodyToAsk(), choices)) == ["null"]


BLAS = metadata(
    {
        "blas": {
            "static-properties": {"library": ["openblas", "mkl"], "threads": ["on"]},
            "feature-order": ["library", "threads"],
        },
        "x": {"static-properties": {"y": ["on"]}},
    },
    mkl={"blas": {"library": "mkl"}},
    openblas={"blas": {"library": "openblas"}},
    threads={"blas": {"threads": "on"}},
    x={"x": {"y": "on"}},
)


@pytest.mark.parametrize(
    ("preferred", "expected"),
    [
        ([], ["openblas", "mkl", "threads", "x"]),
        ([("blas", "library", "mkl")], ["mkl", "openblas", "threads", "x"]),
        ([("blas", "threads")], ["threads", "openblas", "mkl", "x"]),
        ([("x",)], ["x", "openblas", "mkl", "threads"]),
        ([("x",), ("blas", "library", "mkl")], ["x", "mkl", "openblas", "threads"]),
        (
            [("unknown",), ("blas", "unknown"), ("blas", "library", "unknown")],
            ["openblas", "mkl", "threads", "x"],
        ),
    ],
)
def test_what_is_preferred_comes_first_of_what_fits(preferred, expected):
    choices = Choices(preferred=tuple(preferred))
    assert labels(select(BLAS, BLAS.variants, NobodyToAsk(), choices)) == expected


def test_what_the_asker_cannot_find_is_passed_on():
    absent = NamespaceSupport(absent="gpu-provider is not installed")
    assert rejected(CPU_AND_GPU, "cuda", machine(**{"gpu-provider": absent})) == (
        "needs gpu :: arch :: 90 (gpu-provider is not installed)"
    )


def test_a_provider_that_supports_nothing_supports_nothing():
    assert rejected(CPU_AND_GPU, "cuda", machine(**{"gpu-provider": NamespaceSupport()})) == (
        "needs gpu :: arch :: 90 (supported: none)"
    )


@pytest.mark.parametrize(
    "found",
    [
        metadata({"abi": {"builtin": "abi_dependency"}}, torch={"abi": {"torch": "2.8 2.9"}}),
        metadata(
            {"abi_dependency": {"builtin": "abi_dependency"}},
            torch={"abi_dependency": {"torch": "2.8 2.9"}},
        ),
        metadata({"cpu": {"requires": ["p"]}}, torch={"abi_dependency": {"torch": "2.8 2.9"}}),
    ],
    ids=["builtin", "both", "reserved"],
)
def test_an_abi_dependency_is_what_the_resolution_can_hold(found):
    (namespace,) = found.variants["torch"].namespaces
    ordering = select(found, ["torch"], NobodyToAsk())
    assert ordering.supported[namespace].values("torch") == ("2.9", "2.8")
    assert labels(ordering) == ["torch"]
    nothing = Choices(releases=lambda package, releases: ())
    reason = reasons(select(found, ["torch"], NobodyToAsk(), nothing))["torch"]
    assert reason == f"needs {namespace} :: torch :: 2.8 or 2.9 (no such release can be had)"


def test_the_reserved_namespace_decides_where_nothing_else_does():
    found = metadata(
        {"cpu": {"requires": ["cpu-provider"]}},
        newer={"abi_dependency": {"torch": "2.9"}},
        v3={"cpu": {"level": "v3"}},
        v3_newer={"cpu": {"level": "v3"}, "abi_dependency": {"torch": "2.9"}},
        v3_older={"cpu": {"level": "v3"}, "abi_dependency": {"torch": "2.8"}},
    )
    ordering = select(found, found.variants, machine())
    assert labels(ordering) == ["v3_newer", "v3_older", "v3", "newer"]
    preferred = Choices(preferred=(("abi_dependency",),))
    ordering = select(found, found.variants, machine(), preferred)
    assert labels(ordering) == ["v3_newer", "newer", "v3_older", "v3"]


@pytest.mark.parametrize(
    ("provider", "schema"),
    [
        ({"builtin": "something_new"}, SCHEMA),
        ({"wasm": {"level": 3}}, "https://packaging.python.org/v0.3.0.json"),
    ],
)
def test_a_provider_of_an_unknown_kind_supports_nothing(provider, schema):
    found = metadata({"cpu": provider}, schema, v3={"cpu": {"level": "v3"}})
    assert rejected(found, "v3", NobodyToAsk()) == (
        "needs cpu :: level :: v3 (its provider is of a kind that is not known here)"
    )


PRIORITIES = {
    "$schema": DRAFT,
    "default-priorities": {
        "namespace": ["cpu"],
        "feature": {"cpu": ["avx2"]},
        "property": {"cpu": {"level": ["v1", "v4"]}},
    },
    "providers": {"cpu": {"requires": ["cpu-provider"], "enable-if": "os_name == 'none'"}},
    "variants": {
        "avx2": {"cpu": {"avx2": ["on"]}},
        **{level: {"cpu": {"level": [level]}} for level in ("v1", "v2", "v3", "v4")},
    },
}


@pytest.mark.parametrize("schema", [DRAFT, SCHEMA])
def test_a_provider_decides_alone_whatever_drafts_said_beside_it(schema):
    found = VariantMetadata.from_json({**PRIORITIES, "$schema": schema}, "demo.json")
    asker = machine(**{"cpu-provider": features(level="v3 v2 v1", avx2="on")})
    ordering = select(found, found.variants, asker)
    assert labels(ordering) == ["v3", "v2", "v1", "avx2"]
    assert list(reasons(ordering)) == ["v4"]


@pytest.mark.parametrize("namespace", ["cpu", "debug", "unnamed"])
def test_the_list_of_the_user_counts_alone(namespace):
    """If the user has given a list, nobody is asked (PEP 850, Providers, step 1)."""
    asked = []

    class Listing(NobodyToAsk):
        def listed(self, namespace, provider):
            asked.append((namespace, provider))
            return features(level="v9")

    named = {name: CPU_AND_GPU.providers["cpu"] for name in ("cpu", "debug")}
    named["debug"] = named["debug"]._replace(optional=True)
    variant = Variant.of("a", [VariantProperty(namespace, "level", "v9")])
    found = VariantMetadata(("cpu", "debug", "unnamed"), {"a": variant}, named, is_checked=True)
    assert labels(select(found, ["a"], Listing())) == ["a"]
    assert asked == [(namespace, named.get(namespace))]


def test_sources_that_agree_are_one():
    sources = {"first": CPU_AND_GPU, "none fits": CPU_AND_GPU, "second": CPU_AND_GPU}
    wanted = {"first": ["v3"], "none fits": ["v4"], "second": ["cuda", "v4"]}
    ordering, usable, difference = select_from_sources(sources, wanted, machine())
    assert labels(ordering) == ["cuda", "v3"]
    assert [rejection.label for rejection in ordering.rejected] == ["v4", "v4"]
    assert (usable, difference) == (("first", "second"), "")


def test_of_sources_that_contradict_each_other_the_first_with_a_usable_variant_counts():
    other = metadata({"cpu": {"requires": ["cpu-provider"]}}, v3={"cpu": {"level": "v2"}})
    sources = {"none fits": CPU_AND_GPU, "first": CPU_AND_GPU, "second": other}
    wanted = {"none fits": ["v4"], "first": ["v3"], "second": ["v3"]}
    ordering, usable, difference = select_from_sources(sources, wanted, machine())
    assert ordering.best_first == (CPU_AND_GPU.variants["v3"],)
    assert ordering.supported == {"cpu": CPU}
    assert usable == ("first",)
    assert difference.startswith("second contradicts the files before it: ")


def test_no_source_has_what_fits():
    ordering, usable, difference = select_from_sources({"a": CPU_AND_GPU}, {"a": ["v4"]}, machine())
    assert (ordering.best_first, usable, difference) == ((), (), "")
    assert list(reasons(ordering)) == ["v4"]
    assert select_from_sources({}, {}, NobodyToAsk()) == (Ordering(), (), "")


def test_a_provider_that_fails_stops_the_selection():
    """Any error of a plugin MUST abort the install."""

    class Broken(Machine):
        def supported(self, provider):
            raise ProviderFailed(provider.package)

    with pytest.raises(ProviderFailed, match="cpu-provider") as caught:
        select(CPU_AND_GPU, ["null", "v3"], Broken())
    assert caught.value.namespace == "cpu"
