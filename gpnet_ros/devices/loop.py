"""The picking loop: look, decide, move, judge, again; ROS-free, so that it runs with fakes too.

A thread does the work; the methods that a person reaches (start, stop, pause, resume, pick) return at once.
Nothing moves unless the mode allows it, the arm is ready, and the plan has passed the safety check.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.clearance import height_map
from gpnet_ros.devices.arm import Arm, ArmState
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.devices.mode_gate import GRIPPING
from gpnet_ros.devices.runner import START_TOLERANCE, PickResult, PickStatus, retreat, run_plan
from gpnet_ros.errors import BadInput, DeviceError, GpnetError
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.maps import Maps
from gpnet_ros.motion import Plan, plan_place
from gpnet_ros.occlusion import blocks_view
from gpnet_ros.pick import Decision, Memory, decide
from gpnet_ros.pose import Transform, invert
from gpnet_ros.safety import check

#: A lost arm or one that resumes by itself is asked again after this long [s].
RETRY = 0.1


@dataclass(frozen=True, eq=False)
class Sight:
    """One exposure with its maps."""

    frame: Frame
    maps: Maps


class Eyes(Protocol):
    """Where frames and maps come from."""

    def newest(self, timeout: float) -> Sight | None:
        """The newest exposure that was not handed out yet; None when none came in time [s].

        Raises:
            BadInput: something came that cannot be used; the message says why.
        """

    def why_none(self) -> str:
        """Why nothing came, for a person."""


class Report(Protocol):
    """Who is told what the loop does."""

    def state(self, state: str) -> None:
        """The loop's state has changed."""

    def refused(self, reason: str) -> None:
        """A frame was not used."""

    def decided(self, decision: Decision, sight: Sight) -> None:
        """A frame was decided on."""

    def result(self, record: dict[str, Any]) -> None:
        """A pick, or the loop, has ended."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop runs; plain values, checked by whoever reads them from a file."""

    mode: str = "dry_run"
    auto_resume: bool = False
    controller_clock: bool = False  # frames carry the controller's own (simulated) time
    max_picks: int = 30
    failures_max: int = 3
    look_timeout: float = 30.0
    valid_share_min: float = 0.3


