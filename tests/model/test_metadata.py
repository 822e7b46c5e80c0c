"""Variant metadata of PEP 825, of PEP 850 and of the drafts before them."""

import json
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import (
    examples,
    json_values,
    metadata,
    pep_825_metadata,
    properties,
    shuffled,
    wheels,
)

from pip_variants.errors import (
    InconsistentVariantMetadata,
    InvalidVariantLabel,
    InvalidVariantMetadata,
)
from pip_variants.model.metadata import (
    MAX_BYTES,
    SCHEMA_URL,
    BuiltinProvider,
    NewProvider,
    PluginProvider,
    StaticProvider,
    Variant,
    VariantMetadata,
    combine_all,
)
from pip_variants.model.names import VariantFeature, VariantProperty
from pip_variants.model.support import SupportedFeature


def made(namespace, feature, *values, label="v3"):
    """A variant by the bare constructor, which checks nothing."""
    return Variant(label, ((VariantFeature(namespace, feature), values),))


PEP_825_URL = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"
PEP_850_URL = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
PEP_817_URL = "https://variants-schema.wheelnext.dev/v0.0.3.json"

PEP_825: dict[str, Any] = {
    "$schema": PEP_825_URL,
    "default-priorities": {"namespace": ["x86_64", "aarch64", "blas_lapack"]},
    "variants": {
        "null": {},
        "x86_64_v3_openblas": {
            "blas_lapack": {"library": ["openblas"]},
            "x86_64": {"level": ["v3"]},
        },
        "x86_64_v4_mkl": {"blas_lapack": {"library": ["mkl"]}, "x86_64": {"level": ["v4"]}},
    },
}
PEP_850_STATIC: dict[str, Any] = {
    "$schema": PEP_850_URL,
    "default-priorities": {"namespace": ["blas_lapack"]},
    "providers": {
        "blas_lapack": {"static-properties": {"library": ["accelerate", "openblas", "mkl"]}}
    },
    "variants": {
        "openblas": {"blas_lapack": {"library": ["openblas"]}},
        "mkl": {"blas_lapack": {"library": ["mkl"]}},
        "null": {},
    },
}
PEP_850_PLUGIN: dict[str, Any] = {
    "$schema": PEP_850_URL,
    "default-priorities": {"namespace": ["nvidia", "x86_64"]},
    "providers": {
        "nvidia": {
            "requires": ["nvidia-variant-provider>=0.0.1,<1"],
            "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        },
        "x86_64": {
            "static-properties": {"level": ["v3", "v2"], "flags": ["avx2"]},
            "feature-order": ["level", "flags"],
        },
    },
    "variants": {
        "cu13_v3": {
            "nvidia": {"cuda_version_lower_bound": ["13.0"]},
            "x86_64": {"level": ["v3"]},
        },
        "null": {},
    },
}
PEP_850_BUILTIN: dict[str, Any] = {
    "$schema": PEP_850_URL,
    "default-priorities": {"namespace": ["debug", "abi"]},
    "providers": {
        "debug": {"optional": True, "static-properties": {"build": ["on"]}},
        "abi": {"builtin": "abi_dependency"},
    },
    "variants": {
        "dbg": {"debug": {"build": ["on"]}},
        "torch2": {"abi": {"torch": ["2.8", "2.9"]}},
        "null": {},
    },
}
X86_64_ONLY = "platform_machine == 'x86_64' or platform_machine == 'AMD64'"
AARCH64_ONLY = "platform_machine == 'aarch64' or 'arm' in platform_machine"
PEP_817: dict[str, Any] = {
    "$schema": PEP_817_URL,
    "default-priorities": {
        "feature": {"aarch64": ["version"], "x86_64": ["level"]},
        "namespace": ["x86_64", "aarch64", "blas_lapack"],
        "property": {"x86_64": {"level": ["v3", "v2", "v1"]}},
    },
    "providers": {
        "aarch64": {
            "enable-if": AARCH64_ONLY,
            "plugin-api": "provider_variant_aarch64.plugin:AArch64Plugin",
            "requires": [
                "provider-variant-aarch64 >=0.0.1; python_version >= '3.12'",
                "legacy-provider-variant-aarch64 >=0.0.1; python_version < '3.12'",
            ],
        },
        "blas_lapack": {"install-time": False, "requires": ["blas-lapack-variant-provider"]},
        "x86_64": {
            "enable-if": X86_64_ONLY,
            "plugin-api": "provider_variant_x86_64.plugin:X8664Plugin",
            "requires": ["provider-variant-x86-64 >=0.0.1"],
        },
    },
    "static-properties": {"blas_lapack": {"provider": ["accelerate", "openblas", "mkl"]}},
    "variants": {
        "x8664v3_openblas": {
            "blas_lapack": {"provider": ["openblas"]},
            "x86_64": {"level": ["v3"]},
        }
    },
}
DOCUMENTS = {
    "pep825": PEP_825,
    "pep850_static": PEP_850_STATIC,
    "pep850_plugin": PEP_850_PLUGIN,
    "pep850_builtin": PEP_850_BUILTIN,
    "pep817": PEP_817,
}


def read(document):
    return VariantMetadata.parse(json.dumps(document), "demo.json")


def refused(document):
    """Why a document is refused: the message without the name of the file."""
    return refused_data(json.dumps(document))


def refused_data(data):
    with pytest.raises(InvalidVariantMetadata) as caught:
        VariantMetadata.parse(data, "demo.json")
    assert str(caught.value).startswith("demo.json")
    return str(caught.value).removeprefix("demo.json").removeprefix(": ")


def assert_read_or_refused(document):
    """Nothing but `InvalidVariantMetadata` is raised, and it names the file."""
    try:
        found = VariantMetadata.from_json(document, "demo.json")
    except InvalidVariantMetadata as error:
        assert str(error).startswith("demo.json: ")
    else:
        assert found.namespaces


def without(document, path):
    """The document without the value at a path."""
    document = deepcopy(document)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    return document


def set_at(document, path, value):
    """The document with another value at a path of keys and list positions."""
    if not path:
        return value
    document = deepcopy(document)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return document


def small(**provider):
    """PEP 850 metadata of one namespace, with this provider."""
    return {
        "$schema": PEP_850_URL,
        "default-priorities": {"namespace": ["cpu"]},
        "providers": {"cpu": {key.replace("_", "-"): value for key, value in provider.items()}},
        "variants": {},
    }


def variant(label, *texts):
    return Variant.of(label, tuple(VariantProperty.parse(text) for text in texts))


# The examples of the texts


def test_the_example_of_pep_825():
    found = read(PEP_825)
    assert found.schema == PEP_825_URL
    assert found.namespaces == ("x86_64", "aarch64", "blas_lapack")
    assert found.variants == {
        "null": Variant("null"),
        "x86_64_v3_openblas": variant(
            "x86_64_v3_openblas", "x86_64 :: level :: v3", "blas_lapack :: library :: openblas"
        ),
        "x86_64_v4_mkl": variant(
            "x86_64_v4_mkl", "x86_64 :: level :: v4", "blas_lapack :: library :: mkl"
        ),
    }
    assert found.providers == {}


def test_the_static_provider_of_pep_850():
    found = read(PEP_850_STATIC)
    features = (SupportedFeature("library", ("accelerate", "openblas", "mkl")),)
    assert found.providers == {"blas_lapack": StaticProvider(features)}
    assert set(found.variants) == {"openblas", "mkl", "null"}


def test_the_plugin_provider_of_pep_850():
    found = read(PEP_850_PLUGIN)
    assert found.namespaces == ("nvidia", "x86_64")
    assert found.providers == {
        "nvidia": PluginProvider(
            ("nvidia-variant-provider>=0.0.1,<1",),
            "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        ),
        "x86_64": StaticProvider(
            (SupportedFeature("level", ("v3", "v2")), SupportedFeature("flags", ("avx2",)))
        ),
    }


def test_the_builtin_provider_and_the_optional_one():
    found = read(PEP_850_BUILTIN)
    assert found.providers == {
        "debug": StaticProvider((SupportedFeature("build", ("on",)),), optional=True),
        "abi": BuiltinProvider("abi_dependency"),
    }
    assert found.variants["torch2"] == variant(
        "torch2", "abi :: torch :: 2.9", "abi :: torch :: 2.8"
    )


@pytest.mark.parametrize("version", ["0.0.3", "0.0.2"])
def test_the_example_of_pep_817(version):
    url = f"https://variants-schema.wheelnext.dev/v{version}.json"
    found = read({**PEP_817, "$schema": url})
    assert found.schema == url
    assert found.namespaces == ("x86_64", "aarch64", "blas_lapack")
    assert found.providers == {
        "aarch64": PluginProvider(
            (
                "provider-variant-aarch64 >=0.0.1; python_version >= '3.12'",
                "legacy-provider-variant-aarch64 >=0.0.1; python_version < '3.12'",
            ),
            "provider_variant_aarch64.plugin:AArch64Plugin",
        ),
        "blas_lapack": StaticProvider(
            (SupportedFeature("provider", ("accelerate", "openblas", "mkl")),)
        ),
        "x86_64": PluginProvider(
            ("provider-variant-x86-64 >=0.0.1",),
            "provider_variant_x86_64.plugin:X8664Plugin",
        ),
    }


# Wrong types anywhere


def kind(value):
    """The JSON type of a value."""
    return {bool: "boolean", int: "number", str: "string", type(None): "null"}.get(
        type(value), type(value).__name__
    )


def nodes(value, path=()):
    """Every value of a document, with the keys and list positions that lead to it."""
    yield path, value
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from nodes(child, (*path, key))


MAY_BE_NULL = ("plugin-api",)  # `str | None = None` in PEP 817


def is_read(name, path, new):
    """Whether the value at the path matters to a reader of the document of this name."""
    if name != "pep817":
        return True
    if path[:3] == ("providers", "blas_lapack", "requires"):
        return False  # for who builds the wheel: its static properties are used exclusively
    if path[:2] == ("default-priorities", "property") or path[2:] == ("enable-if",):
        return False  # nobody needs them any more
    if path[:2] == ("default-priorities", "feature") and path[2:]:
        return False  # of providers that are asked
    return new is not None or not path or path[-1] not in MAY_BE_NULL


NEW: tuple[Any, ...] = (None, True, 3, "x", [], {})
REPLACEMENTS = [
    pytest.param(document, path, new, kind(old), id=f"{name}-{'.'.join(map(str, path))}={new!r}")
    for name, document in DOCUMENTS.items()
    for path, old in nodes(document)
    for new in NEW
    if old != new and is_read(name, path, new)
]


@pytest.mark.parametrize(("document", "path", "new", "right_kind"), REPLACEMENTS)
def test_a_wrong_type_anywhere_is_refused_by_name(document, path, new, right_kind):
    changed = set_at(document, path, new)
    if kind(new) == right_kind:
        assert_read_or_refused(changed)
        return
    message = refused(changed)
    keys = [key for key in path if isinstance(key, str)]
    assert message.startswith(".".join(keys) or "the document")
    if keys == list(path):
        assert message.endswith(f", not {new!r}")


@pytest.mark.parametrize("key", MAY_BE_NULL)
def test_drafts_may_say_null_for_absent(key):
    found = read(set_at(PEP_817, ("providers", "x86_64", key), None))
    assert getattr(found.providers["x86_64"], key.replace("-", "_")) is None


@pytest.mark.parametrize(
    ("document", "path"),
    [
        pytest.param(document, path, id=f"{name}-{'.'.join(map(str, path))}")
        for name, document in DOCUMENTS.items()
        for path, _ in nodes(document)
        if path
    ],
)
def test_a_missing_key_is_refused_or_not_needed(document, path):
    assert_read_or_refused(without(document, path))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("$schema",), "$schema must be a non-empty string, not None"),
        (("default-priorities",), "default-priorities must be an object, not None"),
        (
            ("default-priorities", "namespace"),
            "default-priorities.namespace must be a list of strings, not None",
        ),
        (("variants",), "variants must be an object, not None"),
        (
            ("providers", "blas_lapack", "static-properties"),
            "providers.blas_lapack must have exactly one of static-properties, requires and builtin, not {}",
        ),
    ],
)
def test_what_is_required_is_missed_by_name(path, message):
    assert refused(without(PEP_850_STATIC, path)) == message


