"""The maps as topics, with the frame's own stamp and frame_id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.map_pictures import colored_surface, false_colors
from gpnet_ros.maps import Maps
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.processes.start import PUBLISH_QOS
from gpnet_ros.overlay import draw_best

#: What of the maps is published, all 32FC1 on the network's grid.
MAP_TOPICS = ("quality", "priority", "q_star", "angle", "width")


class MapOutputs:
    """Publishers of the maps and their camera model, and for the eye: pictures, coloured surface, overlay."""

    def __init__(self, node: Any) -> None:
        maps = [f"maps/{name}" for name in MAP_TOPICS]
        names = [*maps, *(f"{name}/color" for name in maps), "overlay"]
        self.images: dict[str, Any] = {n: node.create_publisher(Image, n, PUBLISH_QOS) for n in names}
        self.points: Any = node.create_publisher(PointCloud2, "maps/points", PUBLISH_QOS)
        self.info: Any = node.create_publisher(CameraInfo, "maps/camera_info", PUBLISH_QOS)

    def publish(self, frame: Frame, maps: Maps) -> None:
        """Publish the maps of a frame and their camera model: of images only those that somebody subscribes to."""
        if frame.intrinsics is None:
            raise BadInput("Maps without a camera model cannot be published; the frame lacks camera_info.")
        watched = {name for name, image in self.images.items() if image.get_subscription_count()}
        values: dict[str, Callable[[], NDArray]] = {
            "quality": lambda: maps.quality,
            "priority": lambda: maps.priority,
            "q_star": lambda: maps.q_star,
            "angle": lambda: maps.angle,
            "width": lambda: maps.published_width(frame),
        }
        for name in (name for name in MAP_TOPICS if f"maps/{name}" in watched):
            message = convert.to_image(values[name]().astype(np.float32), "32FC1", frame.stamp, frame.frame_id)
            self.images[f"maps/{name}"].publish(message)
        self.info.publish(convert.to_camera_info(maps.grid.intrinsics(frame.intrinsics), frame.stamp, frame.frame_id))
        self._publish_for_the_eye(frame, maps, watched)

    def _publish_for_the_eye(self, frame: Frame, maps: Maps, watched: set[str]) -> None:
        """Pictures, and the overlay at the camera's size."""
        pictures = {f"maps/{name}/color" for name in MAP_TOPICS} & watched
        if pictures:
            colors = {f"maps/{name}/color": image for name, image in false_colors(maps).items()}
            for name in pictures:
                self.images[name].publish(convert.to_image(colors[name], "rgb8", frame.stamp, frame.frame_id))
        if "overlay" in watched:
            image = draw_best(frame, maps)
            self.images["overlay"].publish(convert.to_image(image, "rgb8", frame.stamp, frame.frame_id))
        if self.points.get_subscription_count() and frame.depth is not None:
            points, rgb = colored_surface(frame, maps)
            self.points.publish(convert.to_point_cloud(points, rgb, frame.stamp, frame.frame_id))
