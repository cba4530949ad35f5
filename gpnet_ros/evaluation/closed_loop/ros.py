"""`gpnet bench clearing --path ros`: whole rounds through the nodes, ur_rtde and the simulated arm."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gpnet_ros.commands.bench_clearing import policy_of
from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.evaluation.closed_loop.ros_round import RosRound, play_round
from gpnet_ros.evaluation.closed_loop.rows import HeapName, RoundLog, Row
from gpnet_ros.evaluation.run_folder.picks import RosPick
from gpnet_ros.nodes.running_cell import RunningCell, open_cell, round_parameters
from gpnet_ros.nodes.table import RunSettings


def run_rounds(args: argparse.Namespace, heaps: Sequence[HeapName]) -> list[Row]:
    """All rounds, one after the other; the processes go on from heap to heap unless something broke.

    A round that hangs or breaks counts as it stands, with its reason in the log, and the next one begins with
    new processes.

    Args:
        args: of `gpnet bench clearing`.
        heaps: to clear.

    Raises:
        BadInput: no such model, or a log of another policy.
    """
    by = policy_of(args).told()  # a wrong name ends here, not as a broken round
    log = RoundLog(args.log, by, args.resume)
    with tempfile.TemporaryDirectory(prefix="gpnet_bench_") as scratch, ExitStack() as stack:
        bench = Bench(args, Path(scratch), stack)
        for heap in tqdm(heaps, unit="round", disable=None):
            if log.done(heap) is None:
                log.add(row_of(heap, by, bench.round(heap)))
    found = [log.done(heap) for heap in heaps]
    return [row for row in found if row is not None]


class Bench:
    """The running processes, started when needed."""

    def __init__(self, args: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        """Nothing starts yet; what will run ends with `stack`."""
        self.args, self.folder, self.stack = args, folder, stack
        self.session: RunningCell | None = None
        self.started = 0
        self._objects = 0  # for which the planner that runs was started: it bounds its picks

    def round(self, heap: HeapName) -> RosRound:
        """One round; errors end up in it."""
        if self.session is not None and heap.objects != self._objects:
            self._end()
        try:
            session = self._session(heap)
            done = play_round(session.start, session.recording, session.door, session.check)
        except BadInput:
            raise
        except GpnetError as error:
            done = RosRound(heap.objects, (), (), str(error), True, 0.0)
        if done.failed:
            self._end()
        return done

    def _end(self) -> None:
        self.session = None
        self.stack.close()

    def _session(self, heap: HeapName) -> RunningCell:
        """Cell and nodes over the heap."""
        stored = None if heap.number is None else heap.load()[0]
        if self.session is None:
            self.session = self._start(heap)
            if stored is not None:
                self.session.put_heap(stored)
        elif stored is not None:
            self.session.put_heap(stored)
        else:
            self.session.load_heap(heap.seed, heap.objects)
        return self.session

    def _start(self, heap: HeapName) -> RunningCell:
        """New processes: over the heap of a seed, or over an empty table where a stored one will lie."""
        a = self.args
        objects = heap.objects if heap.number is None else 0
        run = RunSettings(
            sim=True, model=a.model, priority=a.priority, seed=heap.seed, objects=objects, factor=a.factor, device="cpu"
        )
        planner = round_parameters(heap.objects)
        self.started += 1
        self._objects = heap.objects
        return self.stack.enter_context(open_cell(run, self.folder / f"start_{self.started}", planner))


def row_of(heap: HeapName, by: dict[str, Any], done: RosRound) -> Row:
    """A round as a row."""
    fallen = done.ended == "nothing_left" and not done.cleared
    faults = [fault for pick in done.picks if (fault := fault_of(pick)) is not None]
    return {
        "heap": heap.label,
        "seed": heap.seed,
        "objects": heap.objects,
        "by": by,
        "removed": list(done.removed),
        "cleared": done.cleared,
        "all_right": done.all_right,
        "ended": done.ended,
        "failed": done.failed,
        "seconds": round(done.seconds, 4),
        "faults": [*faults, *(["pushed_out_or_overlooked"] if fallen else [])],
        "picks": [{**pick.row(), "ok": pick.ok, "fault": fault_of(pick)} for pick in done.picks],
    }


def fault_of(pick: RosPick) -> str | None:
    """What keeps a pick from being right, in a word; None of a right one and of a look at an empty table."""
    status = str(pick.record["status"])
    if not pick.executed:
        return status if status == "nothing_graspable" else None
    if pick.ok and pick.topmost:
        return None
    if not pick.ok:
        return status if status != "picked" else "dropped"
    return "two_at_once" if pick.truth is not None and len(pick.truth.objects) > 1 else "not_topmost"
