"""The metadata of a wheel; making a variant wheel out of a wheel, and back, with changes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pip_variants import wheel_metadata
from pip_variants.errors import InvalidVariantProperty, InvalidWheel
from pip_variants.model.filename import WheelFilename
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.names import normalised
from pip_variants.publish.archive import dist_info, member, opened, rewrite
from pip_variants.publish.files import refuse_existing

VARIANT_JSON = "variant.json"

# A field may go on in further lines, which begin with space and may have nothing else.
_FIELD = re.compile(r"[^\n]*\n?(?:[ \t][^\n]*\n?)*")
_END = re.compile(r"^\r?$", re.MULTILINE)
_DEPENDENCY = "requires-dist"
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


@dataclass(frozen=True)
class Changes:
    """What is to be different from the wheel that is repacked.

    `name` is that of the project, where it gets another one. `dropped` are names of packages,
    `added` requirements. A local version is the `+cu128` of one.
    """

    name: str = ""
    without_local_version: bool = False
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InvalidWheel` for what is no name or no dependency."""
        if self.name and not _NAME.fullmatch(self.name):
            raise InvalidWheel(
                f"the name of a project has letters, digits, -, _ and . only, not {self.name!r}"
            )
        for text in (*self.dropped, *self.added):
            if not _NAME.match(text) or "\n" in text or "\r" in text:
                raise InvalidWheel(f"a dependency must begin with a package name, not {text!r}")

    def filename(self, old: WheelFilename) -> WheelFilename:
        """The name of the new wheel (Binary distribution format, Escaping and Unicode)."""
        version = old.version.partition("+")[0] if self.without_local_version else old.version
        name = normalised(self.name).replace("-", "_") if self.name else old.distribution
        return old._replace(distribution=name, version=version)

    def apply(self, metadata: bytes, old: WheelFilename, *, is_variant: bool) -> bytes:
        """METADATA of the new wheel (Core metadata); fields that need no change stay as they are.

        A project that requires itself, as extras do, does so under its new name. Variant markers of
        a wheel that is no variant are decided, since few installers know them. Raises
        `InvalidWheel`.
        """
        text = metadata.decode("utf-8", "surrogateescape")
        end = _END.search(text)
        head, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
        if self.added and not end:
            head += "\n"
        fields = [self._field(field, old, is_variant) for field in _FIELD.findall(head)]
        last = max((i for i, one in enumerate(fields) if _key(one) == _DEPENDENCY), default=-1)
        place = len(fields) if last < 0 else last + 1
        added = filter(None, (_dependency(one.strip(), is_variant) for one in self.added))
        fields[place:place] = [f"Requires-Dist: {one}\n" for one in added]
        return "".join((*fields, rest)).encode("utf-8", "surrogateescape")

    def _field(self, field: str, old: WheelFilename, is_variant: bool) -> str:
        """The field of the new wheel, empty if it has none."""
        key, _, value = field.partition(":")
        value = value.strip()
        new: str | None = value
        if _key(field) == "name":
            new = self.name or value
        elif _key(field) == "version" and self.without_local_version:
            new = value.partition("+")[0]
        elif _key(field) == _DEPENDENCY:
            match = _NAME.match(value)
            if match and normalised(match[1]) in map(normalised, self.dropped):
                return ""
            itself = match and normalised(match[1]) == normalised(old.distribution)
            named = (
                f"{self.name}{value[match.end() :]}" if match and itself and self.name else value
            )
            new = _dependency(named, is_variant)
        if new is None:
            return ""
        return field if new == value else f"{key}: {new}\n"


def _dependency(text: str, is_variant: bool) -> str | None:
    """A dependency of the new wheel, None if its markers rule it out. Raises `InvalidWheel`."""
    try:
        return text if is_variant else resolve_requirement(text, MarkerContext())
    except InvalidVariantProperty as error:
        raise InvalidWheel(f"its dependency {text!r} cannot be read: {error}") from None


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
    wheel: Path,
    metadata: VariantMetadata | None,
    folder: Path,
    changes: Changes = NO_CHANGES,
    *,
    force: bool = False,
) -> Path:
    """Write the variant of `wheel` that `metadata` describes into `folder`; return its path.

    The contents are taken over as they are, but for `variant.json`, RECORD and what `changes` asks
    for. Equal input gives equal bytes. An existing file is replaced only with `force`, in the end.

    Without metadata it is the wheel that is no variant, where variant markers of dependencies are
    decided: as everywhere outside of variant wheels, none is true (PEP 825, Environment markers).
    Raises `InvalidWheel`, `InvalidWheelFilename` and `ValueError` for metadata with several labels.
    """
    (label,) = metadata.variants if metadata else (None,)
    old = WheelFilename.parse(wheel.name)
    new = changes.filename(old)
    target = folder / str(new.with_label(label))
    refuse_existing(target, force=force)
    folder.mkdir(parents=True, exist_ok=True)
    with opened(wheel) as source:
        file = member(source, wheel.name, "METADATA")
        variant_json = f"{dist_info(source, wheel.name)}/{VARIANT_JSON}"
        contents = {variant_json: metadata.serialise() if metadata else None}
        text = source.read(file)
        if (changed := changes.apply(text, old, is_variant=label is not None)) != text:
            contents[file] = changed
        rewrite(source, target, contents, partial(_renamed, old, new))
    return target


def naming(wheel: Path, projects: Iterable[str]) -> list[str]:
    """The Python files of a wheel that have such a name in quotes, as who asks for its version."""
    quoted = re.compile(rb"(['\"])(%b)\1" % "|".join(map(re.escape, projects)).encode())
    with opened(wheel) as archive:
        names = (name for name in archive.namelist() if name.endswith(".py"))
        return sorted(name for name in names if quoted.search(archive.read(name)))


def _renamed(old: WheelFilename, new: WheelFilename, path: str) -> str:
    """The path in the new wheel: two folders of a wheel have its name and version in theirs."""
    top, slash, rest = path.partition("/")
    stem, _, suffix = top.rpartition(".")
    name, _, version = stem.rpartition("-")
    if suffix not in ("dist-info", "data") or version != old.version:
        return path
    if normalised(name) == normalised(old.distribution) and new.distribution != old.distribution:
        name = new.distribution
    return f"{name}-{new.version}.{suffix}{slash}{rest}"