@given(json_values)
@examples(200)
def test_any_json_is_metadata_or_refused(value):
    assert_read_or_refused(value)


@given(st.sampled_from(list(DOCUMENTS.values())), json_values, st.data())
@examples(300)
def test_any_json_anywhere_is_metadata_or_refused(document, value, data):
    path, _ = data.draw(st.sampled_from(list(nodes(document))))
    assert_read_or_refused(set_at(document, path, value))


def test_a_long_value_is_shortened():
    message = refused({**PEP_825, "$schema": ["x" * 10_000]})
    assert message.startswith("$schema must be a non-empty string, not ['xxx")
    assert message.endswith("xxx...")
    assert len(message) < 120


# Wrong values


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("$schema", "", "''"),
        ("default-priorities.namespace", [], "[]"),
        ("default-priorities.namespace", ["debug", "abi", "debug"], "['debug', 'abi', 'debug']"),
        ("default-priorities.namespace", ["debug", "abi", "A-b"], "'A-b'"),
        ("variants.Bad", {}, "'Bad'"),
        ("variants.", {}, "''"),
        ("variants.dbg.De", {}, "'De'"),
        ("variants.dbg.debug.Bu", ["on"], "'Bu'"),
        ("variants.dbg.debug.build", ["on", "Off"], "'Off'"),
        ("variants.dbg.debug.build", [], "[]"),
        ("variants.dbg.debug.build", ["on", "on"], "['on', 'on']"),
        ("variants.null", {"debug": {"build": ["on"]}}, "{'debug': {'build': ['on']}}"),
        ("providers.Debug", {"requires": ["p"]}, "'Debug'"),
        ("providers.debug.static-properties.Bu", ["on"], "'Bu'"),
        ("providers.debug.static-properties.build", ["On"], "'On'"),
        ("providers.debug.static-properties.build", ["on", "on"], "['on', 'on']"),
        ("providers.debug.feature-order", [], "[]"),
        ("providers.debug.feature-order", ["build", "build"], "['build', 'build']"),
        ("providers.debug.feature-order", ["Build"], "'Build'"),
        ("providers.debug.requires", ["p"], "{'optional': True, "),
        ("providers.abi.builtin", "", "''"),
    ],
)
def test_a_wrong_value_is_refused_by_name(path, value, shown):
    message = refused(set_at(PEP_850_BUILTIN, path.split("."), value))
    assert message.startswith(path.removesuffix(".requires"))
    assert shown in message


