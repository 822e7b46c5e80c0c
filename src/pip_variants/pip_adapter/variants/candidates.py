"""What pip's resolver gets: the files of a version with variants, best first.

They are put in order when the first is made: only versions that are reached cost a request.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, partial
from itertools import chain, groupby, islice
from logging import WARNING
from operator import attrgetter, itemgetter
from typing import Any

from pip._internal.exceptions import InstallationError
from pip._internal.models.link import Link
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.packaging.version import Version

from pip_variants.errors import printable
from pip_variants.model.abi import AbiDependency
from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants import early, locks, telling
from pip_variants.pip_adapter.variants.dependencies import variant_of
from pip_variants.pip_adapter.variants.release import Release, release
from pip_variants.pip_adapter.variants.sources import public
from pip_variants.pip_adapter.variants.wheels import WheelDisagrees

_Info = tuple[Any, Any]  # version, partial function that makes the candidate

# Versions that `pip index versions` looks into before it has found one that can be used.
_MOST_LOOKED_AT = 20
_DOWNLOADING = ("install", "download", "wheel")  # they have the whole of each wheel in the end


def sort_best_candidate(self: Any, candidates: list[Any], *, original: Any) -> Any:
    """`CandidateEvaluator.sort_best_candidate`, for those who want the best file at once."""
    if current().is_listing:
        return original(self, candidates)
    try:
        return _best(self, candidates)
    except InstallationError as error:
        # Asked by `pip list --outdated`, for which one package must not hide the others.
        current().say(WARNING, printable(f"Skipping {candidates[0].name}: {error}"))
        return None


def compute_best_candidate(self: Any, candidates: list[Any], *, original: Any) -> Any:
    """`CandidateEvaluator.compute_best_candidate`: nothing is applicable if nothing fits."""
    if current().is_listing or _best(self, self.get_applicable_candidates(candidates)):
        return original(self, candidates)
    # Not from no candidates: pip names them when it finds none that will do.
    without = copy(self)
    without.get_applicable_candidates = lambda _: []
    return original(without, candidates)


def without_unusable_versions(candidates: list[Any]) -> list[Any]:
    """The candidates but for those of versions newer than the first of which a file can be used.

    Older versions are not looked into, and of newer ones not more than a few: each is a request.
    What can be used is a final release, for most people.
    """
    name = canonicalize_name(candidates[0].name) if candidates else ""
    if (indexes := current().indexes) and indexes.covering(name):
        return _best_of_builds(name, sorted(candidates, key=attrgetter("version"))[::-1], None)
    version_of = attrgetter("version")
    unusable = set()
    by_version = groupby(sorted(candidates, key=version_of, reverse=True), key=version_of)
    for version, group in islice(by_version, _MOST_LOOKED_AT):
        links = [one.link for one in group]
        fits = not current().label_for(name) and any(
            current().label_of(link.filename) in (None, NULL_LABEL) for link in links
        )
        if not fits and not release(name, str(version)).decide(links, aloud=False).files:
            unusable.add(version)
        elif not version.is_prerelease:
            break
    return [one for one in candidates if one.version not in unusable]


def installed_stays(installed: Any) -> None:
    """Warn that what is installed is not the variant that the user wants (`--variant`)."""
    wanted, variant = current().label_for(installed.name), variant_of(installed.dist)
    label = variant.label if variant else "none"
    if wanted and wanted != label:
        text = (
            f"{installed.name} {installed.version} is installed as {label}, not {wanted}; "
            "if that version stays, --force-reinstall exchanges it"
        )
        current().say(WARNING, printable(text), once=True)


def are_what_they_should_be(resolver: Any, chosen: Any) -> bool:
    """Whether the variant wheels among what was resolved keep what was promised of them.

    Those of which pip has only the metadata by now are brought, where pip is going to bring them,
    and else looked into; a dry run brings those that cannot be looked into. One that differs is
    refused: then pip has to resolve again.
    """
    run = current()
    waiting = [
        req
        for req in chosen.requirements.values()
        if req.needs_more_preparation and req.link.url in run.release_of_url
        if run.label_of(req.link.filename) is not None
    ]
    is_downloading = run.command in _DOWNLOADING
    if not is_downloading or getattr(run.options, "dry_run", False):
        for req in waiting:
            of_file = run.release_of_url[req.link.url]
            if not of_file.is_usable(req.link, look=True):
                telling.refused(req.link, of_file.refused[req.link.url])
                return False
        # Into these only the install can look, and what it refuses must not be promised.
        waiting = [
            req
            for req in waiting
            if is_downloading and not run.release_of_url[req.link.url].has_seen(req.link)
        ]
    try:
        resolver.factory.preparer.prepare_linked_requirements_more(waiting)
    except WheelDisagrees:
        return False
    return True


class _OtherBuild(Version):
    """A version that is equal to no other: pip tries one file of each version, and then the next.

    A file that is bound to other releases of another package counts like one of another version.
    """

    def __eq__(self, other: object) -> bool:  # not NotImplemented, upon which the other is asked
        return self is other

    __hash__ = object.__hash__


def in_order(infos: Iterable[_Info], installed: Any, hashes: Any) -> Iterator[_Info]:
    """What the resolver gets instead of `infos`: as many for each version, in our order.

    `installed` is pip's candidate for what is installed, which it wants no other build of;
    `hashes` are those that all requirements of the project allow.
    """
    run = current()
    infos = iter(infos)
    first = list(islice(infos, 1))
    name = _name(first[0][1]) if first else ""
    infos = chain(first, infos)
    if run.indexes and run.indexes.covering(name):
        yield from _builds_in_order(name, list(infos), hashes)
        return
    for version, group in groupby(infos, key=itemgetter(0)):
        files = locks.with_others(list(group))
        if run.label_for(name) or any(run.label_of(_link(make).filename) for _, make in files):
            builds = _Files(files, hashes)
            is_installed = installed is not None and installed.version == version
            for place in range(len(files)):
                is_other = place > 0 and not is_installed and isinstance(version, Version)
                own = _OtherBuild(str(version)) if is_other else version
                yield own, partial(builds.make, place)
            builds.pass_over()
        else:
            telling.skipped(name)
            yield from files
    telling.skipped(name)


def _builds_in_order(name: str, infos: Sequence[_Info], hashes: Any) -> Iterator[_Info]:
    """The same for a project of an index set, whose builds of one release are one version."""
    by_url = {_link(make).url: (version, make) for version, make in infos}
    seen: set[Any] = set()
    for _, one in _releases(name, [(version, _link(make)) for version, make in infos], hashes):
        files = _Files([by_url[link.url] for link in one.links], hashes)
        for place, link in enumerate(files.best_first):
            version, _ = by_url[link.url]
            own = _OtherBuild(str(version)) if version in seen else version
            seen.add(version)
            yield own, partial(files.make, place)


def _releases(
    name: str, files: Iterable[tuple[Any, Link]], hashes: Any
) -> list[tuple[int, Release]]:
    """The releases of a project of an index set, with their ranks, those of the least first.

    Nothing has to be fetched to put their files in order.
    """
    links: dict[str, list[Link]] = {}
    for version, link in files:
        links.setdefault(public(version), []).append(link)
    releases = [release(name, version) for version in links]
    for one in releases:
        one.decide(links[one.version], hashes)
    usable = [one for one in releases if one.decision.files]
    if (indexes := current().indexes) is not None:
        indexes.offered[name] = usable
    ranked = [(one.rank, one) for one in usable]
    for rank, one in ranked:
        one.newer = usable[0] if ranked[0][0] > rank else None
    if not usable:
        current().skipped[name] = releases
        telling.skipped(name)
    return sorted(ranked, key=itemgetter(0))


class _Files:
    """The files of one version; put in order when the first of them is made."""

    def __init__(self, files: list[_Info], hashes: Any) -> None:
        self._hashes = hashes
        self._make = {_link(make).url: make for _, make in files}
        version, make = files[0]
        self.release = release(_name(make), str(version))
        self._made: dict[tuple[AbiDependency, ...], int] = {}

    def make(self, place: int) -> Any:
        """The candidate of the file at this place; None if one before is bound to the same."""
        if place >= len(self.best_first):
            return None
        files = self.best_first
        link, bound = files[place], self.release.bound(files[place])
        made = self._made.get(bound, place)
        is_needed = made >= place or files[made].url in self.release.refused
        if not is_needed or not self.release.is_usable(link):
            return None
        telling.skipped(self.release.name)
        try:
            candidate = self._make[link.url]()
        except Exception:
            self.best_first = ()  # such as for invalid metadata, all files of the version
            raise
        if candidate is not None:
            self._made[bound] = place
        return candidate

    def pass_over(self) -> None:
        """Say so if pip goes on since each of the files turned out to be something else."""
        files = self.best_first
        if files and all(link.url in self.release.refused for link in files):
            telling.passed_over(self.release)

    @cached_property
    def best_first(self) -> Sequence[Link]:
        links = [_link(make) for make in self._make.values()]
        templates = {id(make.keywords["template"]) for make in self._make.values()}
        hashes = self._hashes if len(templates) == 1 else None  # a lock has other ones for each
        if not hashes and not current().label_for(self.release.name):
            early.ask(links)
        return self.release.decide(links, hashes).files


def _name(make: Any) -> str:
    return str(make.keywords["name"])


def _link(make: Any) -> Link:
    link: Link = make.keywords["link"]
    return link


def _best(evaluator: Any, candidates: list[Any]) -> Any:
    """The best file that fits; None if none does."""
    run, hashes = current(), evaluator._hashes
    best_first = sorted(candidates, key=evaluator._sort_key, reverse=True)
    name = canonicalize_name(best_first[0].name) if best_first else ""
    if run.indexes and run.indexes.covering(name):
        return next(iter(_best_of_builds(name, best_first, hashes)), None)

    def kind(one: Any) -> tuple[Any, ...]:
        # What pip's order puts before the tags stays before the variants.
        return one.version, one.link.is_yanked, one.link.is_hash_allowed(hashes)

    for _, group in groupby(best_first, key=kind):
        found = list(group)
        links = [one.link for one in found]
        if not run.label_for(name) and not any(run.label_of(one.filename) for one in links):
            return found[0]
        of_version = release(name, str(found[0].version))
        if files := of_version.decide(links, hashes, aloud=False).files:
            return found[links.index(files[0])]
    return None


def _best_of_builds(name: str, candidates: list[Any], hashes: Any) -> list[Any]:
    """The best candidate of each release of a project of an index set, as good as there is."""
    by_url = {one.link.url: one for one in candidates}
    found = _releases(name, [(one.version, one.link) for one in candidates], hashes)
    return [by_url[one.decision.files[0].url] for rank, one in found if rank == found[0][0]]
