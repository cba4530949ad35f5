"""The edge between ROS messages and the package's own values; every conversion once, both ways.

ROS speaks `base_link`, the controller `base`: the same origin turned by 180° about z (ur_description).
Where they are installed, cv_bridge reads exotic encodings and tf_transformations makes the quaternions;
everything else is numpy and scipy, and a test holds both equal where both exist.
"""

from __future__ import annotations

import array
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

from gpnet_ros.camera_info import camera_of, lens_of, require_aligned
from gpnet_ros.encodings import (
    COLOR_ENCODINGS,
    DEPTH_UNITS,
    color_of,
    color_of_compressed,
    depth_of,
    depth_of_compressed,
    map_of,
    unknown_encoding,
)
from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame, Intrinsics, depth_from_raw
from gpnet_ros.lens import straight_frame
from gpnet_ros.pose import T_BASE_LINK_BASE, Transform, from_xyz_quat, to_xyz_quat

try:
    from tf_transformations import quaternion_from_matrix
except (ImportError, AttributeError):  # the latter: an old transforms3d below it under numpy 2
    quaternion_from_matrix = None

#: Fields of a coloured cloud; RViz reads `rgb` as 0x00RRGGBB in the bits of a float.
_CLOUD = ["x", "y", "z", "rgb"]


def to_time(seconds: float) -> Time:
    """ROS time of seconds, rounded to nanoseconds."""
    whole = math.floor(seconds)  # split first: today's seconds times 1e9 is known to 256 ns only
    carry, nanoseconds = divmod(round((seconds - whole) * 1e9), 10**9)
    return Time(sec=whole + carry, nanosec=nanoseconds)


def from_time(stamp: Time) -> float:
    """Time [s] of a ROS time."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def header(stamp: float, frame_id: str) -> Header:
    """Header with stamp [s] and frame."""
    return Header(stamp=to_time(stamp), frame_id=frame_id)


def to_image(values: NDArray, encoding: str, stamp: float, frame_id: str) -> Image:
    """Image message of (H, W) or (H, W, 3) values that already are what the encoding says."""
    message = Image(header=header(stamp, frame_id), encoding=encoding, is_bigendian=0)
    message.height, message.width = int(values.shape[0]), int(values.shape[1])
    message.step = int(values.strides[0]) if values.flags.c_contiguous else int(values[0].nbytes)
    message.data = _bytes(values)
    return message


def _bytes(values: NDArray) -> array.array[int]:
    """The bytes of an array in one copy; assigning a list or the array itself to a message takes 200 ms."""
    data = array.array("B")
    flat: Any = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    data.frombytes(flat)
    return data


def color_from_image(message: Image | CompressedImage) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a colour image message, raw or packed.

    Raises:
        FrameRefused: an encoding that neither this package nor an installed cv_bridge reads.
    """
    if isinstance(message, CompressedImage):
        return color_of_compressed(message)
    if message.encoding in COLOR_ENCODINGS:
        return color_of(message)
    return _with_cv_bridge(message, "rgb8", COLOR_ENCODINGS)


def depth_from_image(message: Image | CompressedImage) -> NDArray[np.float32]:
    """(H, W) float32 [m], NaN where unknown, of a depth image message, raw or packed.

    Raises:
        FrameRefused: an encoding that neither this package nor an installed cv_bridge reads.
    """
    if isinstance(message, CompressedImage):
        return depth_of_compressed(message)
    if message.encoding in DEPTH_UNITS:
        return depth_of(message)
    return depth_from_raw(_with_cv_bridge(message, "32FC1", DEPTH_UNITS), 1.0)


def to_point_cloud(points: NDArray[np.float32], colors: NDArray[np.uint8], stamp: float, frame_id: str) -> PointCloud2:
    """Cloud of points (n, 3) [m] in a frame, each with its RGB (n, 3), with stamp [s]; the layout that RViz reads."""
    rows = np.zeros(len(points), np.dtype({"names": _CLOUD, "formats": ["<f4", "<f4", "<f4", "<u4"]}))
    for name, values in zip(_CLOUD, points.T, strict=False):
        rows[name] = values
    red, green, blue = colors.astype(np.uint32).T
    rows["rgb"] = (red << 16) | (green << 8) | blue
    message = PointCloud2(header=header(stamp, frame_id), height=1, width=len(rows), is_dense=True)
    message.fields = [
        PointField(name=name, offset=4 * k, datatype=PointField.FLOAT32, count=1) for k, name in enumerate(_CLOUD)
    ]
    message.point_step, message.row_step = rows.itemsize, rows.nbytes
    message.data = _bytes(rows)
    return message


