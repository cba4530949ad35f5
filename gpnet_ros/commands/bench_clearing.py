"""Closed loop: clear heaps of K objects, topmost first, and count.

--path core lets the gripper alone pick in fast simulation; --path ros drives the simulated UR10 through the
ROS 2 nodes and the real ur_rtde client. --path cell lets the planner's own loop move that arm in one process, in
simulated time: picks an hour and seconds of each stage, the same on any machine. All see the same heaps for the same
seed. --priority oracle plans
from the truth: the ceiling of every learned policy. On the core path it sees exact depth and every true grasp,
takes topmost objects first, and rehearses each pick in a copy of the heap; on the ros path it gives true maps to
the planner, which sees the camera's noise. Everything here is simulated.

A round is all right when every object is in the tote and every single pick brought up topmost objects only:
nothing was missed, dropped, pushed away for good, or taken from under another one. Fingers that met something within
the last millimetres of their way down closed there (motion.descent_contact): that is no failure. A topmost object is
one before which no other must be taken, but for objects that lie on each other in a ring with it. Where no topmost
object can be taken, the oracle goes on with the next ones; such a round is not all right.

--gripper suction clears heaps of what a cup can take with a cup: the second network says where (--model; truth is a
perfect one), on objects that lie free. --min-quality is then the smallest worth of a place. The oracle knows the labels
of suction; truth and oracle are on --path core only.

--heaps frozen takes the heaps that are shipped, 100 of each K = 3..7, for a cup 36 of K = 5, the same on every machine.
Two runs over the same heaps are compared in pairs: run both with --log, then --compare A.jsonl B.jsonl.
"""

from __future__ import annotations

