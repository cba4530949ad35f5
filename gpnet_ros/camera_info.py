"""Camera models of CameraInfo messages, with lens distortion or without, and whether depth is seen as colour is.

Nothing here needs ROS: any object serves that has the fields of the message, be it of rclpy or read from a bag.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Intrinsics
from gpnet_ros.lens import Lens

#: Ends of topics whose pictures image_proc has made straight: their camera model is P, D is of the picture before.
_RECTIFIED = ("image_rect", "image_rect_color")


class CameraInfoLike(Protocol):
    """Fields of sensor_msgs/CameraInfo that a camera model is made of."""

    height: int
    width: int
    d: Sequence[float]
    k: Sequence[float]
    p: Sequence[float]
    distortion_model: str
    binning_x: int
    binning_y: int
    roi: Any


def camera_of(message: CameraInfoLike) -> Intrinsics:
    """Camera model of a CameraInfo without distortion, such as that of a map.

    Raises:
        FrameRefused: an empty model, or a lens distortion that a pinhole model would ignore.
    """
    if any(d != 0.0 for d in message.d):
        raise FrameRefused(
            f"camera_info carries a lens distortion {[float(d) for d in message.d]}, only 0 is allowed here; "
            "take the camera_info of inference_node's maps."
        )
    return _pinhole(message, message.k, columns=3)


def lens_of(message: CameraInfoLike, color_topic: str = "") -> Lens:
    """Camera model of a CameraInfo with its distortion.

    Args:
        message: of the colour stream.
        color_topic: name of its images; those that image_proc has made straight have no distortion any more.

    Raises:
        FrameRefused: an empty model, another one than those of `lens.MODELS`, or a part of a picture.
    """
    _require_whole(message)
    if is_rectified(color_topic):
        return Lens(_pinhole(message, message.p, columns=4))
    return Lens(_pinhole(message, message.k, columns=3), message.distortion_model, tuple(float(d) for d in message.d))


def is_rectified(color_topic: str) -> bool:
    """Whether image_proc has made the pictures of a topic straight; a D405 calls image_rect_raw what is not."""
    return color_topic.removesuffix("/compressed").rsplit("/", 1)[-1] in _RECTIFIED


def _pinhole(message: CameraInfoLike, matrix: Sequence[float], columns: int) -> Intrinsics:
    fx, cx, fy, cy = (float(matrix[n]) for n in (0, 2, columns + 1, columns + 2))
    return Intrinsics(int(message.width), int(message.height), fx, fy, cx, cy)


def _require_whole(message: CameraInfoLike) -> None:
    """Refuse a camera model whose picture is a part of the sensor or has fewer pixels."""
    roi, width, height = message.roi, int(message.width), int(message.height)
    binning = (int(message.binning_x), int(message.binning_y))
    # All 0 is the whole; so is a part of the whole size.
    part = (int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))
    if max(binning) > 1 or part not in ((0, 0, 0, 0), (0, 0, width, height)):
        raise FrameRefused(
            f"camera_info tells of binning {binning[0]}x{binning[1]} and of a region {part}, only whole pictures are "
            "read: switch both off in the camera's node, and choose a smaller picture by its profile instead."
        )


def require_aligned(color_frame: str, depth_frame: str) -> None:
    """Refuse depth in another view than colour, by the names of their frames; one that is not told is not judged.

    Raises:
        FrameRefused: the frames differ.
    """
    if color_frame and depth_frame and color_frame != depth_frame:
        raise FrameRefused(
            f"Depth is seen from {depth_frame!r}, colour from {color_frame!r}: they do not show the same pixels; let "
            "the camera align depth to colour (align_depth.enable:=true enable_sync:=true) and take "
            "aligned_depth_to_color/image_raw."
        )
