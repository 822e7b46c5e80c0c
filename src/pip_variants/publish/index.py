"""The index-level metadata of the variant wheels in a folder (PEP 825, Index-level metadata)."""

from pathlib import Path

from pip_variants.errors import InvalidWheel, InvalidWheelFilename
from pip_variants.model.filename import WheelFilename, index_metadata_filename
from pip_variants.model.metadata import VariantMetadata, combine_all
from pip_variants.publish.files import replace
from pip_variants.publish.wheel import read_metadata

__all__ = ["write_index_metadata"]


def write_index_metadata(folder: Path) -> list[Path]:
    """Write `{name}-{version}-variants.json` for every release with variant wheels in `folder`.

    Returns the files, sorted. Raises `InvalidWheel` and `InvalidVariantMetadata`, in which case
    nothing is written.
    """
    if not folder.is_dir():
        raise InvalidWheel(f"{folder} is not a folder")
    releases: dict[str, dict[str, VariantMetadata]] = {}
    for wheel in sorted(folder.glob("*.whl")):
        try:
            name = WheelFilename.parse(wheel.name)
        except InvalidWheelFilename:
            continue  # not a variant wheel in any case
        if name.label is not None:
            file = index_metadata_filename(name.distribution, name.version)
            releases.setdefault(file, {})[wheel.name] = read_metadata(wheel)
    contents = {file: combine_all(found).serialise() for file, found in sorted(releases.items())}
    for file, content in contents.items():
        replace(folder / file, content)
    return [folder / file for file in contents]
