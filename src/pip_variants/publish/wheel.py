"""The metadata of a wheel; making a variant wheel out of a wheel, and back."""

import zipfile
from pathlib import Path

from pip_variants.errors import InvalidVariantMetadata, InvalidWheel
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import MAX_BYTES, VariantMetadata
from pip_variants.publish.archive import dist_info, opened, rewrite
from pip_variants.publish.dependencies import Changes

VARIANT_JSON = "variant.json"

_NO_CHANGES = Changes()


def read_metadata(wheel: Path) -> VariantMetadata:
    """The metadata inside a variant wheel (PEP 825, Variant metadata).

    Raises `InvalidWheel` and `InvalidVariantMetadata`.
    """
    with opened(wheel) as archive:
        return metadata_in(archive, wheel.name)


def metadata_in(archive: zipfile.ZipFile, filename: str) -> VariantMetadata:
    """The metadata in an open variant wheel of this name. Raises as `read_metadata` does."""
    name = f"{dist_info(archive, filename)}/{VARIANT_JSON}"
    if name not in archive.NameToInfo:
        raise InvalidWheel(f"{filename} has no {name}")
    with archive.open(name) as file:  # a small archive may hold a large file
        text = file.read(MAX_BYTES + 1)
    metadata = VariantMetadata.parse(text, f"{name} of {filename}")
    label = WheelFilename.parse(filename).label
    if set(metadata.variants) != {label}:
        listed = ", ".join(metadata.variants) or "nothing"
        raise InvalidVariantMetadata(
            f"{name} of {filename} must describe {label} and nothing else, not {listed}"
        )
    return metadata


def make_variant_wheel(
    wheel: Path, metadata: VariantMetadata, folder: Path, changes: Changes = _NO_CHANGES
) -> Path:
    """Write the variant of `wheel` that `metadata` describes into `folder`; return its path.

    The contents are taken over as they are, but for `variant.json`, RECORD and what `changes` asks
    for. Equal input gives equal bytes. An existing file is replaced at the end, in one step.
    Raises `InvalidWheel`, `InvalidWheelFilename` and `ValueError` for metadata with several labels.
    """
    (label,) = metadata.variants
    return _repack(wheel, label, metadata.serialise(), folder, changes)


def plain_wheel(wheel: Path, folder: Path, changes: Changes = _NO_CHANGES) -> Path:
    """Write the wheel that is no variant into `folder`; return its path.

    Variant markers of its dependencies are decided: as everywhere outside of variant wheels, none
    is true (PEP 825, Environment markers). A wheel that has neither a label nor such markers is
    copied. Raises `InvalidWheel` and `InvalidWheelFilename`.
    """
    return _repack(wheel, None, None, folder, changes)


def unmake_variant_wheel(wheel: Path, folder: Path, changes: Changes = _NO_CHANGES) -> Path:
    """Write the wheel that a variant wheel was made of; otherwise as `plain_wheel`."""
    if WheelFilename.parse(wheel.name).label is None:
        raise InvalidWheel(f"{wheel.name} is no variant wheel: its name has no label")
    return plain_wheel(wheel, folder, changes)


def _repack(
    wheel: Path, label: str | None, variant_json: bytes | None, folder: Path, changes: Changes
) -> Path:
    name = WheelFilename.parse(wheel.name)
    version = changes.version(name.version)
    target = folder / str(name.with_version(version).with_label(label))
    with opened(wheel) as source:
        old = dist_info(source, wheel.name)
        contents: dict[str, bytes | None] = {f"{old}/{VARIANT_JSON}": variant_json}
        file = f"{old}/METADATA"
        if file not in source.NameToInfo:
            raise InvalidWheel(f"{wheel.name} has no {file}")
        text = source.read(file)
        if (new := changes.apply(text, is_variant=label is not None)) != text:
            contents[file] = new

        def renamed(path: str) -> str:
            top, slash, rest = path.partition("/")
            for suffix in (".dist-info", ".data"):
                if top.endswith(f"-{name.version}{suffix}"):
                    top = f"{top.removesuffix(name.version + suffix)}{version}{suffix}"
            return f"{top}{slash}{rest}"

        rewrite(source, target, contents, renamed)
    return target
