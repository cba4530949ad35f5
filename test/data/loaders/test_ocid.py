"""OCID-Grasp: edge order, masks without the table, grasps that find their objects, published splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.grasp_files import HEIGHT, WIDTH, Bar, corner_lines, write_image, write_ocid, write_text

from gpnet_ros.data.loaders.cornell.cornell import Cornell
from gpnet_ros.data.loaders.ocid import Ocid
from gpnet_ros.errors import BadInput

SEQUENCE = "ARID20/table/top/seq01"
LEFT, RIGHT = Bar(90.0, u=150.0), Bar(90.0, u=450.0)


def write_two_boxes(root: Path, name: str = "a1") -> None:
    """Two cereal boxes (class 7) with ids 4 and 9, and a lemon (18) with id 5 between; a grasp on each."""
    folder = root / SEQUENCE
    lemon = Bar(0.0, v=420.0, length=40.0)
    write_ocid(root, LEFT, SEQUENCE, name)
    ids = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    classes = np.zeros_like(ids)
    lines: dict[int, str] = {7: "", 18: ""}
    for bar, number, kind in ((LEFT, 4, 7), (RIGHT, 9, 7), (lemon, 5, 18)):
        ids[bar.mask()], classes[bar.mask()] = number, kind
        lines[kind] += corner_lines(bar.corners(first_along_opening=False), "\n")
    write_image(folder / "seg_mask_instances_combi" / f"{name}.png", ids)
    write_image(folder / "seg_mask_labeled_combi" / f"{name}.png", classes)
    write_text(folder / "Annotations" / f"{name}.txt", lines[7] + lines[18])
    for kind, text in lines.items():
        write_text(folder / "Annotations_per_class" / name / str(kind) / f"{name}.txt", text)


def test_edge_order_is_the_opposite_of_cornell(tmp_path: Path) -> None:
    """The same four points are opened along the other edge by the two data sets."""
    write_ocid(tmp_path / "ocid", Bar(0.0))
    text = (tmp_path / "ocid" / SEQUENCE / "Annotations" / "a1.txt").read_text()
    write_image(tmp_path / "cornell" / "01" / "pcd0100r.png", Bar(0.0).color())
    write_text(tmp_path / "cornell" / "01" / "pcd0100cpos.txt", text)
    ocid, cornell = Ocid(tmp_path / "ocid")[0].rectangles, Cornell(tmp_path / "cornell")[0].rectangles
    assert ocid is not None and cornell is not None
    np.testing.assert_allclose(ocid.opening, cornell.jaw)
    np.testing.assert_allclose(ocid.jaw, cornell.opening)
    assert abs(abs(ocid.angle[0] - cornell.angle[0]) - np.pi / 2) < 1e-9


def test_masks_names_and_objects_of_the_grasps(tmp_path: Path) -> None:
    write_two_boxes(tmp_path)
    sample = Ocid(tmp_path)[0]
    assert sample.objects is not None and sample.rectangles is not None and sample.ids is not None
    assert sample.objects.ids.tolist() == [4, 5, 9]
    assert sample.objects.category == ("cereal_box", "lemon", "cereal_box")
    assert sample.objects.covered_by is None and sample.top_rectangles() is None  # the set does not say
    owners = sample.rectangles.object_id
    assert owners is not None and sorted(owners.tolist()) == [4, 5, 9]
    for center, owner in zip(sample.rectangles.center, owners):
        u, v = np.rint(center).astype(int)
        assert sample.ids[v, u] == owner


def test_grasps_keep_without_objects_when_classes_miss_some(tmp_path: Path) -> None:
    write_two_boxes(tmp_path)
    (tmp_path / SEQUENCE / "Annotations_per_class" / "a1" / "18" / "a1.txt").unlink()
    rectangles = Ocid(tmp_path)[0].rectangles
    assert rectangles is not None and len(rectangles) == 3 and rectangles.object_id is None


@pytest.mark.parametrize(("place", "gone"), [("table/top", {0, 1, 2}), ("floor/top", {0, 1})])
def test_table_and_floor_are_no_objects(place: str, gone: set[int], tmp_path: Path) -> None:
    """OCID's own labels count them."""
    sequence = f"ARID20/{place}/seq03"
    write_ocid(tmp_path, Bar(0.0), sequence)
    label = np.tile(np.arange(WIDTH, dtype=np.uint16) // 160, (HEIGHT, 1))  # 0, 1, 2, 3
    write_image(tmp_path / sequence / "label" / "a1.png", label)
    sample = Ocid(tmp_path)[0]
    assert sample.objects is not None
    assert set(sample.objects.ids.tolist()) == {0, 1, 2, 3} - gone
    np.testing.assert_array_equal(sample.ids, np.where(np.isin(label, list(gone)), 0, label))


def test_another_set_with_the_same_folders_is_refused(tmp_path: Path) -> None:
    camera = tmp_path / "scenes" / "scene_0000" / "realsense"  # GraspNet-1Billion, whose ids start at 1
    for kind in ("rgb", "label"):
        write_image(camera / kind / "0000.png", np.zeros((HEIGHT, WIDTH), dtype=np.uint8))
    with pytest.raises(BadInput, match=r"No OCID-Grasp data .* it holds scenes"):
        Ocid(tmp_path)
    camera.rename(camera.with_name("seq01"))
    assert len(Ocid(tmp_path)) == 1


def test_depth_is_millimetres_with_holes(tmp_path: Path) -> None:
    write_ocid(tmp_path, Bar(0.0))
    assert Ocid(tmp_path)[0].frame.depth is None
    raw = np.full((HEIGHT, WIDTH), 1250, dtype=np.uint16)
    raw[3, 4] = 0
    write_image(tmp_path / SEQUENCE / "depth" / "a1.png", raw)
    depth = Ocid(tmp_path)[0].frame.depth
    assert depth is not None and np.isnan(depth[3, 4]) and abs(depth[0, 0] - 1.25) < 1e-6
    write_image(tmp_path / SEQUENCE / "depth" / "a1.png", raw[:, :99])
    with pytest.raises(BadInput, match=r"depth/a1\.png has 99x480"):
        Ocid(tmp_path)[0]


def test_masks_of_another_size_are_refused(tmp_path: Path) -> None:
    write_two_boxes(tmp_path)
    path = tmp_path / SEQUENCE / "seg_mask_labeled_combi" / "a1.png"
    write_image(path, np.zeros((HEIGHT, WIDTH - 1), dtype=np.uint8))
    with pytest.raises(BadInput, match=r"seg_mask_labeled_combi/a1\.png"):
        Ocid(tmp_path)[0]


def test_sequences_are_scenes_wherever_the_root_is(tmp_path: Path) -> None:
    for sequence in (SEQUENCE, "YCB10/floor/bottom/cuboid/seq21"):
        for name in ("a1", "a2"):
            write_ocid(tmp_path / "OCID_grasp", Bar(0.0), sequence, name)
    data = Ocid(tmp_path / "OCID_grasp")
    assert data.scenes == (SEQUENCE, SEQUENCE, *["YCB10/floor/bottom/cuboid/seq21"] * 2)
    assert data.names[1] == f"{SEQUENCE}/a2"
    assert len(Ocid(tmp_path)) == 4
    one = Ocid(tmp_path / "OCID_grasp" / SEQUENCE)
    assert one.scenes == ("seq01", "seq01") and one.names == ("seq01/a1", "seq01/a2")


def test_published_splits_choose_pictures_and_ours_choose_sequences(tmp_path: Path) -> None:
    root = tmp_path / "OCID_grasp"
    for name in ("a1", "a2"):
        write_ocid(root, Bar(0.0), SEQUENCE, name)
    published = root / "data_split" / "validation_0.txt"
    write_text(published, f"{SEQUENCE},a2.png\nARID20/floor/top/seq09,not_downloaded.png")
    assert Ocid(root, published).names == (f"{SEQUENCE}/a2",)
    assert len(Ocid(tmp_path, published)) == 1  # also from one folder above
    write_text(published, "../../secret,a1.png\n")
    with pytest.raises(BadInput, match=r"validation_0\.txt names '\.\./\.\./secret,a1\.png'"):
        Ocid(root, published)
    write_text(published, f"{SEQUENCE},a2.png,extra\n")
    with pytest.raises(BadInput, match="extra"):
        Ocid(root, published)
    ours = tmp_path / "ours.txt"
    ours.write_text(SEQUENCE)
    assert len(Ocid(root, ours)) == 2


def test_damaged_class_folders_are_refused(tmp_path: Path) -> None:
    write_two_boxes(tmp_path)
    folder = tmp_path / SEQUENCE / "Annotations_per_class" / "a1"
    (folder / "18").rename(folder / "lemon")
    with pytest.raises(BadInput, match="lemon"):
        Ocid(tmp_path)[0]
