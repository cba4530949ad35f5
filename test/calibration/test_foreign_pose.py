"""Poses of other tools land in the controller's base, whatever frame they were given in; nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from support.board_views import T_BASE_CAMERA, T_FLANGE_CAMERA
from support.cameras import T_BASE_LINK_BASE, T_ROS_FLANGE_TOOL0

from gpnet_ros import cli
from gpnet_ros.calibration.foreign_pose import read_easy_handeye
from gpnet_ros.cell import load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, invert, to_xyz_quat

OPTICAL = "camera_color_optical_frame"


def newer(T: Transform, base: str = "base_link", effector: str = "tool0", on_hand: bool = False, **more: str) -> dict:
    """The layout of easy_handeye2's .calib files."""
    (x, y, z), (qx, qy, qz, qw) = (part.tolist() for part in to_xyz_quat(T))
    parameters = {
        "name": "cell", "calibration_type": "eye_in_hand" if on_hand else "eye_on_base", "robot_base_frame": base,
        "robot_effector_frame": effector, "tracking_base_frame": OPTICAL, "tracking_marker_frame": "aruco",
        "freehand_robot_movement": True, "move_group_namespace": "/", "move_group": "manipulator", **more,
    }  # fmt: skip
    return {
        "parameters": parameters,
        "transform": {"translation": {"x": x, "y": y, "z": z}, "rotation": {"x": qx, "y": qy, "z": qz, "w": qw}},
    }


def older(T: Transform, base: str = "base_link", effector: str = "tool0", on_hand: bool = False, **more: str) -> dict:
    """The layout of easy_handeye's, and of early easy_handeye2's, .yaml files."""
    values = newer(T, base, effector, on_hand, **more)
    values["parameters"] |= {"eye_on_hand": on_hand, "namespace": "/cell_eye_on_base/"}
    del values["parameters"]["calibration_type"], values["parameters"]["name"]
    pose = values.pop("transform")
    values["transformation"] = {**pose["translation"], **{f"q{k}": v for k, v in pose["rotation"].items()}}
    return values


def written(folder: Path, values: object) -> Path:
    path = folder / "cell.calib"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.mark.parametrize("layout", [newer, older])
@pytest.mark.parametrize(
    ("frame", "T_frame_base", "said"),
    [
        ("base_link", T_BASE_LINK_BASE, "180 degrees"),
        ("left_base_link", T_BASE_LINK_BASE, "180 degrees"),
        ("base", np.eye(4), "controller's base, as it is"),
        ("base_link_inertia", np.eye(4), "controller's base"),
    ],
)
def test_a_fixed_camera_lands_in_the_controllers_base(layout, frame, T_frame_base, said, tmp_path: Path) -> None:
    found = read_easy_handeye(written(tmp_path, layout(T_frame_base @ T_BASE_CAMERA, base=frame)))
    np.testing.assert_allclose(found.T_parent_camera, T_BASE_CAMERA, atol=1e-12)
    assert found.mount == "fixed" and said in found.told and found.frame == frame


@pytest.mark.parametrize("layout", [newer, older])
@pytest.mark.parametrize(
    ("frame", "T_frame_tool0"), [("tool0", np.eye(4)), ("ur10/tool0", np.eye(4)), ("flange", T_ROS_FLANGE_TOOL0)]
)
def test_a_camera_on_the_flange_lands_in_tool0(layout, frame, T_frame_tool0, tmp_path: Path) -> None:
    found = read_easy_handeye(written(tmp_path, layout(T_frame_tool0 @ T_FLANGE_CAMERA, effector=frame, on_hand=True)))
    np.testing.assert_allclose(found.T_parent_camera, T_FLANGE_CAMERA, atol=1e-12)
    assert found.mount == "flange"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (newer(T_BASE_CAMERA, base="world"), "'world'.*allowed: base_link"),
        (newer(T_BASE_CAMERA, effector="gripper_tcp", on_hand=True), "'gripper_tcp'.*allowed: tool0"),
        (newer(T_BASE_CAMERA, tracking_base_frame="camera_link"), "camera_link.*colour optical frame"),
        (newer(T_BASE_CAMERA, calibration_type="eye_to_hand"), "calibration_type is 'eye_to_hand'"),
        ({"parameters": newer(T_BASE_CAMERA)["parameters"]}, "no calibration of easy_handeye2"),
        ({"position": [0, 0, 0]}, "no calibration of easy_handeye2"),
        ([1, 2], "no calibration of easy_handeye2"),
    ],
)
def test_what_is_not_clear_is_refused(values: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        read_easy_handeye(written(tmp_path, values))


def test_the_command_says_the_frame_and_writes_what_the_cell_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calib = written(tmp_path, newer(T_BASE_LINK_BASE @ T_BASE_CAMERA))
    assert cli.main(["hand-eye", "read", str(calib), "--out", str(tmp_path / "cell")]) == 0
    assert "turned by 180 degrees" in capsys.readouterr().out
    hand_eye = load_hand_eye(tmp_path / "cell" / "hand_eye.yaml")
    np.testing.assert_allclose(hand_eye.T_base_camera(), T_BASE_CAMERA, atol=1e-7)
    assert hand_eye.measured.frame == "base_link"
    # The same file, given as a plain pose in base_link, turns back.
    again = ["hand-eye", "read", str(tmp_path / "cell" / "hand_eye.yaml"), "--out", str(tmp_path / "cell")]
    assert cli.main(again) == 2
    assert "give --frame (base" in capsys.readouterr().err
    assert cli.main([*again, "--frame", "base_link"]) == 0
    turned = load_hand_eye(tmp_path / "cell" / "hand_eye.yaml").T_base_camera()
    np.testing.assert_allclose(turned @ invert(T_BASE_CAMERA), T_BASE_LINK_BASE, atol=1e-7)
    np.testing.assert_allclose(
        load_hand_eye(tmp_path / "cell" / "hand_eye.before.yaml").T_base_camera(), T_BASE_CAMERA, atol=1e-7
    )  # fmt: skip


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "share").write_text("a file", encoding="utf-8")
    calib = written(tmp_path, newer(T_BASE_CAMERA))
    assert cli.main(["hand-eye", "read", str(calib), "--out", str(tmp_path / "share")]) == 2
    assert "hand_eye_file" in capsys.readouterr().err
