"""Make the decisions of a recorded bag again and tell which grasps differ; to the last bit on the same machine.

    ros2 launch gpnet_ros grasp.launch.py record:=true       # the planner writes runs/decisions/DATE-TIME-0
    gpnet bag check runs/decisions/20260131-120000-0
    gpnet bag check runs/demo/bag --model gpnet              # the bag of a run of gpnet demo; the network, too

The bag holds what a decision depends on: frame, maps, joints, camera pose, remembered failures, cell and settings.
No ROS is needed. Exit status: 0 all are the same, 1 some differ (each figure is told), 2 the bag cannot be used.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from gpnet_ros.evaluation.replay_testing.decided_again import DecidedAgain, decide_all_again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bag check`."""
    parser.add_argument("bag", type=Path, metavar="FILE", help="bag that the planner or gpnet demo has written")
    parser.add_argument("--cell", type=Path, help="cell file (that in the bag, else config/cell.yaml)")
    parser.add_argument("--model", help="make the maps again with this model (those in the bag)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Decide again; 1 when something differs."""
    found = []
    for again in decide_all_again(args.bag, args.cell, args.model):
        found.append(again)
        if not args.json:
            print(_sentence(again), flush=True)
    differ = sum(bool(one.differs) for one in found)
    if args.json:
        print(json.dumps({"decisions": [asdict(one) for one in found], "differ": differ}))
    else:
        print(f"{len(found)} decisions made again, {differ} differ")
    return 1 if differ else 0


def _sentence(again: DecidedAgain) -> str:
    differs = "; ".join(f"{name} was {was}, is {now}" for name, (was, now) in again.differs.items())
    return f"{again.stamp:.3f} s, {again.status}: {differs or 'the same'}"
