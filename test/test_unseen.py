"""What is not seen is not empty: an object without depth is neither table nor room for the jaw, however high it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.boxes import D435, T_CAMERA, BoxBounds, box, down, see
from support.scenes import CAMERA, CELL, CENTRE, T_BASE_CAMERA, sight, table_and_box

from gpnet_ros.errors import NotSeen, UnsafePlan
from gpnet_ros.fit import fit_in_view
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import Grasp, Rejected
from gpnet_ros.height_map import HeightMap, height_map
from gpnet_ros.motion import Move, plan_hover, plan_pick
from gpnet_ros.pick import Decision, decide, safe_plan, something_left, unseen_parts
from gpnet_ros.picking.record import decision_values, how_chosen
from gpnet_ros.pose import transform
from gpnet_ros.safety import check
from gpnet_ros.settings import GripperGeometry

HOME = np.array(CELL.home)


def invisible(height: float) -> Frame:
    """The table with a box that gives no depth."""
    full, empty = table_and_box(height), table_and_box(0.0)
    holes = np.where(full != empty, np.nan, empty).astype(np.float32)
    return Frame(np.full((480, 640, 3), 120, np.uint8), holes, CAMERA, 1.0)


def among(seen: list[BoxBounds], unseen: list[BoxBounds]) -> Frame:
    """Boxes on the table of which some give no depth."""
    frame, without = see([*seen, *unseen]), see(seen)
    assert frame.depth is not None and without.depth is not None
    return replace(frame, depth=np.where(frame.depth != without.depth, np.float32(np.nan), frame.depth))


def decided(frame: Frame, hover: bool = False) -> Decision:
    return decide(frame, sight(1.0, 0.05).maps, T_BASE_CAMERA, CELL, HOME, hover=hover)


@pytest.mark.parametrize("height", [0.02, 0.05, 0.12, 0.20, 0.35])
def test_the_taller_the_unseen_object_the_same_refusal(height: float) -> None:
    frame = invisible(height)
    heights = height_map(frame, T_BASE_CAMERA, CELL)
    assert np.isnan(heights.at(np.array(CENTRE)))
    decision = decided(frame)
    assert decision.status == "not_seen"
    assert decision.plan is None and decision.grasp is None
    grasp = transform(np.diag([1.0, -1.0, -1.0]), (*CENTRE, 0.005))
    with pytest.raises(UnsafePlan, match="unknown ground"):
        check(plan_pick(grasp, 0.05, HOME, CELL, heights.top), CELL, HOME, heights)
    with pytest.raises(UnsafePlan, match="unknown ground"):
        safe_plan(grasp, 0.05, HOME, CELL, heights)


@pytest.mark.parametrize("share", [0.03, 0.2])
def test_scattered_readings_of_a_black_object_do_not_make_it_seen(share: float) -> None:
    frame, rng = invisible(0.12), np.random.default_rng(5)
    assert frame.depth is not None
    scattered = np.isnan(frame.depth) & (rng.random(frame.depth.shape) < share)
    noisy = np.where(scattered, rng.uniform(0.5, 1.2, frame.depth.shape), frame.depth).astype(np.float32)
    frame = replace(frame, depth=noisy)
    assert decided(frame).status == "not_seen"
    heights = height_map(frame, T_BASE_CAMERA, CELL)
    around = np.array(CENTRE) + np.stack(np.meshgrid(np.linspace(-0.015, 0.015, 7), np.linspace(-0.04, 0.04, 17)), -1)
    assert np.isnan(heights.at(around)).mean() > 0.95
    assert np.isnan(heights.felt(CELL.limits.felt_width).at(around)).mean() > 0.95  # nor narrow


@pytest.mark.parametrize(("seen", "parted"), [(0.0021, False), (0.0041, True)])
def test_a_speck_does_not_part_a_hole_and_what_is_seen_does(seen: float, parted: bool) -> None:
    """Readings of that half width along the middle of a hole that is wide without them."""
    z = with_hole(FLAT, 0.65, 0.0, 0.034).z.copy()
    x = FLAT.origin[0] + FLAT.side * np.arange(z.shape[1])
    z[:, np.abs(x - 0.65) <= seen - 0.0011] = 0.0
    felt = HeightMap(FLAT.origin, FLAT.side, z).felt(0.05)
    assert np.isfinite(felt.at([0.63, 0.0])) == parted


def test_the_operator_is_told_where_and_how_large() -> None:
    decision = decided(invisible(0.12))
    (part,) = decision.unseen
    assert np.abs(np.array(part.centre) - CENTRE).max() < 0.03
    assert part.size[1] == pytest.approx(0.10, abs=0.03)
    assert 0.004 < part.area < 0.02
    assert "black" in decision.unseen_sentence
    assert f"({part.centre[0]:.3f}, {part.centre[1]:.3f}) m" in decision.unseen_sentence
    assert decided(invisible(0.0)).unseen_sentence == ""


@pytest.mark.parametrize(("side", "status"), [(0.018, "nothing_left"), (0.032, "not_seen"), (0.06, "not_seen")])
def test_a_hole_just_under_the_line_is_table_and_just_over_it_is_not(side: float, status: str) -> None:
    frame = see([])
    assert frame.depth is not None
    depth = frame.depth.copy()
    low, high = (
        D435.project(np.linalg.inv(T_CAMERA)[:3] @ [0.65, 0.0, 0.0, 1.0]) + sign * side / 2 * D435.fx / 0.87
        for sign in (-1, 1)
    )
    (u0, v0), (u1, v1) = low.round().astype(int), high.round().astype(int)
    depth[v0:v1, u0:u1] = np.nan
    assert decided(Frame(None, depth, D435)).status == status


def test_a_workspace_outside_of_the_picture_is_not_seen() -> None:
    frame = see([])
    assert frame.depth is not None
    model = replace(D435, height=300)
    cut = Frame(None, frame.depth[:300], model)
    decision = decided(cut)
    assert decision.status == "not_seen"
    assert sum(part.area for part in decision.unseen) > 0.01
    assert decided(frame).status == "nothing_left"


def test_no_depth_at_all_is_never_nothing_left() -> None:
    frame = Frame(None, np.full((480, 640), np.nan, np.float32), D435)
    decision = decided(frame)
    assert decision.status == "not_seen"
    assert decision.unseen[0].area == pytest.approx(CELL.workspace.side**2, rel=0.05)


def test_beside_an_unseen_object_a_seen_one_is_taken_only_where_the_jaw_has_room() -> None:
    seen = box(*CENTRE, (0.04, 0.10, 0.05))
    free = among([seen], [])
    apart = among([seen], [box(0.76, -0.12, (0.05, 0.05, 0.12))])
    close = among([seen], [box(CENTRE[0] + 0.05, CENTRE[1], (0.05, 0.10, 0.12))])
    assert decided(free).status == "grasp"
    decision = decided(apart)
    assert decision.status == "grasp" and decision.plan is not None and decision.unseen
    refused = decided(close)
    assert refused.status == "nothing_graspable"
    assert "not_seen" in {r.reason for r in refused.rejected}
    assert refused.unseen


def test_beside_a_narrow_hole_the_way_down_is_felt() -> None:
    """A post that gives no depth beside a seen box: slow and guarded from above what may stand there."""
    seen = box(*CENTRE, (0.04, 0.10, 0.05))
    frame = among([seen], [box(CENTRE[0] + 0.045, CENTRE[1], (0.026, 0.06, 0.03))])
    decision = decided(frame)
    assert decision.status == "grasp" and decision.felt and decision.plan is not None
    moves = {step.name: step for step in decision.plan.steps if isinstance(step, Move)}
    high, low = moves["pregrasp"].T_base_tcp, moves["descend"].T_base_tcp
    assert high is not None and low is not None
    assert high[2, 3] == pytest.approx(CELL.limits.unknown_height, abs=0.003) and low[2, 3] < 0.05
    assert moves["descend"].force_limit and moves["descend"].speed <= CELL.limits.descent_speed
    careful = replace(CELL, limits=replace(CELL.limits, felt_width=0.0))
    refused = decide(frame, sight(1.0, 0.05).maps, T_BASE_CAMERA, careful, HOME)
    assert refused.status == "nothing_graspable"
    assert not decided(among([seen], [])).felt
    short = replace(CELL, limits=replace(CELL.limits, descent_length=0.12))
    refused = decide(frame, sight(1.0, 0.05).maps, T_BASE_CAMERA, short, HOME)
    assert refused.status == "nothing_graspable"
    assert any("no way down feels" in r.detail and "length of the descent" in r.detail for r in refused.rejected)


@pytest.mark.parametrize("felt", [True, False])
def test_a_person_and_the_record_are_told_that_the_way_down_is_felt(felt: bool) -> None:
    hidden = [box(CENTRE[0] + 0.045, CENTRE[1], (0.026, 0.06, 0.03))] if felt else []
    values = decision_values(decided(among([box(*CENTRE, (0.04, 0.10, 0.05))], hidden)))
    assert values.get("felt", False) is felt
    assert ("feels its way down" in how_chosen(values)) is felt


@pytest.mark.parametrize(("half", "narrow"), [(0.004, True), (0.022, True), (0.026, False), (0.06, False)])
def test_only_a_narrow_hole_is_felt_for(half: float, narrow: bool) -> None:
    floor = HeightMap(FLAT.origin, FLAT.side, FLAT.z + np.float32(0.01))
    hole = with_hole(floor, 0.65, 0.0, half)
    felt = hole.felt(0.05)
    assert np.isnan(felt.z).any() != narrow
    known = np.isfinite(hole.z)
    assert (felt.z[known] == hole.z[known]).all()  # what was seen stays
    assert not np.nanmin(felt.z) < 0.01
    assert hole.felt(0.0) is hole


def test_a_hole_at_the_edge_of_the_map_goes_on_beyond_it() -> None:
    edge = with_hole(FLAT, 0.39, 0.0, 0.01)
    assert np.isnan(edge.felt(0.05).z).sum() > 0
    nothing = HeightMap(FLAT.origin, FLAT.side, np.full_like(FLAT.z, np.nan))
    assert np.isnan(nothing.felt(0.05).z).all()


@pytest.mark.parametrize(
    ("tall", "side", "high"), [(0.08, 0.06, 0.03), (0.12, 0.06, 0.06), (0.16, 0.08, 0.03), (0.2, 0.1, 0.03)]
)
def test_what_stands_half_behind_something_seen_is_not_felt_for(tall: float, side: float, high: float) -> None:
    """Little of it is to be seen beside the tower, and that looks narrow; it goes on behind."""
    x = 0.64 - side / 2
    tower, hidden = box(0.66, 0.0, (0.04, 0.16, tall)), box(x, 0.0, (side, side, high))
    felt = height_map(among([tower], [hidden]), T_BASE_CAMERA, CELL).felt(CELL.limits.felt_width)
    under = np.stack(np.meshgrid(*(np.arange(-side / 2, side / 2, 0.002) + c for c in (x, 0.0))), axis=-1)
    assert np.isnan(felt.at(under)).mean() > 0.8


def test_over_unknown_ground_the_arm_travels_above_what_may_stand_there() -> None:
    seen = box(*CENTRE, (0.04, 0.10, 0.05))
    apart, free = among([seen], [box(0.76, -0.12, (0.05, 0.05, 0.12))]), among([seen], [])

    def lowest_travel(frame: Frame, hover: bool) -> float:
        plan = decided(frame, hover).plan
        assert plan is not None
        (approach,) = [move for move in plan.steps if move.name == "approach"]
        q = approach.q  # type: ignore[union-attr]
        return float((CELL.kinematics.forward(q) @ CELL.T_flange_tcp)[2, 3])

    for hover in (False, True):
        assert lowest_travel(apart, hover) > CELL.limits.unknown_height
        assert lowest_travel(free, hover) < lowest_travel(apart, hover)


def test_a_shadow_beside_a_seen_box_is_filled() -> None:
    # The camera stands at larger x, so the shadow lies on the side of smaller x.
    for height in (0.04, 0.08, 0.12):
        heights = height_map(see([box(0.60, 0.0, (0.04, 0.10, height))]), T_CAMERA, CELL)
        assert np.isfinite(heights.z).all()
        assert not unseen_parts(heights, CELL)


def test_unknown_ground_is_nothing_that_stands_and_not_all_that_is_there() -> None:
    heights = height_map(invisible(0.12), T_BASE_CAMERA, CELL)
    assert not something_left(heights, CELL)
    assert unseen_parts(heights, CELL)


def with_hole(heights: HeightMap, x: float, y: float, half: float) -> HeightMap:
    z = heights.z.copy()
    columns = np.abs(heights.origin[0] + heights.side * np.arange(z.shape[1]) - x) <= half
    rows = np.abs(heights.origin[1] + heights.side * np.arange(z.shape[0]) - y) <= half
    z[np.ix_(rows, columns)] = np.nan
    return HeightMap(heights.origin, heights.side, z)


FLAT = HeightMap((0.39, -0.26), 0.002, np.zeros((261, 261), np.float32))


@pytest.mark.parametrize("seed", range(8))
def test_no_plan_over_a_hole_passes_below_what_may_stand_in_it(seed: int) -> None:
    """Random grasps and holes: what the check accepts keeps tool and hole apart, or passes above."""
    rng = np.random.default_rng(seed)
    x, y = 0.65 + rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15)
    grasp = down(x, y, rng.uniform(0.004, 0.05), rng.uniform(-np.pi, np.pi))
    away = rng.uniform(-0.12, 0.12, 2)
    heights = with_hole(FLAT, x + away[0], y + away[1], 0.012)
    reach = float(np.hypot(*CELL.gripper.palm)) / 2
    plan = plan_pick(grasp, 0.06, HOME, CELL, heights.top_to_pass(CELL.limits.unknown_height))
    try:
        check(plan, CELL, HOME, heights)
        accepted = True
    except UnsafePlan:
        accepted = False
    local = grasp[:2, :2].T @ away  # where the hole lies from the palm
    under = (np.abs(local) < np.array(CELL.gripper.palm) / 2).all()
    assert not (accepted and under)
    if np.linalg.norm(away) > reach + 0.03 and away[0] > 0:  # beyond the tool, and not under the forearm
        assert accepted
    check(plan_pick(grasp, 0.06, HOME, CELL, FLAT.top), CELL, HOME, FLAT)  # the twin


def test_a_low_approach_or_hover_over_a_hole_is_refused() -> None:
    grasp = down(0.72, 0.08, 0.02)
    heights = with_hole(FLAT, 0.60, -0.06, 0.03)  # on the way there from home
    for plan in (
        plan_pick(grasp, 0.06, HOME, CELL, 0.03),
        plan_hover(down(0.60, -0.06, 0.02), HOME, CELL, 0.03),
    ):
        with pytest.raises(UnsafePlan, match=r"unknown ground|gap to the heap|and heap"):
            check(plan, CELL, HOME, heights)
        check(plan, CELL, HOME, FLAT)
    check(plan_hover(down(0.60, -0.06, 0.02), HOME, CELL, CELL.limits.unknown_height), CELL, HOME, heights)


@pytest.mark.parametrize(("x", "y"), [(0.65, -0.36), (0.65, -0.245), (0.87, 0.0)])
def test_a_grasp_off_the_height_map_or_at_its_edge_is_refused(x: float, y: float) -> None:
    plan = plan_pick(down(x, y, 0.01), 0.06, HOME, CELL, 0.05)
    with pytest.raises(UnsafePlan, match="off the height map"):
        check(plan, CELL, HOME, FLAT)


def picture_with_a_thing(last_row: int) -> Frame:
    """A block 85 mm high, 20 mm long, whose far side lies at a row; seen straight from above."""
    model = Intrinsics(516, 386, 552.5, 552.5, 255.5, 191.75)
    depth: NDArray[np.float32] = np.full((386, 516), 0.78, np.float32)
    depth[last_row - 25 : last_row, 420:476] = 0.695
    return Frame(None, depth, model)


@pytest.mark.parametrize(("last_row", "fits"), [(383, False), (320, True)])
def test_a_finger_below_the_last_row_of_the_picture_is_refused(last_row: int, fits: bool) -> None:
    frame = picture_with_a_thing(last_row)
    grasp = Grasp((448.0, last_row - 12.5), np.pi / 2 - 0.01, 20.0, 0.076, 0.695, 0.2, 0.2, 0.5)
    found = fit_in_view(grasp, frame, GripperGeometry())
    if fits:
        assert not isinstance(found, Rejected), found
    else:
        assert isinstance(found, Rejected) and found.reason == "not_seen"


def test_no_share_of_unknown_ground_is_free() -> None:
    from gpnet_ros.clearance import finger_clearance

    grasp = down(0.65, 0.0, 0.01)
    for x, y in ((0.65 + 0.060, 0.0), (0.65, 0.035), (0.65, 0.0)):  # under a finger, under the palm, between the pads
        heights = with_hole(FLAT, x, y, 0.001)
        with pytest.raises(NotSeen):
            finger_clearance(heights, grasp, 0.07, CELL.gripper)
    assert finger_clearance(with_hole(FLAT, 0.65, 0.06, 0.001), grasp, 0.07, CELL.gripper).raised == 0.0