import argparse
import json
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpnet_ros.cell import TOOLS
from gpnet_ros.commands.priority_source import add_priority
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.compare import compare_files, comparison_table
from gpnet_ros.evaluation.closed_loop.heaps import OBJECTS_RANGE, HeapName, first_frozen, objects_range
from gpnet_ros.evaluation.closed_loop.players import PACES, Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundRow
from gpnet_ros.evaluation.closed_loop.tally import rounds_answer, rounds_sentence, speed_lines
from gpnet_ros.evaluation.second_network import TRUTH, second_model
from gpnet_ros.free_objects import PRIORITIES
from gpnet_ros.nodes.processes.running_cell import RunningCell, open_cell
from gpnet_ros.nodes.processes.table import RunSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench clearing`."""
    parser.add_argument(
        "--path",
        choices=["core", "cell", "ros"],
        default="core",
        help="gripper alone, with the arm in simulated time, or nodes and arm (core)",
    )
    parser.add_argument(
        "--heaps", choices=["seeds", "frozen"], default="seeds", help="made by --seed, or shipped (seeds)"
    )
    parser.add_argument("--meshes", help="heaps of your own meshes, a folder of obj, stl and ply; --path core only")
    parser.add_argument(
        "--mesh-unit", choices=["m", "mm", "cm", "inch"], help="unit of the meshes (default: told by their sizes)"
    )
    parser.add_argument("--rounds", type=int, default=20, help="how many heaps of each K (20)")
    parser.add_argument(
        "--objects", type=objects_range, default=(5, 5), help="K, objects per heap, or a range as 3-7 (5)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the first heap; the next has seed + 1, ... (0)")
    add_priority(parser, [*PRIORITIES, "oracle"])
    parser.add_argument("--gripper", choices=TOOLS, default="jaw", help="what hangs at the flange (jaw)")
    parser.add_argument("--model", help="name in models/ or path of a model folder (gpnet; of a cup fast-graspnext)")
    parser.add_argument(
        "--min-quality", type=float, default=Policy.min_quality, help="smallest Q* of a grasp (%(default)s)"
    )
    parser.add_argument(
        "--pace", choices=PACES, default="fast", help="by config/cell.yaml or cell_fast.yaml, with an arm (fast)"
    )
    parser.add_argument("--exposures", type=int, default=1, help="of the camera for each look, --path core only (1)")
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
    heaps = _heaps(args)
    policy = _policy(args)
    rows = _rounds(args, heaps, policy)

    def answer(part: list[RoundRow]) -> dict[str, Any]:
        return rounds_answer(part, policy, args.heaps, args.seed, args.factor)

    least, most = args.objects
    answers = [answer([row for row in rows if row.objects == count]) for count in range(least, most + 1)]
    whole = answers[0] if least == most else {"rows": answers, "all": answer(rows)}
    lines = [line for a in answers for line in (rounds_sentence(a), speed_lines(a)) if line]
    print(json.dumps(whole) if args.json else "\n".join(lines))
    return 1 if all(row.failed for row in rows) else 0


def _policy(args: argparse.Namespace) -> Policy:
    """Who picks; a cup asks the second network alone, whose model is --model, too."""
    if args.gripper == "suction":
        if args.priority not in ("learned", "graspnext", "oracle"):
            raise BadInput(f"--priority {args.priority} is for the jaw: a cup takes what lies free. Leave it out.")
        oracle = args.priority == "oracle"
        told = None if oracle else second_model("graspnext", args.scene_model or args.model)
        priority = "oracle" if oracle else "graspnext"
        return Policy(args.path, priority, None, min_quality=args.min_quality, scene_model=told, gripper="suction")
    return Policy(
        args.path,
        args.priority,
        None if args.priority == "oracle" else args.model or "gpnet",
        min_quality=args.min_quality,
        scene_model=second_model(args.priority, args.scene_model),
        pace=args.pace if args.path == "cell" else "careful",
        exposures=args.exposures,
    )


def _rounds(args: argparse.Namespace, heaps: list[HeapName], policy: Policy) -> list[RoundRow]:
    if args.path == "core":
        from gpnet_ros.evaluation.closed_loop.core import clear_heaps

        return clear_heaps(heaps, policy, args.log, args.resume, args.workers)
    if args.path == "cell":
        from gpnet_ros.evaluation.closed_loop.cell_path import clear_in_cell

        return clear_in_cell(heaps, policy, args.log, args.resume, args.workers)
    from gpnet_ros.evaluation.closed_loop.ros import run_rounds

    policy = replace(policy, pace=args.pace if args.gripper == "jaw" else "careful")

    def start(seed: int, objects: int, folder: Path, planner: dict[str, Any]) -> AbstractContextManager[RunningCell]:
        return open_cell(_nodes(policy, seed, objects, args.factor), folder, planner)

    return run_rounds(heaps, policy, start, args.log, args.resume)


def _nodes(policy: Policy, seed: int, objects: int, factor: float) -> RunSettings:
    """The nodes that play a policy; those of a cup have one network, and no priority to choose."""
    if policy.gripper == "suction":
        who = {"gripper": "suction", "model": policy.scene_model or ""}
    else:
        who = {
            "model": policy.model or "gpnet", "scene_model": policy.scene_model or "", "priority": policy.priority,
            "pace": policy.pace,
        }  # fmt: skip
    return RunSettings(sim=True, seed=seed, objects=objects, factor=factor, device="cpu", **who)  # type: ignore[arg-type]


def _heaps(args: argparse.Namespace) -> list[HeapName]:
    """The heaps that were asked for.

    Raises:
        BadInput: an argument is out of bounds, and is named.
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
    if args.exposures < 1 or (args.exposures > 1 and (args.path != "core" or args.gripper == "suction")):
        raise BadInput(f"--exposures is {args.exposures}; allowed: 1 or more on --path core with the jaw, else 1.")
    of_second = (args.scene_model, args.model) if args.gripper == "suction" else (args.scene_model,)
    if args.path == "cell" and (args.gripper == "suction" or args.priority in ("graspnext", "oracle")):
        raise BadInput(
            "--path cell is for the jaw, by maps of a model: leave --gripper out, and choose another priority."
        )
    if args.path == "ros" and TRUTH in of_second:
        raise BadInput("The truth as second network is known on --path core only: take that, or a model of it.")
    if args.path == "ros" and args.gripper == "suction" and args.priority == "oracle":
        raise BadInput("--priority oracle of a cup is known on --path core only: take that, or leave it out.")
    if args.gripper == "suction" and args.meshes is not None:
        raise BadInput("--gripper suction has heaps of its own: leave --meshes out.")
    if args.meshes is not None:
        if args.path != "core" or args.heaps == "frozen":
            raise BadInput("--meshes goes with --path core and heaps of --seed: leave the other options out.")
        from gpnet_ros.sim.objects.user_meshes import load_user_meshes

        load_user_meshes(args.meshes, args.mesh_unit)  # once, before the processes ask for it
    if not 0.0 <= args.min_quality <= 1.0:
        raise BadInput(f"--min-quality is {args.min_quality}; allowed: 0 to 1.")
    if args.heaps == "frozen":
        if args.seed:
            raise BadInput("Frozen heaps have no --seed: leave it out.")
        return first_frozen(args.objects, args.rounds, args.gripper)
    counts, rounds = range(least, most + 1), range(args.rounds)
    own = {"meshes": args.meshes, "mesh_unit": args.mesh_unit, "tool": args.gripper}
    return [HeapName(count, args.seed + k, **own) for count in counts for k in rounds]
