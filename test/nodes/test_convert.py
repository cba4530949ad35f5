"""The edge between ROS and the package, both ways; cv_bridge and tf_transformations agree where they exist."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from hypothesis import given, settings
from hypothesis import strategies as st
from support.scenes import CAMERA

from gpnet_ros.errors import FrameRefused
from gpnet_ros.nodes import convert
from gpnet_ros.pose import from_rotvec, to_xyz_quat, transform

RNG = np.random.default_rng(4)
COLOR = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


@given(st.floats(0, 2e9))
@settings(max_examples=50, deadline=None)
def test_time_comes_back_to_the_nanosecond(seconds: float) -> None:
    assert convert.from_time(convert.to_time(seconds)) == pytest.approx(seconds, abs=5e-7)


def test_color_comes_back() -> None:
    message = convert.to_image(COLOR, "rgb8", 12.5, "camera")
    np.testing.assert_array_equal(convert.color_from_image(message), COLOR)
    assert (message.header.frame_id, message.header.stamp.sec, message.step) == ("camera", 12, 24)


@pytest.mark.parametrize(
    ("encoding", "values"),
    [
        ("bgr8", COLOR[..., ::-1]),
        ("rgba8", np.dstack([COLOR, COLOR[..., :1]])),
        ("bgra8", np.dstack([COLOR[..., ::-1], COLOR[..., :1]])),
    ],
)
def test_other_orders_of_channels_are_the_same_picture(encoding: str, values: np.ndarray) -> None:
    message = convert.to_image(np.ascontiguousarray(values), encoding, 0.0, "camera")
    np.testing.assert_array_equal(convert.color_from_image(message), COLOR)


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("uyvy", 1), ("yuv422_yuy2", 0), ("yuyv", 0)])
def test_yuv_with_colour_shared_by_two_pixels_is_read(encoding: str, luma: int) -> None:
    # Rows of white, black, red, green and blue with their Y, U, V of ITU-R BT.601.
    known = [(255, 255, 255, 235, 128, 128), (0, 0, 0, 16, 128, 128), (255, 0, 0, 81, 90, 240)]
    known += [(0, 255, 0, 145, 54, 34), (0, 0, 255, 41, 240, 110)]
    packed = np.zeros((5, 4, 2), np.uint8)
    for row, (_, _, _, y, u, v) in enumerate(known):
        packed[row, :, luma] = y
        packed[row, :, 1 - luma] = (u, v, u, v)
    seen = convert.color_from_image(convert.to_image(packed, encoding, 0.0, "camera"))
    for row, (r, g, b, *_) in enumerate(known):
        np.testing.assert_allclose(seen[row].astype(int), np.tile((r, g, b), (4, 1)), atol=3)


def test_what_cv_bridge_cannot_read_is_a_refused_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    class CvBridge:
        def imgmsg_to_cv2(self, message: object, wanted: str) -> None:
            raise AttributeError("newbyteorder")

    monkeypatch.setitem(sys.modules, "cv_bridge", SimpleNamespace(CvBridge=CvBridge))
    message = convert.to_image(COLOR, "rgb8", 0.0, "camera")
    message.encoding = "bayer_rggb16"
    with pytest.raises(FrameRefused, match="bayer_rggb16"):
        convert.color_from_image(message)


def test_padded_rows_and_big_endian_depth_are_read() -> None:
    raw = np.array([[500, 0, 1200], [65535, 800, 1]], np.uint16)
    message = convert.to_image(raw, "16UC1", 0.0, "camera")
    padded = np.zeros((2, 10), np.uint8)
    padded[:, :6] = raw.astype(">u2").view(np.uint8).reshape(2, 6)
    message.step, message.is_bigendian = 10, 1
    message.data = padded.tobytes()
    depth = convert.depth_from_image(message)
    np.testing.assert_allclose(depth, [[0.5, np.nan, 1.2], [65.535, 0.8, 0.001]], rtol=1e-6)


def test_millimetres_and_metres_are_the_same_depth() -> None:
    metres = RNG.integers(300, 1500, (5, 7)).astype(np.float32) / 1000
    one = convert.depth_from_image(convert.to_image(metres, "32FC1", 0.0, "c"))
    other = convert.depth_from_image(convert.to_image(np.round(metres * 1000).astype(np.uint16), "16UC1", 0.0, "c"))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_camera_model_comes_back() -> None:
    message = convert.to_camera_info(CAMERA, 1.0, "camera")
    assert convert.from_camera_info(message) == CAMERA
    for d in ([0.1, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.001, 0.0]):
        message.d = d
        with pytest.raises(FrameRefused, match="distortion"):
            convert.from_camera_info(message)


def test_a_truncated_image_and_an_unknown_encoding_are_refused() -> None:
    message = convert.to_image(COLOR, "rgb8", 0.0, "camera")
    message.data = bytes(message.data)[:-1]
    with pytest.raises(FrameRefused, match="truncated"):
        convert.color_from_image(message)
    message = convert.to_image(COLOR, "rgb8", 0.0, "camera")
    message.encoding = "nonsense"
    with pytest.raises(Exception, match=r"nonsense|Unrecognized|encoding"):
        convert.color_from_image(message)


def test_images_of_two_views_or_sizes_are_no_frame() -> None:
    color = convert.to_image(COLOR, "rgb8", 1.0, "camera")
    depth = np.full((6, 8), 0.8, np.float32)
    assert convert.to_frame(color, convert.to_image(depth, "32FC1", 1.0, "camera"), None).shape == (6, 8)
    later = convert.to_frame(color, convert.to_image(depth, "32FC1", 1.01, "camera"), None)
    assert later.stamp == 1.0  # that of colour: what belongs together is for `pairing` to say
    with pytest.raises(FrameRefused, match="align_depth"):
        convert.to_frame(color, convert.to_image(depth, "32FC1", 1.0, "camera_depth_optical_frame"), None)
    with pytest.raises(FrameRefused, match="differ in size"):
        convert.to_frame(color, convert.to_image(depth[:3].copy(), "32FC1", 1.0, "camera"), None)


vectors = st.tuples(*[st.floats(-3, 3)] * 6)


@given(vectors)
@settings(max_examples=50, deadline=None)
def test_a_pose_comes_back_through_base_link(pose: tuple[float, ...]) -> None:
    T = from_rotvec(pose)
    np.testing.assert_allclose(convert.from_pose_in_base_link(convert.to_pose_in_base_link(T, 0.0)), T, atol=1e-9)


def test_base_link_is_base_turned_half_round() -> None:
    message = convert.to_pose_in_base_link(transform(np.eye(3), (0.65, 0.1, 0.2)), 0.0)
    p, o = message.pose.position, message.pose.orientation
    assert (p.x, p.y, p.z) == pytest.approx((-0.65, -0.1, 0.2))
    assert (abs(o.z), o.w) == pytest.approx((1.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8", "yuv422", "yuv422_yuy2"])
def test_cv_bridge_reads_the_same_colour(encoding: str) -> None:
    cv_bridge = pytest.importorskip("cv_bridge")
    channels = {"mono8": 1, "yuv422": 2, "yuv422_yuy2": 2}.get(encoding, len(encoding) - 1)
    values = RNG.integers(0, 256, (6, 8, channels), dtype=np.uint8)
    message = convert.to_image(values, encoding, 0.0, "camera")
    theirs = cv_bridge.CvBridge().imgmsg_to_cv2(message, "rgb8")
    np.testing.assert_allclose(convert.color_from_image(message).astype(int), theirs, atol=1)


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_cv_bridge_reads_the_same_depth(encoding: str) -> None:
    cv_bridge = pytest.importorskip("cv_bridge")
    values = RNG.integers(300, 900, (6, 8)).astype(np.uint16 if encoding == "16UC1" else np.float32)
    message = convert.to_image(values, encoding, 0.0, "camera")
    theirs = cv_bridge.CvBridge().imgmsg_to_cv2(message, "passthrough")
    unit = 0.001 if encoding == "16UC1" else 1.0
    np.testing.assert_allclose(convert.depth_from_image(message), theirs * unit, rtol=1e-6)


@given(vectors)
@settings(max_examples=20, deadline=None)
def test_tf_transformations_gives_the_same_quaternion(pose: tuple[float, ...]) -> None:
    theirs = pytest.importorskip("tf_transformations")
    T = from_rotvec(pose)
    o = convert.to_pose(T).orientation
    ours = to_xyz_quat(T)[1]
    given_by = np.array([o.x, o.y, o.z, o.w])
    assert o.w >= 0
    np.testing.assert_allclose(given_by if ours @ given_by > 0 else -given_by, ours, atol=1e-7)  # w = 0: either sign
    np.testing.assert_allclose(theirs.quaternion_matrix([o.x, o.y, o.z, o.w])[:3, :3], T[:3, :3], atol=1e-7)


def test_quaternion_of_tf_transformations_is_used_with_w_not_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    T = from_rotvec([0.1, 0.2, 0.3, 0.4, -0.5, 0.6])
    ours = to_xyz_quat(T)[1]
    for sign in (1.0, -1.0):
        asked: list[np.ndarray] = []
        monkeypatch.setattr(convert, "quaternion_from_matrix", lambda m, s=sign, a=asked: a.append(m) or s * ours)
        o = convert.to_pose(T).orientation
        assert len(asked) == 1
        np.testing.assert_allclose([o.x, o.y, o.z, o.w], ours)


def test_a_coloured_cloud_has_the_layout_that_rviz_reads() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(50, 3)).astype(np.float32)
    colors = rng.integers(0, 256, (50, 3), dtype=np.uint8)
    message = convert.to_point_cloud(points, colors, 12.25, "eye")
    assert (message.header.frame_id, convert.from_time(message.header.stamp)) == ("eye", 12.25)
    assert [(f.name, f.offset, f.datatype, f.count) for f in message.fields] == [
        ("x", 0, 7, 1), ("y", 4, 7, 1), ("z", 8, 7, 1), ("rgb", 12, 7, 1)
    ]  # fmt: skip
    assert (message.height, message.width, message.point_step, message.row_step) == (1, 50, 16, 800)
    words = np.frombuffer(message.data, "<f4").reshape(50, 4)
    np.testing.assert_array_equal(words[:, :3], points)
    packed = np.frombuffer(message.data, "<u4").reshape(50, 4)[:, 3]
    np.testing.assert_array_equal(np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1), colors)


def test_a_cloud_without_a_point_is_a_message_too() -> None:
    none = convert.to_point_cloud(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8), 0.0, "eye")
    assert (none.width, len(none.data)) == (0, 0)