def map_from_image(message: Image) -> NDArray[np.float32]:
    """(h, w) float32 of a 32FC1 map, values untouched."""
    return map_of(message)


def to_camera_info(camera: Intrinsics, stamp: float, frame_id: str) -> CameraInfo:
    """CameraInfo of an undistorted pinhole camera (REP 104), with stamp [s]."""
    message = CameraInfo(header=header(stamp, frame_id), width=camera.width, height=camera.height)
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    message.k = camera.matrix.reshape(-1).tolist()
    message.r = np.eye(3).reshape(-1).tolist()
    message.p = np.column_stack([camera.matrix, np.zeros(3)]).reshape(-1).tolist()
    return message


def from_camera_info(message: CameraInfo) -> Intrinsics:
    """Camera model of a CameraInfo without distortion, such as that of a map.

    Raises:
        FrameRefused: an empty model, or a lens distortion that a pinhole model would ignore.
    """
    return camera_of(message)


def to_frame(color: Any, depth: Any, camera: CameraInfo | None, color_topic: str = "") -> Frame:
    """Frame, without distortion, of messages of one exposure.

    Args:
        color, depth: Image or CompressedImage, one of them may be None. Stamp and frame_id are those of the first;
            whether their stamps belong together is decided by `pairing`.
        camera: model of the colour stream.
        color_topic: name of the colour images, see `camera_info.lens_of`.

    Raises:
        FrameRefused: sizes or optical frames differ, or an encoding or a lens cannot be read.
    """
    images = [m for m in (color, depth) if m is not None]
    if not images:
        raise FrameRefused("A frame needs a colour or a depth image; neither arrived.")
    require_aligned(images[0].header.frame_id, images[-1].header.frame_id)
    return straight_frame(
        None if color is None else color_from_image(color),
        None if depth is None else depth_from_image(depth),
        None if camera is None else lens_of(camera, color_topic),
        from_time(images[0].header.stamp),
        images[0].header.frame_id,
    )


def to_pose(T: Transform) -> Pose:
    """Pose message of a transform (4, 4) [m]."""
    position, quaternion = to_xyz_quat(T)
    if quaternion_from_matrix is not None:
        quaternion = np.asarray(quaternion_from_matrix(T), dtype=np.float64)
        quaternion = -quaternion if quaternion[3] < 0 else quaternion
    message = Pose()
    message.position.x, message.position.y, message.position.z = (float(v) for v in position)
    o = message.orientation
    o.x, o.y, o.z, o.w = (float(v) for v in quaternion)
    return message


def from_pose(message: Pose) -> Transform:
    """Transform (4, 4) [m] of a pose message."""
    p, o = message.position, message.orientation
    return from_xyz_quat((p.x, p.y, p.z), (o.x, o.y, o.z, o.w))


def to_pose_in_base_link(T_base_x: Transform, stamp: float, frame_id: str = "base_link") -> PoseStamped:
    """Message, with stamp [s], in `base_link` of a pose T_base_x (4, 4) known in the controller's `base`."""
    return PoseStamped(header=header(stamp, frame_id), pose=to_pose(T_BASE_LINK_BASE @ T_base_x))


def from_pose_in_base_link(message: PoseStamped) -> Transform:
    """Pose T_base_x (4, 4) [m] of a message in `base_link`."""
    return T_BASE_LINK_BASE @ from_pose(message.pose)


def _with_cv_bridge(message: Image, wanted: str, known: Iterable[str]) -> NDArray:
    """Let cv_bridge read an encoding that is not among the common ones."""
    try:
        from cv_bridge import CvBridge
    except ImportError as error:
        raise unknown_encoding(message.encoding, known) from error
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(message, wanted))
    except Exception as error:  # its own class of errors, and defects of its own under numpy 2
        raise FrameRefused(
            f"cv_bridge cannot read encoding {message.encoding!r} as {wanted} ({type(error).__name__}: {error}); "
            "change the camera's format."
        ) from error
