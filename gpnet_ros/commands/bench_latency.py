"""Measure the time from frame to grasp by stage, beside the nets of GR-ConvNet and GG-CNN.

All nets see 224x224 px, batch 1, with batch norm folded, in interleaved rounds of the same run, so that a
busy machine disturbs all alike; values are medians, with the best round beside them. Baselines have random
weights: their time does not depend on them. "fused" is a baseline with its four heads as one convolution:
the same function, faster.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import Grasp, candidates
from gpnet_ros.maps import NETWORK_SIDE, Grid
from gpnet_ros.network.baselines.ggcnn import GgCnn, GgCnn2
from gpnet_ros.network.baselines.grconvnet import GrConvNet
from gpnet_ros.network.baselines.orange import Orange
from gpnet_ros.network.detector import Detector, fold
from gpnet_ros.network.gpnet import WIDTHS, GPNet

#: Stages of the whole path, in order.
STAGES = ("grid", "normalise", "net", "decode")
#: Camera of the measured frame: nominal colour intrinsics of a RealSense D435 at 640x480.
CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `gpnet bench latency`."""
    parser.add_argument("--model", default="gpnet", help="name under models/ or path (gpnet)")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="cpu", help="where the nets run (cpu)")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (15)")
    parser.add_argument("--threads", type=int, help="CPU threads; torch's own choice if not given")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.rounds < 1 or (args.threads is not None and args.threads < 1):
        raise BadInput(f"--rounds {args.rounds} and --threads {args.threads} must be 1 or more.")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    detector = Detector(args.model, args.device, grid=_central_square)
    result = measure(detector, args.rounds) | {"model": str(args.model), "rounds": args.rounds}
    _print_table(result)
    if args.json:
        print(json.dumps(result))
    return 0


def measure(detector: Detector, rounds: int) -> dict:
    """Times [ms] by stage and by net, medians over interleaved rounds.

    Returns:
        `frame_to_grasp` (per stage and total), `nets` (per net), `net_ratio` (per net, over this model's net).
    """
    frame, device = _frame(), detector.device
    nets = _nets(detector.card.planes, device)
    stages: dict[str, list[float]] = {name: [] for name in (*STAGES, "total")}
    times: dict[str, list[float]] = {name: [] for name in nets}
    for number in range(rounds + 1):
        path = _path(detector, frame)
        alone = {name: _timed(net, device) for name, net in nets.items()}
        if number == 0:  # the first round only warms up
            continue
        for name, value in path.items():
            stages[name].append(value)
        for name, value in alone.items():
            times[name].append(value)
    medians = {name: round(float(np.median(values)), 2) for name, values in times.items()}
    own = float(np.median(stages["net"]))
    return {
        "frame_to_grasp_ms": {name: round(float(np.median(values)), 2) for name, values in stages.items()},
        "nets_ms": medians,
        "nets_best_ms": {name: round(min(values), 2) for name, values in times.items()},
        "net_ratio": {name: round(value / own, 2) for name, value in medians.items()},
        "device": str(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
    }


def _path(detector: Detector, frame: Frame) -> dict[str, float]:
    """One frame to its first grasp."""
    begin = time.perf_counter()
    maps = detector(frame)
    mapped = time.perf_counter()
    next((c for c in candidates(maps, frame) if isinstance(c, Grasp)), None)
    done = time.perf_counter()
    return {**detector.time_ms, "decode": 1e3 * (done - mapped), "total": 1e3 * (done - begin)}


def _nets(channels: int, device: torch.device) -> dict[str, Callable[[], object]]:
    """A call of each net on one input, as the detector would run it."""
    kinds: dict[str, nn.Module] = {
        "gpnet-s": GPNet(channels, WIDTHS["s"]),
        "gpnet-m": GPNet(channels),
        "gpnet-m without CGC": GPNet(channels, context="none"),
        "ggcnn": GgCnn(channels),
        "ggcnn fused": GgCnn(channels, fused=True),
        "ggcnn2": GgCnn2(channels),
        "grconvnet": GrConvNet(channels),
        "orange ggcnn2": Orange(channels, "ggcnn2"),
    }
    x = torch.randn(1, channels, NETWORK_SIDE, NETWORK_SIDE).to(device, memory_format=torch.channels_last)

    def call(net: nn.Module) -> Callable[[], object]:
        ready = fold(net.eval()).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return lambda: ready(x).cpu()

    return {name: call(net) for name, net in kinds.items()}


def _timed(call: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    with torch.inference_mode():
        call()
    return 1e3 * (time.perf_counter() - begin)


def _frame() -> Frame:
    """A table with boxes, with noise and holes: the time of decoding depends little on what is seen."""
    rng = np.random.default_rng(0)
    depth = np.full((CAMERA.height, CAMERA.width), 0.85, np.float32)
    color = np.full((CAMERA.height, CAMERA.width, 3), 120, np.uint8)
    for _ in range(6):
        v, u = rng.integers(120, 320), rng.integers(180, 420)
        area = (slice(v, v + rng.integers(20, 60)), slice(u, u + rng.integers(20, 60)))
        depth[area] -= 0.04
        color[area] = rng.integers(0, 255, 3)
    depth += rng.normal(0, 0.002, depth.shape).astype(np.float32)
    depth[rng.random(depth.shape) < 0.03] = np.nan
    return Frame(color, depth, CAMERA)


def _central_square(frame: Frame) -> Grid:
    """The square in the middle of the frame on the network's grid, as with a configured workspace."""
    height, width = frame.shape
    side = min(height, width)
    return Grid(NETWORK_SIDE, NETWORK_SIDE, NETWORK_SIDE / side, ((width - side) / 2.0, (height - side) / 2.0))


def _print_table(result: dict) -> None:
    print(f"frame to grasp with {result['model']} on {result['device']}, {result['threads']} threads [ms]")
    for name, value in result["frame_to_grasp_ms"].items():
        print(f"  {name:22}{value:8.2f}")
    print(f"net alone, 224x224, batch 1 [ms]: median (best), and over the net of {result['model']}")
    for name, value in result["nets_ms"].items():
        print(f"  {name:22}{value:8.2f} ({result['nets_best_ms'][name]:.2f})  x{result['net_ratio'][name]:.2f}")
