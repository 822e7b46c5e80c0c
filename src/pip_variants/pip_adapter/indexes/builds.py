"""Builds on indexes of their own: the index sets that the user named (`--variant-indexes`).

The pages of the builds that the target supports are read beside those of the user's indexes, for
the projects of the set alone. From then on a build counts as a variant of its release.
"""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from copy import copy
from functools import partial
from logging import INFO, WARNING
from typing import TYPE_CHECKING, Any

from pip._internal.exceptions import InstallationError
from pip._internal.index.collector import _get_simple_response, _make_index_content, parse_links
from pip._internal.models.link import Link
from pip._internal.network.utils import raise_for_status
from pip._internal.utils.misc import redact_auth_from_url
from pip._vendor.packaging.markers import default_environment
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.utils import canonicalize_name

from pip_variants import reasons
from pip_variants.detection.index_sets import IndexSets
from pip_variants.errors import DetectionError, InvalidIndexSet, printable
from pip_variants.model.index_set import Build, IndexSet
from pip_variants.model.metadata import Variant, VariantMetadata
from pip_variants.model.ordering import Ordering
from pip_variants.pip_adapter.hook.run import VERBOSE, Run, current
from pip_variants.pip_adapter.variants.dependencies import variant_of
from pip_variants.pip_adapter.variants.sources import public
from pip_variants.pip_adapter.variants.target import target

if TYPE_CHECKING:
    from pip_variants.pip_adapter.variants.release import Release

_ABSENT = (404, 410)  # HTTP statuses by which an index says that it has no such project


def collect_sources(
    self: Any, project_name: str, candidates_from_page: Any, *, original: Any
) -> Any:
    """`LinkCollector.collect_sources`: the pages of builds beside those of the user's indexes."""
    sources = original(self, project_name, candidates_from_page)
    project = canonicalize_name(project_name)
    indexes = Indexes.of_run(self.session)
    index_set = indexes.covering(project)
    if index_set is None or self.search_scope.no_index:
        return sources
    pages = _Pages(indexes, index_set, project, candidates_from_page)
    # What the user has as well is read once.
    own = [
        one for one in sources.index_urls if one and one.link and one.link.url not in pages.links
    ]
    return type(sources)(find_links=sources.find_links, index_urls=[*own, pages])


class Indexes:
    """The index sets of a run, and which files are of which builds."""

    def __init__(self, run: Run, session: Any) -> None:
        """Raises pip's `InstallationError` for sets that cannot be used."""
        self._run = run
        self.session = session
        # By address, the builds that a file is; several for one that stands on several indexes.
        self.builds: dict[str, tuple[str, ...]] = {}
        # By set, the one build that may be taken, once projects met that differ.
        self.only: dict[str, str] = {}
        # By the names of files that may be installed, what they are.
        self.described: dict[str, VariantMetadata] = {}
        # By project, what pip's resolver was given last: the newest first.
        self.offered: dict[str, Sequence[Release]] = {}
        try:
            sets = IndexSets(target().index_sets(), self._fetch)
            self.sets = sets.named(run.values("variant_indexes"))
        except (InvalidIndexSet, DetectionError) as error:
            raise InstallationError(printable(f"--variant-indexes: {error}")) from None

    @classmethod
    def of_run(cls, session: Any) -> "Indexes":
        """Those of this run; read when they are first asked for."""
        run = current()
        run.indexes = run.indexes or cls(run, session)
        return run.indexes

    def covering(self, project: str) -> IndexSet | None:
        """The set that has a project, given by its normalised name."""
        return next((one for one in self.sets if project in one.projects), None)

    def note(self, link: Link, label: str) -> None:
        """Remember that a file is of a build."""
        self.builds[link.url] = (*self.builds.get(link.url, ()), label)

    def builds_of(self, project: str, version: str) -> "Builds | None":
        """The builds of a release, given without the local part, if a set covers the project."""
        index_set = self.covering(project)
        return Builds(self, index_set, project, version) if index_set else None

    def labels_of(self, link: Link, index_set: IndexSet) -> tuple[str, ...]:
        """The builds that a file is; on the user's own indexes its local version tells."""
        if link.url not in self.builds:
            local = _local(link.filename)
            is_one = any(build.label == local for build in index_set.builds)
            self.builds[link.url] = (local,) if is_one else ()
        return self.builds[link.url]

    def usable(self, index_set: IndexSet, project: str) -> list[Build]:
        """The builds that the target supports for some release; and say why not the others."""
        wanted = self._run.label_for(project)
        asked = {wanted, *self._pinned(project)}
        found = []
        near = ""  # why hardware that is here can use no build
        for build in index_set.builds:
            forms = (build.usual, *(variant for _, variant in build.exceptions))
            orderings = [self._judge(index_set, form) for form in forms]
            if not any(one.best_first for one in orderings):
                reason = reasons.reason(orderings[0].rejected[0])
                text = f"The build {build.label} of {index_set.name} {reason}"
                level = WARNING if build.label in asked else VERBOSE
                self._run.say(level, printable(text), once=True)
                near = near if orderings[0].rejected[0].absent else text
            elif wanted in ("", build.label):
                found.append(build)
        if near and not any(one.usual.features for one in found) and wanted == "":
            self._run.say(INFO, printable(f"{near}, nor can another one for hardware"), once=True)
        return found

    def chosen(self) -> dict[str, str]:
        """The builds that requirements name, that are taken for all or that are installed."""
        chosen: dict[str, str] = {}
        for index_set in self.sets:
            labels = {one.label for one in index_set.builds}
            for project in index_set.projects:
                installed = target().installed(project)
                named = (
                    *self._pinned(project),
                    self.only.get(index_set.name, ""),
                    *([build_of(installed)] if installed else []),
                )
                if known := [label for label in named if label in labels]:
                    chosen[project] = known[0]
        return chosen

    def _judge(self, index_set: IndexSet, form: Variant) -> Ordering:
        variants = {form.label: form}
        metadata = VariantMetadata(index_set.namespaces, variants, index_set.providers)
        return target().order(f"the index set {index_set.name}", metadata, form.label)

    def _pinned(self, project: str) -> Iterator[str]:
        """The builds that the user's requirements name."""
        for one in self._run.requirements:
            if one.req and canonicalize_name(one.req.name) == project:
                yield from (specifier.version.partition("+")[2] for specifier in one.req.specifier)

    def _fetch(self, url: str) -> bytes:
        try:
            response = self.session.get(url)
            raise_for_status(response)
        except Exception as error:  # noqa: BLE001 - pip and requests have many
            raise InvalidIndexSet(f"{url} could not be read: {error}") from None
        return bytes(response.content)


