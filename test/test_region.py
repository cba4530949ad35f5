"""Regions: which pixels count, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.cameras import mistaken
from support.scenes import CAMERA, CELL, CENTRE, SIZE, T_BASE_CAMERA, sight

from gpnet_ros.errors import BadInput, HandEyeRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import workspace_grid
from gpnet_ros.overlay import draw_overlay
from gpnet_ros.pose import invert, to_xyz_quat
from gpnet_ros.region import Region, counted_in_workspace
from gpnet_ros.settings import config_dir


def picture(height: int = 48, width: int = 64) -> Frame:
    return Frame(np.full((height, width, 3), 200, np.uint8), None)


def inside(region: Region, frame: Frame) -> np.ndarray:
    found = region.applied(frame).region
    assert found is not None
    return found


def test_a_box_counts_its_pixels_and_no_other() -> None:
    found = inside(Region.of_roi("10, 5,20,8"), picture())
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 12, 10, 29)
    assert found.sum() == 160
    assert inside(Region.of_roi("0,0,64,48"), picture()).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10,5,20", "four whole numbers"),
        ("10,5,20,8,1", "four whole numbers"),
        ("10,5,20.5,8", "four whole numbers"),
        ("", "four whole numbers"),
        ("a,b,c,d", "four whole numbers"),
        ("-1,5,20,8", "0 or more"),
        ("10,5,0,8", "1 or more"),
        ("10,5,20,-8", "1 or more"),
    ],
)
def test_what_is_no_box_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Region.of_roi(text)


@pytest.mark.parametrize("text", ["45,5,20,8", "10,41,20,8", "64,0,1,1", "900,900,5,5"])
def test_a_box_that_leaves_the_picture_is_refused_with_its_size(text: str) -> None:
    with pytest.raises(BadInput, match="64x48"):
        Region.of_roi(text).applied(picture())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_mask_counts_where_it_is_not_black(tmp_path: Path, channels: int) -> None:
    image = np.zeros((48, 64, channels), np.uint8)
    image[10:20, 30:40, 0] = 1
    image[..., 3:] = 255  # what is not transparent is not inside for that
    cv2.imwrite(str(tmp_path / "mask.png"), image)
    found = inside(Region.of_mask(tmp_path / "mask.png"), picture())
    assert found.sum() == 100
    assert found[10:20, 30:40].all()


def test_masks_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    for name, image, words in (
        ("black.png", np.zeros((48, 64), np.uint8), "0 everywhere"),
        ("deep.png", np.ones((48, 64), np.uint16), "8-bit"),
        ("other.png", np.ones((50, 64), np.uint8), "64x50, the picture 64x48"),
    ):
        cv2.imwrite(str(tmp_path / name), image)
        with pytest.raises(BadInput, match=words):
            Region.of_mask(tmp_path / name).applied(picture())
    (tmp_path / "text.png").write_text("no picture")
    for name in ("text.png", "nowhere.png"):
        with pytest.raises(BadInput, match=name):
            Region.of_mask(tmp_path / name)


def test_masks_with_the_same_path_and_other_content_are_not_the_same(tmp_path: Path) -> None:
    regions = []
    for column in (3, 4, 3):
        image = np.zeros((48, 64), np.uint8)
        image[:, column] = 255
        path = tmp_path / str(len(regions)) / "mask.png"
        path.parent.mkdir()
        cv2.imwrite(str(path), image)
        regions.append(Region.of_mask(path).mask_sum)
    assert regions[0] == regions[2] != regions[1]


def test_a_workspace_counts_what_lies_in_it_also_what_stands_up_at_its_edge() -> None:
    seen = sight().frame
    region = Region.of_cell(config_dir() / "cell.yaml")
    found = inside(region, seen)
    T_camera_base, (x, y), half = invert(T_BASE_CAMERA), CELL.workspace.centre, CELL.workspace.side / 2
    for offset, counts in (((0.0, 0.0), True), ((half - 0.01, 0.1), True), ((half + 0.01, 0.1), False)):
        u, v = CAMERA.project((T_camera_base @ np.array([x + offset[0], y + offset[1], 0.0, 1.0]))[:3])
        assert found[round(v), round(u)] == counts
    near = replace(CELL.workspace, centre=(CENTRE[0] - SIZE[0] / 2 - half + 0.005, 0.0))  # cuts 5 mm of the box's side
    assert seen.depth is not None
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    top = CAMERA.deproject(np.stack([u, v], axis=-1), seen.depth) @ T_BASE_CAMERA[2, :3] + T_BASE_CAMERA[2, 3] > 0.045
    cut = replace(region, workspace=near)
    share = (inside(cut, seen) & top).sum() / top.sum()
    assert 0.08 < share < 0.2
    unknown = np.full_like(seen.depth, np.nan)
    table = counted_in_workspace(seen, T_BASE_CAMERA, near).region
    np.testing.assert_array_equal(inside(cut, replace(seen, depth=unknown)), table)


def test_a_workspace_is_seen_as_a_cell_sees_it_and_a_box_changes_no_view() -> None:
    seen = sight().frame
    view = Region.of_cell(config_dir() / "cell.yaml").view(seen)
    assert view == workspace_grid(seen, T_BASE_CAMERA, CELL.workspace)
    boxed = Region.of_roi("10,10,50,50").view(seen)
    assert (boxed.width, boxed.height) == (300, 224)


def test_workspaces_that_cannot_be_found_are_refused(tmp_path: Path) -> None:
    seen = sight().frame
    (tmp_path / "cell.yaml").write_text("workspace: {centre: [0.65, 0.0]}\n")
    with pytest.raises(BadInput, match=r"no hand-eye file .*hand_eye.yaml"):
        Region.of_cell(tmp_path / "cell.yaml")
    with pytest.raises(BadInput, match="on the flange"):
        Region.of_cell(tmp_path / "cell.yaml", config_dir() / "hand_eye_flange.yaml")
    position, quaternion = (list(map(float, p)) for p in to_xyz_quat(mistaken(T_BASE_CAMERA, "base_link")))
    (tmp_path / "hand_eye.yaml").write_text(f"position: {position}\nquaternion: {quaternion}\n")
    with pytest.raises(HandEyeRefused, match="base_link"):
        Region.of_cell(tmp_path / "cell.yaml").applied(seen)
    with pytest.raises(BadInput, match="--camera"):
        Region.of_cell(config_dir() / "cell.yaml").applied(replace(seen, intrinsics=None))


def test_where_none_of_the_workspace_is_seen_the_whole_frame_counts() -> None:
    seen = sight().frame
    away = replace(CELL.workspace, centre=(-0.65, 0.0))
    assert counted_in_workspace(seen, T_BASE_CAMERA, away).region is None


def test_the_overlay_shows_the_region() -> None:
    seen = sight()
    region = Region.of_roi("100,100,200,150").applied(seen.frame)
    plain, shown = (draw_overlay(frame, seen.maps, None, []) for frame in (seen.frame, region))
    assert (shown[50, 50] == plain[50, 50] // 2).all()
    assert (shown[180, 200] == plain[180, 200]).all()
    assert shown[100, 200, 2] > 200
