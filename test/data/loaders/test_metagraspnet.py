"""MetaGraspNet: small scenes in the published format, simulated and real, written from its description."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.hostile import Hostile
from support.metagraspnet_files import (
    ALONG_V,
    BAR_NUMBER,
    BAR_TOP,
    FOCAL,
    GRASPS,
    HEIGHT,
    JAW,
    ON_BAR,
    ORDER,
    WIDTH,
    contact,
    masks,
    write_hdf5,
    write_pictures,
    write_real,
    write_sim,
)

from gpnet_ros.data.loaders.hdf5 import read_hdf5
from gpnet_ros.data.loaders.metagraspnet.metagraspnet import MetaGraspNet
from gpnet_ros.errors import BadInput


def test_a_grasp_of_a_simulated_scene_lies_across_its_object(tmp_path: Path) -> None:
    write_sim(tmp_path)
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.rectangles is not None and sample.rectangles.object_id is not None and sample.ids is not None
    bar = sample.rectangles.take(np.array([0]))
    assert abs(bar.angle[0]) == pytest.approx(np.pi / 2)
    assert bar.center[0] == pytest.approx((50, 54.5), abs=1e-3)
    assert bar.opening[0] == pytest.approx(9.4, abs=1e-3)  # 4.5 cm at 95.3 cm
    assert bar.jaw[0] == pytest.approx(0.022 * FOCAL / 0.953, rel=1e-4)
    assert bar.score is not None and bar.score[0] == pytest.approx(0.9)
    # Ten pixels of the bar lie between the pads.
    line = sample.ids[round(54.5 - 9.4 / 2) : round(54.5 + 9.4 / 2), 50]
    assert (line == 1).all()


def test_object_ids_are_those_of_the_picture_not_of_the_file(tmp_path: Path) -> None:
    write_sim(tmp_path)
    rectangles = MetaGraspNet(tmp_path)[0].rectangles
    assert rectangles is not None and rectangles.object_id is not None
    assert rectangles.object_id.tolist() == [1, 2]  # the file says 4 and 2
    # A grasp of an object that the picture does not show is none of its rectangles.
    hidden = (contact(120, 49, 59, 140.0), 0, 0.9)  # 40 cm below the floor
    write_sim(tmp_path, grasps=[*GRASPS, hidden])
    rectangles = MetaGraspNet(tmp_path)[0].rectangles
    assert rectangles is not None and len(rectangles) == 2


def test_only_approaches_along_the_optical_axis_are_planar(tmp_path: Path) -> None:
    def turned(degrees: float) -> np.ndarray:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ ALONG_V

    poses = [(contact(50, 49.8, 59.2, BAR_TOP + 0.3, turned(a)), BAR_NUMBER, 0.9) for a in (0.0, 7.0, 9.0, 180.0)]
    write_sim(tmp_path, grasps=poses)
    assert len(MetaGraspNet(tmp_path)[0].rectangles) == 2  # type: ignore[arg-type]


def test_grasps_that_never_held_are_negatives(tmp_path: Path) -> None:
    write_sim(tmp_path, grasps=[(ON_BAR, BAR_NUMBER, score) for score in (1.0, 0.5, 0.3, 0.0)])
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.rectangles is not None and sample.negatives is not None
    assert (len(sample.rectangles), len(sample.negatives)) == (2, 1)
    assert len(MetaGraspNet(tmp_path, score_min=0.2)[0].rectangles) == 3  # type: ignore[arg-type]


def test_lengths_are_centimetres(tmp_path: Path) -> None:
    write_sim(tmp_path)
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.frame.depth is not None and sample.T_base_camera is not None
    assert sample.frame.depth[55, 50] == pytest.approx(0.95)  # not 77, which the preview says
    assert np.isnan(sample.frame.depth[0, :2]).all()
    assert np.allclose(sample.T_base_camera[:3, 3], (0.1, 0.2, 0.75))
    assert sample.frame.color is not None and tuple(sample.frame.color[55, 50]) == (250, 0, 0)


def test_a_pose_that_looks_up_is_in_no_frame_with_z_up(tmp_path: Path) -> None:
    folder = write_sim(tmp_path)
    write_hdf5(folder / "0_scene.hdf5", GRASPS, look_down=False)
    assert MetaGraspNet(tmp_path)[0].T_base_camera is None
    with h5py.File(folder / "0_scene.hdf5", "a") as file:
        file["camera/pose_relative_to_world"][...] = 3 * np.eye(4)
    with pytest.raises(BadInput, match=r"0_scene\.hdf5"):
        MetaGraspNet(tmp_path)[0]


@pytest.mark.parametrize("gone", ["0_order.csv", "0_order.json"])
def test_a_parent_lies_on_top(tmp_path: Path, gone: str) -> None:
    (write_sim(tmp_path) / gone).unlink()
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is not None and objects.top_level is not None
    assert objects.covered_by.tolist() == [[False, True], [False, False]]  # the lid lies on the bar
    assert objects.ids[objects.top_level].tolist() == [2]
    top = MetaGraspNet(tmp_path)[0].top_rectangles()
    assert top is not None and top.object_id is not None and top.object_id.tolist() == [2]


def test_the_matrix_of_real_scenes_says_each_pair_twice(tmp_path: Path) -> None:
    folder = write_real(tmp_path)
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is not None
    assert objects.covered_by.tolist() == [[False, True], [False, False]]
    (folder / "3_order.csv").write_text("")  # as hundreds of published files
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is None
    (folder / "3_order.csv").write_text("00\n")  # says nothing of object 2
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is None and objects.ids.tolist() == [1, 2]


def test_amodal_masks_belong_to_the_objects_they_cover(tmp_path: Path) -> None:
    folder = write_sim(tmp_path)
    ids, whole = masks()
    stored = dict(np.load(folder / "0.npz"))
    np.savez(folder / "0.npz", **(stored | {"seg_masks_single": whole[::-1]}))
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.amodal_masks is not None
    assert np.array_equal(objects.amodal_masks, whole)
    assert objects.boxes is not None and objects.amodal_boxes is not None
    assert objects.amodal_boxes.tolist() == [[30, 50, 110, 60], [80, 46, 90, 70]]
    np.savez(folder / "0.npz", **(stored | {"seg_masks_single": np.zeros_like(whole)}))
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.amodal_masks is None and objects.amodal_boxes is None


def test_names_of_both_versions(tmp_path: Path) -> None:
    folder = write_sim(tmp_path)
    stored = dict(np.load(folder / "0.npz"))
    stored["occlusion_objects"] = stored.pop("seg_masks_single")
    np.savez(folder / "0.npz", **stored)
    with h5py.File(folder / "0_scene.hdf5", "a") as file:
        file.move("camera/pose_relative_to_world", "camera/poses_relative_to_world")
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.objects is not None and sample.objects.amodal_masks is not None
    assert np.array_equal(sample.objects.amodal_masks, masks()[1])
    assert sample.T_base_camera is not None and sample.T_base_camera[2, 3] == pytest.approx(0.75)


def test_scores_of_files_that_were_not_simulated(tmp_path: Path) -> None:
    write_sim(tmp_path, grasps=[(ON_BAR, BAR_NUMBER, 0.0)])  # all simulated scores are zero, the analytical is 1
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.rectangles is not None and sample.rectangles.score is not None and sample.negatives is not None
    assert sample.rectangles.score.tolist() == [1.0] and len(sample.negatives) == 0


def test_amodal_masks_of_real_scenes(tmp_path: Path) -> None:
    write_real(tmp_path)
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.amodal_masks is not None and objects.occlusion is not None
    assert np.array_equal(objects.amodal_masks, masks()[1])
    assert objects.occlusion.tolist() == pytest.approx([0.125, 0.0])  # 10 of the bar's 80 columns


def test_occlusion_from_whatever_says_it(tmp_path: Path) -> None:
    folder = write_sim(tmp_path)
    (folder / "0_order.json").write_text(json.dumps(ORDER | {"1": ORDER["1"] | {"occlusion": 0.25}}))

    def shares() -> np.ndarray | None:
        objects = MetaGraspNet(tmp_path)[0].objects
        assert objects is not None
        return objects.occlusion

    assert shares().tolist() == [0.25, 0.0]  # type: ignore[union-attr]
    # Published views after the first have zero for every object, covered or not: that is no measurement.
    (folder / "0_order.json").write_text(json.dumps(ORDER | {"1": ORDER["1"] | {"occlusion": 0.0}}))
    assert shares().tolist() == pytest.approx([0.125, 0.0])  # type: ignore[union-attr]  # from the masks
    (folder / "0_order.json").unlink()
    assert shares().tolist() == pytest.approx([0.125, 0.0])  # type: ignore[union-attr]
    stored = dict(np.load(folder / "0.npz"))
    del stored["seg_masks_single"]
    painted = stored["occlusion"]
    np.savez(folder / "0.npz", **(stored | {"occlusion": 2 * painted}))
    assert shares().tolist() == pytest.approx([0.25, 0.0])  # type: ignore[union-attr]  # as painted
    np.savez(folder / "0.npz", **(stored | {"occlusion": 0 * painted}))
    assert shares() is None  # a view that was not examined is painted zero


def test_centres_of_mass_are_projected(tmp_path: Path) -> None:
    write_sim(tmp_path)
    objects = MetaGraspNet(tmp_path)[0].objects
    assert objects is not None and objects.center_of_mass is not None
    assert objects.center_of_mass[0] == pytest.approx((70, 55), abs=1e-3)
    assert np.isnan(objects.center_of_mass[1]).all()  # hidden under something, the file lacks it
    assert objects.category == ("064", "008")


def test_the_camera_of_the_file_is_used_to_the_principal_point(tmp_path: Path) -> None:
    folder = write_real(tmp_path)
    intrinsics = MetaGraspNet(tmp_path)[0].frame.intrinsics
    assert intrinsics is not None and (intrinsics.cx, intrinsics.cy) == (81.5, 58.25)
    write_pictures(folder, 28)  # published without a camera of its own
    intrinsics = MetaGraspNet(tmp_path)[1].frame.intrinsics
    assert intrinsics is not None and intrinsics.cx == 81.5
    write_sim(tmp_path / "sim")
    intrinsics = MetaGraspNet(tmp_path / "sim")[0].frame.intrinsics
    assert intrinsics is not None and (intrinsics.cx, intrinsics.cy) == (79.5, 59.5)
    (folder / "3_camera_params.json").unlink()
    sample = MetaGraspNet(folder)[0]
    assert sample.frame.intrinsics is None and sample.rectangles is not None


def test_drawn_lines_are_openings(tmp_path: Path) -> None:
    write_real(tmp_path, lines=[((50, 47), (50, 63)), ((5, 5), (15, 5))])
    rectangles = MetaGraspNet(tmp_path)[0].rectangles
    assert rectangles is not None and rectangles.object_id is not None
    assert rectangles.opening.tolist() == [16, 10] and rectangles.center[0].tolist() == [50, 55]
    assert abs(rectangles.angle[0]) == pytest.approx(np.pi / 2) and rectangles.angle[1] == 0
    assert rectangles.jaw[0] == pytest.approx(0.022 * FOCAL / 0.95)  # a pad of 22 mm on the bar
    assert rectangles.object_id.tolist() == [1, 0] and rectangles.score is None


def test_without_depth_the_pad_is_half_the_opening(tmp_path: Path) -> None:
    folder = write_real(tmp_path)
    (folder / "3.npz").unlink()
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.rectangles is not None and sample.rectangles.jaw.tolist() == [8]
    assert sample.rectangles.object_id is None and sample.frame.depth is None and sample.ids is None


def test_suction_is_where_people_marked_it(tmp_path: Path) -> None:
    write_real(tmp_path)
    suction = MetaGraspNet(tmp_path)[0].suction
    assert suction is not None and suction.dtype == np.float32 and suction.sum() == 60 and suction[55, 65] == 1
    write_sim(tmp_path / "sim")
    assert MetaGraspNet(tmp_path / "sim")[0].suction is None


def test_views_without_grasps_are_absent_and_empty_ones_empty(tmp_path: Path) -> None:
    folder = write_real(tmp_path, lines=[])
    assert len(MetaGraspNet(tmp_path)[0].rectangles) == 0  # type: ignore[arg-type]
    (folder / "3_grasps.npz").unlink()
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.rectangles is None and sample.suction is None and sample.negatives is None
    for name in ("3.npz", "3_order.csv", "3_amodal.npz", "3_scene.hdf5", "3_camera_params.json", "3_bin_rel.json"):
        (folder / name).unlink()
    sample = MetaGraspNet(tmp_path)[0]
    assert sample.objects is None and sample.ids is None and sample.T_base_camera is None


@pytest.mark.parametrize(
    ("under", "root", "scene"),
    [
        ("dataset_sim", ".", "dataset_sim/scene1557"),
        ("dataset_sim", "dataset_sim", "scene1557"),
        ("dataset_sim", "dataset_sim/scene1557", "scene1557"),
        ("dataset_sim/data_ifl_4", "dataset_sim", "data_ifl_4/scene1557"),
    ],
)
def test_any_folder_of_the_set_is_a_root(tmp_path: Path, under: str, root: str, scene: str) -> None:
    write_sim(tmp_path / under, view=0)
    write_sim(tmp_path / under, view=10)
    write_sim(tmp_path / under, view=9)
    data = MetaGraspNet(tmp_path / root)
    assert data.names == (f"{scene}/0", f"{scene}/9", f"{scene}/10") and set(data.scenes) == {scene}


def test_scenes_have_any_name(tmp_path: Path) -> None:
    write_real(tmp_path, scene="scene_2023_6_15_17_56_3")
    assert MetaGraspNet(tmp_path).names == ("scene_2023_6_15_17_56_3/3",)


def test_splits_are_scenes_and_never_views(tmp_path: Path) -> None:
    for scene in ("scene1", "scene2"):
        write_sim(tmp_path, scene, 0)
        write_sim(tmp_path, scene, 1)
    split = tmp_path / "split.txt"
    split.write_text("scene2\n")
    assert MetaGraspNet(tmp_path, split).names == ("scene2/0", "scene2/1")
    split.write_text("scene2/1\n")
    with pytest.raises(BadInput, match="scene2/1"):
        MetaGraspNet(tmp_path, split)


def test_a_wrong_root_says_what_belongs_there_and_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "scene1").mkdir()
    with pytest.raises(BadInput, match=r"0_rgb\.png.*holds scene1"):
        MetaGraspNet(tmp_path)


def test_pickled_grasps_are_refused_and_not_run(tmp_path: Path) -> None:
    folder = write_real(tmp_path)
    lines = np.array([Hostile(tmp_path / "run")], dtype=object)
    np.savez(folder / "3_grasps.npz", suction_bitmap=np.zeros((HEIGHT, WIDTH)), parallel_jaw_2d=lines)
    with pytest.raises(BadInput, match=r"3_grasps\.npz"):
        MetaGraspNet(tmp_path)[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("0_order.json", "{"),
        ("0_order.json", "[1]"),
        ("0_order.json", '{"1": {"id": 1}}'),
        ("0_order.json", '{"1": {"parents": [{"id": 1}]}}'),
        ("0_order.json", '{"1": {"parents": [{"id": 7}]}}'),
        ("0_order.json", '{"1": {"occlusion": 40, "parents": []}}'),
        ("0_order.csv", "0,x\n0,0\n"),
        ("0_order.csv", "0,-1\n"),
        ("0_order.csv", "0,-2\n0,0\n"),
        ("0_order.csv", "-1\n"),
        ("0_camera_params.json", '{"fx": 1}'),
        ("0_camera_params.json", '{"fx": 1, "fy": 1, "width": 7, "height": 7}'),
        ("0_scene.hdf5", "no hdf5"),
        ("0.npz", "no npz"),
        ("0_rgb.png", "no png"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str) -> None:
    folder = write_sim(tmp_path)
    if name.endswith("csv"):
        (folder / "0_order.json").unlink()
    (folder / name).write_text(content)
    with pytest.raises(BadInput, match=name.replace(".", r"\.")) as raised:
        MetaGraspNet(tmp_path)[0]
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("depth", np.zeros((8, 8))),
        ("depth", np.zeros((HEIGHT, WIDTH, 3))),
        ("instances_objects", np.full((HEIGHT, WIDTH), 0.5)),
        ("instances_objects", np.full((HEIGHT, WIDTH), -1.0)),
        ("instances_objects", np.full((HEIGHT, WIDTH), np.nan)),
        ("instances_objects", np.zeros((8, 8))),
        ("seg_masks_single", np.zeros((2, 8, 8))),
    ],
)
def test_arrays_of_another_kind_are_named(tmp_path: Path, key: str, values: np.ndarray) -> None:
    folder = write_sim(tmp_path)
    np.savez(folder / "0.npz", **(dict(np.load(folder / "0.npz")) | {key: values}))
    with pytest.raises(BadInput, match=r"0\.npz"):
        MetaGraspNet(tmp_path)[0]


@pytest.mark.parametrize("lines", [np.zeros((2, 2)), np.full((1, 2, 2), np.nan), np.array([["a"]])])
def test_lines_of_another_kind_are_named(tmp_path: Path, lines: np.ndarray) -> None:
    write_real(tmp_path, lines=lines)
    with pytest.raises(BadInput, match=r"3_grasps\.npz"):
        MetaGraspNet(tmp_path)[0]


def test_arrays_of_different_lengths_are_named(tmp_path: Path) -> None:
    folder = write_sim(tmp_path)
    with h5py.File(folder / "0_scene.hdf5", "a") as file:
        del file[JAW + "contact_width"]
        file[JAW + "contact_width"] = np.ones(5)
    with pytest.raises(BadInput, match=r"0_scene\.hdf5"):
        MetaGraspNet(tmp_path)[0]


def write_one(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["a/b"] = np.arange(5.0)
    return path


def test_hdf5_arrays_by_name(tmp_path: Path) -> None:
    arrays = read_hdf5(write_one(tmp_path / "f.hdf5"), ("a/b", "a/c", "b", "a", "a/b/c"))
    assert list(arrays) == ["a/b"] and arrays["a/b"].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(BadInput, match="missing"):
        read_hdf5(tmp_path / "g.hdf5", ("a",))


def hostile_hdf5(kind: str, path: Path, other: Path) -> None:
    with h5py.File(path, "w") as file:
        if kind == "external link":
            file["a"] = h5py.ExternalLink(str(other), "/a")
        elif kind == "soft link":
            file["a"] = h5py.SoftLink("/x")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape=(5,), dtype="f8")
            layout[:] = h5py.VirtualSource(str(other), "a/b", shape=(5,))
            file.create_group("a").create_virtual_dataset("b", layout)
        elif kind == "external storage":
            file.create_group("a").create_dataset("b", (5,), "f8", external=[(str(other), 0, 40)])
        elif kind == "absurd size":
            file.create_group("a").create_dataset("b", (1 << 40,), "f8", chunks=(1 << 16,))
        elif kind == "text":
            file["a/b"] = np.array([b"x"], dtype=h5py.string_dtype())
        else:
            file.create_group("a").create_dataset("b", data=h5py.Empty("f8"))


@pytest.mark.parametrize(
    "kind", ["external link", "soft link", "virtual", "external storage", "absurd size", "text", "nothing"]
)
def test_hdf5_that_leads_astray_is_refused(tmp_path: Path, kind: str) -> None:
    hostile_hdf5(kind, tmp_path / "f.hdf5", write_one(tmp_path / "other.hdf5"))
    with pytest.raises(BadInput, match=r"f\.hdf5") as raised:
        read_hdf5(tmp_path / "f.hdf5", ("a/b",))
    assert "\n" not in str(raised.value)


def test_a_truncated_hdf5_file_is_named(tmp_path: Path) -> None:
    path = write_one(tmp_path / "f.hdf5")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(BadInput, match=r"f\.hdf5"):
        read_hdf5(path, ("a/b",))
