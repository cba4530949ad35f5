"""Reading foreign files: what is whole comes back as written, what is hostile or cut off is one sentence."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gpnet_ros.data.loaders import reading
from gpnet_ros.data.loaders.reading import (
    below,
    check_size,
    found_in,
    metres,
    read_color,
    read_depth,
    read_ids,
    read_json,
    read_lines,
    read_npy,
    read_npz,
    read_plane,
    read_text,
    read_xml,
)
from gpnet_ros.errors import BadInput

COLOR = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


class Bomb:
    """Unpickling this leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def write_color(path: Path) -> bytes:
    assert cv2.imwrite(str(path), np.ascontiguousarray(COLOR[..., ::-1]))
    return path.read_bytes()


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_lossless_pictures_come_back_in_rgb(ending: str, tmp_path: Path) -> None:
    write_color(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read_color(tmp_path / f"a.{ending}"), COLOR)


@pytest.mark.parametrize("ending", ["png", "jpg", "tiff"])
def test_a_picture_cut_off_anywhere_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{ending}"
    data = write_color(path)
    assert read_color(path).shape == COLOR.shape
    for length in (0, 3, 8, 9, 40, len(data) // 3, len(data) // 2, len(data) - 30, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(BadInput, match=f"picture.{ending}"):
            read_color(path)


def test_a_tiff_whose_pixels_come_last_is_read_and_refused_when_cut_off(tmp_path: Path) -> None:
    """OpenCV writes the directory last, other writers write it first."""
    values = np.linspace(0.5, 2.0, 32, dtype="<f4").reshape(4, 8)
    entries = [(256, 3, 8), (257, 3, 4), (258, 3, 32), (259, 3, 1), (262, 3, 1), (273, 4, 138), (277, 3, 1)]
    entries += [(278, 3, 4), (279, 4, 128), (339, 3, 3)]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    data = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + struct.pack("<I", 0)
    data = data.ljust(138, b"\0") + values.tobytes()
    (tmp_path / "a.tiff").write_bytes(data)
    np.testing.assert_array_equal(read_depth(tmp_path / "a.tiff", 1.0), values)
    (tmp_path / "a.tiff").write_bytes(data[:-1])
    with pytest.raises(BadInput, match=r"a\.tiff is not usable \(it is cut off\)"):
        read_depth(tmp_path / "a.tiff", 1.0)


def test_a_flipped_bit_in_a_png_is_refused(tmp_path: Path) -> None:
    data = bytearray(write_color(tmp_path / "a.png"))
    data[len(data) // 2] ^= 8
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(BadInput, match="checksum"):
        read_color(tmp_path / "a.png")


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture(tmp_path: Path) -> None:
    data = write_color(tmp_path / "a.jpg")
    segment = b"thumbnail\xff\xd8\xff\xd9"
    with_thumbnail = data[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    (tmp_path / "a.jpg").write_bytes(with_thumbnail)
    assert read_color(tmp_path / "a.jpg").shape == COLOR.shape
    (tmp_path / "a.jpg").write_bytes(with_thumbnail[:-50])
    with pytest.raises(BadInput, match="cut off"):
        read_color(tmp_path / "a.jpg")


def test_pictures_are_not_turned_by_exif(tmp_path: Path) -> None:
    """Annotations were drawn on the stored pixels."""
    data = write_color(tmp_path / "a.jpg")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    assert cv2.imread(str(tmp_path / "a.jpg")).shape == (40, 24, 3)  # the tag is one that OpenCV obeys
    assert read_color(tmp_path / "a.jpg").shape == COLOR.shape


def test_absurd_sizes_are_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(cv2, "imdecode", decode)
    for size in ((60_000, 60_000), (2**31 - 1, 1)):
        (tmp_path / "a.png").write_bytes(png(*size))
        with pytest.raises(BadInput, match=rf"a\.png claims {size[0]}x{size[1]}"):
            read_color(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(png(0, 10))
    with pytest.raises(BadInput, match=r"a\.png is not usable .*without a size"):
        read_color(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(png(10, 10))
    with pytest.raises(AssertionError, match="decoded"):
        read_color(tmp_path / "a.png")


def test_a_picture_that_does_not_fill_its_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(4000, 4000))
    with pytest.raises(BadInput, match="decoded"):
        read_color(tmp_path / "a.png")


def test_other_files_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"GIF89a" + bytes(100))
    with pytest.raises(BadInput, match="neither PNG, JPEG nor TIFF"):
        read_color(tmp_path / "a.png")


def test_depth_is_metres_and_nan_where_unknown(tmp_path: Path) -> None:
    raw = np.array([[0, 500, 1234]], dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "mm.png"), raw)
    np.testing.assert_allclose(read_depth(tmp_path / "mm.png", 1e-3), [[np.nan, 0.5, 1.234]], rtol=1e-6)
    cv2.imwrite(str(tmp_path / "m.tiff"), np.array([[1.5, -1.0, np.inf, np.nan]], dtype=np.float32))
    np.testing.assert_allclose(read_depth(tmp_path / "m.tiff", 1.0), [[1.5, np.nan, np.nan, np.nan]])
    assert metres(raw, 1e-3).dtype == np.float32


def test_ids_are_whole_numbers_in_one_channel(tmp_path: Path) -> None:
    ids = np.array([[0, 7], [300, 1]], dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "ids.png"), ids)
    np.testing.assert_array_equal(read_ids(tmp_path / "ids.png"), ids)
    cv2.imwrite(str(tmp_path / "gray.png"), np.repeat((ids % 256).astype(np.uint8)[..., None], 3, axis=2))
    np.testing.assert_array_equal(read_ids(tmp_path / "gray.png"), ids % 256)
    write_color(tmp_path / "color.png")
    with pytest.raises(BadInput, match=r"color\.png is a colour picture"):
        read_plane(tmp_path / "color.png")
    cv2.imwrite(str(tmp_path / "float.tiff"), ids.astype(np.float32))
    with pytest.raises(BadInput, match="whole numbers"):
        read_ids(tmp_path / "float.tiff")


def test_sizes_must_agree() -> None:
    check_size(Path("d.png"), (2, 3), (2, 3, 3))
    with pytest.raises(BadInput, match=r"d\.png has 3x2 pixels, its picture has 4x2"):
        check_size(Path("d.png"), (2, 3), (2, 4, 3))


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"\xef\xbb\xbfa b\r\n\r\n c \r\n", ["a b", "c"]),
        (b"a\rb", ["a", "b"]),
        (b"caf\xe9\n", ["café"]),
        ("café".encode(), ["café"]),
        (b"", []),
    ],
)
def test_text_of_any_origin(data: bytes, lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    assert read_lines(tmp_path / "a.txt") == lines


def test_files_that_are_too_large_missing_or_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 100)
    assert len(read_text(tmp_path / "a.txt", limit=100)) == 100
    with pytest.raises(BadInput, match=r"a\.txt has 100 bytes, at most 99"):
        read_text(tmp_path / "a.txt", limit=99)
    with pytest.raises(BadInput, match=r"b\.txt is missing"):
        read_text(tmp_path / "b.txt")
    os.mkfifo(tmp_path / "pipe.png")  # opening it would block for ever
    for path in (tmp_path, tmp_path / "pipe.png"):
        with pytest.raises(BadInput, match="not a regular file"):
            read_color(path)
    with pytest.raises(BadInput, match=r"no\.npz is missing"):
        read_npz(tmp_path / "no.npz")


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, null]}')
    assert read_json(path) == {"a": [1, None]}
    for text in ('{"a": ', "", "[" * 200_000):
        path.write_text(text)
        with pytest.raises(BadInput, match=r"a\.json is not JSON"):
            read_json(path)


