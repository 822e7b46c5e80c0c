"""The `variant.json` in a wheel (PEP 825, Variant metadata)."""

import posixpath
import re
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import MAX_BYTES

_VARIANT_JSON = re.compile(r"[^/]+\.dist-info/variant\.json")

# What installers would put where it goes.
_INSTALLED_AS_ONE = re.compile(
    r"(?:[^/]+\.data/(?:(?:purelib|platlib)/|data/(?:.*/)?))?[^/]+\.dist-info/variant\.json",
    re.IGNORECASE,
)


def read(wheel: Any, filename: str) -> bytes:
    """The file in a wheel, given by path or open; the beginning, if it is larger than any may be.

    Raises `InvalidVariantMetadata`, and what `zipfile` raises.
    """
    with ZipFile(wheel) as archive:
        _check_there_is_one(archive, filename)
        entry = next(one for one in archive.infolist() if _VARIANT_JSON.fullmatch(one.filename))
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # others may explode
            raise InvalidVariantMetadata(f"{filename} has an unusually compressed variant.json")
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)


def _check_there_is_one(wheel: ZipFile, filename: str) -> None:
    """Raises `InvalidVariantMetadata` if there is none, or another is installed over it."""
    names = wheel.namelist()
    if not any(map(_VARIANT_JSON.fullmatch, names)):
        raise InvalidVariantMetadata(f"{filename} has no variant.json")
    found = [one for one in names if _INSTALLED_AS_ONE.fullmatch(posixpath.normpath(one))]
    for name in sorted(found, key=lambda one: _VARIANT_JSON.fullmatch(one) is None)[1:]:
        raise InvalidVariantMetadata(f"{filename} brings a second variant.json ({name})")
