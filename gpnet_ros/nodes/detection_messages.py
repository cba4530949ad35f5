"""Detections as messages of standard types, bit for bit, all with the stamp and frame of their exposure.

`detections/objects` is a table (PointCloud2, a row per object), `detections/masks` one PNG of packed bits, and the two
heatmaps are 32FC1 images; `detection_encoding` reads them, with or without ROS.
"""

from __future__ import annotations

import array
from typing import Any

from sensor_msgs.msg import CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

from gpnet_ros.detection_encoding import COLUMNS, detections_of, object_table, packed_masks
from gpnet_ros.detections import Detections
from gpnet_ros.nodes import convert

#: Topics of one exposure's detections, as the planner needs them, and their types.
OBJECTS, MASKS, MASS, SUCTION = (f"detections/{name}" for name in ("objects", "masks", "mass", "suction"))
DETECTION_TOPICS: dict[str, type] = {OBJECTS: PointCloud2, MASKS: CompressedImage, MASS: Image, SUCTION: Image}
#: The exposure of which detections will come: whoever wants them keeps its other messages until then.
BEGUN, BEGUN_TYPE = "detections/begun", Header


def to_objects(seen: Detections) -> PointCloud2:
    """The table of the objects; RViz shows nothing of it, for it has no x, y, z."""
    table = object_table(seen)
    message = PointCloud2(header=_header(seen), height=1, width=len(table), is_dense=True, is_bigendian=False)
    message.fields = [
        PointField(name=name, offset=8 * k, datatype=PointField.FLOAT64, count=1) for k, name in enumerate(COLUMNS)
    ]
    message.point_step, message.row_step = 8 * len(COLUMNS), table.nbytes
    message.data = array.array("B", table.tobytes())
    return message


def to_masks(seen: Detections) -> CompressedImage:
    """Visible and amodal masks of all objects."""
    message = CompressedImage(header=_header(seen), format="png")
    message.data = array.array("B", packed_masks(seen))
    return message


def to_messages(seen: Detections) -> dict[str, Any]:
    """All of `DETECTION_TOPICS`, by topic."""
    heats = {MASS: seen.mass, SUCTION: seen.suction}
    return {
        OBJECTS: to_objects(seen),
        MASKS: to_masks(seen),
        **{topic: convert.to_image(heat, "32FC1", seen.stamp, seen.frame_id) for topic, heat in heats.items()},
    }


def from_messages(messages: dict[str, Any]) -> Detections:
    """Detections of all of `DETECTION_TOPICS`, by topic.

    Raises:
        FrameRefused: see `detection_encoding.detections_of`.
    """
    header = messages[OBJECTS].header
    objects, masks, mass, suction = (messages[topic] for topic in DETECTION_TOPICS)
    return detections_of(objects, masks, mass, suction, convert.from_time(header.stamp), header.frame_id)


def _header(seen: Detections) -> Header:
    return convert.header(seen.stamp, seen.frame_id)
