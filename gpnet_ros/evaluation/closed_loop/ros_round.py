"""One round through the nodes: let the planner pick until it ends, and judge every pick by the truth."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from gpnet_ros.errors import GpnetError
from gpnet_ros.evaluation.run_folder.picks import RosPick, judge_pick
from gpnet_ros.sim.cell.report import TruthReport
from gpnet_ros.sim.clearing.rounds import EXTRA_PICKS, FAILURES_MAX

if TYPE_CHECKING:
    from gpnet_ros.picking.attention import Sight
    from gpnet_ros.sim.heap.heap import Heap

#: Longest wait for the next result [s of wall time at factor 1] in which the arm does not move; with the speed
#: slider low a pick takes as long as it takes.
RESULT_LIMIT = 120.0
#: The planner's word for a camera or network that fell silent.
_BLIND = ("no_frame", "hand_eye")
#: Longest wait for objects to lie still before a pick is judged [s].
REST = 4.0


class PlannerReport(Protocol):
    """A result of the planner with the messages on which it decided; see `nodes.recording.Report`."""

    @property
    def record(self) -> dict[str, Any]:
        """The result as published, with poses in `base_link` too."""

    @property
    def messages(self) -> dict[str, bytes]:
        """Serialised messages by topic; empty where they were lost."""

    def sight(self) -> Sight | None:
        """Frame and maps of the decision; None when a message of it is missing."""


class Reports(Protocol):
    """Source of the planner's results; see `nodes.recording.Recording`."""

    def next(self, timeout: float) -> PlannerReport | None:
        """The next report, or None after timeout [s]."""


class Truths(Protocol):
    """Source of the truth about a cell; see `CellDoor`."""

    def truth(self) -> TruthReport:
        """The truth now: where every object is, and what each grip took."""

    def truth_at_rest(self, patience: float) -> TruthReport:
        """The truth once nothing moves, or after `patience` [s]."""


class PlayableCell(Protocol):
    """A simulated cell whose nodes run, see `nodes.running_cell.RunningCell`."""

    @property
    def recording(self) -> Reports:
        """Where the planner's results come from."""

    @property
    def door(self) -> Truths:
        """Where the truth about the cell comes from."""

    def start(self) -> None:
        """Tell the planner to pick until the round ends."""

    def check(self) -> str:
        """What the planner is doing, in words.

        Raises:
            DeviceError: a process has ended.
        """

    def quiet(self) -> float:
        """For how long the arm has not moved [s]."""

    def load_heap(self, seed: int, objects: int) -> None:
        """Put the heap of a seed into the cell, and wait until the network has seen it."""

    def put_heap(self, heap: Heap) -> None:
        """Put a given heap into the cell, and wait until the network has seen it."""


@dataclass(frozen=True)
class RosRound:
    """A round through the nodes that is over.

    Attributes:
        objects: at the start.
        removed: indices of objects in the tote.
        picks: in order; looks that ended without a pick included.
        ended: the planner's reason, or what went wrong.
        failed: whether something hung or broke, so that the processes are better started anew.
        seconds: wall time of the round [s].
    """

    objects: int
    removed: tuple[int, ...]
    picks: tuple[RosPick, ...]
    ended: str
    failed: bool
    seconds: float

    @property
    def cleared(self) -> bool:
        """Whether the round brought all objects into the tote."""
        return len(self.removed) == self.objects

    @property
    def all_right(self) -> bool:
        """Whether the round is cleared, and every pick took a topmost object (the paper's Table 3)."""
        tries = [p for p in self.picks if p.executed or p.record["status"] == "nothing_graspable"]
        return self.cleared and all(p.ok and p.topmost for p in tries)


def round_parameters(objects: int, min_quality: float | None = None) -> dict[str, Any]:
    """Parameters of planner_node for a round: when it ends, and its patience [s] on a busy machine.

    Args:
        objects: in the heap.
        min_quality: smallest Q* of a grasp, 0 to 1; None leaves the planner its own.
    """
    rules = {"max_picks": objects + EXTRA_PICKS, "failures_max": FAILURES_MAX, "look_timeout": 60.0}
    return rules if min_quality is None else {**rules, "quality_min": min_quality}


def play_round(
    cell: PlayableCell,
    on_pick: Callable[[RosPick, PlannerReport], RosPick] | None = None,
    result_limit: float = RESULT_LIMIT,
) -> RosRound:
    """Start the planner and follow it until its loop ends.

    Args:
        cell: with the heap to clear in it.
        on_pick: told each pick with its report; returns the pick as it is to be kept.
        result_limit: longest wait for one result [s] in which the arm does not move.

    Raises:
        GpnetError: the cell does not answer at the start. Later errors end the round as failed.
    """
    door = cell.door
    truth = door.truth_at_rest(REST)
    objects, began = len(truth.objects), time.monotonic()
    picks: list[RosPick] = []
    ended, failed = "", False
    try:
        grips = len(truth.grips)
        cell.start()
        last = began
        while not ended:
            report = _await(cell, result_limit)
            truth = door.truth_at_rest(REST) if "step" in report.record else truth
            number = sum(p.executed for p in picks) + int("step" in report.record)
            pick = RosPick(number, report.record, judge_pick(truth, grips), time.monotonic() - last)
            grips, last = len(truth.grips), time.monotonic()
            picks.append(on_pick(pick, report) if on_pick else pick)
            ended = report.record["finished"] or ""
            failed = ended in _BLIND
        truth = door.truth_at_rest(REST)
    except GpnetError as error:
        ended, failed = str(error), True
        with suppress(GpnetError):  # what was removed before counts
            truth = door.truth()
    kept = tuple(settle(pick, truth) for pick in picks)
    return RosRound(objects, truth.in_tote, kept, ended, failed, time.monotonic() - began)


def settle(pick: RosPick, truth: TruthReport) -> RosPick:
    """The pick as it turned out in the end: after an interruption an object may reach the tote only later.

    It counts for this pick unless a later grip lifted the object again.
    """
    judged = pick.truth
    if judged is None or judged.in_tote or not judged.objects:
        return pick
    again = {i for grip in truth.grips[judged.grips :] for i in grip.lifted}
    arrived = any(i in truth.in_tote and i not in again for i in judged.objects)
    return replace(pick, truth=replace(judged, in_tote=arrived))


def _await(cell: PlayableCell, limit: float) -> PlannerReport:
    began, doing = time.monotonic(), ""
    while min(time.monotonic() - began, cell.quiet()) < limit:
        report = cell.recording.next(0.5)
        if report is not None:
            return report
        doing = cell.check()
    raise GpnetError(f"The planner gave no result for {limit:.0f} s; {doing}.")
