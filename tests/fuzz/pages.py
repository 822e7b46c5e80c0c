"""An index page in pip: what pip's finder and the adapter make of it, without a network.

Stock pip is the yardstick: what it cannot read is its own affair, and the files without label must
be the same with and without us.
"""

import logging
import traceback
from functools import partial
from types import SimpleNamespace
from typing import Any

from fuzz.targets import ASKER, CHOICES, fit_for_a_terminal
from pip._internal.exceptions import PipError
from pip._internal.index.collector import IndexContent, LinkCollector, parse_links
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.models.target_python import TargetPython
from pip._internal.resolution.resolvelib.found_candidates import FoundCandidates
from pip._internal.utils.hashes import Hashes
from pip._vendor.requests.exceptions import RequestException

from pip_variants.pip_adapter.explain import Explain, _Decided
from pip_variants.pip_adapter.hook.attach import attach
from pip_variants.pip_adapter.hook.run import VERBOSE, Run, during, entered
from pip_variants.pip_adapter.variants import candidates
from pip_variants.pip_adapter.variants.target import Target

URL = "https://index.invalid/simple/demo/"
THIS_PYTHON = TargetPython()  # keeps its tags, which take long to make


class Session:
    """An index that gives the same answer to everything."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def get(self, url: str, **_: object) -> SimpleNamespace:
        if not url.startswith("https:"):
            raise RequestException(f"no connection to {url}")
        return SimpleNamespace(
            url=url,
            status_code=200,
            headers={"Content-Length": len(self.answer)},
            raise_for_status=lambda: None,
            iter_content=lambda size: iter([self.answer]),
            close=lambda: None,
        )

    def get_adapter(self, url: str) -> None:
        return None

    def prepare_request(self, request: object) -> object:
        return request

    def head(self, url: str, **_: object) -> None:
        raise RequestException("the index serves no parts")


class Said(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        fit_for_a_terminal(record.getMessage())


_said = Said(VERBOSE)


class _Target(Target):
    """Answers without a process."""

    supported = ASKER.supported

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.choices = CHOICES
        self.supported_in = ASKER.supported_in
        self.warm_up = lambda: None


def _candidates(page: IndexContent, session: Any) -> tuple[PackageFinder, list]:
    finder = PackageFinder.create(
        link_collector=LinkCollector(session, SearchScope([], [], no_index=False)),
        selection_prefs=SelectionPreferences(allow_yanked=True),
        target_python=THIS_PYTHON,
    )
    found = finder.evaluate_links(finder.make_link_evaluator("demo"), list(parse_links(page)))
    return finder, found


def check(listing: bytes, answer: bytes) -> None:
    kind = "application/vnd.pypi.simple.v1+json" if listing[:1] == b"{" else "text/html"
    page = IndexContent(listing, kind, None, URL, cache_link_parsing=False)
    attach()
    with entered(Run()), during("is_shut"):
        try:
            stock = _candidates(page, Session(answer))[1]
        except Exception:  # whatever it is, it is pip's
            return
    log = logging.getLogger("pip_variants")
    log.addHandler(_said)
    level = log.level
    log.setLevel(VERBOSE)
    try:
        with entered(Run()) as run:
            run.target = _Target(run)
            _check_with_variants(run, page, Session(answer), stock)
    finally:
        log.setLevel(level)
        log.removeHandler(_said)


def _check_with_variants(run: Run, page: IndexContent, session: Session, stock: list) -> None:
    try:
        finder, found = _candidates(page, session)
    except Exception as error:
        if "pip_variants" in traceback.extract_tb(error.__traceback__)[-1].filename:
            raise
        return  # pip looks at a file with a label only now, and would stumble over any such
    plain = [one.link.url for one in found if run.label_of(one.link.filename) is None]
    assert plain == [one.link.url for one in stock]
    for hashes in (Hashes(), Hashes({"sha256": ["0" * 64]})):
        _resolved(found, hashes)
        try:
            finder.make_candidate_evaluator("demo", hashes=hashes).compute_best_candidate(found)
        except PipError as error:
            fit_for_a_terminal(str(error))
    try:
        candidates.without_unusable_versions(found)
    except PipError as error:
        fit_for_a_terminal(str(error))
    _explained(found)


def _resolved(found: list, hashes: Hashes) -> None:
    """What the resolver is handed: as many files as there are, each at most once."""
    try:
        made = [one for one in _found(found, hashes)]
    except PipError as error:
        fit_for_a_terminal(str(error))
        return
    assert len(made) <= len(found)


def _explained(found: list) -> None:
    """What `pip-variants explain` makes of the files."""
    explain: Any = SimpleNamespace(_failures=[], _warnings=[], _refused={})
    finder = SimpleNamespace(find_all_candidates=lambda name: found)
    requirements = [SimpleNamespace(req=SimpleNamespace(name="demo"))]
    try:
        Explain._decide(explain, finder, lambda *_: _found(found, Hashes()), requirements)
    except _Decided as decided:
        for one in decided.args[0]["files"]:
            fit_for_a_terminal(one["reason"])
    except PipError as error:
        fit_for_a_terminal(str(error))


def _found(found: list, hashes: Hashes) -> FoundCandidates:
    template = SimpleNamespace(hashes=lambda trust_internet: hashes)

    def make(link, template, name, version):
        return link

    infos = [
        (
            one.version,
            partial(make, link=one.link, template=template, name="demo", version=one.version),
        )
        for one in found
    ]
    return FoundCandidates(lambda: iter(infos), None, True, set())
