"""Shape of the arm: gaps between its own bodies against a plain search over points, and who is judged against whom."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from support.judged_plans import CELL, HOME

from gpnet_ros.cell import HandEye, load_hand_eye
from gpnet_ros.collision import Capsule, base_column, capsules, segment_distance, self_gaps
from gpnet_ros.errors import SettingsError
from gpnet_ros.settings import config_dir

OPENING = 0.085
K = CELL.kinematics


def axis(frames: NDArray[np.float64], body: Capsule, points: int = 200) -> NDArray[np.float64]:
    """Points (points, 3) along the axis of a body, in base, at link frames (7, 4, 4)."""
    along = np.linspace(body.start, body.end, points)
    return along @ frames[body.frame, :3, :3].T + frames[body.frame, :3, 3]


def test_segments_are_measured_as_their_points_are() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 40, 2, 3))
    other[:8, 1] = other[:8, 0] + (one[:8, 1] - one[:8, 0])  # parallel
    one[8:12, 1] = one[8:12, 0]  # a point
    other[10:14, 1] = other[10:14, 0]
    u = np.linspace(0.0, 1.0, 401)[:, None]
    for found, a, b in zip(segment_distance(one, other), one, other, strict=True):
        first, second = a[0] + u * (a[1] - a[0]), b[0] + u * (b[1] - b[0])
        plain = np.linalg.norm(first[:, None] - second, axis=-1).min()
        assert plain - 0.02 <= found <= plain + 1e-9


def test_gaps_are_those_of_the_capsules() -> None:
    rng = np.random.default_rng(2)
    bodies = (base_column(CELL), *capsules(CELL, OPENING))
    for q in rng.uniform(-3, 3, (10, 6)):
        frames = K.link_frames(q)
        near = self_gaps(frames[None], CELL, OPENING)
        for names, gap in zip(near.names, near.gaps[0], strict=True):
            pairs = [(a, b) for a in bodies for b in bodies if (a.name, b.name) == names]
            plain = [
                np.linalg.norm(axis(frames, a)[:, None] - axis(frames, b), axis=-1).min() - a.radius - b.radius
                for a, b in pairs
            ]
            assert np.abs(np.array(plain) - gap).min() < 0.002, names


@pytest.mark.parametrize("tool", ["wrist 3", "palm", "finger"])
@pytest.mark.parametrize("rest", ["forearm", "upper arm", "shoulder", "base"])
def test_the_tool_is_judged_against_the_rest_of_the_arm(tool: str, rest: str) -> None:
    assert (rest, tool) in self_gaps(K.link_frames(HOME[None]), CELL, OPENING).names


def test_no_pair_is_near_in_every_pose_with_the_tool_down() -> None:
    # Or no plan at all would pass; what no joint can part is left out.
    for arm in ("ur10", "ur10e", "ur3e"):
        cell = dataclasses.replace(CELL, arm=arm)
        near = self_gaps(cell.kinematics.link_frames(HOME[None]), cell, OPENING)
        assert near.gaps.min() > cell.limits.self_gap, arm


def test_what_a_folded_wrist_does_is_seen() -> None:
    folded = HOME + [0.0, 0.0, 0.0, 2.2, 0.0, 0.0]
    near = self_gaps(K.link_frames(folded[None]), CELL, OPENING)
    assert near.names[int(near.gaps[0].argmin())] == ("forearm", "palm")
    assert near.gaps.min() < 0.0


FLANGE_EYE = load_hand_eye(config_dir() / "hand_eye_flange.yaml")


def test_a_camera_on_the_flange_is_part_of_the_arm() -> None:
    carrying = CELL.carrying(FLANGE_EYE)
    assert CELL.carrying(load_hand_eye()) == CELL, "a fixed camera hangs nowhere"
    assert carrying.carrying(FLANGE_EYE) == carrying
    names = {name for name in self_gaps(K.link_frames(HOME[None]), carrying, OPENING).names if name[1] == "camera"}
    assert {one for one, _ in names} == {"base", "shoulder", "upper arm", "elbow", "forearm", "wrist 1"}


def test_the_camera_s_capsule_covers_its_housing_and_margin() -> None:
    rng = np.random.default_rng(3)
    (camera,) = (b for b in CELL.carrying(FLANGE_EYE).flange_bodies if b.name == "camera")
    inside = rng.uniform(FLANGE_EYE.housing_low, FLANGE_EYE.housing_high, (500, 3))
    T = FLANGE_EYE.T_parent_camera
    points = inside @ T[:3, :3].T + T[:3, 3]
    ends = np.array([camera.start, camera.end])
    away = segment_distance(np.repeat(points[:, None], 2, axis=1), np.broadcast_to(ends, (500, 2, 3)))
    assert away.max() + FLANGE_EYE.housing_margin <= camera.radius + 1e-9


def test_a_housing_inside_out_is_refused() -> None:
    with pytest.raises(SettingsError, match="housing_low"):
        HandEye(housing_low=(0.1, 0.0, 0.0))
