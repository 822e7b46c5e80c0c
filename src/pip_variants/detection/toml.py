"""TOML that somebody wrote."""

import sys
from typing import Any

from pip_variants.errors import PipVariantsError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pip has the same library
    from pip._vendor import tomli as tomllib

_MAX_BYTES = 64 * 2**20  # of a file that is read


def read(path: str, fault: type[PipVariantsError]) -> dict[str, Any]:
    """What a file says. Raises `fault`."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise fault(f"{path} could not be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise fault(f"{path} is not text in UTF-8: {error}") from None
    if len(data) > _MAX_BYTES:
        raise fault(f"{path} is larger than {_MAX_BYTES // 2**20} MiB")
    return parsed(text, path, fault)


def parsed(text: str, where: str, fault: type[PipVariantsError]) -> dict[str, Any]:
    """What a text says; `where` names it in errors. Raises `fault`."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number may be too long for Python
        raise fault(f"{where} is not TOML: {error}") from None
