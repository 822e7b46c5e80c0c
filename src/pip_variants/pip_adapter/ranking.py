"""The order of one release's files: variants, then the null variant, then the other files.

pip's resolver visits versions from the newest on and makes candidates one at a time. What it is
given here looks the same, but the files of a version with variants are put in order when the
first of them is made, and not before: only versions that the resolver reaches cost a request.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial, wraps
from itertools import groupby
from logging import INFO
from operator import itemgetter
from typing import Any

from pip._internal.exceptions import InstallationError, PipError
from pip._internal.models.link import Link
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version

from pip_variants import reasons
from pip_variants.errors import InconsistentVariantMetadata
from pip_variants.model.abi import AbiDependency, abi_dependencies
from pip_variants.model.metadata import VariantMetadata, combine_all
from pip_variants.model.names import NULL_LABEL
from pip_variants.model.ordering import Ordering, Rejection
from pip_variants.pip_adapter import ahead, report
from pip_variants.pip_adapter.gate import VERBOSE, gate, log
from pip_variants.pip_adapter.links import Unusable, metadata_of, source_of, source_rank
from pip_variants.pip_adapter.names import label_of
from pip_variants.pip_adapter.options import label_for, target
from pip_variants.pip_adapter.target import select_for_target

__all__ = [
    "compute_best_candidate",
    "decided",
    "in_order",
    "promise_of",
    "release_of",
    "sort_best_candidate",
    "without_unusable_versions",
]

_Info = tuple[Any, Callable[[], Any]]  # version, function that makes the candidate

_NOTHING = VariantMetadata(namespaces=(), variants={})  # all that a null variant needs

_ranked: dict[tuple[str, ...], tuple[int, ...]] = {}
_promises: dict[str, VariantMetadata] = {}
_releases: dict[str, tuple[str, str, Sequence[Link]]] = {}

decided: dict[tuple[str, str], tuple[Ordering, Sequence[Link]]] = {}
"""Name and version of a release with variants -> the order of its labels, its files best first."""


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
        if gate.now.is_resolving:
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
        if gate.now.is_resolving:
            return original(self, candidates)
        applicable = self.get_applicable_candidates(candidates)
        unfit = {id(one) for one in _best(self, applicable, itemgetter(0))[1]}
        # Not from all candidates: pip would look at what is left and admit pre-releases.
        self.get_applicable_candidates = lambda _: [
            one for one in applicable if id(one) not in unfit
        ]
        try:
            return original(self, candidates)
        finally:
            del self.get_applicable_candidates

    return compute_best_candidate


def without_unusable_versions(candidates: list[Any]) -> list[Any]:
    """The candidates but for those of versions that have variants only, of which none fits."""
    by_version: dict[Any, list[Any]] = {}
    for one in candidates:
        by_version.setdefault(one.version, []).append(one)

    def is_usable(version: Any) -> bool:
        links = [one.link for one in by_version[version]]
        if any(label_of(link.filename) in (None, NULL_LABEL) for link in links):
            return True
        name = canonicalize_name(by_version[version][0].name)
        return bool(_rank(name, str(version), links, None, VERBOSE))

    usable = {version for version in by_version if is_usable(version)}
    return [one for one in candidates if one.version in usable]


class _OtherBuild(Version):
    """A version that is equal to no other: pip tries one file of each version, and then the next.

    A file that is bound to other releases of another package counts like one of another version.
    """

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def in_order(infos: Iterable[_Info], installed: Any) -> Iterator[_Info]:
    """What the resolver gets instead of `infos`: as many for each version, in our order.

    `installed` is pip's candidate for what is installed, which it wants no other build of.
    """
    for version, group in groupby(infos, key=itemgetter(0)):
        files = list(group)
        if any(label_of(_link(make).filename) or label_for(_name(make)) for _, make in files):
            builds = _Builds(files)
            is_installed = installed is not None and installed.version == version
            for place in range(len(files)):
                is_other = place > 0 and not is_installed and isinstance(version, Version)
                own = _OtherBuild(str(version)) if is_other else version
                yield own, partial(builds.make, place)
        else:
            yield from files


class _Builds:
    """The files of one version; put in order when the first of them is made."""

    def __init__(self, files: list[_Info]) -> None:
        self._files = files
        self._order = cache(partial(_places, files))
        self._made: dict[tuple[AbiDependency, ...], int] = {}

    def make(self, place: int) -> Any:
        """The candidate of the file at this place; None if there is none, or no need for one.

        There is no need for two that are bound to the same releases of the same packages.
        """
        if place >= len(self._order()):
            return None
        _, make = self._files[self._order()[place]]
        bound = _bound(_link(make))
        if self._made.get(bound, place) < place:
            return None
        candidate = make()
        if candidate is not None:
            self._made[bound] = place
        return candidate


def _bound(link: Link) -> tuple[AbiDependency, ...]:
    label, promise = label_of(link.filename), _promises.get(link.url)
    variant = promise.variants.get(label) if promise and label else None
    return abi_dependencies(variant, promise) if variant and promise else ()


def _places(files: list[_Info]) -> tuple[int, ...]:
    version, make = files[0]
    links = [_link(make) for _, make in files]
    hashes = make.keywords["template"].hashes(trust_internet=False)  # type: ignore[attr-defined]
    if not hashes and not label_for(_name(make)):
        with contextlib.suppress(Exception):  # it saves time and does nothing else
            ahead.ask(links)
    return _rank(_name(make), str(version), links, hashes)


def _name(make: Callable[[], Any]) -> str:
    return str(make.keywords["name"])  # type: ignore[attr-defined]


def _link(make: Callable[[], Any]) -> Link:
    link: Link = make.keywords["link"]  # type: ignore[attr-defined]
    return link


def _best(
    evaluator: Any, candidates: list[Any], pips_best: Callable[[list[Any]], Any]
) -> tuple[Any, list[Any]]:
    """The best file that fits, and the files that pip prefers to it and that do not fit."""
    unfit: list[Any] = []
    best_first = sorted(candidates, key=evaluator._sort_key, reverse=True)
    # What pip's order puts before the tags stays before the variants.
    for _, group in groupby(best_first, key=lambda one: evaluator._sort_key(one)[:4]):
        release = list(group)
        best = pips_best(release)
        name = canonicalize_name(best.name)
        if not label_for(name) and not any(label_of(one.link.filename) for one in release):
            return best, unfit
        links = [one.link for one in release]
        order = _rank(name, str(best.version), links, evaluator._hashes, VERBOSE)
        if order:
            return release[order[0]], unfit
        unfit += release
    return None, unfit


def _rank(
    name: str, version: str, links: Sequence[Link], hashes: Any, level: int = INFO
) -> tuple[int, ...]:
    """The places of the links that can be used, best first; decided and reported once.

    `links` are in pip's order: by platform tags, then build tag, the source distribution last.
    """
    key = (target(), *(link.url for link in links))
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
    if wanted := label_for(name):
        order = _narrowed(f"{name} {version}", wanted, ordering, links, order)
    files = [links[place] for place in order]
    bound = {str(one) for link in files for package in _bound(link) for one in package.requirements}
    decided[name, version] = ordering, files
    report.decided(f"{name} {version}", ordering, files, level, bound, hashes=bool(hashes))
    return order


def _narrowed(
    what: str, wanted: str, ordering: Ordering, links: Sequence[Link], order: tuple[int, ...]
) -> tuple[int, ...]:
    """The places of the files with the label that the user wants."""
    label = None if wanted == "none" else wanted
    left = tuple(place for place in order if label_of(links[place].filename) == label)
    if not left:
        rejected = {one.label: reasons.reason(one) for one in ordering.rejected}
        report.unwanted(what, wanted, rejected.get(wanted, ""))
    return left


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
