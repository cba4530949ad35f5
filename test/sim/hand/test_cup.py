"""The simulated suction cup: what seals, what tears off, and that it holds no longer than its valve is open."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from gpnet_ros.pose import transform
from gpnet_ros.settings import CupShape
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.hand.cup import MujocoCup, add_cup
from gpnet_ros.sim.hand.cup_hand import CupHand
from gpnet_ros.sim.hand.seal import UnderLip, VacuumSettings, bearing, lip_pattern, load_share, seal_of
from gpnet_ros.sim.heap.contacts import add_objects, set_options, set_pose
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import ObjectModel, make_object

SHAPE, VACUUM = CupShape(), VacuumSettings()
DOWN = np.diag([1.0, -1.0, -1.0])
BOX = make_object("box", 0)
PATTERN = lip_pattern(SHAPE.lip_radius)


def lying(model: ObjectModel, y: float = 0.0) -> np.ndarray:
    return transform(np.eye(3), [0.65, y, model.extent[2] / 2 - 2e-5])


def lip(x: float, y: float, z: float) -> np.ndarray:
    return transform(DOWN, [0.65 + x, y, z - SHAPE.press])


def under(height: np.ndarray, bodies: np.ndarray | None = None) -> UnderLip:
    """A surface that lies `height` (k,) [m] below the lip."""
    return UnderLip(np.column_stack([PATTERN, height]), np.zeros(len(PATTERN), dtype=int) if bodies is None else bodies)


def seals(surface: UnderLip) -> bool:
    return seal_of(surface, SHAPE.bellows, VACUUM) is not None


def test_a_flat_level_surface_seals_and_a_rough_a_round_or_a_steep_one_leaks() -> None:
    x, y = PATTERN.T
    assert seal_of(under(0 * x), SHAPE.bellows, VACUUM) == (0, pytest.approx(1.0))
    assert seals(under(0.0005 * np.sign(x)))
    assert not seals(under(0.003 * np.sign(np.sin(900 * x))))  # ribs
    assert seals(under(0.040 - np.sqrt(0.040**2 - x**2)))  # a can of 80 mm
    assert not seals(under(0.012 - np.sqrt(0.012**2 - x**2)))  # a bar of 24 mm
    reach = SHAPE.bellows / (2 * SHAPE.lip_radius)
    assert seals(under(0.9 * reach * (x + SHAPE.lip_radius)))
    assert not seals(under(1.1 * reach * (x + SHAPE.lip_radius)))
    assert seals(under(0.9 * reach * (y + SHAPE.lip_radius)))


def test_all_of_the_lip_must_lie_on_one_object() -> None:
    x = PATTERN[:, 0]
    whole = np.zeros(len(x), dtype=int)
    assert seals(under(0 * x, whole))
    for other in (1, -1):  # a neighbour that is level with it, or nothing
        edge = np.where(x > 0.8 * SHAPE.lip_radius, other, whole)
        assert not seals(under(0 * x, edge))
    assert not seals(under(0 * x, whole - 1))


def test_weight_and_lever_share_what_a_seal_bears_and_pressing_costs_nothing() -> None:
    r, full = SHAPE.lip_radius, bearing(SHAPE.lip_radius, 1.0, VACUUM)
    zero, out = np.zeros(3), np.array([0.0, 0.0, 1.0])
    assert 8.0 < full < 12.0  # what makers state of cups of this size
    assert (
        load_share(0.99 * full * out, zero, r, 1.0, VACUUM) < 1.0 < load_share(1.01 * full * out, zero, r, 1.0, VACUUM)
    )
    assert load_share(-5 * full * out, zero, r, 1.0, VACUUM) == 0.0
    tips = full * r / 2 * np.array([1.0, 0.0, 0.0])
    assert load_share(zero, 0.99 * tips, r, 1.0, VACUUM) < 1.0 < load_share(zero, 1.01 * tips, r, 1.0, VACUUM)
    aside = np.array([VACUUM.friction * full, 0.0, 0.0])
    assert load_share(0.99 * aside, zero, r, 1.0, VACUUM) < 1.0 < load_share(1.01 * aside, zero, r, 1.0, VACUUM)
    assert load_share(0.6 * full * out, 0.6 * tips, r, 1.0, VACUUM) > 1.0
    assert load_share(0.6 * full * out, zero, r, 0.5, VACUUM) > 1.0  # a leak bears less
    pressed = -0.5 * full * out  # by an arm that still stands on it: the rim lifts later, and rubber slides later
    assert load_share(pressed, 1.49 * tips, r, 1.0, VACUUM) < 1.0 < load_share(pressed, 1.51 * tips, r, 1.0, VACUUM)
    assert load_share(pressed + 1.49 * aside, zero, r, 1.0, VACUUM) < 1.0


def test_a_box_comes_up_and_its_neighbour_stays() -> None:
    hand = CupHand(Heap((BOX, BOX), np.array([lying(BOX), lying(BOX, 0.13)])), SHAPE)
    outcome = hand.pick(lip(0, 0, BOX.extent[2]), 0.085)
    assert (outcome.status, outcome.object, outcome.removed, outcome.fallen) == ("lifted", 0, (0,), ())
    assert outcome.moved[1] < 1e-3 and outcome.force_peak < 10.0
    again = hand.pick(lip(0, 0.13, BOX.extent[2]), 0.085)
    assert (again.status, again.object) == ("lifted", 1)
    assert hand.remaining == []


@pytest.mark.parametrize(
    ("why", "x", "z"),
    [
        ("over the edge", BOX.extent[0] / 2 - SHAPE.lip_radius / 2, BOX.extent[2]),
        ("in the air", 0.0, BOX.extent[2] + 0.01),
        ("beside it", 0.1, BOX.extent[2]),
    ],
)
def test_a_lip_that_lies_badly_holds_nothing(why: str, x: float, z: float) -> None:
    hand = CupHand(Heap((BOX,), lying(BOX)[None]), SHAPE)
    outcome = hand.pick(lip(x, 0, z), 0.085)
    assert (outcome.status, outcome.removed, hand.remaining) == ("missed", (), [0]), why
    assert outcome.moved[0] < 2e-3


def test_contact_ends_the_descent_and_is_a_collision_only_far_above_its_end() -> None:
    for deeper, status in ((SHAPE.overtravel, "lifted"), (SHAPE.contact_from + 0.02, "collision")):
        hand = CupHand(Heap((BOX,), lying(BOX)[None]), SHAPE)
        outcome = hand.pick(lip(0, 0, BOX.extent[2] - deeper), 0.085)
        assert outcome.status == status
        assert 5.0 < outcome.force_peak < 4 * hand.force_limit
        assert (outcome.force_peak > hand.force_limit) >= (status == "collision")


def test_a_round_bar_holds_no_cup_however_well_it_is_met() -> None:
    ring = make_object("ring", 0)
    hand = CupHand(Heap((ring,), lying(ring)[None]), SHAPE)
    top = ring.vertices[np.argmax(ring.vertices[:, 2])]
    outcome = hand.pick(lip(top[0], top[1], ring.extent[2]), 0.085)
    assert outcome.status == "missed" and hand.remaining == [0]


def test_a_heavy_object_tears_off_by_its_lever_and_hangs_by_its_middle() -> None:
    model, by = heaviest_box(), 0.03
    middle, lever = [
        CupHand(Heap((model,), lying(model)[None]), SHAPE).pick(lip(x, 0, model.extent[2]), 0.085) for x in (0.0, by)
    ]
    assert middle.status == "lifted"
    assert lever.status in ("missed", "slipped") and lever.removed == ()  # the folding bellows may do it
    light = CupHand(Heap((lightened(model),), lying(model)[None]), SHAPE).pick(lip(by, 0, model.extent[2]), 0.085)
    assert light.status == "lifted"


def heaviest_box() -> ObjectModel:
    boxes = [make_object("box", seed) for seed in range(20)]
    return max((b for b in boxes if b.extent[0] > 0.08 and b.extent[1] > 0.03), key=lambda b: b.mass)


def lightened(model: ObjectModel, share: float = 0.2) -> ObjectModel:
    return ObjectModel(**{**vars(model), "mass": model.mass * share, "inertia": model.inertia * share})


def hung_on_a_post() -> tuple[mujoco.MjModel, mujoco.MjData, MujocoCup]:
    """A cup on a fixed post in the air, and a box whose upper face lies against its lip."""
    spec = mujoco.MjSpec()
    set_options(spec, c.TIMESTEP_GRASP)
    spec.option.gravity = [0.0, 0.0, 1.0]  # presses the box against the lip until that has sealed
    post = spec.worldbody.add_body(name="post", pos=[0, 0, 1.0])
    names = add_objects(spec, [BOX])
    add_cup(spec, post, transform(DOWN, [0, 0, 0]), SHAPE, names, VACUUM)
    model = spec.compile()
    data = mujoco.MjData(model)
    set_pose(model, data, names[0], transform(np.eye(3), [0, 0, 1.0 - BOX.extent[2] / 2]))
    return model, data, MujocoCup(model, data, [model.body(names[0]).id], SHAPE, VACUUM)


def steps(model: mujoco.MjModel, data: mujoco.MjData, cup: MujocoCup, seconds: float) -> None:
    for _ in range(round(seconds / c.TIMESTEP_GRASP)):
        mujoco.mj_step(model, data)
        cup.watch(c.TIMESTEP_GRASP)


def test_the_switch_tells_of_a_seal_only_and_the_valve_lets_go() -> None:
    model, data, cup = hung_on_a_post()
    steps(model, data, cup, 0.02)
    assert not cup.vacuum and cup.held() == []  # it touches, but the valve is shut
    cup.set_valve(True)
    steps(model, data, cup, VACUUM.evacuation / 2)
    assert not cup.vacuum  # the air is not out yet
    steps(model, data, cup, VACUUM.evacuation)
    assert cup.vacuum and cup.held() == [0]
    model.opt.gravity[2] = -c.GRAVITY
    steps(model, data, cup, 1.0)
    assert cup.vacuum
    assert cup.pull()[:3] == pytest.approx([0, 0, -BOX.mass * c.GRAVITY], abs=0.02)
    assert data.body("object_0").xpos[2] > 1.0 - BOX.extent[2] / 2 - 1e-3
    cup.set_valve(False)
    assert not cup.vacuum and not cup.pull().any()
    steps(model, data, cup, 0.3)
    assert data.body("object_0").xpos[2] < 0.7


def test_a_valve_that_opens_on_nothing_reports_no_vacuum() -> None:
    model, data, cup = hung_on_a_post()
    set_pose(model, data, "object_0", transform(np.eye(3), [0.5, 0, 0.5]))
    cup.set_valve(True)
    steps(model, data, cup, 0.5)
    assert cup.valve and not cup.vacuum
