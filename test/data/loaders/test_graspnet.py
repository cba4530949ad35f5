"""GraspNet-1Billion's planar half: small trees in the published format, written from its description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.graspnet_files import ACROSS, write_picture, write_scene, write_view
from support.hostile import Hostile

from gpnet_ros.data.loaders.graspnet import PUBLISHED_CAMERAS, GraspNet
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import transform


def test_the_opening_lies_across_the_object(tmp_path: Path) -> None:
    write_scene(tmp_path)
    sample = GraspNet(tmp_path)[0]
    assert sample.rectangles is not None and sample.ids is not None
    assert abs(sample.rectangles.angle[0]) == pytest.approx(np.pi / 2)
    assert sample.rectangles.opening[0] == pytest.approx(22)  # twice centre to open point
    assert sample.rectangles.jaw[0] == pytest.approx(8)
    # The pads, the ends of the opening, lie off the bar on either side; the centre lies on it.
    corners = sample.rectangles.corners()[0]
    for pad in (corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)):
        assert sample.ids[round(pad[1]), round(pad[0])] == 0
    u, v = sample.rectangles.center[0]
    assert sample.ids[round(v), round(u)] == sample.rectangles.object_id[0] == 14  # type: ignore[index]


def test_the_angle_turns_with_v_down(tmp_path: Path) -> None:
    scene = write_scene(tmp_path)
    write_view(scene / "realsense", 0, rows=[(50.0, 34.0, 60.0, 44.0, 8.0, 0.5, 13.0)])
    rectangles = GraspNet(tmp_path)[0].rectangles
    assert rectangles is not None
    assert rectangles.angle[0] == pytest.approx(np.pi / 4)


def test_depth_is_in_millimetres_and_colour_in_rgb_order(tmp_path: Path) -> None:
    write_scene(tmp_path)
    frame = GraspNet(tmp_path)[0].frame
    assert frame.depth is not None and frame.color is not None
    assert frame.depth[35, 50] == pytest.approx(0.65)
    assert np.isnan(frame.depth[0, 0])
    assert tuple(frame.color[35, 50]) == (200, 20, 10)


def test_the_camera_of_the_scene(tmp_path: Path) -> None:
    camera = write_scene(tmp_path) / "realsense"
    (camera / "meta").mkdir()
    (camera / "meta" / "0000.mat").write_bytes(b"parsers of this crash; nothing of it is needed")
    intrinsics = GraspNet(tmp_path)[0].frame.intrinsics
    assert intrinsics is not None
    assert (intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy) == (80, 81, 47, 31)


def test_the_published_camera_stands_in_only_for_its_own_picture_size(tmp_path: Path) -> None:
    camera = write_scene(tmp_path) / "realsense"
    (camera / "camK.npy").unlink()
    assert GraspNet(tmp_path)[0].frame.intrinsics is None
    write_view(camera, 0, size=(720, 1280))
    assert GraspNet(tmp_path)[0].frame.intrinsics == PUBLISHED_CAMERAS["realsense"]


def test_the_pose_is_the_table_pose_of_the_first_camera_times_the_view(tmp_path: Path) -> None:
    camera = write_scene(tmp_path, views=2) / "realsense"
    T_table_first = transform(Rotation.from_euler("x", 180, degrees=True).as_matrix(), (0.1, 0.2, 0.6))
    T_first_view = transform(Rotation.from_euler("z", 90, degrees=True).as_matrix(), (0.3, 0.0, 0.0))
    np.save(camera / "cam0_wrt_table.npy", T_table_first)
    np.save(camera / "camera_poses.npy", np.stack([np.eye(4), T_first_view]))
    data = GraspNet(tmp_path)
    assert np.allclose(data[0].T_base_camera, T_table_first)  # type: ignore[arg-type]
    T_base_camera = data[1].T_base_camera
    assert T_base_camera is not None
    assert np.allclose(T_base_camera[:3, 3], (0.4, 0.2, 0.6))
    assert T_base_camera[2, 2] == pytest.approx(-1)  # looks down at the table
    np.save(camera / "camera_poses.npy", np.eye(4)[None])
    with pytest.raises(BadInput, match=r"camera_poses\.npy"):
        GraspNet(tmp_path)[1]
    np.save(camera / "camera_poses.npy", np.stack([2 * np.eye(4)] * 2))
    with pytest.raises(BadInput, match="rigid"):
        GraspNet(tmp_path)[1]


def test_both_cameras_or_one(tmp_path: Path) -> None:
    write_scene(tmp_path, cameras=("realsense", "kinect"), views=2)
    assert GraspNet(tmp_path).names == tuple(
        f"scene_0000/{camera}/{view:04d}" for camera in ("realsense", "kinect") for view in range(2)
    )
    assert GraspNet(tmp_path, camera="kinect").names == ("scene_0000/kinect/0000", "scene_0000/kinect/0001")
    with pytest.raises(BadInput, match="zed"):
        GraspNet(tmp_path, camera="zed")


@pytest.mark.parametrize("root", [".", "scenes", "scenes/scene_0003"])
def test_any_folder_of_the_set_is_a_root(tmp_path: Path, root: str) -> None:
    write_scene(tmp_path, 3)
    data = GraspNet(tmp_path / root)
    assert data.names == ("scene_0003/realsense/0000",) and data.scenes == ("scene_0003",)
    assert data[0].rectangles is not None


@pytest.mark.parametrize("root", [".", "scenes"])
def test_rectangles_are_found_beside_the_scenes_as_downloaded(tmp_path: Path, root: str) -> None:
    camera = write_scene(tmp_path, 3) / "realsense"
    beside = tmp_path / "rect_labels" / "scene_0003" / "realsense"
    beside.mkdir(parents=True)
    (camera / "rect" / "0000.npy").rename(beside / "0000.npy")
    rectangles = GraspNet(tmp_path / root)[0].rectangles
    assert rectangles is not None and len(rectangles) == 1


def test_what_was_not_downloaded_is_absent_not_empty(tmp_path: Path) -> None:
    camera = write_scene(tmp_path) / "realsense"
    np.save(camera / "rect" / "0000.npy", np.zeros((0, 7), np.float32))
    assert len(GraspNet(tmp_path)[0].rectangles) == 0  # type: ignore[arg-type]
    (camera / "rect" / "0000.npy").unlink()
    (camera / "label" / "0000.png").unlink()
    (camera / "rgb" / "0000.png").unlink()
    sample = GraspNet(tmp_path)[0]
    assert sample.rectangles is None and sample.ids is None and sample.objects is None
    assert sample.frame.color is None and sample.frame.depth is not None
    assert sample.T_base_camera is None and sample.top_rectangles() is None


def test_no_relations_are_invented(tmp_path: Path) -> None:
    write_scene(tmp_path)
    sample = GraspNet(tmp_path)[0]
    assert sample.objects is not None and sample.objects.top_level is None and sample.top_rectangles() is None
    assert sample.objects.ids.tolist() == [14]
    assert sample.objects.boxes.tolist() == [[20, 30, 80, 40]]  # type: ignore[union-attr]


def test_rows_off_the_picture_or_without_area_are_left_out(tmp_path: Path) -> None:
    camera = write_scene(tmp_path) / "realsense"
    rows = [ACROSS, (-5, 30, -5, 40, 8, 0.9, 13), (50, 34, 50, 34, 8, 0.9, 13), (50, 34, 50, 40, 0, 0.9, 13)]
    rows += [(np.nan, 34, 50, 40, 8, 0.9, 13), (50, 63.6, 50, 70, 8, 0.9, 13), (50, 34, 50, 40, 8, 0.2, 13)]
    write_view(camera, 0, rows=rows)
    assert GraspNet(tmp_path)[0].rectangles.score.tolist() == pytest.approx([0.9, 0.2])  # type: ignore[union-attr]
    assert len(GraspNet(tmp_path, score_min=0.5)[0].rectangles) == 1  # type: ignore[arg-type]


def test_an_object_that_was_not_recorded_is_absent(tmp_path: Path) -> None:
    write_view(write_scene(tmp_path) / "realsense", 0, rows=[(*ACROSS[:6], -1.0)])
    rectangles = GraspNet(tmp_path)[0].rectangles
    assert rectangles is not None and rectangles.object_id is None


def test_splits_are_scenes_and_never_pictures(tmp_path: Path) -> None:
    for number in (99, 100, 130, 189):
        write_scene(tmp_path, number, views=2)
    assert GraspNet(tmp_path).official_splits() == {
        "train": ("scene_0099",),
        "test_seen": ("scene_0100",),
        "test_similar": ("scene_0130",),
        "test_novel": ("scene_0189",),
    }
    split = tmp_path / "split.txt"
    split.write_text("scene_0100\nscene_0189\n")
    assert set(GraspNet(tmp_path, split).scenes) == {"scene_0100", "scene_0189"} and len(GraspNet(tmp_path, split)) == 4
    split.write_text("scene_0100/realsense/0000\n")
    with pytest.raises(BadInput, match="scene_0100/realsense/0000"):
        GraspNet(tmp_path, split)


def test_a_wrong_root_says_what_belongs_there_and_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    with pytest.raises(BadInput, match=r"scene_0000.*holiday"):
        GraspNet(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        GraspNet(tmp_path / "nowhere")


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path = write_scene(tmp_path) / "realsense" / "rect" / "0000.npy"
    np.save(path, np.array([Hostile(tmp_path / "run")], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match=r"rect/0000\.npy"):
        GraspNet(tmp_path)[0]
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError):
        np.load(path)
    np.load(path, allow_pickle=True)
    assert (tmp_path / "run").exists()  # the file was a live one


@pytest.mark.parametrize("kind", ["rgb", "depth", "label"])
def test_a_truncated_picture_is_named(tmp_path: Path, kind: str) -> None:
    path = write_scene(tmp_path) / "realsense" / kind / "0000.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match=rf"{kind}/0000\.png"):
        GraspNet(tmp_path)[0]


@pytest.mark.parametrize("kind", ["depth", "label"])
def test_pictures_of_different_sizes_are_named(tmp_path: Path, kind: str) -> None:
    write_picture(write_scene(tmp_path) / "realsense", kind, 0, np.zeros((32, 32), np.uint16))
    with pytest.raises(BadInput, match=rf"{kind}/0000\.png"):
        GraspNet(tmp_path)[0]


@pytest.mark.parametrize("values", [np.zeros((3, 6)), np.zeros(7), np.array([["a"] * 7])])
def test_rows_of_another_kind_are_named(tmp_path: Path, values: np.ndarray) -> None:
    np.save(write_scene(tmp_path) / "realsense" / "rect" / "0000.npy", values)
    with pytest.raises(BadInput, match=r"rect/0000\.npy"):
        GraspNet(tmp_path)[0]


def test_a_damaged_camera_matrix_is_named(tmp_path: Path) -> None:
    for K in (np.full((3, 3), np.nan), np.zeros((3, 3)), np.eye(4), np.array([["a"] * 3] * 3)):
        np.save(write_scene(tmp_path) / "realsense" / "camK.npy", K)
        with pytest.raises(BadInput, match=r"camK\.npy"):
            GraspNet(tmp_path)[0]
