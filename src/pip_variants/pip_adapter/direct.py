"""Wheels at hand: does the wheel keep what the index promised, does a wheel given by path fit."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from pip._internal.exceptions import MetadataInconsistent, UnsupportedWheel

from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter.links import wheel_metadata
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.ranking import promise_of
from pip_variants.pip_adapter.target import select_for_target

__all__ = ["prepare_linked_requirement"]


class WheelDisagrees(MetadataInconsistent):
    """A wheel that is not what its index says. pip's resolver moves on to the next candidate."""

    def __init__(self, ireq: Any, filename: str, difference: str) -> None:
        super().__init__(ireq, "variant", filename, difference)

    def __str__(self) -> str:
        return f"{self.f_val} is not what its index says: {self.m_val}"


def prepare_linked_requirement(original: Callable[..., Any]) -> Callable[..., Any]:
    """`RequirementPreparer._prepare_linked_requirement`: every wheel passes here once complete."""

    @wraps(original)
    def prepare_linked_requirement(self: Any, req: Any, *args: Any, **kw: Any) -> Any:
        distribution = original(self, req, *args, **kw)
        filename = req.link.filename
        label = label_of(filename)
        if label is not None:
            _check(req, distribution, filename, label)
        return distribution

    return prepare_linked_requirement


def _check(req: Any, distribution: Any, filename: str, label: str) -> None:
    promised = promise_of(req.link)
    try:
        inside = wheel_metadata(distribution, filename)
        if label not in inside.variants:
            raise InvalidVariantMetadata(f"variant.json of {filename} does not describe {label}")
    except InvalidVariantMetadata as error:
        if promised is None:
            raise UnsupportedWheel(f"{filename} is not a valid variant wheel: {error}.") from None
        raise WheelDisagrees(req, filename, str(error)) from None
    if promised is None:
        rejected = select_for_target(filename, inside, [label]).rejected
        if rejected:
            raise UnsupportedWheel(
                f"{filename} is not a supported wheel on this machine: it {rejected[0].reason}."
            )
    elif difference := _difference(label, promised, inside):
        raise WheelDisagrees(req, filename, difference)


def _difference(label: str, promised: VariantMetadata, inside: VariantMetadata) -> str:
    """Where the wheel contradicts the index about this label; empty if nowhere."""
    if label == NULL_LABEL:
        return ""
    listed, real = promised.variants[label], inside.variants[label]
    if listed != real:
        return f"{_text(real.properties)} instead of {_text(listed.properties)}"
    for namespace in real.namespaces:
        if promised.providers.get(namespace) != inside.providers.get(namespace):
            return f"another provider for {namespace}"
    return ""


def _text(properties: tuple[Any, ...]) -> str:
    return ", ".join(map(str, properties)) or "no properties"
