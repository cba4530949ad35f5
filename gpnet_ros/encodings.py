"""Pixels of camera messages: bytes, encoding, height, width, row step and byte order to arrays.

Nothing here needs ROS: any object serves that has the fields of sensor_msgs Image or CompressedImage, be it of rclpy or
read from a bag. A frame is read here and nowhere else, whatever way it came.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import depth_from_raw
from gpnet_ros.rvl import unpack_rvl

#: Encoding of a depth image -> metres per unit (REP 118).
DEPTH_UNITS = {"32FC1": 1.0, "16UC1": 0.001, "mono16": 0.001}
_DTYPES: dict[str, Any] = {"32FC1": np.float32, "16UC1": np.uint16, "mono16": np.uint16}
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
#: Encodings of 2 bytes a pixel (sensor_msgs/image_encodings.hpp): colour shared by two pixels, luma second or first.
_YUV = {
    **dict.fromkeys(("uyvy", "yuv422"), cv2.COLOR_YUV2RGB_UYVY),
    **dict.fromkeys(("yuyv", "yuv422_yuy2"), cv2.COLOR_YUV2RGB_YUY2),
}
#: Encodings that are read as colour; mono16 is the Y16 of a colour camera, of which the high byte is kept.
COLOR_ENCODINGS = (*_CHANNELS, "mono16", *_YUV)
#: compressed_depth_image_transport puts a format (int32) and two parameters (float32) before the picture.
_DEPTH_HEADER = struct.Struct("<iff")
#: And width and height before what it has packed as RVL.
_RVL_SIZE = struct.Struct("<ii")
#: A picture with more pixels than these is none of a depth camera; a few bytes can say that it is.
_PIXELS_MAX = 2**24
_PNG = b"\x89PNG"


class ImageLike(Protocol):
    """Fields of sensor_msgs/Image; step is bytes per row."""

    height: int
    width: int
    encoding: str
    is_bigendian: Any
    step: int
    data: Any


class CompressedLike(Protocol):
    """Fields of sensor_msgs/CompressedImage."""

    format: str
    data: Any


def color_of(message: ImageLike) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a colour image.

    Raises:
        FrameRefused: another encoding than `COLOR_ENCODINGS`, or a truncated message.
    """
    encoding = message.encoding
    if encoding in _YUV:
        if message.width % 2:
            raise FrameRefused(
                f"Image of {message.width}x{message.height} {encoding}: two pixels share a colour, so its width must "
                "be even; change the camera's format or profile."
            )
        return np.asarray(cv2.cvtColor(rows_of(message, np.dtype(np.uint8), 2), _YUV[encoding]), np.uint8)
    if encoding == "mono16":
        gray = (rows_of(message, _ordered(np.uint16, message), 1) >> 8).astype(np.uint8)
        return np.repeat(gray, 3, axis=2)
    channels = _CHANNELS.get(encoding)
    if channels is None:
        raise unknown_encoding(encoding, COLOR_ENCODINGS)
    values = rows_of(message, np.dtype(np.uint8), channels)
    if channels == 1:
        return np.repeat(values, 3, axis=2)
    return np.ascontiguousarray(values[..., 2::-1] if encoding.startswith("bgr") else values[..., :3])


def depth_of(message: ImageLike) -> NDArray[np.float32]:
    """(H, W) float32 [m], NaN where unknown, of a depth image.

    Raises:
        FrameRefused: another encoding than those of `DEPTH_UNITS`, or a truncated message.
    """
    dtype = _DTYPES.get(message.encoding)
    if dtype is None:
        raise unknown_encoding(message.encoding, DEPTH_UNITS)
    return depth_from_raw(rows_of(message, _ordered(dtype, message), 1)[..., 0], DEPTH_UNITS[message.encoding])


def unknown_encoding(encoding: str, known: Iterable[str]) -> FrameRefused:
    """The refusal of an encoding that is not read here; known are those that are."""
    return FrameRefused(
        f"Encoding {encoding!r} is not read without cv_bridge; known are {', '.join(known)}: install "
        "ros-<distro>-cv-bridge or change the camera's format (realsense2_camera: rgb_camera.color_format:=RGB8)."
    )


