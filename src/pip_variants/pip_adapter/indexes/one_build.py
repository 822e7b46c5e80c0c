"""One build for all projects of an index set.

torch of one build and torchvision of another do not work together, and nothing in their metadata
says so. Where pip's resolver chose several, it starts again with one build for all: that of what
stays installed, else that with which the projects have the newest releases, and of those the best.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging import INFO, WARNING
from typing import Any, TypeAlias

from pip._internal.exceptions import DistributionNotFound, InstallationError

from pip_variants.errors import printable
from pip_variants.model.index_set import IndexSet
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.indexes.builds import Indexes, build_of
from pip_variants.pip_adapter.variants.release import Release
from pip_variants.pip_adapter.variants.sources import public
from pip_variants.pip_adapter.variants.target import target

_Offered: TypeAlias = dict[str, Sequence[Release]]
"""By project, the releases that the resolver was given; the newest first."""

_Place: TypeAlias = tuple[tuple[int, ...], ...]
"""How many newer releases than the first with a build each project has; and better builds."""


def unless_unfit(installed: Any, prefers_installed: bool, *_: Any, **__: Any) -> Any:
    """The installed candidate; None where it is a build that must not be combined or kept.

    Where pip upgrades, it compares local versions, and would keep what does not fit here.
    """
    indexes = Indexes.of_run(current().finder._link_collector.session)
    builds = indexes.builds_of(installed.project_name, public(installed.version))
    label = build_of(installed.dist)
    if builds is None or label not in builds.metadata.variants:
        return installed
    is_other = builds.only not in ("", label)
    return None if is_other or not (prefers_installed or builds.fits(label)) else installed


def resolve(resolver: Any, resolve_once: Callable[[], Any]) -> Any:
    """What pip's resolver finds, with one build for all projects of a set.

    Raises pip's `InstallationError` if no build holds for all; it says which each has.
    """

    def is_one() -> bool:
        indexes = current().indexes
        return indexes is None or all(_is_one(resolver, indexes, one) for one in indexes.sets)

    with _downloading_if(resolver, is_one):
        chosen = resolve_once()
    if (indexes := current().indexes) is None:  # no project was looked for
        return chosen
    for index_set in indexes.sets:
        if not _is_one(resolver, indexes, index_set):
            _choose(resolver, resolve_once, indexes, index_set)
            chosen = resolve_once()
        _warn_of_others(resolver, indexes, index_set)
    return chosen


@contextmanager
def _downloading_if(resolver: Any, is_wanted: Callable[[], bool]) -> Iterator[None]:
    """Up to pip 25.2, what was chosen is downloaded at the end of resolving: not what is tried."""
    preparer = resolver.factory.preparer
    waiting: list[Any] = []
    download = preparer.prepare_linked_requirements_more

    def prepare(requirements: Any, *args: Any, **kw: Any) -> None:
        if is_wanted():
            download(requirements, *args, **kw)
        else:
            waiting.extend(one for one in requirements if one.needs_more_preparation)

    preparer.prepare_linked_requirements_more = prepare
    try:
        yield
    finally:
        del preparer.prepare_linked_requirements_more
        for one in waiting:
            one.needs_more_preparation, one.prepared = True, False


def _choose(
    resolver: Any, resolve_once: Callable[[], Any], indexes: Indexes, index_set: IndexSet
) -> None:
    """Decide which build of a set all its projects take."""
    offered = {
        name: indexes.offered[name]
        for name in resolver._result.mapping
        if name in index_set.projects and any(map(_labels, indexes.offered.get(name, ())))
    }
    has = [f"{some[0].what} has {', '.join(_labels(some[0]))}" for some in offered.values()]
    stays = {
        one
        for labels, is_kept in _chosen(resolver, indexes, index_set)
        for one in labels
        if is_kept
    }
    is_fine_without = _is_one(resolver, indexes, index_set, strictly=False)
    log = logging.getLogger("pip._internal.resolution.resolvelib.factory")
    best: tuple[bool, _Place, str] | None = None
    places = [(label not in stays, place, label) for label, place in _in_common(offered).items()]
    for is_new, place, label in sorted(places):
        if best and best[:2] <= (is_new, place):  # not even the newest releases would be better
            break
        indexes.only[index_set.name] = label
        log.disabled = True  # why one build does not hold is of no interest where another does
        try:
            with _downloading_if(resolver, lambda: False):
                resolve_once()
        except DistributionNotFound:
            continue
        finally:
            log.disabled = False
        if _is_one(resolver, indexes, index_set):
            found = is_new, (_ages(resolver, offered), place[1]), label
            best = min(best or found, found)
    if best is None and not is_fine_without:
        text = f"There is no build that all of them have: {'; '.join(has)}."
        raise InstallationError(printable(text))
    indexes.only[index_set.name] = best[2] if best else ""
    if best:
        current().say(INFO, f"The builds differ: choosing again with {best[2]} for all")


def _warn_of_others(resolver: Any, indexes: Indexes, index_set: IndexSet) -> None:
    """Say what is installed, stays, and is another build than what is taken."""
    taken = [{*labels} for labels, is_kept in _chosen(resolver, indexes, index_set) if not is_kept]
    common = set.intersection(*taken) if taken else set()
    for name in index_set.projects - resolver._result.mapping.keys() if common else ():
        found = target().installed(name)
        label = build_of(found) if found else ""
        if found and label not in common and label in {one.label for one in index_set.builds}:
            what = f"{found.raw_name} {found.version}"
            current().say(WARNING, printable(f"{what} is installed, and stays another build"))


def _is_one(resolver: Any, indexes: Indexes, index_set: IndexSet, *, strictly: bool = True) -> bool:
    """Whether all that was chosen of a set is of one build, with what stays installed.

    Strictly, a file of no build counts as another one where the project has builds, and what is
    installed and has nothing to do with this resolution counts, too.
    """
    every = _chosen(resolver, indexes, index_set)
    several = [{*labels} for labels, is_kept in every if strictly or (labels and not is_kept)]
    return not several or bool(set.intersection(*several))


def _chosen(
    resolver: Any, indexes: Indexes, index_set: IndexSet
) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The builds that each project is, and whether that is what stays installed."""
    mapping = resolver._result.mapping
    for name in index_set.projects:
        link = mapping[name].source_link if name in mapping else None
        installed = None if link else target().installed(name)
        if link:
            labels = indexes.labels_of(link, index_set)
            if labels or any(map(_labels, indexes.offered.get(name, ()))):
                yield labels, False
        elif installed:
            builds, label = indexes.builds_of(name, public(installed.version)), build_of(installed)
            if builds and label in builds.metadata.variants and builds.fits(label):
                yield (label,), True


def _ages(resolver: Any, offered: _Offered) -> tuple[int, ...]:
    """How many newer releases than the chosen one each project has."""
    mapping = resolver._result.mapping
    versions = {name: public(mapping[name].version) for name in offered if name in mapping}
    return tuple(
        next((age for age, one in enumerate(some) if one.version == versions.get(name)), 0)
        for name, some in offered.items()
    )


def _labels(release: Release) -> list[str]:
    """The builds of a release that can be used, best first."""
    there = {
        label
        for link in release.decision.files
        for label in (release.builds.labels_of(link) if release.builds else ())
    }
    best_first = release.decision.ordering.best_first
    return [variant.label for variant in best_first if variant.label in there]


def _in_common(offered: _Offered) -> dict[str, _Place]:
    """The builds that all projects have, with their place among all."""
    places: dict[str, list[tuple[int, int]]] = {}
    for releases in offered.values():
        first: dict[str, tuple[int, int]] = {}
        for age, release in enumerate(releases):
            for rank, label in enumerate(_labels(release)):
                first.setdefault(label, (age, rank))
        for label, place in first.items():
            places.setdefault(label, []).append(place)
    return {
        label: tuple(zip(*found, strict=True))
        for label, found in places.items()
        if len(found) == len(offered)
    }
