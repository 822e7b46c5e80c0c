"""The metadata of a wheel; making a variant wheel out of a wheel, and back, with changes."""

import re
from dataclasses import dataclass
from pathlib import Path

from pip_variants import wheel_metadata
from pip_variants.errors import InvalidVariantProperty, InvalidWheel
from pip_variants.model.filename import WheelFilename
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.names import normalised
from pip_variants.publish.archive import dist_info, member, opened, rewrite

VARIANT_JSON = "variant.json"

# A field may go on in further lines, which begin with space and may have nothing else.
_FIELD = re.compile(r"[^\n]*\n?(?:[ \t][^\n]*\n?)*")
_END = re.compile(r"^\r?$", re.MULTILINE)
_DEPENDENCY = "requires-dist"
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


@dataclass(frozen=True)
class Changes:
    """What is to be different from the wheel that is repacked.

    `dropped` are names of packages, `added` requirements. A local version is the `+cu128` of one.
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
            try:
                new = value if is_variant else resolve_requirement(value, MarkerContext())
            except InvalidVariantProperty as error:
                raise InvalidWheel(f"its dependency {value!r} cannot be read: {error}") from None
        if new is None:
            return ""
        return field if new == value else f"{key}: {new}\n"


def _key(field: str) -> str:
    return field.partition(":")[0].lower()


NO_CHANGES = Changes()


def read_metadata(wheel: Path) -> VariantMetadata:
    """The metadata of a variant wheel. Raises `InvalidWheel` and `InvalidVariantMetadata`."""
    with opened(wheel):  # which says what is wrong with an archive
        text = wheel_metadata.read(wheel, wheel.name)  # as pip does
    label = WheelFilename.parse(wheel.name).label
    return VariantMetadata.parse_wheel(text, f"{VARIANT_JSON} of {wheel.name}", label)


def make_variant_wheel(
    wheel: Path, metadata: VariantMetadata | None, folder: Path, changes: Changes = NO_CHANGES
) -> Path:
    """Write the variant of `wheel` that `metadata` describes into `folder`; return its path.

    The contents are taken over as they are, but for `variant.json`, RECORD and what `changes` asks
    for. Equal input gives equal bytes. An existing file is replaced at the end, in one step.

    Without metadata it is the wheel that is no variant, where variant markers of dependencies are
    decided: as everywhere outside of variant wheels, none is true (PEP 825, Environment markers).
    Raises `InvalidWheel`, `InvalidWheelFilename` and `ValueError` for metadata with several labels.
    """
    (label,) = metadata.variants if metadata else (None,)
    name = WheelFilename.parse(wheel.name)
    folder.mkdir(parents=True, exist_ok=True)
    version = changes.version(name.version)
    target = folder / str(name.with_version(version).with_label(label))

    def renamed(path: str) -> str:
        top, slash, rest = path.partition("/")
        for suffix in (".dist-info", ".data"):
            if top.endswith(f"-{name.version}{suffix}"):
                top = f"{top.removesuffix(name.version + suffix)}{version}{suffix}"
        return f"{top}{slash}{rest}"

    with opened(wheel) as source:
        file = member(source, wheel.name, "METADATA")
        variant_json = f"{dist_info(source, wheel.name)}/{VARIANT_JSON}"
        contents = {variant_json: metadata.serialise() if metadata else None}
        text = source.read(file)
        if (new := changes.apply(text, is_variant=label is not None)) != text:
            contents[file] = new
        rewrite(source, target, contents, renamed)
    return target