class Builds:
    """The builds of one release: one version of a project that an index set covers."""

    def __init__(self, indexes: Indexes, index_set: IndexSet, project: str, version: str) -> None:
        """`version` is without the local part."""
        self._indexes = indexes
        self._set = index_set
        self._project = project
        self._version = version
        self.source = index_set.name
        self.metadata = index_set.metadata(self._holds)

    def labels_of(self, link: Link) -> tuple[str, ...]:
        """The builds that a file is; on the user's own indexes its local version tells."""
        return self._indexes.labels_of(link, self._set)

    @property
    def only(self) -> str:
        """The one build of the set that may be taken; empty if any may."""
        return self._indexes.only.get(self.source, "")

    def ordered(self, ordering: Ordering) -> Ordering:
        """The order for this release: the build that is installed comes first, as long as it fits.

        Not with --force-reinstall, which exchanges it.
        """
        best_first = self._set.in_order(ordering).best_first
        allowed = [one for one in best_first if self.only in ("", one.label)]
        installed = target().installed(self._project)
        if (
            installed
            and public(installed.version) == self._version
            and not getattr(current().options, "force_reinstall", False)
        ):
            allowed.sort(key=lambda variant: variant.label != build_of(installed))
        return Ordering(tuple(allowed), ordering.rejected, ordering.supported)

    def fits(self, label: str) -> bool:
        """Whether the target supports a build; what is none of the set's fits everywhere."""
        if label not in self.metadata.variants:
            return True
        what = f"{self._project} {self._version}"
        return bool(target().order(what, self.metadata, label).best_first)

    def installed_beside(self) -> set[str]:
        """The builds of other projects of the set that are installed and fit."""
        others = (target().installed(one) for one in self._set.projects if one != self._project)
        labels = {build_of(one) for one in others if one} & self.metadata.variants.keys()
        return {label for label in labels if self.fits(label)}

    def is_newer_than_set(self) -> bool:
        """Whether the set was made before this release."""
        known = [text for text in self._set.known if self._is_of_project(text)]
        return bool(known) and not any(map(self._holds, known))

    def _holds(self, text: str) -> bool:
        wanted = _parsed(text)
        is_for_it = wanted.marker is None or wanted.marker.evaluate(_environment(current()))
        is_for_it = is_for_it and self._is_of_project(text)
        return is_for_it and wanted.specifier.contains(self._version, prereleases=True)

    def _is_of_project(self, text: str) -> bool:
        return canonicalize_name(_parsed(text).name) == self._project


