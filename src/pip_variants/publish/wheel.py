"""The metadata of a wheel; making a variant wheel out of a wheel, and back."""

import zipfile
from pathlib import Path

from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import MAX_BYTES, VariantMetadata
from pip_variants.publish.archive import dist_info, member, opened, rewrite
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
    name = member(archive, filename, VARIANT_JSON)
    with archive.open(name) as file:  # a small archive may hold a large file
        text = file.read(MAX_BYTES + 1)
    label = WheelFilename.parse(filename).label
    return VariantMetadata.parse_wheel(text, f"{name} of {filename}", label)


def make_variant_wheel(
    wheel: Path, metadata: VariantMetadata | None, folder: Path, changes: Changes = _NO_CHANGES
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
