"""Where the variant metadata of a release comes from, and reading it.

Each source (an index page, a page of links, a folder) has metadata of its own, which describes
the wheels of that source and no others (PEP 825, Installing wheels from multiple sources).
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from pip._internal.exceptions import InstallationError, NetworkConnectionError, PipError
from pip._internal.models.link import Link
from pip._internal.network.lazy_wheel import HTTPRangeRequestUnsupported, LazyZipOverHTTP
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version
from pip._vendor.requests import Request
from pip._vendor.requests.exceptions import HTTPError, RequestException
from pip._vendor.urllib3.exceptions import HTTPError as BrokenAnswer

from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.filename import (
    WheelFilename,
    index_metadata_filename,
    split_index_metadata_filename,
)
from pip_variants.model.metadata import MAX_BYTES, VariantMetadata, combine_all
from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter import report
from pip_variants.pip_adapter.gate import gate, log
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.target import warm_up

__all__ = [
    "Unusable",
    "given",
    "metadata_of",
    "remember",
    "session_of",
    "source_of",
    "source_rank",
    "wheel_metadata",
]

_LATER = (408, 425, 429)
"""HTTP statuses by which an index says "not now": no reason to do without."""

_HINT = " Use --no-variants to go on without."

_NO_PARTS = "its index has no variant metadata for it and cannot serve parts of a wheel"

_VARIANT_JSON = re.compile(r"[^/]+\.dist-info/variant\.json")

_PARTS_BYTES = 16 * 2**20
"""The most that is fetched of a wheel for its metadata, where each part counts as `_PART_BYTES`."""

_PART_BYTES = 2**17

_AS_IT_IS = {"Accept-Encoding": "identity"}

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


def session_of(source: str) -> Any:
    """The connection of pip by which a source was reached."""
    return _sources.get(source, gate.session)


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
            _read[release] = metadata = _obtain(release, wheels)
        except InvalidVariantMetadata as error:
            _read[release] = Unusable(str(error))
        except Unusable as error:
            _read[release] = error
        else:
            labels = {str(label_of(link.filename)) for link in wheels} - {NULL_LABEL}
            if unlisted := labels - metadata.variants.keys():
                report.unlisted(f"{name} {version}", unlisted)
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
        data = _fetch(_listed[release], session_of(release[0]))
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
    with _reaching(link):
        if link.is_file:
            data = _variant_json(link.file_path, link.filename)
        else:
            parts = _Parts(session_of(release[0]))
            with parts.open(link.url_without_fragment) as file:
                data = _variant_json(file, link.filename)
    return VariantMetadata.parse(data, f"variant.json of {link.filename}")


def _variant_json(wheel: Any, filename: str) -> bytes:
    """The `variant.json` of a wheel; the beginning, if it is larger than any may be."""
    with ZipFile(wheel) as archive:
        found = [one for one in archive.infolist() if _VARIANT_JSON.fullmatch(one.filename)]
        if not found:
            raise Unusable(f"{filename} has no variant.json")
        entry = found[0]
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # others may explode
            raise Unusable(f"variant.json of {filename} is compressed in an unusual way")
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)


class _Parts:
    """pip's session as its reader of far wheels needs it; for one wheel.

    A server that answers with anything but the parts, or of which too many are needed, is given up.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._left = _PARTS_BYTES
        self._url = ""

    def open(self, url: str) -> Any:
        """The wheel as a file."""
        try:
            return LazyZipOverHTTP(url, self)  # type: ignore[arg-type]
        except (HTTPRangeRequestUnsupported, AssertionError, LookupError, ValueError):
            raise Unusable(_NO_PARTS) from None  # it expects the status and the headers

    def head(self, url: str, **options: Any) -> Any:
        response = self._session.head(url, **{**options, "allow_redirects": True})
        self._url = response.url
        return response

    def get(self, _: str, *, headers: dict[str, str], **options: Any) -> Any:
        first, _, last = headers["Range"].removeprefix("bytes=").partition("-")
        length = int(last) - int(first) + 1
        self._left -= max(length, _PART_BYTES)
        response = self._session.get(self._url, headers=headers, **options)
        response.raise_for_status()
        got = response.status_code, response.headers.get("Content-Length")
        if self._left < 0 or got != (206, str(length)):
            response.close()
            raise Unusable(_NO_PARTS)
        response.raw.enforce_content_length = True  # the default since urllib3 2
        return response


