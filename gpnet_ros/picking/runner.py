"""Carry a checked plan out, step by step, and say honestly what became of it.

A grip is believed only while the gripper feels it: after closing, and after every move with the object.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from gpnet_ros.cell import Limits
from gpnet_ros.devices.arm import Arm, MoveResult, MoveStatus
from gpnet_ros.devices.gripper import Gripper, GripStatus
from gpnet_ros.errors import DeviceError
from gpnet_ros.motion import Grip, Move, Plan
from gpnet_ros.picking.payload import Payload


class PickStatus(Enum):
    """Ways in which a plan may end."""

    DONE = "done"  # a plan without a grip (hover, home) was carried out
    PICKED = "picked"  # held until it was released over the tote
    MISSED = "missed"  # nothing between the pads after closing
    SLIPPED = "slipped"  # lost on the way
    COLLISION = "collision"  # contact during the descent
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # protective, emergency or safeguard stop
    LINK_LOST = "link_lost"
    REFUSED = "refused"  # nothing moved
    TIMEOUT = "timeout"

    @property
    def is_failed_pick(self) -> bool:
        """The pick went wrong, but arm and gripper obey: the next one may be tried."""
        return self in (PickStatus.MISSED, PickStatus.SLIPPED, PickStatus.COLLISION)


_OF_MOVE = {
    MoveStatus.CANCELLED: PickStatus.CANCELLED,
    MoveStatus.STOPPED: PickStatus.STOPPED,
    MoveStatus.LINK_LOST: PickStatus.LINK_LOST,
    MoveStatus.REFUSED: PickStatus.REFUSED,
    MoveStatus.TIMEOUT: PickStatus.TIMEOUT,
}
_OF_GRIP = {
    GripStatus.REFUSED: PickStatus.REFUSED,
    GripStatus.FAULT: PickStatus.STOPPED,
    GripStatus.LINK_LOST: PickStatus.LINK_LOST,
    GripStatus.TIMEOUT: PickStatus.TIMEOUT,
}


@dataclass(frozen=True)
class PickResult:
    """Outcome of one plan.

    Attributes:
        status: how it ended.
        message: one sentence for a person; empty when all went well.
        step: name of the last step that was begun.
        holding: whether something was between the pads at the end, as far as the gripper knows.
        force_peak: greatest change of the force during the descent [N].
        contact: how high over its end [m] the descent met something; None where it met nothing.
        widths: opening between the pads [m] after each motion of the jaws, by step name.
        times: time of each step [s], by its name; of the wall clock, unless another was given.
    """

    status: PickStatus
    message: str = ""
    step: str = ""
    holding: bool = False
    force_peak: float = 0.0
    widths: dict[str, float] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    contact: float | None = None


class _End(Exception):
    """A step ended the plan."""

    def __init__(self, status: PickStatus, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class _Run:
    """One plan on its way."""

    arm: Arm
    gripper: Gripper
    cancelled: Callable[[], bool]
    payload: Payload | None = None
    clock: Callable[[], float] = time.monotonic
    step: str = ""
    holding: bool = False
    held_once: bool = False
    force_peak: float = 0.0
    contact: float | None = None
    widths: dict[str, float] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)

    def do(self, step: Move | Grip) -> None:
        """One step; raises `_End` when the plan cannot go on."""
        began, self.step = self.clock(), step.name
        try:
            if self.cancelled():
                raise _End(PickStatus.CANCELLED, f"Cancelled before {step.name!r}.")
            self._grip(step) if isinstance(step, Grip) else self._move(step)
        finally:
            self.times[step.name] = self.clock() - began

    def _move(self, move: Move) -> None:
        if move.kind == "descend" and self.payload is not None:
            self.payload.before_descent()
        result = self.arm.move(move, self.cancelled)
        if move.kind == "descend":
            self.force_peak = max(self.force_peak, result.force_peak)
            if result.status is MoveStatus.CONTACT and move.T_base_tcp is not None:
                self.contact = float(result.T_base_tcp[2, 3] - move.T_base_tcp[2, 3])
        if result.status is MoveStatus.CONTACT and not _is_meant(move, result):
            raise _End(PickStatus.COLLISION, result.message or f"Contact during {move.name!r}.")
        if result.status not in (MoveStatus.ARRIVED, MoveStatus.CONTACT):
            raise _End(_OF_MOVE[result.status], result.message or f"Move {move.name!r}: {result.status.value}.")

    def _grip(self, grip: Grip) -> None:
        result = self.gripper.move(grip.width, grip.speed, grip.force)
        if not result.ok:
            raise _End(_OF_GRIP[result.status], result.message or f"Gripper, {grip.name!r}: {result.status.value}.")
        self.widths[grip.name] = result.width
        if grip.takes and not result.object_detected:
            closed = f"Nothing between the pads; they closed to {result.width * 1e3:.1f} mm."
            raise _End(PickStatus.MISSED, result.message or closed)
        self.holding = grip.takes
        self.held_once |= grip.takes
        if self.payload is not None:
            self.payload.tell(self.holding)

    def require_grip(self, when: str) -> None:
        """End the plan when the object is no longer between the pads."""
        try:
            state = self.gripper.state()
        except DeviceError as error:
            raise _End(PickStatus.LINK_LOST, str(error)) from error
        self.widths[when] = state.width
        if not state.object_detected:
            self.holding = False
            how = state.message or f"the pads are {state.width * 1e3:.1f} mm apart."
            raise _End(PickStatus.SLIPPED, f"The object was lost {when}; {how}")

    def result(self, status: PickStatus, message: str = "") -> PickResult:
        """What is to be reported."""
        told = (self.force_peak, self.widths, self.times, self.contact)
        return PickResult(status, message, self.step, self.holding, *told)


def _is_meant(move: Move, result: MoveResult) -> bool:
    """Whether a contact is what the descent was for: near its target. Higher up something else is in the way."""
    if move.contact_from is None or move.T_base_tcp is None:
        return False
    return float(result.T_base_tcp[2, 3] - move.T_base_tcp[2, 3]) <= move.contact_from


def run_plan(
    plan: Plan,
    arm: Arm,
    gripper: Gripper,
    cancelled: Callable[[], bool],
    on_step: Callable[[str], None] | None = None,
    start_tolerance: float = Limits.start_tolerance,
    payload: Payload | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> PickResult:
    """Carry out a plan that `safety.check` has passed.

    Args:
        plan: from where the arm stands now.
        arm, gripper: what moves.
        cancelled: asked before each step and all the time while the arm moves.
        on_step: told the name of each step as it begins.
        payload: told what hangs at the flange as it changes.
        start_tolerance: joints may be this far [rad] from where the plan begins; more means that something moved them.
        clock: by which the steps are timed [s]; simulated time in a cell that is stepped.

    Returns:
        How it ended. The arm stays where that was; see `Manipulator.go_home`.
    """
    run = _Run(arm, gripper, cancelled, payload, clock, holding=plan.holding, held_once=plan.holding)
    try:
        away = float(np.abs(arm.state().q - plan.q_start).max())
        if not away <= start_tolerance:
            raise _End(PickStatus.REFUSED, f"The arm is {away:.3f} rad from where the plan begins: plan it anew.")
        if payload is not None:
            payload.tell(plan.holding)
        for index, step in enumerate(plan.steps):
            if on_step is not None:
                on_step(step.name)
            run.do(step)
            before = plan.steps[index - 1] if index else None
            if run.holding and isinstance(step, Move) and plan.task == "pick":
                run.require_grip(f"after {step.name!r}")
                if payload is not None and isinstance(before, Grip) and before.takes:
                    payload.after_lift()
    except _End as end:
        return run.result(end.status, end.message)
    except DeviceError as error:
        return run.result(PickStatus.LINK_LOST, str(error))
    return run.result(PickStatus.PICKED if run.held_once and not run.holding else PickStatus.DONE)
