"""The detections as topics, with the frame's stamp and frame_id: for the planner to the last bit, and for the eye."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from gpnet_ros.detection_pictures import heat_picture, label_image, label_picture, occlusion_picture
from gpnet_ros.detections import Detections
from gpnet_ros.frame import Frame
from gpnet_ros.nodes import convert, detection_messages
from gpnet_ros.nodes.detection_messages import BEGUN, BEGUN_TYPE, DETECTION_TOPICS, MASKS, MASS, OBJECTS, SUCTION
from gpnet_ros.nodes.processes.start import PUBLISH_QOS
from gpnet_ros.nodes.showing import detection_markers

#: Which object each pixel belongs to, and pictures for the eye.
LABELS, OVERLAY, MARKERS, BOXES = (f"detections/{name}" for name in ("labels", "overlay", "markers", "boxes"))
PICTURES = (f"{LABELS}/color", f"{MASS}/color", f"{SUCTION}/color", OVERLAY)


class DetectionOutputs:
    """Publishers of detections; what nobody subscribes to is not made."""

    def __init__(self, node: Any) -> None:
        kinds: dict[str, type] = {**DETECTION_TOPICS, LABELS: Image, **dict.fromkeys(PICTURES, Image)}
        kinds |= {MARKERS: MarkerArray, BEGUN: BEGUN_TYPE}
        if detection_markers.Detection2DArray is not None:
            kinds[BOXES] = detection_markers.Detection2DArray
        self._topics: dict[str, Any] = {t: node.create_publisher(k, t, PUBLISH_QOS) for t, k in kinds.items()}

    def begin(self, frame: Frame) -> None:
        """Say that detections of this frame will come."""
        self._topics[BEGUN].publish(convert.header(frame.stamp, frame.frame_id))

    def publish(self, frame: Frame, seen: Detections) -> None:
        """Publish the detections of a frame."""
        for name, topic in self._topics.items():
            if name != BEGUN and topic.get_subscription_count():
                topic.publish(self._message(name, frame, seen))

    def _message(self, name: str, frame: Frame, seen: Detections) -> Any:
        if name in (OBJECTS, MASKS):
            return {OBJECTS: detection_messages.to_objects, MASKS: detection_messages.to_masks}[name](seen)
        if name in (MARKERS, BOXES):
            if name == MARKERS:
                return detection_markers.detection_markers(frame, seen)
            return detection_markers.to_detection_array(seen)
        values, encoding = self._image(name, frame, seen)
        return convert.to_image(values, encoding, frame.stamp, frame.frame_id)

    @staticmethod
    def _image(name: str, frame: Frame, seen: Detections) -> tuple[NDArray, str]:
        assert frame.color is not None  # or there were no detections
        color = frame.color
        made: dict[str, tuple[Callable[[], NDArray], str]] = {
            MASS: (lambda: seen.mass.astype(np.float32), "32FC1"),
            SUCTION: (lambda: seen.suction.astype(np.float32), "32FC1"),
            LABELS: (lambda: label_image(seen), "16UC1"),
            f"{LABELS}/color": (lambda: label_picture(seen), "rgb8"),
            f"{MASS}/color": (lambda: heat_picture(color, seen.mass), "rgb8"),
            f"{SUCTION}/color": (lambda: heat_picture(color, seen.suction), "rgb8"),
            OVERLAY: (lambda: occlusion_picture(color, seen), "rgb8"),
        }
        make, encoding = made[name]
        return make(), encoding
