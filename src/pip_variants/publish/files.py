"""Writing files so that readers see the old one or the new one, whole; and reading large ones."""

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from pip_variants.errors import PipVariantsError

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


def counted(files: Sequence[_T]) -> Iterator[_T]:
    """One after the other; it is logged how far, by their names."""
    for place, one in enumerate(files, 1):
        _log.debug("%d of %d: %r", place, len(files), getattr(one, "name", str(one)))
        yield one


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a file beside `path` to write to, which takes its place in the end.

    After an error `path` is as it was. What is left if the process is killed is hidden, no wheel
    by its name, and written over by the next try.
    """
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(exist_ok=False)  # somebody's link to elsewhere would be written through
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def refuse_existing(path: Path, instead: str = "", *, force: bool) -> None:
    """Raise `PipVariantsError` for a file that is there, unless `force`; `instead` adds to it."""
    if path.exists() and not force:
        more = f"; to add to it: {instead}" if instead else ""
        raise PipVariantsError(f"{path} exists already: --force replaces it{more}")


def replace(path: Path, content: bytes) -> None:
    """Write `content`, unless the file has it already."""
    if not path.is_file() or path.read_bytes() != content:
        with replacing(path) as unfinished:
            unfinished.write_bytes(content)


def digest(file: IO[bytes], algorithm: str = "sha256", name: str = "") -> bytes:
    """The hash of a file, read a piece at a time; it is logged how far, of what has this name."""
    result = hashlib.new(algorithm, usedforsecurity=False)
    while chunk := file.read(2**20):
        result.update(chunk)
        _log.debug("%d MiB of %r", file.tell() >> 20, name)
    return result.digest()
