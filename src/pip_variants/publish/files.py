"""Writing files so that readers see the old one or the new one, whole; and reading large ones."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

Tell: TypeAlias = Callable[[str], object]
"""Is told how far long work is."""


def nobody(_: str) -> None:
    """To be told where nobody wants to know."""


def of(name: str, size: int, tell: Tell) -> Callable[[int], object]:
    """Tells how many bytes of a file are done, if it is large."""
    return lambda done: tell(f"{name}, {done >> 20} of {size >> 20} MiB" if size >> 20 else name)


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


def replace(path: Path, content: bytes) -> None:
    """Write `content`, unless the file has it already."""
    if not path.is_file() or path.read_bytes() != content:
        with replacing(path) as unfinished:
            unfinished.write_bytes(content)


def digest(
    file: IO[bytes], algorithm: str = "sha256", tell: Callable[[int], object] = lambda _: None
) -> bytes:
    """The hash of a file, read a piece at a time; `tell` is told the bytes that were read."""
    result, done = hashlib.new(algorithm, usedforsecurity=False), 0
    while chunk := file.read(2**20):
        result.update(chunk)
        done += len(chunk)
        tell(done)
    return result.digest()
