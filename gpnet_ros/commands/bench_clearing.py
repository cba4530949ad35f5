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

--heaps frozen takes the heaps that are shipped, 100 of each K = 3..7, the same on every machine. Two runs over the
same heaps are compared in pairs: run both with --log, then --compare A.jsonl B.jsonl.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.compare import compare_files, comparison_table
from gpnet_ros.evaluation.closed_loop.rows import HeapName, Policy, Row, counted

#: Objects in a heap that the benchmark makes.
OBJECTS_RANGE = (1, 10)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench clearing`."""
    parser.add_argument(
        "--path", choices=["core", "ros"], default="core", help="gripper alone, or nodes and arm (core)"
    )
    parser.add_argument(
        "--heaps", choices=["seeds", "frozen"], default="seeds", help="made by --seed, or shipped (seeds)"
    )
    parser.add_argument("--meshes", help="heaps of your own meshes, a folder of obj, stl and ply; --path core only")
    parser.add_argument(
        "--mesh-unit", choices=["m", "mm", "cm", "inch"], help="unit of the meshes (default: told by their sizes)"
    )
    parser.add_argument("--rounds", type=int, default=20, help="how many heaps of each K (20)")
    parser.add_argument("--objects", type=objects, default=(5, 5), help="K, objects per heap, or a range as 3-7 (5)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first heap; the next has seed + 1, ... (0)")
    parser.add_argument("--priority", choices=["learned", "height", "none", "oracle"], default="learned")
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--factor", type=float, default=1.0, help="speed of simulated time, --path ros only (1)")
    parser.add_argument("--workers", type=int, default=0, help="processes, --path core only (number of cores)")
    parser.add_argument("--log", type=Path, help="append each round to this file of JSON lines")
    parser.add_argument("--resume", action="store_true", help="go on with the rounds that --log has")
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar=("A", "B"), help="play nothing; compare two logs heap by heap"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the rounds and print the counts; 1 when every round broke."""
    if args.compare:
        found = compare_files(*args.compare)
        print(json.dumps(found) if args.json else comparison_table(found))
        return 0
    require_sane(args)
    least, most = args.objects
    heaps = [name for count in range(least, most + 1) for name in heaps_of(args, count)]
    if args.path == "ros":
        from gpnet_ros.evaluation.closed_loop.ros import run_rounds

        rows = run_rounds(args, heaps)
    else:
        from gpnet_ros.evaluation.closed_loop.core import clear_heaps

        rows = clear_heaps(heaps, policy_of(args), args.log, args.resume, args.workers)
    answers = [answer([row for row in rows if row["objects"] == count], args) for count in range(least, most + 1)]
    whole = answers[0] if least == most else {"rows": answers, "all": answer(rows, args)}
    print(json.dumps(whole) if args.json else "\n".join(sentence(a) for a in answers))
    return 1 if all(row["failed"] for row in rows) else 0


def require_sane(args: argparse.Namespace) -> None:
    """Refuse arguments out of bounds.

    Raises:
        BadInput: names the argument.
    """
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
    if args.resume and args.log is None:
        raise BadInput("--resume needs the --log to go on with.")
    if args.meshes is not None:
        if args.path == "ros" or args.heaps == "frozen":
            raise BadInput("--meshes goes with --path core and heaps of --seed: leave the other options out.")
        from gpnet_ros.sim.objects.user_meshes import load_user_meshes

        load_user_meshes(args.meshes, args.mesh_unit)  # once, before the processes ask for it
    if args.heaps == "frozen":
        if args.seed:
            raise BadInput("Frozen heaps have no --seed: leave it out.")
        from gpnet_ros.sim.heap import frozen

        for count in range(least, most + 1):
            frozen.require(count, args.rounds)


def objects(text: str) -> tuple[int, int]:
    """Least and greatest K of what a user typed: `5`, or `3-7`."""
    least, _, most = text.partition("-")
    return int(least), int(most or least)


def heaps_of(args: argparse.Namespace, count: int) -> list[HeapName]:
    """The heaps of `count` objects that were asked for."""
    if args.heaps == "frozen":
        return [HeapName(count, number=k) for k in range(args.rounds)]
    return [HeapName(count, args.seed + k, meshes=args.meshes, mesh_unit=args.mesh_unit) for k in range(args.rounds)]


def policy_of(args: argparse.Namespace) -> Policy:
    """Who picks."""
    return Policy(args.path, args.priority, None if args.priority == "oracle" else args.model)


def answer(rows: Sequence[Row], args: argparse.Namespace) -> dict[str, Any]:
    """The counts as plain values; figures of time only where simulated time runs as fast as the wall clock."""
    counts = sorted({row["objects"] for row in rows})
    setting = {k: getattr(args, k) for k in ("path", "heaps", "priority", "model", "seed")}
    found = counted(rows)
    at_speed = args.path == "ros" and args.factor == 1.0
    seconds = sum(row["seconds"] for row in rows)
    per_hour = round(3600.0 * found["picks"] / seconds, 1) if at_speed and seconds > 0 else None
    return {
        **setting,
        "model": None if args.priority == "oracle" else args.model,
        "objects_per_round": counts[0] if len(counts) == 1 else counts,
        **found,
        "picks_per_hour": per_hour,
        "time_ms": {} if args.path == "ros" and not at_speed else stage_medians(rows),
    }


def stage_medians(rows: Sequence[Row]) -> dict[str, float]:
    """Median of each stage over all picks of the arm [ms], and of whole picks and rounds."""
    stages: dict[str, list[float]] = {}
    for row in rows:
        for pick in (p for p in row["picks"] if p["executed"] and "time_s" in p):
            for name, seconds in {**pick["time_s"], "pick": pick["seconds"]}.items():
                stages.setdefault(name.replace(" ", "_"), []).append(seconds)
        stages.setdefault("round", []).append(row["seconds"])
    return {name: round(1e3 * float(np.median(values)), 1) for name, values in stages.items()}


def sentence(a: dict[str, Any]) -> str:
    """The answer for a person."""

    def part(name: str, whole: str) -> str:
        return f"{a[name]} of {a[whole]} ({a[name] / max(a[whole], 1):.0%})"

    right = a["all_right"]
    between = "" if right["rate"] is None else f" [{right['low']:.0%}, {right['high']:.0%}]"
    faults = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in a["faults"].items()) or "none"
    return (
        f"simulated, path {a['path']}, priority {a['priority']}, K = {a['objects_per_round']}: "
        f"rounds cleared {part('rounds_cleared', 'rounds')}, all right {part('rounds_all_right', 'rounds')}{between}; "
        f"objects removed {part('objects_removed', 'objects')}; "
        f"picks that brought an object {part('picks_ok', 'picks')}, a topmost one {part('picks_topmost', 'picks')}; "
        f"refusals {a['refusals']}; faults: {faults}"
        + (f"; {a['rounds_broken']} rounds broke" if a["rounds_broken"] else "")
    )
