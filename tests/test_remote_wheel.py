"""Reading files on servers of every kind in parts."""

import io
import re
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_variants.remote_wheel import REFUSALS, NoParts, RemoteFile

PART = 1000


def archive(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name, content in files.items():
            written.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


SMALL = archive({"variant.json": b"{}"})
LARGE = archive({"first": b"1" * 50_000, "second": b"2" * 50_000, "variant.json": b"{}"})
MANY = archive({**{f"{number:04}": b"" for number in range(500)}, "variant.json": b"{}"})


class Server(ThreadingHTTPServer):
    """Has one file; `suffixes`, `parts` and `change` say how it behaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = LARGE
        self.suffixes = 206  # the status of an answer to them
        self.parts = 206
        self.says_length = True
        self.says_size = True
        self.change = lambda status, headers, body: (status, headers, body)
        self.asked: list[str] = []
        self.sent = 0

    def fetch(self, byte_range: str) -> object:
        url = f"http://127.0.0.1:{self.server_port}/"
        try:
            return urllib.request.urlopen(
                urllib.request.Request(url, headers={"Range": byte_range})
            )
        except HTTPError as error:
            if error.code in REFUSALS:
                return error
            error.close()
            raise

    def answer(self, byte_range: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(byte_range)
        size = len(self.content)
        ((first, last),) = re.findall(r"\Abytes=(\d*)-(\d+)\Z", byte_range)
        status = self.parts if first else self.suffixes
        if status == 206 and not size:
            status = 416
        if status == 206:
            start = int(first) if first else max(0, size - int(last))
            stop = min(size, int(last) + 1) if first else size
            body = self.content[start:stop]
            headers = {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        elif status == 200:
            body, headers = self.content, {}
        else:
            body, headers = b"no", {"Content-Range": f"bytes */{size}"} if self.says_size else {}
        if self.says_length:
            headers["Content-Length"] = str(len(body))
        return self.change(status, headers, body)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        status, headers, body = self.server.answer(self.headers["Range"])
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for start in range(0, len(body), 1000):
                self.wfile.write(body[start : start + 1000])
                self.server.sent += 1000
        except OSError:
            self.close_connection = True  # it was closed early

    def do_HEAD(self) -> None:
        raise AssertionError("it is not asked what it says of itself")

    def log_message(self, *_: object) -> None:
        pass


class Counted:
    def __init__(self, requests: int = 9, size: int = 10**6) -> None:
        self.requests, self.size = requests, size

    def spend(self, requests: int, size: int) -> None:
        self.requests -= requests
        self.size -= size
        if self.requests < 0 or self.size < 0:
            raise TimeoutError("too much")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def opened(server: Server, budget: Counted | None = None, whole: int = 5000) -> RemoteFile:
    return RemoteFile(server.fetch, budget.spend if budget else None, part=PART, whole=whole)


def variant_json(server: Server, budget: Counted | None = None, whole: int = 5000) -> bytes:
    with zipfile.ZipFile(opened(server, budget, whole)) as file:
        return file.read("variant.json")


# Servers that send parts


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_one_request_is_enough(server: Server, content: bytes) -> None:
    server.content = content
    budget = Counted()
    assert variant_json(server, budget) == b"{}"
    assert server.asked == [f"bytes=-{PART}"]
    assert (9 - budget.requests, 10**6 - budget.size) == (1, min(PART, len(content)))


def test_two_where_the_directory_is_large(server: Server) -> None:
    server.content = MANY
    budget = Counted()
    assert variant_json(server, budget) == b"{}"
    assert len(server.asked) == 2
    with zipfile.ZipFile(io.BytesIO(MANY)) as file:
        assert 10**6 - budget.size == len(MANY) - file.start_dir + PART


def test_what_is_not_read_is_not_fetched(server: Server) -> None:
    server.content = archive(
        {"variant.json": b"{}", "first": b"1" * 50_000, "second": b"2" * 50_000}
    )
    budget = Counted()
    assert variant_json(server, budget) == b"{}"
    assert server.asked == [f"bytes=-{PART}", f"bytes=0-{PART - 1}"]
    assert 10**6 - budget.size == 2 * PART


def test_all_of_it_is_read_once(server: Server) -> None:
    budget = Counted(200)
    file = opened(server, budget)
    file.seek(0)
    assert file.read() == LARGE
    assert 10**6 - budget.size == len(LARGE)
    file.seek(0)
    assert opened(server).readall() == LARGE


# Servers that send no end


@pytest.mark.parametrize("status", sorted(REFUSALS))
@pytest.mark.parametrize("says_size", [True, False])
def test_refused_ends(server: Server, status: int, says_size: bool) -> None:
    server.suffixes, server.says_size = status, says_size
    assert variant_json(server) == b"{}"
    asked = [f"bytes=-{PART}", f"bytes={len(LARGE) - PART}-{len(LARGE) - 1}"]
    assert server.asked == (asked if says_size else [asked[0], "bytes=0-0", asked[1]])


@pytest.mark.parametrize("says_length", [True, False])
def test_the_whole_file_instead_of_its_end(server: Server, says_length: bool) -> None:
    server.suffixes, server.says_length = 200, says_length
    assert variant_json(server) == b"{}"
    asked = [f"bytes=-{PART}", f"bytes={len(LARGE) - PART}-{len(LARGE) - 1}"]
    assert server.asked == (asked if says_length else [asked[0], "bytes=0-0", asked[1]])


# Servers that send no parts


@pytest.mark.parametrize("suffixes", [200, *sorted(REFUSALS)])
@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("says_size", [True, False])
def test_a_small_whole_file(
    server: Server, suffixes: int, says_length: bool, says_size: bool
) -> None:
    server.content, server.says_length, server.says_size = SMALL, says_length, says_size
    server.suffixes, server.parts = suffixes, 200
    assert variant_json(server, whole=len(SMALL)) == b"{}"
    with pytest.raises(NoParts, match="^it sends no parts of it$"):
        opened(server, whole=len(SMALL) - 1)


@pytest.mark.parametrize("suffixes", [200, *sorted(REFUSALS)])
@pytest.mark.parametrize("parts", [200, *sorted(REFUSALS)])
@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("says_size", [True, False])
def test_a_large_whole_file(
    server: Server, suffixes: int, parts: int, says_length: bool, says_size: bool
) -> None:
    server.content = b"0" * 10**7
    server.says_length, server.says_size = says_length, says_size
    server.suffixes, server.parts = suffixes, parts
    budget = Counted()
    with pytest.raises(NoParts):
        opened(server, budget)
    assert len(server.asked) <= 3
    assert budget.size >= 10**6 - 3 * 5000
    assert server.sent < 3 * 10**7


def test_an_empty_file(server: Server) -> None:
    server.content = b""
    assert opened(server).read() == b""
    assert server.asked == [f"bytes=-{PART}"]


def test_a_server_that_stops_to_send_parts(server: Server) -> None:
    file = opened(server)
    server.parts = 200
    file.seek(0)
    with pytest.raises(NoParts, match="^it does not send parts of it any more$"):
        file.read(1)


# Servers that send something else

SIZE = len(LARGE)
END = f"bytes {SIZE - PART}-{SIZE - 1}/{SIZE}"

WRONG: dict[str, tuple[dict[str, str | None], bytes, str]] = {
    "no range": ({"Content-Range": ""}, b"x" * PART, "it sent a part of it that it calls ''"),
    "another unit": ({"Content-Range": "lines 1-2/3"}, b"x", "calls 'lines 1-2/3'"),
    "no size": ({"Content-Range": f"bytes {SIZE - PART}-{SIZE - 1}/*"}, b"x" * PART, "calls"),
    "the beginning": ({"Content-Range": f"bytes 0-{PART}/{SIZE}"}, b"x" * (PART + 1), "calls"),
    "less": ({"Content-Range": f"bytes {SIZE - 9}-{SIZE - 1}/{SIZE}"}, b"x" * 9, "calls"),
    "more": (
        {"Content-Range": f"bytes {SIZE - PART - 1}-{SIZE - 1}/{SIZE}"},
        b"x" * (PART + 1),
        "calls",
    ),
    "fewer bytes": (
        {"Content-Range": END},
        b"x" * (PART - 1),
        "it sent another number of bytes than was asked for",
    ),
    "more bytes": (
        {"Content-Range": END},
        b"x" * (PART + 1),
        "it sent another number of bytes than was asked for",
    ),
    "more bytes, unsaid": (
        {"Content-Range": END, "Content-Length": None},
        b"x" * (PART + 1),
        "it sent more than the 1000 bytes that were asked for",
    ),
    "encoded": (
        {"Content-Range": END, "Content-Encoding": "gzip"},
        b"x" * PART,
        "it is sent in the encoding 'gzip'",
    ),
}


def changed(headers: dict[str, str | None], body: bytes):
    def change(status: int, before: dict[str, str], _: bytes) -> tuple[int, dict[str, str], bytes]:
        headers_now = {**before, "Content-Length": str(len(body)), **headers}
        return status, {name: text for name, text in headers_now.items() if text is not None}, body

    return change


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ends(server: Server, name: str) -> None:
    headers, body, complaint = WRONG[name]
    server.change = changed(headers, body)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        opened(server)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("said", "length"),
    [
        (f"bytes 0-{PART - 1}/{SIZE + 1}", PART),  # it is another file by now
        (f"bytes 1-{PART}/{SIZE}", PART),
        (f"bytes 0-{PART}/{SIZE}", PART + 1),
        (f"bytes 0-{PART - 2}/{SIZE}", PART - 1),
        (f"bytes 0-{PART - 1}/{SIZE}", PART - 1),
        (f"bytes 0-{PART - 1}/{SIZE}", PART + 1),
        ("", PART),
    ],
)
def test_wrong_parts(server: Server, said: str, length: int) -> None:
    file = opened(server)
    file.seek(0)
    server.change = changed({"Content-Range": said}, b"x" * length)
    with pytest.raises(ValueError, match="^it sent "):
        file.read(1)


@pytest.mark.parametrize("says_length", [True, False])
def test_a_part_that_is_cut_off(server: Server, says_length: bool) -> None:
    length = str(PART) if says_length else None
    server.change = changed({"Content-Range": END, "Content-Length": length}, b"x" * (PART - 1))
    with pytest.raises(OSError, match="^the last 1 bytes are missing$"):
        opened(server)


@pytest.mark.parametrize("status", [204, 203])
def test_another_status(server: Server, status: int) -> None:
    server.change = lambda _, headers, body: (status, headers, b"")
    with pytest.raises(ValueError, match=f"^it answered with HTTP status {status}$"):
        opened(server)


def test_what_fetching_raises_is_passed_on(server: Server) -> None:
    server.change = lambda _, headers, body: (404, headers, body)
    with pytest.raises(HTTPError, match="404"):
        opened(server)


# Budgets


@pytest.mark.parametrize("budget", [Counted(0), Counted(size=PART - 1)])
def test_a_budget_is_kept(server: Server, budget: Counted) -> None:
    with pytest.raises(TimeoutError, match="too much"):
        opened(server, budget)
    assert len(server.asked) <= 1


def test_a_budget_is_kept_while_reading(server: Server) -> None:
    file = opened(server, Counted(size=2 * PART))
    file.seek(0)
    assert file.read(10) == LARGE[:10]
    file.seek(PART)
    with pytest.raises(TimeoutError, match="too much"):
        file.read(1)


# The file


def test_it_is_a_file_to_be_read(server: Server) -> None:
    file = opened(server)
    assert file.readable()
    assert file.seekable()
    assert not file.writable()
    assert file.seek(-3, 2) == file.tell() == SIZE - 3
    assert file.seek(1, 1) == SIZE - 2
    assert file.read(9) == LARGE[-2:]
    assert file.read(9) == b""
    assert file.seek(9, 2) == SIZE + 9
    assert file.read(9) == b""
    with pytest.raises(OSError, match="negative seek position -1"):
        file.seek(-1)


class Sent:
    """An answer without a server."""

    def __init__(self, content: bytes, byte_range: str) -> None:
        ((first, last),) = re.findall(r"\Abytes=(\d*)-(\d+)\Z", byte_range)
        start = int(first) if first else max(0, len(content) - int(last))
        stop = int(last) + 1 if first else len(content)
        assert start < stop <= len(content)
        self.status = 206
        self.headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        self.read = io.BytesIO(content[start:stop]).read

    def close(self) -> None:
        pass


@given(
    st.binary(min_size=1),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 120), st.integers(-1, 120))),
)
def test_reading_in_parts_equals_reading(
    content: bytes, part: int, reads: list[tuple[int, int]]
) -> None:
    file = RemoteFile(lambda byte_range: Sent(content, byte_range), part=part)
    expected = io.BytesIO(content)
    for position, size in reads:
        file.seek(position)
        expected.seek(position)
        assert file.read(size) == expected.read(size)
        assert file.tell() == expected.tell()


@given(
    st.dictionaries(st.text("ab/", min_size=1), st.binary(max_size=200), max_size=5),
    st.integers(1, 500),
)
def test_any_archive_in_any_parts(files: dict[str, bytes], part: int) -> None:
    content = archive(files)
    with zipfile.ZipFile(
        RemoteFile(lambda byte_range: Sent(content, byte_range), part=part)
    ) as read:
        assert {name: read.read(name) for name in read.namelist()} == files