@pytest.mark.parametrize("requires", [[], [""], ["a", " "], ["a", "a"]])
def test_requires_names_packages(requires):
    message = refused(small(requires=requires))
    assert message.startswith("providers.cpu.requires must not ")
    assert message.endswith(f", not {requires}")


def test_a_namespace_that_is_not_listed_is_refused():
    """This list MUST contain all namespaces used in variant properties."""
    message = refused(set_at(PEP_825, ("variants", "v3"), {"gpu": {"arch": ["90"]}}))
    assert message.startswith("variants.v3.gpu ")
    assert "default-priorities.namespace" in message


@pytest.mark.parametrize("label", ["v3", "null"])
def test_a_namespace_without_features_says_nothing(label):
    """Whether it is listed or not; but it is an object under a valid name."""
    for namespace in ("gpu", "x86_64"):
        found = read(set_at(PEP_825, ("variants", label), {namespace: {}}))
        assert found.variants[label] == Variant(label)
        assert found.to_json()["variants"][label] == {}
    entries: tuple[dict[str, Any], ...] = ({"gpu": []}, {"gpu": None}, {"G-pu": {}})
    for entry in entries:
        assert refused(set_at(PEP_825, ("variants", label), entry)).startswith(f"variants.{label}.")


@pytest.mark.parametrize(
    "kinds",
    [
        {"requires": ["p"], "static_properties": {}},
        {"requires": ["p"], "builtin": "abi_dependency"},
        {"static_properties": {}, "builtin": "abi_dependency"},
        {"requires": ["p"], "static_properties": {}, "builtin": "abi_dependency"},
        {},
        {"optional": True},
    ],
    ids=" and ".join,
)
def test_a_provider_is_of_exactly_one_kind(kinds):
    message = refused(small(**kinds))
    assert message.startswith(
        "providers.cpu must have exactly one of static-properties, requires and builtin, not {"
    )


@pytest.mark.parametrize("kinds", [{"static_properties": {}}, {"builtin": "abi_dependency"}, {}])
def test_a_plugin_api_needs_requires(kinds):
    message = "providers.cpu.plugin-api needs requires beside it, not 'p'"
    assert refused(small(plugin_api="p", **kinds)) == message


@pytest.mark.parametrize("kinds", [{"requires": ["p"]}, {"builtin": "abi_dependency"}, {}])
def test_a_feature_order_needs_static_properties(kinds):
    message = "providers.cpu.feature-order needs static-properties beside it, not ['level']"
    assert refused(small(feature_order=["level"], **kinds)) == message


def test_several_static_features_need_an_order():
    message = refused(small(static_properties={"level": ["v3"], "avx2": ["on"]}))
    assert message == (
        "providers.cpu.static-properties has several features, and nothing gives their order"
    )


@pytest.mark.parametrize("order", [["level"], ["level", "avx2", "sse"], ["level", "sse"]])
def test_a_feature_order_names_exactly_the_static_features(order):
    message = refused(
        small(static_properties={"level": ["v3"], "avx2": ["on"]}, feature_order=order)
    )
    assert message == (
        "providers.cpu.static-properties has the features ['avx2', 'level'], "
        f"their order names {sorted(order)}"
    )


@pytest.mark.parametrize("order", list(permutations(("level", "avx2", "sse"))))
def test_the_feature_order_orders_the_static_features(order):
    static = {"level": ["v3", "v2"], "avx2": ["on"], "sse": []}
    found = read(small(static_properties=static, feature_order=list(order))).providers["cpu"]
    assert found.features == tuple((name, tuple(static[name])) for name in order)


@pytest.mark.parametrize("static", [{}, {"level": []}])
def test_static_properties_may_be_empty(static):
    found = read(small(static_properties=static)).providers["cpu"]
    assert found == StaticProvider(tuple(SupportedFeature(name, ()) for name in static))


@pytest.mark.parametrize(
    ("namespaces", "providers", "differing"),
    [
        (["cpu"], [], "cpu"),
        (["cpu"], ["cpu", "gpu"], "gpu"),
        (["cpu", "mpi"], ["cpu", "gpu"], "gpu, mpi"),
    ],
)
def test_providers_and_namespaces_are_the_same(namespaces, providers, differing):
    document = {
        "$schema": PEP_850_URL,
        "default-priorities": {"namespace": namespaces},
        "providers": {name: {"requires": ["p"]} for name in providers},
        "variants": {},
    }
    assert refused(document) == f"providers and default-priorities.namespace differ in {differing}"


def test_the_reserved_abi_dependency_namespace_is_not_listed():
    """`abi_dependency` MUST NOT be in `providers` or `default-priorities` (22-Sep draft)."""
    document = set_at(PEP_850_STATIC, ("variants", "abi"), {"abi_dependency": {"torch": ["2.8"]}})
    assert read(document).variants["abi"] == variant("abi", "abi_dependency :: torch :: 2.8")


@pytest.mark.parametrize("entry", [{}, {"blas_lapack": {}}])
def test_a_variant_may_have_no_properties(entry):
    for label in ("plain", "null"):
        assert read(set_at(PEP_825, ("variants", label), entry)).variants[label] == Variant(label)


def test_values_are_sets():
    one = set_at(PEP_825, ("variants", "a"), {"x86_64": {"level": ["v3", "v2"]}})
    two = set_at(PEP_825, ("variants", "a"), {"x86_64": {"level": ["v2", "v3"]}})
    assert read(one) == read(two)
    assert read(one).variants["a"].features == ((("x86_64", "level"), ("v2", "v3")),)


# The plugin's endpoint


@pytest.mark.parametrize(
    ("requirement", "package", "endpoint"),
    [
        ("nvidia-variant-provider>=0.0.1,<1", "nvidia-variant-provider", "nvidia_variant_provider"),
        ("Foo.Bar__baz[extra] ; python_version > '3'", "foo-bar-baz", "foo_bar_baz"),
        (" spaced @ https://example.org/x.whl", "spaced", "spaced"),
        ("x", "x", "x"),
        ("provider-variant-x86-64 >=0.0.1", "provider-variant-x86-64", "provider_variant_x86_64"),
    ],
)
def test_the_endpoint_defaults_to_the_first_package(requirement, package, endpoint):
    found = read(small(requires=[requirement, "other"])).providers["cpu"]
    assert (found.package, found.endpoint, found.plugin_api) == (package, endpoint, None)


