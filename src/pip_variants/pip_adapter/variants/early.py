"""Core metadata that a release's wheels have in common, asked for together with its variants.json.

Otherwise pip asks for it once a file is chosen: two latencies in a row for every package.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial, wraps
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from pip._internal.models.link import Link
from pip._internal.network.utils import HEADERS
from pip._vendor.requests import Request

from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.sources import source_of, url_of_source

_PATIENCE = 1.0  # seconds after the variants.json; then pip asks by itself


class Early:
    """The requests of this run that are sent before pip asks."""

    def __init__(self) -> None:
        # By address, where the response is going to be for the first one who wants it.
        self._answers: dict[str, SimpleQueue[Any]] = {}
        # By host, the metadata of its first release, which pip asks for by itself.
        self._first: dict[str, str] = {}
        self._asked: set[str] = set()
        self._adapters: dict[int, Any] = {}
        # Once is enough to let it be: there are servers with one connection at a time.
        self._has_failed = False

    def ask(self, links: Sequence[Link]) -> None:
        """Ask for the metadata of a release's files, if they have one in common.

        Only what pip is going to want: a wheel that fits everywhere must be among them. And not
        for the first release of a host: a second connection takes longer than it saves there.
        """
        wheels = [link for link in links if link.is_wheel]
        pages = {url_of_source(link) for link in links}
        metadata = wheels[0].metadata_link() if wheels and len(pages) == 1 else None
        if metadata is None or not metadata._hashes or self._has_failed:
            return
        url = metadata.url_without_fragment
        if url in self._asked or url == self._first.setdefault(urlsplit(url).netloc, url):
            return
        every = [link.metadata_link() for link in wheels]
        run = current()
        fits = any(run.label_of(link.filename) in (None, NULL_LABEL) for link in wheels)
        if fits and all(one and one._hashes == metadata._hashes for one in every):
            session = source_of(wheels[0]).session
            if "get" not in vars(session):
                session.get = _from_answers(session.get)
            answer: SimpleQueue[Any] = SimpleQueue()
            receive = partial(_receive, self._sender(url, session), answer)
            threading.Thread(
                target=copy_context().run, args=(receive,), daemon=True, name="pip-variants"
            ).start()
            self._asked.add(url)
            self._answers.update((one.url_without_fragment, answer) for one in every if one)

    def take(self, url: str) -> Any:
        """The response to a request that was sent already; None where pip has to send it."""
        if (answer := self._answers.get(url)) is None:
            return None
        self._answers = {one: other for one, other in self._answers.items() if other != answer}
        with contextlib.suppress(Empty):
            response = answer.get(timeout=_PATIENCE)
            if response is not None and response.status_code == 200:
                return response
        self._has_failed = True
        return None

    def _sender(self, url: str, session: Any) -> Callable[[], Any]:
        """What `PipSession.get` does, without redirects, and without asking for a password."""
        request = session.prepare_request(Request("GET", url, HEADERS))
        settings = session.merge_environment_settings(url, session.proxies, True, None, None)
        adapter = session.get_adapter(url)
        own = self._adapters.setdefault(id(adapter), _with_own_connections(adapter))
        return partial(own.send, request, timeout=session.timeout, **settings)


def ask(links: Sequence[Link]) -> None:
    """Ask for what pip is going to want of these files; it saves time and does nothing else."""
    run = current()
    run.early = run.early or Early()
    with contextlib.suppress(Exception):
        run.early.ask(links)


def _receive(send: Callable[[], Any], answer: "SimpleQueue[Any]") -> None:
    response = None
    with contextlib.suppress(Exception):
        response = send()
    answer.put(response)


def _from_answers(get: Callable[..., Any]) -> Callable[..., Any]:
    """`PipSession.get`, which may have been called in the background already."""

    @wraps(get)
    def from_answers(url: str, *args: Any, **options: Any) -> Any:
        early = current().early
        response = early.take(url) if early else None
        return get(url, *args, **options) if response is None else response

    return from_answers


def _with_own_connections(adapter: Any) -> Any:
    """An adapter of pip again: what waits here holds no connection that pip wants for something."""
    twin = object.__new__(type(adapter))
    no_retries = adapter.max_retries.new(total=0)
    vars(twin).update({**vars(adapter), "proxy_manager": {}, "max_retries": no_retries})
    twin.init_poolmanager(adapter._pool_connections, adapter._pool_maxsize, adapter._pool_block)
    return twin
