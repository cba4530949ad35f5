"""A bag in every encoding that realsense2_camera and image_transport write gives the grasp of the very frame."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.bag_files import BagPlan, write_bag

from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.frames import BagFrames
from gpnet_ros.evaluation.replay_testing.comparison import deviations
from gpnet_ros.evaluation.replay_testing.expectation import (
    FrameAnswer,
    Tolerances,
    expectation_file,
    read_expectation,
)
from gpnet_ros.evaluation.replay_testing.judged_bag import BagJudge, judge_bag
from gpnet_ros.frame import Frame
from gpnet_ros.lens import Lens

RECORDINGS = Path(__file__).parents[2] / "data" / "recordings"
#: The same picture: the same grasp. What mono loses is all colour, JPEG and YUV a little of it.
EXACT = Tolerances(0.01, 0.01, 0.01, 0.01, 0.01, 0)
NEAR = Tolerances(3.0, 3.0, 2.0, 3.0, 3.0, 30)
GRAY = Tolerances(10.0, 10.0, 5.0, 10.0, 10.0, 30)
ENCODINGS = [
    ("rgb8", "16UC1", EXACT), ("bgr8", "16UC1/big", EXACT), ("rgba8", "mono16", EXACT), ("bgra8", "32FC1", EXACT),
    ("rgb8", "32FC1/big", EXACT), ("png", "compressedDepth", EXACT), ("rgb8", "compressedDepth/rvl", EXACT),
    ("rgb8", "compressedDepth/32FC1", NEAR), ("jpeg", "compressedDepth", NEAR), ("yuyv", "16UC1", NEAR),
    ("yuv422_yuy2", "16UC1", NEAR), ("yuv422", "16UC1", NEAR), ("uyvy", "16UC1", NEAR), ("mono8", "16UC1", GRAY),
    ("mono16", "16UC1", GRAY),
]  # fmt: skip
START = 1.7e9


@cache
def judge() -> BagJudge:
    return BagJudge(read_expectation(expectation_file(RECORDINGS / "simulated_cell")).how, RECORDINGS)


@cache
def recorded(number: int = 0) -> Frame:
    """A frame of the simulated cell, its depth in whole millimetres."""
    with Bag(RECORDINGS / "simulated_cell") as bag:
        frame = next(iter(BagFrames(bag).frames([number])))[1]
    assert frame.depth is not None
    whole = (np.round(frame.depth * 1000).astype(np.float64) * 0.001).astype(np.float32)
    return replace(frame, depth=whole, frame_id="camera_color_optical_frame")


@cache
def expected() -> FrameAnswer:
    answer = judge().answer(0, round(START * 1e9), recorded())
    assert answer.status == "grasp"
    return answer


def answers(bag: Path) -> list[FrameAnswer]:
    return [one.answer for one in judge_bag(judge(), bag)]


@pytest.mark.parametrize(("color", "depth", "tolerance"), ENCODINGS)
def test_every_encoding_gives_the_same_grasp(tmp_path: Path, color: str, depth: str, tolerance: Tolerances) -> None:
    plan = BagPlan(color=color, depth=depth, start=START, padding=0 if color in ("png", "jpeg") else 8)
    (found,) = answers(write_bag(tmp_path / "bag", [recorded()], plan))
    assert not deviations(expected(), found, tolerance)


#: Stronger than that of any D4xx, for the grasp lies near the middle of the picture.
LENS = (-0.8, 0.6, 0.0005, 0.001, 0.0)


def bent(frame: Frame, lens: Lens) -> Frame:
    """The frame as a camera with that lens takes it: each pixel by the ray that it is on."""
    v, u = np.mgrid[0 : frame.shape[0], 0 : frame.shape[1]]
    pixels = np.stack([u, v], axis=-1).reshape(-1, 1, 2).astype(np.float64)
    k = lens.camera.matrix
    straight = cv2.undistortPoints(pixels, k, np.array(lens.coefficients), None, k)
    from_u, from_v = np.moveaxis(straight.reshape(*frame.shape, 2), -1, 0).astype(np.float32)
    assert frame.color is not None and frame.depth is not None
    color = cv2.remap(frame.color, from_u, from_v, cv2.INTER_LINEAR)
    depth = cv2.remap(frame.depth, from_u, from_v, cv2.INTER_NEAREST, borderValue=(np.nan,) * 4)
    return replace(frame, color=np.asarray(color, np.uint8), depth=np.asarray(depth, np.float32))


def test_a_lens_that_bends_gives_the_same_grasp_and_without_its_model_another(tmp_path: Path) -> None:
    frame = recorded(4)
    assert frame.intrinsics is not None
    straight = judge().answer(0, round(START * 1e9), frame)
    seen = bent(frame, Lens(frame.intrinsics, "plumb_bob", LENS))
    plan = BagPlan(start=START, distortion=LENS)
    (found,) = answers(write_bag(tmp_path / "bag", [seen], plan))
    assert not deviations(straight, found, NEAR)
    (blind,) = answers(write_bag(tmp_path / "blind", [seen], replace(plan, distortion=(0.0,) * 5)))
    off = [np.linalg.norm(np.subtract(one.position_mm, straight.position_mm)) for one in (found, blind)]
    assert off[1] > off[0] + 1.0, off
