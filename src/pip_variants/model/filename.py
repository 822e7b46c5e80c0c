"""Names of wheel files, with and without a variant label (PEP 825, Variant label)."""

import re
from typing import NamedTuple

from pip_variants.errors import InvalidVariantLabel, InvalidWheelFilename
from pip_variants.model.names import check_label, normalised

_INDEX_METADATA_SUFFIX = "-variants.json"


class WheelFilename(NamedTuple):
    """The parts of a wheel's file name; big pages have them by the ten thousand.

    >>> WheelFilename.parse("demo-1.0-2-py3-none-any-x86_64_v3.whl").label
    'x86_64_v3'
    >>> str(WheelFilename.parse("demo-1.0-py3-none-any.whl").with_label("null"))
    'demo-1.0-py3-none-any-null.whl'
    """

    distribution: str
    version: str
    build: str | None
    python: str
    abi: str
    platform: str
    label: str | None

    @classmethod
    def parse(cls, filename: str) -> "WheelFilename":
        """Take a wheel's file name apart.

        A build tag starts with a digit and a Python tag does not, which tells
        `…-1-py3-none-any.whl` from `…-py3-none-any-label.whl`.
        Raises `InvalidWheelFilename`.
        """
        stem, dot, extension = filename.rpartition(".")
        parts = stem.split("-") if dot and extension == "whl" else []
        build = parts.pop(2) if len(parts) > 5 and parts[2][:1].isdigit() else None
        label = parts.pop(5) if len(parts) == 6 else None
        if len(parts) != 5 or not all(parts) or parts[2][0].isdigit():
            raise InvalidWheelFilename(
                "invalid wheel file name (must be name-version(-build)?-python-abi-platform"
                f"(-label)?.whl): {filename!r}"
            )
        if label is not None:
            try:
                check_label(label)
            except InvalidVariantLabel as error:
                raise InvalidWheelFilename(f"{error} in {filename!r}") from None
        distribution, version, python, abi, platform = parts
        return cls(distribution, version, build, python, abi, platform, label)

    @property
    def tags(self) -> tuple[str, str, str]:
        """Python tag, ABI tag and platform tag; each may be several, with dots between them."""
        return self.python, self.abi, self.platform

    def with_label(self, label: str | None) -> "WheelFilename":
        """The same wheel under another label, or under none."""
        return self._replace(label=None if label is None else check_label(label))

    def __str__(self) -> str:
        parts = (self.distribution, self.version, self.build, *self.tags, self.label)
        return "-".join(part for part in parts if part is not None) + ".whl"


def index_metadata_filename(distribution: str, version: str) -> str:
    """The name of the index-level metadata file (PEP 825), however the wheels spell theirs.

    >>> index_metadata_filename("My.Demo", "1.0")
    'my_demo-1.0-variants.json'
    """
    return f"{normalised(distribution).replace('-', '_')}-{version}{_INDEX_METADATA_SUFFIX}"


def split_index_metadata_filename(filename: str) -> tuple[str, str] | None:
    """Distribution and version of an index-level metadata file's name; None if it is not one.

    >>> split_index_metadata_filename("demo-1.0-variants.json")
    ('demo', '1.0')
    """
    if not filename.endswith(_INDEX_METADATA_SUFFIX):
        return None
    match = re.fullmatch(r"(.+)-([^-]+)", filename[: -len(_INDEX_METADATA_SUFFIX)])
    return (match[1], match[2]) if match else None