class PickingLoop:
    """The planner's work; one thread."""

    def __init__(
        self,
        arm: Arm,
        gripper: Gripper,
        cell: Cell,
        hand_eye: HandEye,
        eyes: Eyes,
        report: Report,
        settings: LoopSettings,
        select: SelectSettings | None = None,
    ) -> None:
        """Nothing is connected and nothing runs before `open`."""
        self.arm, self.gripper, self.cell, self.hand_eye = arm, gripper, cell, hand_eye
        self.eyes, self.report, self.settings, self.select = eyes, report, settings, select
        self.memory = Memory()
        self.state = "idle"
        self.picks = self.failures = self.placed = 0
        self._task = ""  # "", "loop" or "one"
        self._paused = self._approved = self._resume_wanted = False
        self._halted = ""  # why nothing moves until a person resumes
        self._hang: float | None = None
        self._fresh_after, self._was_in_view = -np.inf, True
        self._intrinsics: Intrinsics | None = None
        self._stopping, self._closing = threading.Event(), threading.Event()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    # --- what a person does; all of it returns at once ----------------------------------------------------
    def open(self) -> None:
        """Begin: connect to the arm, again and again until that works; nothing moves."""
        self._closing.clear()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._work, name="picking_loop", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop and let go of everything; the grip stays as it is."""
        self.stop()
        self._closing.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(timeout=20.0)
        self.arm.disconnect()
        self.gripper.close()

    def start(self) -> tuple[bool, str]:
        """Pick until nothing is left."""
        return self._begin("loop")

    def pick(self) -> tuple[bool, str]:
        """One pick; in mode `step` the second call approves what was proposed."""
        with self._changed:
            if self.state == "awaiting_approval":
                self._approved = True
                self._changed.notify_all()
                return True, "Approved."
        return self._begin("one")

    def pause(self) -> tuple[bool, str]:
        """Finish the pick under way, then wait."""
        self._paused = True
        return True, "Pauses after the pick under way; call resume to go on."

    def stop(self) -> tuple[bool, str]:
        """Stop the arm where it is; the grip is held. On hardware only `resume` allows motion again."""
        with self._changed:
            if not self.settings.auto_resume and self.settings.mode != "dry_run":
                self._halted = self._halted or "Stopped by the service."
            self._task, self._paused, self._approved, self._resume_wanted = "", False, False, False
            self._stopping.set()
            self._changed.notify_all()
        self.arm.cancel()
        return True, "Stopped; the grip is held."

    def resume(self) -> tuple[bool, str]:
        """Go on after a pause; after a stop, a lost link or a start it makes the arm ready (the jaws may move)."""
        with self._changed:
            self._paused = False
            self._resume_wanted = True
            self._stopping.clear()
            self._changed.notify_all()
        return True, "Resuming; see the state."

    def _begin(self, task: str) -> tuple[bool, str]:
        with self._changed:
            if self._task:
                return False, f"The planner is {self.state} already; call stop first."
            refusal = self._cannot_move()
            if refusal and not self.settings.auto_resume:
                return False, refusal
            self._task, self.picks, self.failures = task, 0, 0
            self._stopping.clear()
            self.memory.forget()
            self._changed.notify_all()
        return True, "Started."

    # --- the thread -----------------------------------------------------------------------------------------
    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self._step()
            except GpnetError as error:  # nothing a device or a frame does may end this thread
                self._end(PickStatus.REFUSED.value, str(error))

    def _step(self) -> None:
        if not self._connect():
            self._closing.wait(10 * RETRY)
            return
        if self._resume_wanted:
            self._make_ready()
        blocked = self._cannot_move()
        if blocked and self.settings.auto_resume and not self._stopping.is_set():
            self._say("resuming" if self._task else "idle")
            self._make_ready()
        elif self._task and not self._paused and not blocked:
            self._turn()
            return
        else:
            self._say("needs_resume" if blocked else "paused" if self._paused and self._task else "idle")
        with self._changed:
            self._changed.wait(RETRY)

    def _connect(self) -> bool:
        """Whether the arm reports; only watching, it works without an arm too."""
        try:
            self.arm.state()
        except DeviceError:
            self._say("connecting")
            try:
                self.arm.connect()
            except DeviceError as error:
                self.report.refused(str(error))
                return self.settings.mode == "dry_run"
        return True

    def _cannot_move(self) -> str:
        """Why nothing may move; empty when it may, or when this mode does not move anyway."""
        if self.settings.mode == "dry_run":
            return ""
        if self._halted:
            return f"{self._halted} Nothing moves until a person calls resume."
        try:
            state = self.arm.state()
        except DeviceError as error:
            return str(error)
        if state.status not in ("ready", "moving"):
            return state.message or f"The arm is {state.status}: call resume."
        if self.settings.mode in GRIPPING and not self.gripper.is_active:
            return "The gripper is not activated: call resume; its fingers will move."
        return ""

    def _make_ready(self) -> None:
        """A person's confirmation, or the simulation's own: arm and gripper obey again."""
        self._resume_wanted = False
        if self.settings.mode == "dry_run":
            return
        self._say("resuming")
        try:
            if self.arm.state().status not in ("ready", "moving"):
                self.arm.resume()
            if self.settings.mode in GRIPPING and not self.gripper.is_active:
                self.gripper.activate()
            if self._halted:
                self._see_from_now()  # nobody watched the arm meanwhile
            self._halted = ""
        except GpnetError as error:
            self.report.refused(str(error))
            self._closing.wait(RETRY)

    def _turn(self) -> None:
        """One pick from frame to result."""
        if self.settings.mode != "dry_run" and not self._go_home():
            return
        began = time.monotonic()
        self._say("looking")
        sight = self._look()
        if sight is None:
            return
        times = {"look": time.monotonic() - began}
        began = time.monotonic()
        self._say("deciding")
        decision = self._decide(sight)
        times["decide"] = time.monotonic() - began
        self.report.decided(decision, sight)
        if decision.status != "grasp":
            self._no_grasp(decision, sight, times)
        elif self.settings.mode == "dry_run":
            self._finish("dry_run", "Nothing moves in mode dry_run.", sight, decision, times, None)
        elif self.settings.mode != "step" or self._approval():
            self._execute(decision, sight, times)

    def _look(self) -> Sight | None:
        """A frame on which may be decided; None when the task was ended instead."""
        end, reason = time.monotonic() + self.settings.look_timeout, ""
        while not self._stopping.is_set():
            try:
                sight = self.eyes.newest(0.25)
                if sight is not None:
                    sight.frame.check(self.settings.valid_share_min)
                    self._intrinsics = sight.frame.intrinsics
                    why_not = self._stale(sight.frame)
                    if not why_not:
                        return sight
                    reason = why_not
            except BadInput as error:
                reason = str(error)
                self.report.refused(reason)
            if time.monotonic() > end:
                reason = reason or self.eyes.why_none()
                self.report.refused(reason)
                self._finish("no_frame", reason, None, None, {}, None)
                return None
        return None

    def _stale(self, frame: Frame) -> str:
        """Why this frame does not show the heap as it is now; empty when it does."""
        state = self._arm_state()
        if state is None:
            return ""
        if not state.is_still:
            return "The arm moves."
        if self._in_view(state):
            self._see_from_now()
            return "The arm stands between camera and workspace; move it away, or let it go home."
        if frame.stamp <= self._fresh_after:
            late = self._fresh_after - frame.stamp
            return f"The frame was exposed {late:.2f} s before the arm had left the view."
        return ""

    def _decide(self, sight: Sight) -> Decision:
        state = self._arm_state()
        q_start = np.array(self.cell.home) if state is None else state.q
        return decide(
            sight.frame,
            sight.maps,
            self._T_base_camera(state),
            self.cell,
            q_start,
            memory=self.memory,
            select=self.select,
            hover=self.settings.mode == "hover",
            spot=self.placed,
        )

    def _no_grasp(self, decision: Decision, sight: Sight, times: dict[str, float]) -> None:
        if decision.status == "nothing_left":
            self._finish("nothing_left", "The workspace is empty.", sight, decision, times, "nothing_left")
            return
        self.failures += 1
        self._finish("nothing_graspable", "No candidate passed; see the reasons.", sight, decision, times, None)

    def _approval(self) -> bool:
        """Wait for a person's word on the grasp that was published."""
        self._approved = False
        self._say("awaiting_approval")
        with self._changed:
            self._changed.wait_for(
                lambda: self._approved or self._stopping.is_set() or self._paused or bool(self._cannot_move())
            )
            return self._approved and not self._stopping.is_set()

    def _execute(self, decision: Decision, sight: Sight, times: dict[str, float]) -> None:
        assert decision.plan is not None
        self._hang = decision.plan.hang
        result = self._run(decision.plan)
        self.picks += 1
        if result.status is PickStatus.PICKED:
            self.placed += 1
            self.failures = 0
            self.memory.forget()
        elif result.status.is_failed_pick:
            self.failures += 1
            if decision.T_base_tcp is not None:
                self.memory.remember(decision.T_base_tcp)
        elif result.status is not PickStatus.DONE and not self.settings.auto_resume:
            self._halted = result.message or result.status.value
        times = {**times, **result.times}
        if result.status.is_failed_pick:
            began = time.monotonic()
            self._go_home()
            times["retreat home"] = time.monotonic() - began
        self._finish(result.status.value, result.message, sight, decision, times, None, result)

    def _run(self, plan: Plan) -> PickResult:
        self._say("moving")

        def note(_: str) -> None:
            self._note_view()

        try:
            return run_plan(plan, self.arm, self.gripper, self._stopping.is_set, note)
        finally:
            self._note_view()

    def _go_home(self) -> bool:
        """Bring arm and a held object home and into the tote; whether the arm is at home with open hands."""
        state = self.arm.state()
        holding = self._holds()
        if np.abs(state.q - np.array(self.cell.home)).max() > START_TOLERANCE:
            self._say("moving")
            self._was_in_view = True
            result = retreat(self.arm, self.gripper, self.cell, self._stopping.is_set, holding, self._reach(state))
            self._note_view()
            if result.status is not PickStatus.DONE and not (holding and result.status is PickStatus.PICKED):
                self._end(result.status.value, result.message)
                return False
        return self._put_down() if holding else True

    def _put_down(self) -> bool:
        """An object is held although no plan runs, after an interruption: put it into the tote."""
        sight = self._look()
        if sight is None:
            return False
        state = self.arm.state()
        plan = plan_place(state.q, self.cell, self._reach(state), self.placed)
        heights = height_map(sight.frame, self._T_base_camera(state), self.cell)
        result = self._run(check(plan, self.cell, state.q, heights))
        self.placed += 1
        if result.status is not PickStatus.PICKED:
            self._end(result.status.value, result.message)
        return result.status is PickStatus.PICKED

    # --- what the loop knows ----------------------------------------------------------------------------------
    def _arm_state(self) -> ArmState | None:
        try:
            return self.arm.state()
        except DeviceError:
            return None

    def _holds(self) -> bool:
        if self.settings.mode not in GRIPPING:
            return False
        return self.gripper.state().object_detected

    def _reach(self, state: ArmState) -> float:
        """How far a held object may reach below the tips [m]: as planned, and never below the table."""
        above = max(float(state.T_base_tcp[2, 3]) - self.cell.workspace.table_z, 0.0)
        return min(self.cell.limits.held_hang if self._hang is None else self._hang, above)

    def _T_base_camera(self, state: ArmState | None) -> Transform:
        if state is None or self.hand_eye.mount == "fixed":
            return self.hand_eye.T_base_camera()
        return self.hand_eye.T_base_camera(state.T_base_tcp @ invert(self.cell.T_flange_tcp))

    def _in_view(self, state: ArmState) -> bool:
        """Whether the arm covers the workspace now; a camera on the flange sees nothing useful while it moves."""
        if self.hand_eye.mount == "flange":
            return not state.is_still
        if self._intrinsics is None:
            return False
        return blocks_view(state.q, self.cell, self._T_base_camera(state), self._intrinsics)

    def _note_view(self) -> None:
        """Between two steps: frames count only from the first instant at which the view was seen to be free."""
        state = self._arm_state()
        if state is None:
            return
        in_view = self._in_view(state)
        if in_view or self._was_in_view or self.hand_eye.mount == "flange":
            self._fresh_after = self._clock(state)
        self._was_in_view = in_view

    def _see_from_now(self) -> None:
        state = self._arm_state()
        if state is not None:
            self._fresh_after = self._clock(state)

    def _clock(self, state: ArmState) -> float:
        return state.stamp if self.settings.controller_clock else state.received

    # --- what it tells ----------------------------------------------------------------------------------------
    def _finish(
        self,
        status: str,
        message: str,
        sight: Sight | None,
        decision: Decision | None,
        times: dict[str, float],
        finished: str | None,
        result: PickResult | None = None,
    ) -> None:
        """Report a pick, and end the task when it is over."""
        s = self.settings
        if finished is None and self.failures >= s.failures_max:
            finished = "three_failures" if s.failures_max == 3 else "failures"
        if finished is None and self.picks >= s.max_picks:
            finished = "max_picks"
        if finished is None and status == "no_frame":
            finished = "no_frame"
        record: dict[str, Any] = {
            "status": status, "message": message, "mode": s.mode, "pick": self.picks, "failures": self.failures,
            "placed": self.placed, "finished": finished, "time_s": {k: round(v, 3) for k, v in times.items()},
        }  # fmt: skip
        record["stamp"] = None if sight is None else sight.frame.stamp
        record |= {} if decision is None else describe(decision)
        if result is not None:
            record |= {
                "step": result.step,
                "force_peak_n": round(result.force_peak, 2),
                "widths_m": {k: round(v, 4) for k, v in result.widths.items()},
            }
        if finished is not None or self._task == "one":
            self._task = ""
        self.report.result(record)
        self._say("idle" if not self._task else self.state)

    def _end(self, status: str, message: str) -> None:
        """The task cannot go on by itself."""
        if not self.settings.auto_resume and self.settings.mode != "dry_run":
            self._halted = self._halted or message or status
        elif self._task:
            self.failures += 1
        self._finish(status, message, None, None, {}, None)

    def _say(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.report.state(state)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def describe(decision: Decision) -> dict[str, Any]:
    """A decision in plain values; lengths in metres, pixels of the colour image, base frame of the controller."""
    values: dict[str, Any] = {
        "rejected": [{"pixel": list(r.pixel), "reason": r.reason, "detail": r.detail} for r in decision.rejected]
    }
    grasp, T = decision.grasp, decision.T_base_grasp
    if grasp is not None and T is not None and decision.T_base_tcp is not None:
        values |= {
            "pixel": [round(v, 2) for v in grasp.pixel],
            "angle_deg": round(grasp.angle_deg, 2),
            "score": round(grasp.score, 4),
            "quality": round(grasp.quality, 4),
            "priority": round(grasp.priority, 4),
            "width_m": decision.opening,
            "T_base_grasp": np.round(T, 6).tolist(),
            "T_base_tcp": np.round(decision.T_base_tcp, 6).tolist(),
            "insertion_m": round(decision.insertion, 5),
        }
    return values
