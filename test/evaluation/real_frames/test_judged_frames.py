"""`gpnet bench real`: what lies under the grasp's centre decides, and a frame that cannot be trusted is no hit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from gpnet_ros.cli import main
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.real_frames.frames import load_frame_folder
from gpnet_ros.evaluation.real_frames.judged_frames import FrameTally, JudgedFrame, Reading, frames_table, judge_frame
from gpnet_ros.evaluation.real_frames.outlines import Outline
from gpnet_ros.evaluation.real_frames.sheet import frame_tile, frames_sheet, write_sheet
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.maps import Grid, Maps
from gpnet_ros.network.checkpoint import vouched_card

BOX, BOOK = (40, 40, 70, 90), (140, 60, 200, 120)  # u0, v0, u1, v1 [px]
CAMERA = Intrinsics(240, 180, 300.0, 300.0, 119.5, 89.5)


def square(box: tuple[int, int, int, int]) -> np.ndarray:
    u0, v0, u1, v1 = box
    return np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]], np.float32)


OUTLINES = (Outline("box", True, square(BOX)), Outline("book", False, square(BOOK), "too wide"))


def table_top(known: float = 1.0) -> Frame:
    """A table at 0.6 m with a box of 60 mm by 100 mm and 80 mm height and a thin book; the rows below have no depth."""
    depth = np.full((180, 240), 0.6, np.float32)
    for (u0, v0, u1, v1), height in ((BOX, 0.08), (BOOK, 0.01)):
        depth[v0:v1, u0:u1] -= height
    depth[round(180 * known) :] = np.nan
    return Frame(np.full((180, 240, 3), 90, np.uint8), depth, CAMERA)


def seen_at(*peaks: tuple[float, float, float]) -> Callable[[Frame], Maps]:
    """A network that is sure of grasps along u at (u, v, quality)."""

    def detector(frame: Frame) -> Maps:
        grid = Grid.whole_frame(frame.shape[1], frame.shape[0])
        quality = np.zeros((grid.height, grid.width), np.float32)
        for u, v, value in peaks:
            column, row = np.round(grid.to_grid((u, v))).astype(int)
            cv2.circle(quality, (int(column), int(row)), 6, value, -1)
        ones = np.ones_like(quality)
        return Maps(quality, ones, 0 * ones, 0.35 * ones, ones, grid)

    return detector


def judged(frame: Frame, *peaks: tuple[float, float, float]) -> JudgedFrame:
    return judge_frame("frame", frame, OUTLINES, seen_at(*peaks), SelectSettings())


def test_the_centre_decides_between_object_not_graspable_and_elsewhere() -> None:
    on_box, on_book, beside = (judged(table_top(), (u, v, 0.9)) for u, v in ((55, 65), (170, 90), (110, 30)))
    assert (on_box.decision.outcome, on_box.decision.hit) == ("object", "box")
    assert on_box.argmax.outcome == "object"
    assert (on_book.argmax.outcome, on_book.argmax.hit) == ("not_graspable", "book")
    assert (beside.argmax.outcome, beside.argmax.hit) == ("elsewhere", "")
    assert all(each.decision.outcome != "object" for each in (on_book, beside))


def test_the_decision_passes_over_a_hole_where_argmax_stays() -> None:
    both = judged(table_top(known=0.7), (110, 160, 0.9), (55, 65, 0.6))
    assert both.argmax.outcome == "elsewhere" and both.argmax.grasp is None
    assert (both.decision.outcome, both.decision.hit) == ("object", "box")
    assert both.reasons.get("hole", 0) >= 1
    weak = judged(table_top(), (55, 65, 0.05))
    assert weak.decision.outcome == "no_grasp" and weak.reasons == {"low_quality": 1}
    assert weak.argmax.outcome == "object", "argmax asks for no threshold"


def test_a_frame_that_cannot_be_trusted_is_no_hit() -> None:
    blind = judged(table_top(known=0.2), (55, 65, 0.9))
    assert blind.decision.outcome == blind.argmax.outcome == "frame_refused"
    assert "valid" in blind.refused and "valid" in frames_table([blind])
    found = FrameTally.of([blind.decision, judged(table_top(), (55, 65, 0.9)).decision]).to_dict()
    assert found["hits"] == 1 and found["n"] == 2 and found["low"] < 0.5 < found["high"]
    assert found["outcomes"] == {"frame_refused": 1, "object": 1}


def test_the_sheet_shows_hits_green_and_misses_red() -> None:
    hit = judged(table_top(), (55, 65, 0.9))
    miss = judge_frame("frame", table_top(), OUTLINES[1:], seen_at((55, 65, 0.9)), SelectSettings())
    assert (hit.decision.outcome, miss.decision.outcome) == ("object", "elsewhere")

    def ink(each: JudgedFrame, color: tuple[int, int, int]) -> int:
        return int((np.abs(frame_tile(each).astype(int) - color).max(axis=2) < 30).sum())

    red = (240, 50, 40)
    assert ink(miss, red) > 50 > ink(hit, red)
    assert frames_sheet([hit] * 5).shape[0] > frames_sheet([hit] * 4).shape[0], "five frames take two rows"
    refused = judged(table_top(known=0.2))
    assert frame_tile(refused).shape == frame_tile(hit).shape


def test_a_sheet_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken.jpg").mkdir()
    with pytest.raises(BadInput, match="another path"):
        write_sheet(tmp_path / "taken.jpg", [judged(table_top(), (55, 65, 0.9))])


def folder_of_one(root: Path) -> Path:
    frame, folder = table_top(), root / "one"
    folder.mkdir(parents=True)
    assert frame.color is not None and frame.depth is not None
    cv2.imwrite(str(folder / "color.png"), frame.color)
    cv2.imwrite(str(folder / "depth.png"), (frame.depth * 1000).astype(np.uint16))
    model = {key: getattr(CAMERA, key) for key in ("width", "height", "fx", "fy", "cx", "cy")}
    (folder / "camera.json").write_text(json.dumps({**model, "depth_unit_m": 0.001}))
    objects = [{"name": "box", "graspable": True, "polygon": square(BOX).tolist()}]
    (root / "outlines.json").write_text(json.dumps({"frames": {"one": {"objects": objects}}}))
    return root


def test_the_command_reports_both_readings_and_says_no_below_the_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpnet_ros.network import detector

    monkeypatch.setattr(detector, "Detector", lambda model, device: seen_at((55, 65, 0.9)))
    frames = str(folder_of_one(tmp_path / "real"))
    words = ["bench", "real", "--frames", frames, "--json", "--sheet", str(tmp_path / "sheet.png")]
    assert main([*words, "--at-least", "1"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["decision"]["hits"] == answer["argmax"]["hits"] == answer["decision"]["n"] == 1
    assert answer["frames"][0]["decision"]["object"] == "box"
    assert answer["weights"] == vouched_card("gpnet").sha256
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None
    assert main([*words, "--at-least", "2"]) == 1


def test_bad_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder_of_one(tmp_path / "real")
    assert main(["bench", "real", "--frames", str(tmp_path / "none")]) == 2
    assert "outlines.json" in capsys.readouterr().err
    assert main(["bench", "real", "--frames", str(root), "--sheet", "a.txt"]) == 2
    assert "known ending" in capsys.readouterr().err
    (root / "one" / "camera.json").unlink()
    with pytest.raises(BadInput, match="not complete"):
        load_frame_folder(root / "one")


def test_a_total_of_nothing_has_no_rate() -> None:
    assert FrameTally.of([]).to_dict()["rate"] is None and str(FrameTally.of([])).endswith("nothing was judged")
    assert FrameTally.of([Reading("no_grasp")]).to_dict()["rate"] == 0.0
