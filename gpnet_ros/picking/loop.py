"""The picking loop: look, decide, move, judge, again; ROS-free, so that it runs with fakes too.

A thread does the work; the methods that a person reaches (start, stop, pause, resume, pick) return at once.
Nothing moves unless the mode allows it, the arm is ready, and the plan has passed the safety check.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.errors import DeviceError, GpnetError
from gpnet_ros.fit import Memory
from gpnet_ros.frame import VALID_SHARE_MIN
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.height_map import height_map
from gpnet_ros.pick import Decision, decide
from gpnet_ros.picking.attention import Attention, Eyes, Sight
from gpnet_ros.picking.manipulator import Manipulator
from gpnet_ros.picking.mode_gate import GRIPPING
from gpnet_ros.picking.record import describe_decision, describe_result
from gpnet_ros.picking.runner import PickResult, PickStatus

log = logging.getLogger(__name__)
#: How often an idle loop looks at the arm [s], and how long it waits after a failed connection.
_TICK, _RETRY = 0.1, 1.0
#: A proposal that nobody approved for so long [s] shows a heap that may have changed.
APPROVAL_MAX = 60.0


class LoopListener(Protocol):
    """Who is told what the loop does."""

    def state(self, state: str) -> None:
        """The loop's state has changed."""

    def refused(self, reason: str) -> None:
        """A frame was not used, or a wish not granted."""

    def decided(self, decision: Decision, sight: Sight) -> None:
        """A frame was decided on."""

    def result(self, record: dict[str, Any]) -> None:
        """A pick, or the loop, has ended."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop runs; bounds are checked where the values are read.

    Attributes:
        mode: one of `mode_gate.MODES`.
        auto_resume: go on after a stop without a person; in simulation only.
        controller_clock: frames carry the controller's own (simulated) time.
        max_picks, failures_max: the loop ends after so many picks, or failures in a row.
        look_timeout: longest wait for a frame [s].
        valid_share_min: frames with fewer valid depth pixels are refused.
    """

    mode: str = "dry_run"
    auto_resume: bool = False
    controller_clock: bool = False
    max_picks: int = 30
    failures_max: int = 3
    look_timeout: float = 30.0
    valid_share_min: float = VALID_SHARE_MIN