def test_a_requirement_without_a_name_stays_as_it_is():
    assert PluginProvider(("-e .",)).package == "-e ."


@pytest.mark.parametrize("text", ["a.b:C.d", "a.b :C.d", "a.b : C.d", "a.b:  C.d"])
def test_the_endpoint_is_the_plugin_api_without_spaces(text):
    found = read(small(requires=["p"], plugin_api=text)).providers["cpu"]
    assert (found.plugin_api, found.endpoint) == (text, "a.b:C.d")


@pytest.mark.parametrize("text", ["a b", "a:", ":a", "a-b", "a:b()", "a\n", " a", "a.b:c d", "é"])
def test_a_plugin_api_is_an_object_reference(text):
    assert refused(small(requires=["p"], plugin_api=text)) == (
        f"providers.cpu.plugin-api must be an object reference (module:object), not {text!r}"
    )


# Versions


@pytest.mark.parametrize(
    "version", ["0.0.1", "0.1.0", "0.1.1", "0.2.0", "0.2.7", "0.3.0", "0.99.1", "1.0.0", "1.4.0"]
)
def test_supported_majors_and_newer_minors_are_accepted(version):
    """Consumers SHOULD accept newer minor versions, provided that the major is supported."""
    url = f"https://packaging.python.org/schemas/v{version}.json"
    assert read({**PEP_825, "$schema": url}).schema == url


@pytest.mark.parametrize("version", ["2.0.0", "10.0.0", "999999.1.1"])
def test_an_unknown_major_is_refused(version):
    """Tools MUST reject metadata with a major version number that they do not support."""
    url = f"https://packaging.python.org/schemas/v{version}.json"
    message = refused({**PEP_825, "$schema": url})
    assert message.startswith(
        f"$schema must have a supported major version (0, 1), not '{url[:20]}"
    )


@pytest.mark.parametrize(
    "url",
    [
        "x",
        "https://example.org/schema.json",
        "https://example.org/v1.json",
        "https://v0.2.0.example.org",
        "https://10.0.0.1/schema.json",
        "https://example.org/peps/850/schema.json",
        "https://example.org/v0.2.0a.json",
        "https://example.org/v0.2.0.1.json",
        "https://example.org/rev0.2.0.json",
        "v0.2.0.json",
        "https://example.org/v" + "1" * 5000 + ".0.0.json",
    ],
)
def test_a_schema_without_a_version_is_refused(url):
    """The schema URL MUST include a version number."""
    assert refused({**PEP_825, "$schema": url}).startswith(
        "$schema must be a URL with a version, as in /v0.2.0.json, not "
    )


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("peps/850/v0.2.0.json", (0, 2, 0)),
        ("0.1.1/schema.json", (0, 1, 1)),
        ("variant-schema-0.2.0.json", (0, 2, 0)),
        ("v0.2/schema.json", (0, 2, 0)),
        ("v1.4", (1, 4, 0)),
        ("0.2.0", (0, 2, 0)),
        ("peps/850.1/v0.2.0.json", (0, 2, 0)),
        ("v0.2.0.json#fragment", (0, 2, 0)),
        ("schema.json?version=0.2.0", (0, 2, 0)),
        ("draft-2020-12/v0.10.11/x.json", (0, 10, 11)),
    ],
)
@pytest.mark.parametrize("host", ["example.org", "10.3.0.1:8080", "v2.0.0.example.org"])
def test_the_version_is_read_out_of_any_url(host, path, version):
    found = read({**PEP_825, "$schema": f"https://{host}/{path}"})
    assert (found.version, found.schema) == (version, f"https://{host}/{path}")


@pytest.mark.parametrize("version", ["0.2.1", "0.3.0", "1.0.0"])
def test_a_newer_minor_may_bring_new_kinds_of_providers(version):
    document = small(wasm={"anything": 3}, optional=True)
    document["$schema"] = f"https://packaging.python.org/v{version}.json"
    assert read(document).providers == {"cpu": NewProvider(optional=True)}


@pytest.mark.parametrize("version", ["0.1.1", "0.2.0"])
def test_a_known_version_has_no_new_kinds_of_providers(version):
    document = small(wasm={"anything": 3})
    document["$schema"] = f"https://packaging.python.org/v{version}.json"
    assert refused(document).startswith("providers.cpu must have exactly one of")


@pytest.mark.parametrize("value", [None, True, 3, "x", [], {"deep": [{"er": None}]}])
@pytest.mark.parametrize(
    ("document", "path"),
    [
        (PEP_825, ()),
        (PEP_825, ("default-priorities",)),
        (PEP_850_PLUGIN, ()),
        (PEP_850_PLUGIN, ("default-priorities",)),
        (PEP_850_PLUGIN, ("providers", "nvidia")),
        (PEP_850_PLUGIN, ("providers", "x86_64")),
        (PEP_850_BUILTIN, ("providers", "abi")),
        (PEP_817, ()),
        (PEP_817, ("default-priorities",)),
        (PEP_817, ("providers", "x86_64")),
        (PEP_817, ("providers", "blas_lapack")),
    ],
)
def test_unknown_keys_are_accepted_and_change_nothing(document, path, value):
    assert read(set_at(document, (*path, "of-the-future"), value)) == read(document)


@pytest.mark.parametrize("document", [PEP_825, PEP_850_STATIC])
def test_what_newer_schemas_dropped_is_an_unknown_key(document):
    """Removed `default-priorities.feature` and `default-priorities.property` (10-Aug-2026)."""
    for key in ("feature", "property"):
        assert read(set_at(document, ("default-priorities", key), 3)) == read(document)
    assert read({**document, "static-properties": 3}) == read(document)


@pytest.mark.parametrize("version", ["0.0.3", "0.1.0", "0.2.0"])
def test_what_drafts_had_and_nobody_needs_is_an_unknown_key(version):
    schema = {"$schema": f"https://variants-schema.wheelnext.dev/v{version}.json"}
    one, two = small(requires=["p"]), small(requires=["p"], enable_if=3)
    two["default-priorities"] |= {"feature": {"cpu": ["level"]}, "property": 3}
    assert read({**one, **schema}) == read({**two, **schema})


# Not JSON, and JSON that does harm


@pytest.mark.parametrize(
    "data",
    [
        "",
        " ",
        "nope",
        "{",
        "{'a': 1}",
        '{"a": 1,}',
        '{"a": 1} // comment',
        '{"a": 1} {"b": 2}',
        b"\xff\xfe\xff",
        b'{"a": "\xff"}',
        b"\x00",
        "\ufeff\ufeff{}",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": ' + "1" * 10_000 + "}",
    ],
)
def test_what_is_not_json_is_refused(data):
    refused_data(data)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_lacks_are_refused(constant):
    data = json.dumps(PEP_825).replace("{", f'{{"of-the-future": {constant}, ', 1)
    assert "is not valid JSON" in refused_data(data)


@given(st.binary(max_size=50) | st.text(max_size=50))
@examples(300)
def test_any_content_is_metadata_or_refused(data):
    refused_data(data)


