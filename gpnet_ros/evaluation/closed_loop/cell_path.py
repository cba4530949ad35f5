"""`gpnet bench clearing --path cell`: whole rounds with the arm in simulated time, without nodes and sockets.

The planner's own `Picker` picks, with the plans, the safety check and the runner of the robot; the arm follows them in
physics, a Robotiq's fingers close, what is let go falls into the tote. What takes time on a robot takes simulated time:
the way of the arm, the fingers, the camera's next exposure, the network and the decision. So seconds of a stage and
picks an hour are those of a cell at factor 1 on a machine that keeps up, and the same on every machine.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpnet_ros.cell import HandEye, load_hand_eye
from gpnet_ros.evaluation.closed_loop.core import Perception
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.play_rounds import RoundJob, play_rounds
from gpnet_ros.evaluation.closed_loop.players import Policy, played_code
from gpnet_ros.evaluation.closed_loop.ros import row_of
from gpnet_ros.evaluation.closed_loop.ros_round import REST, RosRound
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.evaluation.closed_loop.stepped_arm import SteppedArm, SteppedGripper
from gpnet_ros.evaluation.run_folder.picks import RosPick, judge_pick
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.maps import Maps
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Attention, Sight
from gpnet_ros.picking.manipulator import Manipulator
from gpnet_ros.picking.picker import Picker, TurnOver
from gpnet_ros.picking.record import DecisionBasis, PickRecord, Turn
from gpnet_ros.picking.rest import Rest
from gpnet_ros.sim.cell.report import TruthReport
from gpnet_ros.sim.cell.stepped import SteppedCell
from gpnet_ros.sim.clearing.look import Look
from gpnet_ros.sim.clearing.rounds import EXTRA_PICKS, FAILURES_MAX
from gpnet_ros.sim.heap.heap import Heap

_log = logging.getLogger(__name__)
#: From one exposure to the next that the network takes [s]: it is done before a camera of 30 Hz shows another.
EXPOSURE_PERIOD = 1 / 15
#: From an exposure to its maps at the planner [s]: half a frame to take and send it, 30 ms of network, two messages.
MAPS_LAG = 0.08
#: From maps to a checked plan [s]: 0.09 s on one core of 2026, and half of that for messages and a busy machine.
DECIDE = 0.14
_LOOK_TIMEOUT = 60.0


def cell_code() -> str:
    """Sum of all that decides a round of this path beside its policy, see `played_code`."""
    return played_code(["gpnet_ros.evaluation.closed_loop.cell_path"], ["cell", "cell_fast", "hand_eye", "sim"])


def clear_in_cell(
    heaps: Sequence[HeapName], policy: Policy, log: Path | None = None, resume: bool = True, workers: int = 0
) -> list[RoundRow]:
    """One round per heap, in their order; `seconds` of a row are simulated.

    Args:
        heaps: what to clear.
        policy: who picks, with a jaw and a model.
        log: file of rows to which each round is appended.
        resume: rounds that the log has are not played again.
        workers: processes; 0 for one per core.

    Raises:
        BadInput: no such model or heap, or a log of another policy or of other code.
    """
    return play_rounds(cell_round, heaps, policy, cell_code(), log, resume, workers)


def cell_round(job: RoundJob) -> RoundRow:
    """Play one round, which `clear_in_cell` gives to a worker."""
    name, policy, by = job
    heap, seed = name.load()
    player = _Player(heap, seed, policy, Perception.of(policy.model, policy.priority, policy.scene_model))
    return row_of(name, by, player.play())


class _Eyes:
    """Exposures of the heap as it lies, with their maps; each takes its time."""

    def __init__(self, cell: SteppedCell, look: Look, perceive: Perception) -> None:
        self._cell, self._look, self._perceive = cell, look, perceive

    def newest(self, timeout: float) -> Sight | None:
        """The next exposure, once its maps are there; timeout [s] is longer than that."""
        self._cell.let_pass(EXPOSURE_PERIOD - self._cell.time % EXPOSURE_PERIOD)
        heap = self._cell.plant.world.heap_now()
        stamp, view = self._cell.time, self._look.view(heap, list(range(len(heap.objects))))
        shown = self._look.frame(view)
        frame = Frame(shown.color, shown.depth, shown.intrinsics, stamp)
        maps: Maps = self._perceive(frame, self._look.T_base_camera)
        self._cell.let_pass(MAPS_LAG)
        return Sight(frame, maps)

    def why_none(self) -> str:
        """There is always one."""
        return "The simulated camera shows nothing."


class _Listener:
    """Lets the time of a decision pass."""

    def __init__(self, cell: SteppedCell) -> None:
        self._cell = cell

    def state(self, state: str) -> None:
        """Nobody watches."""

    def refused(self, reason: str) -> None:
        """Told in the log."""
        _log.info(reason)

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        """A decision has been made, which took its time."""
        self._cell.let_pass(DECIDE)

    def result(self, record: PickRecord) -> None:
        """Rows tell it."""


class _Player:
    """The planner's picker over a stepped cell."""

    def __init__(self, heap: Heap, seed: int, policy: Policy, perceive: Perception) -> None:
        """The arm waits at home; nothing has been looked at."""
        cell, hand_eye = policy.cell, load_hand_eye()
        self.cell = world = SteppedCell(heap, cell)
        look = Look(heap, seed, hand_eye.T_base_camera(), workspace=cell.workspace)
        self._arm, self.seconds = SteppedArm(world), 0.0
        self._picker = self._made(_Eyes(world, look, perceive), policy, hand_eye)
        self._most = len(heap.objects) + EXTRA_PICKS

    def _made(self, eyes: _Eyes, policy: Policy, hand_eye: HandEye) -> Picker:
        world, cell = self.cell, policy.cell
        attention = Attention(eyes, self._arm, cell, hand_eye, True, 0.5)
        between, clock = attention.note_view, lambda: world.time
        manipulator = Manipulator(self._arm, SteppedGripper(world), cell, True, between, clock)
        select = SelectSettings(quality_min=policy.min_quality)
        told = (_Listener(world), "run", _LOOK_TIMEOUT, FAILURES_MAX, select, lambda _: None, lambda: False)
        return Picker(attention, manipulator, *told, Rest(lambda: False, attention.is_arm_still), clock=clock)

    def play(self) -> RosRound:
        """Pick until the round ends, and judge each pick by where its objects lie once all rests."""
        world, turns, ended = self.cell, [], ""
        began, grips = world.time, 0
        self._picker.memory.begin()
        self._picker.attention.from_now()
        while not ended:
            at = world.time
            turn = self._turn()
            ended = self._over(turn)
            tally = self._picker.tally
            record = PickRecord(turn, "run", tally.picks, tally.failures, tally.placed, ended or None)
            turns.append((record.to_dict(), world.time - at, grips))
            grips = len(world.truth.grips)
        seconds = world.time - began  # with the last look, which finds nothing; without what falls yet
        self._rest()
        truth = world.truth.report()
        picks = tuple(_judged(number, turns, truth) for number in range(len(turns)))
        return RosRound(len(truth.objects), truth.in_tote, picks, ended, False, seconds)

    def _turn(self) -> Turn:
        try:
            turn = self._picker.propose()
            turn = self._picker.execute(turn) if turn.status == "proposed" else turn
        except TurnOver as over:
            turn = over.turn or Turn("no_turn", "")
        if self.cell.stop:
            self._arm.resume()
        return turn

    def _over(self, turn: Turn) -> str:
        tally = self._picker.tally
        if turn.finished is not None:
            return turn.finished
        if tally.failures >= FAILURES_MAX:
            return "failures"
        return "max_picks" if tally.picks >= self._most else ""

    def _rest(self) -> None:
        end = self.cell.time + REST
        while not self.cell.truth.at_rest() and self.cell.time < end:
            self.cell.step()


def _judged(number: int, turns: list[tuple[dict[str, Any], float, int]], truth: TruthReport) -> RosPick:
    """A turn as a pick, with the truth of its own grips."""
    record, seconds, before = turns[number]
    last = turns[number + 1][2] if number + 1 < len(turns) else len(truth.grips)
    own = judge_pick(replace(truth, grips=truth.grips[:last]), before)
    again = {i for grip in truth.grips[last:] for i in grip.lifted}
    arrived = own.in_tote and any(i in truth.in_tote and i not in again for i in own.objects)
    return RosPick(number + 1, record, replace(own, in_tote=arrived), seconds)
