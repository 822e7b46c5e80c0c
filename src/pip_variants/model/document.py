"""Parsed JSON or TOML that somebody wrote: values that know where they stand in their file."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pip_variants.errors import InvalidVariantLabel, InvalidVariantProperty, shown


class Fault(Exception):
    """What is wrong, with the path of the key; whoever reads the file adds its name."""


class Node(NamedTuple):
    """A value, the keys that led to it, and by path the keys of objects nobody asked for.

    Its methods raise `Fault`.
    """

    value: Any
    path: tuple[str, ...]
    unread: dict[tuple[str, ...], dict[str, None]]

    def fault(self, message: str) -> Fault:
        """What is wrong with the value, with the value."""
        where = dotted(self.path) or "the document"
        return Fault(f"{where} {message}, not {shown(self.value, 60)}")

    def children(self, check: Callable[[str], str] = str) -> dict[str, "Node"]:
        """The members of an object whose keys are names."""
        if not isinstance(self.value, dict):
            raise self.fault("must be an object")
        found = {
            key: Node(value, (*self.path, key), self.unread) for key, value in self.value.items()
        }
        for key, node in found.items():
            node.check(check, key)
        return found

    def get(self, key: str, default: object = None) -> "Node":
        """A member of an object whose keys the schema gives."""
        if not isinstance(self.value, dict):
            raise self.fault("must be an object")
        self.unread.setdefault(self.path, dict.fromkeys(self.value)).pop(key, None)
        return Node(self.value.get(key, default), (*self.path, key), self.unread)

    def tables(self) -> tuple["Node", ...]:
        """The members of a list of objects."""
        if not isinstance(self.value, list) or not all(isinstance(x, dict) for x in self.value):
            raise self.fault("must be a list of tables")
        members = enumerate(self.value, 1)
        return tuple(Node(one, (*self.path, str(place)), self.unread) for place, one in members)

    def string(self, *, may_be_empty: bool = False) -> str:
        """The value, which must be a text."""
        if not isinstance(self.value, str) or not (self.value or may_be_empty):
            raise self.fault("must be a string" if may_be_empty else "must be a non-empty string")
        return self.value

    def optional_string(self) -> str | None:
        """The same, or None."""
        return None if self.value is None else self.string()

    def boolean(self) -> bool:
        """The value, which must be true or false."""
        if not isinstance(self.value, bool):
            raise self.fault("must be true or false")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """The value, which must be a list of texts."""
        if not isinstance(self.value, list) or not all(isinstance(x, str) for x in self.value):
            raise self.fault("must be a list of strings")
        return tuple(self.value)

    def strings(
        self, check: Callable[[str], str] = str, *, may_be_empty: bool = False
    ) -> tuple[str, ...]:
        """The same, with distinct texts that pass the check."""
        texts = self.texts()
        if not texts and not may_be_empty:
            raise self.fault("must not be empty")
        if len(set(texts)) != len(texts):
            raise self.fault("must not name anything twice")
        for text in texts:
            self.check(check, text)
        return texts

    @property
    def unknown(self) -> tuple[str, ...]:
        """The keys of objects that nobody asked for, anywhere in the document."""
        return tuple(dotted((*path, key)) for path, keys in self.unread.items() for key in keys)

    def check(self, check: Callable[[str], str], text: str) -> None:
        """Turn what a check of names says into a fault that says where."""
        try:
            check(text)
        except (InvalidVariantLabel, InvalidVariantProperty) as error:
            raise Fault(f"{dotted(self.path)}: {error}") from None


def dotted(path: Iterable[str]) -> str:
    """A path, fit to be printed whatever an index puts into its keys."""
    return ".".join(key if re.fullmatch(r"[ -~]{1,60}", key) else ascii(key)[:60] for key in path)
