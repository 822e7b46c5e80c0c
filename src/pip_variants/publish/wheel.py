"""The metadata of a wheel; making a variant wheel out of a wheel, and back, with changes."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from pip_variants import wheel_metadata
from pip_variants.errors import InvalidVariantProperty, InvalidWheel, printable
from pip_variants.model.filename import WheelFilename
from pip_variants.model.markers import MarkerContext, resolve_requirement
from pip_variants.model.metadata import VariantMetadata
from pip_variants.model.names import normalised, split_requirement
from pip_variants.publish.archive import dist_info, member, opened, refuse_existing, rewrite

VARIANT_JSON = "variant.json"

# A field may go on in further lines, which begin with space and may have nothing else.
_FIELD = re.compile(r"[^\n]*\n?(?:[ \t][^\n]*\n?)*")
_END = re.compile(r"^\r?$", re.MULTILINE)
_DEPENDENCY = "requires-dist"
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


@dataclass(frozen=True)
class Changes:
    """What is to be different from the wheel that is repacked: another `name` of the project.

    `dropped` are names of packages, `added` requirements. A local version is the `+cu128` of one.
    """

    name: str = ""
    without_local_version: bool = False
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InvalidWheel` for what is no name or no dependency."""
        if self.name and not _NAME.fullmatch(self.name):
            what = f"the name of a project has letters, digits, -, _ and . only, not {self.name!r}"
            raise InvalidWheel(what)
        for text in (*self.dropped, *self.added):
            if not _NAME.match(text) or "\n" in text or "\r" in text:
                raise InvalidWheel(f"a dependency must begin with a package name, not {text!r}")
        for text in self.added:
            try:
                Requirement(split_requirement(text)[0])
                Requirement(resolve_requirement(text, MarkerContext()) or "decided")
            except (InvalidRequirement, InvalidVariantProperty) as error:
                what = f"the dependency {text!r} cannot be read: {error}"
                raise InvalidWheel(printable(what)) from None

    def apply(self, metadata: bytes, old: WheelFilename, *, is_variant: bool) -> bytes:
        """METADATA of the new wheel (Core metadata); fields that need no change stay as they are.

        A project that requires itself, as extras do, does so under its new name. Variant markers of
        a wheel that is no variant are decided: few installers know them. Raises `InvalidWheel`.
        """
        text = metadata.decode("utf-8", "surrogateescape")
        end = _END.search(text)
        head, rest = (text[: end.start()], text[end.start() :]) if end else (text, "")
        if self.added and not end:
            head += "\n"
        fields: list[str] = []
        place = 0
        for field in _FIELD.findall(head):
            key, _, value = field.partition(":")
            new = self._value(key.lower(), value.strip(), old, is_variant)
            if new is not None:
                fields.append(field if new == value.strip() else f"{key}: {new}\n")
                place = len(fields) if key.lower() == _DEPENDENCY else place
        added = filter(None, (_dependency(one.strip(), is_variant) for one in self.added))
        place = place or len(fields)
        fields[place:place] = [f"Requires-Dist: {one}\n" for one in added]
        return "".join((*fields, rest)).encode("utf-8", "surrogateescape")

    def _value(self, key: str, value: str, old: WheelFilename, is_variant: bool) -> str | None:
        """What a field of the new wheel has, None if the wheel has no such field."""
        if key == "name":
            return self.name or value
        if key == "version" and self.without_local_version:
            return value.partition("+")[0]
        if key != _DEPENDENCY:
            return value
        match = _NAME.match(value)
        package = normalised(match[1]) if match else ""
        if package in map(normalised, self.dropped):
            return None
        if match and self.name and package == normalised(old.distribution):
            value = self.name + value[match.end() :]
        return _dependency(value, is_variant)


def _dependency(text: str, is_variant: bool) -> str | None:
    """A dependency of the new wheel, None if its markers rule it out. Raises `InvalidWheel`."""
    try:
        return text if is_variant else resolve_requirement(text, MarkerContext())
    except InvalidVariantProperty as error:
        raise InvalidWheel(f"its dependency {text!r} cannot be read: {error}") from None


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

    The contents stay as they are, but for `variant.json`, RECORD and what `changes` asks for. Equal
    input gives equal bytes. An existing file is replaced only with `force`, in the end. Without
    metadata it is the wheel that is no variant, where variant markers are decided: none is true
    (PEP 825, Environment markers). Raises `InvalidWheel` and `InvalidWheelFilename`.
    """
    (label,) = metadata.variants if metadata else (None,)
    old = WheelFilename.parse(wheel.name)
    version = old.version.partition("+")[0] if changes.without_local_version else old.version
    # As the format of binary distributions has it (Escaping and Unicode).
    project = normalised(changes.name).replace("-", "_") if changes.name else old.distribution
    new = old._replace(distribution=project, version=version)
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
