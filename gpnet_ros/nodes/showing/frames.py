"""The frames that the planner owns in TF: the flange under `base_link`, and the camera under base_link or flange.

Two publishers of one frame make a tree that flickers between them, so a parameter leaves out what another publisher
owns: `robot_state_publisher` the flange, a calibration package the camera. Without tf2_ros there is no TF;
`planner_node/tool0` carries the flange's pose too.
"""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import PoseStamped, TransformStamped

from gpnet_ros.cell import HandEye
from gpnet_ros.nodes import convert

FLANGE_FRAME = "tool0"


class Frames:
    """Publishes the frames that are this node's own."""

    def __init__(self, node: Any, owned: str, camera_frame: str, hand_eye: HandEye, stamp: float) -> None:
        """Publish the camera at once; it does not move in its parent.

        Args:
            node: whose the publishers are.
            owned: one of `parameters.TF_CHOICES`.
            camera_frame: name of the camera's colour optical frame.
            hand_eye: where it is.
            stamp: of its transform [s].
        """
        self._moving, self._static = _broadcasters(node)
        self._owns_flange = owned in ("all", "flange")
        if self._static is not None and owned in ("all", "camera"):
            self._static.sendTransform(camera_transform(hand_eye, camera_frame, stamp))

    def flange(self, tool0: PoseStamped) -> None:
        """Publish where the flange is now, a pose in `base_link`."""
        if self._moving is not None and self._owns_flange:
            self._moving.sendTransform(_transform_of(tool0, FLANGE_FRAME))


def camera_transform(hand_eye: HandEye, camera_frame: str, stamp: float) -> TransformStamped:
    """The camera in `base_link`, or in the flange if it is mounted there, with stamp [s]."""
    if hand_eye.mount == "flange":
        pose = PoseStamped(header=convert.header(stamp, FLANGE_FRAME), pose=convert.to_pose(hand_eye.T_parent_camera))
    else:
        pose = convert.to_pose_in_base_link(hand_eye.T_base_camera(), stamp)
    return _transform_of(pose, camera_frame)


def _transform_of(pose: PoseStamped, child: str) -> TransformStamped:
    message = TransformStamped(header=pose.header, child_frame_id=child)
    p, t = pose.pose.position, message.transform.translation
    t.x, t.y, t.z = p.x, p.y, p.z
    message.transform.rotation = pose.pose.orientation
    return message


def _broadcasters(node: Any) -> tuple[Any, Any]:
    """Broadcasters of moving and of static frames by tf2_ros, or None twice where it is not installed."""
    try:
        from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster
    except ImportError:
        return None, None
    return TransformBroadcaster(node), StaticTransformBroadcaster(node)
