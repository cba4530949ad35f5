"""Watch a simulated UR10 clear a heap, driven by the real ROS 2 nodes, network and ur_rtde client.

Prints one line per pick and leaves a run folder: summary.html, a table, a picture per pick, a video, a bag.
Camera, arm, gripper and objects are simulated; Ctrl-C ends everything, and the folder is readable all the same.

Exit status: 0 the round came to its end, 1 something broke before, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gpnet_ros.cell import TOOLS
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.heaps import OBJECTS_RANGE
from gpnet_ros.evaluation.closed_loop.ros_round import round_parameters
from gpnet_ros.evaluation.run_folder.demo_run import DemoRun, RunEnd
from gpnet_ros.evaluation.run_folder.folder import SUMMARY, RunFolder
from gpnet_ros.network import checkpoint
from gpnet_ros.nodes.processes.running_cell import open_cell
from gpnet_ros.nodes.processes.table import RunSettings

_MODELS = {"jaw": "gpnet", "suction": "fast-graspnext"}
_STATUS: dict[RunEnd, int] = {"ended": 0, "broke": 1, "interrupted": 130}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet demo`."""
    parser.add_argument("--objects", type=int, default=5, help="objects in the heap (5)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the heap (1)")
    parser.add_argument("--factor", type=float, default=1.0, help="simulated seconds per second (1)")
    parser.add_argument("--gripper", choices=TOOLS, default="jaw", help="what hangs at the flange (jaw)")
    parser.add_argument("--model", help="name in models/ or path of a model folder (gpnet; of a cup fast-graspnext)")
    parser.add_argument("--out", type=Path, help="run folder (runs/demo-DATE-TIME)")
    parser.add_argument("--no-video", action="store_true", help="render no video at the end")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """One round; 0 when it came to its end."""
    low, high = OBJECTS_RANGE
    if not low <= args.objects <= high:
        raise BadInput(f"--objects is {args.objects}; allowed: {low} to {high}.")
    model = args.model or _MODELS[args.gripper]
    checkpoint.vouched_card(model)  # before a folder or a process is there
    gripper = "" if args.gripper == "jaw" else args.gripper  # of a jaw, what the parameter file says
    settings = RunSettings(
        sim=True, model=model, gripper=gripper, seed=args.seed, objects=args.objects, factor=args.factor
    )
    title = f"gpnet demo: UR10 over a heap of {args.objects} objects, seed {args.seed}, {args.gripper}, model {model}"
    title += f", time x {args.factor:g}" if args.factor != 1.0 else ""
    planner = round_parameters(args.objects)
    folder = RunFolder.create(args.out, title, args.objects, _told(settings, planner))
    show = DemoRun(folder, partial(print, flush=True))
    show.say(f"{title} (all simulated)")
    show.say(f"run folder {folder.path}")
    end = show.play(lambda say: open_cell(settings, folder.path, planner, say))
    show.keep("tables and summary", folder.write)
    if not args.no_video and end != "interrupted":
        show.video()
        show.keep("tables and summary", folder.write)
    show.say(f"{folder.headline()} {folder.details()}")
    show.say(f"open {folder.path / SUMMARY}")
    if args.json:
        print(json.dumps(show.answer()), flush=True)
    return _STATUS[end]


def _told(settings: RunSettings, planner: dict[str, Any]) -> dict[str, Any]:
    """What settings.yaml says: everything that is needed to run this again."""
    packages = ("gpnet_ros", "torch", "numpy", "ur_rtde", "mujoco-core")
    return {
        "simulated": True,
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "run": asdict(settings),
        "planner_node": planner,
        "versions": {name: version(name) for name in packages if _is_installed(name)},
    }


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False
