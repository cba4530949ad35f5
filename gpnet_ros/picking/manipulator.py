"""Arm and gripper as one: carry out a plan, come home from wherever it ended, put down what is still held.

A gripper that has lost its activation (power, a fault) may still hold something: a 2F's fingers stay where they are.
Its activation opens them, so that happens over the tote, or where a person asks for it a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.errors import DeviceError, GpnetError
from gpnet_ros.height_map import HeightMap
from gpnet_ros.kinematics import Joints
from gpnet_ros.motion import Plan, plan_home, plan_place
from gpnet_ros.picking.payload import Payload
from gpnet_ros.picking.runner import PickResult, PickStatus, run_plan
from gpnet_ros.safety import check


class Manipulator:
    """Remembers how far a held object may reach below the tips, for the way home after an interruption."""

    def __init__(
        self,
        arm: Arm,
        gripper: Gripper,
        cell: Cell,
        grips: bool,
        between_steps: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing moves.

        Args:
            arm, gripper: what moves.
            cell: for the plans.
            grips: whether the gripper is used at all; a hover leaves it alone.
            between_steps: called before each step and after the last.
            clock: by which steps are timed [s].
        """
        self.arm, self.gripper, self.cell, self.grips = arm, gripper, cell, grips
        self._between_steps, self._clock = between_steps, clock
        self._payload = Payload(arm, cell)
        self._hang: float | None = None
        self._ended_at: Joints | None = None  # where a pick ended well that does not go home
        self._told_at: Joints | None = None  # where the arm stood when a person was told what its jaws may drop

    def refusal(self) -> str:
        """Why nothing may move; empty when it may."""
        try:
            state = self.arm.state()
            if state.status not in ("ready", "moving"):
                self._told_at = None
                return state.message or f"The arm is {state.status}: call resume."
            if not self.grips or self.gripper.is_active:
                self._told_at = None
            elif self._told_at is None:
                return f"The gripper is not activated: call resume. {self._opening()}"
        except DeviceError as error:
            return str(error)
        return ""

    def waits(self) -> str:
        """What a move that is under way waits for, in one sentence; empty while it goes on."""
        try:
            state = self.arm.state()
        except DeviceError:
            return ""
        return state.message if state.status == "moving" else ""

    @property
    def jaws_wait(self) -> bool:
        """Whether the gripper is to be activated yet, and a person was told what may fall where."""
        return self._told_at is not None

    @property
    def may_open_here(self) -> bool:
        """Whether a person was told so for the place where the arm stands."""
        return self._told_at is not None and self._is_at(self._told_at)

    def make_ready(self, opens: bool) -> str:
        """Make the arm ready on a person's word, and the gripper where nothing can fall but into the tote.

        Args:
            opens: activate the gripper wherever the arm stands, so that what it may hold falls there.

        Returns:
            What the jaws still wait for, in a sentence for a person; empty when all is ready.

        Raises:
            DeviceError: something does not become ready; the message says what is to be done.
        """
        if self.arm.state().status not in ("ready", "moving"):
            self.arm.resume()
        if not self.grips or self.gripper.is_active:
            return ""
        if opens or self._drop()[0]:
            self._activate()
            return ""
        self._told_at = self.arm.state().q
        return (
            f"The gripper is not activated and may hold something. {self._opening()} Call resume again to open them "
            "here, or start or pick to go home first, the jaws as they are, and open them over the tote."
        )

    def open_over_tote(self) -> None:
        """Activate the gripper, from home, as `make_ready` has told that it will be.

        Raises:
            DeviceError: home is not over the tote, or the gripper does not become active.
        """
        if not self._drop()[0]:
            raise DeviceError(f"Home is not over the tote: call resume to open the jaws. {self._opening()}")
        self._activate()

    def _activate(self) -> None:
        self.gripper.activate()
        self._payload.tell(False)
        self._told_at = None

    def _drop(self) -> tuple[bool, float]:
        """Whether the fingertips are over the inside of the tote; how high over its floor, or the table [m]."""
        x, y, z = self.arm.state().T_base_tcp[:3, 3]
        tote, table = self.cell.tote, self.cell.workspace.table_z
        aside = np.abs(np.array([x, y]) - tote.centre)
        over = bool((aside <= np.array(tote.inner) / 2).all() and z > tote.floor_z + tote.height)
        return over, float(z) - (tote.floor_z if over else table)

    def _opening(self) -> str:
        over, height = self._drop()
        x, y = self.arm.state().T_base_tcp[:2, 3]
        where = "into the tote" if over else f"towards the table at x {x:.2f}, y {y:.2f} m in base"
        return f"Its activation moves the fingers over their whole stroke: what they hold falls {height:.2f} m {where}."

    def run(self, plan: Plan, cancelled: Callable[[], bool]) -> PickResult:
        """Carry out a plan that `safety.check` has passed; the arm stays where it ended."""
        if plan.task == "pick":
            self._hang = plan.hang
        self._ended_at = None
        try:
            tolerance = self.cell.limits.start_tolerance
            result = run_plan(
                plan, self.arm, self.gripper, cancelled, lambda _: self._between_steps(), tolerance, self._payload,
                self._clock,
            )  # fmt: skip
            if result.status is PickStatus.PICKED:
                self._ended_at = self.arm.state().q
            return result
        finally:
            self._between_steps()

    def is_home(self) -> bool:
        """Whether the arm stands at its home pose."""
        return self._is_at(np.array(self.cell.home))

    def is_where_picks_end(self) -> bool:
        """Whether the arm stands where its last plan put an object into the tote, and has not been moved since."""
        return self._ended_at is not None and self._is_at(self._ended_at)

    def _is_at(self, q: Joints) -> bool:
        return bool(np.abs(self.arm.state().q - q).max() <= self.cell.limits.start_tolerance)

    def holds(self) -> bool:
        """Whether the gripper feels something between the pads.

        Raises:
            DeviceError: the gripper cannot be asked.
        """
        return self.grips and self.gripper.state().object_detected

    def may_hold(self) -> bool:
        """Whether something may be between the pads: a gripper that lost its activation cannot tell."""
        return self.grips and (not self.gripper.is_active or self.holds())

    def go_home(self, cancelled: Callable[[], bool]) -> PickResult:
        """Home by a plan that the safety check has passed; the jaws stay as they are.

        Straight up and home from where plans end, slowly from anywhere else, or told which joints to jog. Judged
        without a height map: after a collision the jaws may stand in the heap, and rising is then the way out that
        a map would forbid. Only the rise straight up keeps the way home off the heap.
        """
        try:
            state, holding = self.arm.state(), self.may_hold()
            plan = plan_home(state.q, self.cell, holding, self._reach() if holding else 0.0, state.T_base_tcp)
            check(plan, self.cell, state.q)
        except GpnetError as error:
            advice = (
                f" Or call resume to open the jaws where it stands. {self._opening()}" if self.may_open_here else ""
            )
            return PickResult(PickStatus.REFUSED, f"There is no safe way home: {error}{advice}", "home")
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