def color_of_compressed(message: CompressedLike) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a compressed colour or gray image (JPEG, PNG).

    Raises:
        FrameRefused: it is no picture of 8 bits.
    """
    image = _unpacked(bytes(message.data), message.format)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if image.dtype != np.uint8 or channels not in (1, 3, 4):
        raise FrameRefused(
            f"Compressed colour {message.format!r} holds {image.dtype} in shape {image.shape}, 8 bits of 1, 3 or 4 "
            "channels are needed: is it the depth topic?"
        )
    if channels == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    # compressed_image_transport tells the order of what it has packed; packing takes the first channel for blue.
    is_rgb = message.format.rstrip().endswith(("compressed rgb8", "compressed rgba8"))
    return np.ascontiguousarray(image[..., :3] if is_rgb else image[..., 2::-1])


def depth_of_compressed(message: CompressedLike) -> NDArray[np.float32]:
    """(H, W) float32 [m], NaN where unknown, of a compressedDepth (PNG or RVL) or compressed PNG message.

    Raises:
        FrameRefused: it is neither, or not of 16 bits.
    """
    data, about = bytes(message.data), message.format
    if data.startswith(_PNG):  # the transport `compressed`: the picture alone
        return depth_from_raw(_sixteen_bits(data, about), 0.001)
    if "compressedDepth" not in about or len(data) <= _DEPTH_HEADER.size:
        raise FrameRefused(
            f"Compressed depth {about!r} is not read, JPEG spoils depth: record the depth topic itself, or its "
            "compressedDepth (16UC1 or 32FC1, as png or rvl)."
        )
    _, quant_a, quant_b = _DEPTH_HEADER.unpack_from(data)
    packed = data[_DEPTH_HEADER.size :]
    if packed.startswith(_PNG):
        raw = _sixteen_bits(packed, about)
    elif about.rstrip().endswith("rvl"):
        raw = _run_lengths(packed, about)
    else:
        raise FrameRefused(
            f"Compressed depth {about!r} is neither PNG nor RVL: set the transport's parameter format to png."
        )
    if not about.startswith("32FC1"):
        return depth_from_raw(raw, 0.001)
    with np.errstate(divide="ignore"):  # inverse depth, quantised; 0 is unknown
        metres = np.where(raw == 0, np.nan, quant_a / (raw.astype(np.float64) - quant_b))
    return depth_from_raw(metres, 1.0)


def map_of(message: ImageLike) -> NDArray[np.float32]:
    """(h, w) float32 of a 32FC1 map, values untouched.

    Raises:
        FrameRefused: another encoding.
    """
    if message.encoding != "32FC1":
        raise FrameRefused(f"Map encoding {message.encoding!r} is not 32FC1; use the maps of inference_node.")
    return rows_of(message, _ordered(np.float32, message), 1)[..., 0].astype(np.float32)


def rows_of(message: ImageLike, dtype: np.dtype, channels: int) -> NDArray:
    """(H, W, channels) values of an image, whatever the padding of its rows.

    Raises:
        FrameRefused: fewer bytes than its size and step ask for.
    """
    width = message.width * channels * dtype.itemsize
    data = np.frombuffer(message.data, np.uint8)
    if message.step < width or data.size < message.step * message.height or not message.height * width:
        raise FrameRefused(
            f"Image of {message.width}x{message.height} {message.encoding} has {data.size} bytes in rows of "
            f"{message.step}, {width} bytes a row are needed: the message is truncated."
        )
    rows = data[: message.step * message.height].reshape(message.height, message.step)[:, :width]
    return np.ascontiguousarray(rows).view(dtype).reshape(message.height, message.width, channels)


def _ordered(dtype: Any, message: ImageLike) -> np.dtype:
    return np.dtype(dtype).newbyteorder(">" if message.is_bigendian else "<")


def _unpacked(data: bytes, about: str) -> NDArray[Any]:
    try:
        image = cv2.imdecode(np.frombuffer(data or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # more pixels than OpenCV takes
        image = None
    if image is None:
        raise FrameRefused(f"Compressed image {about!r} of {len(data)} bytes cannot be unpacked: it is damaged.")
    return image


def _run_lengths(data: bytes, about: str) -> NDArray[np.uint16]:
    """The picture (H, W) of an RVL message behind its header."""
    width, height = _RVL_SIZE.unpack_from(data) if len(data) >= _RVL_SIZE.size else (0, 0)
    if not (width > 0 and height > 0 and width * height <= _PIXELS_MAX):
        raise FrameRefused(f"Compressed depth {about!r} is of {width}x{height} pixels: it is damaged, record it again.")
    return unpack_rvl(data[_RVL_SIZE.size :], width * height).reshape(height, width)


def _sixteen_bits(data: bytes, about: str) -> NDArray[np.uint16]:
    image = _unpacked(data, about)
    if image.dtype != np.uint16 or image.ndim != 2:
        raise FrameRefused(
            f"Compressed depth {about!r} holds {image.dtype} in shape {image.shape}, one channel of 16 bits is needed: "
            "is it the colour topic?"
        )
    return image
