"""Which cup is tried first: free before occluded, likely before unlikely, and another object after a failure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.cup_scenes import CELL, T_BASE_CAMERA, CupScene, Slab, cup_scene

from gpnet_ros.cup import CupSelect
from gpnet_ros.cup_fit import greatest_tilt, sealing_share
from gpnet_ros.cup_order import failures_on
from gpnet_ros.cup_pick import decide_cup
from gpnet_ros.fit import Memory
from gpnet_ros.pick import Decision
from gpnet_ros.pose import Transform

LEFT = Slab((0.60, -0.06, 0.05), (0.08, 0.08, 0.05))
RIGHT = Slab((0.68, 0.06, 0.05), (0.08, 0.08, 0.05))


def two(left: float = 1.0, right: float = 1.0, **changes: object) -> CupScene:
    """Two blocks apart, each with its suction."""
    scene = cup_scene(LEFT, RIGHT)
    masks = scene.detections.visible
    heat = (left * masks[0] + right * masks[1]).astype(np.float32)
    return scene.changed(suction=heat, **changes)


def decide(scene: CupScene, memory: Memory | None = None, **settings: float) -> Decision:
    select = replace(CupSelect(), **settings)  # type: ignore[arg-type]
    return decide_cup(scene.frame, scene.detections, T_BASE_CAMERA, CELL, None, memory=memory, select=select)


def taken(scene: CupScene, memory: Memory | None = None, **settings: float) -> int:
    found = decide(scene, memory, **settings).cup
    assert found is not None
    return found.index


def test_the_likelier_of_two_free_objects_is_taken() -> None:
    assert taken(two(0.9, 0.4)) == 0 and taken(two(0.4, 0.9)) == 1


@pytest.mark.parametrize("hidden", [0, 1])
def test_what_is_occluded_waits_as_long_as_anything_free_promises(hidden: int) -> None:
    occluded = np.eye(2)[hidden]
    fair = {True: 0.2, False: 1.0}
    scene = two(fair[hidden == 1], fair[hidden == 0], occluded=occluded)
    assert taken(scene) == 1 - hidden


@pytest.mark.parametrize("hidden", [0, 1])
def test_where_nothing_free_promises_the_occluded_one_is_tried_and_may_be_forbidden(hidden: int) -> None:
    occluded = np.eye(2)[hidden]
    poor = {True: 0.06, False: 1.0}  # on the free one: seals, perhaps, one time in thirty
    scene = two(poor[hidden == 1], poor[hidden == 0], occluded=occluded)
    assert taken(scene, promising=0.2) == hidden
    assert taken(scene, promising=0.01) == 1 - hidden
    assert taken(scene, promising=0.2, occluded_never=0.9) == 1 - hidden  # the twin
    alone = cup_scene(LEFT).changed(occluded=np.array([1.0]))
    assert decide(alone).status == "grasp"
    assert decide(alone, occluded_never=0.9).status == "nothing_graspable"


def test_of_two_that_are_occluded_the_freer_is_tried() -> None:
    assert taken(two(1.0, 1.0, occluded=np.array([0.95, 0.6]))) == 1
    assert taken(two(1.0, 1.0, occluded=np.array([0.6, 0.95]))) == 0
    scene = two(occluded=np.array([1.0, 1.0]))
    shown = scene.detections.visible[1].copy()
    rows = np.nonzero(shown.any(axis=1))[0]
    shown[rows[: len(rows) // 3]] = False
    assert taken(scene.changed(visible=np.stack([scene.detections.visible[0], shown]))) == 0


def at(slab: Slab, away: tuple[float, float] = (0.0, 0.0)) -> Transform:
    """The TCP of a pick on a block, so far from its middle [m]."""
    T = np.eye(4)
    T[:3, 3] = np.add(slab.top, (*away, -CELL.cup.press - CELL.cup.overtravel))
    return T


def test_after_a_failure_another_object_comes_first_and_the_same_again_when_all_failed() -> None:
    scene, memory = two(0.9, 0.5), Memory()
    assert taken(scene, memory) == 0
    memory.remember(at(LEFT))
    assert taken(scene, memory) == 1
    memory.remember(at(RIGHT))
    assert taken(scene, memory) == 0, "one failure each: the better surface again, at another place"
    memory.forget()
    assert taken(scene, memory) == 0


def test_failures_are_counted_on_the_object_that_the_place_shows() -> None:
    scene, memory = two(), Memory()
    for T in (at(LEFT), at(LEFT, (0.02, 0.02)), at(RIGHT), at(LEFT, (0.3, 0.0)), at(RIGHT, (3.0, 3.0))):
        memory.remember(T)
    assert failures_on(scene.detections, scene.frame, T_BASE_CAMERA, CELL, memory) == [2, 1]
    assert failures_on(scene.detections, scene.frame, T_BASE_CAMERA, CELL, Memory()) == [0, 0]


def test_the_more_a_surface_tilts_the_fewer_seals_come_about() -> None:
    s = CupSelect()
    tilts = np.linspace(0.0, 0.9, 10)
    shares = [sealing_share(float(tilt), CELL.cup, s) for tilt in tilts]
    assert all(a > b for a, b in zip(shares, shares[1:], strict=False)) and shares[0] > 0.95 and shares[-1] < 0.01
    assert sealing_share(greatest_tilt(CELL.cup, s) - s.tilt_reserve, CELL.cup, s) == pytest.approx(0.5)
    stiff = replace(CELL.cup, bellows=0.002)
    assert all(sealing_share(float(tilt), stiff, s) < share for tilt, share in zip(tilts, shares, strict=True))


def test_an_object_that_offers_many_places_does_not_use_up_those_of_another() -> None:
    wide = Slab((0.60, -0.03, 0.05), (0.16, 0.14, 0.05))
    small = Slab((0.70, 0.12, 0.05), (0.03, 0.03, 0.05))
    scene = cup_scene(wide, small)
    masks = scene.detections.visible
    heat = (1.0 * masks[0] + 0.3 * masks[1]).astype(np.float32)
    scene = scene.changed(suction=heat, occluded=np.array([1.0, 0.0]))
    assert taken(scene) == 1
    assert taken(scene, count=8, places=100) == 0 or taken(scene, count=8, places=4) == 1


def test_what_may_be_no_object_comes_after_what_surely_is_one_and_is_refused_where_it_is_unlikely() -> None:
    assert taken(two(1.0, 0.4, scores=np.array([0.2, 0.9]))) == 1
    assert taken(two(1.0, 0.4, scores=np.array([0.9, 0.9]))) == 0  # the twin
    alone = cup_scene(LEFT)
    assert decide(alone.changed(scores=np.array([0.2]))).status == "grasp"
    assert decide(alone.changed(scores=np.array([0.1]))).status == "nothing_graspable"
