"""`gpnet bench clearing --path ros`: whole rounds through the nodes, ur_rtde and the simulated arm."""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gpnet_ros.commands.bench_clearing import Tally, summary
from gpnet_ros.commands.ros_round import Round, play_round
from gpnet_ros.commands.session import Session, open_session, round_parameters
from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.grasp import TRUE_QUALITY_MIN
from gpnet_ros.network import checkpoint
from gpnet_ros.nodes.table import RunSettings


def run_rounds(args: argparse.Namespace) -> dict[str, Any]:
    """All rounds, one after the other; the processes go on from heap to heap unless something broke.

    A round that hangs or breaks counts as it stands, with its reason in the log, and the next one begins with
    new processes.

    Args:
        args: of `gpnet bench clearing`; `log` names a file to which each round is appended as a line of JSON.
    """
    played: list[Round] = []
    if args.priority != "oracle":  # a wrong name ends here, not as a broken round
        checkpoint.read_card(checkpoint.find(args.model))
    require_writable(args.log)
    with tempfile.TemporaryDirectory(prefix="gpnet_bench_") as scratch, ExitStack() as stack:
        bench = Bench(args, Path(scratch), stack)
        for k in tqdm(range(args.rounds), unit="round", disable=None):
            done = bench.round(args.seed + k)
            played.append(done)
            write_line(args.log, args.seed + k, done)
    return answer(played, args)


class Bench:
    """The running processes, started when needed."""

    def __init__(self, args: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        """Nothing starts yet; what will run ends with `stack`."""
        self.args, self.folder, self.stack = args, folder, stack
        self.session: Session | None = None
        self.started = 0

    def round(self, seed: int) -> Round:
        """One round; errors end up in it."""
        try:
            session = self._session(seed)
            done = play_round(session.start, session.recording, session.door, session.check)
        except BadInput:
            raise
        except GpnetError as error:
            done = Round(self.args.objects, (), (), str(error), True, 0.0)
        if done.failed:
            self.session = None
            self.stack.close()
        return done

    def _session(self, seed: int) -> Session:
        """Cell and nodes over the heap of this seed."""
        if self.session is not None:
            self.session.load_heap(seed, self.args.objects)
            return self.session
        a = self.args
        run = RunSettings(
            sim=True, model=a.model, priority=a.priority, seed=seed, objects=a.objects, factor=a.factor, device="cpu"
        )
        planner = round_parameters(a.objects)
        if a.priority == "oracle":
            planner["quality_min"] = TRUE_QUALITY_MIN
        self.started += 1
        folder = self.folder / f"start_{self.started}"
        self.session = self.stack.enter_context(open_session(run, folder, planner))
        return self.session


def answer(played: list[Round], args: argparse.Namespace) -> dict[str, Any]:
    """The counts of all rounds; figures of time only where simulated time runs as fast as the wall clock."""
    tally = Tally()
    for done in played:
        tally.add(count(done))
    times: dict[str, float] = {}
    per_hour = None
    if args.factor == 1.0:
        times = stage_medians(played)
        seconds = sum(done.seconds for done in played)
        per_hour = round(3600.0 * tally.picks / seconds, 1) if seconds > 0 else None
    return summary(tally, args, per_hour, times)


def count(done: Round) -> Tally:
    """The counts of one round."""
    executed = [p for p in done.picks if p.executed]
    return Tally(
        rounds=1,
        rounds_cleared=int(done.cleared),
        rounds_broken=int(done.failed),
        rounds_all_right=int(done.all_right),
        objects=done.objects,
        objects_removed=len(done.removed),
        picks=len(executed),
        picks_ok=sum(p.ok for p in executed),
        picks_topmost=sum(p.topmost for p in executed),
        refusals=sum(p.record["status"] == "nothing_graspable" for p in done.picks),
    )


def stage_medians(played: list[Round]) -> dict[str, float]:
    """Median of each stage over all picks of the arm [ms], and of whole picks and rounds."""
    stages: dict[str, list[float]] = {}
    for done in played:
        for pick in (p for p in done.picks if p.executed):
            for name, seconds in {**pick.record["time_s"], "pick": pick.seconds}.items():
                stages.setdefault(name.replace(" ", "_"), []).append(seconds)
        stages.setdefault("round", []).append(done.seconds)
    return {name: round(1e3 * float(np.median(values)), 1) for name, values in stages.items()}


def require_writable(log: Path | None) -> None:
    """Refuse a log now rather than after the first round.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        if log is not None:
            log.open("a", encoding="utf-8").close()
    except OSError as error:
        raise BadInput(
            f"--log {log} cannot be written ({error.strerror}); name a file in an existing folder."
        ) from error


def write_line(log: Path | None, seed: int, done: Round) -> None:
    """Append a round to a file of JSON lines, so that a bench that is cut short leaves what it has."""
    if log is None:
        return
    line = {
        "seed": seed,
        "objects": done.objects,
        "removed": list(done.removed),
        "cleared": done.cleared,
        "all_right": done.all_right,
        "ended": done.ended,
        "failed": done.failed,
        "seconds": round(done.seconds, 2),
        "picks": [pick.row() for pick in done.picks],
    }
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
