"""What a repacked wheel says of itself: the version and the dependencies in METADATA."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pip_variants.errors import InvalidVariantProperty, InvalidWheel
from pip_variants.model.markers import MarkerContext, resolve_requirement

__all__ = ["Changes"]

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


@dataclass(frozen=True)
class Changes:
    """What is to be different from the wheel that is repacked.

    `dropped` are names of packages, `added` requirements. With `without_local_version`, `1.0+cu128`
    becomes `1.0`.
    """

    without_local_version: bool = False
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InvalidWheel` for what is no dependency."""
        for text in (*self.dropped, *self.added):
            if not _NAME.match(text) or "\n" in text or "\r" in text:
                raise InvalidWheel(f"a dependency must begin with a package name, not {text!r}")

    def version(self, version: str) -> str:
        """The version of the new wheel."""
        return version.partition("+")[0] if self.without_local_version else version

    def apply(self, metadata: bytes, *, is_variant: bool) -> bytes:
        """METADATA of the new wheel (Core metadata); lines that need no change stay as they are.

        Variant markers of a wheel that is no variant are decided, since few installers know them.
        Raises `InvalidWheel`.
        """
        lines = metadata.decode("utf-8", "surrogateescape").splitlines(keepends=True)
        head = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
        new = [found for line in lines[:head] for found in self._line(line, is_variant)]
        last = max((i for i, line in enumerate(new) if _is(line, "Requires-Dist")), default=-1)
        place = len(new) if last < 0 else last + 1
        new[place:place] = [f"Requires-Dist: {text.strip()}\n" for text in self.added]
        return "".join(new + lines[head:]).encode("utf-8", "surrogateescape")

    def _line(self, line: str, is_variant: bool) -> Iterator[str]:
        key, _, value = line.partition(":")
        value = value.strip()
        if _is(line, "Version") and self.version(value) != value:
            yield f"{key}: {self.version(value)}\n"
        elif _is(line, "Requires-Dist"):
            match = _NAME.match(value)
            if match and _normal(match[1]) in map(_normal, self.dropped):
                return
            kept = value if is_variant else _resolved(value)
            if kept == value:
                yield line
            elif kept is not None:
                yield f"{key}: {kept}\n"
        else:
            yield line


def _resolved(requirement: str) -> str | None:
    try:
        return resolve_requirement(requirement, MarkerContext())
    except InvalidVariantProperty as error:
        raise InvalidWheel(f"its dependency {requirement!r} cannot be read: {error}") from None


def _is(line: str, key: str) -> bool:
    return line.partition(":")[0].lower() == key.lower()


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
