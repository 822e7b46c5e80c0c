"""Wheels at hand: does the wheel keep what the index promised, does a wheel given by path fit."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any
from zipfile import ZipFile

from pip._internal.exceptions import MetadataInconsistent, UnsupportedWheel
from pip._internal.metadata import FilesystemWheel, get_wheel_distribution
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants import reasons
from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.metadata import VariantMetadata
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants import telling
from pip_variants.pip_adapter.variants.fetching import check_there_is_one
from pip_variants.pip_adapter.variants.target import target


class WheelDisagrees(MetadataInconsistent):
    """A wheel that is not what its index says. pip's resolver moves on to the next candidate."""

    refuses_wheel = True  # it is not going to be offered again

    def __init__(self, ireq: Any, difference: str) -> None:
        super().__init__(ireq, "variant", ireq.link.filename, printable(difference))
        self._link = ireq.link

    def __str__(self) -> str:
        # Up to pip 24.0 this text is read as markup.
        return telling.not_as_promised(self._link, self.m_val).replace("[", "(")


def prepare_linked_requirement(original: Any, self: Any, req: Any, *args: Any, **kw: Any) -> Any:
    """`RequirementPreparer._prepare_linked_requirement`: every wheel passes here once complete."""
    was_chosen_by_metadata = req.needs_more_preparation
    inconsistent = None
    try:
        distribution = original(self, req, *args, **kw)
    except MetadataInconsistent as error:
        # pip compares dependencies; it may be that the markers in them are those of another wheel.
        if not os.path.isfile(req.local_file_path or "") or not req.link.is_wheel:
            raise
        inconsistent, distribution = error, _opened(req, req.local_file_path)
    run = current()
    label = run.label_of(req.link.filename)
    release = run.release_of_url.get(req.link.url)
    path = req.local_file_path or ""
    read = partial(_variant_json, distribution, req.link.filename, path)
    if label is not None and release is None:
        _check_fits(read, req.link.filename, label)
    elif label is not None and release is not None:
        if difference := release.check(req.link, read):
            if was_chosen_by_metadata:  # pip says nothing of it then
                telling.refused(req.link, difference)
            raise WheelDisagrees(req, difference)
        req.needs_more_preparation = False
    if inconsistent is not None:
        raise inconsistent
    return distribution


def verify_one(original: Any, req: Any, wheel_path: str) -> None:
    """`wheel_builder._verify_one`: a wheel that was built here to be installed has to fit, too."""
    original(req, wheel_path)
    filename = os.path.basename(wheel_path)
    label = current().label_of(filename)
    is_for_others = getattr(current().options, "wheel_dir", None)  # perhaps, by `pip wheel`
    if label is not None and not is_for_others:
        read = partial(_variant_json, _opened(req, wheel_path), filename, wheel_path)
        _check_fits(read, filename, label)


def _opened(req: Any, path: str) -> Any:
    return get_wheel_distribution(FilesystemWheel(path), canonicalize_name(req.name))


def _check_fits(read: Callable[[], str], filename: str, label: str) -> None:
    try:
        metadata = VariantMetadata.parse_wheel(read(), f"variant.json of {filename}", label)
    except InvalidVariantMetadata as error:
        reason = printable(f"{filename} is not a valid variant wheel: {error}.")
        raise UnsupportedWheel(reason) from None
    for one in target().order(filename, metadata, label).rejected:
        reason = f"{filename} is not a supported wheel on this machine: it {reasons.reason(one)}."
        raise UnsupportedWheel(printable(reason))


def _variant_json(distribution: Any, filename: str, path: str) -> str:
    """The `variant.json` of a wheel that pip opened. Raises `InvalidVariantMetadata`."""
    if os.path.isfile(path):
        with ZipFile(path) as archive:
            check_there_is_one(archive, filename)
    try:
        return str(distribution.read_text("variant.json"))
    except FileNotFoundError:
        raise InvalidVariantMetadata(f"{filename} has no variant.json") from None
    except UnicodeDecodeError as error:
        raise InvalidVariantMetadata(f"variant.json of {filename} is no text: {error}") from None
