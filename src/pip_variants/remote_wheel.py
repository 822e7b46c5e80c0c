"""A file on a server, of which only the parts are fetched that are read (RFC 9110, 14).

Whether a server sends parts is found out by asking for the part that is wanted.
"""

import io
import os
import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

from pip_variants.errors import shown

REFUSALS = frozenset({400, 416, 501})  # of servers that are asked for the end of a file

_SENT = r"(?a)bytes (\d+)-(\d+)/(\d+)"
_TOO_LONG = r"(?a)bytes \*/(\d+)"


class NoParts(ValueError):
    """The server sends no parts of the file, and the whole of it is not small."""


class TooMuch(Exception):
    """The budget is spent."""


class Budget:
    """What may be fetched of several files, in requests and bytes."""

    def __init__(self, requests: int, size: int) -> None:
        self._requests = requests
        self._size = size

    def spend(self, requests: int, size: int) -> None:
        """Called before a request, and before so many bytes are read. Raises `TooMuch`."""
        self._requests -= requests
        self._size -= size
        if self._requests < 0 or self._size < 0:
            raise TooMuch


class RemoteFile(io.RawIOBase):
    """A file on a server, to be read and not written.

    `fetch` sends a GET request with the `Range` header that it is given, and returns the answer, as
    `http.client` and urllib3 have it, if its status is 200, 206 or one of `REFUSALS`. `spend` is
    told of a request and of a number of bytes before they are sent and read, and may raise.

    The end is fetched at once, `part` bytes of it: for most wheels all that one looks for. What
    lies directly before what is there already, such as the rest of a directory of an archive, is
    fetched with `part` bytes before it, and anything else with what follows it. A file that the
    server sends only as a whole is taken up to `whole` bytes.

    Making and reading it raise `NoParts`; `ValueError` for an answer that is not what was asked
    for; `OSError` for one that is cut off; and what `fetch` and `spend` raise.
    """

    def __init__(
        self,
        fetch: Callable[[str], Any],
        spend: Callable[[int, int], object] | None = None,
        *,
        part: int = 2**16,
        whole: int = 2**20,
    ) -> None:
        super().__init__()
        self._fetch = fetch
        self._spend = spend or (lambda _requests, _size: None)
        self._part, self._whole = part, whole
        self._position = 0
        self._size = -1  # not known
        self._data, self._start = b"", 0  # what is there, and where it begins
        end = self._asked(-part)
        if end is None and self._size < 0:
            first = self._asked(0, 1)
            end = first if first and len(first) == self._size else None
        if end is None and self._size > 0:
            end = self._asked(max(0, self._size - part), self._size)
        if end is None and self._size != 0:
            raise NoParts("it sends no parts of it")
        self._data = end or b""
        self._start = self._size - len(self._data)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position."""
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        position = starts[whence] + offset
        if position < 0:
            raise OSError(f"negative seek position {position}")  # zipfile expects it, as of files
        self._position = position
        return position

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all; fewer at the end of the file only."""
        start = self._position
        stop = self._size if size < 0 else min(start + size, self._size)
        if start >= stop:
            return b""
        if start < self._start <= stop:
            first = max(0, start - self._part)
            self._data = self._fetched(first, self._start) + self._data
            self._start = first
        elif start < self._start or stop > self._start + len(self._data):
            kept = self._data[start - self._start :] if start >= self._start else b""
            last = min(max(stop, start + self._part), self._size)
            self._data = kept + self._fetched(start + len(kept), last)
            self._start = start
        self._position = stop
        return self._data[start - self._start : stop - self._start]

    def _fetched(self, start: int, stop: int) -> bytes:
        data = self._asked(start, stop)
        if data is None:
            raise NoParts("it does not send parts of it any more")
        return data

    def _asked(self, start: int, stop: int | None = None) -> bytes | None:
        """A part, with a negative `start` the end; or the whole of a small file that is opened.

        None if the server sends neither. Sets the size, if the server says it.
        """
        self._spend(1, 0)
        last = "" if stop is None else f"-{stop - 1}"
        with closing(self._fetch(f"bytes={start}{last}")) as answer:
            if answer.status not in (200, 206, *REFUSALS):
                raise ValueError(f"it answered with HTTP status {answer.status}")
            sent = answer.headers.get("Content-Range", "")
            if answer.status in REFUSALS:
                if self._size < 0 and (match := re.fullmatch(_TOO_LONG, sent)):
                    self._size = int(match[1])
                return None
            encoding = answer.headers.get("Content-Encoding", "identity")
            if encoding != "identity":
                raise ValueError(f"it is sent in the encoding {shown(encoding, 50)}")
            said = answer.headers.get("Content-Length", "")
            length = int(said) if said.isdecimal() else None
            if answer.status == 200:
                return None if self._data else self._small(answer, length)
            match = re.fullmatch(_SENT, sent)
            *ends, size = map(int, match.groups()) if match else (0, 0, 0)
            if stop is None:
                start, stop = max(0, size + start), size
            if not match or ends != [start, stop - 1] or self._size not in (-1, size):
                raise ValueError(f"it sent a part of it that it calls {shown(sent, 50)}")
            self._size = size
            return self._body(answer, length, stop - start)

    def _small(self, answer: Any, length: int | None) -> bytes | None:
        """The whole file that is the answer, if it is small."""
        if length is not None:
            self._size = length
            return self._body(answer, length, length) if length <= self._whole else None
        self._spend(0, self._whole)
        content = _read(answer, self._whole + 1)
        if len(content) > self._whole:
            return None
        self._size = len(content)
        return content

    def _body(self, answer: Any, length: int | None, size: int) -> bytes:
        """All of the answer, which is to have this size."""
        if length not in (None, size):
            raise ValueError("it sent another number of bytes than was asked for")
        self._spend(0, size)
        data = _read(answer, size + 1)
        if len(data) < size:
            raise OSError(f"the last {size - len(data)} bytes are missing")
        if len(data) > size:
            raise ValueError(f"it sent more than the {size} bytes that were asked for")
        return data


def _read(answer: Any, size: int) -> bytes:
    """So many bytes, or those that there are."""
    data = bytearray()
    while len(data) < size and (chunk := answer.read(size - len(data))):
        data += chunk
    return bytes(data)