class _Pages:
    """The pages of a project's builds, as a source of pip's (`LinkSource`)."""

    link = None  # it is more than one

    def __init__(
        self, indexes: Indexes, index_set: IndexSet, project: str, candidates_from_page: Any
    ) -> None:
        """Start to read; `candidates_from_page` is pip's method, which knows what it looks for."""
        self._indexes = indexes
        self._finder = candidates_from_page.func.__self__
        self._evaluator = candidates_from_page.keywords["link_evaluator"]
        self._what, self._project = f"the index set {index_set.name}", project
        builds = indexes.usable(index_set, project)
        self.links = {one.page(project): Link(one.page(project)) for one in builds}
        session = _without_questions(indexes.session)
        self._pool = ThreadPoolExecutor(8)  # pip keeps ten connections of a host
        self._contents = []
        for one in builds:
            read = partial(_content, self.links[one.page(project)], one, index_set.name, session)
            self._contents.append((one, self._pool.submit(copy_context().run, read)))

    def page_candidates(self) -> Iterator[Any]:
        """The files that pip can use. Raises pip's `InstallationError` for a page out of reach."""
        with self._pool:
            contents = [(build, future.result()) for build, future in self._contents]
        if contents and not any(content for _, content in contents):
            place = redact_auth_from_url(next(iter(self.links)))
            text = (
                f"No index of {self._what} has {self._project}: {place} and the like are not there"
            )
            current().say(WARNING, printable(text), once=True)
        for build, content in contents:
            links = list(parse_links(content)) if content else []
            for candidate in self._finder.evaluate_links(self._evaluator, links):
                self._indexes.note(candidate.link, build.label)
                yield candidate

    def file_links(self) -> tuple[Link, ...]:
        """None that pip would have to look at."""
        return ()


def _content(link: Link, build: Build, name: str, session: Any) -> Any:
    """The content of a page, None if its index has no such project."""
    url = f"{link.url}index.html" if link.url.startswith("file:") else link.url
    try:
        if not session.is_secure_origin(link):
            raise OSError("its host is not trusted")  # pip said more
        response = _get_simple_response(url, session=session)
        return _make_index_content(response, cache_link_parsing=False)
    except Exception as error:  # noqa: BLE001 - of pip, requests and urllib3
        status = getattr(getattr(error, "response", None), "status_code", None)
        # Where nobody may list a folder, 403 is said of what is not there, too.
        is_absent = status in _ABSENT and not link.is_file
        if is_absent or (status in (403, 404) and _is_there(build, session)):
            if status == 403:
                text = f"{redact_auth_from_url(link.url)} answers 403, as for what it does not have"
                current().say(INFO, printable(text), once=True)
            return None
        reason = str(getattr(error, "context", "") or error) or type(error).__name__
        raise InstallationError(
            printable(f"{redact_auth_from_url(link.url)} could not be read: {reason}. ")
            + f"To go on without {build.label}, take another build (--variant PACKAGE=LABEL, one "
            f"for each package), or leave out the index set {name} (--variant-indexes none)."
        ) from None


def _is_there(build: Build, session: Any) -> bool:
    """Whether an index answers, though it does not have a project."""
    index = Link(f"{build.url.rstrip('/')}/")
    try:
        return os.path.isdir(index.file_path) if index.is_file else session.get(index.url).ok
    except Exception:  # noqa: BLE001 - whatever it is
        return False


def _without_questions(session: Any) -> Any:
    """The session for other threads: nobody could tell which of them asks for a password."""
    quiet = object.__new__(type(session))  # a copy would lack what pip added
    vars(quiet).update(vars(session))
    quiet.auth = copy(session.auth)
    quiet.auth.prompting = False
    return quiet


def build_of(distribution: Any) -> str:
    """The label of the build that is installed; empty if it is none."""
    variant = variant_of(distribution)
    return variant.label if variant else str(distribution.version).partition("+")[2]


def _local(filename: str) -> str:
    return filename.partition("+")[2].partition("-")[0].replace("_", ".")


def _parsed(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        why = str(error).partition("\n")[0]
        text = f"--variant-indexes: {text!r} in an index set is no requirement: {why}"
        raise InstallationError(printable(text)) from None


def _environment(run: Run) -> dict[str, Any]:
    """What markers are compared with: the platform that is installed for."""
    environment: dict[str, Any] = {**default_environment()}
    for tag in getattr(run.options, "platforms", None) or ():
        system = next(one for one in ("linux", "win", "macos", "") if one in tag)
        names = {"linux": "linux", "win": "win32", "macos": "darwin"}
        machine = re.sub(r"^((many|musl)?linux\w*?|macosx|win)(_\d+)*_", "", tag)
        machine = machine.upper() if system == "win" else machine  # as Windows says it
        environment |= {"sys_platform": names.get(system, ""), "platform_machine": machine}
    return environment
