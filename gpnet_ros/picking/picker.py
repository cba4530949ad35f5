"""One pick: look, decide, move, judge; the part of the picking loop that runs in its thread only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.cup import CupSelect
from gpnet_ros.cup_pick import decide_cup
from gpnet_ros.errors import HandEyeRefused
from gpnet_ros.fit import Memory
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.height_map import height_map
from gpnet_ros.look_again import look_again
from gpnet_ros.pick import Decision, decide
from gpnet_ros.picking.attention import Attention, Sight
from gpnet_ros.picking.manipulator import Manipulator
from gpnet_ros.picking.record import DecisionBasis, LoopListener, LoopTally, Turn
from gpnet_ros.picking.rest import Outdated, Rest
from gpnet_ros.picking.runner import PickResult, PickStatus
from gpnet_ros.strays import note_standing


class TurnOver(Exception):
    """A turn ended before its decision.

    Attributes:
        turn: what is to be reported; None where there is nothing to say, as after a stop.
    """

    def __init__(self, turn: Turn | None = None) -> None:
        super().__init__("" if turn is None else turn.message)
        self.turn = turn


@dataclass(eq=False)
class Picker:
    """Turns frames into picks, one at a time, for the picking loop.

    Attributes:
        attention: where frames come from.
        manipulator: what moves.
        listener: told of decisions and of frames that were refused.
        mode: one of `mode_gate.MODES`.
        look_timeout: longest wait for a frame [s].
        failures_max: the task ends after so many failures in a row.
        select: how candidates are selected; None for the defaults.
        say: told the loop's state.
        stopped: whether a person wants the arm to stop; asked all the time.
        rest: keeps changes of what plans are judged by apart from moves.
        memory: grasps that failed since the heap last changed.
        tally: what happened since the start.
        clock: by which looking and deciding are timed [s].
    """

    attention: Attention
    manipulator: Manipulator
    listener: LoopListener
    mode: str
    look_timeout: float
    failures_max: int
    select: SelectSettings | None
    say: Callable[[str], None]
    stopped: Callable[[], bool]
    rest: Rest
    memory: Memory = field(default_factory=Memory)
    tally: LoopTally = field(default_factory=LoopTally)
    clock: Callable[[], float] = time.monotonic
    _waiting: bool = False
    _basis: DecisionBasis | None = None
    _version: int = 0  # of what the last frame and its decision were judged by

    @property
    def is_outdated(self) -> bool:
        """Whether what the last decision was judged by has changed since."""
        return self._version != self.rest.version

    def use(self, select: SelectSettings, valid_share_min: float) -> None:
        """Select candidates and refuse frames otherwise from now on; what was decided before is not begun any more."""
        self.select, self.attention.valid_share_min = select, valid_share_min
        self.rest.note_change()

    def use_cell(self, cell: Cell) -> None:
        """Plan and judge by another workspace or other speeds from now on; only between `Rest.hold` and `let_go`."""
        cell, before = cell.carrying(self.attention.hand_eye), self.attention.cell
        if (cell.workspace, cell.fetch_border) != (before.workspace, before.fetch_border):
            self.memory.standing = None  # what lay in the square of before did not stray from that of now
        self.attention.cell = self.manipulator.cell = cell
        self.attention.from_now()  # maps of before are of another square
        self.rest.note_change()

    def propose(self) -> Turn:
        """Tidy up, look and decide: a turn whose decision may have a plan, and nothing has moved for it yet.

        Raises:
            TurnOver: there is nothing to decide on, or no way to a tidy start.
        """
        try:
            return replace(self._proposal(), basis=self._basis)
        except HandEyeRefused as error:
            self.listener.refused(str(error))
            raise TurnOver(Turn("hand_eye", str(error), finished="hand_eye")) from error

    def _proposal(self) -> Turn:
        if self.mode != "dry_run":
            self._tidy()
        times = {"look": 0.0, "decide": 0.0}

        def decided(_: int) -> tuple[Sight, Decision]:
            began = self.clock()
            self._version = self.rest.version  # before all that frame and decision are judged by
            sight = self._look()
            looked = self.clock()
            decision, basis = self._decide(sight)
            self.listener.decided(decision, sight, basis)
            times.update(look=times["look"] + looked - began, decide=times["decide"] + self.clock() - looked)
            return sight, decision

        sight, decision = look_again(decided, lambda seen: seen[1].status)
        if decision.plan is None and self.mode != "dry_run" and not self.manipulator.is_home():
            self._home_again()
        if decision.plan is not None:
            if self.mode == "dry_run":
                return Turn("dry_run", "Nothing moves in mode dry_run.", times, sight, decision)
            return Turn("proposed", "", times, sight, decision)
        if decision.status == "nothing_left":
            return Turn("nothing_left", "The workspace is empty.", times, sight, decision, finished="nothing_left")
        self.tally.failures += 1
        if decision.status == "not_seen":  # another exposure may show more; a person is told in the end
            finished = "not_seen" if self.tally.failures >= self.failures_max else None
            return Turn("not_seen", decision.unseen_sentence, times, sight, decision, finished=finished)
        message = f"No candidate passed; each has its reason. {decision.unseen_sentence}".rstrip()
        return Turn("nothing_graspable", message, times, sight, decision)

    def execute(self, turn: Turn) -> Turn:
        """Carry out the plan of a proposal, judge it, and come home from a failed pick.

        Raises:
            TurnOver: what the plan was judged by has changed since; nothing has moved.
        """
        try:
            with self.rest.moving(self._version):
                return self._carried_out(turn)
        except Outdated as over:
            if not self.stopped():
                self.listener.refused("A parameter has changed since the decision; looks again.")
            raise TurnOver from over

    def _carried_out(self, turn: Turn) -> Turn:
        decision = turn.decision
        assert decision is not None and decision.plan is not None
        self.say("moving")
        result, halt = self.manipulator.run(decision.plan, self._watch), ""
        times = turn.times | result.times
        self.tally.picks += 1
        if result.status is PickStatus.PICKED:
            self.tally.placed, self.tally.failures = self.tally.placed + 1, 0
            self.memory.forget()
        elif result.status.is_failed_pick:
            self.tally.failures += 1
            if decision.T_base_tcp is not None:
                self.memory.remember(decision.T_base_tcp)
            way = self.manipulator.go_home(self._watch)
            times |= {f"back {name}": seconds for name, seconds in way.times.items()}
            if way.status is not PickStatus.DONE:
                result, halt = replace(result, message=f"{result.message} {way.message}"), way.message
        elif result.status is not PickStatus.DONE:
            halt = result.message or result.status.value
        return Turn(
            result.status.value, result.message, times, turn.sight, decision, result, halt=halt, basis=turn.basis
        )

    def give_up(self, status: str, message: str, times: dict[str, float] | None = None) -> Turn:
        """A turn after which the task cannot go on by itself; times are those of the steps that were begun [s]."""
        self.tally.failures += 1
        return Turn(status, message, times or {}, halt=message)

    def _gave_up(self, way: PickResult, where: str) -> TurnOver:
        """A way before the look that did not end well: where it was, and for how long the arm had been on it."""
        message = f"{where}, at {way.step!r}: {way.message}" if way.times else way.message
        return TurnOver(self.give_up(way.status.value, message, way.times))

    def _watch(self) -> bool:
        """Whether to stop, asked all the time while the arm moves; tells meanwhile when it waits for a person."""
        reason = self.manipulator.waits()
        if bool(reason) != self._waiting:
            self._waiting = bool(reason)
            self.say("waiting" if reason else "moving")
            if reason:
                self.listener.refused(reason)
        return self.stopped()

    def _tidy(self) -> None:
        """After an interruption: arm home, there a gripper without activation opened, a held object into the tote.

        Where a pick has ended well, out of the view of a fixed camera, the arm may stay.
        """
        if self._may_stay():
            return
        if not self.manipulator.is_home():
            self.say("looking")
            self.attention.look_ahead(self.stopped)
        try:
            if not self.manipulator.is_home() or self.manipulator.jaws_wait:
                with self.rest.moving():
                    self._come_home()
            if self.manipulator.holds():
                version = self.rest.version
                sight = self._look()
                with self.rest.moving(version):
                    self._put_down(sight)
        except Outdated as over:  # a stop came, or the frame was judged by what has changed since
            raise TurnOver from over

    def _may_stay(self) -> bool:
        if self.attention.hand_eye.mount != "fixed" or not self.manipulator.is_where_picks_end():
            return False
        return not (self.manipulator.jaws_wait or self.manipulator.holds() or self.attention.is_in_view())

    def _home_again(self) -> None:
        """Where nothing is picked now, the arm waits at home."""
        try:
            with self.rest.moving():
                self._come_home()
        except Outdated as over:
            raise TurnOver from over

    def _come_home(self) -> None:
        if not self.manipulator.is_home():
            self.say("moving")
            result = self.manipulator.go_home(self._watch)
            if result.status is not PickStatus.DONE:
                raise self._gave_up(result, "On the way home")
        if self.manipulator.jaws_wait:
            self.manipulator.open_over_tote()

    def _put_down(self, sight: Sight) -> None:
        self.say("moving")
        heights = height_map(sight.frame, self.attention.T_base_camera(), self.attention.cell)
        result = self.manipulator.put_down(heights, self.tally.placed, self._watch)
        if result.status is PickStatus.SLIPPED:
            raise TurnOver
        if result.status is not PickStatus.PICKED:
            raise self._gave_up(result, "While what was held went into the tote")
        self.tally.placed += 1

    def _look(self) -> Sight:
        self.say("looking")
        sight = self.attention.look(self.look_timeout, self.stopped, self.listener.refused)
        if sight is not None:
            return sight
        if self.stopped():
            raise TurnOver
        self.listener.refused(self.attention.reason)
        raise TurnOver(Turn("no_frame", self.attention.reason, finished="no_frame"))

    def _decide(self, sight: Sight) -> tuple[Decision, DecisionBasis]:
        self.say("deciding")
        cell, state = self.attention.cell, self.attention.arm_state()
        q_start = np.array(cell.home) if state is None else state.q
        select = self.select or SelectSettings()
        note_standing(self.memory, sight.frame, self.attention.T_base_camera(), cell)
        basis = self._basis = DecisionBasis(
            q_start,
            self.attention.T_base_camera(),
            tuple(self.memory.failed),
            self.tally.placed,
            self.mode == "hover",
            select,
            cell,
            CupSelect(quality_min=select.quality_min),
            self.memory.standing,
        )
        return self._decided(sight, basis), basis

    def _decided(self, sight: Sight, basis: DecisionBasis) -> Decision:
        assert basis.cell is not None
        of = (basis.T_base_camera, basis.cell, basis.q_start)
        if basis.cell.tool == "suction":
            if sight.detections is None:
                raise _lacks("detections", "suction cup")
            return decide_cup(
                sight.frame, sight.detections, *of,
                memory=self.memory, select=basis.select_cup, hover=basis.hover, spot=basis.spot,
            )  # fmt: skip
        if sight.maps is None:
            raise _lacks("maps", "jaw")
        return decide(
            sight.frame, sight.maps, *of,
            memory=self.memory, select=basis.select, hover=basis.hover, spot=basis.spot, detections=sight.detections,
        )  # fmt: skip


def _lacks(what: str, tool: str) -> TurnOver:
    message = f"The frame came without {what}, on which a {tool} is decided: is the node's model of that kind?"
    return TurnOver(Turn("no_frame", message, finished="no_frame"))
