"""Reading the metadata of a wheel, and making a variant wheel out of a wheel."""

import base64
import csv
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pip_variants.errors import InvalidVariantMetadata, InvalidWheel
from pip_variants.model.filename import WheelFilename
from pip_variants.model.metadata import VariantMetadata

__all__ = ["make_variant_wheel", "read_metadata"]

_VARIANT_JSON = "variant.json"
_TIME = (1980, 1, 1, 0, 0, 0)  # of the files written here, so that equal input gives equal bytes


def read_metadata(wheel: Path) -> VariantMetadata:
    """The metadata inside a variant wheel (PEP 825, Variant metadata).

    Raises `InvalidWheel` and `InvalidVariantMetadata`.
    """
    label = WheelFilename.parse(wheel.name).label
    with _opened(wheel) as archive:
        name = f"{_dist_info(archive, wheel)}/{_VARIANT_JSON}"
        if name not in archive.namelist():
            raise InvalidWheel(f"{wheel.name} has no {name}")
        metadata = VariantMetadata.parse(archive.read(name), f"{name} of {wheel.name}")
    if set(metadata.variants) != {label}:
        listed = ", ".join(metadata.variants) or "nothing"
        raise InvalidVariantMetadata(
            f"{name} of {wheel.name} must describe {label} and nothing else, not {listed}"
        )
    return metadata


def make_variant_wheel(wheel: Path, metadata: VariantMetadata, folder: Path) -> Path:
    """Write the variant of `wheel` that `metadata` describes into `folder`; return its path.

    The contents are taken over as they are, but for `variant.json` and RECORD. Equal input gives
    equal bytes. An existing file is replaced at the end, in one step.
    Raises `InvalidWheel`, `InvalidWheelFilename` and `ValueError` for metadata with several labels.
    """
    (label,) = metadata.variants
    target = folder / str(WheelFilename.parse(wheel.name).with_label(label))
    unfinished = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(unfinished, "w") as archive, _opened(wheel) as source:
            dist_info = _dist_info(source, wheel)
            record, variant_json = f"{dist_info}/RECORD", f"{dist_info}/{_VARIANT_JSON}"
            if record not in source.namelist():
                raise InvalidWheel(f"{wheel.name} has no {record}")
            for entry in source.infolist():
                if entry.filename not in (record, variant_json):
                    with source.open(entry) as reader, archive.open(entry, "w") as writer:
                        while chunk := reader.read(2**20):
                            writer.write(chunk)
            content = metadata.serialise()
            _write(archive, variant_json, content)
            _write(archive, record, _new_record(source.read(record), variant_json, content))
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


@contextmanager
def _opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise InvalidWheel(f"{wheel} cannot be read as a wheel: {error}") from None


def _dist_info(archive: zipfile.ZipFile, wheel: Path) -> str:
    """The wheel's one folder of metadata."""
    tops = {name.partition("/")[0] for name in archive.namelist()}
    found = [top for top in tops if top.endswith(".dist-info")]
    if len(found) != 1:
        raise InvalidWheel(f"{wheel.name} must have one .dist-info folder, not {len(found)}")
    return found[0]


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    entry.create_system = 3  # Unix, on every system
    archive.writestr(entry, content)


def _new_record(record: bytes, name: str, content: bytes) -> bytes:
    """RECORD with a line for the new file (Recording installed projects, RECORD)."""
    rows = [row for row in csv.reader(io.StringIO(record.decode())) if row and row[0] != name]
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    rows.insert(max(len(rows) - 1, 0), [name, f"sha256={digest}", str(len(content))])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
