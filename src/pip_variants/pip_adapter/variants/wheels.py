"""Wheels at hand: does the wheel keep what the index promised, does a wheel given by path fit."""

import os
import re
from base64 import urlsafe_b64encode
from functools import partial
from hashlib import sha256
from typing import Any

from pip._internal.exceptions import MetadataInconsistent, UnsupportedWheel

from pip_variants import reasons, wheel_metadata
from pip_variants.errors import BrokenInstallation, InvalidVariantMetadata, printable
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.names import TARGET_FILE
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants import telling
from pip_variants.pip_adapter.variants.target import target

_RECORD = r"[^/]+\.dist-info/RECORD"


class WheelDisagrees(MetadataInconsistent):
    """A wheel that is not what its index says. pip's resolver moves on to the next candidate."""

    refuses_wheel = True  # it is not going to be offered again

    def __init__(self, ireq: Any, difference: str) -> None:
        super().__init__(ireq, "variant", ireq.link.filename, printable(difference))
        self._link = ireq.link

    def __str__(self) -> str:
        # Up to pip 24.0 this text is read as markup.
        return telling.not_as_promised(self._link, self.m_val).replace("[", "(")


def prepare_linked_requirement(self: Any, req: Any, *args: Any, original: Any, **kw: Any) -> Any:
    """`RequirementPreparer._prepare_linked_requirement`: every wheel passes here once complete."""
    was_chosen_by_metadata = req.needs_more_preparation
    inconsistent = distribution = None
    try:
        distribution = original(self, req, *args, **kw)
    except MetadataInconsistent as error:
        # pip compares dependencies; it may be that the markers in them are those of another wheel.
        if not (req.link.is_wheel and req.local_file_path):
            raise
        inconsistent = error
    run, filename, path = current(), req.link.filename, req.local_file_path
    release = run.release_of_url.get(req.link.url)
    if run.label_of(filename) is None:
        if release and release.builds and run.indexes and (own := release.description(req.link)):
            run.indexes.described[os.path.basename(path)] = own
    elif release is None:  # its path or URL stands somewhere
        _check_fits(path, filename)
    elif difference := release.check(req.link, partial(wheel_metadata.read, path, filename)):
        if was_chosen_by_metadata:  # pip says nothing of it then
            telling.refused(req.link, difference)
        raise WheelDisagrees(req, difference)
    else:
        req.needs_more_preparation = False
    if inconsistent is not None:
        raise inconsistent
    return distribution


def install_wheel(
    name: str, wheel_zip: Any, wheel_path: str, scheme: Any, *args: Any, original: Any, **kw: Any
) -> None:
    """`_install_wheel`: what is known of a variant now, for `pip check` and later runs.

    A build of an index set gets a `variant.json`, for its wheel says nowhere what it needs; what
    is for a target gets that target's name.
    """
    original(name, wheel_zip, wheel_path, scheme, *args, **kw)
    run, filename = current(), os.path.basename(wheel_path)
    metadata = run.indexes.described.get(filename) if run.indexes else None
    files = {"variant.json": metadata.serialise()} if metadata else {}
    if run.target_name and (metadata or run.label_of(filename)):
        target_name = printable(os.path.basename(run.target_name))
        files[TARGET_FILE] = f"{target_name}\n".encode()
    if not files:
        return
    (folder,) = {
        one.partition("/")[0] for one in wheel_zip.namelist() if re.fullmatch(_RECORD, one)
    }
    for place in {scheme.purelib, scheme.platlib}:
        if os.path.exists(record := os.path.join(place, folder, "RECORD")):
            for added, data in files.items():
                digest = urlsafe_b64encode(sha256(data).digest()).decode().rstrip("=")
                with open(record, "a", encoding="utf-8") as file:
                    file.write(f"{folder}/{added},sha256={digest},{len(data)}\n")
                with open(os.path.join(place, folder, added), "wb") as file:
                    file.write(data)


def verify_one(req: Any, wheel_path: str, *, original: Any) -> None:
    """`wheel_builder._verify_one`: a wheel that was built here to be installed has to fit, too."""
    original(req, wheel_path)
    filename = os.path.basename(wheel_path)
    is_for_others = getattr(current().options, "wheel_dir", None)  # perhaps, by `pip wheel`
    if current().label_of(filename) is not None and not is_for_others:
        _check_fits(wheel_path, filename)


def _check_fits(path: str, filename: str) -> None:
    label = str(current().label_of(filename))
    try:
        data = wheel_metadata.read(path, filename)
        metadata = VariantMetadata.parse_wheel(data, f"variant.json of {filename}", label)
    except InvalidVariantMetadata as error:
        reason = printable(f"{filename} is not a valid variant wheel: {error}.")
        raise UnsupportedWheel(reason) from None
    try:
        rejected = target().order(filename, metadata, label).rejected
    except BrokenInstallation as error:
        reason = f"{filename} is a variant wheel, and pip-variants is broken ({error})."
        raise UnsupportedWheel(printable(reason)) from None
    for one in rejected:
        reason = f"{filename} is not a supported wheel on this machine: it {reasons.reason(one)}."
        raise UnsupportedWheel(printable(reason))
