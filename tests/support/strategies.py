"""Random names, variants, metadata and support for the tests of the model."""

from collections.abc import Sequence
from random import Random
from typing import Any, TypeAlias

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pip_variants.model.metadata import (
    ABI_DEPENDENCY,
    BuiltinProvider,
    PluginProvider,
    ProviderInfo,
    StaticProvider,
    Variant,
    VariantMetadata,
)
from pip_variants.model.names import VariantFeature, VariantProperty
from pip_variants.model.support import NamespaceSupport, SupportedFeature

NAME_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789_"
VALUE_ALPHABET = NAME_ALPHABET + "."


def examples(count: int) -> settings:
    """So many examples, however slow and busy the machine is."""
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])


names = st.text(NAME_ALPHABET, min_size=1, max_size=6)
values = st.text(VALUE_ALPHABET, min_size=1, max_size=6)
properties = st.builds(VariantProperty, names, names, values)

# Names that differ in what sorting and writing could trip over.
some_names = st.sampled_from(("a", "b", "b_", "_", "0", "x86_64", "null", "level", "requires", "z"))
some_labels = st.sampled_from(("a", "b", "b.c", "x86_64_v3", "0", ".", "nul", "null_"))
some_values = st.sampled_from(("1", "1.0", "1.10", "1.9", "v3", "v3_", ".", "_", "null", "on"))

# Few names, so that random variants and support have much in common.
FEW_NAMES = ("arch", "level", "version", "zz")
FEW_VALUES = ("1", "1.0", "v2", "v3", "x")
few_names = st.sampled_from(FEW_NAMES)
few_values = st.sampled_from(FEW_VALUES)


def tuples(items: st.SearchStrategy[Any], **sizes: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, unique=True, **sizes).map(tuple)


@st.composite
def supports(
    draw: st.DrawFn,
    feature_names: st.SearchStrategy[str] = few_names,
    feature_values: st.SearchStrategy[str] = few_values,
) -> NamespaceSupport:
    """What a target supports in one namespace."""
    return NamespaceSupport(
        tuple(
            SupportedFeature(name, draw(tuples(feature_values, max_size=4)))
            for name in draw(tuples(feature_names, max_size=4))
        )
    )


@st.composite
def feature_values(
    draw: st.DrawFn, namespaces: st.SearchStrategy[str]
) -> tuple[tuple[VariantFeature, tuple[str, ...]], ...]:
    """The features of one variant, as a `Variant` holds them."""
    features = draw(tuples(st.builds(VariantFeature, namespaces, some_names), max_size=4))
    return tuple(
        (feature, tuple(sorted(draw(tuples(some_values, min_size=1, max_size=3)))))
        for feature in sorted(features)
    )


Situation: TypeAlias = tuple[tuple[Variant, ...], tuple[str, ...], dict[str, NamespaceSupport]]


def situation(seed: int) -> Situation:
    """Variants under distinct labels, an order of namespaces, and what a target supports.

    Variants mostly want what the target supports, so that there is something to order. Drawn by
    `random`, which makes many more of them than hypothesis would in the same time.
    """
    random = Random(seed)

    def some(items: Sequence[str], least: int = 0) -> tuple[str, ...]:
        return tuple(random.sample(items, random.randint(least, len(items))))

    namespaces = tuple(random.sample(("cpu", "gpu", "mpi"), 3))
    target = {
        namespace: NamespaceSupport(
            tuple(
                SupportedFeature(name, some(("1", "1.0", "v2", "v3"))) for name in some(FEW_NAMES)
            )
        )
        for namespace in some(namespaces, 1)
    }
    variants = []
    for label in some(("null", *"abcdefg")):
        features: dict[VariantFeature, tuple[str, ...]] = {}
        for _ in range(random.randint(0, 4) if label != "null" else 0):
            feature = VariantFeature(random.choice(namespaces), random.choice(FEW_NAMES))
            support = target.get(feature.namespace, NamespaceSupport()).values(feature.name)
            if support or random.random() < 0.1:
                wanted = some(FEW_VALUES, 1)
                if random.random() < 0.9:
                    wanted = (*wanted, random.choice(support or FEW_VALUES))
                features[feature] = tuple(sorted(set(wanted)))
        variants.append(Variant(label, tuple(sorted(features.items()))))
    return tuple(variants), namespaces, target


situations = st.integers(0, 2**32).map(situation)

static_providers = st.builds(
    StaticProvider,
    tuples(some_names, max_size=3).flatmap(
        lambda found: st.tuples(
            *(
                st.builds(SupportedFeature, st.just(name), tuples(some_values, max_size=3))
                for name in found
            )
        )
    ),
    optional=st.booleans(),
)
plugin_providers = st.builds(
    PluginProvider,
    tuples(st.text(min_size=1, max_size=9).filter(str.strip), min_size=1, max_size=2),
    st.sampled_from((None, "a", "a.b", "a.b:C", "a.b : C.d")),
    optional=st.booleans(),
)
builtin_providers = st.builds(
    BuiltinProvider, st.sampled_from((ABI_DEPENDENCY, "something_new")), optional=st.booleans()
)
providers: st.SearchStrategy[ProviderInfo] = static_providers | plugin_providers | builtin_providers


@st.composite
def metadata(draw: st.DrawFn) -> VariantMetadata:
    """Metadata that the current schema can express."""
    namespaces = draw(tuples(some_names, min_size=1, max_size=3))
    used = feature_values(st.sampled_from((*namespaces, ABI_DEPENDENCY)))
    variants = {
        label: Variant(label, draw(used)) for label in draw(tuples(some_labels, max_size=3))
    }
    if draw(st.booleans()):
        variants["null"] = Variant("null")
    return VariantMetadata(namespaces, variants, {name: draw(providers) for name in namespaces})


@st.composite
def pep_825_metadata(draw: st.DrawFn) -> VariantMetadata:
    """Metadata of PEP 825 alone, which knows no providers."""
    namespaces = draw(tuples(some_names, min_size=1, max_size=3))
    used = feature_values(st.sampled_from(namespaces))
    return VariantMetadata(
        namespaces,
        {label: Variant(label, draw(used)) for label in draw(tuples(some_labels, max_size=3))},
        schema="https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json",
    )


def single_wheels(seed: int) -> tuple[VariantMetadata, ...]:
    """Metadata of three wheels of one release, which agree in about half of the cases."""
    random = Random(seed)

    def normally(one: Any, other: Any) -> Any:
        return one if random.random() < 0.93 else other

    def some(items: Sequence[str]) -> list[str]:
        return random.sample(items, random.randint(0, len(items)))

    def wheel() -> VariantMetadata:
        namespaces = normally(("cpu", "gpu", "mpi"), ("cpu", "mpi"))[: random.randint(1, 3)]
        level = VariantFeature("cpu", "level")
        return VariantMetadata(
            namespaces,
            {label: Variant(label, ((level, (normally("v3", "v4"),)),)) for label in some("abc")},
            {name: PluginProvider((normally("p>=1", "p>=2"),)) for name in some(namespaces)},
            f"https://variants-schema.wheelnext.dev/v0.{random.randint(1, 12)}.0.json",
        )

    return wheel(), wheel(), wheel()


wheels = st.integers(0, 2**32).map(single_wheels)


@st.composite
def shuffled(draw: st.DrawFn, value: Any) -> Any:
    """The same JSON value with the keys of every object in another order."""
    if isinstance(value, dict):
        keys = draw(st.permutations(tuple(value)))
        return {key: draw(shuffled(value[key])) for key in keys}
    return value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
