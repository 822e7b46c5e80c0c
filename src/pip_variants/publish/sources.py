"""Where `verify` finds files: given wheels and folders, or the page of a project on an index."""

import hashlib
import io
import json
import os
import tempfile
import urllib.error
import urllib.request
import urllib.response
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from pip_variants.errors import InvalidWheel, printable

__all__ = ["LocalFiles", "ProjectPage", "Source"]

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_TIMEOUT = 30.0
_MAX_PAGE = 64 * 2**20
_BLOCK = 2**16


class Source(Protocol):
    """Files by name."""

    is_local: bool
    """Whether all of a file can be read, and not only the ends of large ones."""

    def names(self) -> list[str]:
        """The names of all files, sorted."""

    def open(self, name: str) -> IO[bytes]:
        """One of them. Raises `OSError`."""

    def faults(self, name: str, content: bytes) -> Iterator[str]:
        """What is wrong with how a file with this content is announced."""


@dataclass(frozen=True)
class LocalFiles:
    """Files given by their paths; of folders all that is in them."""

    paths: tuple[Path, ...]
    is_local = True

    def _all(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in self.paths:
            if not path.exists():
                raise InvalidWheel(f"there is no file {path}")
            for one in path.iterdir() if path.is_dir() else [path]:
                found[one.name] = one
        return found

    def names(self) -> list[str]:
        """The names of all files. Raises `InvalidWheel` for what is not there."""
        return sorted(self._all())

    def open(self, name: str) -> IO[bytes]:
        """One of them. Raises `OSError`."""
        return self._all()[name].open("rb")

    def faults(self, name: str, content: bytes) -> Iterator[str]:  # noqa: ARG002
        """Nothing: a folder announces nothing."""
        return iter(())


class ProjectPage:
    """The files that a project's page lists (Simple repository API, HTML and JSON)."""

    is_local = False

    def __init__(self, url: str) -> None:
        """Read the page. Raises `OSError` and `InvalidWheel`."""
        with _get(url, {"Accept": _ACCEPT}) as answer:
            url = answer.url
            kind = answer.headers.get_content_type()
            content = answer.read(_MAX_PAGE)
        self._links: dict[str, tuple[str, Mapping[str, str]]] = {}
        if kind.endswith("json"):
            try:
                for file in json.loads(content)["files"]:
                    self._links[file["filename"]] = (urljoin(url, file["url"]), file["hashes"])
            except (ValueError, LookupError, TypeError) as error:
                raise InvalidWheel(f"{url} is no page of a project: {error!r}") from None
        else:
            links = _Links(url)
            links.feed(content.decode("utf-8", "replace"))
            for link in links.found:
                address, fragment = urldefrag(link)
                name, _, digest = fragment.partition("=")
                filename = unquote(urlsplit(address).path.rpartition("/")[2])
                self._links[filename] = (address, {name: digest} if digest else {})
        self._links.pop("", None)

    def names(self) -> list[str]:
        """The names of all files."""
        return sorted(self._links)

    def open(self, name: str) -> IO[bytes]:
        """One of them; of a large one only what is read is fetched. Raises `OSError`."""
        url = self._links[name][0]
        with _get(url, {"Range": f"bytes=-{_BLOCK}"}) as answer:
            if answer.status == 206:
                return io.BufferedReader(_Remote(url, answer), _BLOCK)
            whole = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
            while chunk := answer.read(_BLOCK):
                whole.write(chunk)
        whole.seek(0)
        return whole

    def faults(self, name: str, content: bytes) -> Iterator[str]:
        """A hash that is not that of the content."""
        for algorithm, digest in self._links[name][1].items():
            if algorithm in hashlib.algorithms_guaranteed and "shake" not in algorithm:
                actual = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
                if actual != digest:
                    yield f"the page says that its {algorithm} is {digest:.80}, and it is {actual}"


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


class _Remote(io.RawIOBase):
    """A file on a server that sends parts of it; the end is here already."""

    def __init__(self, url: str, answer: urllib.response.addinfourl) -> None:
        super().__init__()
        self._url = url
        first, _, size = answer.headers["Content-Range"].removeprefix("bytes ").partition("/")
        self._size = int(size)
        self._start = int(first.partition("-")[0])
        self._end = answer.read()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        begin = self._position
        if begin >= self._start:
            data = self._end[begin - self._start :][: len(buffer)]
        elif begin >= self._size:
            data = b""
        else:
            last = min(begin + len(buffer), self._size) - 1
            with _get(self._url, {"Range": f"bytes={begin}-{last}"}) as answer:
                data = answer.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _get(url: str, headers: Mapping[str, str]) -> urllib.response.addinfourl:
    if urlsplit(url).scheme not in ("http", "https"):  # a page must not make us read files
        raise InvalidWheel(f"{printable(url, 200)} is no http or https address")
    try:
        request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310
        return urllib.request.urlopen(request, timeout=_TIMEOUT)  # type: ignore[no-any-return] # noqa: S310
    except (urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise InvalidWheel(f"{printable(url, 200)} cannot be read: {reason}") from None