class PickingLoop:
    """The planner's work, in one thread.

    Attributes:
        state: connecting, idle, needs_resume, resuming, paused, looking, deciding, awaiting_approval or moving.
        picks, failures, placed: picks of this task, failures in a row, objects put into the tote since the start.
    """

    def __init__(
        self,
        arm: Arm,
        gripper: Gripper,
        cell: Cell,
        hand_eye: HandEye,
        eyes: Eyes,
        report: LoopListener,
        settings: LoopSettings,
        select: SelectSettings | None = None,
    ) -> None:
        """Nothing is connected and nothing runs before `open`."""
        s = self.settings = settings
        self.arm, self.cell, self.report, self.select = arm, cell, report, select
        self.attention = Attention(eyes, arm, cell, hand_eye, s.controller_clock, s.valid_share_min)
        self.manipulator = Manipulator(arm, gripper, cell, s.mode in GRIPPING, self.attention.note_view)
        self.memory = Memory()
        self.state = ""
        self.picks = self.failures = self.placed = 0
        self._task = ""  # "", "loop" or "one"
        self._paused = self._approved = self._resume_wanted = False
        self._halted = ""  # why nothing moves until a person resumes
        self._next_connect = -np.inf
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
        """Stop and let go of everything; the grip stays as it is. Harmless when not open."""
        if self._thread is None:
            return
        self._closing.set()
        self.stop()
        self._thread.join(timeout=20.0)
        self._thread = None
        self.manipulator.close()

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
        with self._changed:
            self._paused = True
            self._changed.notify_all()
        return True, "Pauses after the pick under way; call resume to go on."

    def stop(self) -> tuple[bool, str]:
        """Stop the arm where it is; the grip is held. On hardware only `resume` allows motion again."""
        with self._changed:
            if not self.settings.auto_resume and self.settings.mode != "dry_run":
                self._halted = self._halted or "Stopped by a person."
            self._task, self._paused, self._approved, self._resume_wanted = "", False, False, False
            self._stopping.set()
            self._changed.notify_all()
        self.arm.cancel()
        return True, "Stopped; the grip is held."

    def resume(self) -> tuple[bool, str]:
        """Go on after a pause; after a stop, a lost link or a start make the arm ready, and the jaws may move."""
        with self._changed:
            if self.settings.mode != "dry_run" and self.attention.arm_state() is None:
                return False, "The arm is not connected yet: call resume when the state is needs_resume."
            # A word for what has happened, never one in advance for the next stop.
            self._paused, self._resume_wanted = False, bool(self._refusal())
            self._changed.notify_all()
            if self._resume_wanted:
                return True, "Resuming; the state tells when it is done."
        return True, "Nothing had stopped the arm; a pause has ended."

    def _begin(self, task: str) -> tuple[bool, str]:
        with self._changed:
            if self._task:
                return False, f"The planner is {self.state} already; call stop first."
            refusal = self._refusal()
            if refusal and not self.settings.auto_resume:
                return False, refusal
            self._task, self.picks, self.failures = task, 0, 0
            self._stopping.clear()
            self.memory.forget()
            self.attention.from_now()  # never a frame that has waited since nobody knows when
            self._changed.notify_all()
        return True, "Started."

    # --- the thread -----------------------------------------------------------------------------------------
    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self._step()
            except GpnetError as error:  # nothing that a device or a frame does may end this thread
                self._give_up(PickStatus.REFUSED.value, str(error))
            except Exception as error:  # a defect of ours must be seen, and leave the arm standing
                log.exception("defect in the picking loop")
                self._task = ""
                self._give_up("defect", f"{type(error).__name__}: {error}")

    def _step(self) -> None:
        """One look at what is wanted and what is possible."""
        if not self._connect():
            self._closing.wait(_TICK)
            return
        if self._resume_wanted:
            self._make_ready()
        refusal = self._refusal()
        if self._task and not self._paused and not refusal:
            self._turn()
            return
        if refusal and self.settings.auto_resume and not self._stopping.is_set():
            self._make_ready()
        else:
            self._say("needs_resume" if refusal else "paused" if self._paused and self._task else "idle")
        with self._changed:
            self._changed.wait(_TICK)

    def _connect(self) -> bool:
        """Whether the arm reports. Only a dry run works without one."""
        if self.attention.arm_state() is not None:
            return True
        if time.monotonic() >= self._next_connect:
            self._say("connecting")
            try:
                self.arm.connect()
                return True
            except DeviceError as error:
                self.report.refused(str(error))
                self._next_connect = time.monotonic() + (_RETRY if self.settings.mode != "dry_run" else 10 * _RETRY)
        return self.settings.mode == "dry_run"

    def _refusal(self) -> str:
        """Why nothing may move; empty when it may, or when this mode does not move anyway."""
        if self.settings.mode == "dry_run":
            return ""
        return f"{self._halted} Nothing moves until resume." if self._halted else self.manipulator.refusal()

    def _make_ready(self) -> None:
        """A person's confirmation, or the simulation's own; neither outlives a stop that came after it."""
        with self._changed:
            by_itself = self.settings.auto_resume and not self._stopping.is_set()
            if not self._resume_wanted and not by_itself:
                return
            self._resume_wanted = False
            self._stopping.clear()
        if self.settings.mode == "dry_run":
            return
        self._say("resuming")
        try:
            self.manipulator.make_ready()
            self.attention.from_now()
            with self._changed:
                if not self._stopping.is_set():  # a stop meanwhile is the newer word
                    self._halted = ""
        except DeviceError as error:
            self.report.refused(str(error))

    def _turn(self) -> None:
        """One pick from frame to result."""
        moves = self.settings.mode != "dry_run"
        if moves and not self._tidy():
            return
        began = time.monotonic()
        sight = self._look()
        if sight is None:
            return
        times = {"look": time.monotonic() - began}
        decision = self._decide(sight)
        times["decide"] = time.monotonic() - began - times["look"]
        self.report.decided(decision, sight)
        if decision.plan is None:
            self._no_grasp(decision, sight, times)
        elif not moves:
            self._finish("dry_run", "Nothing moves in mode dry_run.", times, sight, decision)
        elif self.settings.mode != "step" or self._approval():
            self._execute(decision, sight, times)

    def _tidy(self) -> bool:
        """After an interruption: arm home, and a held object into the tote. Whether picking may go on."""
        if not self.manipulator.is_home():
            self._say("moving")
            result = self.manipulator.go_home(self._stopping.is_set)
            if result.status is not PickStatus.DONE:
                self._give_up(result.status.value, result.message)
                return False
        if not self.manipulator.holds():
            return True
        sight = self._look()
        if sight is None:
            return False
        self._say("moving")
        heights = height_map(sight.frame, self.attention.T_base_camera(), self.cell)
        result = self.manipulator.put_down(heights, self.placed, self._stopping.is_set)
        self.placed += 1
        if result.status not in (PickStatus.PICKED, PickStatus.SLIPPED):
            self._give_up(result.status.value, result.message)
        return result.status is PickStatus.PICKED

    def _look(self) -> Sight | None:
        self._say("looking")
        sight = self.attention.look(self.settings.look_timeout, self._stopping.is_set, self.report.refused)
        if sight is None and not self._stopping.is_set():
            self.report.refused(self.attention.reason)
            self._finish("no_frame", self.attention.reason, {}, finished="no_frame")
        return sight

    def _decide(self, sight: Sight) -> Decision:
        self._say("deciding")
        state = self.attention.arm_state()
        q_start = np.array(self.cell.home) if state is None else state.q
        hover = self.settings.mode == "hover"
        where, memory = self.attention.T_base_camera(), self.memory
        return decide(
            sight.frame, sight.maps, where, self.cell, q_start,
            memory=memory, select=self.select, hover=hover, spot=self.placed,
        )  # fmt: skip

    def _no_grasp(self, decision: Decision, sight: Sight, times: dict[str, float]) -> None:
        if decision.status == "nothing_left":
            self._finish("nothing_left", "The workspace is empty.", times, sight, decision, finished="nothing_left")
            return
        self.failures += 1
        self._finish("nothing_graspable", "No candidate passed; each has its reason.", times, sight, decision)

    def _approval(self) -> bool:
        """Wait for a person's word on the grasp that was published; an old proposal is dropped."""
        self._approved = False
        end = time.monotonic() + APPROVAL_MAX
        self._say("awaiting_approval")
        with self._changed:
            while not (self._approved or self._stopping.is_set() or self._refusal() or time.monotonic() > end):
                self._changed.wait(_TICK)
            if self._approved or self._stopping.is_set() or self._refusal():
                return self._approved and not self._stopping.is_set()
        self.report.refused("The proposal is too old; looks again.")
        return False

    def _execute(self, decision: Decision, sight: Sight, times: dict[str, float]) -> None:
        """Carry the plan out, judge it, and come home from a failed pick."""
        assert decision.plan is not None
        self._say("moving")
        result = self.manipulator.run(decision.plan, self._stopping.is_set)
        times |= result.times
        self.picks += 1
        if result.status is PickStatus.PICKED:
            self.placed, self.failures = self.placed + 1, 0
            self.memory.forget()
        elif result.status.is_failed_pick:
            self.failures += 1
            if decision.T_base_tcp is not None:
                self.memory.remember(decision.T_base_tcp)
            way = self.manipulator.go_home(self._stopping.is_set)
            times |= {f"back {name}": seconds for name, seconds in way.times.items()}
            if way.status is not PickStatus.DONE:
                result = replace(result, message=f"{result.message} {way.message}")
                self._halt(way.message)
        elif result.status is not PickStatus.DONE:
            self._halt(result.message or result.status.value)
        self._finish(result.status.value, result.message, times, sight, decision, result)

    # --- what it tells ----------------------------------------------------------------------------------------
    def _finish(
        self,
        status: str,
        message: str,
        times: dict[str, float],
        sight: Sight | None = None,
        decision: Decision | None = None,
        result: PickResult | None = None,
        finished: str | None = None,
    ) -> None:
        """Report a pick, and end the task when it is over."""
        s = self.settings
        if finished is None and self.failures >= s.failures_max:
            finished = "failures"
        if finished is None and self.picks >= s.max_picks:
            finished = "max_picks"
        record: dict[str, Any] = {
            "status": status, "message": message, "mode": s.mode, "pick": self.picks, "failures": self.failures,
            "placed": self.placed, "finished": finished, "time_s": {k: round(v, 3) for k, v in times.items()},
            "stamp": None if sight is None else sight.frame.stamp,
        }  # fmt: skip
        record |= {} if decision is None else describe_decision(decision)
        record |= {} if result is None else describe_result(result)
        with self._changed:
            if finished is not None or self._task == "one":
                self._task = ""
        self.report.result(record)

    def _give_up(self, status: str, message: str) -> None:
        """The task cannot go on by itself."""
        self._halt(message)
        self.failures += 1
        self._finish(status, message, {})

    def _halt(self, message: str) -> None:
        """On hardware a person has to look first."""
        if not self.settings.auto_resume and self.settings.mode != "dry_run":
            self._halted = self._halted or message

    def _say(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.report.state(state)
