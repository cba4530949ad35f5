"""Cornell: the traps of its files, and depth that is found from clouds which hold none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.grasp_files import HEIGHT, WIDTH, Bar, corner_lines, write_cornell, write_text

from gpnet_ros.data.loaders.cornell.cloud import read_cloud
from gpnet_ros.data.loaders.cornell.cornell import Cornell
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform

KINECT = Intrinsics(WIDTH, HEIGHT, 525.0, 525.0, 319.5, 239.5)
SQUARE = [(100.0, 100.0), (140.0, 100.0), (140.0, 120.0), (100.0, 120.0)]


def robot_camera() -> Transform:
    """A camera 0.7 m over the base of a robot that looks forward and down."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler("xyz", [np.pi - 0.9, 0.05, 1.6]).as_matrix()
    T[:3, 3] = 0.6, -0.19, 0.7
    return T


def box_on_table(camera: Intrinsics) -> np.ndarray:
    """True depth (480, 640) [m] of a tilted table with a box on it."""
    v, u = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    rays = camera.deproject(np.stack([u, v], axis=-1), np.ones(u.shape))
    depth = 1.2 / (rays @ (0.0, -np.sin(0.5), np.cos(0.5)))
    return depth - 0.1 * ((abs(u - 300) < 80) & (abs(v - 250) < 60))


def cloud_text(depth: np.ndarray, camera: Intrinsics, T_base_camera: Transform, keep: np.ndarray) -> str:
    """A point cloud as published: ascii PCD, millimetres in the robot's base frame, one row per seen pixel."""
    index = np.flatnonzero(keep)
    v, u = np.divmod(index, WIDTH)
    points = camera.deproject(np.stack([u, v], axis=-1), depth.ravel()[index])
    points = (points @ T_base_camera[:3, :3].T + T_base_camera[:3, 3]) * 1000
    head = (
        "# .PCD v.7 - Point Cloud Data file format\nFIELDS x y z rgb index\nSIZE 4 4 4 4 4\nTYPE F F F F U\n"
        f"COUNT 1 1 1 1 1\nWIDTH {len(index)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(index)}\nDATA ascii\n"
    )
    rows = (f"{x:.7g} {y:.7g} {z:.7g} 2.3e-38 {i}\n" for (x, y, z), i in zip(points, index))
    return head + "".join(rows)


def sparse(step: int = 7) -> np.ndarray:
    """Pixels that have a point: clouds have holes, and fewer points make the test quick."""
    keep = np.zeros(WIDTH * HEIGHT, dtype=bool)
    keep[::step] = True
    return keep


@pytest.mark.parametrize("camera", [KINECT, Intrinsics(WIDTH, HEIGHT, 571.0, 571.0, 313.0, 246.0)])
@pytest.mark.parametrize("T_base_camera", [robot_camera(), np.eye(4)], ids=["robot", "camera"])
def test_cloud_gives_depth_camera_and_pose(camera: Intrinsics, T_base_camera: Transform, tmp_path: Path) -> None:
    truth = box_on_table(camera)
    write_text(tmp_path / "pcd0100.txt", cloud_text(truth, camera, T_base_camera, sparse()))
    cloud = read_cloud(tmp_path / "pcd0100.txt")
    seen = sparse().reshape(HEIGHT, WIDTH)
    np.testing.assert_allclose(cloud.depth[seen], truth[seen], atol=5e-4)
    assert np.isnan(cloud.depth[~seen]).all()
    np.testing.assert_allclose(cloud.intrinsics.matrix, camera.matrix, atol=0.5)
    np.testing.assert_allclose(cloud.T_base_camera, T_base_camera, atol=1e-3)


def test_depth_of_the_sample_is_neither_range_nor_a_base_coordinate(tmp_path: Path) -> None:
    truth = box_on_table(KINECT)
    write_cornell(tmp_path, Bar(0.0))
    write_text(tmp_path / "01" / "pcd0100.txt", cloud_text(truth, KINECT, robot_camera(), sparse()))
    sample = Cornell(tmp_path)[0]
    depth = sample.frame.depth
    assert depth is not None and sample.frame.intrinsics is not None and sample.T_base_camera is not None
    np.testing.assert_allclose(depth.ravel()[::7], truth.ravel()[::7], atol=5e-4)
    v, u = 250, 301
    point = sample.T_base_camera @ [*sample.frame.intrinsics.deproject((u, v), truth[v, u]), 1.0]
    assert abs(np.linalg.norm(point[:3]) - truth[v, u]) > 0.1  # what d.tiff would hold there


