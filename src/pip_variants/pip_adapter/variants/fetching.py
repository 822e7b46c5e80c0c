"""Metadata from an index, and out of wheels: what arrives, and what keeps it from that."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from logging import WARNING
from typing import Any

from pip._internal.exceptions import InstallationError, NetworkConnectionError, PipError
from pip._internal.index.collector import _get_index_content, parse_links
from pip._internal.models.link import Link
from pip._internal.network.utils import HEADERS
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.requests import Request
from pip._vendor.urllib3.exceptions import HTTPError as BrokenAnswer

from pip_variants import wheel_metadata
from pip_variants.errors import InvalidVariantMetadata, printable
from pip_variants.model.metadata import MAX_BYTES
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.sources import Source
from pip_variants.remote_wheel import REFUSALS, Budget, NoParts, RemoteFile, TooMuch

_LATER = (408, 425, 429)  # HTTP statuses by which an index says "not now"

_HINT = " Use --no-variants to go on without."

_NO_METADATA = "its index has no variant metadata for it"

# Wheels up to this size, in bytes, are read whole from a server that sends no parts.
_SMALL = 4 * 2**20


class Unusable(Exception):
    """Why the variants of a release must be ignored."""


def fetch(link: Link, source: Source) -> bytes | None:
    """An index-level metadata file, or None. Raises `Unusable`, and pip's errors, which end it."""
    with _reaching(link):
        data = _content(link) if link.is_file else _answer(link, source.session)
    if data is not None:
        _check_hash(link, data, source.session)
    return data


def variant_json(link: Link, source: Source, budget: Budget) -> bytes:
    """The `variant.json` in a wheel. Raises what `fetch` raises, and `InvalidVariantMetadata`."""
    with _reaching(link):
        return _inside(link, source, budget, "variant.json")


def core_metadata(link: Link, source: Source, budget: Budget) -> bytes:
    """That of a wheel, beside it (PEP 658) or in it. Raises what `variant_json` raises."""
    beside = None if link.is_file else link.metadata_link()
    with _reaching(link, "core metadata"):
        if beside:
            data = _answer(beside, source.session)
            if data is not None and not _wrong_hashes(_hashes(beside), data):
                return data
        return _inside(link, source, budget, "METADATA")


def _inside(link: Link, source: Source, budget: Budget, name: str) -> bytes:
    """A file in a wheel, of which no more is fetched than it takes."""
    if link.is_file:
        return wheel_metadata.read(link.file_path, link.filename, name)

    def send(byte_range: str) -> Any:
        # A copy of the whole in pip's cache may be as large as it likes.
        response = _get(link, source.session, {"Range": byte_range, "Cache-Control": "no-cache"})
        if response.status_code not in REFUSALS:
            response.raise_for_status()
        return response.raw

    try:
        with RemoteFile(send, budget.spend, whole=_SMALL) as file:
            return wheel_metadata.read(file, link.filename, name)
    except NoParts:
        raise Unusable(f"{_NO_METADATA} and cannot serve parts of a wheel") from None
    except TooMuch:
        why = "reading it out of so many or so large wheels takes too much"
        raise Unusable(f"{_NO_METADATA}, and {why}") from None


@contextlib.contextmanager
def _reaching(link: Link, what: str = "variant metadata") -> Iterator[None]:
    """Turn what keeps metadata from arriving into an error, or into `Unusable`."""
    try:
        yield
    except (Unusable, InvalidVariantMetadata):
        raise
    except (NetworkConnectionError, BrokenAnswer, OSError) as error:  # requests' are OSErrors
        status = getattr(getattr(error, "response", None), "status_code", 500)
        if 400 <= status < 500 and status not in _LATER:
            raise _refused(link, status) from None
        reason = str(error).rstrip(".")
        text = printable(f"Could not fetch the {what} {_shown(link)}: {reason}.")
        raise InstallationError(text + _HINT) from None
    except PipError:  # it says at length what is wrong
        text = f"The {what} {printable(_shown(link))} is out of reach.{_HINT}"
        current().say(WARNING, text)
        raise
    except Exception as error:  # noqa: BLE001 - zipfile and zlib raise many for broken files
        raise Unusable(f"{link.filename} could not be read ({error})") from None


