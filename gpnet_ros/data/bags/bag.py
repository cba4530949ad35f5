"""A ROS 2 bag, folder or single file, mcap or sqlite3: its topics and its messages in the order of their recording."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from backports import zstd  # comes with rosbags
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from gpnet_ros.errors import BagRefused, GpnetError

#: How what is packed by zstd begins (RFC 8878); a serialised message begins with 0.
_ZSTD = b"\x28\xb5\x2f\xfd"
_SUFFIXES = {".mcap": "mcap", ".db3": "sqlite3"}
_REPAIR = (
    "it was not closed or not copied whole, or is no bag; try `ros2 bag reindex` (sqlite3) or `mcap recover`, "
    "or record it again"
)


@dataclass(frozen=True)
class BagTopic:
    """A topic of a bag: its name, its message type and how many messages it has."""

    name: str
    type: str
    count: int


class BagMessage(NamedTuple):
    """A serialised message, and when it was recorded [ns]."""

    topic: str
    time: int
    raw: bytes


class Bag:
    """An open bag; use it as a context.

    Attributes:
        path: as it was given.
        topics: by name.
        storage: mcap or sqlite3.
        start, end: of the recording [ns]; equal for an empty bag.
    """

    def __init__(self, path: Path) -> None:
        """The bag at path: a folder with metadata.yaml, a folder with one storage file, or such a file.

        Raises:
            BagRefused: there is none.
        """
        self.path = Path(path)
        self._file = _bag_file(self.path)
        self._reader: Any = None
        self._is_read = False
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self.topics: dict[str, BagTopic] = {}
        self.storage, self.start, self.end = "", 0, 0

    def __enter__(self) -> Bag:
        """Open the bag.

        Raises:
            BagRefused: it is damaged or truncated.
        """
        self._require_whole()
        self._reader = self._opened()
        counts: dict[tuple[str, str], int] = {}
        for connection in self._reader.connections:  # one for each publisher
            kind = (connection.topic, connection.msgtype)
            counts[kind] = counts.get(kind, 0) + int(connection.msgcount)
        self.topics = {name: BagTopic(name, kind, n) for (name, kind), n in sorted(counts.items())}
        if self._reader.message_count:
            if not counts:
                raise BagRefused(
                    f"Bag {self.path} holds messages and no list of their topics: write it anew with `mcap recover`."
                )
            self.start, self.end = int(self._reader.start_time), int(self._reader.end_time) - 1
        self.storage = _SUFFIXES.get(self._file.suffix, "") or _storage_in(self._file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bag."""
        if self._reader is not None and self._reader.is_open:
            self._reader.close()

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        files = [self.path] if self.path.is_file() else [p for p in self.path.rglob("*") if p.is_file()]
        return sum(file.stat().st_size for file in files)

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """The messages of these topics, in the order of their recording.

        Raises:
            BagRefused: the bag ends in the middle of one, or is damaged.
        """
        # Two that read by turns would move each other's place in an mcap without an index, and end too soon.
        reader = self._opened() if self._is_read else self._reader
        is_first, self._is_read = reader is self._reader, True
        try:
            connections = [c for c in reader.connections if c.topic in topics]
            found = iter(reader.messages(connections=connections) if connections else ())
            while (one := self._guarded(lambda: next(found, None))) is not None:
                yield BagMessage(one[0].topic, int(one[1]), self._guarded(lambda: _unpacked(bytes(one[2]))))
        finally:
            if is_first:
                self._is_read = False
            else:
                reader.close()

    def _opened(self) -> Any:
        reader = self._guarded(lambda: Reader(self._file))
        self._guarded(reader.open)
        return reader

    def _require_whole(self) -> None:
        """Refuse a database whose last messages lie beside it: they would be left out without a word.

        Raises:
            BagRefused: the recorder was killed.
        """
        folder = self._file.parent if self._file.is_file() else self._file
        for waiting in sorted(folder.glob("*.db3-wal")):
            file = waiting.with_name(waiting.name.removesuffix("-wal"))
            if waiting.stat().st_size and (folder is self._file or file == self._file):
                raise BagRefused(
                    f"Bag {self.path}: the recorder was killed, its last messages are still in {waiting.name}: bring "
                    f"them in with `sqlite3 {file.name} 'PRAGMA wal_checkpoint(TRUNCATE)'`, once."
                )

    def read(self, message: BagMessage) -> Any:
        """The message with its fields.

        Raises:
            BagRefused: its bytes are not of its topic's type.
        """
        kind = self.topics[message.topic].type
        try:
            return self._types.deserialize_cdr(message.raw, kind)
        except Exception as error:  # of struct, numpy or rosbags, as the bytes happen to be
            raise BagRefused(
                f"Bag {self.path}: a message of {message.topic} is no {kind} ({error}); record the topic again."
            ) from error

    def _guarded(self, step: Callable[[], Any]) -> Any:
        """What reading gives; whatever it raises on a damaged file becomes one sentence."""
        try:
            return step()
        except (GpnetError, KeyboardInterrupt):
            raise
        except Exception as error:  # of the storage, of compression, of struct: as the bytes happen to be
            raise BagRefused(f"Bag {self.path} cannot be read ({_first_line(error)}): {_REPAIR}.") from error


