"""Does the grasp lie on an object that may be taken, in real frames with hand-drawn outlines?

Each frame goes the way of `gpnet detect`: the whole frame is seen, without hand-eye or workspace. Two readings: the
decision, with all checks that detect makes before it answers (what the robot would do), and the plain argmax of Q*
(what the network says). Only the centre is judged: whether the fingers would hold, no outline can say.

Exit status: 0 done, 1 fewer hits of the decision than --at-least, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.real_frames.frames import REAL_FRAMES
from gpnet_ros.evaluation.real_frames.judged_frames import FrameTally, frames_table, judge_frames
from gpnet_ros.evaluation.real_frames.sheet import FORMATS, write_sheet
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.network import checkpoint, detector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench real`."""
    parser.add_argument(
        "--frames", type=Path, default=REAL_FRAMES, metavar="DIR",
        help="folder with outlines.json and the frame folders (the 16 frames of the repository)",
    )  # fmt: skip
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda", "auto"], help="where the network runs (cpu)")
    parser.add_argument(
        "--min-quality", type=float, default=SelectSettings.quality_min, help="smallest Q* (%(default)s)"
    )
    parser.add_argument("--sheet", type=Path, metavar="PATH", help="picture of all frames to write, jpg or png")
    parser.add_argument("--at-least", type=int, default=0, metavar="N", help="exit 1 with fewer hits than this (0)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Judge all frames and print the table."""
    if args.sheet is not None and args.sheet.suffix not in FORMATS:
        raise BadInput(f"--sheet {args.sheet} has no known ending; allowed are {', '.join(FORMATS)}.")
    net = detector.Detector(args.model, device=args.device)
    judged = judge_frames(args.frames, net, SelectSettings(quality_min=args.min_quality))
    decision, argmax = (
        FrameTally.of([each.decision for each in judged]),
        FrameTally.of([each.argmax for each in judged]),
    )
    print(f"{frames_table(judged)}\ndecision: {decision}\nargmax: {argmax}")
    if args.sheet is not None:
        write_sheet(args.sheet, judged)
    if args.json:
        who = {"model": args.model, "weights": checkpoint.vouched_card(args.model).sha256}
        totals = {"decision": decision.to_dict(), "argmax": argmax.to_dict()}
        print(json.dumps({**who, **totals, "frames": [each.to_dict() for each in judged]}))
    return 1 if decision.hits < args.at_least else 0
