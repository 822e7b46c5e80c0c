"""What an index page, a page of links or a folder lists: variant wheels, and their metadata.

Each source has metadata of its own, which describes the wheels of that source and no others
(PEP 825, Installing wheels from multiple sources).
"""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from pip._internal.models.link import Link
from pip._internal.utils.urls import path_to_url
from pip._vendor.packaging.utils import canonicalize_name, canonicalize_version
from pip._vendor.packaging.version import Version

from pip_variants.model.filename import split_index_metadata_filename
from pip_variants.model.names import NULL_LABEL
from pip_variants.pip_adapter.hook.run import current
from pip_variants.pip_adapter.variants.target import target


class Source:
    """One page or folder, with the session of pip that reached it."""

    def __init__(self, url: str, session: Any) -> None:
        self.url = url
        self.session = session
        # The index-level metadata of releases, by normalised name and version.
        self._metadata: dict[tuple[str, str], list[Link]] = {}
        self._is_scanned = False

    def note(self, link: Link) -> None:
        """Remember an index-level metadata file."""
        if parts := split_index_metadata_filename(link.filename):
            with contextlib.suppress(ValueError):
                release = canonicalize_name(parts[0]), canonical_version(parts[1])
                self._metadata.setdefault(release, []).append(link)

    def metadata_of(self, name: str, version: str) -> list[Link]:
        """The index-level metadata files of a release; those with the same hashes are one."""
        found = self._metadata.get((name, canonicalize_version(version)), [])
        hashed = {tuple(sorted(one._hashes.items())): one for one in found if one._hashes}
        return list(hashed.values()) or found[:1]

    def scan(self, folder: str) -> None:
        """Note the metadata files in a folder, however they spell the version."""
        if self._is_scanned:
            return
        self._is_scanned = True
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            # Whoever opens a pipe waits for somebody to write into it.
            if name.endswith("-variants.json") and os.path.isfile(path):
                self.note(Link(path_to_url(path)))


def canonical_version(text: str) -> str:
    """A version as pip compares it, from a file name. Raises `ValueError`."""
    return str(canonicalize_version(Version(text.replace("_", "-"))))


def public(version: object) -> str:
    """A version without its local part, which names a build of an index set, no newer release."""
    return str(version).partition("+")[0]


def url_of_source(link: Link) -> str:
    """The page that lists the file, or the folder that holds it."""
    return str(link.comes_from) if link.comes_from else link.url.rpartition("/")[0]


def source_of(link: Link) -> Source:
    """The source of a file."""
    url = url_of_source(link)
    return current().sources.get(url) or Source(url, None)


def remember(metadata: Sequence[Link], wheels: Sequence[Link], session: Any) -> None:
    """Note what a source lists: metadata files, and variant wheels that pip can use."""
    run = current()
    for link in (*wheels, *metadata):
        url = url_of_source(link)
        run.sources.setdefault(url, Source(url, session))
    for link in metadata:
        source_of(link).note(link)
    if any(run.label_of(link.filename) != NULL_LABEL for link in wheels):
        target().warm_up()
