"""Pixels of messages, raw and compressed, without ROS: what was packed comes back, what cannot be read is refused."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from support.bag_files import pack_rvl

from gpnet_ros.encodings import color_of, color_of_compressed, depth_of, depth_of_compressed
from gpnet_ros.errors import FrameRefused

RNG = np.random.default_rng(8)
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
MILLIMETRES = RNG.integers(200, 3000, (6, 8)).astype(np.uint16)
MILLIMETRES[0, :3] = 0
METRES = np.where(MILLIMETRES == 0, np.nan, MILLIMETRES * 0.001)


@dataclass
class Packed:
    """A sensor_msgs/CompressedImage."""

    format: str
    data: Any = field(default=b"")


def image(values: np.ndarray, encoding: str, big: int = 0) -> Any:
    """A sensor_msgs/Image of values (H, W) or (H, W, C)."""
    data = np.ascontiguousarray(values)
    height, width = data.shape[:2]
    step = data.nbytes // height
    return SimpleNamespace(
        height=height, width=width, encoding=encoding, is_bigendian=big, step=step, data=data.tobytes()
    )


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def huge_png() -> bytes:
    """A few bytes that say that they are a picture of 100000x100000 pixels."""
    head, body = struct.pack(">IIBBBBB", 100000, 100000, 16, 0, 0, 0, 0), zlib.compress(bytes(100))
    chunks = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_gray_of_sixteen_bits_keeps_its_high_byte() -> None:
    gray = RNG.integers(0, 65536, (4, 6)).astype(np.uint16)
    for order, big in (("<u2", 0), (">u2", 1)):
        seen = color_of(image(gray.astype(order), "mono16", big))
        np.testing.assert_array_equal(seen, np.repeat((gray >> 8).astype(np.uint8)[..., None], 3, axis=2))


def test_depth_in_metres_is_read_in_either_byte_order() -> None:
    for order, big in (("<f4", 0), (">f4", 1)):
        seen = depth_of(image(METRES.astype(order), "32FC1", big))
        np.testing.assert_array_equal(seen, METRES.astype(np.float32))


@pytest.mark.parametrize(
    ("about", "packed"),
    [
        ("rgb8; png compressed bgr8", RGB[..., ::-1]),
        ("bgr8; png compressed bgr8", RGB[..., ::-1]),
        ("png", RGB[..., ::-1]),
        ("rgb8; png compressed rgb8", RGB),
        ("rgba8; png compressed bgra8", np.dstack([RGB[..., ::-1], RGB[..., :1]])),
    ],
)
def test_compressed_colour_comes_back(about: str, packed: np.ndarray) -> None:
    np.testing.assert_array_equal(color_of_compressed(Packed(about, png(packed))), RGB)


def test_jpeg_and_gray_are_colour_pictures() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 2] = 220  # OpenCV packs BGR
    seen = color_of_compressed(Packed("rgb8; jpeg compressed bgr8", cv2.imencode(".jpg", red)[1].tobytes()))
    assert seen[8, 8, 0] > 200 and seen[8, 8, 2] < 30
    gray = color_of_compressed(Packed("mono8; png compressed mono8", png(RGB[..., 0])))
    np.testing.assert_array_equal(gray, np.repeat(RGB[..., :1], 3, axis=2))


def test_compressed_depth_in_millimetres_comes_back() -> None:
    header = struct.pack("<iff", 0, 0.0, 0.0)
    for message in (
        Packed("16UC1; compressedDepth png", header + png(MILLIMETRES)),
        Packed("16UC1; compressedDepth", header + png(MILLIMETRES)),
        Packed("16UC1; png compressed ", png(MILLIMETRES)),
    ):
        np.testing.assert_array_equal(depth_of_compressed(message), METRES.astype(np.float32))


def test_depth_in_run_lengths_comes_back() -> None:
    about = "16UC1; compressedDepth rvl"
    message = Packed(about, struct.pack("<iffii", 0, 0.0, 0.0, 8, 6) + pack_rvl(MILLIMETRES))
    np.testing.assert_array_equal(depth_of_compressed(message), METRES.astype(np.float32))


def test_quantised_inverse_depth_comes_back_within_its_step() -> None:
    # compressed_depth_image_transport: A = q (q + 1), B = 1 - A / max, packed = A / depth + B
    quant_a = 100.0 * 101.0
    quant_b = 1.0 - quant_a / 10.0
    packed = np.nan_to_num(quant_a / METRES + quant_b, nan=0.0).astype(np.uint16)
    header = struct.pack("<iff", 0, quant_a, quant_b)
    for data in (png(packed), struct.pack("<ii", 8, 6) + pack_rvl(packed)):
        kind = "png" if data.startswith(b"\x89PNG") else "rvl"
        seen = depth_of_compressed(Packed(f"32FC1; compressedDepth {kind}", header + data))
        np.testing.assert_array_equal(np.isnan(seen), np.isnan(METRES))
        step = METRES**2 / quant_a
        assert np.nanmax(np.abs(seen - METRES) / step) < 1.01


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (Packed("16UC1; jpeg compressed ", b"\xff\xd8" + bytes(40)), "JPEG"),
        (Packed("16UC1; compressedDepth rvl", bytes(40)), "0x0 pixels"),
        (Packed("16UC1; compressedDepth rvl", bytes(14)), "0x0 pixels"),
        (Packed("16UC1; compressedDepth rvl", bytes(12) + struct.pack("<ii", 2**14, 2**14) + bytes(4)), "16384 pixels"),
        (Packed("16UC1; compressedDepth png", bytes(12) + huge_png()), "damaged"),
        (Packed("16UC1; compressedDepth rvl", bytes(12) + struct.pack("<ii", 8, 6) + bytes(4)), "RVL is damaged"),
        (Packed("16UC1; compressedDepth lz4", bytes(40)), "neither PNG nor RVL"),
        (Packed("16UC1; compressedDepth png", b"ab"), "not read"),
        (Packed("16UC1; compressedDepth png", bytes(12) + png(RGB)), "16 bits"),
        (Packed("16UC1; compressedDepth png", bytes(12) + png(MILLIMETRES)[:40]), "damaged"),
    ],
)
def test_compressed_depth_that_is_none_is_refused(message: Packed, word: str) -> None:
    with pytest.raises(FrameRefused, match=word):
        depth_of_compressed(message)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (Packed("rgb8; jpeg compressed bgr8", b"nothing"), "damaged"),
        (Packed("png", png(MILLIMETRES)), "depth topic"),
        (Packed("rgb8; png compressed bgr8", huge_png()), "damaged"),
    ],
)
def test_compressed_colour_that_is_none_is_refused(message: Packed, word: str) -> None:
    with pytest.raises(FrameRefused, match=word):
        color_of_compressed(message)


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "8UC1", "16UC1", "8UC3", "nv21", ""])
def test_unknown_colour_is_refused_with_what_is_known(encoding: str) -> None:
    """8UC1 and 16UC1 are RAW8 and RAW16 of realsense2_camera: values of a sensor, without a colour."""
    with pytest.raises(FrameRefused, match=f"{encoding!r} is not read .*rgb8, .*color_format:=RGB8") as refusal:
        color_of(image(RGB, encoding))
    assert "32FC1" not in str(refusal.value)  # depth


@pytest.mark.parametrize("encoding", ["rgb8", "8UC1", "64FC1", "32SC1"])
def test_unknown_depth_is_refused_with_what_is_known(encoding: str) -> None:
    with pytest.raises(FrameRefused, match=f"'{encoding}' is not read .*32FC1, 16UC1, mono16"):
        depth_of(image(RGB, encoding))


@pytest.mark.parametrize("encoding", ["uyvy", "yuv422_yuy2", "rgb8", "mono8", "mono16"])
def test_pictures_of_no_width_and_shared_colours_of_an_odd_width_are_refused(encoding: str) -> None:
    empty = SimpleNamespace(height=5, width=0, encoding=encoding, is_bigendian=0, step=0, data=b"")
    with pytest.raises(FrameRefused, match="of 0x5"):
        color_of(empty)
    if encoding in ("uyvy", "yuv422_yuy2"):
        with pytest.raises(FrameRefused, match="must be even"):
            color_of(image(RGB[:, :5, :2], encoding))
        assert color_of(image(RGB[:, :4, :2], encoding)).shape == (6, 4, 3)
