"""Execute sampled grasp labels in physics, in the very heap that they were made of, and count what is lifted.

Scenes are those of `gpnet generate`. A gripper comes down on sampled pixels with a grasp (positives), on pixels of
objects without one at a random angle (negatives), and on the best grasp of every object; the descent stops at 50 N
as on a robot. Intervals are Wilson's for 95 %. Everything here is simulated.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.label_figures import LabelScenes, labels_table, try_labels

_PROFILES = ("table", "bin", "stack", "single")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench labels`."""
    parser.add_argument("--scenes", type=int, default=50, help="how many scenes (50)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first scene; the next has seed + 1, ... (0)")
    parser.add_argument("--profile", choices=_PROFILES, default="table", help="of the scenes, as in generate (table)")
    parser.add_argument("--positives", type=int, default=12, help="labels with a grasp per scene (12)")
    parser.add_argument("--negatives", type=int, default=6, help="labels without one per scene (6)")
    parser.add_argument("--workers", type=int, default=0, help="processes (number of cores)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Execute labels and print what came of them."""
    for name, least in (("scenes", 1), ("seed", 0), ("positives", 0), ("negatives", 0), ("workers", 0)):
        if getattr(args, name) < least:
            raise BadInput(f"--{name} is {getattr(args, name)}; it must be {least} or more.")
    which = LabelScenes(args.scenes, args.seed, args.profile, args.positives, args.negatives)
    found = try_labels(which, args.workers)
    print(json.dumps(asdict(found)) if args.json else labels_table(found))
    return 0
