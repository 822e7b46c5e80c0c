"""What a repacked wheel says of itself: the version and the dependencies in METADATA."""

import re
from dataclasses import dataclass

from pip_variants.errors import InvalidVariantProperty, InvalidWheel
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.names import normalised

# A field may go on in further lines, which begin with space and may have nothing else.
_FIELD = re.compile(r"[^\n]*\n?(?:[ \t][^\n]*\n?)*")
_END = re.compile(r"^\r?$", re.MULTILINE)
_DEPENDENCY = "requires-dist"
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
        """METADATA of the new wheel (Core metadata); fields that need no change stay as they are.

        Variant markers of a wheel that is no variant are decided, since few installers know them.
        Raises `InvalidWheel`.
        """
        text = metadata.decode("utf-8", "surrogateescape")
        end = _END.search(text)
        head, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
        if self.added and not end:
            head += "\n"
        fields = [self._field(field, is_variant) for field in _FIELD.findall(head)]
        last = max((i for i, one in enumerate(fields) if _key(one) == _DEPENDENCY), default=-1)
        place = len(fields) if last < 0 else last + 1
        fields[place:place] = [f"Requires-Dist: {added.strip()}\n" for added in self.added]
        return "".join((*fields, rest)).encode("utf-8", "surrogateescape")

    def _field(self, field: str, is_variant: bool) -> str:
        """The field of the new wheel, empty if it has none."""
        key, _, value = field.partition(":")
        value = value.strip()
        new: str | None = value
        if _key(field) == "version":
            new = self.version(value)
        elif _key(field) == _DEPENDENCY:
            match = _NAME.match(value)
            if match and normalised(match[1]) in map(normalised, self.dropped):
                return ""
            new = value if is_variant else _resolved(value)
        if new is None:
            return ""
        return field if new == value else f"{key}: {new}\n"


def _resolved(requirement: str) -> str | None:
    try:
        return resolve_requirement(requirement, MarkerContext())
    except InvalidVariantProperty as error:
        raise InvalidWheel(f"its dependency {requirement!r} cannot be read: {error}") from None


def _key(field: str) -> str:
    return field.partition(":")[0].lower()
