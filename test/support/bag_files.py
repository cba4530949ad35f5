"""Bags as `ros2 bag record` makes them of realsense2_camera, written from arrays, in every encoding of its docs."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from gpnet_ros.frame import Frame, Intrinsics

TYPES = get_typestore(Stores.ROS2_JAZZY)
IMAGE, COMPRESSED, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"
COLOR, DEPTH = "color/image_raw", "aligned_depth_to_color/image_raw"
COLOR_INFO, DEPTH_INFO = "color/camera_info", "aligned_depth_to_color/camera_info"
CAMERA = Intrinsics(64, 48, 61.0, 61.5, 31.5, 24.0)
FRAME_ID = "camera_color_optical_frame"


@dataclass
class BagPlan:
    """How a bag is written.

    Attributes:
        color, depth: encodings; jpeg, png and compressedDepth (of 16UC1 as png; /32FC1, /rvl) are image transports.
        prefix: before the topics; color_topic: of the colour images.
        start, period: first stamp and time between frames [s].
        skew: by which depth is later [s]; late: by which all is recorded later [s].
        info: each, once (recorded at the end) or none.
        distortion, model: of the camera model.
        depth_frame: frame_id of depth.
        storage: mcap or sqlite3; zstd: compressed, chunks of mcap and sqlite3 as a file.
        compression: else as `ros2 bag record --compression-mode` has it: file or message; empty: not.
        leave_out: topics that are not recorded; types: other types of topics.
        padding: bytes behind each row.
    """

    color: str = "rgb8"
    depth: str = "16UC1"
    prefix: str = "/camera/camera"
    color_topic: str = "color/image_raw"
    start: float = 1.7e9
    period: float = 1 / 16
    skew: float = 0.0
    late: float = 0.02
    info: str = "each"
    distortion: tuple[float, ...] = (0.0,) * 5
    model: str = "plumb_bob"
    depth_frame: str = "camera_color_optical_frame"
    storage: str = "mcap"
    zstd: bool = False
    compression: str = ""
    leave_out: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    padding: int = 0


def small_frames(count: int, seed: int = 3) -> list[Frame]:
    """Frames (48, 64) of noise with whole millimetres and holes; colour is smooth, so that JPEG and YUV keep it."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        blocks = rng.integers(40, 200, (6, 8, 1)).astype(np.uint8)
        color = np.repeat(np.repeat(np.repeat(blocks, 3, axis=2), 8, axis=0), 8, axis=1)
        depth = (rng.integers(600, 900, (48, 64)) * 0.001).astype(np.float32)
        depth[:4, :9] = np.nan
        frames.append(Frame(color, depth, CAMERA, 0.0, FRAME_ID))
    return frames


def write_bag(path: Path, frames: list[Frame], plan: BagPlan | None = None) -> Path:
    """Write frames as a bag folder; stamps are those of the plan."""
    plan = plan or BagPlan()
    storage = StoragePlugin.MCAP if plan.storage == "mcap" else StoragePlugin.SQLITE3
    writer = Writer(path, version=9, storage_plugin=storage)
    if plan.zstd:
        mode = CompressionMode.STORAGE if plan.storage == "mcap" else CompressionMode.FILE
        writer.set_compression(mode, CompressionFormat.ZSTD)
    elif plan.compression:
        writer.set_compression(CompressionMode[plan.compression.upper()], CompressionFormat.ZSTD)
    with writer:
        known: dict[str, Any] = {}
        for number, frame in enumerate(frames):
            stamp = round((plan.start + number * plan.period) * 1e9)
            for topic, message in messages_of(frame, stamp, plan).items():
                first_info = plan.info == "once" and number == len(frames) - 1
                if topic in plan.leave_out or ("camera_info" in topic and plan.info != "each" and not first_info):
                    continue
                kind = plan.types.get(topic, message.__msgtype__)
                if topic not in known:
                    name = f"{plan.prefix}/{topic}"
                    known[topic] = writer.add_connection(name, kind, typestore=TYPES)
                raw = bytes(TYPES.serialize_cdr(message, message.__msgtype__))
                writer.write(known[topic], stamp + round(plan.late * 1e9), raw)
    return path


def messages_of(frame: Frame, stamp: int, plan: BagPlan) -> dict[str, Any]:
    """Messages of one frame by topic without prefix; stamp in nanoseconds."""
    assert frame.color is not None and frame.depth is not None and frame.intrinsics is not None
    then = stamp + round(plan.skew * 1e9)
    color_name = plan.color_topic + ("/compressed" if plan.color in ("jpeg", "png") else "")
    depth_name = DEPTH + ("/compressedDepth" if plan.depth.startswith("compressedDepth") else "")
    depth = depth_message(frame.depth, plan.depth, then, plan.padding)
    depth.header.frame_id = plan.depth_frame
    return {
        color_name: color_message(frame.color, plan.color, stamp, plan.padding),
        COLOR_INFO: info_message(frame.intrinsics, stamp, plan.distortion, plan.model),
        depth_name: depth,
        DEPTH_INFO: info_message(frame.intrinsics, then, plan.distortion, plan.model),
    }


def header(stamp: int) -> Any:
    """Header of a stamp [ns]."""
    time = TYPES.types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9))
    return TYPES.types["std_msgs/msg/Header"](time, FRAME_ID)


