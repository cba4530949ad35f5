"""Motion: every grasp over the workspace becomes a plan that the safety check accepts, in the right order."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.boxes import down

from gpnet_ros import safety
from gpnet_ros.cell import Cell, HandEye, Tote, load_cell, load_hand_eye
from gpnet_ros.errors import BadInput, SettingsError, Unreachable, UnsafePlan
from gpnet_ros.frame import Intrinsics
from gpnet_ros.height_map import HeightMap
from gpnet_ros.motion import Grip, Move, Plan, plan_home, plan_hover, plan_pick
from gpnet_ros.pose import Transform, distance, invert, look_at
from gpnet_ros.reach import HALF_TURN
from gpnet_ros.settings import Box

CELL = load_cell()
HOME = np.array(CELL.home)
FLAT = HeightMap((0.39, -0.26), 0.002, np.zeros((261, 261), np.float32))


def step(plan: Plan, name: str) -> Move:
    (found,) = [s for s in plan.steps if s.name == name]
    assert isinstance(found, Move)
    return found


def target(plan: Plan, name: str) -> Transform:
    T = step(plan, name).T_base_tcp
    assert T is not None
    return T


def reached(plan: Plan, name: str) -> Transform:
    """Where the nominal arm stands after a joint move."""
    q = step(plan, name).q
    assert q is not None
    return CELL.kinematics.forward(q) @ CELL.T_flange_tcp


def grid(n_x: int, n_yaw: int, heights: tuple[float, ...]) -> list[Transform]:
    half = CELL.workspace.side / 2
    (cx, cy), side = CELL.workspace.centre, np.linspace(-half, half, n_x)
    yaws = np.linspace(-np.pi, np.pi, n_yaw, endpoint=False)
    return [down(cx + x, cy + y, z, yaw) for x, y, z, yaw in itertools.product(side, side, heights, yaws)]


def judge_all(grasps: list[Transform]) -> None:
    """Plan and judge each grasp with room to spare (10 mm more than asked to the camera) and far from singularities."""
    strict = dataclasses.replace(
        CELL, limits=dataclasses.replace(CELL.limits, box_gap=0.04, wrist_sine=0.9, elbow_sine=0.4, shoulder_radius=0.3)
    )
    for i, grasp in enumerate(grasps):
        top = None if i % 2 else float(grasp[2, 3]) + 0.025
        plan = plan_pick(grasp, 0.06, HOME, CELL, top, spot=i)
        safety.check(plan, strict, HOME, FLAT)


def test_a_coarse_grid_of_grasps_is_plannable_and_safe() -> None:
    judge_all(grid(3, 4, (0.004, 0.20)))


@pytest.mark.slow
def test_a_dense_grid_of_grasps_is_plannable_and_safe() -> None:
    judge_all(grid(5, 9, (0.004, 0.07, 0.13, 0.20)))


def test_a_mast_in_the_way_fails_the_grid() -> None:
    post = Box("post", (0.80, -0.03, 0.0), (0.86, 0.03, 0.9))
    blocked = dataclasses.replace(CELL, keep_out=(*CELL.keep_out, post))
    plan = plan_pick(down(0.78, 0.0, 0.05), 0.06, HOME, blocked, 0.1)
    with pytest.raises(safety.UnsafePlan, match="post"):
        safety.check(plan, blocked, HOME, FLAT)


def test_a_pick_tells_the_whole_story_in_order() -> None:
    plan = plan_pick(down(0.65, 0.05, 0.03), 0.05, HOME, CELL)
    names = [s.name for s in plan.steps]
    assert names == [
        "open",
        "approach",
        "pregrasp",
        "descend",
        "close",
        "lift",
        "carry",
        "place",
        "release",
        "retreat",
        "home",
    ]
    assert [s.kind for s in plan.steps if isinstance(s, Move)] == [
        *("joint", "linear", "descend", "linear", "joint", "linear", "linear", "joint")
    ]
    grips = [s for s in plan.steps if isinstance(s, Grip)]
    assert [g.takes for g in grips] == [False, True, False]
    assert grips[0].width == 0.05
    assert grips[1].width == 0.0


def test_the_descent_is_slow_vertical_and_guarded() -> None:
    grasp = down(0.65, 0.05, 0.03, 0.4)
    plan = plan_pick(grasp, 0.05, HOME, CELL)
    move = step(plan, "descend")
    assert move.kind == "descend"
    assert move.speed <= 0.05
    assert move.force_limit is not None
    np.testing.assert_allclose(target(plan, "pregrasp")[:2], target(plan, "descend")[:2])
    assert target(plan, "pregrasp")[2, 3] - target(plan, "descend")[2, 3] == pytest.approx(CELL.motion.pregrasp)
    for name in ("descend", "lift"):
        np.testing.assert_allclose(target(plan, name)[:2, 3], grasp[:2, 3], atol=1e-12)
    assert target(plan, "lift")[2, 3] >= 0.15


def test_the_grasp_is_commanded_as_a_cartesian_pose() -> None:
    # The controller solves it with its own calibration: nominal joints would miss by millimetres.
    grasp = down(0.6, -0.1, 0.05, 0.9)
    found = target(plan_pick(grasp, 0.05, HOME, CELL), "descend")
    assert min(distance(found, grasp)[0] + distance(found, g)[1] for g in (grasp, grasp @ HALF_TURN)) < 1e-9


@pytest.mark.parametrize("yaw", np.linspace(-np.pi, np.pi, 13))
def test_half_a_turn_makes_no_difference(yaw: float) -> None:
    one = plan_pick(down(0.6, 0.1, 0.05, yaw), 0.05, HOME, CELL)
    other = plan_pick(down(0.6, 0.1, 0.05, yaw) @ HALF_TURN, 0.05, HOME, CELL)
    np.testing.assert_allclose(step(one, "approach").q, step(other, "approach").q, atol=1e-9)
    q = step(one, "approach").q
    assert q is not None
    assert abs(q[5] - HOME[5]) <= np.pi / 2 + 0.2, "the wrist turns the short way"


def test_fingers_may_stand_on_something_near_the_end_of_a_descent_and_what_they_hold_hangs_deeper() -> None:
    for contact in (0.0, 0.004, CELL.limits.descent_contact):
        cell = dataclasses.replace(CELL, motion=dataclasses.replace(CELL.motion, descent_contact=contact))
        plan = plan_pick(down(0.65, 0.0, 0.02), 0.05, HOME, cell, heap_top=0.03)
        safety.check(plan, cell, HOME, FLAT)
        (descend,) = [s for s in plan.steps if isinstance(s, Move) and s.kind == "descend"]
        assert descend.contact_from == (contact or None)
        assert plan.hang == pytest.approx(0.02 + contact)


def test_contact_is_meant_lower_for_the_jaw_than_for_the_cup() -> None:
    assert CELL.limits.descent_contact < CELL.cup.contact_from, "else a plan of the cup passes where the jaw hangs"


def test_the_branch_of_the_home_pose_is_never_left() -> None:
    branch = CELL.kinematics.branch_of(HOME)
    for grasp in grid(3, 5, (0.05,)):
        plan = plan_pick(grasp, 0.05, HOME, CELL)
        joints = [s.q for s in plan.steps if isinstance(s, Move) and s.q is not None]
        assert {CELL.kinematics.branch_of(q) for q in joints} == {branch}
        assert np.abs(np.diff([HOME, *joints], axis=0)).max() < 3.3


def test_the_approach_is_above_the_whole_heap() -> None:
    for top in (0.03, 0.10, 0.18):
        plan = plan_pick(down(0.65, 0.0, 0.01), 0.05, HOME, CELL, heap_top=top)
        z = reached(plan, "approach")[2, 3]
        assert z >= max(top + CELL.motion.clearance, 0.01 + CELL.motion.above) - 1e-9
        held_bottom = target(plan, "lift")[2, 3] - plan.hang
        assert held_bottom >= top + CELL.motion.clearance - 1e-9


def test_the_object_is_let_go_inside_the_tote() -> None:
    spots = set()
    for spot in range(4):
        plan = plan_pick(down(0.65, 0.0, 0.05), 0.05, HOME, CELL, spot=spot)
        x, y, z = target(plan, "place")[:3, 3]
        assert abs(x - CELL.tote.centre[0]) < CELL.tote.inner[0] / 2 - 0.05
        assert abs(y - CELL.tote.centre[1]) < CELL.tote.inner[1] / 2 - 0.05
        assert z - plan.hang >= CELL.motion.place_drop - 1e-9
        np.testing.assert_allclose(reached(plan, "carry")[:2, 3], (x, y), atol=1e-6)
        spots.add((round(x, 3), round(y, 3)))
    assert len(spots) == len(CELL.tote.spots)


def corners_in_tote(place: Transform, tote: Tote, length: float, width: float) -> np.ndarray:
    """Room (4, 2) [m] that the corners of an object held in its middle, long along the pads, leave to the walls."""
    corners = np.array([[x, y, 0.0] for x in (-width / 2, width / 2) for y in (-length / 2, length / 2)])
    seen = corners @ place[:3, :3].T + place[:3, 3]
    return np.array(tote.inner) / 2 - np.abs(seen[:, :2] - tote.centre)


@pytest.mark.parametrize("spot", range(3))
def test_an_object_of_300_mm_does_not_touch_the_tote(spot: int) -> None:
    for grasp in grid(2, 3, (0.02, 0.1)):
        plan = plan_pick(grasp, 0.05, HOME, CELL, 0.12, spot)
        safety.check(plan, CELL, HOME, FLAT)
        place = target(plan, "place")
        assert place[2, 3] - plan.hang < CELL.tote.floor_z + CELL.tote.height, "let go between the walls"
        assert corners_in_tote(place, CELL.tote, 0.30, 0.08).min() >= CELL.limits.tote_gap


@pytest.mark.parametrize(
    "tote",
    [Tote(inner=(0.28, 0.28)), Tote(spots=((-0.08, 0.0), (0.08, 0.0))), Tote(inner=(0.36, 0.20), spots=((0.0, 0.05),))],
)
def test_what_may_not_fit_into_the_tote_is_let_go_above_its_walls(tote: Tote) -> None:
    cell = dataclasses.replace(CELL, tote=tote)
    for grasp in grid(2, 3, (0.02, 0.15)):
        plan = plan_pick(grasp, 0.05, HOME, cell, 0.16)
        safety.check(plan, cell, HOME, FLAT)
        assert target(plan, "place")[2, 3] - plan.hang >= tote.floor_z + tote.height + cell.limits.tote_gap


def test_a_tote_that_is_long_the_other_way_is_used_the_other_way() -> None:
    cell = dataclasses.replace(CELL, tote=Tote(inner=(0.28, 0.36), spots=((0.05, 0.0),)))
    plan = plan_pick(down(0.65, 0.0, 0.05), 0.05, HOME, cell)
    safety.check(plan, cell, HOME, FLAT)
    place = target(plan, "place")
    assert place[2, 3] - plan.hang < cell.tote.height
    assert corners_in_tote(place, cell.tote, 0.30, 0.08).min() >= cell.limits.tote_gap


def test_a_hover_never_grips_and_stays_high() -> None:
    for z, top in ((0.01, 0.05), (0.15, 0.18)):
        plan = plan_hover(down(0.65, 0.05, z), HOME, CELL, top)
        assert all(isinstance(s, Move) and s.kind != "descend" for s in plan.steps)
        lowest = min(s.T_base_tcp[2, 3] for s in plan.steps if isinstance(s, Move) and s.T_base_tcp is not None)
        assert lowest >= top + 0.15 - 1e-9


def test_home_rises_first_where_the_arm_is_low() -> None:
    low = CELL.kinematics.on_branch(
        down(0.65, 0.0, 0.05) @ invert(CELL.T_flange_tcp), CELL.kinematics.branch_of(HOME), HOME
    )
    plan = plan_home(low, CELL)
    assert [s.name for s in plan.steps] == ["rise", "home"]
    np.testing.assert_allclose(target(plan, "rise")[:2, 3], (0.65, 0.0), atol=1e-9)
    assert target(plan, "rise")[2, 3] > 0.3
    assert [s.name for s in plan_home(HOME, CELL).steps] == ["home"]


def test_lines_are_slowed_where_a_joint_would_be_too_fast() -> None:
    fast = dataclasses.replace(CELL, motion=dataclasses.replace(CELL.motion, linear_speed=0.5, linear_acceleration=1.5))
    slowed = refused = 0
    for grasp in grid(2, 4, (0.02,)):
        plan = plan_pick(grasp, 0.05, HOME, fast, 0.1)
        safety.check(plan, fast, HOME, FLAT)
        lines = [s for s in plan.steps if isinstance(s, Move) and s.kind == "linear"]
        slowed += sum(s.speed < fast.motion.linear_speed for s in lines)
        hasty = tuple(
            dataclasses.replace(s, speed=0.5, acceleration=1.5) if isinstance(s, Move) and s.kind == "linear" else s
            for s in plan.steps
        )
        try:
            safety.check(dataclasses.replace(plan, steps=hasty), fast, HOME, FLAT)
        except UnsafePlan as error:
            refused += "joint acceleration" in str(error)
    assert slowed > 5
    assert refused > 2, "the lines need not have been slowed"


def test_lines_keep_the_speed_that_was_set_where_they_may() -> None:
    for grasp in grid(2, 4, (0.02,)):
        steps = plan_pick(grasp, 0.05, HOME, CELL, 0.1).steps
        assert {s.speed for s in steps if isinstance(s, Move) and s.kind == "linear"} == {CELL.motion.linear_speed}


@pytest.mark.parametrize("place", [(1.6, 0.0), (0.0, 0.05)])
def test_what_is_out_of_reach_is_said_so(place: tuple[float, float]) -> None:
    with pytest.raises(Unreachable, match="another candidate"):
        plan_pick(down(*place, 0.05), 0.05, HOME, CELL)
    with pytest.raises(Unreachable):
        plan_hover(down(*place, 0.05), HOME, CELL)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(BadInput):
        plan_pick(down(bad, 0.0, 0.05), 0.05, HOME, CELL)
    with pytest.raises(BadInput):
        plan_pick(down(0.65, 0.0, 0.05), bad, HOME, CELL)
    with pytest.raises(BadInput):
        plan_home([bad, *HOME[1:]], CELL)
    with pytest.raises(BadInput, match="shape"):
        Move("short", "joint", 1.0, 1.0, q=np.zeros(5))


def test_the_caller_cannot_reach_into_a_plan() -> None:
    grasp = down(0.65, 0.0, 0.05)
    plan = plan_pick(grasp, 0.05, HOME, CELL)
    before = target(plan, "descend").copy()
    grasp[:] = 0.0
    np.testing.assert_array_equal(target(plan, "descend"), before)


def test_home_is_over_the_tote_with_the_tool_down() -> None:
    T = CELL.kinematics.forward(HOME) @ CELL.T_flange_tcp
    np.testing.assert_allclose(T[:3, 3], (*CELL.tote.centre, 0.34), atol=1e-3)
    np.testing.assert_allclose(T[:3, 2], (0, 0, -1), atol=1e-3)


def test_at_home_the_camera_does_not_see_the_arm() -> None:
    from gpnet_ros.collision import spheres

    body = spheres(CELL.kinematics.link_frames(HOME[None]), CELL, CELL.gripper.stroke)
    T_camera_base = invert(load_hand_eye().T_base_camera())
    points = body.centres[0] @ T_camera_base[:3, :3].T + T_camera_base[:3, 3]
    camera = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)
    for point, radius in zip(points, body.radii):
        if point[2] > 0.05:
            u, v = camera.project(point)
            r = camera.fx * radius / point[2]
            assert not (-r < u < camera.width + r and -r < v < camera.height + r), "an arm in the picture"


def test_mast_and_camera_are_where_the_camera_is() -> None:
    eye = load_hand_eye().T_base_camera()[:3, 3]
    camera = next(b for b in CELL.keep_out if b.name == "camera")
    assert (np.array(camera.low) <= eye).all()
    assert (eye <= np.array(camera.high)).all()
    np.testing.assert_allclose(load_hand_eye().T_base_camera(), look_at((0.85, 0, 0.85), (0.65, 0, 0)), atol=1e-6)
    tilt = np.degrees(np.arccos(-load_hand_eye().T_base_camera()[2, 2]))
    assert tilt == pytest.approx(13.0, abs=0.5)


def test_a_camera_on_the_flange_needs_the_flange() -> None:
    quaternion = tuple(Rotation.from_euler("z", 0.3).as_quat())
    hand_eye = HandEye("flange", (0.05, 0.0, 0.02), quaternion)
    T_base_flange = CELL.kinematics.forward(HOME)
    np.testing.assert_allclose(hand_eye.T_base_camera(T_base_flange), T_base_flange @ hand_eye.T_parent_camera)
    with pytest.raises(SettingsError, match="flange"):
        hand_eye.T_base_camera()


def test_the_walls_enclose_the_tote() -> None:
    tote = Tote()
    x, y = (np.array([[w.low[i], w.high[i]] for w in tote.walls]) for i in (0, 1))
    assert np.ptp(x) == pytest.approx(tote.inner[0] + 2 * tote.wall)
    assert np.ptp(y) == pytest.approx(tote.inner[1] + 2 * tote.wall)
    assert not any(
        low[0] < 0 < high[0] and low[1] < -0.65 < high[1] for _, low, high in map(dataclasses.astuple, tote.walls)
    )


def test_a_cell_that_is_not_one_is_refused() -> None:
    with pytest.raises(SettingsError, match="six"):
        Cell(home=(0.0,) * 5)
    with pytest.raises(SettingsError, match="below"):
        Cell(keep_out=(Box("mast", (1.0, 0.0, 0.0), (0.9, 0.1, 1.0)),))
    with pytest.raises(SettingsError, match="ur99"):
        Cell(arm="ur99")
