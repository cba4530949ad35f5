"""Bags as recorders leave them: without an index, killed, split, written by other tools."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bag_files import COLOR, BagPlan, small_frames, write_bag

from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.errors import BagRefused

_MAGIC = b"\x89MCAP0\r\n"
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _CHUNK_INDEX, _DATA_END = 1, 2, 3, 4, 5, 6, 8, 15


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Records of an MCAP file without its magic (mcap.dev/spec), those in uncompressed chunks among them."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at + 1)
        kind, content = data[at], data[at + 9 : at + 9 + size]
        at += 9 + size
        if kind == _CHUNK:
            (name,) = struct.unpack_from("<I", content, 28)
            assert name == 0, "this chunk is compressed"
            yield from records(content[40:])
        yield kind, content


def put(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + struct.pack("<Q", len(content)) + content


def without_index(path: Path) -> Path:
    """The bag's one file without chunks and summary, as `--storage-preset-profile fastwrite` records."""
    (file,) = path.glob("*.mcap")
    found = list(records(file.read_bytes()[8:-8]))
    kept, seen = [], set()
    for kind, content in found:
        if kind in (_HEADER, _MESSAGE) or (kind in (_SCHEMA, _CHANNEL) and (kind, content) not in seen):
            kept.append(put(kind, content))
            seen.add((kind, content))
    end = put(_DATA_END, bytes(4)) + put(_FOOTER, bytes(20))
    bare = path.parent / "bare.mcap"
    bare.write_bytes(_MAGIC + b"".join(kept) + end + _MAGIC)
    return bare


def without_topics(path: Path) -> Path:
    """The bag's one file with chunks and a summary that lists nothing else."""
    (file,) = path.glob("*.mcap")
    raw = file.read_bytes()
    start, _, _ = struct.unpack("<QQI", raw[-28:-8])
    index = b"".join(put(k, c) for k, c in records(raw[start:-8]) if k == _CHUNK_INDEX)
    footer = put(_FOOTER, struct.pack("<QQI", start, 0, 0))
    poor = path.parent / "poor.mcap"
    poor.write_bytes(raw[:start] + index + footer + _MAGIC)
    return poor


def test_a_file_without_an_index_is_read_to_its_end(tmp_path: Path) -> None:
    """Models were read while images were: each moved the other's place in the file, and one frame came of five."""
    bare = without_index(write_bag(tmp_path / "bag", small_frames(5)))
    with Bag(bare) as bag, Bag(tmp_path / "bag") as whole:
        frames = list(BagFrames(bag).messages())
        assert len(frames) == 5
        assert [f.color.raw for f in frames] == [f.color.raw for f in BagFrames(whole).messages()]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3", "without index"])
def test_readings_of_one_bag_by_turns_do_not_disturb_each_other(tmp_path: Path, storage: str) -> None:
    path = write_bag(tmp_path / "bag", small_frames(4), BagPlan(storage=storage.replace("without index", "mcap")))
    with Bag(without_index(path) if storage == "without index" else path) as bag:
        topic = (f"/camera/camera/{COLOR}",)
        both = list(zip(bag.messages(topic), bag.messages(topic), strict=True))
        assert len(both) == 4 and all(one == other for one, other in both)
        assert next(bag.messages(topic)) == both[0][0]
        assert [m for m, _ in both] == list(bag.messages(topic))


def test_messages_without_a_list_of_their_topics_are_told_as_such(tmp_path: Path) -> None:
    with (
        pytest.raises(BagRefused, match="mcap recover"),
        Bag(without_topics(write_bag(tmp_path / "b", small_frames(1)))),
    ):
        pass


def test_a_database_whose_last_messages_lie_beside_it_is_refused_until_they_are_in(tmp_path: Path) -> None:
    """SQLite in its mode WAL, as with `--storage-preset-profile resilient`, whose recorder was killed."""
    path = write_bag(tmp_path / "bag", small_frames(2), BagPlan(storage="sqlite3"))
    (file,) = path.glob("*.db3")
    (path / "metadata.yaml").unlink()
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute(
        "INSERT INTO messages (topic_id, timestamp, data) SELECT topic_id, timestamp + 1, data FROM messages"
    )
    writer.commit()
    killed = tmp_path / "killed"
    killed.mkdir()
    for part in path.iterdir():
        (killed / part.name).write_bytes(part.read_bytes())
    writer.close()
    for given in (killed, killed / file.name):
        with pytest.raises(BagRefused, match="wal_checkpoint"), Bag(given):
            pass
    closed = sqlite3.connect(killed / file.name)
    closed.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    closed.close()
    with Bag(killed) as bag:
        assert bag.topics[f"/camera/camera/{COLOR}"].count == 4


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_an_empty_bag_is_told_as_such(tmp_path: Path, storage: str) -> None:
    with (
        Bag(write_bag(tmp_path / "bag", [], BagPlan(storage=storage))) as bag,
        pytest.raises(BagRefused, match="empty"),
    ):
        BagFrames(bag).require()


def test_a_split_bag_without_metadata_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    for number in range(2):
        (file,) = write_bag(tmp_path / f"part_{number}", small_frames(1)).glob("*.mcap")
        (tmp_path / "bag" / f"bag_{number}.mcap").write_bytes(file.read_bytes())
    with pytest.raises(BagRefused, match=r"2 \.mcap or \.db3 files.*reindex"), Bag(tmp_path / "bag"):
        pass


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_messages_that_are_packed_one_by_one_are_read_without_metadata_too(tmp_path: Path, storage: str) -> None:
    path = write_bag(tmp_path / "bag", small_frames(3), BagPlan(storage=storage, compression="message"))
    with Bag(path) as bag:
        whole = list(BagFrames(bag).frames())
    (path / "metadata.yaml").unlink()
    for given in (path, *path.iterdir()):
        with Bag(given) as bag:
            again = list(BagFrames(bag).frames())
        assert [m.color.raw for m, _ in again] == [m.color.raw for m, _ in whole] and len(again) == 3


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_file_that_is_packed_as_a_whole_is_read_by_its_folder_else_named_with_the_remedy(
    tmp_path: Path, storage: str
) -> None:
    path = write_bag(tmp_path / "bag", small_frames(3), BagPlan(storage=storage, compression="file"))
    with Bag(path) as bag:
        assert len(list(BagFrames(bag).frames())) == 3
    (packed,) = path.glob("*.zstd")
    with pytest.raises(BagRefused, match=f"zstd -d {packed.name}"), Bag(packed):
        pass
    (path / "metadata.yaml").unlink()
    write_bag(tmp_path / "last", small_frames(1), BagPlan(storage=storage))
    (last,) = (p for p in (tmp_path / "last").iterdir() if p.suffix in (".mcap", ".db3"))
    (path / last.name).write_bytes(last.read_bytes())  # a split bag: its last file was not packed yet
    with pytest.raises(BagRefused, match=f"zstd -d {packed.name}"), Bag(path):
        pass


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("compression", ["file", "message"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_a_packed_bag_that_is_truncated_is_one_sentence(
    tmp_path: Path, storage: str, compression: str, share: float
) -> None:
    path = write_bag(tmp_path / "bag", small_frames(3), BagPlan(storage=storage, compression=compression))
    (file,) = (p for p in path.iterdir() if p.suffix != ".yaml")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BagRefused) as refusal, Bag(path) as bag:
        list(BagFrames(bag).frames())
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)
