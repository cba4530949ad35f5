"""Hand-drawn outlines: read as drawn, and every bad file is told in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gpnet_ros.devices.recorded import load_frame
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.real_frames.outlines import Outline, outlined_at, read_outlines

FRAMES = Path(__file__).parents[2] / "data" / "real_frames"
CUP = {"name": "cup", "graspable": True, "polygon": [[0, 0], [10, 0], [10, 10], [0, 10]]}


def written(path: Path, objects: Any) -> Path:
    path.write_text(json.dumps({"frames": {"a": {"objects": objects}}}))
    return path


def test_inside_and_edge_belong_to_an_outline_and_outside_does_not(tmp_path: Path) -> None:
    (cup,) = read_outlines(written(tmp_path / "o.json", [CUP]))["a"]
    assert cup.contains((5.0, 5.0)) and cup.contains((10.0, 5.0))
    assert not cup.contains((10.6, 5.0)) and not cup.contains((5.0, -1.0))


def test_where_silhouettes_overlap_the_one_that_may_be_taken_is_meant() -> None:
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    below, above = Outline("below", False, square, "covered"), Outline("above", True, square + 5)
    assert outlined_at([below, above], (7, 7)) is above
    assert outlined_at([below, above], (2, 2)) is below
    assert outlined_at([below, above], (30, 2)) is None
    assert outlined_at([], (2, 2)) is None


@pytest.mark.parametrize(
    ("objects", "word"),
    [
        ([], "without objects"),
        ([{**CUP, "polygon": [[0, 0], [1, 1]]}], "shape"),
        ([{**CUP, "polygon": [[0, 0], [1, 1], [2]]}], "not complete"),
        ([{**CUP, "polygon": [[0, 0], [1, float("nan")], [2, 2]]}], "polygon"),
        ([{**CUP, "graspable": "yes"}], "wrong type"),
        ([{"name": "cup", "polygon": CUP["polygon"]}], "graspable"),
        (["cup"], "not complete"),
    ],
)
def test_a_bad_object_is_told(tmp_path: Path, objects: Any, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        read_outlines(written(tmp_path / "o.json", objects))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"frames": {}}', '{"frames": {"a": 3}}', '{"frames": [1]}'])
def test_a_file_that_holds_no_outlines_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "o.json").write_text(text)
    with pytest.raises(BadInput, match="frames -> folder -> objects"):
        read_outlines(tmp_path / "o.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_outlines(tmp_path / "missing.json")


def test_the_drawn_outlines_lie_in_their_frames() -> None:
    outlines = read_outlines(FRAMES / "outlines.json")
    assert sorted(outlines) == sorted(p.name for p in FRAMES.iterdir() if p.is_dir())
    for name, objects in outlines.items():
        shape = load_frame(*sorted((FRAMES / name).glob("color.*")), None, FRAMES / name / "camera.json").shape
        assert any(each.graspable for each in objects), name
        assert len({each.name for each in objects}) == len(objects), name
        for each in objects:
            assert (each.polygon >= 0).all() and (each.polygon < shape[::-1]).all(), (name, each.name)
            assert each.graspable == (each.why == ""), "who may not be taken has a reason, and only they"
            assert cv2.contourArea(each.polygon) > 500, (name, each.name)
