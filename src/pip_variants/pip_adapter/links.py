"""Where the variant metadata of a release comes from, and reading it.

Each source (an index page, a page of links, a folder) has metadata of its own, which describes
the wheels of that source and no others (PEP 825, Installing wheels from multiple sources).
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import Any

from pip._internal.exceptions import (
    InstallationError,
    InvalidWheel,
    NetworkConnectionError,
    PipError,
    UnsupportedWheel,
)
from pip._internal.metadata import FilesystemWheel, get_wheel_distribution
from pip._internal.models.link import Link
from pip._internal.network.lazy_wheel import HTTPRangeRequestUnsupported, dist_from_wheel_url
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version
from pip._vendor.requests.exceptions import RequestException

from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.filename import (
    WheelFilename,
    index_metadata_filename,
    split_index_metadata_filename,
)
from pip_variants.model.metadata import MAX_BYTES, VariantMetadata, combine_all
from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter.gate import gate, log
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.target import warm_up

__all__ = [
    "Unusable",
    "given",
    "metadata_of",
    "remember",
    "source_of",
    "source_rank",
    "wheel_metadata",
]

_LATER = (408, 425, 429)
"""HTTP statuses by which an index says "not now": no reason to do without."""

_HINT = " Use --no-variants to go on without."

_NO_PARTS = "its index has no variant metadata for it and cannot serve parts of a wheel"

_Release = tuple[str, str, str]  # source, canonical name, canonical version
_listed: dict[_Release, Link] = {}
_read: dict[_Release, "VariantMetadata | Unusable"] = {}
_sources: dict[str, Any] = {}
"""Every source that was read, in pip's order, with the session that reached it."""


given: dict[str, VariantMetadata] = {}
"""File name of a variant wheel -> its metadata, where a lock file gives both."""


class Unusable(Exception):
    """Why the variants of a release must be ignored."""


def remember(metadata: Iterable[Link], wheels: Iterable[Link], session: Any) -> None:
    """Note what a source lists: metadata files, and variant wheels that pip can use."""
    for link in metadata:
        _remember(link)
    for link in wheels:
        _sources.setdefault(source_of(link), session)
        if label_of(link.filename) != NULL_LABEL:
            warm_up()


def source_of(link: Link) -> str:
    """The page that lists the file, or the folder that holds it."""
    return str(link.comes_from) if link.comes_from else link.url.rpartition("/")[0]


def source_rank(source: str) -> int:
    """The place of a source in pip's order."""
    return list(_sources).index(source) if source in _sources else len(_sources)


def metadata_of(name: str, version: str, wheels: Sequence[Link]) -> VariantMetadata:
    """The metadata of one source's variant wheels of one release; obtained once.

    Raises `Unusable` where the variants have to be ignored, and pip's errors where the install
    must not go on.
    """
    if wheels[0].filename in given:
        return given[wheels[0].filename]
    release = (source_of(wheels[0]), name, version)
    if release not in _read:
        try:
            _read[release] = _obtain(release, wheels)
        except InvalidVariantMetadata as error:
            _read[release] = Unusable(str(error))
        except Unusable as error:
            _read[release] = error
    result = _read[release]
    if isinstance(result, Unusable):
        raise result
    return result


def wheel_metadata(distribution: Any, filename: str) -> VariantMetadata:
    """The `variant.json` of a wheel that pip opened. Raises `InvalidVariantMetadata`."""
    try:
        text = distribution.read_text("variant.json")
    except FileNotFoundError:
        raise InvalidVariantMetadata(f"{filename} has no variant.json") from None
    return VariantMetadata.parse(text, f"variant.json of {filename}")


def _remember(link: Link) -> None:
    parts = split_index_metadata_filename(link.filename)
    if parts is not None:
        with contextlib.suppress(ValueError):  # not a version
            version = str(Version(parts[1].replace("_", "-")))
            _listed[source_of(link), canonicalize_name(parts[0]), version] = link


def _obtain(release: _Release, wheels: Sequence[Link]) -> VariantMetadata:
    if release in _listed:
        data = _fetch(_listed[release], _sources[release[0]])
        if data is not None:
            return VariantMetadata.parse(data, _listed[release].filename)
    elif wheels[0].is_file:
        name = WheelFilename.parse(wheels[0].filename)
        beside = index_metadata_filename(name.distribution, name.version)
        path = os.path.join(os.path.dirname(wheels[0].file_path), beside)
        try:
            with open(path, "rb") as file:
                return VariantMetadata.parse(file.read(MAX_BYTES + 1), beside)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Unusable(f"{path} could not be read: {error.strerror}") from None
    one_per_label = {label_of(link.filename): link for link in wheels}
    return combine_all({link.filename: _inside(link, release) for link in one_per_label.values()})


