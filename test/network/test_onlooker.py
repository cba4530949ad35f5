"""Where the networks of a cell look, what they are run by, what they refuse to look at, and what a person is told."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from support.cameras import mistaken
from support.scenes import CELL, T_BASE_CAMERA, sight

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.errors import FrameRefused, HandEyeRefused, ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid, Maps, height_priority
from gpnet_ros.network.card import Card
from gpnet_ros.network.onlooker import Onlooker, looked_at
from gpnet_ros.network.runtimes import Computing
from gpnet_ros.pose import Transform
from gpnet_ros.region import counted_in_workspace
from gpnet_ros.settings import config_dir

SEEN = sight()


class Answering:
    """In place of a detector: always the same maps."""

    def __init__(self, maps: Maps, channels: str = "depth") -> None:
        self.maps, self.card, self.told = maps, Card("gpnet", {}, channels), "torch 2 in float32"
        self.note, self.device = "", "cpu"

    def __call__(self, frame: Frame) -> Maps:
        return self.maps


def onlooker(
    told: list[str] | None = None,
    T: Transform | None = T_BASE_CAMERA,
    priority: str = "learned",
    channels: str = "depth",
) -> Onlooker:
    tell = (lambda _: None) if told is None else told.append
    made = Onlooker("", "", Computing(), None if T is None else CELL.workspace, T, priority, tell, tell)
    made.detector = Answering(SEEN.maps, channels)  # type: ignore[assignment, arg-type]
    return made


def maps_of(made: Onlooker) -> Maps:
    maps = made.maps(SEEN.frame)
    assert maps is not None
    return maps


def square(frame: Frame, side: float) -> Grid:
    assert frame.intrinsics is not None
    at = CELL.workspace
    return Grid.workspace(frame.intrinsics, T_BASE_CAMERA, at.centre, side, at.table_z)


def test_one_network_looks_at_the_square_of_the_cell_by_what_was_asked_for_and_says_so() -> None:
    told: list[str] = []
    made = Onlooker("gpnet", "", Computing("cpu", "torch"), CELL.workspace, T_BASE_CAMERA, "none", told.append)
    assert len(told) == 1 and "model gpnet runs on cpu by torch" in told[0] and "in float32" in told[0]
    maps, seen = made(SEEN.frame)
    assert maps is not None and seen is None
    assert maps.grid == square(SEEN.frame, CELL.workspace.side) and maps.priority.min() == 1.0
    made.workspace = replace(CELL.workspace, side=0.2)
    made.priority = "height"
    other = maps_of(made)
    assert other.grid == square(SEEN.frame, 0.2)
    np.testing.assert_array_equal(other.priority, height_priority(SEEN.frame, other.grid, T_BASE_CAMERA))


def test_a_camera_on_a_mast_sees_the_square_and_one_on_the_flange_whole_frames_which_a_person_is_told() -> None:
    told: list[str] = []
    fixed = load_hand_eye()
    workspace, T = looked_at(fixed, CELL.workspace, told.append)
    assert workspace == CELL.workspace and told == []
    np.testing.assert_array_equal(T, fixed.T_base_camera())
    flange = load_hand_eye(config_dir() / "hand_eye_flange.yaml")
    assert looked_at(flange, CELL.workspace, told.append) == (None, None)
    assert len(told) == 1 and "whole frame" in told[0]


def test_what_cannot_run_a_network_is_refused() -> None:
    with pytest.raises(ModelRefused, match="float32 only"):
        Onlooker("gpnet", "", Computing("cpu", "onnxruntime", "bfloat16"), None, None)
    with pytest.raises(ModelRefused, match="unknown"):
        Onlooker("gpnet", "", Computing("cpu", "abacus"), None, None)
    assert Onlooker("", "", Computing("cpu", "abacus"), None, None)(SEEN.frame) == (None, None), "it runs nothing"


def test_where_the_camera_is_not_known_height_is_that_against_the_optical_axis() -> None:
    told = maps_of(onlooker(T=None, priority="height")).priority
    assert SEEN.maps is not None
    np.testing.assert_array_equal(told, height_priority(SEEN.frame, SEEN.maps.grid, None))
    assert told.max() > told.min()
    assert not np.array_equal(told, maps_of(onlooker(priority="height")).priority)


def test_what_the_second_network_finds_free_is_worked_out_elsewhere_and_leaves_the_learned_priority() -> None:
    np.testing.assert_array_equal(maps_of(onlooker(priority="graspnext")).priority, maps_of(onlooker()).priority)


@pytest.mark.parametrize("kind", ["base_link", "inverted", "camera_link"])
def test_a_hand_eye_that_cannot_be_true_is_told_by_its_mistake(kind: str) -> None:
    with pytest.raises(HandEyeRefused, match=kind):
        onlooker(T=mistaken(T_BASE_CAMERA, kind)).check(SEEN.frame, 0.3)
    assert onlooker().check(SEEN.frame, 0.3) == ""


@pytest.mark.parametrize(("channels", "times"), [("rgbd", 1), ("rgb", 1), ("depth", 0)])
def test_gray_pictures_are_told_once_where_the_model_takes_colour(channels: str, times: int) -> None:
    told: list[str] = []
    made = onlooker(told, channels=channels)
    for _ in range(3):
        maps_of(made)
    assert len(told) == times
    assert all("gray" in line for line in told)


def test_a_runtime_that_is_left_at_a_later_frame_is_told_once() -> None:
    told: list[str] = []
    made = onlooker(told)
    maps_of(made)
    assert not told
    detector = made.detector
    detector.note, detector.told = "With openvino the maps differ.", "onnxruntime 1 in float32"  # type: ignore[union-attr, misc]
    for _ in range(3):
        maps_of(made)
    assert told[0].endswith("runs on cpu by onnxruntime 1 in float32")
    assert told[1:] == ["With openvino the maps differ."]


def test_holes_count_in_the_workspace_only() -> None:
    frame = SEEN.frame
    assert frame.depth is not None
    inside = counted_in_workspace(frame, T_BASE_CAMERA, CELL.workspace).region
    assert inside is not None and 0.05 < inside.mean() < 0.3
    beside = replace(frame, depth=np.where(inside, frame.depth, np.float32(np.nan)))
    hole = replace(frame, depth=np.where(inside, np.float32(np.nan), frame.depth))
    assert onlooker().check(beside, 0.3) == ""
    with pytest.raises(FrameRefused, match="0% of the depth pixels that count"):
        onlooker().check(hole, 0.3)
    assert onlooker(T=None).check(hole, 0.3) == ""
    with pytest.raises(FrameRefused, match="valid"):
        onlooker(T=None).check(beside, 0.3)


def test_a_doubt_of_depth_alone_is_told_and_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubt(*arguments: object, by_surface: bool = True, centred: bool = False) -> None:
        if by_surface:
            raise HandEyeRefused("given in base_link")

    monkeypatch.setattr("gpnet_ros.network.onlooker.check_hand_eye", doubt)
    assert onlooker().check(SEEN.frame, 0.3) == "given in base_link"


def test_without_torchvision_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpnet_ros.network.graspnext.detector", None)
    monkeypatch.delattr("gpnet_ros.network.graspnext.detector", raising=False)
    with pytest.raises(ModelRefused, match=r"scene_model needs torchvision .*pip install 'gpnet_ros\[graspnext\]'"):
        Onlooker("", "gpnet", Computing("cpu"), None, None)