def test_xml_without_entities(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text('<?xml version="1.0" encoding="ISO-8859-1"?><a><b>5</b></a>')
    assert read_xml(path).findtext("b") == "5"
    laughs = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>'
    outside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    for text in (laughs, outside):
        path.write_text(text)
        with pytest.raises(BadInput, match="document type"):
            read_xml(path)
    for data in (b"<a><b></a>", b"", laughs.encode("utf-16")):
        path.write_bytes(data)
        with pytest.raises(BadInput, match=r"a\.xml is not XML"):
            read_xml(path)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back(order: Any, tmp_path: Path) -> None:
    array = np.asarray(np.arange(12.0).reshape(3, 4), order=order)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), array)
    np.savez_compressed(tmp_path / "a.npz", x=array, y=np.array(3, dtype=np.int8))
    loaded = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded["x"], array)
    assert loaded["y"] == 3 and read_npz(tmp_path / "a.npz", ["y", "z"]).keys() == {"y"}


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb(mark)
    np.save(tmp_path / "a.npy", bomb, allow_pickle=True)
    np.savez(tmp_path / "a.npz", good=np.ones(2), bad=bomb)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb(mark)))
    with zipfile.ZipFile(tmp_path / "raw.npz", "w") as archive:
        archive.writestr("bad.npy", pickle.dumps(Bomb(mark)))
    for read, name in ((read_npy, "a.npy"), (read_npz, "a.npz"), (read_npy, "raw.npy"), (read_npz, "raw.npz")):
        with pytest.raises(BadInput, match=name.replace(".", r"\.")):
            read(tmp_path / name)
    assert read_npz(tmp_path / "a.npz", ["good"])["good"].sum() == 2
    assert not mark.exists()
    np.load(tmp_path / "a.npy", allow_pickle=True)
    assert mark.exists()  # the bomb was live


