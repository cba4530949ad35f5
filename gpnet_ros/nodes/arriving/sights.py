"""The planner's eyes: colour, depth, camera model and what the networks see, of one stamp, brought together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid, Maps
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.arrivals import DEPTH
from gpnet_ros.nodes.arriving.exposures import Exposures
from gpnet_ros.nodes.arriving.gatherer import Exposure
from gpnet_ros.nodes.detection_messages import BEGUN, DETECTION_TOPICS, OBJECTS, from_messages
from gpnet_ros.nodes.parameters.declared import PlannerSettings
from gpnet_ros.nodes.processes.start import RESENT_QOS
from gpnet_ros.picking.attention import Sight

#: Topics of inference_node that the planner needs; Q* and cos 2θ, sin 2θ follow from them.
PLANNER_MAPS = ("maps/quality", "maps/priority", "maps/angle", "maps/width")
MAPS_INFO = "maps/camera_info"


class Sights:
    """Implements `Eyes` on topics.

    Attributes:
        last: messages of the newest sight that was handed out.
        judge: refuses frames that cannot be used, of which there are no maps; None looks at the depth alone.
    """

    def __init__(self, node: Any, settings: PlannerSettings, with_maps: bool, with_detections: bool) -> None:
        """Subscribe as the parameters say, to maps and detections where they are decided by."""
        self.valid_share_min = settings.valid_share_min
        maps = {**dict.fromkeys(PLANNER_MAPS, Image), MAPS_INFO: CameraInfo} if with_maps else {}
        later = DETECTION_TOPICS if with_detections else {}
        s = settings
        self.exposures = Exposures(node, s.image_qos, maps, s.image_transport, s.pair_within, later)
        if with_detections:
            node.create_subscription(Header, BEGUN, self.exposures.expect, RESENT_QOS)
        self.last: Exposure | None = None
        self.judge: Callable[[Frame], None] | None = None
        self._judged: Any = None

    def newest(self, timeout: float) -> Sight | None:
        """The newest complete exposure, once; None when none came within timeout [s].

        Raises:
            BadInput: it cannot be used.
        """
        exposure = self.exposures.newest(timeout)
        if exposure is not None:
            self.last = exposure
            return to_sight(exposure)
        self._explain(self.exposures.newest_incomplete())
        return None

    def _explain(self, waiting: Exposure | None) -> None:
        """Why there are no maps of a frame, if the frame is the reason; once for each frame."""
        if waiting is None or not waiting.has_frame:
            return
        stamp = waiting.messages[DEPTH].header.stamp
        if stamp != self._judged:
            self._judged = stamp
            frame = waiting.frame(need_camera=True)
            if self.judge is not None:
                self.judge(frame)
            else:
                frame.check(self.valid_share_min)

    def why_none(self) -> str:
        """Name the topics that are silent, for a person."""
        if self.exposures.waits_for():
            return (
                "Frames come, but no detections of them: has inference_node a scene_model, and is it well? See its "
                "diagnostics; priority:=graspnext and gripper:=suction of the launch give it one."
            )
        waiting = self.exposures.newest_incomplete()
        seen = () if waiting is None else tuple(waiting.messages)
        missing = [topic for topic in self.exposures.wanted if topic not in seen]
        if len(missing) == len(self.exposures.wanted):
            return "No frame arrives: are camera_node and inference_node active, and their topics remapped as here?"
        fault = self.exposures.fault()
        if fault:
            return fault
        return f"With the newest frame nothing came on {', '.join(missing)}: is the node that publishes it active?"


def to_sight(exposure: Exposure) -> Sight:
    """Frame of a complete exposure with its maps and detections, where it has them.

    Raises:
        FrameRefused: messages that do not belong together or cannot be read.
    """
    frame, messages = exposure.frame(need_camera=True), exposure.messages
    if frame.intrinsics is None or frame.depth is None:
        raise FrameRefused("A frame without depth or camera model cannot be grasped from; check the camera node.")
    maps = None
    if MAPS_INFO in messages:
        grid = Grid.of_camera(convert.from_camera_info(messages[MAPS_INFO]), frame.intrinsics)
        quality, priority, angle, width = (convert.map_from_image(messages[topic]) for topic in PLANNER_MAPS)
        maps = Maps.from_published(frame, grid, quality, priority, angle, width)
    detections = from_messages(messages) if OBJECTS in messages else None
    if detections is not None and detections.mass.shape != frame.shape:
        raise FrameRefused(
            f"Detections of {detections.mass.shape} pixels do not belong to a frame of {frame.shape}: use those of "
            "inference_node, from the same camera."
        )
    return Sight(frame, maps, exposure.depth_lead, detections)
