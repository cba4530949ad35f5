"""A frame with what the networks see in it, as the messages that come over the topics."""

from __future__ import annotations

import numpy as np

from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.exposures import CAMERA_INFO, COLOR, DEPTH, Exposure
from gpnet_ros.nodes.arriving.sights import MAPS_INFO
from gpnet_ros.nodes.detection_messages import to_messages
from gpnet_ros.picking.attention import Sight


def exposure_of(seen: Sight) -> Exposure:
    """What comes over the topics of a frame, of its maps and its detections, as far as it has them."""
    frame, maps = seen.frame, seen.maps
    assert frame.color is not None and frame.depth is not None and frame.intrinsics is not None
    stamp, name = frame.stamp, frame.frame_id
    messages = {
        COLOR: convert.to_image(frame.color, "rgb8", stamp, name),
        DEPTH: convert.to_image(frame.depth, "32FC1", stamp, name),
        CAMERA_INFO: convert.to_camera_info(frame.intrinsics, stamp, name),
    }
    if maps is not None:
        values = {"quality": maps.quality, "priority": maps.priority, "angle": maps.angle}
        values["width"] = maps.published_width(frame)
        messages[MAPS_INFO] = convert.to_camera_info(maps.grid.intrinsics(frame.intrinsics), stamp, name)
        for n, v in values.items():
            messages[f"maps/{n}"] = convert.to_image(v.astype(np.float32), "32FC1", stamp, name)
    return Exposure(messages | ({} if seen.detections is None else to_messages(seen.detections)))
