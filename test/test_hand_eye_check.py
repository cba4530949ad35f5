"""Hand-eye calibrations that cannot be true are told as what they are, and possible ones never."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from support.cameras import CAMERA, PlacedCamera, mistaken, placed_camera
from support.scenes import CELL, sight

from gpnet_ros.cell import HandEye, load_hand_eye
from gpnet_ros.errors import FrameRefused, HandEyeRefused, SettingsError
from gpnet_ros.evaluation.real_frames.frames import REAL_FRAMES, load_frame_folder
from gpnet_ros.hand_eye_check import check_hand_eye, explanations
from gpnet_ros.pick import decide
from gpnet_ros.pose import distance, invert, look_at, transform
from gpnet_ros.settings import Workspace

CAMERAS = 40
KINDS = ("base_link", "inverted", "camera_link", "w, x, y, z")
PAIRS = [(a, b) for a in KINDS for b in KINDS[KINDS.index(a) + 1 :]]
#: The order in which mistakes are made: frames are chosen first, numbers are written down last.
ORDER = ("base_link", "camera_link", "inverted", "w, x, y, z")
#: Least share that must be told with depth. The others see a flat table where the workspace would be: nobody can tell.
LEAST = {"base_link": 0.75, "inverted": 0.75, "camera_link": 0.95, "w, x, y, z": 0.85}


@lru_cache
def cameras() -> tuple[PlacedCamera, ...]:
    rng = np.random.default_rng(18)
    return tuple(placed_camera(rng) for _ in range(CAMERAS))


def wrong(T: np.ndarray, kinds: tuple[str, ...]) -> np.ndarray:
    for kind in ORDER:
        T = mistaken(T, kind) if kind in kinds else T
    return T


@pytest.mark.parametrize("with_depth", [False, True])
def test_a_true_calibration_is_never_refused(with_depth: bool) -> None:
    for each in cameras():
        check_hand_eye(CAMERA, each.depth if with_depth else None, each.T_base_camera, each.workspace)


@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), *PAIRS])
def test_a_mistake_is_told_by_its_name(kinds: tuple[str, ...]) -> None:
    told = named = 0
    for each in cameras():
        given = wrong(each.T_base_camera, kinds)
        try:
            check_hand_eye(CAMERA, each.depth, given, each.workspace)
        except FrameRefused as error:
            told += 1
            named += all(kind in str(error) for kind in kinds)
    assert told >= min(LEAST[kind] for kind in kinds) * CAMERAS
    assert named >= (0.9 if len(kinds) == 1 else 0.8) * told


@pytest.mark.parametrize("kind", KINDS)
def test_an_explanation_comes_with_the_true_pose(kind: str) -> None:
    each = cameras()[0]
    found = explanations(CAMERA, each.depth, mistaken(each.T_base_camera, kind), each.workspace)
    undone = {words: T for words, T in found if kind in words}
    assert any(max(distance(T, each.T_base_camera)) < 1e-6 for T in undone.values())


def test_a_turned_camera_is_told_although_the_workspace_is_in_its_picture() -> None:
    workspace = Workspace((0.6, 0.1))
    centre = (*workspace.centre, 0.0)
    eye = np.array(centre) + (0.0, 0.45, 0.45)  # said to look from aside, seen to look from above
    above = look_at(np.array(centre) + (0.0, 0.01, 0.8), centre)
    seen = np.full((CAMERA.height, CAMERA.width), 0.8, np.float32)
    check_hand_eye(CAMERA, seen, above, workspace)
    given = look_at(eye, centre)
    check_hand_eye(CAMERA, None, given, workspace)
    with pytest.raises(FrameRefused, match=r"leans by 4[0-9] degrees"):
        check_hand_eye(CAMERA, seen, given, workspace)


@pytest.mark.parametrize(("z", "words"), [(0.5, "below the table"), (-0.6, "over the table")])
def test_a_table_at_another_height_is_told(z: float, words: str) -> None:
    each = cameras()[0]
    eye = np.array([*each.workspace.centre, 0.7])
    T = look_at(eye, (*each.workspace.centre, 0.0))
    seen = np.full((CAMERA.height, CAMERA.width), 0.7 + z, np.float32)
    with pytest.raises(FrameRefused, match=words):
        check_hand_eye(CAMERA, seen, T, each.workspace)
    check_hand_eye(CAMERA, seen, T, replace(each.workspace, table_z=-z))


def test_a_workspace_partly_beyond_the_edge_of_the_table_is_possible() -> None:
    centre = (0.6, 0.0)
    T = look_at((*centre, 0.9), (*centre, 0.0))
    seen = np.full((CAMERA.height, CAMERA.width), 0.9, np.float32)
    seen[:, : CAMERA.width // 2] = 1.7  # the floor
    check_hand_eye(CAMERA, seen, T, Workspace(centre, 0.3))


def test_a_view_of_a_corner_is_possible_but_no_view_for_the_network() -> None:
    centre = (0.6, 0.0)
    T = look_at((0.6, 0.38, 0.7), (0.6, 0.38, 0.0), right=(1.0, 0.0, 0.0))
    check_hand_eye(CAMERA, None, T, Workspace(centre, 0.4))
    with pytest.raises(HandEyeRefused, match="partly outside the picture"):
        check_hand_eye(CAMERA, None, T, Workspace(centre, 0.4), centred=True)


def test_without_any_depth_in_the_workspace_geometry_alone_decides() -> None:
    each = cameras()[0]
    holes = np.full_like(each.depth, np.nan)
    check_hand_eye(CAMERA, holes, each.T_base_camera, each.workspace)
    with pytest.raises(HandEyeRefused, match="camera_link"):
        check_hand_eye(CAMERA, holes, mistaken(each.T_base_camera, "camera_link"), each.workspace)


def test_what_no_usual_mistake_explains_is_told_with_what_is_wrong() -> None:
    below = look_at((0.6, 0.1, -0.9), (0.6, 0.0, 0.0))
    with pytest.raises(HandEyeRefused, match=r"-0.90 m over the table.*No usual mistake"):
        check_hand_eye(CAMERA, None, below, Workspace((0.6, 0.0)))


@pytest.mark.parametrize("kind", ["frame flange", "camera_link", "w, x, y, z"])
def test_a_camera_on_the_flange_is_judged_from_where_the_flange_is(kind: str) -> None:
    workspace = Workspace((0.6, 0.1))
    T_base_flange = look_at((0.6, 0.1, 0.5), (0.6, 0.1, 0.0))
    T_flange_camera = transform(look_at((0, -0.07, 0.04), (0.0, -0.02, 0.5))[:3, :3], (0.0, -0.07, 0.04))
    check_hand_eye(CAMERA, None, T_flange_camera, workspace, T_base_flange)
    with pytest.raises(HandEyeRefused, match="in the flange") as refusal:
        check_hand_eye(CAMERA, None, mistaken(T_flange_camera, kind), workspace, T_base_flange)
    assert kind in str(refusal.value)


@pytest.mark.parametrize(("name", "table_z"), [("sr300_arc_bin_0", -0.25), ("sr300_arc_bin_1", -0.16)])
def test_real_cameras_with_their_published_poses(name: str, table_z: float) -> None:
    frame, T = load_frame_folder(REAL_FRAMES / name), np.loadtxt(REAL_FRAMES / name / "pose.txt")
    assert frame.intrinsics is not None
    workspace = Workspace((0.95, 0.15), 0.3, table_z)
    check_hand_eye(frame.intrinsics, frame.depth, T, workspace)
    for kind in KINDS:
        with pytest.raises(HandEyeRefused, match=kind):
            check_hand_eye(frame.intrinsics, frame.depth, mistaken(T, kind), workspace)


@pytest.mark.parametrize(
    ("turn", "word"),
    [
        (lambda T: mistaken(T, "base_link"), "base_link"),
        (invert, "inverted"),
        (lambda T: mistaken(T, "camera_link"), "camera_link"),
        (lambda T: T @ invert(mistaken(np.eye(4), "camera_link")), "camera_link"),
    ],
)
def test_nothing_is_decided_with_a_wrong_calibration(turn, word: str) -> None:  # type: ignore[no-untyped-def]
    seen, T = sight(1.0, 0.05), load_hand_eye().T_base_camera()
    assert decide(seen.frame, seen.maps, T, CELL, np.array(CELL.home)).status == "grasp"
    with pytest.raises(HandEyeRefused, match=word):
        decide(seen.frame, seen.maps, turn(T), CELL, np.array(CELL.home))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"position": (850.0, 0.0, 850.0)}, "millimetres"),
        ({"quaternion": (0.1, 0.2, 0.3, 0.0)}, "rotation vector"),
        ({"quaternion": (float("nan"), 0.0, 0.0, 1.0)}, "length nan"),
    ],
)
def test_numbers_that_are_no_pose_are_refused_with_what_they_may_be(wrong: dict, word: str) -> None:
    assert HandEye("fixed", (0.85, 0.0, 0.85), (0.0, 1.0, 0.0, 0.0)).position[0] == 0.85
    with pytest.raises(SettingsError, match=word):
        HandEye(**wrong)
