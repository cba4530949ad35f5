"""Measure the time from frame to grasp by stage and by runtime, beside the nets of GR-ConvNet and GG-CNN.

Every runtime that is installed (torch, ONNX Runtime, OpenVINO) is measured in float32, and in bfloat16 where the
processor is quicker in it; the maps are compared with those of torch in float32. What stands first is what --runtime
says; auto is what inference_node takes.

All nets see 224x224 px, batch 1, with batch norm folded, in interleaved rounds of the same run, so that a
busy machine disturbs all alike; values are medians, with the best round beside them. Baselines have random
weights: their time does not depend on them. "fused" is a baseline with its four heads as one convolution:
the same function, faster.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from gpnet_ros.commands.runtime_source import add_runtime
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.latency import latency_table, measure_latency


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench latency`."""
    parser.add_argument("--model", default="gpnet", help="name under models/ or path (gpnet)")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="cpu", help="where the nets run (cpu)")
    add_runtime(parser, "auto")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (15)")
    parser.add_argument("--threads", type=int, help="CPU threads; torch's own choice if not given")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure the times and print them."""
    if args.rounds < 1 or (args.threads is not None and args.threads < 1):
        raise BadInput(f"--rounds {args.rounds} and --threads {args.threads} must be 1 or more.")
    found = measure_latency(args.model, args.device, args.rounds, args.threads, args.runtime, args.precision)
    print(latency_table(found))
    if args.json:
        print(json.dumps(asdict(found)))
    return 0
