"""Index-level metadata (PEP 825), and pages with metadata (Simple repository API, PEP 658)."""

import hashlib
import html
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pip_variants.errors import InvalidWheel, InvalidWheelFilename
from pip_variants.model.filename import (
    WheelFilename,
    index_metadata_filename,
    split_index_metadata_filename,
)
from pip_variants.model.metadata import VariantMetadata, combine_all
from pip_variants.model.names import normalised
from pip_variants.publish.archive import member, opened
from pip_variants.publish.files import digest, replace
from pip_variants.publish.wheel import read_metadata

_API_VERSION = "1.1"
_SDIST = re.compile(r"(.+)-([^-]+)\.tar\.gz")


def write_index_metadata(
    folder: Path, warn: Callable[[str], object] = lambda _: None
) -> list[Path]:
    """Write `{name}-{version}-variants.json` for every release with variant wheels in `folder`.

    `warn` is told why a file is left out. Returns the files that were written, sorted. Raises
    `InvalidWheel` and `InvalidVariantMetadata`, in which case nothing is written.
    """
    if not folder.is_dir():
        raise InvalidWheel(f"{folder} is not a folder")
    wheels = []
    for wheel in sorted(folder.glob("*.whl")):
        try:
            WheelFilename.parse(wheel.name)
        except InvalidWheelFilename as error:
            warn(str(error))  # not a variant wheel in any case
        else:
            wheels.append(wheel)
    return _write(folder, _releases(wheels))


def add_to_index_metadata(folder: Path, wheels: Iterable[Path]) -> list[Path]:
    """Add what `wheels` say to the metadata files in `folder`; returns those files, sorted.

    The other wheels of the releases need not be there. Raises `InvalidWheel`,
    `InvalidWheelFilename` and `InvalidVariantMetadata`; then nothing is written.
    """
    releases = _releases(wheels)
    for file, found in releases.items():
        if (folder / file).exists():
            old = VariantMetadata.parse((folder / file).read_bytes(), file)
            releases[file] = {file: old, **found}
    folder.mkdir(parents=True, exist_ok=True)
    return _write(folder, releases)


def _releases(wheels: Iterable[Path]) -> dict[str, dict[str, VariantMetadata]]:
    """The metadata of variant wheels, by the index's file for their release and by their name."""
    releases: dict[str, dict[str, VariantMetadata]] = {}
    for wheel in wheels:
        name = WheelFilename.parse(wheel.name)
        if name.label is not None:
            file = index_metadata_filename(name.distribution, name.version)
            releases.setdefault(file, {})[wheel.name] = read_metadata(wheel)
    return releases


def _write(folder: Path, releases: Mapping[str, Mapping[str, VariantMetadata]]) -> list[Path]:
    contents = {file: combine_all(found).serialise() for file, found in sorted(releases.items())}
    for file, content in contents.items():
        replace(folder / file, content)
    return [folder / file for file in contents]


def write_pages(folder: Path) -> list[Path]:
    """Write the pages of an index of the files in `folder`, below `simple`; returns them, sorted.

    Each project has an `index.html`, and an `index.json` for servers that choose by the `Accept`
    header. Beside each wheel comes its `.metadata`. Raises `InvalidWheel`.
    """
    projects: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.iterdir()):
        release = None
        with suppress(InvalidWheelFilename):
            release = release_of(path.name)
        if release:
            name = normalised(release[0])
            meta = {"api-version": _API_VERSION}
            new = {"meta": meta, "name": name, "versions": [], "files": []}
            page = projects.setdefault(name, new)
            page["versions"] = list(dict.fromkeys((*page["versions"], release[1])))
            page["files"].append(_file(path))
    simple = folder / "simple"
    links = [f'<a href="{quote(one)}/">{html.escape(one)}</a><br>' for one in projects]
    pages = {simple / "index.html": _html("Projects", links)}
    for name, page in projects.items():
        pages[simple / name / "index.html"] = _html(name, map(_link, page["files"]))
        pages[simple / name / "index.json"] = (json.dumps(page, indent=2) + "\n").encode()
    for path, content in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, content)
    return sorted(pages)


def release_of(filename: str) -> tuple[str, str] | None:
    """Project and version of a file; None for others. Raises `InvalidWheelFilename`."""
    if filename.endswith(".whl"):
        wheel = WheelFilename.parse(filename)
        return wheel.distribution, wheel.version
    if match := _SDIST.fullmatch(filename):
        return match[1], match[2]
    return split_index_metadata_filename(filename)


def _file(path: Path) -> dict[str, Any]:
    """What a page says of a file (Simple repository API, JSON, files)."""
    url = f"../../{quote(path.name)}"
    size = path.stat().st_size
    found: dict[str, Any] = {"filename": path.name, "url": url, "hashes": {}, "size": size}
    # Metadata of variants is replaced when a release grows. Whoever reads this page just before
    # that must not find that the hash is wrong.
    if split_index_metadata_filename(path.name) is None:
        with path.open("rb") as file:
            found["hashes"] = {"sha256": digest(file).hex()}
    metadata = _core_metadata(path)
    if path.name.endswith(".whl"):
        replace(path.with_name(f"{path.name}.metadata"), metadata)
        found["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
    text = metadata.decode("utf-8", "replace")
    if requires := HeaderParser().parsestr(text).get("Requires-Python"):
        found["requires-python"] = requires
    return found


def _core_metadata(path: Path) -> bytes:
    """METADATA of a wheel, PKG-INFO of a source distribution; empty for other files."""
    if path.name.endswith(".whl"):
        with opened(path) as archive:
            return archive.read(member(archive, path.name, "METADATA"))
    if path.name.endswith(".tar.gz"):
        try:
            with tarfile.open(path, "r:gz") as archive_:
                for entry in archive_:
                    if re.fullmatch(r"[^/]+/PKG-INFO", entry.name):
                        file = archive_.extractfile(entry)
                        return file.read() if file else b""
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise InvalidWheel(f"{path} cannot be read: {error}") from None
    return b""


def _link(file: Mapping[str, Any]) -> str:
    hashes = file["hashes"].get("sha256")
    attributes = {
        "href": f"{file['url']}#sha256={hashes}" if hashes else file["url"],
        "data-requires-python": file.get("requires-python"),
        "data-core-metadata": "core-metadata" in file
        and f"sha256={file['core-metadata']['sha256']}",
    }
    text = " ".join(f'{key}="{html.escape(one)}"' for key, one in attributes.items() if one)
    return f"<a {text}>{html.escape(file['filename'])}</a><br>"


def _html(title: str, links: Iterable[str]) -> bytes:
    head = f'<!DOCTYPE html>\n<meta name="pypi:repository-version" content="{_API_VERSION}">'
    return ("\n".join((head, f"<title>{html.escape(title)}</title>", *links)) + "\n").encode()
