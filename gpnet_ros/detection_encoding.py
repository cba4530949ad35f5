"""How detections travel, to the last bit: a table of the objects, their masks packed in one picture, two heatmaps.

Nothing here needs ROS: any object serves that has the fields of a sensor_msgs message, of rclpy or read from a bag.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.detections import Detections
from gpnet_ros.encodings import CompressedLike, ImageLike, map_of
from gpnet_ros.errors import FrameRefused

#: Columns of the table of objects, float64 each: the box [px], the score, and the chance of being occluded.
COLUMNS = ("u0", "v0", "u1", "v1", "score", "occluded")
#: FLOAT64 of sensor_msgs/PointField.
FLOAT64 = 8
#: Fastest packing: masks are mostly empty, and more effort saves little.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def object_table(seen: Detections) -> NDArray[np.float64]:
    """The objects as a table (m, 6), one row each, with the `COLUMNS`: boxes in [px], chances in [0, 1]."""
    return np.column_stack([seen.boxes.reshape(-1, 4), seen.scores, seen.occluded]).astype("<f8")


def packed_masks(seen: Detections) -> bytes:
    """Visible, then amodal masks of m objects as one PNG: m by m side by side, eight pixels of a row in a byte.

    Empty without an object: a picture of nothing cannot be packed.
    """
    masks = np.concatenate([seen.visible, seen.amodal])
    if not masks.size:
        return b""
    bits = np.packbits(masks, axis=2).transpose(1, 0, 2)
    return bytes(cv2.imencode(".png", np.ascontiguousarray(bits.reshape(len(bits), -1)), _PNG)[1])


def detections_of(
    objects: Any, masks: CompressedLike, mass: ImageLike, suction: ImageLike, stamp: float, frame_id: str
) -> Detections:
    """Detections of the four messages of one exposure.

    Args:
        objects: PointCloud2 with a row per object. masks: CompressedImage of `packed_masks`.
        mass, suction: 32FC1 images in the frame's size; NaN where the network did not look.
        stamp: of the exposure [s]; frame_id: of its camera.

    Raises:
        FrameRefused: a message is damaged, or they do not belong together.
    """
    table, heats = table_of(objects), (map_of(mass), map_of(suction))
    if heats[0].shape != heats[1].shape:
        raise _apart(f"heatmaps of {heats[0].shape} and {heats[1].shape}")
    if not np.isfinite(table).all() or any(np.isinf(heat).any() for heat in heats):  # heat is NaN where nobody looked
        raise FrameRefused("Detections hold NaN or infinity: the second network's output cannot be used; restore it.")
    visible, amodal = _unpacked_masks(bytes(masks.data), len(table), heats[0].shape)
    return Detections(
        table[:, :4].copy(), table[:, 4].copy(), visible, amodal, table[:, 5].copy(), *heats, stamp, frame_id
    )


def table_of(message: Any) -> NDArray[np.float64]:
    """The table (m, 6) of a PointCloud2 with the `COLUMNS`, in their units: boxes in [px], chances in [0, 1].

    Raises:
        FrameRefused: other columns, or fewer bytes than its rows need.
    """
    fields = [(f.name, int(f.offset), int(f.datatype)) for f in message.fields]
    if fields != [(name, 8 * k, FLOAT64) for k, name in enumerate(COLUMNS)] or message.point_step != 8 * len(COLUMNS):
        told = ", ".join(name for name, *_ in fields) or "none"
        raise FrameRefused(
            f"The table of detections has the columns {told}; needed are {', '.join(COLUMNS)} in 64 bits each: use "
            "the detections of inference_node."
        )
    count, data = message.width * message.height, bytes(message.data)
    if len(data) != count * message.point_step:
        raise _apart(f"a table of {count} objects in {len(data)} bytes")
    return np.frombuffer(data, ">f8" if message.is_bigendian else "<f8").astype(np.float64).reshape(count, len(COLUMNS))


def _unpacked_masks(data: bytes, count: int, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Visible and amodal masks (m, H, W) of as many objects, for heatmaps of this shape."""
    height, width = shape
    if not count:
        if data:
            raise _apart("masks of no object")
        empty = np.zeros((0, height, width), bool)
        return empty, empty.copy()
    row = (width + 7) // 8
    try:
        bits = cv2.imdecode(np.frombuffer(data or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # more pixels than OpenCV takes
        bits = None
    if bits is None or bits.shape != (height, 2 * count * row) or bits.dtype != np.uint8:
        raise _apart(
            f"masks of {'no picture' if bits is None else bits.shape} for {count} objects in {width}x{height} px"
        )
    each = np.unpackbits(bits.reshape(height, 2 * count, row).transpose(1, 0, 2), axis=2, count=width).astype(bool)
    return each[:count], each[count:]


def _apart(what: str) -> FrameRefused:
    return FrameRefused(
        f"Detections do not fit together: {what}; a message is damaged or of another frame, use the detections of one "
        "inference_node."
    )
