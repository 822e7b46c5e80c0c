"""Reading targets: files, and names that providers know."""

from collections.abc import Callable

from pip_variants.detection import is_path, toml
from pip_variants.errors import InvalidTarget
from pip_variants.model.target import Machine, Target


def load(what: str, named: Callable[[list[str]], Machine]) -> Target:
    """The target in a file, or of names joined with `+`, as `named`. Raises `InvalidTarget`."""
    if is_path(what):
        return read(what)
    return Target((named(what.split("+")),))


def read(path: str) -> Target:
    """The target in a file. Raises `InvalidTarget`."""
    return Target.parse(toml.read(path, InvalidTarget), path)


def loads(text: str, where: str) -> Target:
    """The target in the text of a file; `where` names it in errors. Raises `InvalidTarget`."""
    return Target.parse(toml.parsed(text, where, InvalidTarget), where)
