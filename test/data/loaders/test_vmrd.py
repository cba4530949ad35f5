"""VMRD: boxes that count from 1, who lies on whom, grasps that name their object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.grasp_files import Bar, vmrd_object, write_text, write_vmrd

from gpnet_ros.data.loaders.vmrd import Vmrd
from gpnet_ros.errors import BadInput


def annotate(root: Path, *nodes: str) -> Path:
    write_vmrd(root, Bar(0.0))
    path = root / "Annotations" / "000001.xml"
    write_text(path, f"<annotation><folder>VMRD</folder>{''.join(nodes)}</annotation>")
    return path


def test_boxes_count_from_one_and_include_their_last_pixel(tmp_path: Path) -> None:
    annotate(tmp_path, vmrd_object(1, box=(1, 1, 640, 480)), vmrd_object(2, box=(11, 21, 11, 21)))
    objects = Vmrd(tmp_path)[0].objects
    assert objects is not None
    np.testing.assert_array_equal(objects.boxes, [[0, 0, 640, 480], [10, 20, 11, 21]])


@pytest.mark.parametrize("told_by", ["children", "father", "both"])
def test_children_lie_on_their_father_and_come_first(told_by: str, tmp_path: Path) -> None:
    """A mug (3) on a book (5) on a box (2), and a pen (9) beside them."""
    on = {3: 5, 5: 2}
    nodes = []
    for index in (2, 3, 5, 9):
        father = tuple(below for above, below in on.items() if above == index)
        children = tuple(above for above, below in on.items() if below == index)
        nodes.append(
            vmrd_object(
                index,
                father=father if told_by in ("father", "both") else (),
                children=children if told_by in ("children", "both") else (),
            )
        )
    annotate(tmp_path, *nodes)
    objects = Vmrd(tmp_path)[0].objects
    assert objects is not None and objects.covered_by is not None and objects.top_level is not None
    assert objects.ids[objects.top_level].tolist() == [3, 9]
    row = {number: i for i, number in enumerate(objects.ids.tolist())}
    pairs = {(a, b) for a in row for b in row if objects.covered_by[row[a], row[b]]}
    assert pairs == {(5, 3), (2, 5)}


def test_names_are_compared_without_case_and_blanks(tmp_path: Path) -> None:
    annotate(tmp_path, vmrd_object(1, name=" Wrist Developer "))
    objects = Vmrd(tmp_path)[0].objects
    assert objects is not None and objects.category == ("wrist developer",)


def test_grasps_name_their_object_in_the_ninth_place(tmp_path: Path) -> None:
    """Further words, such as easy or hard, say nothing about the object."""
    annotate(tmp_path, vmrd_object(1), vmrd_object(7, father=(1,)))
    corners = "100 100 100 150 120 150 120 100"
    write_text(tmp_path / "Grasps" / "000001.txt", f"{corners} 7 1\n{corners} 1\n{corners} 1 2 easy\n")
    sample = Vmrd(tmp_path)[0]
    assert sample.rectangles is not None
    np.testing.assert_array_equal(sample.rectangles.object_id, [7, 1, 1])
    np.testing.assert_allclose(sample.rectangles.opening, 50)
    np.testing.assert_allclose(abs(sample.rectangles.angle), np.pi / 2)
    top = sample.top_rectangles()
    assert top is not None and len(top) == 1


def test_there_is_no_depth_and_no_mask(tmp_path: Path) -> None:
    write_vmrd(tmp_path, Bar(0.0))
    sample = Vmrd(tmp_path)[0]
    assert sample.frame.depth is None and sample.frame.intrinsics is None and sample.ids is None


def test_without_annotation_objects_are_absent(tmp_path: Path) -> None:
    write_vmrd(tmp_path, Bar(0.0))
    (tmp_path / "Annotations" / "000001.xml").unlink()
    sample = Vmrd(tmp_path)[0]
    assert sample.objects is None and sample.top_rectangles() is None
    assert sample.rectangles is not None and sample.rectangles.object_id is not None


def test_known_label_errors_are_left_out(tmp_path: Path) -> None:
    annotate(tmp_path, vmrd_object(1, children=(1, 8)), vmrd_object(2, father=(44,)))
    corners = "100 100 100 150 120 150 120 100"
    nothing = "100 100 100 100 100 100 100 100"
    write_text(tmp_path / "Grasps" / "000001.txt", f"{corners} 9 1\n{corners} 2 1\n{nothing} 2 1\n")
    sample = Vmrd(tmp_path)[0]
    assert sample.objects is not None and sample.objects.covered_by is not None and sample.rectangles is not None
    assert not sample.objects.covered_by.any()
    assert sample.rectangles.object_id is not None and sample.rectangles.object_id.tolist() == [2]


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ((vmrd_object(1), vmrd_object(1)), "numbers its objects"),
        ((vmrd_object(0),), "numbers its objects"),
        ((vmrd_object(1).replace("<ymax>10</ymax>", ""),), "without bndbox/ymax"),
        ((vmrd_object(1).replace("<xmin>1<", "<xmin>one<"),), "'one'"),
        ((vmrd_object(1)[:-9],), "not XML"),
        (("<!DOCTYPE a>",), "document type"),
    ],
)
def test_damaged_annotations_are_one_sentence(nodes: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    path = annotate(tmp_path, *nodes)
    with pytest.raises(BadInput, match=reason) as caught:
        Vmrd(tmp_path)[0]
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("line", ["1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 8 box", "1 2 3"])
def test_damaged_grasps_are_one_sentence(line: str, tmp_path: Path) -> None:
    write_vmrd(tmp_path, Bar(0.0))
    write_text(tmp_path / "Grasps" / "000001.txt", line)
    with pytest.raises(BadInput, match=r"Grasps/000001\.txt has"):
        Vmrd(tmp_path)[0]


def test_root_above_and_image_sets(tmp_path: Path) -> None:
    for name in ("000003", "000001", "000002"):
        write_vmrd(tmp_path / "VMRD" / "vmrdcompv1", Bar(0.0), name)
    data = Vmrd(tmp_path)
    assert data.names == data.scenes == ("000001", "000002", "000003")
    split = tmp_path / "VMRD" / "vmrdcompv1" / "ImageSets" / "Main" / "test.txt"
    write_text(split, "000001\n000003\n")
    assert Vmrd(tmp_path, split).names == ("000001", "000003")


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(BadInput, match="JPEGImages"):
        Vmrd(tmp_path)