def test_bytes_and_text_are_read_alike():
    data = json.dumps({**PEP_825, "of-the-future": "é"}, ensure_ascii=False)
    assert VariantMetadata.parse(data, "demo.json") == VariantMetadata.parse(
        data.encode(), "demo.json"
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_json_is_utf_8(encoding):
    """RFC 8259, 8.1; `json` takes the others as well."""
    data = json.dumps(PEP_825).encode(encoding)
    assert json.loads(data) == PEP_825
    message = refused_data(data)
    assert message.startswith(" is not valid JSON: ")
    assert "utf-8" in message.lower()


def test_a_byte_order_mark_does_no_harm():
    text = "\ufeff" + json.dumps(PEP_825)
    assert VariantMetadata.parse(text, "demo.json") == read(PEP_825)
    assert VariantMetadata.parse(text.encode(), "demo.json") == read(PEP_825)


@pytest.mark.parametrize("data", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000])
def test_deep_nesting_is_refused(data):
    assert refused_data(data) == " is not valid JSON: it is nested too deeply"


def test_nesting_that_only_just_can_be_read_is_refused_as_well():
    """What the JSON parser can nest, an error message may not be able to show."""
    before, after = json.dumps(small(requires=["p"])).split('["p"]')
    for depth in range(940, 1020):
        refused_data(before + "[" * depth + "]" * depth + after)


def test_deep_nesting_of_what_is_already_parsed_is_refused():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(
        InvalidVariantMetadata, match=r"^demo\.json: the document must be an object"
    ):
        VariantMetadata.from_json(deep, "demo.json")


@pytest.mark.parametrize("of", [str.encode, str])
def test_a_file_over_8_mib_is_refused(of):
    padded = json.dumps(PEP_825).ljust(8 * 2**20)
    assert VariantMetadata.parse(of(padded), "demo.json") == read(PEP_825)
    assert refused_data(of(padded + " ")) == " is larger than 8 MiB"
    assert len(padded) == MAX_BYTES


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"null": {}', '"null": {}, "null": {}', "null"),
        ('"variants":', '"variants": {}, "variants":', "variants"),
        ('"level": ["v3"]', '"level": ["v3"], "level": ["v4"]', "level"),
        ('"$schema":', '"of-the-future": [{"a": 1, "b": 2, "a": 3}], "$schema":', "a"),
    ],
)
def test_a_key_that_occurs_twice_is_refused(old, new, key):
    data = json.dumps(PEP_825).replace(old, new, 1)
    assert refused_data(data) == f" is not valid JSON: the key {key!r} occurs twice in one object"


# Drafts


def draft(**changes):
    """PEP 817 metadata of one namespace with static properties."""
    return {
        "$schema": PEP_817_URL,
        "default-priorities": {"namespace": ["cpu"]},
        "providers": {"cpu": {"install-time": False}},
        "static-properties": {"cpu": {"level": ["v3"]}},
        "variants": {},
        **changes,
    }


def test_a_draft_provider_without_requires_is_static():
    features = (SupportedFeature("level", ("v3",)),)
    assert read(draft()).providers == {"cpu": StaticProvider(features)}


def test_a_draft_provider_may_be_optional():
    providers = {"cpu": {"install-time": False, "optional": True}}
    assert read(draft(providers=providers)).providers["cpu"].optional


def test_a_draft_plugin_may_say_that_it_is_for_install_time():
    provider = {"install-time": True, "requires": ["p"], "optional": True}
    found = read(draft(providers={"cpu": provider}, **{"static-properties": {}}))
    assert found.providers == {"cpu": PluginProvider(("p",), optional=True)}


def test_a_draft_provider_for_install_time_has_no_static_properties():
    provider = {"install-time": True, "requires": ["p"]}
    assert refused(draft(providers={"cpu": provider})) == (
        "providers.cpu.install-time contradicts static-properties, not True"
    )


def test_a_draft_provider_for_build_time_has_static_properties():
    provider = {"install-time": False, "requires": ["p"]}
    document = draft(providers={"cpu": provider}, **{"static-properties": {}})
    assert (
        refused(document) == "providers.cpu.install-time contradicts static-properties, not False"
    )


def test_a_draft_provider_for_install_time_needs_requires():
    document = draft(providers={"cpu": {}}, **{"static-properties": {}})
    assert refused(document) == "providers.cpu.requires must be a list of strings, not None"


def test_several_static_features_of_a_draft_need_an_order():
    """The order for all features MUST be specified in `default-priorities.feature`."""
    static = {"cpu": {"level": ["v3"], "avx2": ["on"]}}
    assert refused(draft(**{"static-properties": static})) == (
        "static-properties.cpu has several features, and nothing gives their order"
    )
    priorities = {"namespace": ["cpu"], "feature": {"cpu": ["level"]}}
    document = draft(**{"static-properties": static, "default-priorities": priorities})
    assert refused(document) == (
        "static-properties.cpu has the features ['avx2', 'level'], their order names ['level']"
    )


@pytest.mark.parametrize(
    ("features", "order"),
    [
        (["level"], ["level"]),
        (["level"], ["sse"]),
        (["level", "avx2"], ["avx2", "level"]),
        (["level", "avx2"], ["level", "avx2"]),
        (["level", "avx2"], ["avx2", "sse", "level"]),
    ],
)
def test_default_priorities_order_the_static_features_of_a_draft(features, order):
    """The order for all features MUST be specified; nothing forbids to name others as well."""
    priorities = {"namespace": ["cpu"], "feature": {"cpu": order}}
    static = {"cpu": {name: ["on"] for name in features}}
    found = read(draft(**{"default-priorities": priorities, "static-properties": static}))
    names = [name for name, _ in found.providers["cpu"].features]
    assert names == ([name for name in order if name in features] or features)


@pytest.mark.parametrize("use", ["none", "build"])
@pytest.mark.parametrize("requires", [[], ["blas-provider"]])
def test_schema_0_0_2_lists_what_is_not_asked_in_the_priorities(use, requires):
    """As in what projects published with `"plugin-use": "none"`."""
    document = {
        "$schema": "https://variants-schema.wheelnext.dev/v0.0.2.json",
        "default-priorities": {
            "namespace": ["gpu", "blas"],
            "feature": {"blas": ["library"]},
            "property": {"blas": {"library": ["fast", "slow"]}},
        },
        "providers": {
            "gpu": {"enable-if": "os_name == 'posix'", "requires": ["gpu-provider"]},
            "blas": {"plugin-use": use, "requires": requires},
        },
        "variants": {"fast": {"blas": {"library": ["fast"]}}, "00000000": {}},
    }
    found = read(document)
    assert found.providers == {
        "gpu": PluginProvider(("gpu-provider",)),
        "blas": StaticProvider((SupportedFeature("library", ("fast", "slow")),)),
    }
    assert found.table() == document


