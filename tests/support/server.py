"""A package index on loopback that counts requests and can be told to misbehave."""

import base64
import hashlib
import io
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit


@dataclass
class Reply:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    send: Callable[[BaseHTTPRequestHandler, bytes, bytes], None] | None = None
    """Sends head and body in another way than HTTP wants."""


class Index:
    """Serves a folder per project below `/simple/`; every file in it is listed.

    `pages` is "html" or "json". `replies` maps a path (or its last part) to what is answered
    instead, `attributes` maps a file name to further keys of its entry.
    As a forward proxy it answers for every host.
    """

    def __init__(self, root: Path, pages: str = "html") -> None:
        self.root = root
        self.pages = pages
        self.hashes = True
        self.metadata = False  # PEP 658
        self.ranges = True
        self.replies: dict[str, Reply | Callable[[], Reply]] = {}
        self.attributes: dict[str, dict[str, Any]] = {}
        self.credentials = ""  # "user:password", asked for with status 401
        self.headers: dict[str, str] = {}  # of every reply
        self.etags = False
        self.faults: dict[tuple[str, str], Callable[[Reply], Reply]] = {}
        """Method ("PARTS" for a range) and last part of the path -> what becomes of the reply."""
        self.requests: list[str] = []
        self.answers: list[tuple[str, int]] = []  # last part of the path, status
        self.asked: list[Any] = []  # the headers of each request
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else every answer on a kept connection waits 40 ms

            def do_GET(self) -> None:
                index.requests.append(f"{self.command} {urlsplit(self.path).path}")
                index.asked.append(self.headers)
                path = unquote(urlsplit(self.path).path)
                reply = index._allowed(self.headers) or index._answer(path, self.headers)
                reply = index._tagged(reply, self.headers) if index.etags else reply
                last = path.rstrip("/").rpartition("/")[2]
                method = "PARTS" if "Range" in self.headers else self.command
                if fault := index.faults.get((method, last)):
                    reply = fault(reply)
                index.answers.append((last, reply.status))
                wire, self.wfile = self.wfile, io.BytesIO()
                self.send_response(reply.status)
                length = str(len(reply.body))
                headers = {"Content-Length": length, **index.headers, **reply.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                head, self.wfile = self.wfile.getvalue(), wire
                body = b"" if self.command == "HEAD" else reply.body
                if reply.send is None:
                    self.wfile.write(head)
                    self.wfile.write(body)
                else:
                    reply.send(self, head, body)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *arguments: Any) -> None:
                if not isinstance(
                    sys.exc_info()[1], ConnectionError
                ):  # a client that has seen enough
                    super().handle_error(*arguments)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> "Index":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def files(self, ending: str) -> list[str]:
        """Names of requested files that end so, in order."""
        paths = (request.partition(" ")[2] for request in self.requests)
        return [path.rpartition("/")[2] for path in paths if path.endswith(ending)]

    def _allowed(self, headers: Any) -> Reply | None:
        """The refusal of a request without the right credentials."""
        expected = "Basic " + base64.b64encode(self.credentials.encode()).decode()
        if not self.credentials or headers.get("Authorization") == expected:
            return None
        return Reply(b"who are you?", 401, {"WWW-Authenticate": 'Basic realm="index"'})

    @staticmethod
    def _tagged(reply: Reply, headers: Any) -> Reply:
        """The reply with an ETag; without its body if the client has it already."""
        if reply.status != 200:
            return reply
        tag = f'"{hashlib.sha256(reply.body).hexdigest()}"'
        if headers.get("If-None-Match") == tag:
            return Reply(status=304, headers={"ETag": tag})
        return Reply(reply.body, 200, {**reply.headers, "ETag": tag})

    def _answer(self, path: str, headers: Any) -> Reply:
        last = path.rstrip("/").rpartition("/")[2]
        reply = self.replies.get(path) or self.replies.get(last)
        if reply is not None:
            return reply if isinstance(reply, Reply) else reply()
        folder = self.root / path.removeprefix("/simple/").strip("/")
        if path.endswith("/") and folder.is_dir() and folder != self.root:
            return self._page(folder)
        if path.endswith(".metadata") and self.metadata:
            return Reply(metadata_of(folder.with_suffix("")))
        if folder.is_file():
            return self._file(folder.read_bytes(), headers.get("Range"))
        return Reply(b"not here", 404)

    def _file(self, content: bytes, wanted: str | None) -> Reply:
        headers = {"Content-Type": "application/octet-stream"}
        if not self.ranges:
            return Reply(content, 200, headers)
        headers["Accept-Ranges"] = "bytes"
        if not wanted or not wanted.startswith("bytes="):
            return Reply(content, 200, headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        end = min(int(last), len(content) - 1) if first and last else len(content) - 1
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        return Reply(content[start : end + 1], 206, headers)

    def _page(self, folder: Path) -> Reply:
        files = [self._entry(path) for path in sorted(folder.iterdir()) if path.is_file()]
        if self.pages == "json":
            page = {
                "meta": {"api-version": "1.1"},
                "name": folder.name,
                "versions": [],
                "files": files,
            }
            return Reply(
                json.dumps(page).encode(),
                headers={"Content-Type": "application/vnd.pypi.simple.v1+json"},
            )
        lines = [_anchor(entry) for entry in files]
        body = "<!DOCTYPE html><html><body>\n" + "\n".join(lines) + "\n</body></html>"
        return Reply(body.encode(), headers={"Content-Type": "text/html"})

    def _entry(self, path: Path) -> dict[str, Any]:
        entry: dict[str, Any] = {"filename": path.name, "url": quote(path.name), "hashes": {}}
        if self.hashes:
            entry["hashes"] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        if self.metadata and path.suffix == ".whl":
            digest = hashlib.sha256(metadata_of(path)).hexdigest()
            entry["core-metadata"] = {"sha256": digest}
        return {**entry, **self.attributes.get(path.name, {})}


def _anchor(entry: dict[str, Any]) -> str:
    fragment = "".join(f"#{name}={value}" for name, value in entry["hashes"].items())
    attributes = ""
    if "core-metadata" in entry:
        digest = entry["core-metadata"]["sha256"]
        attributes += (
            f' data-core-metadata="sha256={digest}" data-dist-info-metadata="sha256={digest}"'
        )
    if "requires-python" in entry:
        attributes += f' data-requires-python="{escape(entry["requires-python"])}"'
    if entry.get("yanked"):
        attributes += f' data-yanked="{escape(str(entry["yanked"]))}"'
    return f'<a href="{entry["url"]}{fragment}"{attributes}>{entry["filename"]}</a><br>'


def metadata_of(wheel: Path) -> bytes:
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name)
