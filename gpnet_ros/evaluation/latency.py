"""The time from frame to grasp by stage and by runtime, beside the nets of GR-ConvNet and GG-CNN."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gpnet_ros.errors import ModelRefused
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.grasp import Grasp, candidates
from gpnet_ros.maps import NETWORK_SIDE, Grid, Maps
from gpnet_ros.network.baselines.ggcnn import GgCnn, GgCnn2
from gpnet_ros.network.baselines.grconvnet import GrConvNet
from gpnet_ros.network.baselines.orange import Orange
from gpnet_ros.network.detector import Detector, find_device, fold
from gpnet_ros.network.gpnet import WIDTHS, GPNet
from gpnet_ros.network.running import MAP_TOLERANCE
from gpnet_ros.network.runtimes import PRECISIONS, RUNTIMES, to_try

_MAPS = ("quality", "cos2", "sin2", "width", "priority")
_STAGES = ("grid", "normalise", "net", "decode", "total")
#: Camera of the measured frame: nominal colour intrinsics of a RealSense D435 at 640x480.
_CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)


@dataclass(frozen=True)
class RuntimeLatency:
    """One way to run the model, beside the others of the same rounds.

    Attributes:
        told: runtime with its version, and precision.
        frame_to_grasp_ms: of each stage of the whole path, and in total, medians [ms].
        best_ms: total of the best round [ms].
        ratio: total over that of torch in float32.
        largest_difference: of any map from that of torch in float32.
        equal: whether that is no more than rounding, and the first grasp is the same.
    """

    told: str
    frame_to_grasp_ms: dict[str, float]
    best_ms: float
    ratio: float
    largest_difference: float
    equal: bool


@dataclass(frozen=True)
class Latency:
    """Times of one model and of the nets beside it, medians over interleaved rounds.

    Attributes:
        frame_to_grasp_ms: of each stage of the whole path, and in total [ms], with the runtime that was asked for.
        nets_ms: of each net alone in torch [ms]; nets_best_ms: in its best round [ms].
        net_ratio: of each net, over the net of the model.
        device, threads, torch, processor: where and with what it was measured.
        model: name or path; weights: SHA-256 of its weights; rounds: how many were measured.
        told: the runtime that was asked for; runtimes: all that are installed.
    """

    frame_to_grasp_ms: dict[str, float]
    nets_ms: dict[str, float]
    nets_best_ms: dict[str, float]
    net_ratio: dict[str, float]
    device: str
    threads: int
    torch: str
    processor: str
    model: str
    weights: str
    rounds: int
    told: str
    runtimes: tuple[RuntimeLatency, ...]


def measure_latency(
    model: str,
    device: str,
    rounds: int,
    threads: int | None = None,
    runtime: str = "auto",
    precision: str = "float32",
) -> Latency:
    """Measure a model by all runtimes and the nets beside it in turn, so that a busy machine disturbs all alike.

    Args:
        model: name under `models/`, or path of a model's folder.
        device: "cpu", "cuda" or "auto".
        rounds: how many; one more comes before, to warm up.
        threads: of the runtimes on the CPU, from now on; torch's own choice without.
        runtime, precision: whose times stand first; see `Detector`.

    Raises:
        ModelRefused: see `Detector`.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    detector = Detector(model, device, _central_square, runtime=runtime, precision=precision)
    frame, nets = _frame(), _nets(detector.card.planes, detector.device)
    detector(frame)  # with auto the first picture may bring another runtime
    detectors = {detector.told: detector} | _all_runtimes(model, device, frame)
    paths: dict[str, list[dict[str, float]]] = {told: [] for told in detectors}
    times: dict[str, list[float]] = {name: [] for name in nets}
    for number in range(rounds + 1):
        walked = {told: _path(each, frame) for told, each in detectors.items()}
        alone = {name: _timed(net, detector.device) for name, net in nets.items()}
        if number == 0:  # the first round only warms up
            continue
        for told, path in walked.items():
            paths[told].append(path)
        for name, value in alone.items():
            times[name].append(value)
    medians = {name: round(float(np.median(values)), 2) for name, values in times.items()}
    own = _medians(paths[detector.told])
    return Latency(
        frame_to_grasp_ms=own,
        nets_ms=medians,
        nets_best_ms={name: round(min(values), 2) for name, values in times.items()},
        net_ratio={name: round(value / own["net"], 2) for name, value in medians.items()},
        device=str(detector.device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        processor=platform.processor() or platform.machine(),
        model=model,
        weights=detector.card.sha256,
        rounds=rounds,
        told=detector.told,
        runtimes=_compared(detectors, paths, frame),
    )


def _all_runtimes(model: str, device: str, frame: Frame) -> dict[str, Detector]:
    """Every installed runtime in every precision that is another on this machine; torch in float32 is the first."""
    found: dict[str, Detector] = {}
    for precision in PRECISIONS:
        for runtime in reversed(RUNTIMES):
            try:
                to_try(runtime, precision, on_gpu=find_device(device).type != "cpu")
                made = Detector(model, device, _central_square, runtime=runtime, precision=precision)
                made(frame)
                found.setdefault(made.told, made)
            except ModelRefused:  # it is not installed, has no such precision, or computes other maps
                continue
    return found


def _compared(
    detectors: dict[str, Detector], paths: dict[str, list[dict[str, float]]], frame: Frame
) -> tuple[RuntimeLatency, ...]:
    """All runtimes, the fastest first, beside torch in float32."""
    plain = next(told for told in detectors if told.startswith("torch") and told.endswith("float32"))
    wanted, slow = detectors[plain](frame), _medians(paths[plain])["total"]
    rows = []
    for told, detector in detectors.items():
        maps, medians = detector(frame), _medians(paths[told])
        off = max(float(np.abs(getattr(maps, name) - getattr(wanted, name)).max()) for name in _MAPS)
        equal = off <= MAP_TOLERANCE["float32"] and _grasp(maps, frame) == _grasp(wanted, frame)
        best = round(min(path["total"] for path in paths[told]), 2)
        ratio = round(medians["total"] / slow, 2)
        rows.append(RuntimeLatency(told, medians, best, ratio, float(f"{off:.2g}"), equal))
    return tuple(sorted(rows, key=lambda row: row.frame_to_grasp_ms["total"]))


def _grasp(maps: Maps, frame: Frame) -> tuple[float, ...] | None:
    """Pixel and angle of the first grasp, to the digits that a person sees."""
    found = next((c for c in candidates(maps, frame) if isinstance(c, Grasp)), None)
    return None if found is None else tuple(round(x, 1) for x in (*found.pixel, found.angle_deg))


def _medians(paths: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.median([path[name] for path in paths])), 2) for name in _STAGES}


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
    depth = np.full((_CAMERA.height, _CAMERA.width), 0.85, np.float32)
    color = np.full((_CAMERA.height, _CAMERA.width, 3), 120, np.uint8)
    for _ in range(6):
        v, u = rng.integers(120, 320), rng.integers(180, 420)
        area = (slice(v, v + rng.integers(20, 60)), slice(u, u + rng.integers(20, 60)))
        depth[area] -= 0.04
        color[area] = rng.integers(0, 255, 3)
    depth += rng.normal(0, 0.002, depth.shape).astype(np.float32)
    depth[rng.random(depth.shape) < 0.03] = np.nan
    return Frame(color, depth, _CAMERA)


