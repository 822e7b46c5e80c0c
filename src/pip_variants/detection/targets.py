"""Reading targets: files, and names that providers know."""

import sys
from collections.abc import Callable

from pip_variants.detection import is_path
from pip_variants.errors import InvalidTarget
from pip_variants.model.target import MAX_BYTES, Machine, Target

if sys.version_info >= (3, 11):
    import tomllib
else:  # pip has the same library
    from pip._vendor import tomli as tomllib

__all__ = ["load", "loads", "read", "tomllib"]  # the last one is not of this module


def load(what: str, named: Callable[[list[str]], Machine]) -> Target:
    """The target in a file, or of names joined with `+`, as `named`. Raises `InvalidTarget`."""
    if is_path(what):
        return read(what)
    return Target((named(what.split("+")),))


def read(path: str) -> Target:
    """The target in a file. Raises `InvalidTarget`."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InvalidTarget(f"{path} is larger than {MAX_BYTES // 2**20} MiB")
        return loads(data.decode(), path)
    except OSError as error:
        raise InvalidTarget(f"{path} could not be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidTarget(f"{path} is not text in UTF-8: {error}") from None


def loads(text: str, where: str) -> Target:
    """The target in the text of a file; `where` names it in errors. Raises `InvalidTarget`."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number may be too long for Python
        raise InvalidTarget(f"{where} is not TOML: {error}") from None
    return Target.parse(document, where)