def test_a_header_that_promises_more_than_the_file_holds(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    data = (tmp_path / "a.npy").read_bytes()
    for old, new in ((b"(3, 4)", b"(9**9,"), (b"(3, 4), }      ", b"(999999999, 4),"), (b"(3, 4)", b"(3, 5)")):
        assert old in data
        (tmp_path / "b.npy").write_bytes(data.replace(old, new))
        with pytest.raises(BadInput, match=r"b\.npy"):
            read_npy(tmp_path / "b.npy")
    (tmp_path / "b.npy").write_bytes(data[:-1])
    with pytest.raises(BadInput, match=r"b\.npy claims"):
        read_npy(tmp_path / "b.npy")


def test_zip_bombs_and_broken_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(100_000))
    read_npz(tmp_path / "a.npz")
    monkeypatch.setattr(reading, "ARRAY_BYTES_MAX", 100_000)
    with pytest.raises(BadInput, match="unpacks to"):
        read_npz(tmp_path / "a.npz")
    monkeypatch.undo()
    data = (tmp_path / "a.npz").read_bytes()
    for broken in (data[:-30], data[:80] + b"\xff" * 40 + data[120:], b"no archive"):
        (tmp_path / "a.npz").write_bytes(broken)
        with pytest.raises(BadInput, match=r"a\.npz"):
            read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "", " ", "a\0b", "..", "C:/x", "..\\x", "out/x", "a/../b.png"]
)
def test_names_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="leads out"):
        below(tmp_path / "root", name)


def test_names_below_the_root_are_taken(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")  # the root itself may be a link
    (tmp_path / "real" / "in").symlink_to(tmp_path / "real")
    for name in ("a.png", "a/b..c.png", "in/a.png", "a\\b.png"):
        assert below(tmp_path / "root", name) == tmp_path / "root" / name.replace("\\", "/")


def test_what_a_folder_holds_in_words(tmp_path: Path) -> None:
    assert found_in(tmp_path) == "it is empty"
    for i in range(7):
        (tmp_path / f"f{i}").touch()
    assert found_in(tmp_path) == "it holds f0, f1, f2, f3, f4 and 2 more"
    assert found_in(tmp_path / "f0") == "it is no folder"
