"""Wheels at hand: does the wheel keep what the index promised, does a wheel given by path fit."""

import os
import re
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
from pip_variants.pip_adapter.variants.target import target

_INSTALLED_OVER_IT = re.compile(
    r"[^/]+\.data/(?:purelib|platlib)/[^/]+\.dist-info/variant\.json", re.IGNORECASE
)


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
    distribution = original(self, req, *args, **kw)
    run = current()
    label = run.label_of(req.link.filename)
    release = run.release_of_url.get(req.link.url)
    if label is None:
        return distribution
    read = partial(_variant_json, distribution, req.link.filename, req.local_file_path)
    if release is None:
        _check_fits(read, req.link.filename, label)
    elif difference := release.check(req.link, read):
        if was_chosen_by_metadata:  # pip says nothing of it then
            telling.refused(req.link, difference)
        raise WheelDisagrees(req, difference)
    req.needs_more_preparation = False
    return distribution


def verify_one(original: Any, req: Any, wheel_path: str) -> None:
    """`wheel_builder._verify_one`: a wheel that was built here to be installed has to fit, too."""
    original(req, wheel_path)
    filename = os.path.basename(wheel_path)
    label = current().label_of(filename)
    is_for_others = getattr(current().options, "wheel_dir", None)  # perhaps, by `pip wheel`
    if label is not None and not is_for_others:
        wheel, name = FilesystemWheel(wheel_path), canonicalize_name(req.name)
        distribution = get_wheel_distribution(wheel, name)
        read = partial(_variant_json, distribution, filename, wheel_path)
        _check_fits(read, filename, label)


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
    with ZipFile(path) as archive:
        for name in filter(_INSTALLED_OVER_IT.fullmatch, archive.namelist()):
            raise InvalidVariantMetadata(f"{filename} brings a second variant.json ({name})")
    try:
        return str(distribution.read_text("variant.json"))
    except FileNotFoundError:
        raise InvalidVariantMetadata(f"{filename} has no variant.json") from None
    except UnicodeDecodeError as error:
        raise InvalidVariantMetadata(f"variant.json of {filename} is no text: {error}") from None
