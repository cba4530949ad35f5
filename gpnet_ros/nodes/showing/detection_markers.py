"""What a person sees of detections in RViz's space: the outline of what is seen of each object, and how sure it is.

Namespaces, which RViz can show and hide: `free` (red), `occluded` (blue), `score`; and, where vision_msgs is installed,
the same as its Detection2DArray.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.detection_pictures import FREE, OCCLUDED, drawn_objects
from gpnet_ros.detections import Detections
from gpnet_ros.frame import Frame
from gpnet_ros.nodes import convert

try:
    from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose
except ImportError:  # PyPI has no wheel of it
    Detection2DArray = None

#: Width of drawn lines, and height of letters [m].
_LINE, _LETTER = 0.002, 0.012


def detection_markers(frame: Frame, seen: Detections) -> MarkerArray:
    """Outlines and scores in the camera's optical frame; they replace those before. Without depth there are none."""
    found = [Marker(action=Marker.DELETEALL)]
    for k in drawn_objects(seen):
        outline = _outline(frame, seen.visible[k])
        if len(outline):
            found.extend(_markers(outline, bool(seen.free[k]), float(seen.scores[k])))
    for number, marker in enumerate(found):
        marker.header = convert.header(seen.stamp, seen.frame_id)
        marker.id = number
    return MarkerArray(markers=found)


def to_detection_array(seen: Detections) -> Any:
    """All objects as a vision_msgs Detection2DArray: boxes of whole objects, `id` is the row in the table, from 1."""
    header = convert.header(seen.stamp, seen.frame_id)
    return Detection2DArray(header=header, detections=[_detection(seen, k, header) for k in range(len(seen.boxes))])


def _detection(seen: Detections, k: int, header: Any) -> Any:
    u0, v0, u1, v1 = (float(edge) for edge in seen.boxes[k])
    result = ObjectHypothesisWithPose()
    result.hypothesis.class_id = "free" if seen.free[k] else "occluded"
    result.hypothesis.score = float(seen.scores[k])
    message = Detection2D(header=header, results=[result], id=str(k + 1))
    # Edges of pixels here, centres of pixels there: the corner pixel begins half a pixel before its centre.
    message.bbox.center.position.x, message.bbox.center.position.y = (u0 + u1) / 2 - 0.5, (v0 + v1) / 2 - 0.5
    message.bbox.size_x, message.bbox.size_y = u1 - u0, v1 - v0
    return message


def _outline(frame: Frame, mask: NDArray[np.bool_]) -> Doubles:
    """The longest outline of a mask (H, W) in the camera's optical frame: points (n, 3) [m], of pixels with depth."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines or frame.depth is None or frame.intrinsics is None:
        return np.zeros((0, 3))
    pixels = max(outlines, key=len)[:, 0]
    depth = frame.depth[pixels[:, 1], pixels[:, 0]]
    known = np.isfinite(depth)
    return np.asarray(frame.intrinsics.deproject(pixels[known], depth[known]), np.float64).reshape(-1, 3)


def _markers(outline: Doubles, free: bool, score: float) -> list[Marker]:
    red, green, blue = (value / 255.0 for value in (FREE if free else OCCLUDED))
    color = ColorRGBA(r=red, g=green, b=blue, a=1.0)
    line = Marker(ns="free" if free else "occluded", type=Marker.LINE_STRIP, action=Marker.ADD, color=color)
    line.scale.x, line.pose.orientation.w = _LINE, 1.0
    line.points = [Point(x=x, y=y, z=z) for x, y, z in np.vstack([outline, outline[:1]]).tolist()]
    text = Marker(ns="score", type=Marker.TEXT_VIEW_FACING, action=Marker.ADD, color=color, text=f"{score:.2f}")
    text.scale.z, text.pose.orientation.w = _LETTER, 1.0
    middle = outline.mean(axis=0)
    text.pose.position = Point(x=float(middle[0]), y=float(middle[1]), z=float(middle[2]))
    return [line, text]
