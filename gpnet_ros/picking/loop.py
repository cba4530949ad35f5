"""The picking loop: look, decide, move, judge, again; ROS-free, so that it runs with fakes too.

A thread does the work; the methods that a person reaches (start, stop, pause, resume, pick) return at once.
Nothing moves unless the mode allows it, the arm is ready, and the plan has passed the safety check.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.errors import DeviceError, GpnetError
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Attention, Eyes
from gpnet_ros.picking.consent import Consent
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.manipulator import Manipulator
from gpnet_ros.picking.mode_gate import GRIPPING
from gpnet_ros.picking.picker import Picker, TurnOver
from gpnet_ros.picking.record import LoopListener, PickRecord, Turn
from gpnet_ros.picking.rest import Outdated, Rest
from gpnet_ros.picking.runner import PickStatus

log = logging.getLogger(__name__)
#: How often an idle loop looks at the arm [s], and how long it waits after a failed connection.
_TICK, _RETRY = 0.1, 1.0


class PickingLoop:
    """The planner's work, in one thread.

    Attributes:
        state: connecting, idle, needs_resume, resuming, paused, looking, deciding, awaiting_approval, moving,
            or waiting: a move that stands because the speed slider is at zero.
        picker: does one pick after the other; holds the counts.
    """

    def __init__(
        self,
        arm: Arm,
        gripper: Gripper,
        cell: Cell,
        hand_eye: HandEye,
        eyes: Eyes,
        listener: LoopListener,
        settings: LoopSettings,
        select: SelectSettings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is connected and nothing runs before `open`; now is the clock [s] of the frames' stamps."""
        s = self.settings = settings
        self.arm, self.listener, cell = arm, listener, cell.carrying(hand_eye)
        self.attention = Attention(eyes, arm, cell, hand_eye, s.controller_clock, s.valid_share_min, now)
        self.manipulator = Manipulator(arm, gripper, cell, s.mode in GRIPPING, self.attention.note_view)
        self._stopping, self._closing = threading.Event(), threading.Event()
        stopped, limits = self._stopping.is_set, (s.look_timeout, s.failures_max)
        self.rest = Rest(stopped, self.attention.is_arm_still)
        self.picker = Picker(
            self.attention, self.manipulator, listener, s.mode, *limits, select, self._say, stopped, self.rest
        )
        self.state = ""
        self._task = ""  # "", "loop" or "one"
        self._paused = self._resume_wanted = self._opens = False
        self._halted = ""  # why nothing moves until a person resumes
        self._next_connect = -np.inf
        self._changed = threading.Condition()
        self._consent = Consent(self._changed, self.picker, self._may_not_move)
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
        if self.state in ("connecting", "resuming"):  # a controller that is gone would be waited for
            self.arm.disconnect()
        self._thread.join(timeout=20.0)
        self._thread = None
        self.manipulator.close()

    @property
    def has_died(self) -> bool:
        """Whether the thread has ended though nobody closed the loop."""
        return self._thread is not None and not self._thread.is_alive()

    @property
    def refusal(self) -> str:
        """Why nothing may move; empty when it may, or when this mode does not move anyway."""
        return self._refusal()

    def start(self) -> tuple[bool, str]:
        """Pick until nothing is left."""
        return self._begin("loop")

    def pick(self) -> tuple[bool, str]:
        """One pick; in mode `step` the second call approves what was proposed, see `Consent.give`."""
        with self._changed:
            answer = self._consent.give() if self._task else None
        return answer or self._begin("one")

    def approve(self, decision: Decision | None) -> tuple[bool, str]:
        """In mode `step` a word for this very decision, by a caller who can name what was shown."""
        return self._consent.give_for(decision)

    def pause(self) -> tuple[bool, str]:
        """Finish the pick under way, then wait."""
        with self._changed:
            self._paused = True
            self._changed.notify_all()
        return True, "Pauses after the pick under way; call resume to go on."

    def end_pause(self) -> None:
        """End a pause and nothing else: no word for a stop, which `resume` would be."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def stop(self) -> tuple[bool, str]:
        """Stop the arm where it is; the grip is held. On hardware only `resume` allows motion again."""
        with self._changed:
            if not self.settings.auto_resume and self.settings.mode != "dry_run":
                self._halted = self._halted or "Stopped by a person."
            self._task, self._paused, self._resume_wanted, self._opens = "", False, False, False
            self._consent.take_back()
            self._stopping.set()
            self._changed.notify_all()
        self.arm.cancel()
        return True, "Stopped; the grip is held."

    def resume(self) -> tuple[bool, str]:
        """End a pause; after a stop or a launch only make ready: the arm stays, and see `Manipulator.make_ready`."""
        with self._changed:
            if self.settings.mode != "dry_run" and self.attention.arm_state() is None:
                return False, "The arm is not connected yet: call resume when the state is needs_resume."
            # A word for what has happened, never one in advance for the next stop.
            refusal = self._refusal()
            self._opens = not self._task and self.manipulator.may_open_here
            self._paused, self._resume_wanted = False, bool(refusal) or self._opens
            self._changed.notify_all()
            if self._resume_wanted:
                what = "The jaws open where the arm stands" if self._opens else "Resuming"
                return True, f"{what}; the state tells when it is done."
        return True, "Nothing had stopped the arm; a pause has ended."

    def _begin(self, task: str) -> tuple[bool, str]:
        with self._changed:
            if self._task:
                return False, f"The planner is {self.state} already; call stop first."
            refusal = self._refusal()
            if refusal and not self.settings.auto_resume:
                return False, refusal
            self._task, self.picker.tally.picks, self.picker.tally.failures = task, 0, 0
            self._stopping.clear()
            self._consent.begin()
            self.picker.memory.begin()
            self.attention.from_now()  # never a frame that has waited since nobody knows when
            self._changed.notify_all()
        return True, "Started."

    # --- the thread -----------------------------------------------------------------------------------------
    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self._step()
            except GpnetError as error:  # nothing that a device or a frame does may end this thread
                self._finish(self.picker.give_up(PickStatus.REFUSED.value, str(error)))
            except Exception as error:  # a defect of ours must be seen, and leave the arm standing
                log.exception("defect in the picking loop")
                self._task = ""
                self._finish(self.picker.give_up("defect", f"{type(error).__name__}: {error}"))

    def _step(self) -> None:
        """One look at what is wanted and what is possible."""
        if not self._connect():
            self._closing.wait(_TICK)
            return
        if self._resume_wanted:
            self._make_ready()
        refusal = self._refusal()
        if refusal and not self.settings.auto_resume:
            self._task = ""  # reset is one act, restart another: only start or pick begins again
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
                self.listener.refused(str(error))
                self._next_connect = time.monotonic() + (_RETRY if self.settings.mode != "dry_run" else 10 * _RETRY)
        return self.settings.mode == "dry_run"

    def _refusal(self) -> str:
        """Why nothing may move; empty when it may, or when this mode does not move anyway."""
        if self.settings.mode == "dry_run":
            return ""
        return f"{self._halted} Nothing moves until resume." if self._halted else self.manipulator.refusal()

    def _may_not_move(self) -> bool:
        return self._stopping.is_set() or bool(self._refusal())

    def _make_ready(self) -> None:
        """A person's confirmation, or the simulation's own; neither outlives a stop that came after it."""
        with self._changed:
            by_itself = self.settings.auto_resume and not self._stopping.is_set()
            if not self._resume_wanted and not by_itself:
                return
            if not self.settings.auto_resume:
                self._task = ""  # reset is one act, restart another, and a stop between two picks counts too
            opens, self._opens, self._resume_wanted = self._opens, False, False
            self._stopping.clear()
        if self.settings.mode == "dry_run":
            return
        self._say("resuming")
        try:
            with self.rest.moving():
                waits = self.manipulator.make_ready(opens)
            if waits:
                self.listener.refused(waits)
            self.attention.from_now()
            with self._changed:
                if not self._stopping.is_set():  # a stop meanwhile is the newer word
                    self._halted = ""
        except DeviceError as error:
            self.listener.refused(str(error))
        except Outdated:  # a stop while it waited for a change of parameters
            return

    def _turn(self) -> None:
        """One pick from frame to result."""
        turn: Turn | None
        try:
            turn = self.picker.propose()
            if turn.status == "proposed":
                turn = self._consent.execute(turn) if self.settings.mode == "step" else self.picker.execute(turn)
        except TurnOver as over:
            turn = over.turn
        if turn is not None:
            self._finish(turn)

    # --- what it tells ----------------------------------------------------------------------------------------
    def _finish(self, turn: Turn) -> None:
        """Report a turn, halt where it says so, and end the task when it is over."""
        s, tally, finished = self.settings, self.picker.tally, turn.finished
        if turn.halt and not s.auto_resume and s.mode != "dry_run":  # on hardware a person has to look first
            self._halted = self._halted or turn.halt
            finished = finished or "stopped"  # a resume makes ready; going on takes another word
        if finished is None and tally.failures >= s.failures_max:
            finished = "failures"
        if finished is None and tally.picks >= s.max_picks:
            finished = "max_picks"
        with self._changed:
            if finished is not None or self._task == "one":
                self._task = ""
        self.listener.result(PickRecord(turn, s.mode, tally.picks, tally.failures, tally.placed, finished))

    def _say(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.listener.state(state)