def write_range(root: Path, depth: np.ndarray, T_origin_camera: Transform) -> np.ndarray:
    """pcd0100d.tiff as GG-CNN's script makes it: distance of each point from the cloud's origin [m]."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    points = KINECT.deproject(np.stack([u, v], axis=-1), depth) @ T_origin_camera[:3, :3].T + T_origin_camera[:3, 3]
    distance = np.linalg.norm(points, axis=-1).astype(np.float32)
    assert cv2.imwrite(str(root / "01" / "pcd0100d.tiff"), distance)
    return distance


def above_table(turn: float) -> tuple[Transform, np.ndarray]:
    """Pose of a camera as Cornell's over a robot's base, and true depth of a level table with a box on it."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler("xyz", [np.pi + 0.66, 0.1, -np.pi / 2 + turn]).as_matrix()
    T[:3, 3] = 0.6, -0.19, 0.7
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    rays = KINECT.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ T[:3, :3].T
    height = np.where((abs(u - 300) < 60) & (abs(v - 250) < 50), -0.02, -0.06)
    return T, (height - T[2, 3]) / rays[..., 2]


@pytest.mark.parametrize("turn", [0.0, 0.2])
def test_distance_from_the_robot_becomes_depth(turn: float, tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    T, truth = above_table(turn)
    distance = write_range(tmp_path, truth, T)
    assert np.abs(distance - truth).max() > 0.15  # a bowl, no depth
    depth = Cornell(tmp_path)[0].frame.depth
    assert depth is not None
    error = depth - truth
    assert np.nanmax(np.abs(error)) < 0.03 and np.nanstd(error) < 0.006 and np.isfinite(depth).mean() > 0.99
    box = np.nanmedian((depth - truth)[245:255, 295:305]) - np.nanmedian((depth - truth)[320:330, 295:305])
    assert abs(box) < 0.004  # the box stands out of the table as it should


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_distance_from_the_camera_becomes_depth(tilt: float, tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    truth = 1.0 / (KINECT.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ (0.0, -np.sin(tilt), np.cos(tilt)))
    truth -= 0.1 * ((abs(u - 300) < 60) & (abs(v - 250) < 50))
    distance = write_range(tmp_path, truth, np.eye(4))
    assert np.abs(distance - truth).max() > 0.15
    np.testing.assert_allclose(Cornell(tmp_path)[0].frame.depth, truth, atol=2e-3)


def test_distances_without_a_table_say_nothing_about_depth(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    noise = np.random.default_rng(0).uniform(0.5, 2.0, (HEIGHT, WIDTH)).astype(np.float32)
    for values in (noise, np.zeros_like(noise)):
        cv2.imwrite(str(tmp_path / "01" / "pcd0100d.tiff"), values)
        assert Cornell(tmp_path)[0].frame.depth is None


def test_sources_of_depth_are_chosen(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    assert Cornell(tmp_path)[0].frame.depth is None
    T, truth = above_table(0.0)
    distance = write_range(tmp_path, truth, T)
    for choice in ("cloud", "none"):
        assert Cornell(tmp_path, depth=choice)[0].frame.depth is None  # type: ignore[arg-type]
    frame = Cornell(tmp_path, depth="tiff")[0].frame
    np.testing.assert_array_equal(frame.depth, distance)
    assert frame.intrinsics is None
    write_text(tmp_path / "01" / "pcd0100.txt", cloud_text(truth, KINECT, T, sparse()))
    assert Cornell(tmp_path)[0].frame.intrinsics is not None  # the cloud is better
    np.testing.assert_array_equal(Cornell(tmp_path, depth="tiff")[0].frame.depth, distance)
    cv2.imwrite(str(tmp_path / "01" / "pcd0100d.tiff"), distance[:100])
    with pytest.raises(BadInput, match=r"pcd0100d\.tiff has 640x100"):
        Cornell(tmp_path, depth="tiff")[0]
    with pytest.raises(BadInput, match="stereo"):
        Cornell(tmp_path, depth="stereo")  # type: ignore[arg-type]


def test_damaged_clouds_are_refused(tmp_path: Path) -> None:
    good = cloud_text(box_on_table(KINECT), KINECT, robot_camera(), sparse(97))
    path = tmp_path / "pcd0100.txt"
    lines = good.splitlines(keepends=True)
    others = np.random.default_rng(0).permutation(lines[10:])
    shuffled = lines[:10] + [f"{a.rsplit(' ', 1)[0]} {b.split()[-1]}\n" for a, b in zip(lines[10:], others)]
    for text, reason in (
        (good.replace("DATA ascii", "DATA binary"), "DATA ascii"),
        (good[: len(good) // 2], "damaged"),
        (good.replace(lines[20], "1 2 3 4\n"), "damaged"),
        (good.replace(lines[20], lines[20].rsplit(" ", 1)[0] + " 307200\n"), "640x480"),
        ("".join(lines[:8] + ["POINTS 0\nDATA ascii\n"]), "no points"),
        ("".join(shuffled), "No camera explains"),
    ):
        write_text(path, text)
        with pytest.raises(BadInput, match=reason) as caught:
            read_cloud(path)
        assert "pcd0100.txt" in str(caught.value)
    write_text(path, good.replace("\n", "\r\n"))
    assert np.isfinite(read_cloud(path).depth).sum() == sparse(97).sum()


def test_nan_rectangles_are_left_out_whole_and_their_lines_consumed(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    nan = "NaN NaN \n 120 300\n150 300 \nNaN NaN\n"
    text = corner_lines(SQUARE) + nan + corner_lines([(u + 50, v) for u, v in SQUARE])
    write_text(tmp_path / "01" / "pcd0100cpos.txt", text)
    rectangles = Cornell(tmp_path)[0].rectangles
    assert rectangles is not None
    np.testing.assert_allclose(rectangles.center, [[120, 110], [170, 110]])
    np.testing.assert_allclose(rectangles.opening, 40)


@pytest.mark.parametrize("cut", ["100 100\n140 100\n", "253 x\n" * 4, "1 2 3\n" * 4])
def test_damaged_annotations_are_refused(cut: str, tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    write_text(tmp_path / "01" / "pcd0100cpos.txt", corner_lines(SQUARE) + cut)
    with pytest.raises(BadInput, match=r"pcd0100cpos\.txt"):
        Cornell(tmp_path)[0]


def test_points_on_a_line_are_no_grasp(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    write_text(tmp_path / "01" / "pcd0100cpos.txt", corner_lines([(0, 0), (9, 9), (9, 9), (0, 0)]))
    rectangles = Cornell(tmp_path)[0].rectangles
    assert rectangles is not None and len(rectangles) == 0


def test_positive_and_negative_do_not_mix(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    assert Cornell(tmp_path)[0].negatives is None
    write_text(tmp_path / "01" / "pcd0100cneg.txt", corner_lines(SQUARE))
    sample = Cornell(tmp_path)[0]
    assert sample.negatives is not None and sample.rectangles is not None
    np.testing.assert_allclose(sample.negatives.center, [[120, 110]])
    np.testing.assert_allclose(sample.rectangles.center, [[300, 250]])


@pytest.mark.parametrize("folder", ["", "01", "cornell/01", "archive/cornell/01"])
def test_any_folder_layout_is_found_and_backgrounds_are_not_samples(folder: str, tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0), folder=folder)
    background = tmp_path / "backgrounds" / "pcdb0002r.png"
    background.parent.mkdir()
    background.write_bytes(b"")
    data = Cornell(tmp_path)
    assert data.names == ((folder + "/pcd0100").lstrip("/"),)
    assert data[0].rectangles is not None


def test_files_sorted_by_kind_are_put_together(tmp_path: Path) -> None:
    """One public copy has folders image, pos_label and so on."""
    write_cornell(tmp_path, Bar(0.0), folder="image")
    (tmp_path / "pos_label").mkdir()
    (tmp_path / "image" / "pcd0100cpos.txt").rename(tmp_path / "pos_label" / "pcd0100cpos.txt")
    (sample,) = (Cornell(tmp_path)[i] for i in range(len(Cornell(tmp_path))))
    assert sample.rectangles is not None and len(sample.rectangles) == 1


def test_a_second_copy_is_no_second_sample(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0), folder="01")
    write_cornell(tmp_path, Bar(90.0), folder="copy/01")
    data = Cornell(tmp_path)
    assert data.names == ("01/pcd0100",)


def test_the_file_beside_the_picture_is_its_own(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0), folder="a/01")
    (tmp_path / "a" / "01" / "pcd0100r.png").unlink()
    write_text(tmp_path / "a" / "01" / "pcd0100cpos.txt", "")
    write_cornell(tmp_path, Bar(0.0), folder="b/01")
    rectangles = Cornell(tmp_path)[0].rectangles
    assert rectangles is not None and len(rectangles) == 1


def test_objects_are_scenes_where_they_are_known(tmp_path: Path) -> None:
    for number, folder in ((100, "01"), (101, "01"), (1034, "10")):
        write_cornell(tmp_path, Bar(0.0), number, folder)
    assert Cornell(tmp_path).scenes == ("01/pcd0100", "01/pcd0101", "10/pcd1034")
    write_text(tmp_path / "processedData" / "z.txt", "0100 7 remote control\n0101 7 remote control\n1034 30 mug\n")
    data = Cornell(tmp_path)
    assert data.scenes == ("object 7", "object 7", "object 30")
    split = tmp_path / "split.txt"
    split.write_text("object 7\n")
    assert Cornell(tmp_path, split).names == ("01/pcd0100", "01/pcd0101")
    write_text(tmp_path / "processedData" / "z.txt", "what is this\n")
    with pytest.raises(BadInput, match=r"z\.txt"):
        Cornell(tmp_path)


def test_annotation_without_picture_names_the_picture(tmp_path: Path) -> None:
    write_cornell(tmp_path, Bar(0.0))
    (tmp_path / "01" / "pcd0100r.png").unlink()
    data = Cornell(tmp_path)
    with pytest.raises(BadInput, match=r"pcd0100r\.png is missing"):
        data[0]