def _central_square(frame: Frame) -> Grid:
    """The square in the middle of the frame on the network's grid, as with a configured workspace."""
    height, width = frame.shape
    side = min(height, width)
    return Grid(NETWORK_SIDE, NETWORK_SIDE, NETWORK_SIDE / side, ((width - side) / 2.0, (height - side) / 2.0))


def latency_table(found: Latency) -> str:
    """A table for a person with all times [ms]."""
    lines = [f"frame to grasp with {found.model} on {found.device} by {found.told}, {found.threads} threads [ms]"]
    lines += [f"  {name:22}{value:8.2f}" for name, value in found.frame_to_grasp_ms.items()]
    lines.append("by each runtime that is installed [ms]: net, total (best), total over torch's in float32, maps")
    for row in found.runtimes:
        net, total = row.frame_to_grasp_ms["net"], row.frame_to_grasp_ms["total"]
        maps = "equal" if row.equal else f"differ by {row.largest_difference:g}"
        lines.append(f"  {row.told:34}{net:8.2f}{total:8.2f} ({row.best_ms:.2f})  x{row.ratio:.2f}  {maps}")
    lines.append(f"net alone in torch, 224x224, batch 1 [ms]: median (best), and over the net of {found.model}")
    for name, value in found.nets_ms.items():
        lines.append(f"  {name:22}{value:8.2f} ({found.nets_best_ms[name]:.2f})  x{found.net_ratio[name]:.2f}")
    return "\n".join(lines)