def test_schema_0_1_0_has_static_and_builtin_providers():
    document = {
        "$schema": "https://variants-schema.wheelnext.dev/v0.1.0.json",
        "default-priorities": {"namespace": ["cpu", "abi"]},
        "providers": {
            "cpu": {"static-properties": {"level": ["v3"]}, "enable-if": "os_name == 'nt'"},
            "abi": {"builtin": "abi_dependency", "enable-if": "os_name == 'posix'"},
        },
        "variants": {},
    }
    assert read(document).providers == {
        "cpu": StaticProvider((SupportedFeature("level", ("v3",)),)),
        "abi": BuiltinProvider("abi_dependency"),
    }


# Variants as values


@given(st.lists(properties))
@examples(100)
def test_a_variant_holds_each_property_once_and_sorted(found):
    one = Variant.of("label", iter(found))
    assert one.properties == tuple(sorted(set(found)))
    assert one.namespaces == tuple(sorted({namespace for namespace, *_ in found}))
    assert one == Variant.of("label", tuple(reversed(found)))


@pytest.mark.parametrize("label", ["", "V3", "a-b"])
def test_a_variant_has_a_valid_label(label):
    with pytest.raises(InvalidVariantLabel) as caught:
        Variant.of(label, ())
    assert repr(label) in str(caught.value)


# Writing


@given(metadata())
@examples(200)
def test_what_is_written_is_read_back(found):
    assert VariantMetadata.parse(found.serialise(), "demo.json") == found


@given(pep_825_metadata())
@examples(50)
def test_metadata_of_pep_825_is_written_so_that_it_can_be_read(found):
    """An index-level file made from wheels of PEP 825 alone has no providers to name."""
    again = VariantMetadata.parse(found.serialise(), "demo.json")
    assert (again.namespaces, again.variants) == (found.namespaces, found.variants)
    assert again.providers == {}


def test_metadata_that_lacks_some_providers_is_not_written():
    """The current schema wants a provider for each namespace, and PEP 825 has none to give."""
    pep_825 = VariantMetadata(("cpu", "gpu"), {}, schema=PEP_825_URL)
    both = pep_825.combine(VariantMetadata(("cpu",), {}, {"cpu": PluginProvider(("p",))}))
    with pytest.raises(InvalidVariantMetadata, match="gpu"):
        both.serialise()


@given(metadata(), st.data())
@examples(100)
def test_equal_metadata_is_written_as_equal_bytes(found, data):
    other = data.draw(shuffled(json.loads(found.serialise())))
    assert VariantMetadata.from_json(other, "demo.json").serialise() == found.serialise()


def test_metadata_is_written_in_a_stable_and_readable_form():
    assert read(PEP_850_PLUGIN).serialise().decode() == (
        "{\n"
        f'  "$schema": "{SCHEMA_URL}",\n'
        '  "default-priorities": {\n'
        '    "namespace": [\n'
        '      "nvidia",\n'
        '      "x86_64"\n'
        "    ]\n"
        "  },\n"
        '  "providers": {\n'
        '    "nvidia": {\n'
        '      "requires": [\n'
        '        "nvidia-variant-provider>=0.0.1,<1"\n'
        "      ],\n"
        '      "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin"\n'
        "    },\n"
        '    "x86_64": {\n'
        '      "static-properties": {\n'
        '        "level": [\n'
        '          "v3",\n'
        '          "v2"\n'
        "        ],\n"
        '        "flags": [\n'
        '          "avx2"\n'
        "        ]\n"
        "      },\n"
        '      "feature-order": [\n'
        '        "level",\n'
        '        "flags"\n'
        "      ]\n"
        "    }\n"
        "  },\n"
        '  "variants": {\n'
        '    "cu13_v3": {\n'
        '      "nvidia": {\n'
        '        "cuda_version_lower_bound": [\n'
        '          "13.0"\n'
        "        ]\n"
        "      },\n"
        '      "x86_64": {\n'
        '        "level": [\n'
        '          "v3"\n'
        "        ]\n"
        "      }\n"
        "    },\n"
        '    "null": {}\n'
        "  }\n"
        "}\n"
    )


@pytest.mark.parametrize("document", [PEP_850_STATIC, PEP_850_PLUGIN, PEP_850_BUILTIN])
def test_the_examples_of_pep_850_are_written_as_they_are(document):
    assert json.loads(read(document).serialise()) == document


@pytest.mark.parametrize(
    "document",
    [
        PEP_817,
        draft(providers={"cpu": {"install-time": False, "enable-if": "os_name == 'nt'"}}),
        draft(**{"default-priorities": {"namespace": ["cpu"], "feature": {"gpu": ["level"]}}}),
        draft(
            **{"default-priorities": {"namespace": ["cpu"], "property": {"cpu": {"level": ["v3"]}}}}
        ),
    ],
)
def test_what_only_drafts_can_express_is_not_written(document):
    with pytest.raises(InvalidVariantMetadata, match="would be lost: "):
        read(document).serialise()


def test_a_draft_without_markers_and_priorities_is_written_in_the_current_schema():
    assert json.loads(read(draft()).serialise()) == {
        **small(static_properties={"level": ["v3"]}),
        "$schema": SCHEMA_URL,
    }


def test_a_provider_of_an_unknown_kind_is_not_written():
    document = {**small(wasm=1), "$schema": "https://packaging.python.org/v0.3.0.json"}
    with pytest.raises(InvalidVariantMetadata) as caught:
        read(document).serialise()
    assert str(caught.value) == (
        "demo.json has keys that are not known here and would be lost: providers.cpu.wasm; "
        "demo.json has schema 0.3.0; what is written here is at most 0.2.0"
    )


# What was read is kept, and only what is known is written


# The draft without what nobody needs any more, which cannot be written either.
PLAIN_817 = {
    **PEP_817,
    "default-priorities": {"namespace": PEP_817["default-priorities"]["namespace"]},
    "providers": {
        name: {key: value for key, value in provider.items() if key != "enable-if"}
        for name, provider in PEP_817["providers"].items()
    },
}
WRITABLE = {**DOCUMENTS, "pep817": PLAIN_817}


def open_objects(document):
    """Paths of the objects in which a key may be unknown: elsewhere it is a name of the user's."""
    yield ()
    yield ("default-priorities",)
    for name in document.get("providers", ()):
        yield ("providers", name)


