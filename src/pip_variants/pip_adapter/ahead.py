"""Core metadata that a release's wheels have in common, asked for together with its variants.json.

pip asks for the metadata of a file once it is chosen, and that takes the variants.json: two
latencies in a row for every package. Where a page gives one hash for the metadata of all wheels
of a release, any of them can be asked for at once.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from pip._internal.models.link import Link
from pip._internal.network.utils import HEADERS

from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter.names import label_of

__all__ = ["ask"]


class _Answer(threading.Thread):
    """The answer to a request that is made in the background; for the first one who wants it."""

    def __init__(self, get: Callable[..., Any], url: str) -> None:
        super().__init__(daemon=True, name="pip-variants")
        self._get, self._url = get, url
        self._response: Any = None

    def run(self) -> None:
        with contextlib.suppress(Exception):
            self._response = self._get(self._url, headers=HEADERS, stream=True)

    def take(self) -> Any:
        """The response; None where pip has to ask by itself, and to deal with what comes."""
        with contextlib.suppress(RuntimeError):  # never started
            self.join()
        response, self._response = self._response, None
        return response if response is not None and response.status_code == 200 else None


_answers: dict[str, _Answer] = {}
_hosts: set[str] = set()


def ask(links: Sequence[Link], page: str, session: Any) -> None:
    """Ask for the metadata of a release's files, which a page lists, if they have one in common.

    Only what pip is going to want: a wheel that fits everywhere must be among them. And only from
    hosts where pip has been: another one may want a password.
    """
    wheels = [link for link in links if link.is_wheel]
    metadata = [link.metadata_link() for link in wheels]
    hashes = {one and tuple(sorted(one._hashes.items())) for one in metadata}
    urls = [one.url_without_fragment for one in metadata if one]
    if len(hashes) != 1 or not hashes.pop() or urls[0] in _answers:
        return
    if "get" not in vars(session):
        session.get = _from_answers(session.get)
    answer = _Answer(session.get.__wrapped__, urls[0])
    _answers.update(dict.fromkeys(urls, answer))
    host = urlsplit(urls[0]).netloc
    fits = any(label_of(link.filename) in (None, NULL_LABEL) for link in wheels)
    if fits and host in {*_hosts, urlsplit(page).netloc}:
        with contextlib.suppress(RuntimeError):  # no threads here
            answer.start()
    _hosts.add(host)


def _from_answers(get: Callable[..., Any]) -> Callable[..., Any]:
    """`PipSession.get`, which may have been called in the background already."""

    @wraps(get)
    def from_answers(url: str, **options: Any) -> Any:
        response = _answers[url].take() if url in _answers else None
        return get(url, **options) if response is None else response

    return from_answers
