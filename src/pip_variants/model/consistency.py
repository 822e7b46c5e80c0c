"""Whether a wheel is what the metadata of its release promised (PEP 825, Metadata consistency)."""

from typing import NamedTuple

from pip_variants.model.metadata import VariantMetadata, meaning
from pip_variants.model.names import NULL_LABEL


class Contradiction(NamedTuple):
    """What a wheel says instead of what was promised, of the provider of `namespace` if any.

    That is likely to hold for every variant of the release that uses the namespace.
    """

    text: str
    namespace: str | None = None


def contradiction(
    promised: VariantMetadata, wheel: VariantMetadata, label: str
) -> Contradiction | None:
    """Where `wheel` means something else by `label`, which both describe, than was promised.

    Other words for the same are no contradiction, nor is a provider that one of them leaves out.
    """
    if label == NULL_LABEL:
        return None
    listed, real = promised.variants[label], wheel.variants[label]
    if listed != real:
        texts = (", ".join(map(str, one.properties)) or "no properties" for one in (real, listed))
        return Contradiction(" instead of ".join(texts))
    # Newer drafts say the same by other kinds of providers.
    is_same_draft = promised.version[:2] == wheel.version[:2]
    for namespace in real.namespaces:
        one, two = promised.providers.get(namespace), wheel.providers.get(namespace)
        if not one or not two or meaning(one) == meaning(two):
            continue
        if is_same_draft or type(one) is type(two):
            return Contradiction(f"another provider for {namespace}", namespace)
    return None
