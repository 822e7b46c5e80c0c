"""A file on a server, of which only the parts are fetched that are read (RFC 9110, 14).

Whether a server sends parts is found out by asking for the part that is wanted; nothing is asked
for to find out what it says of itself.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from pip_variants.errors import shown

REFUSALS = frozenset({400, 416, 501})
"""The statuses that some servers answer to a request for the end of a file."""

_SENT = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)
_TOO_LONG = re.compile(r"bytes \*/(\d+)", re.ASCII)
_CHUNK = 2**14


class NoParts(ValueError):
    """The server sends no parts of the file, and the whole of it is not small."""


class Headers(Protocol):
    """What those of `http.client` and of urllib3 have in common."""

    def get(self, name: str, default: str, /) -> Any:
        """The value of a header, however its name is written."""


class Answer(Protocol):
    """What the answers of `http.client` and of urllib3 have in common."""

    @property
    def status(self) -> int:
        """The status."""

    @property
    def headers(self) -> Headers:
        """The headers."""

    def read(self, size: int, /) -> bytes:
        """The next bytes of the body, without decoding them; none at its end."""

    def close(self) -> object:
        """The rest of the body is not needed."""


class Fetch(Protocol):
    """Sends a GET request; follows redirects."""

    def __call__(self, byte_range: str, /) -> Answer:
        """The answer to the request with this `Range` header.

        It returns those with status 200, 206 and `REFUSALS`, and may raise anything for others.
        """


class Budget(Protocol):
    """What may be spent on one file, or on several."""

    def spend(self, requests: int, size: int) -> None:
        """Called before a request is sent, and before `size` bytes are read; may raise."""


class Unlimited:
    """A budget without end."""

    def spend(self, requests: int, size: int) -> None:
        """Allow it."""


class RemoteFile(io.RawIOBase):
    """A file on a server, to be read and not written.

    Its end is fetched at once, `part` bytes of it: for most wheels all that one looks for. What
    lies directly before what is there already, such as the rest of a directory of an archive, is
    fetched with `part` bytes before it, and anything else with what follows it. A file that the
    server sends only as a whole is taken up to `whole` bytes.

    Making and reading it raise `NoParts`; `ValueError` for an answer that is not what was asked
    for; `OSError` for one that is cut off; and what `fetch` and `budget` raise.
    """

    def __init__(
        self, fetch: Fetch, budget: Budget | None = None, *, part: int = 2**16, whole: int = 2**20
    ) -> None:
        super().__init__()
        self._fetch = fetch
        self._budget = budget or Unlimited()
        self._part = part
        self._whole = whole
        self._position = 0
        self._block = b""  # what was fetched last from the middle, and where it stands
        self._block_start = 0
        self._size = 0
        self._end = b""
        self._end = self._open()
        self._end_start = self._size - len(self._end)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position."""
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        position = starts[whence] + offset
        if position < 0:
            raise OSError(f"negative seek position {position}")  # zipfile expects it, as of files
        self._position = position
        return position

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; only the end of the file leaves some of it empty."""
        view = memoryview(buffer).cast("B")
        start = self._position
        stop = min(start + len(view), self._size)
        while self._position < stop:
            data = self._next(stop)
            done = self._position - start
            view[done : done + len(data)] = data
            self._position += len(data)
        return self._position - start

    def _next(self, stop: int) -> bytes:
        """Some bytes from the position on, not beyond `stop`."""
        start = self._position
        block_stop = self._block_start + len(self._block)
        if start >= self._end_start:
            return self._end[start - self._end_start : stop - self._end_start]
        if self._block_start <= start < block_stop:
            return self._block[start - self._block_start : stop - self._block_start]
        if stop >= self._end_start:
            first = start if start == block_stop else max(0, start - self._part)
            self._end = self._fetched(first, self._end_start) + self._end
            self._end_start = first
            return self._next(stop)
        last = min(max(stop, start + self._part), self._end_start)
        self._block, self._block_start = self._fetched(start, last), start
        return self._next(stop)

    def _open(self) -> bytes:
        """The end of the file, or all of a small one; sets the size."""
        with self._asked(f"bytes=-{self._part}") as answer:
            if answer.status == 206:
                start, last, self._size = _sent(answer)
                if (start, last + 1) != (max(0, self._size - self._part), self._size):
                    raise _wrong(answer)
                return self._body(answer, self._size - start)
            if (content := self._small(answer)) is not None:
                return content
            size = _size(answer)
        if size is None:
            with self._asked("bytes=0-0") as answer:
                if (content := self._small(answer)) is not None:
                    return content
                size = _sent(answer)[2] if answer.status == 206 else _size(answer)
        if size is None:
            raise self._no_parts()
        if size == 0:
            return b""
        self._size = size
        start = max(0, size - self._part)
        with self._asked(f"bytes={start}-{size - 1}") as answer:
            if (content := self._small(answer)) is not None:
                return content
            return self._sent_part(answer, start, size)

    def _fetched(self, start: int, stop: int) -> bytes:
        with self._asked(f"bytes={start}-{stop - 1}") as answer:
            return self._sent_part(answer, start, stop)

    def _sent_part(self, answer: Answer, start: int, stop: int) -> bytes:
        if answer.status != 206:
            raise self._no_parts()
        if _sent(answer) != (start, stop - 1, self._size):
            raise _wrong(answer)
        return self._body(answer, stop - start)

    @contextmanager
    def _asked(self, byte_range: str) -> Iterator[Answer]:
        self._budget.spend(1, 0)
        answer = self._fetch(byte_range)
        try:
            if answer.status not in (200, 206, *REFUSALS):
                raise ValueError(f"it answered with HTTP status {answer.status}")
            encoding = answer.headers.get("Content-Encoding", "identity")
            if answer.status not in REFUSALS and encoding != "identity":
                raise ValueError(f"it is sent in the encoding {shown(encoding, 50)}")
            yield answer
        finally:
            answer.close()

    def _body(self, answer: Answer, size: int) -> bytes:
        """All of the answer, which is to have this size."""
        length = _length(answer)
        if length not in (None, size):
            raise ValueError(f"it sent {length} bytes and not {size}")
        self._budget.spend(0, size)
        data = _read(answer, size + 1)
        if len(data) < size:
            raise OSError(f"the last {size - len(data)} bytes are missing")
        if len(data) > size:
            raise ValueError(f"it sent more than the {size} bytes that were asked for")
        return data

    def _small(self, answer: Answer) -> bytes | None:
        """The whole file if that is the answer, and it is small; sets the size."""
        if answer.status != 200:
            return None
        length = _length(answer)
        if length is None:
            self._budget.spend(0, self._whole)
            content = _read(answer, self._whole + 1)
        elif length <= self._whole:
            content = self._body(answer, length)
        else:
            return None
        self._size = len(content)
        return content if len(content) <= self._whole else None

    def _no_parts(self) -> NoParts:
        if self._end:
            return NoParts("it does not send parts of it any more")
        return NoParts("it sends no parts of it")


def _sent(answer: Answer) -> tuple[int, int, int]:
    """First and last byte of the part that was sent, and the size of the file."""
    match = _SENT.fullmatch(answer.headers.get("Content-Range", ""))
    if not match:
        raise _wrong(answer)
    return int(match[1]), int(match[2]), int(match[3])


def _wrong(answer: Answer) -> ValueError:
    said = answer.headers.get("Content-Range", "")
    return ValueError(f"it sent a part of it that it calls {shown(said, 50)}")


def _size(answer: Answer) -> int | None:
    """The size of the file, if an answer without a part of it says so."""
    if answer.status == 200:
        return _length(answer)
    match = _TOO_LONG.fullmatch(answer.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _length(answer: Answer) -> int | None:
    said = answer.headers.get("Content-Length", "")
    return int(said) if said.isdecimal() else None


def _read(answer: Answer, size: int) -> bytes:
    """So many bytes, or those that there are."""
    data = bytearray()
    while len(data) < size and (chunk := answer.read(min(_CHUNK, size - len(data)))):
        data += chunk
    return bytes(data)
