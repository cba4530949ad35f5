"""From a folder of pictures and poses to hand_eye.yaml, through the command; and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.board_pictures import picture
from support.board_views import BOARD, CAMERA, board_poses, off_at_workspace, rig, seen_from
from support.cameras import T_BASE_LINK_BASE

from gpnet_ros import cli
from gpnet_ros.calibration.view_folder import BoardPicture, Session, ViewFolder
from gpnet_ros.cell import load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import from_rotvec, to_xyz_quat

RNG = np.random.default_rng(3)
TRUTH = rig("fixed", RNG)
POSES = board_poses(10, RNG)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [picture(CAMERA, T, BOARD) for T in POSES]


@pytest.fixture
def folder(tmp_path: Path, pictures: list[np.ndarray]) -> ViewFolder:
    """Ten views, the fourth with a pose that is 8 mm off."""
    made = ViewFolder(tmp_path / "views of a cell")
    made.begin(Session("fixed", BOARD, "0123", "UR10 3.15.8", "2016300001"))
    for k, (T, color) in enumerate(zip(POSES, pictures, strict=True)):
        T_base_flange = seen_from(TRUTH, T)
        if k == 3:
            T_base_flange = from_rotvec([0.008, 0.0, 0.0, 0.0, 0.0, 0.0]) @ T_base_flange
        made.add(BoardPicture(made.next_name(), color, CAMERA, T_base_flange, None, float(k)))
    return made


def test_the_truth_is_written_and_the_bad_view_named(
    folder: ViewFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cell"
    assert cli.main(["hand-eye", "solve", str(folder.path), "--out", str(out), "--json"]) == 0
    told = capsys.readouterr().out
    hand_eye = load_hand_eye(out / "hand_eye.yaml")
    away, turned = off_at_workspace(TRUTH, hand_eye.T_base_camera())
    assert away < 0.001 and turned < np.deg2rad(0.15)
    measured = hand_eye.measured
    assert measured.left_out == ("04",) and measured.views == 9 and "does not agree: view 04 (8.0 mm" in told
    assert (measured.camera_serial, measured.arm_serial, measured.frame) == ("0123", "2016300001", "base")
    assert 0 < measured.residual < 0.001 and 0 < measured.spread < 0.001 and measured.date
    answer = json.loads(told.splitlines()[-1])
    assert answer["hand_eye"]["measured"]["board"] == BOARD.told and len(answer["views"]) == 10


def test_views_in_base_link_give_the_same(folder: ViewFolder, tmp_path: Path) -> None:
    assert cli.main(["hand-eye", "solve", str(folder.path)]) == 0
    for name in folder.names():
        file = folder.path / "views" / name / "view.json"
        position, quaternion = to_xyz_quat(T_BASE_LINK_BASE @ folder.read(name).T_base_flange)
        values = json.loads(file.read_text())
        values |= {"frame": "base_link", "position": position.tolist(), "quaternion": quaternion.tolist()}
        file.write_text(json.dumps(values))
    assert cli.main(["hand-eye", "solve", str(folder.path)]) == 0
    one, other = (load_hand_eye(folder.path / f).T_base_camera() for f in ("hand_eye.yaml", "hand_eye.before.yaml"))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_view_without_the_board_is_left_out_and_too_few_are_refused(
    folder: ViewFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)
    cv2.imwrite(str(folder.path / "views" / "02" / "color.png"), blank)
    assert cli.main(["hand-eye", "solve", str(folder.path)]) == 0
    assert "left out: view 02: Only 0 corners" in capsys.readouterr().out
    for name in ("05", "06"):
        folder.drop(name)
    assert cli.main(["hand-eye", "solve", str(folder.path)]) == 2
    assert "7 views show the board, at least 8" in capsys.readouterr().err
    assert folder.next_name() == "11"


def test_damaged_folders_are_told_in_one_sentence(
    folder: ViewFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["hand-eye", "solve", str(tmp_path / "nowhere")]) == 2
    assert "gpnet hand-eye capture" in capsys.readouterr().err
    file = folder.path / "views" / "01" / "view.json"
    good = file.read_text()
    damages = [
        ("{", "is damaged"),
        (good.replace('"base"', '"world"'), "frame is 'world'"),
        (good.replace("640", "320"), "640x480 px"),
        (good.replace("615.0", "600.0", 2), "different camera"),
    ]
    for bad, said in damages:
        file.write_text(bad)
        assert cli.main(["hand-eye", "solve", str(folder.path)]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(BadInput, match="was begun with mount fixed"):
        folder.begin(Session("flange", BOARD))
    with pytest.raises(BadInput, match="was begun with camera_serial 0123"):
        folder.begin(Session("fixed", BOARD, "9999"))
    assert folder.begin(Session("fixed", BOARD)).camera_serial == "0123"
