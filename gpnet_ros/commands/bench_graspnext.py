"""Measure the time of multi-task networks for one image beside the ResNet reference: medians of the same run.

    gpnet bench graspnext --out runs/latency.json                        # all: hours on one core, goes on where it was
    gpnet bench graspnext --runtimes eager-bf16 --sides 1200 --networks fast-graspnext --out runs/latency.json

A network is a name in models/ or of the paper, a model's folder, or a winner.json of gpnet search; resnet-graspnext
runs in every group, since a ratio counts only within one run. A group is one runtime at one size; its networks take
turns.

inside the time   normalising, trunk, feature pyramid, proposals (1000) with their suppression, RoIAlign and box head,
                  suppression of detections, RoIAlign and heads of masks and occlusion (10 or 100), both dense heads
outside           reading and scaling the picture, pasting masks into it

Batch norm is folded, tensors lie channels last, weights are random (times do not depend on them). eager-bf16 is
torch's autocast. With OpenVINO (pip install openvino==2026.4.1, for int8 nncf==3.4.0 too) convolutions and matrices are
compiled; choosing, suppressing and RoIAlign stay with torch; int8 leaves to bfloat16 what is not quantised. The paper's
"FLOPs" are multiply-adds: both are printed.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from gpnet_ros.commands.extra import graspnext_packages

_REFERENCE = "resnet-graspnext"
_FOUR = ("fast-graspnext", _REFERENCE, "efficientnet-graspnext", "mobilenet-graspnext")
_SIDES, _DETECTIONS = (1200, 512), (10, 100)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench graspnext`."""
    add = parser.add_argument
    add("--networks", nargs="+", default=list(_FOUR), help="names, model folders or winner.json (the paper's four)")
    add("--runtimes", nargs="+", help="of eager-fp32, eager-bf16, openvino-fp32, openvino-bf16, openvino-int8 (all)")
    add("--sides", nargs="+", type=int, default=list(_SIDES), help="of the image [px] (1200 512)")
    add("--detections", nargs="+", type=int, default=list(_DETECTIONS), help="regions of the mask heads (10 100)")
    add("--proposals", type=int, default=1000, help="regions of the box head (1000)")
    add("--repeats", type=int, default=5, help="turns of each network beside the first (5)")
    add("--threads", type=int, default=1, help="CPU threads (1)")
    add("--out", type=Path, help="JSON file: groups measured as they are asked for are read from there, others added")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure group after group and print each."""
    with graspnext_packages("This measurement"):
        from gpnet_ros.evaluation.graspnext.latency import (
            RUNTIMES,
            LatencyProtocol,
            latency_lines,
            measure_scene_latency,
            measuring_machine,
        )
        from gpnet_ros.training.graspnext.found_network import chosen_networks
    runtimes = tuple(args.runtimes or RUNTIMES)
    sizes = {"sides": tuple(args.sides), "detections": tuple(args.detections), "proposals": args.proposals}
    protocol = LatencyProtocol(runtimes, **sizes, repeats=args.repeats, threads=args.threads)
    networks = chosen_networks(dict.fromkeys([*args.networks, _REFERENCE]))
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for group in measure_scene_latency(networks, _REFERENCE, protocol, args.out):
        print(latency_lines(group), flush=True)
        rows += [asdict(row) for row in group]
    if args.json:
        about = {"reference": _REFERENCE, "protocol": asdict(protocol), "machine": measuring_machine()}
        print(json.dumps({**about, "rows": rows}))
    return 0
