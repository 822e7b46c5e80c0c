"""Index pages and candidates, up to the moment that a variant wheel turns up.

What follows then is in `links` and `ranking`; a run without variants never loads them.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from itertools import chain, islice
from typing import Any

from pip_variants.pip_adapter.gate import gate
from pip_variants.pip_adapter.names import label_of, notice

__all__ = ["build_package_finder", "evaluate_links", "found_candidates_init"]


def evaluate_links(original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """`PackageFinder.evaluate_links`: remember the metadata files of a page, which pip skips."""

    @wraps(original)
    def evaluate_links(self: Any, link_evaluator: Any, links: Iterable[Any]) -> list[Any]:
        metadata: list[Any] = []
        packages: list[Any] = []
        for link in links:
            # The whole URL first: taking it apart costs more, and most are no metadata.
            is_metadata = "-variants.json" in link.url and link.filename.endswith("-variants.json")
            (metadata if is_metadata else packages).append(link)
        if metadata or gate.problems:
            notice(link.filename for link in packages)
        candidates = original(self, link_evaluator, packages)
        if gate.seen:
            from pip_variants.pip_adapter.links import remember

            found = [one.link for one in candidates if label_of(one.link.filename) is not None]
            remember(metadata, found, self._link_collector.session)
        return candidates

    return evaluate_links


def found_candidates_init(original: Callable[..., None]) -> Callable[..., None]:
    """`FoundCandidates(get_infos, …)`: hand the resolver the files of a version in our order."""

    @wraps(original)
    def __init__(  # noqa: N807
        self: Any, get_infos: Callable[[], Iterator[Any]], installed: Any, *args: Any, **kw: Any
    ) -> None:
        original(self, partial(_in_order, get_infos, installed), installed, *args, **kw)
        if installed is not None and getattr(gate.options, "variant", None):
            from pip_variants.pip_adapter.report import installed_stays

            installed_stays(installed)

    return __init__


def build_package_finder(original: Callable[..., Any]) -> Callable[..., Any]:
    """`IndexCommand._build_package_finder`: `pip index versions` lists what can be installed."""

    @wraps(original)
    def build_package_finder(self: Any, *args: Any, **kw: Any) -> Any:
        finder = original(self, *args, **kw)
        find_all_candidates = finder.find_all_candidates

        def find_all_usable_candidates(project_name: str) -> list[Any]:
            candidates: list[Any] = find_all_candidates(project_name)
            if not gate.seen:
                return candidates
            from pip_variants.pip_adapter.ranking import without_unusable_versions

            return without_unusable_versions(candidates)

        finder.find_all_candidates = find_all_usable_candidates
        return finder

    return build_package_finder


def _in_order(get_infos: Callable[[], Iterator[Any]], installed: Any) -> Iterator[Any]:
    # A generator: what is installed may be enough, and then pip asks for no page either.
    infos = iter(get_infos())
    with gate.resolving():
        first = list(islice(infos, 1))
    if gate.seen:
        from pip_variants.pip_adapter.ranking import in_order

        yield from in_order(chain(first, infos), installed)
    else:
        yield from chain(first, infos)
