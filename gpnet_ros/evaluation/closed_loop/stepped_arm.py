"""Arm and gripper of the stepped cell: they take simulated time, and judge a move as the real arm's driver does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gpnet_ros.devices.arm import ArmState, ArmStatus, MoveResult, MoveStatus
from gpnet_ros.devices.gripper import GripperState, GripResult, GripStatus
from gpnet_ros.devices.robotiq import LAG, MOVING, STOPPED_CLOSING, THINNEST_MEASURED, RobotiqSettings
from gpnet_ros.devices.ur.child import DECELERATION, LOOP_PERIOD
from gpnet_ros.devices.ur.move import ArmSample, MoveOrder, MoveOutcome, RunningMove
from gpnet_ros.pose import to_rotvec
from gpnet_ros.sim.cell.stepped import SteppedCell

if TYPE_CHECKING:
    from gpnet_ros.motion import Move

#: Between the order of a move and its first step [s]: the pipe, the loop of the child, the script of the controller.
ORDER_LAG = 0.02
#: Between two readings of the gripper over its socket [s].
_POLL = 0.01
#: Where a Robotiq's empty fingers end [units].
_CLOSED = RobotiqSettings.closed_position


class SteppedArm:
    """Implements the Arm Protocol; a protective stop stays until `resume`."""

    def __init__(self, cell: SteppedCell) -> None:
        """At rest and ready."""
        self._cell, self._numbers = cell, 0

    def connect(self) -> None:
        """Nothing to connect to."""

    def state(self) -> ArmState:
        """The state now; `stamp` is the simulated time."""
        cell = self._cell
        status: ArmStatus = "protective_stop" if cell.stop else "ready"
        return ArmState(
            cell.time, time.time(), np.array(cell.plant.q), np.array(cell.plant.qd), cell.T_base_tcp(), cell.wrench(),
            status, cell.stop, cell.label,
        )  # fmt: skip

    def move(self, move: Move, cancelled: Callable[[], bool]) -> MoveResult:
        """Execute one move, judged every `LOOP_PERIOD` of simulated time."""
        cell, order = self._cell, self._order(move)
        if cell.stop:
            return MoveResult(MoveStatus.REFUSED, cell.stop, cell.T_base_tcp())
        cell.let_pass(ORDER_LAG)
        running = RunningMove(order, lambda: self._start(move), lambda: cell.brake(DECELERATION), cell.time)
        while (outcome := running.follow(self._sample())) is None:
            if cancelled():
                running.end(MoveStatus.CANCELLED, "Cancelled.", cell.time)
            if cell.stop:
                running.end(MoveStatus.STOPPED, f"Protective stop: {cell.stop}.", cell.time, halted=True)
            cell.let_pass(LOOP_PERIOD)
        return self._result(outcome)

    def _order(self, move: Move) -> MoveOrder:
        self._numbers += 1
        target = move.q if move.q is not None else to_rotvec(move.T_base_tcp) if move.T_base_tcp is not None else ()
        goal = [float(value) for value in target]
        return MoveOrder(self._numbers, move.kind, goal, move.speed, move.acceleration, move.force_limit or np.inf)

    def _start(self, move: Move) -> bool:
        if move.q is not None:
            self._cell.order("joint", move.q, move.speed, move.acceleration)
        elif move.T_base_tcp is not None:
            self._cell.order("linear", move.T_base_tcp, move.speed, move.acceleration)
        return True

    def _sample(self) -> ArmSample:
        cell = self._cell
        q, qd = cell.plant.q.tolist(), cell.plant.qd.tolist()
        tcp = [float(value) for value in to_rotvec(cell.T_base_tcp())]
        return ArmSample(cell.time, q, qd, tcp, cell.wrench().tolist(), not cell.moving)

    def _result(self, outcome: MoveOutcome) -> MoveResult:
        status = MoveStatus(outcome.status)
        return MoveResult(status, outcome.message, self._cell.T_base_tcp(), outcome.force_peak, outcome.duration)

    def cancel(self) -> None:
        """Nobody else could: there is one thread."""

    def resume(self) -> None:
        """Leave a protective stop."""
        self._cell.unlock()

    def set_payload(self, mass: float, cog: tuple[float, float, float]) -> None:
        """The stepped controller feels no weight, so it needs none."""

    def disconnect(self) -> None:
        """Nothing to disconnect from."""


class SteppedGripper:
    """A Robotiq 2F as `RobotiqGripper` moves and reads it, without the socket; implements the Gripper Protocol."""

    is_active = True

    def __init__(self, cell: SteppedCell) -> None:
        """The fingers stay where they are."""
        self._cell, self._settings = cell, RobotiqSettings()

    def activate(self) -> None:
        """It is active."""

    def move(self, width: float, speed: float, force: float) -> GripResult:
        """Bring the pads to an opening [m] at a speed [m/s] with a force [N], and wait until they stop."""
        s, cell = self._settings, self._cell
        position = s.position(width) if width > 0.0 else 255
        cell.plant.set_gripper(position, _units(speed, s.speed_range), _units(force, s.force_range))
        cell.let_pass(LAG)
        end = cell.time + s.stroke / max(speed, s.speed_range[0]) + 2.0
        while cell.plant.gripper_object == MOVING:
            cell.let_pass(_POLL)
            if cell.time > end:
                return GripResult(GripStatus.TIMEOUT, self._width(), False, "The fingers did not stop.")
        return GripResult(GripStatus.DONE, self._width(), self._holds())

    def state(self) -> GripperState:
        """The present opening, and whether something is held."""
        return GripperState(self._width(), self._holds(), True)

    def close(self) -> None:
        """There is no connection."""

    def _width(self) -> float:
        return self._settings.width(self._cell.plant.gripper_position)

    def _holds(self) -> bool:
        plant = self._cell.plant
        return plant.gripper_object == STOPPED_CLOSING and plant.gripper_position < _CLOSED - THINNEST_MEASURED


def _units(value: float, span: tuple[float, float]) -> int:
    """A speed or force as 0..255 of its range."""
    return round(255 * min(max((value - span[0]) / (span[1] - span[0]), 0.0), 1.0))
