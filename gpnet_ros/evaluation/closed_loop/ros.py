"""`gpnet bench clearing --path ros`: whole rounds through the nodes, ur_rtde and the simulated arm."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.evaluation.closed_loop.heaps import HeapName
from gpnet_ros.evaluation.closed_loop.players import PlayedBy, Policy, played_code
from gpnet_ros.evaluation.closed_loop.ros_round import PlayableCell, RosRound, play_round, round_parameters
from gpnet_ros.evaluation.closed_loop.rows import PickRow, RoundLog, RoundRow
from gpnet_ros.evaluation.run_folder.picks import RosPick

_NODES = ("processes.running_cell", "camera_node", "inference_node", "oracle_node", "planner_node", "clock_node")
#: What decides a round beside its policy: this module, those that are started and not imported, and their settings.
MODULES = (__name__, *(f"gpnet_ros.nodes.{name}" for name in _NODES), "gpnet_ros.sim.cell.process")
SETTINGS = ("cell", "cell_fast", "cell_suction", "hand_eye", "camera", "inference", "planner", "sim")


class OpenCell(Protocol):
    """Starts cell and nodes; all ends with the context."""

    def __call__(
        self, seed: int, objects: int, folder: Path, planner: dict[str, Any]
    ) -> AbstractContextManager[PlayableCell]:
        """Start them over the heap of a seed.

        Args:
            seed: of the heap.
            objects: in it; 0 for an empty table.
            folder: for logs and states.
            planner: parameters of planner_node.

        Raises:
            DeviceError: something did not start in time.
        """


def run_rounds(
    heaps: Sequence[HeapName], policy: Policy, open_cell: OpenCell, log: Path | None = None, resume: bool = False
) -> list[RoundRow]:
    """Play all rounds one after the other; the processes go on from heap to heap unless something broke.

    A round that hangs or breaks counts as it stands, with its reason in the log, and the next one begins with
    new processes.

    Args:
        heaps: to clear.
        policy: who picks; of path "ros".
        open_cell: starts cell and nodes for this policy.
        log: file of rows to which each round is appended.
        resume: go on with the rounds that the log has.

    Raises:
        BadInput: no such model, or a log of another policy or of other code.
    """
    by = policy.played_by(played_code(MODULES, SETTINGS))  # a wrong name ends here
    kept = RoundLog(log, by, resume)
    with tempfile.TemporaryDirectory(prefix="gpnet_bench_") as scratch, ExitStack() as stack:
        bench = RosBench(open_cell, policy.threshold, Path(scratch), stack)
        for heap in tqdm(heaps, unit="round", disable=None):
            if kept.done(heap) is None:
                kept.add(row_of(heap, by, bench.round(heap)))
    found = [kept.done(heap) for heap in heaps]
    return [row for row in found if row is not None]


class RosBench:
    """The running processes, started when needed."""

    def __init__(self, open_cell: OpenCell, min_quality: float | None, folder: Path, stack: ExitStack) -> None:
        """Nothing starts yet.

        Args:
            open_cell: starts cell and nodes.
            min_quality: smallest Q* of a grasp; None leaves the planner its own.
            folder: for logs and states.
            stack: what will run ends with it.
        """
        self.open_cell, self.min_quality, self.folder, self.stack = open_cell, min_quality, folder, stack
        self.cell: PlayableCell | None = None
        self.started = 0
        self._objects = 0  # for which the planner that runs was started: it bounds its picks

    def round(self, heap: HeapName) -> RosRound:
        """Play one round; its errors end up in it."""
        if self.cell is not None and heap.objects != self._objects:
            self._end()
        try:
            done = play_round(self._cell_with(heap))
        except BadInput:
            raise
        except GpnetError as error:
            done = RosRound(heap.objects, (), (), str(error), True, 0.0)
        if done.failed:
            self._end()
        return done

    def _end(self) -> None:
        self.cell = None
        self.stack.close()

    def _cell_with(self, heap: HeapName) -> PlayableCell:
        """Cell and nodes over the heap; a stored one is put into a cell that begins with an empty table."""
        stored = None if heap.number is None else heap.load()[0]
        fresh = self.cell is None
        cell = self.cell = self._start(heap) if self.cell is None else self.cell
        if stored is not None:
            cell.put_heap(stored)
        elif not fresh:
            cell.load_heap(heap.seed, heap.objects)
        return cell

    def _start(self, heap: HeapName) -> PlayableCell:
        objects = heap.objects if heap.number is None else 0
        planner = round_parameters(heap.objects, self.min_quality)
        self.started += 1
        self._objects = heap.objects
        folder = self.folder / f"start_{self.started}"
        return self.stack.enter_context(self.open_cell(heap.seed, objects, folder, planner))


def row_of(heap: HeapName, by: PlayedBy, done: RosRound) -> RoundRow:
    """A round as a row."""
    fallen = done.ended in ("nothing_left", "not_seen") and not done.cleared
    faults = [fault for pick in done.picks if (fault := fault_of(pick)) is not None]
    return RoundRow(
        heap=heap.label,
        seed=heap.seed,
        objects=heap.objects,
        by=by,
        removed=done.removed,
        cleared=done.cleared,
        all_right=done.all_right,
        ended=done.ended,
        failed=done.failed,
        seconds=round(done.seconds, 4),
        faults=(*faults, *(["pushed_out_or_overlooked"] if fallen else [])),
        picks=tuple(PickRow.from_dict({**p.row(), "ok": p.ok, "fault": fault_of(p)}) for p in done.picks),
    )


def fault_of(pick: RosPick) -> str | None:
    """The fault of a pick through the nodes, in a word; None if it is right or a look at an empty table."""
    status = str(pick.record["status"])
    if not pick.executed:
        return status if status == "nothing_graspable" else None
    if pick.ok and pick.topmost:
        return None
    if not pick.ok:
        return status if status != "picked" else "dropped"
    return "two_at_once" if pick.truth is not None and len(pick.truth.objects) > 1 else "not_topmost"
