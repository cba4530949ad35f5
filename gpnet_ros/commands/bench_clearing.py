"""Closed loop: clear heaps of K objects, topmost first, and count.

--path core lets the gripper alone pick in fast simulation; --path ros drives the simulated UR10 through the
ROS 2 nodes and the real ur_rtde client. Both see the same heaps for the same seed. --priority oracle plans
from the truth: the ceiling of every learned policy. On the core path it sees exact depth and every true grasp,
takes topmost objects first, and rehearses each pick in a copy of the heap; on the ros path it gives true maps to
the planner, which sees the camera's noise. Everything here is simulated.

A round is all right when every object is in the tote and every single pick brought up topmost objects only:
nothing was missed, dropped, pushed away, or taken from under another one. A topmost object is one before which no
other must be taken, but for objects that lie on each other in a ring with it. Where no topmost object can be
taken, the oracle goes on with the next ones; such a round is not all right.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.commands.intervals import share
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps, prioritise, workspace_grid

#: Objects in a heap that the benchmark makes.
OBJECTS_RANGE = (1, 10)


@dataclass
class Tally:
    """What was counted over all rounds."""

    rounds: int = 0
    rounds_cleared: int = 0
    rounds_broken: int = 0
    rounds_all_right: int = 0
    objects: int = 0
    objects_removed: int = 0
    picks: int = 0
    picks_ok: int = 0
    picks_topmost: int = 0
    refusals: int = 0

    def add(self, other: Tally) -> None:
        """Add the counts of further rounds."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench clearing`."""
    parser.add_argument(
        "--path", choices=["core", "ros"], default="core", help="gripper alone, or nodes and arm (core)"
    )
    parser.add_argument("--rounds", type=int, default=20, help="how many heaps (20)")
    parser.add_argument("--objects", type=objects, default=(5, 5), help="K, objects per heap, or a range as 3-7 (5)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first heap; the next has seed + 1, ... (0)")
    parser.add_argument("--priority", choices=["learned", "height", "none", "oracle"], default="learned")
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--factor", type=float, default=1.0, help="speed of simulated time, --path ros only (1)")
    parser.add_argument("--workers", type=int, default=0, help="processes, --path core only (number of cores)")
    parser.add_argument("--log", type=Path, help="append each round to this file of JSON lines, --path ros only")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the rounds and print the counts; 1 when every round broke."""
    low, high = OBJECTS_RANGE
    least, most = args.objects
    if not low <= least <= most <= high:
        raise BadInput(f"--objects is {least} to {most}; allowed: {low} to {high}.")
    if args.rounds < 1 or args.seed < 0:
        raise BadInput(
            f"--rounds {args.rounds} and --seed {args.seed}: rounds must be at least 1, the seed not negative."
        )
    if args.workers < 0:
        raise BadInput(f"--workers is {args.workers}; allowed: 1 or more, or 0 for one per core.")
    rows = []
    for count in range(least, most + 1):
        args.objects = count
        if args.path == "ros":
            from gpnet_ros.commands.clearing_ros import run_rounds

            rows.append(run_rounds(args))
        else:
            rows.append(run_core(args))
        if not args.json:
            print(sentence(rows[-1]), flush=True)
    if args.json:
        print(json.dumps(rows[0] if least == most else {"rows": rows}))
    return 1 if all(row["rounds_broken"] == row["rounds"] for row in rows) else 0


def objects(text: str) -> tuple[int, int]:
    """Least and greatest K of what a user typed: `5`, or `3-7`."""
    least, _, most = text.partition("-")
    return int(least), int(most or least)


def run_core(args: argparse.Namespace) -> dict[str, Any]:
    """All rounds on the core path, on all cores."""
    jobs = [(args.seed + k, args.objects, args.priority, args.model) for k in range(args.rounds)]
    workers = min(args.workers or os.cpu_count() or 1, len(jobs))
    tally, times = Tally(), []
    for counts, ms in tqdm(_spread(core_round, jobs, workers), total=len(jobs), unit="round", disable=None):
        tally.add(counts)
        times.append(ms)
    return summary(tally, args, picks_per_hour=None, time_ms={"round": round(float(np.median(times)), 1)})


def _spread(work: Callable, jobs: list, workers: int) -> Iterable:
    if workers == 1:
        yield from map(work, jobs)
        return
    import multiprocessing

    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs)


def core_round(job: tuple[int, int, str, str]) -> tuple[Tally, float]:
    """One round: its counts, and how long it took [ms]."""
    from gpnet_ros.sim.clearing import clear_heap
    from gpnet_ros.sim.heap import stack_heap

    seed, objects, priority, model = job
    began = time.perf_counter()
    cell, hand_eye = load_cell(), load_hand_eye()
    perceive = None if priority == "oracle" else perception(model, priority)
    try:
        heap = stack_heap(seed, objects)
    except BadInput:  # this seed's heap does not come to rest; the ros path cannot show it either
        return Tally(rounds=1, rounds_broken=1), 1e3 * (time.perf_counter() - began)
    result = clear_heap(heap, seed, perceive, cell, hand_eye)
    executed = [p for p in result.picks if p.outcome is not None]
    tally = Tally(
        rounds=1,
        rounds_cleared=int(result.cleared),
        rounds_all_right=int(result.all_right),
        objects=objects,
        objects_removed=len(result.removed),
        picks=len(executed),
        picks_ok=sum(p.ok for p in executed),
        picks_topmost=sum(p.topmost for p in executed),
        refusals=len(result.picks) - len(executed),
    )
    return tally, 1e3 * (time.perf_counter() - began)


@lru_cache(maxsize=1)
def perception(model: str, priority: str) -> Callable[[Frame], Maps]:
    """The network seen through the workspace of the cell, with the priority that was asked for."""
    import torch

    from gpnet_ros.network.detector import Detector

    torch.set_num_threads(1)  # one process per core is faster than one network on all of them
    square, T_base_camera = load_cell().workspace, load_hand_eye().T_base_camera()
    detector = Detector(model, device="cpu", grid=lambda frame: workspace_grid(frame, T_base_camera, square))

    return lambda frame: prioritise(detector(frame), frame, priority, T_base_camera)


def summary(
    tally: Tally, args: argparse.Namespace, picks_per_hour: float | None, time_ms: dict[str, float]
) -> dict[str, Any]:
    """The answer as plain values."""
    setting = {k: getattr(args, k) for k in ("path", "priority", "model", "seed")}
    if args.priority == "oracle":
        setting["model"] = None
    return {
        **setting,
        "objects_per_round": args.objects,
        **asdict(tally),
        "cleared": share(tally.rounds_cleared, tally.rounds - tally.rounds_broken),
        "all_right": share(tally.rounds_all_right, tally.rounds - tally.rounds_broken),
        "picks_per_hour": picks_per_hour,
        "time_ms": time_ms,
    }


def sentence(a: dict[str, Any]) -> str:
    """The answer for a person."""

    def part(name: str, whole: str) -> str:
        return f"{a[name]} of {a[whole]} ({a[name] / max(a[whole], 1):.0%})"

    right = a["all_right"]
    between = "" if right["rate"] is None else f" [{right['low']:.0%}, {right['high']:.0%}]"
    return (
        f"simulated, path {a['path']}, priority {a['priority']}, K = {a['objects_per_round']}: "
        f"rounds cleared {part('rounds_cleared', 'rounds')}, all right {part('rounds_all_right', 'rounds')}{between}; "
        f"objects removed {part('objects_removed', 'objects')}; "
        f"picks that brought an object {part('picks_ok', 'picks')}, a topmost one {part('picks_topmost', 'picks')}; "
        f"refusals {a['refusals']}" + (f"; {a['rounds_broken']} rounds broke" if a["rounds_broken"] else "")
    )
