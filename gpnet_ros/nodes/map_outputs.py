"""The maps as topics, with the frame's own stamp and frame_id."""

from __future__ import annotations

from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.start import PUBLISH_QOS
from gpnet_ros.overlay import draw_best

#: What of the maps is published, all 32FC1 on the network's grid.
MAP_TOPICS = ("quality", "priority", "q_star", "angle", "width")


class MapOutputs:
    """Publishers of the maps, of their camera model and of the overlay."""

    def __init__(self, node: Any) -> None:
        names = [f"maps/{name}" for name in MAP_TOPICS]
        self.images: dict[str, Any] = {n: node.create_publisher(Image, n, PUBLISH_QOS) for n in [*names, "overlay"]}
        self.info: Any = node.create_publisher(CameraInfo, "maps/camera_info", PUBLISH_QOS)

    def publish(self, frame: Frame, maps: Maps) -> None:
        """Publish all maps of a frame; the overlay at the camera's size, and only for those who look at it."""
        if frame.intrinsics is None:
            raise BadInput("Maps without a camera model cannot be published; the frame lacks camera_info.")
        values = {"quality": maps.quality, "priority": maps.priority, "q_star": maps.q_star, "angle": maps.angle}
        values["width"] = maps.published_width(frame)
        for name, value in values.items():
            message = convert.to_image(value.astype(np.float32), "32FC1", frame.stamp, frame.frame_id)
            self.images[f"maps/{name}"].publish(message)
        self.info.publish(convert.to_camera_info(maps.grid.intrinsics(frame.intrinsics), frame.stamp, frame.frame_id))
        if self.images["overlay"].get_subscription_count():
            image = draw_best(frame, maps)
            self.images["overlay"].publish(convert.to_image(image, "rgb8", frame.stamp, frame.frame_id))
