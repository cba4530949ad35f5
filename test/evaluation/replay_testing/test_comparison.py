"""Deviations of a frame: within the tolerances nothing is said, beyond each of them one sentence with the figures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.replay_testing.comparison import deviations, save_both
from gpnet_ros.evaluation.replay_testing.expectation import (
    Expectation,
    FrameAnswer,
    ReplaySetup,
    Tolerances,
    read_expectation,
    write_expectation,
)
from gpnet_ros.frame import Frame

GRASP = FrameAnswer(
    3, 1_700_000_000_123_456_789, "grasp", "", (320.0, 240.0), 40.0, 88.0, 60.0, "base",
    (650.0, 10.0, 40.0), (0.9, 0.43589, 0.0, 0.0), {"clearance": 2, "hole": 1},
)  # fmt: skip
ALLOWED = Tolerances()


def turned(degrees: float) -> tuple[float, ...]:
    turn = Rotation.from_quat(GRASP.quaternion) * Rotation.from_rotvec([0, 0, degrees], degrees=True)
    return tuple(float(x) for x in turn.as_quat())


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=30, deadline=None)
def test_within_the_tolerances_nothing_deviates(a: float, b: float, c: float, d: float) -> None:
    found = replace(
        GRASP,
        pixel=(320.0 + a * 1.9, 240.0),
        angle_deg=(88.0 + b * 2.9 + 90.0) % 180.0 - 90.0,  # beyond 90 it goes on at -90
        width_mm=60.0 + c * 1.9,
        position_mm=(650.0, 10.0 + d * 2.9, 40.0),
        quaternion=turned(b * 2.9),
    )
    assert deviations(GRASP, found, ALLOWED) == []


def test_a_grasp_turned_half_round_is_the_same() -> None:
    assert deviations(GRASP, replace(GRASP, quaternion=turned(180.0)), ALLOWED) == []
    assert deviations(GRASP, replace(GRASP, angle_deg=-91.0 + 1.0, quaternion=turned(182.0)), ALLOWED) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"pixel": (323.0, 240.0)}, r"pixel is \[323.0, 240.0\], .*3.00 px apart, 2 allowed"),
        ({"angle_deg": 80.0}, "angle is 80, expected 88: 8.00 deg"),
        ({"width_mm": 57.0}, "width is 57, expected 60: 3.00 mm"),
        ({"position_mm": (650.0, 10.0, 45.0)}, "position .* 5.00 mm"),
        ({"quaternion": turned(10.0)}, "rotation .* 10.00 deg"),
        ({"status": "nothing_graspable"}, "status is nothing_graspable, expected grasp"),
        ({"status": "refused", "reason": "Only 3 % are valid."}, "refused .Only 3 %"),
        ({"stamp": 5}, "another one"),
        ({"frame": "camera"}, "in camera, expected in base"),
        ({"rejected": {"clearance": 3, "hole": 1}}, "3 candidates are rejected for clearance, expected 2"),
        ({"rejected": {"clearance": 2}}, "0 candidates are rejected for hole, expected 1"),
        ({"pixel": (float("nan"), 240.0)}, "pixel"),
    ],
)
def test_each_deviation_is_told(change: dict[str, Any], word: str) -> None:
    (said,) = deviations(GRASP, replace(GRASP, **change), ALLOWED)
    assert re.search(word, said), said


def test_tolerances_are_those_of_the_file() -> None:
    found = replace(GRASP, width_mm=57.0, rejected={"clearance": 4, "hole": 1})
    assert deviations(GRASP, found, Tolerances(width_mm=3.5, rejected=2)) == []


def test_without_a_grasp_the_reasons_count() -> None:
    nothing = FrameAnswer(0, 7, "nothing_graspable", rejected={"width": 4})
    assert deviations(nothing, nothing, ALLOWED) == []
    assert len(deviations(nothing, replace(nothing, rejected={"width": 5}), ALLOWED)) == 1


def test_an_expectation_comes_back_from_its_file(tmp_path: Path) -> None:
    nothing = FrameAnswer(1, 8, "nothing_left")
    expected = Expectation(
        ReplaySetup(cell_file="cell.yaml"), Tolerances(angle_deg=7.5), {"fx": 615.0}, (GRASP, nothing)
    )
    write_expectation(tmp_path / "e.yaml", expected)
    assert read_expectation(tmp_path / "e.yaml") == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("tolerance: {angel_deg: 3}", "angel_deg"),
        ("tolerance: {angle_deg: -1}", "angle_deg"),
        ("how: {model: 7}", "model"),
        ("frames: [{number: 0}]", "status|stamp"),
        ("{", "--bag-update"),
    ],
)
def test_an_expectation_that_was_edited_wrongly_is_refused(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "e.yaml").write_text(text)
    with pytest.raises(BadInput, match=word):
        read_expectation(tmp_path / "e.yaml")


def test_the_picture_shows_both(tmp_path: Path) -> None:
    frame = Frame(np.full((480, 640, 3), 90, np.uint8), None)
    save_both(tmp_path / "out" / "p.png", frame, GRASP, replace(GRASP, pixel=(100.0, 100.0)))
    seen = cv2.imread(str(tmp_path / "out" / "p.png")).astype(int)
    assert seen.shape == (480, 1280, 3)
    is_green = (seen[..., 1] > 150) & (seen[..., 2] < 100)
    assert is_green[235:246, 315:326].any() and is_green[95:106, 735:746].any()
    assert not is_green[95:106, 95:106].any() and not is_green[235:246, 955:966].any()
