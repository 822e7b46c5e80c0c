"""One build for all projects of an index set.

torch of one build and torchvision of another do not work together, and nothing in their metadata
says so. Where pip's resolver meets two, it starts again with one build for all: of those that all
projects have which it met, first the one with the newest releases, then the better one.
"""

import logging
from collections.abc import Callable, Iterator
from logging import INFO
from typing import Any

from pip._internal.exceptions import DistributionNotFound, InstallationError
from pip._internal.resolution.resolvelib.base import Candidate, Requirement
from pip._vendor.packaging.version import Version

from pip_variants.errors import printable
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.indexes import Indexes, build_of, public
from pip_variants.pip_adapter.variants.release import Release


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


def resolve(resolve_once: Callable[[], Any]) -> Any:
    """What pip's resolver finds, with one build for all projects of a set.

    Raises pip's `InstallationError` if no build holds for all; it says which each has.
    """
    try:
        return resolve_once()
    except BuildsDiffer:
        if (indexes := current().indexes) is None:
            raise
    # By project, in the order in which they were met: the builds of each release, newest first.
    has = {
        name: [[*_labels(release)] for release in releases]
        for name, releases in indexes.offered.items()
    }
    log = logging.getLogger("pip._internal.resolution.resolvelib.factory")
    for label in _in_common([*has.values()]):
        indexes.only = label
        current().say(INFO, f"The builds differ: choosing again with {label} for all")
        log.disabled = True  # why one build does not hold is of no interest where another does
        try:
            return resolve_once()
        except DistributionNotFound:
            continue
        finally:
            log.disabled = False
    newest = "; ".join(
        f"{indexes.offered[name][0].what} has {', '.join(releases[0])}"
        for name, releases in sorted(has.items())
        if releases and releases[0]
    )
    raise InstallationError(printable(f"No build is there for all of them: {newest}."))


def _labels(release: Release) -> Iterator[str]:
    """The builds of a release that can be used, best first."""
    there = {
        label
        for link in release.decision.files
        for label in (release.builds.labels_of(link) if release.builds else ())
    }
    best_first = release.decision.ordering.best_first
    return (variant.label for variant in best_first if variant.label in there)


def _in_common(has: list[list[list[str]]]) -> list[str]:
    """The builds that all projects have, those with the newest releases first, then the best.

    Given for each project and each of its releases, newest first, the builds, best first.
    """
    places: dict[str, list[tuple[int, int]]] = {}
    projects = [releases for releases in has if any(map(any, releases))]
    for releases in projects:
        first: dict[str, tuple[int, int]] = {}
        for age, labels in enumerate(releases):
            for rank, label in enumerate(labels):
                first.setdefault(label, (age, rank))
        for label, place in first.items():
            places.setdefault(label, []).append(place)
    common = [label for label in places if len(places[label]) == len(projects)]
    return sorted(common, key=lambda label: tuple(zip(*places[label], strict=True)))


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
