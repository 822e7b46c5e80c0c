"""Where `verify` finds files: given wheels and folders, or the page of a project on an index."""

import hashlib
import json
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from html.parser import HTMLParser
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, Protocol, cast
from urllib.error import HTTPError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from pip_variants.errors import InvalidWheel, printable, shown
from pip_variants.remote_wheel import REFUSALS, NoParts, RemoteFile

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_TIMEOUT = 30.0
_MAX_PAGE = 64 * 2**20
_BLOCK = 2**16


class Source(Protocol):
    """Files by name."""

    is_local: bool
    """Whether all of a file can be read, and not only the ends of large ones."""

    is_complete: bool
    """Whether these are all files of a release, and not only its wheels."""

    def names(self) -> list[str]:
        """The names of all files, sorted."""

    def open(self, name: str) -> IO[bytes]:
        """One of them. Raises `OSError` and `InvalidWheel`."""

    def faults(self, name: str, content: bytes) -> Iterator[str]:
        """What is wrong with how a file with this content is announced."""


class LocalFiles:
    """Files given by their paths; of folders all that is in them."""

    is_local = True

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises `InvalidWheel` for what is not there, or if there are no wheels."""
        self._files: dict[str, Path] = {}
        self.is_complete = False
        for path in paths:
            if not path.exists():
                raise InvalidWheel(f"there is no file {path}")
            self.is_complete |= path.is_dir()
            found = path.iterdir() if path.is_dir() else [path]
            self._files.update((one.name, one) for one in found if one.is_file())
        if not any(name.endswith(".whl") for name in self._files):
            raise InvalidWheel(f"there are no wheels in {', '.join(map(str, paths))}")

    def names(self) -> list[str]:
        """The names of all files."""
        return sorted(self._files)

    def open(self, name: str) -> IO[bytes]:
        """One of them. Raises `OSError`."""
        return self._files[name].open("rb")

    def faults(self, name: str, content: bytes) -> Iterator[str]:  # noqa: ARG002
        """Nothing: a folder announces nothing."""
        return iter(())


class ProjectPage:
    """The files that a project's page lists (Simple repository API, HTML and JSON)."""

    is_local = False
    is_complete = True

    def __init__(self, url: str) -> None:
        """Read the page. Raises `InvalidWheel` if that fails, or if it lists no wheels."""
        with _get(url, {"Accept": _ACCEPT}) as answer:
            url = answer.url
            kind = answer.headers.get_content_type()
            content = answer.read(_MAX_PAGE)
        try:
            listed = _of_json(content) if kind.endswith("json") else _of_html(content, url)
            self._links = {
                name: (urljoin(url, address), dict(hashes)) for name, address, hashes in listed
            }
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise InvalidWheel(
                f"{printable(url, 200)} is no page of a project: {shown(error)}"
            ) from None
        if not any(name.endswith(".whl") for name in self._links):
            raise InvalidWheel(
                f"{printable(url, 200)} lists no wheels: give the address of a project's page"
            )

    def names(self) -> list[str]:
        """The names of all files."""
        return sorted(self._links)

    def open(self, name: str) -> IO[bytes]:
        """One of them; of a large one only what is read is fetched. Raises `InvalidWheel`."""
        url = self._links[name][0]
        try:
            return cast("IO[bytes]", _Remote(url))
        except NoParts:
            return _whole(url)

    def faults(self, name: str, content: bytes) -> Iterator[str]:
        """A hash that is not that of the content."""
        for algorithm, digest in self._links[name][1].items():
            if algorithm in hashlib.algorithms_guaranteed and "shake" not in algorithm:
                actual = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
                if actual != digest:
                    yield f"the page says that its {algorithm} is {digest}, but it is {actual}"


def _of_json(content: bytes) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Names, addresses and hashes. Raises what reading something else raises."""
    for file in json.loads(content)["files"]:
        yield str(file["filename"]), file["url"], file["hashes"]


def _of_html(content: bytes, url: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Names, addresses and hashes. Raises `ValueError`."""
    links = _Links(url)
    links.feed(content.decode("utf-8", "replace"))
    for link in links.found:
        address, fragment = urldefrag(link)
        algorithm, _, digest = fragment.partition("=")
        name = unquote(urlsplit(address).path.rpartition("/")[2])
        yield name, address, {algorithm: digest} if digest else {}


class _Links(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if href and tag == "base":
            self._base = urljoin(self._base, href)
        elif href and tag == "a":
            self.found.append(urljoin(self._base, href))


def _whole(url: str) -> IO[bytes]:
    with ExitStack() as stack:
        whole = stack.enter_context(tempfile.TemporaryFile())
        with _get(url, {}) as answer:
            shutil.copyfileobj(answer, whole)
        whole.seek(0)
        stack.pop_all()  # the caller closes it
        return whole


class _Remote(RemoteFile):
    """A file of which only parts are fetched; what goes wrong is an `InvalidWheel`."""

    def __init__(self, url: str) -> None:
        self._url = url
        with _naming(url, (InvalidWheel, NoParts)):
            super().__init__(self._get, part=_BLOCK, whole=_BLOCK)

    def _get(self, byte_range: str) -> Any:
        try:
            return _answer(self._url, {"Range": byte_range})
        except HTTPError as error:
            if error.code in REFUSALS:
                return error
            raise

    def readinto(self, buffer: Any) -> int:
        with _naming(self._url):
            return super().readinto(buffer)


@contextmanager
def _get(url: str, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
    """The answer, to be read to its end. Raises `InvalidWheel` if that fails."""
    with _naming(url), _answer(url, headers) as answer:
        yield answer
        if answer.length:
            raise ValueError(f"the last {answer.length} bytes are missing")


def _answer(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    if urlsplit(url).scheme not in ("http", "https"):  # a page must not make us read files
        raise InvalidWheel(f"{printable(url, 200)} is no http or https address")
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    return answer


@contextmanager
def _naming(url: str, but: tuple[type[Exception], ...] = (InvalidWheel,)) -> Iterator[None]:
    """Turn what keeps a file from arriving into an error that names it."""
    try:
        yield
    except but:
        raise
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        status = f"HTTP status {error.code}, " if isinstance(error, HTTPError) else ""
        raise InvalidWheel(
            f"{printable(url, 200)} cannot be read: {status}{printable(str(reason), 200)}"
        ) from None