@given(
    st.sampled_from(list(WRITABLE)),
    st.text("abcdefghijklmnopqrstuvwxyz-", min_size=3, max_size=12).map("x-{}".format),
    json_values,
    st.data(),
)
@examples(300)
def test_an_unknown_key_is_kept_by_reading_and_refused_by_name_in_writing(name, key, value, data):
    path = data.draw(st.sampled_from(list(open_objects(WRITABLE[name]))))
    document = set_at(WRITABLE[name], (*path, key), value)
    found = VariantMetadata.from_json(document, "demo.json")
    assert found == read(WRITABLE[name])
    assert found.table() == document
    for combined in (
        found,
        found.combine(read(WRITABLE[name])),
        read(PEP_825).combine(found) if name == "pep825" else found,
    ):
        with pytest.raises(InvalidVariantMetadata) as caught:
            combined.serialise()
        assert str(caught.value) == (
            "demo.json has keys that are not known here and would be lost: "
            + ".".join((*path, key))
        )


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (PEP_825, ("default-priorities", "feature")),
        (PEP_825, ("static-properties",)),
        (PEP_850_PLUGIN, ("default-priorities", "property")),
        (PEP_850_PLUGIN, ("providers", "nvidia", "enable-if")),
        (PEP_850_PLUGIN, ("providers", "nvidia", "install-time")),
        (PLAIN_817, ("providers", "aarch64", "feature-order")),
        (PLAIN_817, ("providers", "aarch64", "builtin")),
        (PLAIN_817, ("static-properties", "of_nothing")),
    ],
)
def test_keys_of_other_drafts_are_unknown_keys(document, path):
    with pytest.raises(InvalidVariantMetadata) as caught:
        read(set_at(document, path, {})).to_json()
    assert str(caught.value).endswith(f"would be lost: {'.'.join(path)}")


def test_of_many_unknown_keys_three_are_named():
    document = {**PEP_825, **{f"x{number}": None for number in range(9)}}
    with pytest.raises(InvalidVariantMetadata, match="would be lost: x0, x1, x2 \\.\\.\\.$"):
        read(document).to_json()


@pytest.mark.parametrize("version", ["0.2.1", "0.3.0", "1.0.0", "1.3.0"])
def test_a_newer_schema_is_read_and_not_written(version):
    document = {**PEP_825, "$schema": f"https://example.org/v{version}.json"}
    found = read(document)
    assert found.table() == document
    with pytest.raises(InvalidVariantMetadata) as caught:
        found.serialise()
    assert str(caught.value) == (
        f"demo.json has schema {version}; what is written here is at most 0.2.0"
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_table_is_the_document(name):
    assert read(DOCUMENTS[name]).table() == DOCUMENTS[name]


@given(metadata())
@examples(50)
def test_metadata_made_in_code_has_the_table_that_is_written(found):
    assert found.document == {}
    assert found.table() == found.to_json()


def test_combined_documents_have_what_both_have():
    one = {
        **PEP_850_PLUGIN,
        "of-one": 1,
        "providers": set_at(PEP_850_PLUGIN, ("providers", "nvidia", "of-one"), 1)["providers"],
        "variants": {"null": {}},
    }
    two = {
        **PEP_850_PLUGIN,
        "$schema": "https://example.org/v1.0.0.json",
        "of-two": {"a": 2},
        "variants": {"cu13_v3": PEP_850_PLUGIN["variants"]["cu13_v3"]},
    }
    expected = {**one, **two, "variants": {**one["variants"], **two["variants"]}}
    expected["providers"] = one["providers"]
    for combined in (read(one).combine(read(two)), read(two).combine(read(one))):
        assert combined.table() == expected
        assert read(combined.table()) == combined


def test_combined_documents_have_the_longer_list_of_namespaces():
    one, two = (
        {**PEP_825, "default-priorities": {"namespace": names}, "variants": {}}
        for names in (["cpu"], ["cpu", "gpu"])
    )
    for combined in (read(one).combine(read(two)), read(two).combine(read(one))):
        assert combined.table()["default-priorities"]["namespace"] == ["cpu", "gpu"]


def test_metadata_without_document_has_none_when_combined():
    made = VariantMetadata(("x86_64", "aarch64", "blas_lapack"), {"v9": Variant("v9")})
    combined = made.combine(read(PEP_825))
    assert combined.table() == combined.to_json()
    assert "v9" in combined.table()["variants"]


def test_documents_that_are_nested_too_deeply_are_not_combined():
    one, two = ({**PEP_825, "deep": [number]} for number in range(2))
    for _ in range(100_000):
        one["deep"], two["deep"] = [one["deep"]], [two["deep"]]
    both = [VariantMetadata.from_json(document, "demo.json") for document in (one, two)]
    with pytest.raises(InconsistentVariantMetadata, match="nested too deeply"):
        both[0].combine(both[1])


# What is made in code


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        ((("BAD NAME",), {}), "namespaces: invalid variant namespace .*'BAD NAME'"),
        ((("cpu", "cpu"), {}), "namespaces must not name anything twice"),
        ((("cpu",), {"V3": Variant("V3")}), "variants.V3: invalid variant label .*'V3'"),
        ((("cpu",), {"v3": Variant("v4")}), "variants.v3 must be made by Variant.of"),
        ((("cpu",), {"v3": made("gpu", "arch", "a1")}), "variants.v3.gpu uses a namespace"),
        ((("cpu",), {"v3": made("cpu", "Level", "v3")}), "variants.v3.cpu.Level: .*'Level'"),
        ((("cpu",), {"v3": made("cpu", "level", "V3")}), "variants.v3.cpu.level: .*'V3'"),
        ((("cpu",), {"v3": made("cpu", "level")}), "variants.v3.cpu.level must not be empty"),
        (
            (("cpu",), {"v3": made("cpu", "level", "b", "a")}),
            "variants.v3 must be made by Variant.of",
        ),
        (
            (("cpu",), {"null": made("cpu", "level", "v3", label="null")}),
            "null is the null variant",
        ),
        ((("cpu",), {}, {"CPU": PluginProvider(("p",))}), "providers.CPU: .*'CPU'"),
        ((("cpu",), {}, {"cpu": PluginProvider(())}), "providers.cpu.requires must not be empty"),
        (
            (("cpu",), {}, {"cpu": PluginProvider(("p",), "p q")}),
            "providers.cpu.plugin-api must be",
        ),
        (
            (("cpu",), {}, {"cpu": StaticProvider((SupportedFeature("level", ("V3",)),))}),
            "providers.cpu.static-properties.level: .*'V3'",
        ),
    ],
)
def test_what_is_made_in_code_obeys_the_rules_of_what_is_read(made, fault):
    with pytest.raises(InvalidVariantMetadata, match=fault):
        VariantMetadata(*made)


def test_what_is_read_and_changed_is_checked_again():
    with pytest.raises(InvalidVariantMetadata, match="namespaces: invalid variant namespace"):
        replace(read(PEP_825), namespaces=("BAD NAME",))


@given(metadata())
@examples(50)
def test_values_that_are_equal_have_equal_hashes(found):
    again = VariantMetadata.parse(found.serialise(), "again.json")
    assert (found, hash(found)) == (again, hash(again))
    assert set(found.variants.values()) == set(again.variants.values())


# The metadata of one wheel


def test_the_metadata_of_a_wheel_describes_its_label_alone():
    """Exactly one entry, corresponding to the label in the wheel's name (PEP 825)."""
    one = json.dumps({**PEP_825, "variants": {"null": {}}})
    assert VariantMetadata.parse_wheel(one, "variant.json", "null") == read(json.loads(one))
    assert VariantMetadata.parse_wheel(one, "variant.json", None) == read(json.loads(one))


