"""Deciding on a cup: a checked plan over a free object, a reason for everything else, the jaw's memory and map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.boxes import down
from support.cup_scenes import CAMERA, CELL, T_BASE_CAMERA, CupScene, Slab, cup_scene
from support.judged_plans import heap

from gpnet_ros import safety
from gpnet_ros.cell import Cell
from gpnet_ros.cup import CupSelect
from gpnet_ros.cup_fit import BESIDE, greatest_tilt
from gpnet_ros.cup_pick import decide_cup
from gpnet_ros.cup_room import needed_lift
from gpnet_ros.errors import FrameRefused, SettingsError
from gpnet_ros.fit import Memory
from gpnet_ros.height_map import height_map
from gpnet_ros.motion import Move
from gpnet_ros.pick import Decision
from gpnet_ros.pose import invert

HOME = np.array(CELL.home)
TOP = Slab()


def decide(scene: CupScene, cell: Cell = CELL, planned: bool = True, **changes: object) -> Decision:
    q = HOME if planned else None
    return decide_cup(scene.frame, scene.detections, T_BASE_CAMERA, cell, q, **changes)  # type: ignore[arg-type]


def reasons(decision: Decision) -> set[str]:
    return {r.reason for r in decision.rejected}


def test_the_plan_brings_the_lip_to_the_surface_and_is_safe() -> None:
    scene = cup_scene(TOP)
    decision = decide(scene)
    assert decision.status == "grasp" and decision.cup and decision.grasp is None, decision.rejected
    assert decision.T_base_grasp is not None and decision.T_base_tcp is not None and decision.plan is not None
    assert np.allclose(decision.T_base_grasp[:3, 3], TOP.top, atol=2e-3)
    assert np.allclose(decision.T_base_grasp[:3, 2], (0, 0, -1)), "it comes down vertically"
    assert decision.insertion == pytest.approx(CELL.cup.press + CELL.cup.overtravel)
    (descend,) = [s for s in decision.plan.steps if isinstance(s, Move) and s.kind == "descend"]
    assert descend.T_base_tcp is not None and np.allclose(descend.T_base_tcp[:3, 3], decision.T_base_tcp[:3, 3])
    assert descend.force_limit and descend.contact_from == CELL.cup.contact_from
    heights = height_map(scene.frame, T_BASE_CAMERA, CELL)
    assert safety.check(decision.plan, CELL, HOME, heights) is decision.plan
    seen = CAMERA.project((invert(T_BASE_CAMERA) @ decision.T_base_grasp)[:3, 3])
    assert np.allclose(seen, decision.cup.pixel, atol=1e-6)


def test_the_long_side_lies_along_the_tools_y() -> None:
    for turn in (0.0, 0.7):
        T = decide(cup_scene(replace(TOP, turn=turn))).T_base_tcp
        assert T is not None
        assert abs(T[:3, 1] @ (-np.sin(turn), np.cos(turn), 0.0)) > 0.99


@pytest.mark.parametrize("turn", [0.0, 1.0, 2.5])
def test_a_plate_tilted_beyond_the_limit_is_refused(turn: float) -> None:
    limit = greatest_tilt(CELL.cup, CupSelect())
    plate = Slab((0.66, 0.03, 0.08), (0.10, 0.14, 0.02), turn=turn)
    below = decide(cup_scene(replace(plate, tilt=limit - 0.04)), planned=False)
    doubtful = decide(cup_scene(replace(plate, tilt=limit + 0.04)), planned=False)
    beyond = decide(cup_scene(replace(plate, tilt=limit + CupSelect().tilt_doubt + 0.04)), planned=False)
    assert below.status == doubtful.status == "grasp"
    assert beyond.status == "nothing_graspable" and "tilt" in reasons(beyond)


def test_a_plate_tilted_a_little_too_much_is_taken_after_a_level_one() -> None:
    limit = greatest_tilt(CELL.cup, CupSelect())
    leaning = Slab((0.60, 0.03, 0.08), (0.08, 0.08, 0.02), tilt=limit + 0.04)
    level = Slab((0.72, 0.03, 0.08), (0.08, 0.08, 0.02))
    for slabs in ((leaning, level), (level, leaning)):
        chosen = decide(cup_scene(*slabs), planned=False).T_base_grasp
        assert chosen is not None and abs(chosen[0, 3] - level.top[0]) < 0.02
    alone = decide(cup_scene(leaning), planned=False).T_base_grasp
    assert alone is not None and abs(alone[0, 3] - leaning.top[0]) < 0.04


def test_the_bellows_limit_the_tilt_too() -> None:
    stiff = replace(CELL.cup, bellows=0.002)
    assert greatest_tilt(stiff, CupSelect()) < 0.12 < greatest_tilt(CELL.cup, CupSelect())
    plate = cup_scene(Slab((0.66, 0.03, 0.08), (0.10, 0.14, 0.02), tilt=0.3))
    assert "tilt" in reasons(decide(plate, replace(CELL, cup=stiff), planned=False))
    assert decide(plate, planned=False).status == "grasp"


@pytest.mark.parametrize(("height", "free"), [(0.13, True), (0.18, False)])
def test_a_wall_under_the_mount_is_in_the_way(height: float, free: bool) -> None:
    narrow = Slab((0.66, 0.03, 0.05), (0.12, 0.03, 0.05))
    wall = Slab((0.66, 0.08, height), (0.12, 0.04, height))
    scene = cup_scene(narrow, wall)
    decision = decide(scene.changed(scores=np.array([0.9, 0.0])), planned=False)
    assert (decision.status == "grasp") == free
    assert ("clearance" in reasons(decision)) == (not free)


@pytest.mark.parametrize(("step", "needed"), [(0.004, 0.0), (0.03, 0.022), (np.nan, np.inf)])
def test_a_neighbour_beside_the_lip_is_in_the_way(step: float, needed: float) -> None:
    """A tower 2 mm beside the lip: it counts within the margin that a hand-eye errs, and not without one."""
    surface, side = 0.05, CELL.cup.lip_radius + 0.002
    heights = heap(surface, (0.65 + side + 0.006, 0.05, 0.006, surface + step))
    assert needed_lift(heights, down(0.65, 0.05, surface), CELL.cup, BESIDE) == pytest.approx(needed, abs=1e-4)
    beyond = heap(surface, (0.65 + side + 0.1, 0.05, 0.006, surface + step))
    assert needed_lift(beyond, down(0.65, 0.05, surface), CELL.cup, BESIDE) == 0.0


def test_unseen_ground_is_not_empty() -> None:
    scene = cup_scene(TOP)
    assert scene.frame.depth is not None
    depth = scene.frame.depth.copy()
    rows, columns = np.mgrid[0:480, 0:640]
    u, v = decide(scene).cup.pixel  # type: ignore[union-attr]
    ring = np.hypot(columns - u, rows - v)
    depth[(ring > 14) & ~scene.detections.visible[0] & (ring < 120)] = np.nan
    hidden = decide(scene.changed(depth))
    assert hidden.status == "nothing_graspable" and "not_seen" in reasons(hidden)
    assert decide(scene).status == "grasp"


def test_a_place_that_failed_is_not_tried_again_whatever_the_yaw() -> None:
    first = decide(cup_scene(TOP))
    assert first.T_base_tcp is not None
    memory = Memory()
    quarter = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    memory.remember(first.T_base_tcp @ quarter)
    second = decide(cup_scene(TOP), memory=memory)
    assert "failed_before" in reasons(second) and second.T_base_tcp is not None
    assert np.linalg.norm(second.T_base_tcp[:2, 3] - first.T_base_tcp[:2, 3]) >= memory.radius
    memory.forget()
    again = decide(cup_scene(TOP), memory=memory)
    assert again.T_base_tcp is not None and np.allclose(again.T_base_tcp, first.T_base_tcp)


def test_what_is_no_object_is_not_picked() -> None:
    flat = cup_scene(replace(TOP, top=(0.66, 0.03, 0.004), size=(0.08, 0.12, 0.004)), Slab((0.60, -0.1, 0.05)))
    told = flat.changed(scores=np.array([0.9, 0.0]))
    assert "outside" in reasons(decide(told))
    away = cup_scene(replace(TOP, top=(0.66, 0.19, 0.05)))
    assert "outside" in reasons(decide(away.changed(mass=np.zeros((480, 640), np.float32)), planned=False))
    assert decide(cup_scene(TOP)).status == "grasp"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda s: (s, replace(CELL, tool="jaw")), SettingsError),
        (lambda s: (s.changed(suction=np.zeros((240, 320), np.float32)), CELL), FrameRefused),
    ],
)
def test_what_does_not_belong_together_is_refused(
    change: Callable[[CupScene], tuple[CupScene, Cell]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        decide(*change(cup_scene(TOP)))
    assert decide(cup_scene(TOP)).status == "grasp"


def test_a_hover_never_touches() -> None:
    decision = decide(cup_scene(TOP), hover=True)
    assert decision.plan is not None and decision.plan.task == "hover"
    assert not [s for s in decision.plan.steps if isinstance(s, Move) and s.kind == "descend"]


def test_the_bottom_of_a_plate_is_no_table_and_a_patch_of_table_is_no_plate() -> None:
    """A plate's bottom lies as low as the table's noise; what tells them apart is that a plate's rim stands higher."""
    bottom, rim = Slab((0.66, 0.03, 0.004), (0.10, 0.10, 0.004)), Slab((0.66, 0.09, 0.02), (0.10, 0.02, 0.02))
    scene = cup_scene(bottom, rim)
    plate = scene.detections.visible.any(axis=0, keepdims=True).repeat(2, axis=0)
    told = scene.changed(visible=plate, amodal=plate, scores=np.array([0.9, 0.0]), occluded=np.zeros(2))
    found = decide(told, planned=False)
    assert found.status == "grasp" and found.T_base_grasp is not None and found.T_base_grasp[2, 3] < 0.006
    alone = cup_scene(bottom)
    assert "outside" in reasons(
        decide(cup_scene(bottom, Slab((0.55, -0.1, 0.05))).changed(scores=np.array([0.9, 0.0])))
    )
    assert decide(alone, planned=False).status != "grasp"
