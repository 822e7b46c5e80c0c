"""What `pip-variants make` writes without `--provider` is answered by the built-in provider."""

import sys

import pytest
from pip_variants import providers
from pip_variants.detection.registry import Registry
from pip_variants.publish.project import KNOWN_PROVIDERS

BUILT_IN = [name.rpartition(".")[2] for name in providers.BUILT_IN]


def test_every_built_in_provider_is_known() -> None:
    assert sorted(KNOWN_PROVIDERS) == sorted(BUILT_IN)


@pytest.mark.parametrize("namespace", BUILT_IN)
def test_it_is_the_one_that_recommends_the_namespace(namespace: str) -> None:
    registry, provider = Registry(), KNOWN_PROVIDERS[namespace]
    answer = registry.supported(list(provider.requires), provider.endpoint, [], sys.prefix)
    assert answer == registry.supported_in(namespace)
    assert answer.by.startswith("pip-variants ")
