"""gpnet bag info and extract: what they print and write, and their exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.bag_files import DEPTH, DEPTH_INFO, BagPlan, small_frames, write_bag

from gpnet_ros.cli import main
from gpnet_ros.devices.recorded import RecordedCamera, load_frame

FRAMES = small_frames(5)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status = main(["bag", *words, "--json"])
    return status, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_info_tells_topics_rates_frames_depth_and_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES, BagPlan(start=1000.0, period=0.25))
    status, seen = told(capsys, "info", str(bag))
    assert (status, seen["storage"], seen["duration"], seen["missing"]) == (0, "mcap", 1.0, [])
    assert {t["name"].rsplit("/camera/", 1)[-1]: (t["count"], t["rate"]) for t in seen["topics"]} == dict.fromkeys(
        ("color/image_raw", "color/camera_info", DEPTH, DEPTH_INFO), (5, 4.0)
    )
    assert (seen["pairs"]["paired"], seen["pairs"]["exact"], seen["pairs"]["color_alone"]) == (5, 5, 0)
    assert seen["seen"]["valid_share"] == pytest.approx([1 - 36 / 3072] * 3)
    assert seen["seen"]["camera"]["fx"] == 61.0
    assert main(["bag", "info", str(bag)]) == 0
    printed = capsys.readouterr().out
    for word in ("/camera/camera/color/image_raw", "4.0 Hz", "5 of 5 colour", "camera_color_optical_frame", "fx 61"):
        assert word in printed


def test_info_of_a_bag_that_cannot_be_used_is_one_with_the_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, seen = told(capsys, "info", str(write_bag(tmp_path / "a", FRAMES, BagPlan(leave_out=(DEPTH,)))))
    assert status == 1 and len(seen["missing"]) == 1 and "align_depth" in seen["missing"][0]
    status, seen = told(capsys, "info", str(write_bag(tmp_path / "b", FRAMES, BagPlan(skew=0.03))))
    assert status == 1 and "enable_sync" in seen["missing"][0] and seen["pairs"]["paired"] == 0
    status, seen = told(capsys, "info", str(tmp_path / "b"), "--tolerance", "0.03")
    assert status == 0 and seen["pairs"]["apart_ms_max"] == pytest.approx(30.0, abs=1e-3)
    (tmp_path / "high.yaml").write_text(Path("config/hand_eye.yaml").read_text().replace("0.0, 0.85]", "0.0, 1.35]"))
    bag = write_bag(tmp_path / "c", FRAMES)
    status, seen = told(capsys, "info", str(bag), "--hand-eye", str(tmp_path / "high.yaml"))
    assert status == 1 and "another than that of the cell" in seen["missing"][0]


@pytest.mark.parametrize(("depth", "file"), [("16UC1", "depth.png"), ("32FC1", "depth.npy")])
def test_extracted_frames_are_read_by_detect_and_by_the_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], depth: str, file: str
) -> None:
    frames = [f if depth == "16UC1" else _finer(f) for f in FRAMES]
    bag, out = write_bag(tmp_path / "bag", frames, BagPlan(depth=depth)), tmp_path / "out"
    status, seen = told(capsys, "extract", str(bag), "--out", str(out))
    assert status == 0 and len(seen["frames"]) == 5
    for frame, written in zip(frames, json.loads((out / "frames.json").read_text()), strict=True):
        folder = out / written["folder"]
        again = load_frame(folder / "color.png", folder / file, folder / "camera.json")
        np.testing.assert_array_equal(again.color, frame.color)
        np.testing.assert_array_equal(again.depth, frame.depth)
        assert again.intrinsics == frame.intrinsics
    camera = RecordedCamera(out, repeat=False)
    camera.open()
    np.testing.assert_array_equal(camera.read().color, frames[0].color)


def _finer(frame: Any) -> Any:
    from dataclasses import replace

    return replace(frame, depth=(frame.depth + np.float32(0.00013)).astype(np.float32))


def test_at_most_so_many_are_extracted_evenly_spread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES)
    _, seen = told(capsys, "extract", str(bag), "--out", str(tmp_path / "out"), "--most", "3")
    assert [f["number"] for f in seen["frames"]] == [0, 2, 4]
    assert cv2.imread(str(tmp_path / "out" / "frame_000002" / "color.png")) is not None


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("info", "{tmp}/nothing"), "does not exist"),
        (("info", "{bag}", "--tolerance", "7"), "--tolerance"),
        (("extract", "{bag}", "--out", "{bag}"), "not empty"),
        (("extract", "{bag}", "--out", "{tmp}/out", "--most", "0"), "--most"),
        (("extract", "{bag}", "--out", "{tmp}/out", "--prefix", "/other"), "begin with /camera/camera"),
    ],
)
def test_bad_input_is_two_and_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], word: str
) -> None:
    bag = write_bag(tmp_path / "bag", FRAMES[:1])
    assert main(["bag", *(w.format(tmp=tmp_path, bag=bag) for w in words)]) == 2
    said = capsys.readouterr().err
    assert word in said and said.count("\n") == 1
