"""One build for all projects of an index set.

torch of one build and torchvision of another do not work together, and nothing in their metadata
says so. Where pip's resolver chose several, it starts again with one build for all: that with which
the projects have the newest releases, and of those the best.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from logging import INFO
from operator import itemgetter
from typing import Any, TypeAlias

from pip._internal.exceptions import DistributionNotFound, InstallationError

from pip_variants.errors import printable
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.indexes.builds import Indexes, build_of
from pip_variants.pip_adapter.variants.release import Release
from pip_variants.pip_adapter.variants.sources import public

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
    is_other = indexes.only not in ("", label)
    is_kept = prefers_installed or builds.fits(label)
    return installed if is_kept and not is_other else None


def resolve(resolver: Any, resolve_once: Callable[[], Any]) -> Any:
    """What pip's resolver finds, with one build for all projects of a set.

    Raises pip's `InstallationError` if no build holds for all; it says which each has.
    """
    # Up to pip 25.2, what was chosen is downloaded at the end of resolving.
    preparer, downloads = resolver.factory.preparer, []
    download = preparer.prepare_linked_requirements_more
    preparer.prepare_linked_requirements_more = lambda *args, **kw: downloads.append(
        partial(download, *args, **kw)
    )
    try:
        chosen = resolve_once()
        indexes = current().indexes
        if indexes and indexes.only == "" and not _is_one(resolver, indexes):
            chosen = _with_one_build(resolver, resolve_once, indexes)
    finally:
        del preparer.prepare_linked_requirements_more
    for one in downloads[-1:]:
        one()
    return chosen


def _with_one_build(resolver: Any, resolve_once: Callable[[], Any], indexes: Indexes) -> Any:
    names = [name for name in resolver._result.mapping if name in indexes.offered]
    offered = {name: indexes.offered[name] for name in names}
    offered = {name: some for name, some in offered.items() if any(map(_labels, some))}
    has = [f"{some[0].what} has {', '.join(_labels(some[0]))}" for some in offered.values()]
    log = logging.getLogger("pip._internal.resolution.resolvelib.factory")
    best: tuple[_Place, str] | None = None
    for label, place in sorted(_in_common(offered).items(), key=itemgetter(1)):
        if best and best[0] <= place:  # not even the newest releases would make it better
            break
        indexes.only = label
        log.disabled = True  # why one build does not hold is of no interest where another does
        try:
            resolve_once()
        except DistributionNotFound:
            continue
        finally:
            log.disabled = False
        if _is_one(resolver, indexes):
            best = min(filter(None, (best, ((_ages(resolver, offered), place[1]), label))))
    if best is None:
        text = f"There is no build that all of them have: {'; '.join(has)}."
        raise InstallationError(printable(text))
    indexes.only = best[1]
    current().say(INFO, f"The builds differ: choosing again with {indexes.only} for all")
    return resolve_once()


def _is_one(resolver: Any, indexes: Indexes) -> bool:
    """Whether there is a build that all that was chosen of a set are."""
    common: dict[str, set[str]] = {}
    for candidate in resolver._result.mapping.values():
        index_set = indexes.covering(candidate.project_name)
        if index_set is None:
            continue
        link = candidate.source_link
        labels = indexes.labels_of(link, index_set) if link else (build_of(candidate.dist),)
        if any(labels):
            common[index_set.name] = common.get(index_set.name, {*labels}) & {*labels}
    return all(common.values())


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
