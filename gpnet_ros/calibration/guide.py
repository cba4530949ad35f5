"""Leads a person through the views of a calibration: takes them on a word, proposes poses, drives to them on a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from gpnet_ros import safety
from gpnet_ros.calibration.capture import Capture
from gpnet_ros.calibration.view_folder import SeenBoard
from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.interrupted import interrupted
from gpnet_ros.errors import BadInput, DeviceError, HandEyeUnsolved, Unreachable, UnsafePlan
from gpnet_ros.frame import Intrinsics
from gpnet_ros.hand_eye_fit import VIEWS_ADVISED, VIEWS_MIN, fit_hand_eye
from gpnet_ros.hand_eye_poses import RoughRig, board_poses_of, next_way, rough_rig, slow_way
from gpnet_ros.hand_eye_solver import BoardView
from gpnet_ros.kinematics import Joints
from gpnet_ros.plan import Move, Plan
from gpnet_ros.pose import distance

WORDS = "Enter takes a view, d drives to the next pose, s drives to another one, x drops the last view, q leaves"


@dataclass(eq=False)
class Guide:
    """One person at the terminal.

    Attributes:
        capture: takes views.
        cell: by which ways are judged.
        guess: roughly where the camera is, or None.
        say: tells a person a line.
        ask: asks for a word; raises EOFError or KeyboardInterrupt where nobody is there any more.
        drives: whether the arm may be driven at all.
    """

    capture: Capture
    cell: Cell
    guess: HandEye | None
    say: Callable[[str], None]
    ask: Callable[[str], str]
    drives: bool = False
    views: list[BoardView] = field(default_factory=list)
    camera: Intrinsics | None = None
    _stood: list[Joints] = field(default_factory=list)  # from where it drove on, the last one last

    def go_on(self, seen: SeenBoard | None) -> None:
        """Begin with the views that there are."""
        if seen is not None:
            self.views, self.camera = list(seen.views), seen.camera
            self.say(f"{len(self.views)} views are there already: {', '.join(v.name for v in self.views)}")

    def run(self, wanted: int = VIEWS_ADVISED) -> int:
        """Take views until a person leaves; the number of views with the board in them."""
        self.say(WORDS if self.drives else WORDS.replace("d drives to the next pose, s drives to another one, ", ""))
        while True:
            prompt = f"{len(self.views)} of {wanted} views> "
            try:
                word = self.ask(prompt).strip().lower()
            except (EOFError, KeyboardInterrupt):
                word = "q"
            if word == "q":
                return len(self.views)
            try:
                self._do(word)
            except (BadInput, DeviceError, Unreachable, UnsafePlan) as error:
                self.say(str(error))
            if len(self.views) >= wanted and not word:
                self.say("enough: q leaves, then gpnet hand-eye solve; more views make it better")

    def _do(self, word: str) -> None:
        if word == "":
            self._take()
        elif word == "x":
            self._drop()
        elif word in ("d", "s") and self.drives:
            self._drive(skip=word == "s")
        else:
            self.say(f"{word!r} is no word here: {WORDS}")

    def _take(self) -> None:
        picture, view = self.capture.take()
        if self.camera is not None and picture.camera != self.camera:
            self.capture.folder.drop(view.name)
            raise BadInput("The camera's model has changed since the first view: use one size of picture for all.")
        self.camera = picture.camera
        self.views.append(view)
        self.say(f"view {view.name}: {len(view.points)} corners; {self._told()}")

    def _told(self) -> str:
        """How far the set has come."""
        assert self.camera is not None
        if len(self.views) >= VIEWS_MIN:
            session = self.capture.session
            with suppress(HandEyeUnsolved):
                fit = fit_hand_eye(self.views, self.camera, session.where, session.board)
                bad = f", view {', '.join(v.told for v in fit.bad)} does not agree" if fit.bad else ""
                return f"residual {fit.away * 1000:.1f} mm, spread {fit.spread * 1000:.1f} mm{bad}"
        turned = _turned([view.T_base_flange for view in self.views])
        return f"turned by up to {np.rad2deg(turned):.0f} degrees; tilt it otherwise for the next"

    def _drop(self) -> None:
        if not self.views:
            raise BadInput("There is no view to drop.")
        self.capture.folder.drop(self.views[-1].name)
        self.say(f"dropped view {self.views.pop().name}")

    def _drive(self, skip: bool) -> None:
        """Drive to the next pose, after a person has said that the way is free."""
        if self.camera is None or not self.views:
            raise BadInput("Take a first view by hand: what is driven to is worked out from it.")
        session, arm = self.capture.session, self.capture.arm
        rig = rough_rig(self.views, self.camera, session.where, session.board, self.guess)
        taken = board_poses_of(self.views, self.camera)
        state = arm.state()
        stood = [*self._stood, state.q]  # once it has arrived
        try:
            plan = next_way(rig, taken, state.q, self.cell, int(skip))
            self.say(f"next pose: {_way_told(plan, state.q)}")
        except Unreachable as error:
            plan, stood = self._way_back(rig, state.q, error)
            self.say(f"no further pose from here, back to where the arm stood before: {_way_told(plan, state.q)}")
        if self.ask("the way is free, and a hand is at the emergency stop? yes drives> ").strip().lower() != "yes":
            self.say("not driven")
            return
        if arm.state().status != "ready":
            arm.resume()
        safety.check(plan, rig.carried(self.cell), arm.state().q)  # somebody may have moved it since
        with interrupted() as stop:
            for step in plan.steps:
                assert isinstance(step, Move)
                result = arm.move(step, stop)
                if result.status is not MoveStatus.ARRIVED:
                    raise DeviceError(f"The arm did not arrive ({result.status.value}): {result.message}")
        self._stood = stood
        self.say("arrived")

    def _way_back(self, rig: RoughRig, q: Joints, dead_end: Unreachable) -> tuple[Plan, list[Joints]]:
        """The way to the last place from which it drove on and to which there is a safe way, and those before it.

        Raises:
            Unreachable: there is none.
        """
        with_plate = rig.carried(self.cell)
        for number in reversed(range(len(self._stood))):
            plan = slow_way(q, self._stood[number], with_plate)
            if plan is not None:
                return plan, self._stood[:number]
        raise dead_end


def _way_told(plan: Plan, q: Joints) -> str:
    """The way in words, with its time."""
    words, seconds = [], 0.0
    for step in plan.steps:
        assert isinstance(step, Move) and step.q is not None
        turn = np.rad2deg(step.q - q)
        seconds += float(np.abs(step.q - q).max()) / step.speed
        words.append(", ".join(f"joint {i + 1} by {t:.0f}" for i, t in enumerate(turn) if abs(t) >= 1.0))
        q = step.q
    return f"{'; then '.join(words)} degrees, some {seconds:.0f} s, judged by the safety check"


def _turned(poses: Sequence[np.ndarray]) -> float:
    """Greatest turn [rad] of poses (4, 4) from the first of them."""
    return max(distance(poses[0], T)[1] for T in poses)
