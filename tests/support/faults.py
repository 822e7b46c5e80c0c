"""What can be wrong with an answer of an index: each takes the right reply and gives the wrong one."""

import gzip
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler

from support.server import Reply

BOMB = 200 * 2**20
"""The size in bytes of what is a few KiB on the wire."""

LOGIN = b"<!DOCTYPE html><html><body>Please <a href='/login'>log in</a></body></html>"


def not_found(reply: Reply) -> Reply:
    return Reply(b"not here", 404)


def forbidden(reply: Reply) -> Reply:
    return Reply(b"not for you", 403)


def broken(reply: Reply) -> Reply:
    return Reply(b"oops", 500)


def unavailable(reply: Reply) -> Reply:
    return Reply(b"later", 503, {"Retry-After": "1"})


def no_answer(reply: Reply) -> Reply:
    def send(handler: BaseHTTPRequestHandler, head: bytes, body: bytes) -> None:
        handler.close_connection = True
        handler.rfile.read(1)  # until the client hangs up

    return replace(reply, send=send)


def slow_drip(reply: Reply) -> Reply:
    """All of it, in 2.4 seconds, and never silent for long."""

    def send(handler: BaseHTTPRequestHandler, head: bytes, body: bytes) -> None:
        raw = head + body
        step = len(raw) // 8 + 1
        for start in range(0, len(raw), step):
            handler.wfile.write(raw[start : start + step])
            time.sleep(0.3)

    return replace(reply, send=send)


def reset(reply: Reply) -> Reply:
    def send(handler: BaseHTTPRequestHandler, head: bytes, body: bytes) -> None:
        handler.close_connection = True
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.rfile.close()
        handler.connection.close()

    return replace(reply, send=send)


def truncated(reply: Reply) -> Reply:
    """The connection ends in the middle of the body; of the head, where there is no body."""

    def send(handler: BaseHTTPRequestHandler, head: bytes, body: bytes) -> None:
        handler.close_connection = True
        handler.wfile.write(head + body[: len(body) // 2] if body else head[: len(head) // 2])

    return replace(reply, send=send)


def wrong_length(reply: Reply) -> Reply:
    """Content-Length is that of the first half."""
    return replace(reply, headers={**reply.headers, "Content-Length": str(len(reply.body) // 2)})


def wrong_type(reply: Reply) -> Reply:
    """The page of a network that wants a login, in place of everything."""
    return Reply(LOGIN, headers={"Content-Type": "text/html"})


def gzip_bomb(reply: Reply) -> Reply:
    """White space follows what should be there."""
    headers = {**reply.headers, "Content-Encoding": "gzip"}
    return Reply(gzip.compress(reply.body, mtime=0) + _white_space(), reply.status, headers)


@cache
def _white_space() -> bytes:
    return gzip.compress(b"\n" * BOMB)


def redirect(to: str) -> Callable[[Reply], Reply]:
    return lambda _: Reply(status=302, headers={"Location": to})


def kept(reply: Reply) -> Reply:
    """No fault: the client may use a copy for a while."""
    return replace(reply, headers={**reply.headers, "Cache-Control": "max-age=600"})


def a_terabyte(reply: Reply) -> Reply:
    return Reply(headers={"Content-Length": str(10**12), "Accept-Ranges": "bytes"})


def zeros(reply: Reply) -> Reply:
    """As many as are asked for, from wherever."""

    def send(handler: BaseHTTPRequestHandler, head: bytes, body: bytes) -> None:
        first, _, last = handler.headers["Range"].removeprefix("bytes=").partition("-")
        length = int(last) - int(first) + 1 if first else int(last)
        handler.wfile.write(b"HTTP/1.1 206 Part\r\nContent-Length: %d\r\n\r\n" % length)
        handler.wfile.write(bytes(length))

    return Reply(send=send)


_PAGE = """\
# When an index fails

Written by `pytest --all --faults=docs/faults.md tests/pip/test_hostile_index.py`; the tests keep it true.

Each line is one `pip install demo==1.0` in which one answer of the index is wrong. demo 0.9 is
installed before. The index has the variants v4, v3 and v2, the null variant and a plain wheel; the
machine supports v3 and v2, so that without a fault pip installs v3. Where nothing else is said, the
index gives no hashes, which would find most of the faults.

In every line:

- afterwards demo 0.9 is there as before, or all of demo 1.0 is, and nothing else;
- v4 is not installed;
- another build than v3 is installed only where pip says why, or where the page does not list v3;
- what pip-variants fetches is bounded: 8 MiB of a metadata file, 16 MiB of a wheel for the metadata
  in it, however little was on the wire. What pip itself fetches, the page, the wheel and its
  separate metadata, it treats as it does without pip-variants; where that is a traceback, or all
  of it in memory, the test does the same without pip-variants.

Not bounded, as without pip-variants, is time: pip's `--timeout` counts silence, so that an answer
which drips for ever holds pip for ever, and pip waits as long as `Retry-After` says.

The last two requests are made where an index has no metadata of the variants: the size of each
variant wheel (HEAD), then parts of it (Range).

"""


def page(rows: Iterable[tuple[str, ...]]) -> str:
    """docs/faults.md: a table for each request."""
    lines = []
    request = ""
    for row in rows:
        if row[0] != request:
            request = row[0]
            lines += ["", f"## {request}", ""]
            lines += ["| fault | pip | exit status | and says |", "|---|---|---|---|"]
        lines.append(f"| {' | '.join(row[1:])} |")
    return _PAGE + "\n".join(lines[1:]) + "\n"


def rows(page: str) -> list[tuple[str, ...]]:
    """What `page` was made of."""
    found = []
    request = ""
    for line in page.splitlines():
        if line.startswith("## "):
            request = line[3:]
        elif request and line.startswith("| ") and not line.startswith("| fault |"):
            found.append((request, *line[2:-2].split(" | ")))
    return found
