"""The `variant.json` in a wheel (PEP 825, Variant metadata), and its core metadata."""

import posixpath
import re
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from pip_variants.errors import InvalidVariantMetadata
from pip_variants.model.metadata import MAX_BYTES

_IN_WHEEL = r"[^/]+\.dist-info/"

# Where installers would put it there, too.
_INSTALLED_THERE = rf"(?:[^/]+\.data/(?:(?:purelib|platlib)/|data/(?:.*/)?))?{_IN_WHEEL}"


def read(wheel: Any, filename: str, name: str = "variant.json") -> bytes:
    """The file in a wheel, given by path or open; the beginning, if it is larger than any may be.

    Raises `InvalidVariantMetadata`, and what `zipfile` raises.
    """
    with ZipFile(wheel) as archive:
        entries = archive.infolist()
        there = re.compile(_IN_WHEEL + re.escape(name))
        second = re.compile(_INSTALLED_THERE + re.escape(name), re.IGNORECASE)
        entry = next((one for one in entries if there.fullmatch(one.filename)), None)
        if entry is None:
            raise InvalidVariantMetadata(f"{filename} has no {name}")
        for one in entries:
            if one is not entry and second.fullmatch(posixpath.normpath(one.filename)):
                text = f"{filename} brings a second {name} ({one.filename})"
                raise InvalidVariantMetadata(text)
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # others may explode
            raise InvalidVariantMetadata(f"{filename} has an unusually compressed {name}")
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)