def stamp_of(raw: bytes) -> tuple[int, int]:
    """Stamp (seconds, nanoseconds) of a serialised message that begins with a Header.

    A serialised message has four bytes of encapsulation, whose second one tells the byte order, then
    the seconds and nanoseconds (OMG DDSI-RTPS 2.3, section 10).
    """
    seconds, nanoseconds = struct.unpack_from(_stamp_format(raw), raw, 4)
    return int(seconds), int(nanoseconds)


def with_stamp(raw: bytes, nanoseconds: int) -> bytes:
    """A serialised message that begins with a Header, with another stamp [ns]."""
    return raw[:4] + struct.pack(_stamp_format(raw), *divmod(nanoseconds, 10**9)) + raw[12:]


def _stamp_format(raw: bytes) -> str:
    return "<iI" if raw[1] & 1 else ">iI"


def _unpacked(raw: bytes) -> bytes:
    """A message that was packed by itself, as `--compression-mode message` records it, of which no metadata tells."""
    return bytes(zstd.decompress(raw)) if raw.startswith(_ZSTD) else raw


def _bag_file(path: Path) -> Path:
    """What rosbags opens: the folder, or the one storage file."""
    if not path.exists():
        raise BagRefused(f"Bag {path} does not exist: give the folder of a ROS 2 bag, or its .mcap or .db3 file.")
    if path.is_file():
        if path.suffix in _SUFFIXES:
            return path
        _refuse_packed(path, [path])
        old = "; recordings of ROS 1 or of the RealSense SDK: rosbags-convert, or camera_node with source:=bag"
        raise BagRefused(
            f"Bag {path} is no ROS 2 bag: allowed are a folder, .mcap and .db3{old if path.suffix == '.bag' else ''}."
        )
    if (path / "metadata.yaml").is_file():
        return path
    _refuse_packed(path, sorted(path.iterdir()))
    files = sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES)
    if len(files) == 1:  # the recorder was killed before it could write the metadata
        return files[0]
    raise BagRefused(
        f"Folder {path} holds no metadata.yaml and {len(files)} .mcap or .db3 files, one is needed: give a bag's "
        f"folder, or one of its files{'; `ros2 bag reindex` writes the metadata.yaml of all' if files else ''}."
    )


def _refuse_packed(bag: Path, files: list[Path]) -> None:
    """Refuse files that were packed as a whole (`--compression-mode file`): only metadata.yaml says which they are.

    Raises:
        BagRefused: one of them is.
    """
    packed = next((f.name for f in files if f.suffix == ".zstd" and Path(f.stem).suffix in _SUFFIXES), None)
    if packed is not None:
        raise BagRefused(
            f"Bag {bag} is packed as a whole ({packed}): give its folder with metadata.yaml, or unpack it first "
            f"with `zstd -d {packed}`."
        )


def _storage_in(folder: Path) -> str:
    return next((_SUFFIXES[p.suffix] for p in sorted(folder.iterdir()) if p.suffix in _SUFFIXES), "compressed")


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):  # of a file by another tool, which leaves out what rosbag2 writes
        return f"{error} is missing in what describes a topic"
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
