"""Arm and gripper as one: carry out a plan, come home from wherever it ended, put down what is still held."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.errors import DeviceError, GpnetError
from gpnet_ros.height_map import HeightMap
from gpnet_ros.motion import Plan, plan_home, plan_place
from gpnet_ros.picking.runner import PickResult, PickStatus, run_plan
from gpnet_ros.safety import check


class Manipulator:
    """Remembers how far a held object may reach below the tips, for the way home after an interruption."""

    def __init__(self, arm: Arm, gripper: Gripper, cell: Cell, grips: bool, between_steps: Callable[[], None]) -> None:
        """Nothing moves.

        Args:
            arm, gripper: what moves.
            cell: for the plans.
            grips: whether the gripper is used at all; a hover leaves it alone.
            between_steps: called before each step and after the last.
        """
        self.arm, self.gripper, self.cell, self.grips = arm, gripper, cell, grips
        self._between_steps = between_steps
        self._hang: float | None = None

    def refusal(self) -> str:
        """Why nothing may move; empty when it may."""
        try:
            state = self.arm.state()
            if state.status not in ("ready", "moving"):
                return state.message or f"The arm is {state.status}: call resume."
            if self.grips and not self.gripper.is_active:
                return "The gripper is not activated: call resume; its fingers will move."
        except DeviceError as error:
            return str(error)
        return ""

    def make_ready(self) -> None:
        """Make arm and gripper ready on a person's word; the grip is held.

        Raises:
            DeviceError: something does not become ready; the message says what is to be done.
        """
        if self.arm.state().status not in ("ready", "moving"):
            self.arm.resume()
        if self.grips and not self.gripper.is_active:
            self.gripper.activate()

    def run(self, plan: Plan, cancelled: Callable[[], bool]) -> PickResult:
        """Carry out a plan that `safety.check` has passed; the arm stays where it ended."""
        if plan.task == "pick":
            self._hang = plan.hang
        try:
            tolerance = self.cell.limits.start_tolerance
            return run_plan(plan, self.arm, self.gripper, cancelled, lambda _: self._between_steps(), tolerance)
        finally:
            self._between_steps()

    def is_home(self) -> bool:
        """Whether the arm stands at its home pose."""
        return bool(np.abs(self.arm.state().q - np.array(self.cell.home)).max() <= self.cell.limits.start_tolerance)

    def holds(self) -> bool:
        """Whether the gripper feels something between the pads.

        Raises:
            DeviceError: the gripper cannot be asked.
        """
        return self.grips and self.gripper.state().object_detected

    def go_home(self, cancelled: Callable[[], bool]) -> PickResult:
        """Straight up and home by a plan that the safety check has passed; the jaws stay as they are.

        Judged without a height map: after a collision the jaws may stand in the heap, and rising is then the
        way out that a map would forbid. Only the rise straight up keeps the way home off the heap.
        """
        try:
            state, holding = self.arm.state(), self.holds()
            plan = plan_home(state.q, self.cell, holding, self._reach() if holding else 0.0, state.T_base_tcp)
            check(plan, self.cell, state.q)
        except GpnetError as error:
            return PickResult(PickStatus.REFUSED, f"There is no safe way home: {error}", "home")
        return self.run(plan, cancelled)

    def put_down(self, heights: HeightMap, spot: int, cancelled: Callable[[], bool]) -> PickResult:
        """Into the tote with what is still held after an interruption, from home."""
        try:
            q = self.arm.state().q
            plan = check(plan_place(q, self.cell, self._reach(), spot), self.cell, q, heights)
        except GpnetError as error:
            return PickResult(PickStatus.REFUSED, f"There is no safe way into the tote: {error}", "place", True)
        return self.run(plan, cancelled)

    def close(self) -> None:
        """Let go of both; the grip is held."""
        self.arm.disconnect()
        self.gripper.close()

    def _reach(self) -> float:
        """How far a held object may reach below the tips [m]: as planned, and never below the table."""
        above = float(self.arm.state().T_base_tcp[2, 3]) - self.cell.workspace.table_z
        return min(self.cell.limits.held_hang if self._hang is None else self._hang, max(above, 0.0))
