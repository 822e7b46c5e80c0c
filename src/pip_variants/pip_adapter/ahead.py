"""Core metadata that a release's wheels have in common, asked for together with its variants.json.

pip asks for the metadata of a file once it is chosen, and that takes the variants.json: two
latencies in a row for every package. Where a page gives one hash for the metadata of all wheels
of a release, any of them can be asked for at once.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import cache, partial, wraps
from typing import Any
from urllib.parse import urlsplit

from pip._internal.models.link import Link
from pip._internal.network.utils import HEADERS
from pip._vendor.requests import Request

from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter.links import session_of, source_of
from pip_variants.pip_adapter.names import label_of

__all__ = ["ask"]

_PATIENCE = 1.0  # seconds after the variants.json


class _Answer(threading.Thread):
    """The answer to a request that is made in the background; for the first one who wants it."""

    is_wanted = True

    def __init__(self, send: Callable[[], Any]) -> None:
        super().__init__(daemon=True, name="pip-variants")
        self._send = send
        self._response: Any = None

    def run(self) -> None:
        with contextlib.suppress(Exception):
            self._response = self._send()

    def take(self) -> Any:
        """The response; None where pip has to ask by itself, and to deal with what comes."""
        self.is_wanted = False
        self.join(_PATIENCE)
        if self._response is not None and self._response.status_code == 200:
            return self._response
        _failed.append(self)
        return None


_answers: dict[str, _Answer] = {}
_first: dict[str, str] = {}
"""Host -> the metadata of its first release, which pip asks for by itself."""
_failed: list[_Answer] = []
"""One is enough to let it be: there are servers with one connection at a time."""


def ask(links: Sequence[Link]) -> None:
    """Ask for the metadata of a release's files, if they have one in common.

    Only what pip is going to want: a wheel that fits everywhere must be among them. And not for the
    first release of a host: a second connection takes longer than it saves there.
    """
    wheels = [link for link in links if link.is_wheel]
    pages = {source_of(link) for link in links}
    metadata = wheels[0].metadata_link() if wheels and len(pages) == 1 else None
    if metadata is None or not metadata._hashes or _failed:
        return
    url = metadata.url_without_fragment
    if url in _answers or url == _first.setdefault(urlsplit(url).netloc, url):
        return
    every = [link.metadata_link() for link in wheels]
    fits = any(label_of(link.filename) in (None, NULL_LABEL) for link in wheels)
    if fits and all(one and one._hashes == metadata._hashes for one in every):
        session = session_of(pages.pop())
        if "get" not in vars(session):
            session.get = _from_answers(session.get)
        answer = _Answer(_sender(url, session))
        answer.start()
        _answers.update((one.url_without_fragment, answer) for one in every if one)


def _from_answers(get: Callable[..., Any]) -> Callable[..., Any]:
    """`PipSession.get`, which may have been called in the background already."""

    @wraps(get)
    def from_answers(url: str, *args: Any, **options: Any) -> Any:
        answer = _answers.get(url)
        response = answer.take() if answer and answer.is_wanted else None
        return get(url, *args, **options) if response is None else response

    return from_answers


def _sender(url: str, session: Any) -> Callable[[], Any]:
    """What `PipSession.get` does, without redirects, and without asking for a password."""
    request = session.prepare_request(Request("GET", url, HEADERS))
    settings = session.merge_environment_settings(url, session.proxies, True, None, None)
    adapter = _with_own_connections(session.get_adapter(url))
    return partial(adapter.send, request, timeout=session.timeout, **settings)


@cache
def _with_own_connections(adapter: Any) -> Any:
    """An adapter of pip again: what waits here holds no connection that pip wants for something."""
    twin = object.__new__(type(adapter))
    no_retries = adapter.max_retries.new(total=0)
    vars(twin).update({**vars(adapter), "proxy_manager": {}, "max_retries": no_retries})
    twin.init_poolmanager(adapter._pool_connections, adapter._pool_maxsize, adapter._pool_block)
    return twin
