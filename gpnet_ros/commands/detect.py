"""Find the grasp in one colour and depth image, without ROS.

Prints where to grasp, or why not; with --out also writes overlay.png and the maps. The grasp is along the optical axis.

The network sees the whole frame. --roi, --mask and --workspace say which pixels count: outside nothing is grasped, and
only inside is a share of valid depth asked for. With --workspace the network sees the square of the workspace, as in a
cell.

With the multi-task network (--model fast-graspnext) it prints the objects that are surer than --min-score, and --out
writes a sheet of six panels.

Exit status: 0 a grasp was found, 1 there is none (each candidate's reason is printed), 2 bad input.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from gpnet_ros.commands.extra import graspnext_packages
from gpnet_ros.commands.region_source import add_region, region_of
from gpnet_ros.commands.runtime_source import add_runtime
from gpnet_ros.devices.recorded import load_frame
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.detection import answer_of, detect, detection_sentence, save_detection
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.network.card import read_card
from gpnet_ros.network.checkpoint import find
from gpnet_ros.network.detector import Detector, gray_note

#: An object that a person is told of is likelier there than not; figures of precision count less sure ones too.
SCORE_MIN = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet detect`."""
    parser.add_argument("color", type=Path, metavar="COLOR", help="colour image (png, jpg)")
    parser.add_argument("depth", type=Path, metavar="DEPTH", nargs="?", help="aligned depth image (16 bit png)")
    parser.add_argument("--camera", type=Path, help="JSON with fx, fy, cx, cy, width, height, depth_unit_m")
    add_region(parser)
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda", "auto"], help="where the network runs (cpu)")
    add_runtime(parser)
    parser.add_argument(
        "--min-quality", type=float, default=SelectSettings.quality_min, help="smallest Q* (%(default)s)"
    )
    parser.add_argument(
        "--min-score", type=float, default=SCORE_MIN, help="of an object of the multi-task network (%(default)s)"
    )
    parser.add_argument("--out", type=Path, help="folder for overlay.png and maps.npz, or panels.png")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Look for the grasp and print it; 0 grasp, 1 none."""
    started = time.perf_counter()
    if read_card(find(args.model)).architecture == "graspnext":
        return _see(args)
    settings = SelectSettings(quality_min=args.min_quality)
    region = region_of(args)
    frame = load_frame(args.color, args.depth, args.camera)
    frame = frame if region is None else region.applied(frame)
    frame.check()
    read = {"read": round((time.perf_counter() - started) * 1e3, 2)}
    detector = Detector(
        args.model,
        device=args.device,
        grid=None if region is None else region.view,
        runtime=args.runtime,
        precision=args.precision,
    )
    found = detect(frame, detector, settings)
    for note in filter(None, (detector.note, gray_note(frame, detector.card))):
        print(note, file=sys.stderr)
    answer = answer_of(found.grasp, found.rejected, frame)
    more: dict[str, object] = {"region": None if region is None else region.to_dict()}
    more["runtime"] = detector.told
    more["time_ms"] = read | found.time_ms
    if args.out is not None:
        more["files"] = save_detection(args.out, found)
    print(json.dumps(asdict(answer) | more) if args.json else detection_sentence(answer))
    return 0 if found.grasp is not None else 1


def _see(args: argparse.Namespace) -> int:
    """What the multi-task network sees; 0 objects, 1 none."""
    with graspnext_packages("This model"):
        from gpnet_ros.evaluation.graspnext.sighting import save_sighting, sighting_answer, sighting_sentence
        from gpnet_ros.network.graspnext.detector import load_scene_detector
    if not 0.0 <= args.min_score <= 1.0:
        raise BadInput(f"--min-score is {args.min_score}; it must lie between 0 and 1.")
    if (args.runtime, args.precision) != ("torch", "float32"):
        raise BadInput("--runtime and --precision are for grasp networks: torch runs this one, in float32.")
    if region_of(args) is not None:
        raise BadInput("--roi, --mask and --workspace are for grasp networks: this one looks at the whole picture.")
    frame = load_frame(args.color, args.depth, args.camera)
    if frame.is_gray:
        print("The picture is gray, but the model has learned from colours: give a colour picture.", file=sys.stderr)
    detector = load_scene_detector(args.model, "cpu" if args.device == "auto" else args.device)
    seen = detector(frame).surest(args.min_score)
    answer = sighting_answer(seen)
    if args.out is not None:
        answer["files"] = save_sighting(args.out, frame, seen)
    print(json.dumps(answer) if args.json else sighting_sentence(answer))
    return 0 if answer["objects"] else 1
