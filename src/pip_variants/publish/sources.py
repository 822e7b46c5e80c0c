"""Where `verify` finds files: given wheels and folders, or the page of a project on an index."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, TypeAlias
from urllib.error import HTTPError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from pip_variants.errors import InvalidWheel, PipVariantsError, printable, shown
from pip_variants.remote_wheel import REFUSALS, RemoteFile

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_MAX_PAGE = 64 * 2**20
_MAX_WHOLE = 2**30  # of a file of which its server sends no parts, in memory


class LocalFiles:
    """Files given by their paths; of folders all that is in them.

    `names` are those of all files, sorted. `is_local`: all of a file can be read, and not only the
    ends of large ones. `is_complete`: these are all files of a release, and not only its wheels.
    `folder` is where commands that mend them work.
    """

    is_local = True

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises `InvalidWheel` for what is not there, or if there are no wheels."""
        self.is_complete = any(path.is_dir() for path in paths)
        self.folder = next((path if path.is_dir() else path.parent for path in paths), Path())
        self._files: dict[str, Path] = {}
        for path in paths:
            if not path.exists():
                raise InvalidWheel(f"there is no file {path}")
            found = path.iterdir() if path.is_dir() else [path]
            self._files.update((one.name, one) for one in found if one.is_file())
        self.names = sorted(self._files)
        if not any(name.endswith(".whl") for name in self.names):
            raise InvalidWheel(f"there are no wheels in {', '.join(map(str, paths))}")

    def open(self, name: str) -> IO[bytes]:
        """One of them. Raises `OSError`."""
        return self._files[name].open("rb")


class ProjectPage:
    """The files that a project's page lists (Simple repository API, HTML and JSON)."""

    is_local = False
    is_complete = True
    folder = Path("dist")  # that was published

    def __init__(self, url: str) -> None:
        """Read the page. Raises `InvalidWheel` if that fails, or if it lists no wheels."""
        with _naming(url), _answer(url, Accept=_ACCEPT) as answer:
            url = answer.url
            is_json = answer.headers.get_content_type().endswith("json")
            content = answer.read(_MAX_PAGE)
            if answer.length:
                raise ValueError(f"the last {answer.length} bytes are missing")
        where = printable(url, 200)
        self._urls: dict[str, str] = {}
        try:
            page = _Page(url)
            if not is_json:
                page.feed(content.decode("utf-8", "replace"))
            for file in json.loads(content)["files"] if is_json else page.files:
                self._urls[str(file["filename"])] = urljoin(url, file["url"])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            why = f"{where} is no page of a project, as .../simple/demo/ is: {shown(error)}"
            raise InvalidWheel(why) from None
        self.names = sorted(self._urls)
        if not any(name.endswith(".whl") for name in self.names):
            raise InvalidWheel(f"{where} lists no wheels: give the address of a project's page")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One of them; only what is read is fetched, if the server can. Raises `InvalidWheel`."""
        url = self._urls[name]

        def fetch(byte_range: str) -> Any:
            try:
                return _answer(url, Range=byte_range)
            except HTTPError as error:
                if error.code in REFUSALS:
                    return error
                raise

        with _naming(url):
            file: Any = RemoteFile(fetch, whole=_MAX_WHOLE)
            yield file


Source: TypeAlias = LocalFiles | ProjectPage


class _Page(HTMLParser):
    """A page in HTML; `files` as in JSON. Feeding it raises `ValueError`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.files: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = urljoin(self._url, dict(attrs).get("href") or "")
        if tag == "base":
            self._url = href
        elif tag == "a":
            url, _ = urldefrag(href)
            name = unquote(urlsplit(url).path.rpartition("/")[2])
            self.files.append({"filename": name, "url": url})


def _answer(url: str, **headers: str) -> HTTPResponse:
    if urlsplit(url).scheme not in ("http", "https"):  # a page must not make us read files
        raise InvalidWheel(f"{printable(url, 200)} is no http or https address")
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=30.0)  # noqa: S310
    return answer


@contextmanager
def _naming(url: str) -> Iterator[None]:
    """Turn what keeps a file from arriving into an error that names it."""
    try:
        yield
    except PipVariantsError:
        raise
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        status = ""
        if isinstance(error, HTTPError):
            error.close()  # it is the answer, too
            status = f"HTTP status {error.code}, "
        why = f"{status}{printable(str(reason), 200)}"
        raise InvalidWheel(f"{printable(url, 200)} cannot be read: {why}") from None
