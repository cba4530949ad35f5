"""Which object families can a top-down jaw take? Lone objects are dropped and taken by their best true grasp.

No network takes part: grasps are planned from the exact shape, so this is decided before any training. A family
counts as graspable when at least 90 % of its drops end with the object carried away at the first try; the others
stay far below. Labels ask for material under the grasp's centre: they know few grasps around a pipe that lies.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from tqdm import tqdm

from gpnet_ros.errors import BadInput

#: Least share of drops that end with the object lifted, for a family to be called graspable.
LIFTED_MIN = 0.9

_Job = tuple[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench families`."""
    parser.add_argument("--drops", type=int, default=20, help="drops per family, each another object (20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first drop; the next has seed + 1, ... (0)")
    parser.add_argument("--families", help="names, separated by commas (all)")
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Try all families and print the table; 1 when one that is listed as graspable is not."""
    from gpnet_ros.sim.objects import FAMILIES

    names = tuple(args.families.split(",")) if args.families else FAMILIES
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        raise BadInput(f"--families names '{unknown[0]}', which does not exist: choose from {', '.join(FAMILIES)}.")
    if args.drops < 1 or args.seed < 0 or args.workers < 0:
        raise BadInput(
            f"--drops {args.drops}, --seed {args.seed}, --workers {args.workers}: "
            "drops must be at least 1, seed and workers not negative."
        )
    jobs = [(name, args.seed + k) for name in names for k in range(args.drops)]
    workers = min(args.workers or os.cpu_count() or 1, len(jobs))
    outcomes = list(tqdm(_spread(jobs, workers), total=len(jobs), unit="drop", disable=None))
    rows = [_row(name, [status for job, status in outcomes if job[0] == name]) for name in names]
    wrong = [row["family"] for row in rows if row["listed"] and not row["graspable"]]
    print(table(rows))
    if args.json:
        print(json.dumps({"drops": args.drops, "seed": args.seed, "wrongly_listed": wrong, "families": rows}))
    return 1 if wrong else 0


def _spread(jobs: list[_Job], workers: int) -> Iterable[tuple[_Job, str]]:
    if workers == 1:
        yield from map(_try, jobs)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_try, jobs, chunksize=4)


def _try(job: _Job) -> tuple[_Job, str]:
    """Status of one drop; "no rest" when the object rolled away."""
    from gpnet_ros.sim.trial import try_family

    try:
        return job, try_family(*job).status
    except BadInput:
        return job, "no rest"


def _row(family: str, statuses: list[str]) -> dict[str, Any]:
    """Counts of one family."""
    from gpnet_ros.sim.objects import GRASPABLE

    tried = [status for status in statuses if status != "no rest"]
    lifted = tried.count("lifted")
    return {
        "family": family,
        "drops": len(tried),
        "rolled_away": len(statuses) - len(tried),
        "has_grasp": len(tried) - tried.count("no grasp"),
        "lifted": lifted,
        "collision": tried.count("collision"),
        "missed_or_slipped": tried.count("missed") + tried.count("slipped"),
        "graspable": bool(tried) and lifted >= LIFTED_MIN * len(tried),
        "listed": family in GRASPABLE,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table, the best families first."""
    head = "| family | drops | with a grasp | lifted | collided | lost | graspable | listed |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for r in sorted(rows, key=lambda r: (-r["lifted"] / max(r["drops"], 1), r["family"])):
        counts = f"{r['drops']} | {r['has_grasp']} | {r['lifted']} | {r['collision']} | {r['missed_or_slipped']}"
        verdicts = " | ".join("yes" if r[key] else "no" for key in ("graspable", "listed"))
        lines.append(f"| {r['family']} | {counts} | {verdicts} |")
    return "\n".join(lines)
