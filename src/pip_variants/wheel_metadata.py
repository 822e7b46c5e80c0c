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
        entries = archive.infolist()
        entry = next((one for one in entries if _VARIANT_JSON.fullmatch(one.filename)), None)
        if entry is None:
            raise InvalidVariantMetadata(f"{filename} has no variant.json")
        for one in entries:
            if one is not entry and _INSTALLED_AS_ONE.fullmatch(posixpath.normpath(one.filename)):
                second = f"brings a second variant.json ({one.filename})"
                raise InvalidVariantMetadata(f"{filename} {second}")
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # others may explode
            raise InvalidVariantMetadata(f"{filename} has an unusually compressed variant.json")
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)
