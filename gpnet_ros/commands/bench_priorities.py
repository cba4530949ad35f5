"""Whose turn is it? Free objects by the second network against learned, height and none, on the same scenes.

First picks on a test set (lift in physics; on a topmost object), then whole rounds on frozen heaps on the core path.
Every priority sees the same pictures and heaps, so that the differences are of pairs. graspnext-truth is graspnext
with the simulation's own objects in place of the second network: what a perfect one would bring. All is simulated.

Leaves in --out: priorities.json, and the rounds and pictures of each priority, from which it goes on when it was cut
short. A picture takes 0.7 s, a round 2 s of one core for each priority, and what the second network takes: without one
(truth, learned, height, none) 100 pictures and 20 heaps are eight minutes. At least 100 heaps tell a few points.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.heaps import first_frozen, objects_range
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.priorities import compare_clearing, compare_picks, contenders, priorities_table
from gpnet_ros.evaluation.judging.judged_pictures import open_pictures
from gpnet_ros.evaluation.second_network import TRUTH, second_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench priorities`."""
    add = parser.add_argument
    add("--scene-model", help="the second network's model; truth: only the simulation's own objects (fast-graspnext)")
    add("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    add("--data", default="stack-test", help="simulated pictures of the first picks (stack-test)")
    add("--scenes", type=int, default=100, help="the first pictures of --data; 0: none (100)")
    add("--rounds", type=int, default=10, help="how many frozen heaps of each K; 0: none (10)")
    add("--objects", type=objects_range, default=(5, 5), help="K, objects per heap, or a range as 3-7 (5)")
    add("--out", type=Path, default=Path("runs/priorities"), help="folder of the results (runs/priorities)")
    add("--workers", type=int, default=0, help="processes (number of cores)")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Compare all priorities and print and write the tables."""
    for name in ("scenes", "rounds", "workers"):
        if getattr(args, name) < 0:
            raise BadInput(f"--{name} is {getattr(args, name)}; it must be 0 or more.")
    if not args.scenes and not args.rounds:
        raise BadInput("--scenes 0 and --rounds 0 leave nothing to compare: ask for one or more of either.")
    who = contenders(second_model("graspnext", args.scene_model) or TRUTH)
    heaps = first_frozen(args.objects, args.rounds) if args.rounds else []
    pictures = open_pictures(args.data) if args.scenes else None
    if pictures is not None and "lift" not in pictures.told():
        raise BadInput(f"--data {args.data} does not say what lay where: take simulated pictures, such as stack-test.")
    if pictures is not None and pictures.note:
        print(pictures.note, file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    picks = [] if pictures is None else compare_picks(who, args.model, pictures, args.scenes, args.workers, args.out)
    rounds = compare_clearing(who, Policy(model=args.model), heaps, args.workers, args.out) if heaps else []
    answer = {"model": args.model, "scene_model": who[0].scene_model, "picks": picks, "rounds": rounds}
    (args.out / "priorities.json").write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(answer) if args.json else priorities_table(picks, rounds))
    return 0