def image_message(values: NDArray[Any], encoding: str, stamp: int, padding: int = 0, big: int = 0) -> Any:
    """Image of values (H, W) or (H, W, C); each row ends with `padding` bytes."""
    height, width = values.shape[:2]
    rows = np.ascontiguousarray(values).reshape(height, -1).view(np.uint8)
    rows = np.ascontiguousarray(np.pad(rows, ((0, 0), (0, padding)), constant_values=255))
    return TYPES.types[IMAGE](header(stamp), height, width, encoding, big, rows.shape[1], rows.reshape(-1))


def packed_message(data: bytes, about: str, stamp: int) -> Any:
    """CompressedImage."""
    return TYPES.types[COMPRESSED](header(stamp), about, np.frombuffer(data, np.uint8))


def info_message(
    camera: Intrinsics, stamp: int, distortion: tuple[float, ...] = (0.0,) * 5, model: str = "plumb_bob"
) -> Any:
    """CameraInfo."""
    k = camera.matrix
    roi = TYPES.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return TYPES.types[INFO](
        header(stamp), camera.height, camera.width, model, np.array(distortion), k.reshape(-1),
        np.eye(3).reshape(-1), np.column_stack([k, np.zeros(3)]).reshape(-1), 0, 0, roi,
    )  # fmt: skip


def color_message(rgb: NDArray[np.uint8], encoding: str, stamp: int, padding: int = 0) -> Any:
    """Colour (H, W, 3) RGB in an encoding of realsense2_camera, or as JPEG or PNG."""
    if encoding in ("jpeg", "png"):
        packed = cv2.imencode(f".{encoding}", rgb[..., ::-1])[1].tobytes()
        return packed_message(packed, f"rgb8; {encoding} compressed bgr8", stamp)
    opaque = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    plain = {
        "rgb8": rgb, "bgr8": rgb[..., ::-1], "rgba8": np.dstack([rgb, opaque]), "mono8": gray,
        "bgra8": np.dstack([rgb[..., ::-1], opaque]), "mono16": gray.astype(np.uint16) << 8,
    }  # fmt: skip
    values = plain[encoding] if encoding in plain else _yuv(rgb, luma=0 if encoding in ("yuyv", "yuv422_yuy2") else 1)
    return image_message(values, encoding, stamp, padding)


def _yuv(rgb: NDArray[np.uint8], luma: int) -> NDArray[np.uint8]:
    """(H, W, 2) with colour shared by two pixels, of video range (ITU-R BT.601)."""
    r, g, b = (rgb[..., k].astype(np.float64) / 255 for k in range(3))
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    packed = np.zeros((*y.shape, 2), np.uint8)
    packed[..., luma] = np.round(y)
    packed[:, 0::2, 1 - luma], packed[:, 1::2, 1 - luma] = np.round(u[:, 0::2]), np.round(v[:, 0::2])
    return packed


def depth_message(metres: NDArray[np.float32], encoding: str, stamp: int, padding: int = 0) -> Any:
    """Depth (H, W) [m] in an encoding; a name with /big is big-endian."""
    raw = np.nan_to_num(np.round(metres * 1000), nan=0.0).astype(np.uint16)
    if encoding.startswith("compressedDepth"):
        return packed_message(*_packed_depth(raw, encoding.removeprefix("compressedDepth")), stamp)
    name, _, order = encoding.partition("/")
    values = metres if name == "32FC1" else raw
    big = order == "big"
    return image_message(
        values.astype(values.dtype.newbyteorder(">")) if big else values, name, stamp, padding, int(big)
    )


def _packed_depth(millimetres: NDArray[np.uint16], how: str) -> tuple[bytes, str]:
    """Data and format of depth as compressed_depth_image_transport packs it; /32FC1 is inverse depth in steps."""
    height, width = millimetres.shape
    quant_a, quant_b, packed = 0.0, 0.0, millimetres
    if how == "/32FC1":  # of the transport's parameters depth_quantization 100 and depth_max 10 m
        quant_a, quant_b = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0
        inverse = quant_a / np.maximum(millimetres * 0.001, 1e-3) + quant_b
        packed = np.where(millimetres > 0, inverse, 0).astype(np.uint16)
    header = struct.pack("<iff", 0, quant_a, quant_b)
    if how == "/rvl":
        return header + struct.pack("<ii", width, height) + pack_rvl(packed), "16UC1; compressedDepth rvl"
    kind = "32FC1" if how == "/32FC1" else "16UC1"
    return header + cv2.imencode(".png", packed)[1].tobytes(), f"{kind}; compressedDepth png"


def pack_rvl(values: NDArray[np.uint16]) -> bytes:
    """A picture in run lengths and differences, number by number as Wilson 2017 describes it."""
    nibbles: list[int] = []

    def put(number: int) -> None:
        while True:
            piece, number = number & 7, number >> 3
            nibbles.append(piece | (8 if number else 0))
            if not number:
                return

    flat, at, before = [int(v) for v in values.reshape(-1)], 0, 0
    while at < len(flat):
        full = next((n for n in range(at, len(flat)) if flat[n]), len(flat))
        end = next((n for n in range(full, len(flat)) if not flat[n]), len(flat))
        put(full - at)
        put(end - full)
        for value in flat[full:end]:
            put((value - before) * 2 if value >= before else (before - value) * 2 - 1)
            before = value
        at = end
    nibbles += [0] * (-len(nibbles) % 8)
    words = [sum(n << (28 - 4 * k) for k, n in enumerate(nibbles[i : i + 8])) for i in range(0, len(nibbles), 8)]
    return struct.pack(f"<{len(words)}I", *words)