@contextlib.contextmanager
def _reaching(link: Link) -> Iterator[None]:
    """Turn what keeps metadata from arriving into an error: no silent change to another build.

    Where the index refuses, or sends something else, the variants are unusable.
    """
    try:
        yield
    except Unusable:
        raise
    except (NetworkConnectionError, HTTPError) as error:
        status = 500 if error.response is None else error.response.status_code
        if 400 <= status < 500 and status not in _LATER:
            raise _refused(link, status) from None
        raise _unreachable(link, error) from None
    except PipError:
        log.warning("The variant metadata %s is out of reach.%s", printable(_shown(link)), _HINT)
        raise
    except (RequestException, BrokenAnswer, OSError) as error:
        raise _unreachable(link, error) from None
    except Exception as error:  # noqa: BLE001 - zipfile and zlib raise many for broken files
        raise Unusable(f"{link.filename} could not be read ({error})") from None


def _refused(link: Link, status: int) -> Unusable:
    return Unusable(f"{link.filename} could not be read (HTTP status {status})")


def _unreachable(link: Link, error: Exception) -> InstallationError:
    reason = str(error).rstrip(".")
    return InstallationError(
        printable(f"Could not fetch the variant metadata {_shown(link)}: {reason}.") + _HINT
    )


def _shown(link: Link) -> str:
    return redact_auth_from_url(link.url_without_fragment)


def _fetch(link: Link, session: Any) -> bytes | None:
    """The content of an index-level metadata file; None if there is none after all."""
    url = link.url_without_fragment
    with _reaching(link):
        if _hashes(link) and _has_copy(url, session):
            data = _received(link, session.get(url, headers=_AS_IT_IS, stream=True))
            if data is not None and not list(_wrong_hashes(link, data)):
                return data
        # As with index pages: ask whether a cached copy is still good.
        data = _received(link, _asked(url, session))
    if data is not None:
        _check_hash(link, data, session)
    return data


def _received(link: Link, response: Any) -> bytes | None:
    if response.status_code in (404, 410):
        return None
    response.raise_for_status()
    if response.status_code != 200:  # such as a redirect that pip does not follow
        raise _refused(link, response.status_code)
    if response.url.startswith("file:") and not link.is_file:  # up to pip 26.2
        raise Unusable(f"{link.filename} is redirected to a file of this machine")
    data = bytearray()
    for chunk in response.iter_content(2**14):  # which may be a thousand times as large
        data += chunk
        if len(data) > MAX_BYTES:
            break  # the parser says so
    else:
        _check_length(response, len(data))
    response.close()
    return bytes(data)


def _asked(url: str, session: Any) -> Any:
    try:
        fresh = {**_AS_IT_IS, "Cache-Control": "max-age=0"}
        return session.get(url, headers=fresh, stream=True)
    except (PipError, RequestException, OSError):
        # Out of reach: the index may allow to use the copy for a while, as pip does with pages.
        if not _has_copy(url, session):
            raise
        return session.get(url, headers=_AS_IT_IS, stream=True)


def _has_copy(url: str, session: Any) -> bool:
    """Whether pip's cache has a copy that the index allows to use unasked."""
    cache = getattr(session.get_adapter(url), "controller", None)
    request = session.prepare_request(Request("GET", url, _AS_IT_IS))
    return cache is not None and bool(cache.cached_request(request))


def _check_length(response: Any, length: int) -> None:
    promised = str(response.headers.get("Content-Length", ""))  # a number for file: URLs
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    if promised.isdigit() and not encoded and int(promised) != length:
        raise OSError(f"{length} of {promised} bytes arrived")


def _check_hash(link: Link, data: bytes, session: Any) -> None:
    for algorithm, expected, got in _wrong_hashes(link, data):
        if len(data) <= MAX_BYTES and not _lists_now(link, got, session):
            reason = printable(
                f"The variant metadata {_shown(link)} does not have the hash that "
                f"its index gives: expected {algorithm} {expected}, got {got}."
            )
            raise InstallationError(reason + _HINT)


def _wrong_hashes(link: Link, data: bytes) -> Iterator[tuple[str, str, str]]:
    """Algorithm, what the page gives and what the data has, where these differ."""
    for algorithm, expected in _hashes(link).items():
        got = hashlib.new(algorithm, data).hexdigest()
        if got != expected.lower():
            yield algorithm, expected, got


def _hashes(link: Link) -> dict[str, str]:
    """Those that the page gives and that are known, by algorithm."""
    known = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}  # those vary in length
    return {algorithm: digest for algorithm, digest in link._hashes.items() if algorithm in known}


def _lists_now(link: Link, digest: str, session: Any) -> bool:
    """Whether the page has the digest by now: pip 26.2 and later may have taken it from a cache."""
    try:
        from pip._internal.index.collector import _get_simple_response

        page = _get_simple_response(str(link.comes_from), session, force_revalidate=True)
    except Exception:  # noqa: BLE001 - the hash stays wrong
        return False
    return digest in page.text
