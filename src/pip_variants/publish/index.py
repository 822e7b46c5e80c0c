"""Index-level metadata (PEP 825), and pages with metadata (Simple repository API, PEP 658)."""

import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from email.parser import HeaderParser
from pathlib import Path
from types import MappingProxyType
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
from pip_variants.publish.archive import counted, digest, member, opened, replace
from pip_variants.publish.wheel import read_metadata

_API_VERSION = "1.1"
_SDIST = re.compile(r"(.+)-([^-]+)\.tar\.gz")


def write_index_metadata(
    folder: Path, added: Sequence[Path] = (), warn: Callable[[str], object] = lambda _: None
) -> list[Path]:
    """Write `{name}-{version}-variants.json` for every release with variant wheels in `folder`.

    Or only add what the wheels `added` say, where the others need not be there. A file that spells
    the name in another way is written again instead. `warn` is told why a wheel is left out.
    Returns the files that were written, sorted. Raises `PipVariantsError` before any is.
    """
    if not added and not folder.is_dir():
        raise InvalidWheel(f"{folder} is not a folder")
    there = {
        index_metadata_filename(*parts): path
        for path in sorted(folder.glob("*-variants.json"))
        if (parts := split_index_metadata_filename(path.name))
    }
    releases: dict[Path, dict[str, VariantMetadata]] = {}
    for wheel in counted(added or sorted(folder.glob("*.whl"))):
        try:
            name = WheelFilename.parse(wheel.name)
        except InvalidWheelFilename as error:
            if added:
                raise
            warn(str(error))  # not a variant wheel in any case
            continue
        if name.label is not None:
            file = index_metadata_filename(name.distribution, name.version)
            path = there.get(file, folder / file)
            found = releases.setdefault(path, {})
            if added and file in there:
                found.setdefault(path.name, VariantMetadata.parse(path.read_bytes(), path.name))
            found[wheel.name] = read_metadata(wheel)
    for metadata in (one for found in releases.values() for one in found.values()):
        metadata.to_json()  # which names the file and what of it would be lost
    contents = {path: combine_all(one).serialise() for path, one in sorted(releases.items())}
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        replace(path, content)
    return [*contents]


def write_pages(
    folder: Path, added: Sequence[Path] = (), yanked: Mapping[str, str] = MappingProxyType({})
) -> list[Path]:
    """Write the `pages` of an index below `folder`; returns them, sorted. Raises `InvalidWheel`."""
    contents = pages(folder, added, yanked)
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, content)
    return sorted(path for path in contents if path.suffix != ".metadata")


def pages(
    folder: Path, added: Sequence[Path] = (), yanked: Mapping[str, str] = MappingProxyType({})
) -> dict[Path, bytes]:
    """The pages of an index of the files in `folder`, below `simple`, and `.metadata` of wheels.

    Each project has an `index.html`, and an `index.json` for servers that choose by the `Accept`
    header. Where files are `added`, the others stay on the pages, whether they are in `folder` or
    not. `yanked` are versions with reasons that may be empty (PEP 592); the pages that are there
    remember it. Raises `InvalidWheel`.
    """
    simple = folder / "simple"
    old: dict[str, dict[str, dict[str, Any]]] = {}
    for file in sorted(simple.glob("*/index.json")):
        try:
            listed = json.loads(file.read_bytes())["files"]
            old[file.parent.name] = {one["filename"]: one for one in listed}
        except (ValueError, LookupError, TypeError) as error:
            raise InvalidWheel(f"{file} is no page of ours, remove it: {error!r}") from None
    projects = {name: dict(files) if added else {} for name, files in old.items()}
    result: dict[Path, bytes] = {}
    paths = [path for path in sorted(added or folder.iterdir()) if _release(path.name)[0]]
    if unknown := yanked.keys() - {_release(path.name)[1] for path in paths}:
        raise InvalidWheel(f"nothing was yanked: no file in {folder} is of {min(unknown)}")
    pythons: dict[tuple[str, str], str | None] = {}
    for path in counted(paths):
        name, version = _release(path.name)
        projects.setdefault(name, {})[path.name] = entry = _file(path)
        if path.name.endswith(".whl"):
            with opened(path) as archive:
                metadata = archive.read(member(archive, path.name, "METADATA"))
            result[folder / f"{path.name}.metadata"] = metadata
            entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
            text = metadata.decode("utf-8", "replace")
            pythons[name, version] = HeaderParser().parsestr(text).get("Requires-Python")
        # Of a source distribution it is that of the wheels, which come before it.
        if (python := pythons.get((name, version))) and not path.name.endswith(".json"):
            entry["requires-python"] = python
        reason = old.get(name, {}).get(path.name, {}).get("yanked")
        reason = (yanked[version] or True) if version in yanked else reason
        # It means nothing of the metadata of variants (PEP 825, Index-level metadata).
        if reason and split_index_metadata_filename(path.name) is None:
            entry["yanked"] = reason
    for name, files in sorted(projects.items()):
        listed = [files[one] for one in sorted(files)]
        versions = list(dict.fromkeys(_release(one)[1] for one in sorted(files)))
        meta = {"api-version": _API_VERSION}
        page = {"meta": meta, "name": name, "versions": versions, "files": listed}
        result[simple / name / "index.html"] = _html(name, map(_link, listed))
        result[simple / name / "index.json"] = (json.dumps(page, indent=2) + "\n").encode()
    links = [f'<a href="{quote(one)}/">{html.escape(one)}</a><br>' for one in sorted(projects)]
    return {**result, simple / "index.html": _html("Projects", links)}


def _release(filename: str) -> tuple[str, str]:
    """Normalised name of the project and version of a file; both empty for what no page lists."""
    with suppress(InvalidWheelFilename):
        if found := release_of(filename):
            return normalised(found[0]), found[1]
    return "", ""


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
    with path.open("rb") as file:
        hashes = {"sha256": digest(file, name=path.name).hex()}
    url, size = f"../../{quote(path.name)}", path.stat().st_size
    return {"filename": path.name, "url": url, "hashes": hashes, "size": size}


def _link(file: Mapping[str, Any]) -> str:
    core, yanked = file.get("core-metadata"), file.get("yanked")
    attributes = {
        "href": f"{file['url']}#sha256={file['hashes']['sha256']}",
        "data-requires-python": file.get("requires-python"),
        "data-core-metadata": core and f"sha256={core['sha256']}",
        "data-yanked": "" if yanked is True else yanked,
    }
    text = " ".join(
        f'{key}="{html.escape(one)}"' for key, one in attributes.items() if one is not None
    )
    return f"<a {text}>{html.escape(file['filename'])}</a><br>"


def _html(title: str, links: Iterable[str]) -> bytes:
    head = f'<!DOCTYPE html>\n<meta name="pypi:repository-version" content="{_API_VERSION}">'
    return ("\n".join((head, f"<title>{html.escape(title)}</title>", *links)) + "\n").encode()
