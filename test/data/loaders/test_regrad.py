"""REGRAD V1 and V2: small trees in the published formats, written here from their description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.hostile import Hostile
from support.regrad_files import GRASP, info, item, painted, wide, write_grasps, write_v1, write_v2

from gpnet_ros.data.loaders.regrad.regrad import Regrad
from gpnet_ros.errors import BadInput


def swapped() -> list[Any]:
    """The same rectangle as the other OpenCV writes it: sides exchanged, a quarter turn away."""
    center, opening, jaw, angle = GRASP
    return [list(center), [jaw, opening], angle - 90]


def test_both_spellings_are_the_same_rectangle() -> None:
    first, second = (cv2.boxPoints(tuple(map(tuple, r[:2])) + (r[2],)) for r in (wide(), swapped()))
    distance = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert distance.min(axis=1).max() < 1e-4


@pytest.mark.parametrize("rect", [wide(), swapped()], ids=["w is the opening", "h is the opening"])
def test_the_opening_is_the_longer_side_whatever_opencv_wrote_it(tmp_path: Path, rect: list[Any]) -> None:
    write_v1(tmp_path / "train")
    write_grasps(tmp_path / "2D_Grasp" / "train" / "00001" / "1" / "1.json", [item(rect)])
    sample = Regrad(tmp_path)[0]
    assert sample.rectangles is not None and sample.ids is not None
    assert sample.rectangles.opening[0] == 30 and sample.rectangles.jaw[0] == 6
    assert np.degrees(sample.rectangles.angle[0]) == pytest.approx(80)
    # Across book-2, which is 10 pixels high: the pads are off it on either side.
    corners = sample.rectangles.corners()[0]
    for pad in (corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)):
        assert sample.ids[round(pad[1]), round(pad[0])] != 2
    box = cv2.boxPoints((GRASP[0], (30.0, 6.0), 80.0))
    assert np.abs(np.linalg.norm(corners[:, None] - box[None], axis=2).min(axis=1)).max() < 1e-4


def test_object_ids_of_grasps_are_plain_floats(tmp_path: Path) -> None:
    write_v1(tmp_path / "train")
    path = tmp_path / "2D_Grasp" / "train" / "00001" / "1" / "1.json"
    write_grasps(path, [item(wide(), 12.0), item(wide(), 2.0), item(wide(), -1.0)])  # -1 was sampled on the table
    rectangles = Regrad(tmp_path)[0].rectangles
    assert rectangles is not None and rectangles.object_id is not None and rectangles.score is not None
    assert rectangles.object_id.tolist() == [12, 2] and rectangles.score.tolist() == [2.0, 2.0]
    write_grasps(path, [item(wide(), 121.0)])  # ten times the id plus one is what info.json and segment.jpg use
    with pytest.raises(BadInput, match=r"1\.json.*121"):
        Regrad(tmp_path)[0]


def test_the_vertical_score_is_never_below_a_half(tmp_path: Path) -> None:
    write_v1(tmp_path / "train")
    tilts = np.array([0.0, 29.0, 31.0, 90.0])
    items = [item(wide(), scores=[1 - tilt / 180, 0.4, 0.7, 1 - tilt / 180 + 1.1]) for tilt in tilts]
    write_grasps(tmp_path / "2D_Grasp" / "train" / "00001" / "1" / "1.json", items)
    assert len(Regrad(tmp_path)[0].rectangles) == 4  # type: ignore[arg-type]
    assert len(Regrad(tmp_path, vertical_min=0.5)[0].rectangles) == 4  # type: ignore[arg-type]  # the README's filter
    assert len(Regrad(tmp_path, vertical_min=0.8333)[0].rectangles) == 2  # type: ignore[arg-type]


def test_a_grasp_seen_from_its_tips_has_no_area_and_is_left_out(tmp_path: Path) -> None:
    write_v1(tmp_path / "train")
    path = tmp_path / "2D_Grasp" / "train" / "00001" / "1" / "1.json"
    write_grasps(path, [item([[50, 75], [30, 0], 80]), item(wide())])
    assert len(Regrad(tmp_path)[0].rectangles) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("write", [write_v1, write_v2])
def test_a_parent_lies_below_its_child(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "train")
    objects = Regrad(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is not None and objects.top_level is not None
    assert objects.ids.tolist() == [1, 2, 3, 12]
    assert objects.category == ("table", "book", "lamp", "mug")
    pairs = {(int(objects.ids[i]), int(objects.ids[j])) for i, j in np.argwhere(objects.covered_by)}
    assert pairs == {(1, 2), (2, 12)}  # (what lies below, what lies on it)
    assert objects.ids[objects.top_level].tolist() == [3, 12]  # what stands alone on the table is top-level


def test_masks_are_the_rows_and_columns_of_info_not_the_jpeg(tmp_path: Path) -> None:
    write_v1(tmp_path / "train")
    sample = Regrad(tmp_path)[0]
    assert sample.ids is not None and np.array_equal(sample.ids, painted())
    (tmp_path / "train" / "00001" / "1" / "info.json").unlink()
    assert Regrad(tmp_path)[0].ids is None  # segment.jpg is there, and not believed


def test_masks_of_v2_leave_out_table_and_background(tmp_path: Path) -> None:
    write_v2(tmp_path / "train")
    sample = Regrad(tmp_path)[0]
    assert sample.ids is not None and np.array_equal(sample.ids, painted())
    assert sample.rectangles is None  # V2 has none: absent, not empty


@pytest.mark.parametrize("write", [write_v1, write_v2])
def test_depth_is_in_millimetres_and_the_background_has_none(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "train")
    frame = Regrad(tmp_path)[0].frame
    assert frame.depth is not None and frame.color is not None
    assert frame.depth[50, 50] == pytest.approx(1.6)
    assert np.isnan(frame.depth[0, :2]).all()
    assert frame.color[50, 50, 0] > 200 and frame.color[50, 50, 2] < 50


def test_the_misspelt_camera_key(tmp_path: Path) -> None:
    path = write_v1(tmp_path / "train") / "1" / "camera_info.json"
    intrinsics = Regrad(tmp_path)[0].frame.intrinsics
    assert intrinsics is not None and (intrinsics.fx, intrinsics.fy, intrinsics.cx) == (900, 901, 80)
    path.write_text(json.dumps({"intrinsic": [[800, 0, 80], [0, 800, 60], [0, 0, 1]]}))  # spelt well, as rows
    assert Regrad(tmp_path)[0].frame.intrinsics.fx == 800  # type: ignore[union-attr]
    path.write_text(json.dumps({"intrinisic": [1, 2, 3]}))
    with pytest.raises(BadInput, match=r"camera_info\.json"):
        Regrad(tmp_path)[0]


def test_poses_are_those_of_the_projection_not_the_stale_extrinsic(tmp_path: Path) -> None:
    folder = write_v1(tmp_path / "train", views=(1, 2, 8), size=(960, 1280))
    for view in (1, 2, 8):
        camera = {"intrinisic": [1791.3843994140625, 0, 640, 0, 1791.3843994140625, 480, 0, 0, 1]}
        (folder / str(view) / "camera_info.json").write_text(json.dumps(camera | {"extrinsic": np.eye(4).tolist()}))
        (folder / str(view) / "info.json").unlink()
    # Position and quaternion wxyz of the cameras as Grasp_detection/configs/config.py lists them, in Blender's axes.
    published = {
        1: (0.8, 0, 2.1, 0.6912141595435636, 0.14907388569241384, 0.149073900960075, 0.6912141016382668),
        2: (0.8, -0.8, 2.1, 0.8867226612461571, 0.2593767218260428, 0.1074373143136802, 0.36729261046251954),
        8: (0, 0, 2.1, 1.0, 0.0, 0.0, 0.0),
    }
    for sample, (x, y, z, qw, qx, qy, qz) in zip(map(Regrad(tmp_path).__getitem__, range(3)), published.values()):
        assert sample.T_base_camera is not None
        assert np.allclose(sample.T_base_camera[:3, 3], (x, y, z))
        R = Rotation.from_quat((qx, qy, qz, qw)).as_matrix() @ np.diag([1, -1, -1])  # Blender looks along -z, y up
        assert np.allclose(sample.T_base_camera[:3, :3], R, atol=1e-6)


def test_an_object_that_no_pixel_shows_keeps_its_relations(tmp_path: Path) -> None:
    place = write_v1(tmp_path / "train") / "1"
    items = info()
    items[2]["segmentation"], items[2]["bbox"] = [[], []], None  # mug-12 is hidden in this view
    (place / "info.json").write_text(json.dumps(items))
    objects = Regrad(tmp_path)[0].objects
    assert objects is not None and objects.top_level is not None and objects.boxes is not None
    assert np.isnan(objects.boxes[3]).all() and objects.boxes[2].tolist() == [120, 20, 130, 40]
    assert objects.ids[objects.top_level].tolist() == [3, 12]  # book-2 still carries something


@pytest.mark.parametrize(
    ("under", "root"),
    [
        ("Relation Part/train", "."),
        ("train", "train"),
        ("train/train", "."),
        ("REGRAD/train", "."),
        ("train", "train/00001"),
    ],
    ids=["as published", "one split", "split twice", "one level deeper", "one scene"],
)
def test_misplaced_folders_are_found_and_keep_their_names(tmp_path: Path, under: str, root: str) -> None:
    write_v1(tmp_path / under, views=(1, 2))
    data = Regrad(tmp_path / root)
    assert data.names == ("train/00001/1", "train/00001/2") and set(data.scenes) == {"train/00001"}


@pytest.mark.parametrize(
    "place", ["Grasp Part/2D_Grasp/train/00001/1/1.json", "2D_Grasp/train/00001/1.json", "2D_Grasp/00001/1/1.json"]
)
def test_grasps_are_found_where_people_unpack_them(tmp_path: Path, place: str) -> None:
    write_v1(tmp_path / "Relation Part" / "train")
    write_grasps(tmp_path / place, [item(wide())])
    assert len(Regrad(tmp_path)[0].rectangles) == 1  # type: ignore[arg-type]


def test_grasps_of_another_split_are_not_taken(tmp_path: Path) -> None:
    write_v1(tmp_path / "train")
    write_v1(tmp_path / "seen_test")
    write_grasps(tmp_path / "2D_Grasp" / "train" / "00001" / "1" / "1.json", [item(wide())])
    samples = {sample.scene: sample for sample in map(Regrad(tmp_path).__getitem__, range(2))}
    assert samples["train/00001"].rectangles is not None
    assert samples["seen_test/00001"].rectangles is None  # the file is missing: absent, not empty


def test_grasps_may_lie_elsewhere(tmp_path: Path) -> None:
    write_v1(tmp_path / "a" / "train")
    write_grasps(tmp_path / "b" / "2D_Grasp" / "train" / "00001" / "1" / "1.json", [])
    assert Regrad(tmp_path / "a")[0].rectangles is None
    assert len(Regrad(tmp_path / "a", grasps=tmp_path / "b")[0].rectangles) == 0  # type: ignore[arg-type]


def test_a_partial_download_gives_what_is_there(tmp_path: Path) -> None:
    folder = write_v1(tmp_path / "train")
    (folder / "1" / "depth.png").unlink()
    (folder / "mrt.json").unlink()
    objects = Regrad(tmp_path)[0].objects
    assert Regrad(tmp_path)[0].frame.depth is None
    assert objects is not None and objects.top_level is not None  # info.json repeats the parents
    assert objects.ids[objects.top_level].tolist() == [3, 12]
    items = [{key: value for key, value in entry.items() if key != "parent_list"} for entry in info()]
    (folder / "1" / "info.json").write_text(json.dumps(items))
    objects = Regrad(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is None and objects.top_level is None
    (folder / "1" / "info.json").unlink()
    sample = Regrad(tmp_path)[0]
    assert sample.objects is None and sample.frame.color is not None


def test_relations_are_kept_where_masks_are_missing(tmp_path: Path) -> None:
    folder = write_v1(tmp_path / "train")
    (folder / "1" / "info.json").unlink()
    write_grasps(tmp_path / "2D_Grasp" / "train" / "00001" / "1" / "1.json", [item(wide(), 12.0), item(wide(), 2.0)])
    sample = Regrad(tmp_path)[0]
    top = sample.top_rectangles()
    assert sample.ids is None and top is not None and top.object_id is not None
    assert top.object_id.tolist() == [12]


def test_both_trees_side_by_side(tmp_path: Path) -> None:
    write_v1(tmp_path / "v1" / "train", "00007")
    write_v2(tmp_path / "v2" / "seen_valid", "00001", views=(1, 2))
    assert Regrad(tmp_path).names == ("train/00007/1", "seen_valid/00001/1", "seen_valid/00001/2")


def test_v2_without_masks_or_relations(tmp_path: Path) -> None:
    part = write_v2(tmp_path / "train")
    (part / "mrts.json").write_text(json.dumps({"00002": {}}))
    objects = Regrad(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is None and objects.category is None
    (part / "SegmentationImages" / "00001_1.png").unlink()
    assert Regrad(tmp_path)[0].objects is None


def test_splits_are_scenes_and_never_views(tmp_path: Path) -> None:
    for scene in ("00001", "00002"):
        write_v1(tmp_path / "train", scene, views=(1, 2))
    split = tmp_path / "split.txt"
    split.write_text("train/00002\n")
    assert Regrad(tmp_path, split).names == ("train/00002/1", "train/00002/2")
    assert Regrad(tmp_path).official_splits()["train"] == ("train/00001", "train/00002")
    assert Regrad(tmp_path).official_splits()["seen_test"] == ()
    split.write_text("train/00002/1\n")
    with pytest.raises(BadInput, match="train/00002/1"):
        Regrad(tmp_path, split)


def test_a_wrong_root_says_what_belongs_there_and_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(BadInput, match=r"RGBImages.*holiday\.jpg"):
        Regrad(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mrt.json", "{"),
        ("mrt.json", "[]"),
        ("mrt.json", '{"mug": []}'),
        ("mrt.json", '{"mug-4": ["mug-4"]}'),
        ("mrt.json", '{"mug-4": ["ghost-5"]}'),
        ("mrt.json", '{"mug-4": [], "cup-4": []}'),
        ("mrt.json", '{"mug-4": []}'),  # and info.json has other objects
        ("1/info.json", "{}"),
        ("1/info.json", '[{"obj_id": 12, "model_name": "mug"}]'),
        ("1/info.json", '[{"obj_id": 11, "segmentation": [[1, 2], [3]]}]'),
        ("1/info.json", '[{"obj_id": 11, "segmentation": [[500], [3]]}]'),
        ("1/info.json", '[{"obj_id": 11, "segmentation": [[-1], [3]]}]'),
        ("1/info.json", '[{"obj_id": 11, "segmentation": [["a"], [3]]}]'),
        ("1/info.json", '[{"obj_id": NaN}]'),
        ("1/info.json", '[{"obj_id": 1e400}]'),
        ("1/1.json", "[[1e300, [[1, 2], [3, 4], 5], [1, 1, 1, 3]]]"),
        ("1/1.json", "{}"),
        ("1/1.json", "[[2.0, [[1, 2], [3, 4]], [1, 1, 1, 3]]]"),
        ("1/1.json", "[[2.0, [[1, 2], [3, 4], 5], [1, 1]]]"),
        ("1/1.json", '[[2.0, [[1, 2], [3, "x"], 5], [1, 1, 1, 3]]]'),
        ("1/1.json", "[[2.0, [[1, 2], [3, Infinity], 5], [1, 1, 1, 3]]]"),
    ],
)
def test_damaged_labels_are_named(tmp_path: Path, name: str, content: str) -> None:
    folder = write_v1(tmp_path / "train")
    (folder / name).write_text(content)
    with pytest.raises(BadInput, match=r"mrt\.json|info\.json|1\.json") as raised:
        Regrad(tmp_path)[0]
    assert "\n" not in str(raised.value)


def test_pictures_that_are_damaged_are_named(tmp_path: Path) -> None:
    place = write_v1(tmp_path / "train") / "1"
    whole = (place / "rgb.jpg").read_bytes()
    (place / "rgb.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"rgb\.jpg"):
        Regrad(tmp_path)[0]
    (place / "rgb.jpg").write_bytes(whole)
    cv2.imwrite(str(place / "depth.png"), np.zeros((8, 8), np.uint16))
    with pytest.raises(BadInput, match=r"depth\.png"):
        Regrad(tmp_path)[0]


def test_the_pickled_3d_grasps_are_never_opened(tmp_path: Path) -> None:
    write_v1(tmp_path / "train")
    path = tmp_path / "3D_Grasp" / "train" / "00001" / "00001_view_1.p"
    path.parent.mkdir(parents=True)
    np.save(path.open("wb"), np.array([Hostile(tmp_path / "run")], dtype=object), allow_pickle=True)
    assert Regrad(tmp_path)[0].rectangles is None
    assert not (tmp_path / "run").exists()
