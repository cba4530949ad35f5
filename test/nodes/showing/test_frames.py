"""The TF tree: who owns which frame, and that it says what hand-eye and arm say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from geometry_msgs.msg import TransformStamped  # noqa: E402
from support.scenes import CELL  # noqa: E402

from gpnet_ros.cell import HandEye, load_hand_eye  # noqa: E402
from gpnet_ros.frame import CAMERA_FRAME  # noqa: E402
from gpnet_ros.nodes import convert  # noqa: E402
from gpnet_ros.nodes.parameters.declared import TF_CHOICES  # noqa: E402
from gpnet_ros.nodes.showing import frames  # noqa: E402
from gpnet_ros.nodes.showing.frames import Frames  # noqa: E402
from gpnet_ros.pose import Transform, from_xyz_quat  # noqa: E402
from gpnet_ros.settings import config_dir  # noqa: E402

STAND_INS = Path(__file__).parents[2] / "support" / "stand_ins"
FLANGE_EYE = config_dir() / "hand_eye_flange.yaml"


class Publisher:
    """A node and its publishers in one: keeps what is published, by topic."""

    def __init__(self) -> None:
        self.sent: dict[str, list[TransformStamped]] = {}

    def create_publisher(self, kind: type, topic: str, qos: Any) -> Any:
        kept = self.sent.setdefault(topic, [])
        return type("Topic", (), {"publish": staticmethod(kept.append)})


@pytest.fixture
def tf2(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """tf2_ros as it is installed, else its stand-in."""
    monkeypatch.delitem(sys.modules, "tf2_ros", raising=False)
    monkeypatch.syspath_prepend(STAND_INS)
    yield
    sys.modules.pop("tf2_ros", None)


def published(owned: str, hand_eye: HandEye, q: np.ndarray) -> dict[str, Transform]:
    """Child frame -> pose (4, 4) in base_link, of whatever is published, joined to one tree."""
    node = Publisher()
    made = Frames(node, owned, CAMERA_FRAME, hand_eye, 5.0)
    made.flange(convert.to_pose_in_base_link(CELL.kinematics.forward(q), 6.0))
    found: dict[str, Transform] = {"base_link": np.eye(4)}
    for message in [*node.sent.get("tf", []), *node.sent.get("tf_static", [])]:
        assert message.child_frame_id not in found, "a frame with two parents"
        t, r = message.transform.translation, message.transform.rotation
        T = from_xyz_quat((t.x, t.y, t.z), (r.x, r.y, r.z, r.w))
        found[message.child_frame_id] = found[message.header.frame_id] @ T
    return found


@pytest.mark.parametrize("file", [None, FLANGE_EYE])
def test_flange_and_camera_are_where_arm_and_hand_eye_put_them(tf2: None, file: Path | None) -> None:
    hand_eye = load_hand_eye(file)
    q = np.array(CELL.home) + 0.1
    T_base_flange = CELL.kinematics.forward(q)
    found = published("all", hand_eye, q)
    np.testing.assert_allclose(found["tool0"], convert.T_BASE_LINK_BASE @ T_base_flange, atol=1e-9)
    expected = convert.T_BASE_LINK_BASE @ hand_eye.T_base_camera(T_base_flange)
    np.testing.assert_allclose(found[CAMERA_FRAME], expected, atol=1e-9)


@pytest.mark.parametrize("owned", TF_CHOICES)
def test_what_another_publisher_owns_is_left_out(tf2: None, owned: str) -> None:
    expected = {"all": {"tool0", CAMERA_FRAME}, "flange": {"tool0"}, "camera": {CAMERA_FRAME}, "none": set()}
    assert set(published(owned, load_hand_eye(), np.array(CELL.home))) - {"base_link"} == expected[owned]


def test_without_tf2_ros_nothing_is_published_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)  # import raises ImportError
    assert frames._broadcasters(Publisher()) == (None, None)
    assert set(published("all", load_hand_eye(), np.array(CELL.home))) == {"base_link"}
