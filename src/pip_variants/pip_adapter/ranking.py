"""The order of one release's files: variants, then the null variant, then the other files.

pip's resolver visits versions from the newest on and makes candidates one at a time. What it is
given here looks the same, but the files of a version with variants are put in order when the
first of them is made, and not before: only versions that the resolver reaches cost a request.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial, wraps
from itertools import groupby
from logging import INFO
from operator import itemgetter
from typing import Any

from pip._internal.exceptions import InstallationError, PipError
from pip._internal.models.link import Link
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants.errors import InconsistentVariantMetadata
from pip_variants.model.metadata import VariantMetadata, combine_all
from pip_variants.model.names import NULL_LABEL
from pip_variants.model.ordering import Ordering, Rejection
from pip_variants.pip_adapter import report
from pip_variants.pip_adapter.gate import VERBOSE, gate, log
from pip_variants.pip_adapter.links import Unusable, metadata_of, source_of, source_rank
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.target import select_for_target

__all__ = [
    "compute_best_candidate",
    "in_order",
    "promise_of",
    "release_of",
    "sort_best_candidate",
]

_Info = tuple[Any, Callable[[], Any]]  # version, function that makes the candidate

_NOTHING = VariantMetadata(namespaces=(), variants={})  # all that a null variant needs

_ranked: dict[tuple[str, ...], tuple[int, ...]] = {}
_promises: dict[str, VariantMetadata] = {}
_releases: dict[str, tuple[str, str, Sequence[Link]]] = {}


def promise_of(link: Link) -> VariantMetadata | None:
    """The metadata by which a variant wheel was chosen; None if it was given directly."""
    return _promises.get(link.url)


def release_of(link: Link) -> tuple[str, str, Sequence[Link]] | None:
    """Name, version and files of the release with variants that a file belongs to."""
    return _releases.get(link.url)


def sort_best_candidate(original: Callable[..., Any]) -> Callable[..., Any]:
    """`CandidateEvaluator.sort_best_candidate`, for those who want the best file at once."""

    @wraps(original)
    def sort_best_candidate(self: Any, candidates: list[Any]) -> Any:
        if gate.is_resolving:
            return original(self, candidates)
        try:
            return _best(self, candidates, partial(original, self))[0]
        except InstallationError as error:
            # Asked by `pip list --outdated`, for which one package must not hide the others.
            report.unknown(candidates[0].name, str(error))
            return None

    return sort_best_candidate


def compute_best_candidate(original: Callable[..., Any]) -> Callable[..., Any]:
    """`CandidateEvaluator.compute_best_candidate`: leave out versions of which no file fits."""

    @wraps(original)
    def compute_best_candidate(self: Any, candidates: list[Any]) -> Any:
        if gate.is_resolving:
            return original(self, candidates)
        applicable = self.get_applicable_candidates(candidates)
        unfit = _best(self, applicable, partial(max, key=self._sort_key, default=None))[1]
        # Not from all candidates: pip would look at what is left and admit pre-releases.
        self.get_applicable_candidates = lambda _: [one for one in applicable if one not in unfit]
        try:
            return original(self, candidates)
        finally:
            del self.get_applicable_candidates

    return compute_best_candidate


def in_order(infos: Iterable[_Info]) -> Iterator[_Info]:
    """What the resolver gets instead of `infos`: as many for each version, in our order."""
    for version, group in groupby(infos, key=itemgetter(0)):
        files = list(group)
        if any(label_of(_link(make).filename) for _, make in files):
            order = cache(partial(_places, files))  # once, when the first of them is made
            for place in range(len(files)):
                yield version, partial(_make, files, order, place)
        else:
            yield from files


def _make(files: list[_Info], order: Callable[[], tuple[int, ...]], place: int) -> Any:
    return files[order()[place]][1]() if place < len(order()) else None


def _places(files: list[_Info]) -> tuple[int, ...]:
    version, make = files[0]
    links = [_link(make) for _, make in files]
    hashes = make.keywords["template"].hashes(trust_internet=False)  # type: ignore[attr-defined]
    return _rank(str(make.keywords["name"]), str(version), links, hashes)  # type: ignore[attr-defined]


def _link(make: Callable[[], Any]) -> Link:
    link: Link = make.keywords["link"]  # type: ignore[attr-defined]
    return link


def _best(
    evaluator: Any, candidates: list[Any], pips_best: Callable[[list[Any]], Any]
) -> tuple[Any, list[Any]]:
    """The best file that fits, and the files that pip prefers to it and that do not fit."""
    unfit: list[Any] = []
    remaining = list(candidates)
    while (best := pips_best(remaining)) is not None:
        # What pip's order puts before the tags stays before the variants.
        rank = evaluator._sort_key(best)[:4]
        release = [one for one in remaining if evaluator._sort_key(one)[:4] == rank]
        if not any(label_of(one.link.filename) for one in release):
            return best, unfit
        release.sort(key=evaluator._sort_key, reverse=True)
        links = [one.link for one in release]
        name = canonicalize_name(best.name)
        order = _rank(name, str(best.version), links, evaluator._hashes, VERBOSE)
        if order:
            return release[order[0]], unfit
        unfit += release
        remaining = [one for one in remaining if one not in release]
    return None, unfit


def _rank(
    name: str, version: str, links: Sequence[Link], hashes: Any, level: int = INFO
) -> tuple[int, ...]:
    """The places of the links that can be used, best first; decided and reported once.

    `links` are in pip's order: by platform tags, then build tag, the source distribution last.
    """
    key = tuple(link.url for link in links)
    if key not in _ranked:
        what = f"{name} {version}"
        try:
            _ranked[key] = _decide(name, version, links, hashes, level)
        except PipError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not break pip
            log.debug("could not order the variants of %s", what, exc_info=True)
            report.ignored(what, f"internal error: {type(error).__name__}: {error}")
            plain = (place for place, link in enumerate(links) if label_of(link.filename) is None)
            _ranked[key] = tuple(plain)
    return _ranked[key]


def _decide(
    name: str, version: str, links: Sequence[Link], hashes: Any, level: int
) -> tuple[int, ...]:
    ordering, sources = _order(name, version, links)
    places = {variant.label: place for place, variant in enumerate(ordering.best_first)}
    usable = []
    for place, link in enumerate(links):
        label = label_of(link.filename)
        # pip prefers files with an allowed hash to files without any.
        unverified = bool(hashes) and not link.is_hash_allowed(hashes)
        if label is None:
            usable.append((unverified, len(places), place))
        elif label in places and (source := source_of(link)) in sources:
            # Where only the content can tell, pip would have tried the file without label.
            usable.append((unverified, len(places) + 1 if unverified else places[label], place))
            _promises[link.url] = sources[source]
    _releases.update(dict.fromkeys((link.url for link in links), (name, version, links)))
    order = tuple(place for *_, place in sorted(usable))
    files = [links[place] for place in order]
    report.decided(f"{name} {version}", ordering, files, level, hashes=bool(hashes))
    return order


def _order(
    name: str, version: str, links: Sequence[Link]
) -> tuple[Ordering, dict[str, VariantMetadata]]:
    """The order of the labels, and the sources whose wheels it is for with their metadata."""
    by_source: dict[str, list[Link]] = {}
    for link in links:
        if label_of(link.filename) is not None:
            by_source.setdefault(source_of(link), []).append(link)
    usable: dict[str, VariantMetadata] = {}
    labels: dict[str, set[str]] = {}
    ordering = Ordering()
    rejected: list[Rejection] = []
    for source in sorted(by_source, key=source_rank):
        labels[source] = {str(label_of(link.filename)) for link in by_source[source]}
        metadata = _NOTHING
        if labels[source] != {NULL_LABEL}:
            try:
                metadata = metadata_of(name, version, by_source[source])
            except Unusable as error:
                report.ignored(f"{name} {version}", str(error))
                labels[source] &= {NULL_LABEL}
        of_source = select_for_target(f"{name} {version}", metadata, labels[source])
        rejected += of_source.rejected
        if of_source.best_first:
            usable[source] = metadata
            ordering = ordering if ordering.best_first else of_source
    if len(usable) > 1:
        try:
            combined = combine_all(usable)
        except InconsistentVariantMetadata as error:
            first = next(iter(usable))
            report.sources_differ(f"{name} {version}", first, str(error))
            usable = {first: usable[first]}
        else:
            every = set().union(*(labels[source] for source in usable))
            ordering = select_for_target(f"{name} {version}", combined, every)
    return Ordering(ordering.best_first, tuple(rejected), ordering.supported), usable
