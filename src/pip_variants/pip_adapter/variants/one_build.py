"""One build for all projects of an index set.

torch of one build and torchvision of another do not work together, and nothing in their metadata
says so. Where pip's resolver meets two, it starts again with one build for all: of those that all
projects have which it met, first the one with the newest releases, then the better one.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from logging import INFO
from operator import itemgetter
from typing import Any, TypeAlias

from pip._internal.exceptions import DistributionNotFound, InstallationError
from pip._internal.resolution.resolvelib.base import Candidate, Requirement
from pip._vendor.packaging.version import Version

from pip_variants.errors import printable
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.indexes import Indexes, build_of, public
from pip_variants.pip_adapter.variants.release import Release

_Offered: TypeAlias = dict[str, Sequence[Release]]
_Place: TypeAlias = tuple[tuple[int, ...], ...]


class BuildsDiffer(Exception):
    """Two projects of an index set have no build in common."""


def iter_dependencies(self: Any, with_requires: bool, *, original: Any) -> Iterator[Any]:
    """`iter_dependencies` of the resolver's candidates, installed and not.

    Beside its dependencies each one requires what stands for its build, as it requires what stands
    for Python (`RequiresPythonRequirement`).
    """
    indexes = current().indexes
    index_set = indexes.covering(self.project_name) if indexes else None
    if indexes and index_set:
        link = self.source_link
        labels = indexes.labels_of(link, index_set) if link else (build_of(self.dist),)
        if any(labels):
            indexes.resolved[self.project_name] = labels
            yield _OneBuild(indexes, f"<build of {index_set.name}>", labels)
    yield from original(self, with_requires)


def unless_unfit(installed: Any, prefers_installed: bool, *_: Any, **__: Any) -> Any:
    """The installed candidate; None where pip upgrades and it is a build that does not fit here.

    pip compares local versions, and would keep it as the newer one.
    """
    if prefers_installed:
        return installed
    indexes = Indexes.of_run(current().finder._link_collector.session)
    builds = indexes.builds_of(installed.project_name, public(installed.version))
    return None if builds and not builds.fits(build_of(installed.dist)) else installed


def resolve(resolver: Any, resolve_once: Callable[[], Any]) -> Any:
    """What pip's resolver finds, with one build for all projects of a set.

    Raises pip's `InstallationError` if no build holds for all; it says which each has.
    """
    try:
        return resolve_once()
    except BuildsDiffer:
        if (indexes := current().indexes) is None:
            raise
    offered = {name: some for name, some in indexes.offered.items() if any(map(_labels, some))}
    has = [f"{one[0].what} has {', '.join(_labels(one[0]))}" for one in offered.values()]
    best: tuple[_Place, str] | None = None
    for label, place in sorted(_in_common(offered).items(), key=itemgetter(1)):
        if best and best[0] <= place:  # not even the newest releases would make it better
            break
        indexes.only = label
        if (ages := _try(resolver, resolve_once, offered)) is not None:
            best = min(filter(None, (best, ((ages, place[1]), label))))
    if best is None:
        text = f"There is no build that all of them have: {'; '.join(has)}."
        raise InstallationError(printable(text))
    indexes.only = best[1]
    current().say(INFO, f"The builds differ: choosing again with {indexes.only} for all")
    return resolve_once()


def _try(
    resolver: Any, resolve_once: Callable[[], Any], offered: _Offered
) -> tuple[int, ...] | None:
    """How many newer releases than the chosen one each project has; None if nothing holds."""
    log = logging.getLogger("pip._internal.resolution.resolvelib.factory")
    log.disabled = True  # why one build does not hold is of no interest where another does
    # Up to pip 25.2, what was chosen is downloaded at the end of this.
    preparer = resolver.factory.preparer
    preparer.prepare_linked_requirements_more = lambda *_, **__: None
    try:
        chosen = resolve_once().requirements
    except DistributionNotFound:
        return None
    finally:
        del preparer.prepare_linked_requirements_more
        log.disabled = False
    ages = []
    for name, releases in offered.items():
        link = chosen[name].link if name in chosen else None
        release = current().release_of_url.get(link.url) if link else None
        ages.append(releases.index(release) if release in releases else 0)
    return tuple(ages)


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
    """The builds that all projects have, with their place among all.

    That is how many newer releases each project has at least, and how many better builds.
    """
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


class _Build(Candidate):
    """A build of a set, which the resolver can choose once."""

    is_installed = is_editable = False
    source_link = None

    def __init__(self, name: str, labels: tuple[str, ...]) -> None:
        """`name` is the same for all builds of a set, and no name of a project."""
        self._name = name
        self.labels = labels

    @property
    def name(self) -> str:
        """What it is for the resolver."""
        return self._name

    @property
    def project_name(self) -> Any:
        """The same."""
        return self._name

    @property
    def version(self) -> Version:
        """It has none; nobody compares it."""
        return Version("0")

    def iter_dependencies(self, with_requires: bool) -> tuple[()]:  # noqa: ARG002 - pip's
        """None."""
        return ()

    def get_install_requirement(self) -> None:
        """Nothing is installed for it."""


class _OneBuild(Requirement):
    """That a project is combined with others of one of its builds only."""

    def __init__(self, indexes: Indexes, name: str, labels: tuple[str, ...]) -> None:
        self._indexes = indexes
        self._build = _Build(name, labels)

    @property
    def name(self) -> str:
        """That of what stands for the build."""
        return self._build.name

    @property
    def project_name(self) -> Any:
        """The same."""
        return self._build.name

    def is_satisfied_by(self, candidate: Any) -> bool:
        """Whether they have a build in common. Raises `BuildsDiffer` where any may be taken."""
        is_one = not set(candidate.labels).isdisjoint(self._build.labels)
        if not is_one and not self._indexes.only:
            raise BuildsDiffer
        return is_one

    def get_candidate_lookup(self) -> tuple[Any, None]:
        """What the resolver chooses for it, and no requirement of a package."""
        return self._build, None

    def format_for_error(self) -> str:
        """What pip says of a conflict."""
        return f"the build {' or '.join(self._build.labels)}"
