"""Which object families can a top-down jaw take? Lone objects are dropped and taken by their best true grasp.

No network takes part: grasps are planned from the exact shape, so this is decided before any training. A family
counts as graspable when at least 90 % of its drops end with the object carried away at the first try; the others
stay far below. Labels ask for material under the grasp's centre: they know few grasps around a pipe that lies.

With --meshes your own parts are tried, each file a family of its own.

Exit status: 0 done, 1 a family listed as graspable is not, or none of your parts is, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gpnet_ros.errors import BadInput
from gpnet_ros.workers import spread

if TYPE_CHECKING:
    from gpnet_ros.sim.objects.model import ObjectModel

#: Least share of drops that end with the object lifted, for a family to be called graspable.
LIFTED_MIN = 0.9

_Job = tuple[str, int, str | None, str | None]  # family, seed, folder of meshes and their unit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench families`."""
    parser.add_argument("--drops", type=int, default=20, help="drops per family, each another object (20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first drop; the next has seed + 1, ... (0)")
    parser.add_argument("--families", help="names, separated by commas (all)")
    parser.add_argument("--meshes", help="try your own meshes instead: a folder of obj, stl and ply, one object each")
    parser.add_argument(
        "--mesh-unit", choices=["m", "mm", "cm", "inch"], help="unit of the meshes (default: told by their sizes)"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Try all families and print the table; 1 when one that is listed as graspable is not, or none of the user's is."""
    known = _known(args)
    names = tuple(args.families.split(",")) if args.families else known
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadInput(f"--families names '{unknown[0]}', which does not exist: choose from {', '.join(known)}.")
    if args.drops < 1 or args.seed < 0 or args.workers < 0:
        raise BadInput(
            f"--drops {args.drops}, --seed {args.seed}, --workers {args.workers}: "
            "drops must be at least 1, seed and workers not negative."
        )
    jobs = [(name, args.seed + k, args.meshes, args.mesh_unit) for name in names for k in range(args.drops)]
    outcomes = list(tqdm(spread(_try, jobs, args.workers, chunk=4), total=len(jobs), unit="drop", disable=None))
    rows = [_row(name, [status for job, status in outcomes if job[0] == name]) for name in names]
    wrong = [row["family"] for row in rows if row["listed"] and not row["graspable"]]
    print(table(rows))
    if args.json:
        print(json.dumps({"drops": args.drops, "seed": args.seed, "wrongly_listed": wrong, "families": rows}))
    none_of_users = args.meshes is not None and not any(row["graspable"] for row in rows)
    return 1 if wrong or none_of_users else 0


def _known(args: argparse.Namespace) -> tuple[str, ...]:
    """Families that can be tried: the built-in ones, or those of the user's meshes."""
    if args.meshes is None:
        from gpnet_ros.sim.objects.model import FAMILIES

        return FAMILIES
    from gpnet_ros.sim.objects.user_meshes import load_user_meshes

    return load_user_meshes(args.meshes, args.mesh_unit).families


def _try(job: _Job) -> tuple[_Job, str]:
    """Status of one drop; "no rest" when the object rolled away."""
    from gpnet_ros.sim.hand.lone_object import try_family
    from gpnet_ros.sim.objects.model import make_object

    family, seed, meshes, unit = job
    make: Callable[[str, int], ObjectModel] = make_object
    if meshes is not None:
        from gpnet_ros.sim.objects.user_meshes import load_user_meshes

        make = load_user_meshes(meshes, unit).make
    try:
        return job, try_family(family, seed, make).status
    except BadInput:
        return job, "no rest"


def _row(family: str, statuses: list[str]) -> dict[str, Any]:
    """Counts of one family."""
    from gpnet_ros.sim.objects.model import GRASPABLE

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
