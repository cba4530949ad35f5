"""Shard files: uncompressed zip archives of plain files, written whole or not at all, read member by member.

The same members give the same bytes: times, owners and order are fixed. The archive is the one of PKWARE's
APPNOTE.TXT 6.3.10 with method 0 (stored), so that any zip tool opens it.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO

from gpnet_ros.errors import BadInput

SHARD_BYTES_MAX = 16 * 2**30
MEMBER_BYTES_MAX = 256 * 2**20
MEMBERS_MAX = 1_000_000
_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, ..., length of name and of extra field

#: Member -> where its local header begins, its size [bytes], its CRC-32.
Directory = Mapping[str, tuple[int, int, int]]


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says in one sentence what went wrong while something below `path` was written.

    Raises:
        BadInput: the disk is full, the folder is not writable, ...
    """
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written ({error.strerror}): what was finished stays readable; "
            "make room or choose another folder, then go on with --resume."
        ) from error


def write_whole(path: Path, write: Callable[[IO[bytes]], None], durable: bool = True) -> None:
    """Write a file that is there whole or not at all, whenever the process is killed.

    Args:
        path: of the file; replaced if it exists.
        write: gets the open file.
        durable: also survive a power cut.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            if durable:
                _synced(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            _synced(folder)
        finally:
            os.close(folder)


def _synced(descriptor: int) -> None:
    os.fsync(descriptor)


def write_members(path: Path, members: Iterable[tuple[str, bytes]], durable: bool = True) -> None:
    """Write a zip of members, in their order."""

    def write(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, data in members:
                info = zipfile.ZipInfo(name, _TIME)
                info.create_system, info.external_attr = 3, 0o644 << 16  # Unix, whatever machine writes
                archive.writestr(info, data)

    write_whole(path, write, durable)


def directory(path: Path) -> Directory:
    """Names and places of the members of a shard, without reading them; kept in memory for the shards used last.

    Raises:
        BadInput: not readable, not a zip of stored members, or one with absurd sizes or names.
    """
    try:
        about = os.stat(path)
    except OSError as error:
        raise BadInput(
            f"Shard {path} cannot be read ({error.strerror}): take it from its source again, or delete it and "
            "remake it with --resume."
        ) from error
    if about.st_size > SHARD_BYTES_MAX:
        raise BadInput(f"Shard {path} has {about.st_size} bytes, at most {SHARD_BYTES_MAX} are read: it is no shard.")
    return _directory(path, about.st_size, about.st_mtime_ns)


def read_members(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Content of some members; the rest of the shard is not touched. Safe in any number of threads and processes.

    Raises:
        BadInput: a member is missing or damaged; names it.
    """
    listed = directory(path)
    found: dict[str, bytes] = {}
    try:
        with path.open("rb") as file:
            for name in names:
                found[name] = _member(file, path, name, listed)
    except OSError as error:
        raise BadInput(f"Shard {path} cannot be read ({error.strerror}): check the disk it lies on.") from error
    return found


def read_all(path: Path) -> dict[str, bytes]:
    """Content of every member of a shard by name, in the order of the shard.

    Raises:
        BadInput: the shard or a member is damaged.
    """
    return read_members(path, directory(path))


@lru_cache(maxsize=64)
def _directory(path: Path, size: int, changed: int) -> Directory:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise BadInput(
            f"Shard {path} is not a whole zip file ({error}): take it from its source again, or delete it and "
            "remake it with --resume."
        ) from error
    if len(infos) > MEMBERS_MAX:
        raise BadInput(f"Shard {path} claims {len(infos)} members, at most {MEMBERS_MAX} are read: it is no shard.")
    found: dict[str, tuple[int, int, int]] = {}
    for info in infos:
        wrong = _wrong(info, size) or ("comes twice" if info.filename in found else "")
        if wrong:
            raise BadInput(
                f"Shard {path} has a member {info.filename!r} that {wrong}: it is refused; remake the shard."
            )
        found[info.filename] = (info.header_offset, info.file_size, info.CRC)
    return found


def _wrong(info: zipfile.ZipInfo, size: int) -> str:
    """What is wrong with a member's entry, or nothing."""
    parts = info.orig_filename.split("/")
    if "\\" in info.orig_filename or "\0" in info.orig_filename or any(part in ("", ".", "..") for part in parts):
        return "leads out of the shard"
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size != info.compress_size:
        return "is compressed or encrypted"
    if info.file_size > min(MEMBER_BYTES_MAX, size):
        return f"claims {info.file_size} bytes"
    return ""


def _member(file: IO[bytes], path: Path, name: str, listed: Directory) -> bytes:
    if name not in listed:
        raise BadInput(f"Shard {path} lacks the member {name}: take the shard from its source again.")
    offset, size, checksum = listed[name]
    file.seek(offset)
    header = file.read(_LOCAL_HEADER.size)
    data = b""
    if len(header) == _LOCAL_HEADER.size and header.startswith(b"PK\3\4"):
        _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        file.seek(name_length + extra_length, os.SEEK_CUR)
        data = file.read(size)
    if len(data) != size or zlib.crc32(data) != checksum:
        raise BadInput(
            f"Shard {path} has a damaged member {name}: take the shard from its source again, or delete it and "
            "remake it with --resume."
        )
    return data
