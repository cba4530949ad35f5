"""Carrying plans out: each outcome and its twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.devices.arm import MoveResult, MoveStatus
from gpnet_ros.devices.fake import FakeArm, FakeGripper
from gpnet_ros.devices.gripper import GripperState, GripStatus
from gpnet_ros.height_map import HeightMap
from gpnet_ros.kinematics import UrKinematics
from gpnet_ros.motion import Move, Plan, plan_home, plan_hover, plan_pick
from gpnet_ros.picking.manipulator import Manipulator
from gpnet_ros.picking.payload import Payload
from gpnet_ros.picking.runner import PickResult, PickStatus, run_plan
from gpnet_ros.pose import Transform, transform
from gpnet_ros.sim.cell.arm import calibrated_dh

SHIPPED = load_cell()
#: Where every contact of the jaw is a collision.
CELL = replace(SHIPPED, motion=replace(SHIPPED.motion, descent_contact=0.0))
DOWN = np.diag([1.0, -1.0, -1.0])
GRASP: Transform = transform(DOWN, (0.65, 0.02, 0.03))
WIDTH = 0.06
#: Moves of a pick in order; the descent is the third.
MOVES = ("approach", "pregrasp", "descend", "lift", "carry", "place", "retreat", "home")


def never() -> bool:
    return False


def pick_plan() -> Plan:
    return plan_pick(GRASP, WIDTH, CELL.home, CELL, heap_top=0.06)


def robot(object_width: float | None = 0.03) -> tuple[FakeArm, FakeGripper]:
    arm, gripper = FakeArm(CELL, auto_resume=True), FakeGripper(object_width=object_width, active=True)
    arm.connect()
    return arm, gripper


def fail_at(arm: FakeArm, move: str, status: MoveStatus) -> None:
    arm.script.extend([MoveStatus.ARRIVED] * MOVES.index(move) + [status])


def names(arm: FakeArm) -> list[str]:
    return [move.name for move in arm.moves]


def test_a_held_object_that_is_released_is_picked() -> None:
    arm, gripper = robot()
    begun: list[str] = []
    result = run_plan(pick_plan(), arm, gripper, never, begun.append)
    assert result.status is PickStatus.PICKED
    assert not result.holding
    assert names(arm) == list(MOVES)
    assert begun == [step.name for step in pick_plan().steps] == list(result.times)
    assert gripper.commands == [WIDTH, 0.0, WIDTH]
    assert result.widths["open"] == pytest.approx(WIDTH)
    assert result.widths["close"] == pytest.approx(0.03)


def test_nothing_between_the_pads_is_missed_and_stops_before_the_lift() -> None:
    arm, gripper = robot(object_width=None)
    result = run_plan(pick_plan(), arm, gripper, never)
    assert result.status is PickStatus.MISSED
    assert names(arm)[-1] == "descend"
    assert "0.0 mm" in result.message


class Slippery(FakeGripper):
    """Loses the object when the gripper is asked for the n-th time."""

    def __init__(self, asked: int) -> None:
        super().__init__(object_width=0.03, active=True)
        self.left = asked

    def state(self) -> GripperState:
        self.left -= 1
        if self.left == 0:
            self.object_width = None
        return super().state()


@pytest.mark.parametrize(("asked", "last"), [(1, "lift"), (2, "carry"), (3, "place")])
def test_an_object_that_is_lost_on_the_way_slipped(asked: int, last: str) -> None:
    arm, _ = robot()
    result = run_plan(pick_plan(), arm, Slippery(asked), never)
    assert result.status is PickStatus.SLIPPED
    assert names(arm)[-1] == last
    assert not result.holding


def test_a_grip_that_is_asked_for_without_loss_does_not_slip() -> None:
    arm, _ = robot()
    assert run_plan(pick_plan(), arm, Slippery(99), never).status is PickStatus.PICKED


@pytest.mark.parametrize(
    ("move", "status", "expected"),
    [
        ("descend", MoveStatus.CONTACT, PickStatus.COLLISION),
        ("carry", MoveStatus.STOPPED, PickStatus.STOPPED),
        ("approach", MoveStatus.LINK_LOST, PickStatus.LINK_LOST),
        ("place", MoveStatus.TIMEOUT, PickStatus.TIMEOUT),
        ("lift", MoveStatus.REFUSED, PickStatus.REFUSED),
        ("pregrasp", MoveStatus.CANCELLED, PickStatus.CANCELLED),
    ],
)
def test_a_move_that_fails_ends_the_plan_there(move: str, status: MoveStatus, expected: PickStatus) -> None:
    arm, gripper = robot()
    fail_at(arm, move, status)
    result = run_plan(pick_plan(), arm, gripper, never)
    assert result.status is expected
    assert result.step == move == names(arm)[-1]
    assert result.message
    assert result.holding == (MOVES.index(move) > 2)


def test_the_force_of_a_collision_is_reported() -> None:
    arm, gripper = robot()
    fail_at(arm, "descend", MoveStatus.CONTACT)
    assert run_plan(pick_plan(), arm, gripper, never).force_peak == pytest.approx(CELL.motion.descent_force)
    arm, gripper = robot()
    assert run_plan(pick_plan(), arm, gripper, never).force_peak == 0.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (GripStatus.REFUSED, PickStatus.REFUSED),
        (GripStatus.FAULT, PickStatus.STOPPED),
        (GripStatus.LINK_LOST, PickStatus.LINK_LOST),
        (GripStatus.TIMEOUT, PickStatus.TIMEOUT),
    ],
)
def test_a_gripper_that_fails_ends_the_plan_before_the_arm_moves(status: GripStatus, expected: PickStatus) -> None:
    arm, gripper = robot()
    gripper.script.append(status)
    assert run_plan(pick_plan(), arm, gripper, never).status is expected
    assert arm.moves == []


def test_a_gripper_that_is_not_active_is_refused_and_nothing_moves() -> None:
    arm, _ = robot()
    result = run_plan(pick_plan(), arm, FakeGripper(object_width=0.03), never)
    assert result.status is PickStatus.REFUSED
    assert arm.moves == []


@pytest.mark.parametrize("step", range(11))
def test_a_cancel_before_any_step_ends_there(step: int) -> None:
    arm, gripper = robot()
    begun: list[str] = []
    result = run_plan(pick_plan(), arm, gripper, lambda: len(begun) > step, begun.append)
    assert result.status is PickStatus.CANCELLED
    assert len(begun) == step + 1


def test_a_plan_from_elsewhere_is_refused_and_nothing_moves() -> None:
    arm, gripper = robot()
    off = np.array(CELL.home) + [0.03, 0, 0, 0, 0, 0]
    result = run_plan(plan_home(off, CELL), arm, gripper, never)
    assert result.status is PickStatus.REFUSED
    assert arm.moves == []
    near = np.array(CELL.home) + [0.01, 0, 0, 0, 0, 0]
    assert run_plan(plan_home(near, CELL), arm, gripper, never).status is PickStatus.DONE


def test_a_stopped_arm_refuses_the_next_plan() -> None:
    arm, gripper = robot()
    arm.stop_with("protective_stop")
    assert run_plan(pick_plan(), arm, gripper, never).status is PickStatus.REFUSED
    assert arm.moves == []


def test_a_hover_is_done_and_never_touches_the_gripper() -> None:
    arm, gripper = robot()
    result = run_plan(plan_hover(GRASP, CELL.home, CELL, 0.06), arm, gripper, never)
    assert result.status is PickStatus.DONE
    assert gripper.commands == []


# --- the way back -----------------------------------------------------------------------------------------


def manipulator(arm: FakeArm, gripper: FakeGripper, cell: Cell = CELL, grips: bool = True) -> Manipulator:
    return Manipulator(arm, gripper, cell, grips, lambda: None)


def interrupted(at: str, status: MoveStatus) -> tuple[FakeArm, FakeGripper, Manipulator, PickResult]:
    arm, gripper = robot()
    hands = manipulator(arm, gripper)
    fail_at(arm, at, status)
    result = hands.run(pick_plan(), never)
    arm.resume()
    return arm, gripper, hands, result


def test_after_a_collision_it_rises_straight_up_and_goes_home() -> None:
    arm, _, hands, result = interrupted("descend", MoveStatus.CONTACT)
    assert result.status.is_failed_pick
    arm.moves.clear()
    before = arm.state().T_base_tcp
    assert hands.go_home(never).status is PickStatus.DONE
    rise, home = arm.moves
    assert rise.T_base_tcp is not None
    np.testing.assert_allclose(rise.T_base_tcp[:2, 3], before[:2, 3], atol=1e-9)
    assert rise.T_base_tcp[2, 3] > before[2, 3] + 0.2
    assert home.name == "home"
    assert hands.is_home()


def test_straight_up_is_straight_for_the_calibrated_arm() -> None:
    cell = CELL
    arm = FakeArm(cell, auto_resume=True, true_kinematics=UrKinematics(calibrated_dh(3, cell.kinematics.dh)))
    arm.connect()
    gripper = FakeGripper(object_width=0.03, active=True)
    fail_at(arm, "descend", MoveStatus.CONTACT)
    hands = manipulator(arm, gripper)
    assert hands.run(pick_plan(), never).status is PickStatus.COLLISION
    before = arm.state().T_base_tcp
    nominal = cell.kinematics.forward(arm.state().q) @ cell.T_flange_tcp
    assert np.linalg.norm(nominal[:3, 3] - before[:3, 3]) > 1e-3  # the nominal model would move sideways
    arm.moves.clear()
    assert hands.go_home(never).status is PickStatus.DONE
    assert arm.moves[0].T_base_tcp is not None
    np.testing.assert_allclose(arm.moves[0].T_base_tcp[:2, 3], before[:2, 3], atol=1e-9)


@pytest.mark.parametrize("at", ["lift", "carry", "place"])
def test_an_object_that_is_still_held_is_kept_on_the_way_home_and_then_put_down(at: str) -> None:
    arm, gripper, hands, result = interrupted(at, MoveStatus.CANCELLED)
    assert result.holding
    assert hands.holds()
    commands = list(gripper.commands)
    assert hands.go_home(never).status is PickStatus.DONE
    assert gripper.commands == commands  # the grip is held
    assert hands.put_down(flat(), 0, never).status is PickStatus.PICKED
    assert not hands.holds()
    assert hands.is_home()


def test_without_a_grip_there_is_nothing_to_put_down() -> None:
    arm, gripper = robot()
    assert not manipulator(arm, gripper).holds()
    assert not manipulator(arm, FakeGripper(object_width=0.03, active=True), grips=False).holds()


def test_from_where_a_person_left_the_arm_it_goes_home_slowly() -> None:
    arm, gripper = robot(object_width=None)
    arm._q = np.deg2rad([0.0, -90.0, 0.0, -90.0, 0.0, 0.0])  # upright, as PolyScope's default home
    hands = manipulator(arm, gripper)
    assert hands.go_home(never).status is PickStatus.DONE
    assert hands.is_home()
    assert all(move.speed <= CELL.limits.home_joint_speed for move in arm.moves)


def test_no_safe_way_home_moves_nothing() -> None:
    arm, gripper, hands, _ = interrupted("descend", MoveStatus.CONTACT)
    arm._q = np.deg2rad([0.0, -15.0, 150.0, -160.0, -90.0, 0.0])  # the tool in the table: every way is refused
    arm.moves.clear()
    result = hands.go_home(never)
    assert result.status is PickStatus.REFUSED
    assert arm.moves == []
    assert "no safe way home: Jog joint" in result.message
    assert "grasp" not in result.message


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda arm, gripper: arm.stop_with("protective_stop"), "protective_stop"),
        (lambda arm, gripper: setattr(gripper, "_active", False), "not activated"),
        (lambda arm, gripper: arm.disconnect(), "not connected"),
    ],
)
def test_what_cannot_move_says_why(spoil: Callable[[FakeArm, FakeGripper], None], word: str) -> None:
    arm, gripper = robot()
    hands = manipulator(arm, gripper)
    assert hands.refusal() == ""
    spoil(arm, gripper)
    assert word in hands.refusal()


def flat() -> HeightMap:
    """An empty table over the workspace."""
    side, n = 0.01, 80
    centre = CELL.workspace.centre
    return HeightMap((centre[0] - n * side / 2, centre[1] - n * side / 2), side, np.zeros((n, n), np.float32))


class Loaded(FakeArm):
    """Remembers the payload of each move."""

    def move(self, move: Move, cancelled: Callable[[], bool]) -> MoveResult:
        self.loads = {**getattr(self, "loads", {}), move.name: self.payload[0]}
        return super().move(move, cancelled)


def test_the_controller_knows_what_is_held_and_when_it_is_let_go() -> None:
    arm, gripper = Loaded(CELL, auto_resume=True), FakeGripper(object_width=0.03, active=True)
    arm.connect()
    manipulator = manipulator_of(arm, gripper)
    assert manipulator.run(pick_plan(), never).status is PickStatus.PICKED
    held = CELL.gripper.mass + CELL.gripper.held_mass
    for name in MOVES:
        assert arm.loads[name] == pytest.approx(held if name in ("lift", "carry", "place") else CELL.gripper.mass)


def test_the_payload_stays_through_an_interruption_and_goes_with_the_object() -> None:
    arm, gripper = Loaded(CELL, auto_resume=True), FakeGripper(object_width=0.03, active=True)
    arm.connect()
    manipulator = manipulator_of(arm, gripper)
    fail_at(arm, "carry", MoveStatus.CANCELLED)
    assert manipulator.run(pick_plan(), never).holding
    held = CELL.gripper.mass + CELL.gripper.held_mass
    arm.payload = (0.0, (0.0, 0.0, 0.0))  # another planner had the robot meanwhile
    assert manipulator.go_home(never).status is PickStatus.DONE
    assert arm.loads["home"] == pytest.approx(held)
    gripper.object_width = None
    assert manipulator.go_home(never).status is PickStatus.DONE
    assert arm.loads["home"] == pytest.approx(CELL.gripper.mass)


def test_a_missed_object_weighs_nothing() -> None:
    arm, gripper = Loaded(CELL, auto_resume=True), FakeGripper(object_width=None, active=True)
    arm.connect()
    assert manipulator_of(arm, gripper).run(pick_plan(), never).status is PickStatus.MISSED
    assert arm.payload[0] == pytest.approx(CELL.gripper.mass)


def manipulator_of(arm: FakeArm, gripper: FakeGripper) -> Manipulator:
    return Manipulator(arm, gripper, CELL, True, lambda: None)


# --- with the suction cup --------------------------------------------------------------------------------
CUP_CELL = replace(CELL, tool="suction")


def cup_robot(held: bool = True) -> tuple[FakeArm, FakeGripper]:
    arm, gripper = FakeArm(CUP_CELL, auto_resume=True), FakeGripper(object_width=0.03 if held else None, active=True)
    arm.connect()
    return arm, gripper


def cup_plan() -> Plan:
    return plan_pick(GRASP, CELL.gripper.stroke, CUP_CELL.home, CUP_CELL, heap_top=0.06)


def test_contact_is_what_the_descent_of_a_cup_is_for() -> None:
    arm, gripper = cup_robot()
    fail_at(arm, "descend", MoveStatus.CONTACT)
    assert run_plan(cup_plan(), arm, gripper, never).status is PickStatus.PICKED
    assert gripper.commands == [CELL.gripper.stroke, 0.0, CELL.gripper.stroke], "vacuum off, on, off"
    jaw, fingers = robot()
    fail_at(jaw, "descend", MoveStatus.CONTACT)
    assert run_plan(pick_plan(), jaw, fingers, never).status is PickStatus.COLLISION


NEAR, FAR = SHIPPED.motion.descent_contact - 1e-3, SHIPPED.motion.descent_contact + 1e-3


@pytest.mark.parametrize(
    ("cell", "above", "expected"),
    [
        (CUP_CELL, CUP_CELL.cup.contact_from - 1e-3, PickStatus.PICKED),
        (CUP_CELL, CUP_CELL.cup.contact_from + 1e-3, PickStatus.COLLISION),
        (SHIPPED, NEAR, PickStatus.PICKED),
        (SHIPPED, FAR, PickStatus.COLLISION),
        (SHIPPED, 0.2, PickStatus.COLLISION),  # where the way down was felt
        (CELL, NEAR, PickStatus.COLLISION),
    ],
)
def test_contact_is_a_collision_but_near_the_end_of_a_descent(cell: Cell, above: float, expected: PickStatus) -> None:
    class Early(FakeArm):
        """Meets something above the target of the descent."""

        def move(self, move: Move, cancelled: Callable[[], bool]) -> MoveResult:
            result = super().move(move, cancelled)
            if move.kind != "descend":
                return result
            T = result.T_base_tcp.copy()
            T[2, 3] += above
            return replace(result, status=MoveStatus.CONTACT, T_base_tcp=T)

    arm = Early(cell, auto_resume=True)
    arm.connect()
    _, gripper = cup_robot()
    plan = plan_pick(GRASP, WIDTH, cell.home, cell, heap_top=0.06)
    assert run_plan(plan, arm, gripper, never).status is expected
    assert ("lift" in names(arm)) == (expected is PickStatus.PICKED)


def test_without_vacuum_nothing_is_lifted() -> None:
    arm, gripper = cup_robot(held=False)
    result = run_plan(cup_plan(), arm, gripper, never)
    assert result.status is PickStatus.MISSED and names(arm)[-1] == "descend"


def test_the_controller_is_told_the_mass_of_the_cup() -> None:
    arm, gripper = cup_robot()
    payload = Payload(arm, CUP_CELL)
    payload.tell(False)
    assert arm.payload == (CUP_CELL.cup.mass, CUP_CELL.cup.centre_of_gravity)
    payload.tell(True)
    assert arm.payload[0] == pytest.approx(CUP_CELL.cup.mass + CUP_CELL.cup.held_mass)
    jaw, _ = robot()
    Payload(jaw, CELL).tell(False)
    assert jaw.payload[0] == CELL.gripper.mass
