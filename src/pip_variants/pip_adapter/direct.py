"""Wheels at hand: does the wheel keep what the index promised, does a wheel given by path fit."""

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

from pip._internal.exceptions import MetadataInconsistent, UnsupportedWheel
from pip._internal.metadata import FilesystemWheel, get_wheel_distribution
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants import reasons
from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.consistency import contradiction
from pip_variants.model.metadata import VariantMetadata
from pip_variants.pip_adapter.gate import gate
from pip_variants.pip_adapter.links import wheel_metadata
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.ranking import promise_of
from pip_variants.pip_adapter.target import select_for_target

__all__ = ["prepare_linked_requirement", "verify_one"]


class WheelDisagrees(MetadataInconsistent):
    """A wheel that is not what its index says. pip's resolver moves on to the next candidate."""

    def __init__(self, ireq: Any, filename: str, difference: str) -> None:
        super().__init__(ireq, "variant", filename, printable(difference))

    def __str__(self) -> str:
        # Up to pip 24.0 this text is read as markup.
        return f"{self.f_val} is not what its index says: {self.m_val}".replace("[", "(")


def prepare_linked_requirement(original: Callable[..., Any]) -> Callable[..., Any]:
    """`RequirementPreparer._prepare_linked_requirement`: every wheel passes here once complete."""

    @wraps(original)
    def prepare_linked_requirement(self: Any, req: Any, *args: Any, **kw: Any) -> Any:
        distribution = original(self, req, *args, **kw)
        filename = req.link.filename
        label = label_of(filename)
        if label is None:
            return distribution
        promised = promise_of(req.link)
        if promised is None:
            _check_fits(distribution, filename, label)
            return distribution
        try:
            found = contradiction(promised, _inside(distribution, filename, label), label)
            difference = found.text if found else ""
        except InvalidVariantMetadata as error:
            difference = str(error)
        if difference:
            raise WheelDisagrees(req, filename, difference)
        return distribution

    return prepare_linked_requirement


def verify_one(original: Callable[..., None]) -> Callable[..., None]:
    """`wheel_builder._verify_one`: a wheel that was built here to be installed has to fit, too."""

    @wraps(original)
    def verify_one(req: Any, wheel_path: str) -> None:
        original(req, wheel_path)
        if getattr(gate.options, "wheel_dir", None):
            return  # `pip wheel`: perhaps for another machine
        filename = os.path.basename(wheel_path)
        label = label_of(filename)
        if label is not None:
            name = canonicalize_name(req.name)
            distribution = get_wheel_distribution(FilesystemWheel(wheel_path), name)
            _check_fits(distribution, filename, label)

    return verify_one


def _check_fits(distribution: Any, filename: str, label: str) -> None:
    try:
        metadata = _inside(distribution, filename, label)
    except InvalidVariantMetadata as error:
        reason = printable(f"{filename} is not a valid variant wheel: {error}.")
        raise UnsupportedWheel(reason) from None
    rejected = select_for_target(filename, metadata, [label]).rejected
    if rejected:
        why = f"it {reasons.reason(rejected[0])}"
        raise UnsupportedWheel(
            printable(f"{filename} is not a supported wheel on this machine: {why}.")
        )


def _inside(distribution: Any, filename: str, label: str) -> VariantMetadata:
    metadata = wheel_metadata(distribution, filename)
    if label not in metadata.variants:
        raise InvalidVariantMetadata(f"variant.json of {filename} does not describe {label}")
    return metadata