def _refused(link: Link, status: int) -> Unusable:
    return Unusable(f"{link.filename} could not be read (HTTP status {status})")


def _shown(link: Link) -> str:
    return redact_auth_from_url(link.url_without_fragment)


def _content(link: Link) -> bytes | None:
    """That of a file of this machine."""
    path = link.file_path
    if not os.path.exists(path):
        return None
    if not os.path.isfile(path):  # whoever opens a pipe waits for somebody to write into it
        raise Unusable(f"{link.filename} is no ordinary file")
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)


def _answer(link: Link, session: Any) -> bytes | None:
    """What the index has; where it allows to use the copy in pip's cache, maybe that."""
    has_copy = _has_copy(link, session)
    if has_copy and _hashes(link):  # that of the page says whether it is still good
        data = _received(link, _get(link, session, {}))
        if data is not None and not _wrong_hashes(_hashes(link), data):
            return data
    try:  # as pip asks for pages
        response = _get(link, session, {"Cache-Control": "max-age=0"})
    except (PipError, OSError):  # out of reach: pip, too, would use a copy
        if not has_copy:
            raise
        response = _get(link, session, {})
    return _received(link, response)


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
        promised = str(response.headers.get("Content-Length", ""))  # a number for file: URLs
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        if promised.isdigit() and not encoded and int(promised) != len(data):
            raise OSError(f"{len(data)} of {promised} bytes arrived")
    response.close()
    return bytes(data)


def _get(link: Link, session: Any, headers: dict[str, str]) -> Any:
    return session.get(link.url_without_fragment, headers={**HEADERS, **headers}, stream=True)


def _has_copy(link: Link, session: Any) -> bool:
    """Whether pip's cache has a copy that the index allows to use unasked."""
    url = link.url_without_fragment
    cache = getattr(session.get_adapter(url), "controller", None)
    request = session.prepare_request(Request("GET", url, HEADERS))
    return cache is not None and bool(cache.cached_request(request))


def _check_hash(link: Link, data: bytes, session: Any) -> None:
    """Raises pip's error for data that is not what the page promises."""
    wrong = _wrong_hashes(_hashes(link), data)
    is_cut = len(data) > MAX_BYTES  # then nobody knows the hash of all of it
    if wrong and (is_cut or _wrong_hashes(_hashes_now(link, session), data)):
        expected, got = wrong[0]
        reason = printable(
            f"The variant metadata {_shown(link)} does not have the hash that its index gives: "
            f"expected {expected}, got {f'more than {MAX_BYTES // 2**20} MiB' if is_cut else got}."
        )
        raise InstallationError(reason + _HINT)


def _wrong_hashes(hashes: dict[str, str], data: bytes) -> list[tuple[str, str]]:
    """Algorithm and what the page gives, with what the data has, where these differ."""
    got = {one: hashlib.new(one, data, usedforsecurity=False).hexdigest() for one in hashes}
    return [(f"{one} {hashes[one]}", got[one]) for one in got if got[one] != hashes[one].lower()]


def _hashes(link: Link) -> dict[str, str]:
    """Those that the page gives and that are known, by algorithm."""
    known = hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}  # those vary in length
    return {algorithm: digest for algorithm, digest in link._hashes.items() if algorithm in known}


def _hashes_now(link: Link, session: Any) -> dict[str, str]:
    """Those that the page gives by now: pip 26.2 and later may have taken it from a cache."""
    page = Link(str(link.comes_from), cache_link_parsing=False)
    with contextlib.suppress(TypeError):  # an older pip asked for it just now
        content = _get_index_content(page, session=session, force_revalidate=True)
        for one in parse_links(content) if content else ():
            if one.url_without_fragment == link.url_without_fragment and _hashes(one):
                return _hashes(one)
    return _hashes(link)