@pytest.mark.parametrize(
    ("labels", "label", "message"),
    [
        ("", "null", "has 0 variants"),
        ("b", "a", "must describe a and nothing else, not b"),
        ("ab", "a", "has 2 variants"),
        ("", None, "has 0 variants"),
        ("ab", None, "has 2 variants"),
    ],
)
def test_another_number_of_variants_in_a_wheel_is_refused(labels, label, message):
    data = json.dumps({**PEP_825, "variants": {label: {} for label in labels}})
    with pytest.raises(InvalidVariantMetadata) as caught:
        VariantMetadata.parse_wheel(data, "variant.json", label)
    assert str(caught.value) == f"variant.json {message}"


# Combining


def outcome(combine):
    """The combined metadata, or that there is none."""
    try:
        return combine()
    except InconsistentVariantMetadata:
        return "inconsistent"


@given(metadata())
@examples(50)
def test_combining_with_itself_changes_nothing(found):
    assert found.combine(found) == found


@given(wheels)
@examples(300)
def test_combining_is_symmetric(found):
    one, two, _ = found
    assert outcome(lambda: one.combine(two)) == outcome(lambda: two.combine(one))


@given(wheels)
@examples(300)
def test_combining_is_associative(found):
    one, two, three = found
    assert outcome(lambda: one.combine(two).combine(three)) == outcome(
        lambda: one.combine(two.combine(three))
    )


@given(wheels)
@examples(100)
def test_the_order_of_the_files_does_not_matter(found):
    """Combining gives the same result regardless of the order of the inputs."""
    named = {f"{number}.json": piece for number, piece in enumerate(found)}
    expected = outcome(lambda: combine_all(named))
    for order in permutations(named.items()):
        assert outcome(partial(combine_all, dict(order))) == expected


@given(wheels)
@examples(200)
def test_combining_yields_the_longer_list_and_the_unions(found):
    one, two, _ = found
    result = outcome(lambda: one.combine(two))
    if result != "inconsistent":
        assert result.namespaces == max(one.namespaces, two.namespaces, key=len)
        for name in ("variants", "providers"):
            assert getattr(result, name) == {**getattr(one, name), **getattr(two, name)}


def pep_825(namespaces=("cpu",), **changes):
    return VariantMetadata(tuple(namespaces), **{"variants": {}, **changes})


@pytest.mark.parametrize(
    ("one", "two"),
    [("a", "a"), ("ab", "a"), ("abc", "ab")],
)
def test_the_longer_list_of_namespaces_starts_with_the_shorter(one, two):
    assert pep_825(one).combine(pep_825(two)).namespaces == tuple(one)
    assert pep_825(two).combine(pep_825(one)).namespaces == tuple(one)


@pytest.mark.parametrize(("one", "two"), [("a", "b"), ("ab", "ba"), ("abc", "b"), ("abc", "ac")])
def test_other_lists_of_namespaces_are_inconsistent(one, two):
    with pytest.raises(InconsistentVariantMetadata) as caught:
        pep_825(one).combine(pep_825(two))
    message = str(caught.value)
    assert message.startswith("default-priorities.namespace differs: ")
    assert str(list(one)) in message
    assert str(list(two)) in message


@pytest.mark.parametrize(
    ("one", "two", "key"),
    [
        (
            {"variants": {"v3": variant("v3", "cpu :: level :: v3")}},
            {"variants": {"v3": variant("v3", "cpu :: level :: v4")}},
            "variants.v3",
        ),
        (
            {"providers": {"cpu": PluginProvider(("p>=1",))}},
            {"providers": {"cpu": PluginProvider(("p>=2",))}},
            "providers.cpu",
        ),
        (
            {"providers": {"cpu": PluginProvider(("p",))}},
            {"providers": {"cpu": PluginProvider(("p",), optional=True)}},
            "providers.cpu",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_differs_is_named(one, two, key):
    """The same keys MUST always correspond to the same values."""
    for first, second in ((one, two), (two, one)):
        with pytest.raises(InconsistentVariantMetadata) as caught:
            pep_825(**first).combine(pep_825(**second))
        assert str(caught.value).startswith(f"{key} differs")


@pytest.mark.parametrize(
    ("one", "two", "both"),
    [
        (("p>=1,<2",), ("P <2, >=1",), ("P <2, >=1",)),
        (("a", "b>1.0"), ("b > 1", "a"), ("a", "b>1.0")),
        (("a>=1",), ("a>=1", "a >=1"), ("a>=1", "a >=1")),
    ],
)
@pytest.mark.parametrize("apis", [("p", "p"), ("p : q", "p:q"), ("p:q", "p: q")])
def test_a_requirement_in_another_spelling_is_the_same(one, two, both, apis):
    one, two = (
        pep_825(providers={"cpu": PluginProvider(requires, api)})
        for requires, api in zip((one, two), apis, strict=True)
    )
    combined = one.combine(two).providers["cpu"]
    assert combined == two.combine(one).providers["cpu"]
    assert combined.requires == both
    assert combined.plugin_api in apis


def test_a_default_written_out_is_the_default():
    one, two = (
        read({**small(requires=["a-b>=1"], **api), "variants": {}})
        for api in ({}, {"plugin_api": "a_b"})
    )
    for combined in (one.combine(two), two.combine(one)):
        assert combined.providers == two.providers
        assert combined.table() == two.table()


def test_requirements_in_another_order_may_have_another_default():
    """The endpoint's default is the first one's name."""
    one, two = (pep_825(providers={"cpu": PluginProvider(tuple(names))}) for names in ("ab", "ba"))
    with pytest.raises(InconsistentVariantMetadata, match=r"^providers\.cpu differs"):
        one.combine(two)


def test_the_newest_schema_is_kept():
    old, new = pep_825(schema="https://z/v0.9.0.json"), pep_825(schema="https://a/v0.10.0.json")
    assert old.combine(new) == new.combine(old) == new


def test_wheels_with_and_without_providers_agree():
    """A namespace without provider information comes from metadata of PEP 825 alone."""
    provider = {"cpu": PluginProvider(("p",))}
    one, two = pep_825(variants={"null": Variant("null")}), pep_825(providers=provider)
    both = pep_825(variants=one.variants, providers=provider)
    assert one.combine(two) == two.combine(one) == both


def test_wheels_of_one_release_combine_to_its_index_metadata():
    wheels = {
        f"foo-1.2.3-py3-none-any-{label}.whl": read({**PEP_825, "variants": {label: entry}})
        for label, entry in PEP_825["variants"].items()
    }
    assert combine_all(wheels) == read(PEP_825)


def test_the_file_that_contradicts_is_named():
    with pytest.raises(InconsistentVariantMetadata) as caught:
        combine_all({"one.whl": pep_825("a"), "two.whl": pep_825("ab"), "three.whl": pep_825("ac")})
    assert str(caught.value) == (
        "three.whl contradicts the files before it: "
        "default-priorities.namespace differs: ['a', 'b'] and ['a', 'c']"
    )


def test_one_file_is_combined_as_it_is():
    assert combine_all({"one.whl": read(PEP_825)}) == read(PEP_825)


def test_nothing_cannot_be_combined():
    with pytest.raises(ValueError, match="no metadata to combine"):
        combine_all({})
