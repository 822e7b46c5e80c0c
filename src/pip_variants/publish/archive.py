"""Writing files so that readers see the old one or the new one, whole; and wheels as archives.

A wheel is written again with a few other files, the rest byte for byte. Source: APPNOTE.TXT (the
ZIP file format), 4.3.7, local file header; Binary distribution format.
"""

import base64
import copy
import csv
import hashlib
import io
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar
from zipfile import BadZipFile, ZipFile, ZipInfo

from pip_variants.errors import InvalidWheel, PipVariantsError

_T = TypeVar("_T")
_Contents: TypeAlias = Mapping[str, bytes | None]  # by path; None for a file that goes

_log = logging.getLogger(__name__)

_LOCAL_HEADER = "<4s5H3L2H"
_FLAGS, _NAME_LENGTH = 2, 9  # among its fields
_UTF_8 = 0x800  # the flag of a name that is not ASCII
_CHUNK = 2**18  # fits into the caches of processors; 2**20 took four times as long

# What reading a damaged archive raises, or one that is encrypted or of an unknown kind.
_UNREADABLE: tuple[type[Exception], ...] = (
    *(OSError, EOFError, RuntimeError, UnicodeDecodeError, csv.Error, struct.error),
    *(zlib.error, BadZipFile),
)
with suppress(ImportError):  # not every Python is built with it
    import lzma

    _UNREADABLE += (lzma.LZMAError,)


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


@contextmanager
def opened(wheel: Path | IO[bytes], name: str = "") -> Iterator[ZipFile]:
    """The wheel, open. Raises `InvalidWheel` for what cannot be read, now or later."""
    try:
        with ZipFile(wheel) as archive:
            yield archive
    except _UNREADABLE as error:
        raise InvalidWheel(f"{name or wheel} cannot be read as a wheel: {error}") from None


def dist_info(archive: ZipFile, wheel: str) -> str:
    """The name of the wheel's one folder of metadata. Raises `InvalidWheel`."""
    tops = {name.partition("/")[0] for name in archive.namelist()}
    found = [top for top in tops if top.endswith(".dist-info")]
    if len(found) != 1:
        raise InvalidWheel(f"{wheel} must have one .dist-info folder, not {len(found)}")
    return found[0]


def member(archive: ZipFile, wheel: str, name: str) -> str:
    """The path of a file in the wheel's folder of metadata. Raises `InvalidWheel`."""
    path = f"{dist_info(archive, wheel)}/{name}"
    if path not in archive.NameToInfo:
        raise InvalidWheel(f"{wheel} has no {path}")
    return path


def rewrite(
    source: ZipFile, target: Path, contents: _Contents, renamed: Callable[[str], str] = str
) -> None:
    """Write `source`, a wheel, to `target` with other contents of some files, and RECORD right.

    None leaves a file out; a new one comes before RECORD and is like it. `contents` has the old
    names, `renamed` gives the new ones. An existing `target` is replaced at the end, in one step.
    Raises `InvalidWheel` if there is no RECORD.
    """
    record = member(source, target.name, "RECORD")
    contents = {**contents, record: _record(source.read(record), contents, renamed)}
    entries = sorted(source.infolist(), key=lambda entry: entry.header_offset)
    ends = [entry.header_offset for entry in entries[1:]] + [source.start_dir]
    with replacing(target) as unfinished, ZipFile(unfinished, "w") as archive:
        archive.comment = source.comment
        for entry, end in zip(entries, ends, strict=True):
            if entry.filename not in contents:
                _copy(source, entry, end, archive, renamed(entry.filename))
                continue
            new = [name for name in contents if name not in source.NameToInfo]
            for name in (*(new if entry.filename == record else ()), entry.filename):
                if (content := contents[name]) is not None:
                    info = ZipInfo(renamed(name), entry.date_time)
                    info.compress_type = entry.compress_type
                    info.external_attr = entry.external_attr
                    info.create_system = entry.create_system
                    archive.writestr(info, content)


def record_row(name: str, content: bytes) -> tuple[str, str, str]:
    """The row of RECORD for a file (Recording installed projects, RECORD)."""
    return name, f"sha256={encoded(hashlib.sha256(content).digest())}", str(len(content))


def encoded(digest: bytes) -> str:
    """A hash as RECORD has it."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _copy(source: ZipFile, entry: ZipInfo, end: int, archive: ZipFile, name: str) -> None:
    """Carry an entry over, compressed as it is, which `zipfile` itself cannot do."""
    reader: Any = source.fp
    writer: Any = archive.fp
    reader.seek(entry.header_offset)
    header = list(struct.unpack(_LOCAL_HEADER, reader.read(struct.calcsize(_LOCAL_HEADER))))
    if reader.read(header[_NAME_LENGTH]) != entry.orig_filename.encode():
        raise BadZipFile(f"{entry.orig_filename} is called otherwise in its own header")
    encoded = name.encode()
    header[_NAME_LENGTH] = len(encoded)
    header[_FLAGS] |= 0 if name.isascii() else _UTF_8
    info = copy.copy(entry)
    info.filename, info.header_offset = name, archive.start_dir
    writer.seek(archive.start_dir)
    writer.write(struct.pack(_LOCAL_HEADER, *header) + encoded)
    while (left := end - reader.tell()) > 0:
        chunk = reader.read(min(left, _CHUNK))
        if not chunk:
            raise EOFError(f"{entry.filename} is cut off")
        writer.write(chunk)
    archive.start_dir = writer.tell()
    archive.filelist.append(info)
    archive.NameToInfo[name] = info


def _record(record: bytes, contents: _Contents, renamed: Callable[[str], str]) -> bytes:
    """RECORD of the new wheel. Lines that need no change stay as they are."""
    result = io.StringIO()
    writer = csv.writer(result, lineterminator="\n")
    for name, content in contents.items():
        if content is not None:
            writer.writerow(record_row(renamed(name), content))
    for line in io.StringIO(record.decode(), newline="\n"):  # a name may hold other separators
        name, *rest = next(csv.reader([line])) or [""]
        if name not in contents and renamed(name) == name:
            result.write(line)
        elif name not in contents:
            writer.writerow((renamed(name), *rest))
    return result.getvalue().encode()
