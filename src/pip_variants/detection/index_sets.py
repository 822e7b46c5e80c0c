"""Reading index sets: those of installed packages, ours among them, and files and URLs."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pip_variants.detection import is_path, toml
from pip_variants.errors import InvalidIndexSet
from pip_variants.model.index_set import IndexSet

_MIRRORED = re.compile(r"([^=:]+)=(https?://.+|file:/.+)")


class IndexSets:
    """The index sets that can be named."""

    def __init__(self, texts: Iterable[str], fetch: Callable[[str], bytes]) -> None:
        """`texts` are those of installed packages; `fetch` gets what stands at a URL."""
        self._fetch = fetch
        self._documents: dict[str, Any] = {}
        for text in texts:
            where = "the index set of an installed package"
            document = toml.parsed(text, where, InvalidIndexSet)
            self._documents.setdefault(str(document.get("name")), document)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of those that installed packages have."""
        return tuple(self._documents)

    def named(self, what: Iterable[str]) -> tuple[IndexSet, ...]:
        """The sets of these names, files and URLs; `name=https://…` is one on a mirror.

        Of two with one name the later counts, as a command line comes after pip.conf; `none` drops
        those before it. Raises `InvalidIndexSet`, and what `fetch` raises.
        """
        sets: dict[str, IndexSet] = {}
        for one in what:
            if one == "none":
                sets.clear()
                continue
            mirrored = _MIRRORED.fullmatch(one)
            found = self._named(*mirrored.groups()) if mirrored else self._named(one, "")
            sets.pop(found.name, None)
            for other in sets.values():
                if twice := found.projects & other.projects:
                    both = f"{other.name} and {found.name}"
                    raise InvalidIndexSet(f"the index sets {both} have {min(twice)}; name only one")
            sets[found.name] = found
        return tuple(sets.values())

    def _named(self, name: str, mirror: str) -> IndexSet:
        if "://" in name:
            document = toml.parsed(self._pinned(name), name, InvalidIndexSet)
            return IndexSet.parse(document, name, mirror, name)
        if "=" in name:
            raise InvalidIndexSet(f"{name} names no mirror, which is a URL: NAME=https://…")
        if is_path(name):
            beside = Path(os.path.abspath(name)).as_uri()
            return IndexSet.parse(toml.read(name, InvalidIndexSet), name, mirror, beside)
        if name not in self._documents:
            there = ", ".join(self.names)
            raise InvalidIndexSet(f"there is no index set {name}; there is {there}, or give a file")
        return IndexSet.parse(self._documents[name], f"the index set {name}", mirror)

    def _pinned(self, url: str) -> str:
        """A set decides what is installed: one from elsewhere has a hash that pins it."""
        place, _, digest = url.partition("#sha256=")
        data = self._fetch(place)
        if (found := hashlib.sha256(data).hexdigest()) != digest.lower():
            is_not = "does not have the hash that was given" if digest else "has no hash to pin it"
            raise InvalidIndexSet(f"{place} {is_not}; as it is now: {place}#sha256={found}")
        return data.decode(errors="replace")
