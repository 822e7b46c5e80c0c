"""What tests of providers say of features."""

from collections.abc import Iterable

from pip_variants.hooks import Feature


def lines(features: Iterable[Feature]) -> list[str]:
    """`name :: value` for each value, as the expected lists beside the recorded machines."""
    return [f"{feature.name} :: {value}" for feature in features for value in feature.values]
