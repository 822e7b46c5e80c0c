"""The release: one version of one project in one run, and which of its files are taken."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email import message_from_string
from types import MappingProxyType
from typing import Any, NamedTuple

from pip._internal.exceptions import PipError
from pip._internal.models.link import Link

from pip_variants.errors import BrokenInstallation, InvalidVariantMetadata, printable
from pip_variants.model.abi import AbiDependency, abi_dependencies
from pip_variants.model.consistency import Contradiction, contradiction
from pip_variants.model.metadata import Variant, VariantMetadata, combine_all
from pip_variants.model.names import NULL_LABEL
from pip_variants.model.ordering import Ordering
from pip_variants.pip_adapter.hook.run import Run, current
from pip_variants.pip_adapter.variants import telling
from pip_variants.pip_adapter.variants.fetching import Unusable, core_metadata, fetch, variant_json
from pip_variants.pip_adapter.variants.sources import public, source_of, url_of_source
from pip_variants.pip_adapter.variants.target import target
from pip_variants.remote_wheel import Budget

_NULL_ALONE = VariantMetadata(namespaces=(), variants={})  # all that a null variant needs


class Decision(NamedTuple):  # a dataclass takes Python a millisecond to make
    """Which files of a release can be used."""

    files: tuple[Link, ...] = ()  # best first
    ordering: Ordering = Ordering()
    # By source: what the variants were chosen by, or why they are not considered.
    metadata: Mapping[str, VariantMetadata] = MappingProxyType({})
    ignored: Mapping[str, str] = MappingProxyType({})
    wanted: str = ""  # the label that the user asked for
    hashes: bool = False  # whether hashes are required


class Release:
    """One version of a project; nothing is fetched before it has to be decided on."""

    def __init__(self, run: Run, name: str, version: str) -> None:
        self.name = name
        self.version = version
        self.what = f"{name} {version}"
        self.decision = Decision()  # empty before there is one
        self.links: Sequence[Link] = ()  # all files that were to be ordered, in pip's order
        # How files differ from what they were said to be, by address.
        self.refused: dict[str, str] = {}
        self._run = run
        self._metadata: dict[str, VariantMetadata | Unusable] = {}
        self._decisions: dict[tuple[Any, ...], tuple[Sequence[Link], Decision]] = {}
        self._chosen_by: dict[str, VariantMetadata] = {}
        self._suspects: set[str] = set()
        self._looked_into: dict[str, bool] = {}  # by address; whether that told anything
        self._budget = Budget(requests=200, size=32 * 2**20)
        self.is_locked = False  # its files are those of a lock
        self.newer: Release | None = None  # passed over though it has a file that can be used
        self.builds = run.indexes.builds_of(name, version) if run.indexes else None
        if self.builds:
            self.give(self.builds.metadata, self.builds.source)

    def give(self, metadata: VariantMetadata | Unusable, source: str) -> None:
        """Use this metadata, as from a lock file."""
        self._metadata[source] = metadata

    def read_from(self, source: str) -> VariantMetadata | None:
        """The metadata of a source's variants, also where none of them fits."""
        found = self._metadata.get(source)
        return None if isinstance(found, Unusable) else found

    @property
    def usable(self) -> list[Link]:
        """The files that can be used, best first, as far as is known."""
        return [link for link in self.decision.files if link.url not in self.refused]

    @property
    def rank(self) -> int:
        """Of releases that an index set covers, those of rank 0 come first.

        They have a build with properties for the target, those of rank 1 one without any. Where
        another project of the set is installed in a build that fits, that build counts instead.
        """
        if stays := self.builds.installed_beside() if self.builds else set():
            found = {one.label for one in map(self.variant_of, self.decision.files) if one}
            return 0 if found & stays else 1
        variant = self.variant_of(self.decision.files[0]) if self.decision.files else None
        return 2 if variant is None else 0 if variant.features else 1

    def metadata_of(self, link: Link) -> VariantMetadata | None:
        """What the variants of the file's source were chosen by; None if they are ignored."""
        return self._chosen_by.get(self._source(link))

    def variant_of(self, link: Link) -> Variant | None:
        """The variant that a file is, by the metadata; None for a wheel that is no variant."""
        label = self._label(link, self.decision.ordering)
        if label is None:
            return None
        metadata = self.metadata_of(link) or _NULL_ALONE
        return metadata.variants.get(label, Variant(label))

    def description(self, link: Link) -> VariantMetadata | None:
        """What a file is, as its own metadata would say; None for one that is several builds."""
        variant, metadata = self.variant_of(link), self.metadata_of(link)
        is_one = self.builds is None or len(self.builds.labels_of(link)) == 1
        if variant is None or metadata is None or not is_one:
            return None
        return replace(metadata, variants={variant.label: variant})

    def bound(self, link: Link) -> tuple[AbiDependency, ...]:
        """The releases of other packages that a file is built for."""
        variant, metadata = self.variant_of(link), self.metadata_of(link)
        return abi_dependencies(variant, metadata) if variant and metadata else ()

    def decide(self, links: Sequence[Link], hashes: Any = None, *, aloud: bool = True) -> Decision:
        """Which of the files can be used, best first; decided and told once.

        `links` are in pip's order: by platform tags, then build tag, the source distribution last.
        Raises pip's `InstallationError` where the install must not go on.
        """
        urls = tuple(link.url for link in links)
        key = (hashes, self.builds and self.builds.only, *urls)
        if key in self._decisions:
            self.links, self.decision = self._decisions[key]
            return self.decision
        decision = Decision(tuple(one for one in links if not self._label(one, Ordering())))
        try:
            decision = self._decide(links, hashes)
        except (PipError, OSError):
            raise
        except BrokenInstallation as error:
            self._run.ignore_variants(f"pip-variants is broken ({printable(str(error))})")
        except Exception as error:  # noqa: BLE001 - a fault of ours must not break pip
            telling.ignored(self, f"internal error: {type(error).__name__}: {error}")
        self.links, self.decision = self._decisions[key] = links, decision
        self._run.release_of_url.update((link.url, self) for link in decision.files)
        self._chosen_by.update(decision.metadata)
        telling.decided(self, aloud=aloud)
        return decision

    def is_usable(self, link: Link, *, look: bool = False) -> bool:
        """Whether a file that was decided on is what it is said to be, as far as is known.

        A variant's own metadata is read, if that can be had without all of the wheel, where one is
        to `look`, and where another wheel of its source was not what it was said to be.
        """
        is_new = link.url not in self._looked_into and link.url not in self.refused
        is_new = is_new and self._run.label_of(link.filename) is not None
        if is_new and (look or url_of_source(link) in self._suspects):
            try:
                self._looked_into[link.url] = True
                difference = self.check(link, lambda: self._inside(link))
            except Unusable:
                self._looked_into[link.url] = False  # it cannot be told before pip has all of it
            else:
                if difference and not look:
                    telling.passed_by(link, difference)
        return link.url not in self.refused

    def has_seen(self, link: Link) -> bool:
        """Whether a wheel was looked into, and could be."""
        return self._looked_into.get(link.url, False)

    def check(self, link: Link, read: Callable[[], str | bytes]) -> str:
        """How a wheel differs from what was promised; then it is refused. Empty if it does not.

        `read` gives its `variant.json`; it may raise `InvalidVariantMetadata` and `Unusable`.
        """
        label, promised = str(self._run.label_of(link.filename)), self.metadata_of(link)
        try:
            inside = VariantMetadata.parse_wheel(read(), f"variant.json of {link.filename}", label)
            found = contradiction(promised, inside, label) if promised else None
        except InvalidVariantMetadata as error:
            found = Contradiction(str(error))
        if found is None:
            return ""
        self.refuse(link, found)
        return found.text

    def requires(self, wheel: Link) -> tuple[str, ...] | None:
        """What the core metadata of a wheel requires; None where it cannot be read."""
        try:
            data = core_metadata(wheel, source_of(wheel), self._budget)
        except (InvalidVariantMetadata, Unusable):
            return None
        message = message_from_string(data.decode("utf-8", "replace"))
        return tuple(message.get_all("Requires-Dist", ()))

    def refuse(self, link: Link, found: Contradiction) -> None:
        """Take a wheel no more, nor those of its source that are wrong for the same reason."""
        source = url_of_source(link)
        self.refused[link.url] = found.text
        self._suspects.add(source)
        for one in self.links:
            variant = self.variant_of(one) if url_of_source(one) == source else None
            if variant and found.namespace in variant.namespaces:
                self.refused.setdefault(one.url, found.text)

    def _decide(self, links: Sequence[Link], hashes: Any) -> Decision:
        ordering, metadata, ignored = self._order(links)
        wanted = self._run.label_for(self.name)
        places = {variant.label: place for place, variant in enumerate(ordering.best_first)}
        usable = []
        for place, link in enumerate(links):
            label, source = self._label(link, ordering), self._source(link)
            if wanted and label != (None if wanted == "none" else wanted):
                continue
            # pip prefers files with an allowed hash to files without any.
            unverified = bool(hashes) and not link.is_hash_allowed(hashes)
            if label is None:
                # Behind the null variants whose metadata cannot be used, those are last of all.
                usable.append((unverified, 1 if link.is_wheel else 3, 0, place))
            elif label == NULL_LABEL and source in ignored:
                usable.append((unverified, 2, 0, place))
            elif label in places and source in metadata:
                # Where only the content can tell, pip would have tried the file without label.
                is_last = unverified and not link._hashes
                usable.append((unverified, 4 if is_last else 0, places[label], place))
        files = tuple(links[place] for *_, place in sorted(usable))
        return Decision(files, ordering, metadata, ignored, wanted, bool(hashes))

    def _order(
        self, links: Sequence[Link]
    ) -> tuple[Ordering, Mapping[str, VariantMetadata], Mapping[str, str]]:
        """The order of the labels, the metadata of its sources, and why others are ignored."""
        wheels: dict[str, dict[str, Link]] = {}  # by source and label
        if self.builds:
            wheels[self.builds.source] = {}
        for link in links:
            if (label := self._label(link, Ordering())) is not None:
                wheels.setdefault(self._source(link), {})[label] = link
        known = {url: place for place, url in enumerate(self._run.sources)}
        metadata: dict[str, VariantMetadata] = {}
        ignored: dict[str, str] = {}
        labels: dict[str, set[str]] = {}
        for url in sorted(wheels, key=lambda url: known.get(url, len(known))):
            labels[url] = set(wheels[url])
            try:
                metadata[url] = self._metadata_for(url, wheels[url])
                if self.builds and url == self.builds.source:
                    labels[url] = set(metadata[url].variants)  # not all of them were looked for
            except Unusable as error:
                ignored[url] = str(error)
                telling.ignored(self, str(error))
        ordering, chosen, conflict = target().order_sources(self.what, metadata, labels)
        if self.builds:
            ordering = self.builds.ordered(ordering)
        if conflict:
            telling.sources_differ(self, chosen[0], conflict)
        return ordering, {url: metadata[url] for url in chosen}, ignored

    def _label(self, link: Link, ordering: Ordering) -> str | None:
        """The label in a file's name, or that of the best build that it is."""
        own = self._run.label_of(link.filename)
        if own or self.builds is None:
            return own
        labels = self.builds.labels_of(link)
        best = (one.label for one in ordering.best_first if one.label in labels)
        return next(best, labels[0] if labels else None)

    def _source(self, link: Link) -> str:
        is_build = self._run.label_of(link.filename) is None
        return self.builds.source if self.builds and is_build else url_of_source(link)

    def _metadata_for(self, url: str, wheels: Mapping[str, Link]) -> VariantMetadata:
        """The metadata of one source's variant wheels; obtained once. Raises `Unusable`."""
        if wheels.keys() == {NULL_LABEL}:
            return _NULL_ALONE
        if url not in self._metadata:
            try:
                self._metadata[url] = metadata = self._obtain(wheels)
            except (InvalidVariantMetadata, Unusable) as error:
                self._metadata[url] = Unusable(str(error))
            else:
                if unlisted := wheels.keys() - metadata.variants.keys() - {NULL_LABEL}:
                    telling.unlisted(self, unlisted)
        result = self._metadata[url]
        if isinstance(result, Unusable):
            raise result
        return result

    def _obtain(self, wheels: Mapping[str, Link]) -> VariantMetadata:
        first = next(iter(wheels.values()))
        source = source_of(first)
        if first.is_file:
            try:
                source.scan(os.path.dirname(first.file_path))
            except (OSError, ValueError) as error:  # a file: address may name another host
                raise Unusable(f"the folder of {first.filename}: {error}") from None
        listed = source.metadata_of(self.name, self.version)
        if len(listed) > 1:
            names = " and ".join(dict.fromkeys(link.filename for link in listed))
            raise Unusable(f"its index has several metadata files with different hashes: {names}")
        if listed and (data := fetch(listed[0], source)) is not None:
            return VariantMetadata.parse(data, listed[0].filename)
        pieces: dict[str, VariantMetadata] = {}
        for label, link in wheels.items():
            inside, where = self._inside(link), f"variant.json of {link.filename}"
            pieces[link.filename] = VariantMetadata.parse_wheel(inside, where, label)
        return combine_all(pieces)

    def _inside(self, link: Link) -> bytes:
        return variant_json(link, source_of(link), self._budget)


def release(name: str, version: str) -> Release:
    """The release of this run with this normalised name and version."""
    run = current()
    if run.indexes and run.indexes.covering(name):
        version = public(version)
    if (name, version) not in run.releases:
        run.releases[name, version] = Release(run, name, version)
    return run.releases[name, version]