def _inside(link: Link, release: _Release) -> VariantMetadata:
    """The metadata in the wheel itself, by range requests where it is far away."""
    name = canonicalize_name(release[1])
    try:
        if link.is_file:
            distribution = get_wheel_distribution(FilesystemWheel(link.file_path), name)
        else:
            session = _sources.get(release[0]) or gate.session
            distribution = _in_parts(name, link.url_without_fragment, session)
        return wheel_metadata(distribution, link.filename)
    except (InvalidWheel, UnsupportedWheel) as error:
        raise Unusable(str(error)) from None
    except (HTTPRangeRequestUnsupported, AssertionError):  # lazy_wheel asserts the status
        raise Unusable(_NO_PARTS) from None
    except NetworkConnectionError as error:
        status = error.response.status_code if error.response is not None else 500
        if 400 <= status < 500 and status not in _LATER:
            raise Unusable(_NO_PARTS) from None
        raise
    except (RequestException, OSError) as error:
        raise InstallationError(
            printable(f"Could not read the variant metadata in {_shown(link)}: {error}")
        ) from None


def _in_parts(name: Any, url: str, session: Any) -> Any:
    try:
        return dist_from_wheel_url(name, url, session)
    except AssertionError:  # lazy_wheel follows no redirect; it asserts the status
        return dist_from_wheel_url(name, session.head(url, allow_redirects=True).url, session)


def _shown(link: Link) -> str:
    return redact_auth_from_url(link.url_without_fragment)


def _fetch(link: Link, session: Any) -> bytes | None:
    """The content of an index-level metadata file; None if there is none after all."""
    url = link.url_without_fragment
    try:
        # As with index pages: always ask whether a cached copy is still good.
        headers = {"Accept-Encoding": "identity"}
        try:
            fresh = {"Cache-Control": "max-age=0"}
            response = session.get(url, headers={**headers, **fresh}, stream=True)
        except (PipError, RequestException, OSError):
            # Out of reach: the index may allow to use the copy for a while, as pip does with pages.
            response = session.get(url, headers=headers, stream=True)
        if response.status_code in (404, 410):
            return None
        if 400 <= response.status_code < 500 and response.status_code not in _LATER:
            raise Unusable(
                f"{link.filename} could not be read (HTTP status {response.status_code})"
            )
        response.raise_for_status()
        data = b""
        for chunk in response.iter_content(2**16):
            data += chunk
            if len(data) > MAX_BYTES:
                break  # the parser says so
        else:
            _check_length(response, data)
        response.close()
    except PipError:
        log.warning("The variant metadata %s is out of reach.%s", printable(_shown(link)), _HINT)
        raise
    except (RequestException, OSError) as error:
        reason = printable(f"Could not fetch the variant metadata {_shown(link)}: {error}.")
        raise InstallationError(reason + _HINT) from None
    _check_hash(link, data, session)
    return data


def _check_length(response: Any, data: bytes) -> None:
    promised = str(response.headers.get("Content-Length", ""))  # a number for file: URLs
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    if promised.isdigit() and not encoded and int(promised) != len(data):
        raise OSError(f"{len(data)} of {promised} bytes arrived")


def _check_hash(link: Link, data: bytes, session: Any) -> None:
    for algorithm, expected in link._hashes.items():
        # Those of variable length, shake_128 and shake_256, say nothing without one.
        known = algorithm in hashlib.algorithms_guaranteed and not algorithm.startswith("shake")
        if known and len(data) <= MAX_BYTES:
            got = hashlib.new(algorithm, data).hexdigest()
            if got != expected.lower() and not _lists_now(link, got, session):
                reason = printable(
                    f"The variant metadata {_shown(link)} does not have the hash that "
                    f"its index gives: expected {algorithm} {expected}, got {got}."
                )
                raise InstallationError(reason + _HINT)


def _lists_now(link: Link, digest: str, session: Any) -> bool:
    """Whether the page has the digest by now: pip 26.2 and later may have taken it from a cache."""
    try:
        from pip._internal.index.collector import _get_simple_response

        page = _get_simple_response(str(link.comes_from), session, force_revalidate=True)
    except Exception:  # noqa: BLE001 - the hash stays wrong
        return False
    return digest in page.text
