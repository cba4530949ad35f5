"""The time that multi-task networks take for one image, beside that of the ResNet reference in the same run.

The protocol: one image of side x side pixels, random; batch norm folded; exactly 1000 proposals through the box head
and exactly 10 or 100 detections through masks and occlusion, whatever a network finds; networks of a group take turns,
and medians of all turns but the first, which warms up, are compared. Inside the time: normalising, trunk, pyramid,
proposals with their suppression, RoIAlign and box head, suppression of detections, RoIAlign and the heads of masks and
occlusion, both dense heads. Outside: reading and scaling the picture, and pasting masks into it. Weights are random,
with batch norms that have seen one picture: convolutions take no longer for trained ones. With OpenVINO what
torchvision does (choosing and suppressing, RoIAlign) stays with torch.
"""

from __future__ import annotations

import gc
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.network.graspnext.compiled import PRECISIONS, compiled_parts, require_compiler
from gpnet_ros.network.graspnext.cost import network_cost
from gpnet_ros.network.graspnext.network import GraspNeXt
from gpnet_ros.network.graspnext.stages import StagedNetwork, eager_parts, prepared

RUNTIMES = ("eager-fp32", "eager-bf16", *(f"openvino-{precision}" for precision in PRECISIONS))
#: Regions that the box head reads.
PROPOSALS = 1000
#: Side [px] of the picture that batch norms see.
_SEEN = 256


@dataclass(frozen=True)
class LatencyProtocol:
    """What is measured.

    Attributes:
        runtimes: of `RUNTIMES`. sides: of the image [px]. detections: numbers of regions of the mask heads.
        repeats: turns of each network beside the first. threads: of the processor.
        proposals: regions of the box head.
    """

    runtimes: tuple[str, ...] = RUNTIMES
    sides: tuple[int, ...] = (1200, 512)
    detections: tuple[int, ...] = (10, 100)
    repeats: int = 5
    threads: int = 1
    proposals: int = PROPOSALS

    def __post_init__(self) -> None:
        for name in ("sides", "detections", "repeats", "threads", "proposals"):
            value = getattr(self, name)
            if min(value if isinstance(value, tuple) else (value,)) < 1:
                raise BadInput(f"--{name} is {value}; allowed: 1 or more.")
        for runtime in self.runtimes:
            if runtime not in RUNTIMES:
                raise BadInput(f"--runtimes names {runtime!r}; allowed: {', '.join(RUNTIMES)}.")
            if runtime.startswith("openvino-"):
                require_compiler(runtime.removeprefix("openvino-"))


@dataclass(frozen=True)
class LatencyRow:
    """One network at one size in one runtime.

    Attributes:
        network: its name. runtime: of `RUNTIMES`. side: of the image [px]. detections: regions of the mask heads.
        stages_ms: median of each stage [ms], see `network.graspnext.stages`. ms: median of all stages together [ms];
            best_ms: in its quickest turn.
        ratio: time of the reference over this one, medians of the same run.
        parameters_M: weights in millions; GMAC: multiply-adds at this size in billions; GFLOP: twice as many. The
            paper's "FLOPs" are multiply-adds.
    """

    network: str
    runtime: str
    side: int
    detections: int
    stages_ms: dict[str, float]
    ms: float
    best_ms: float
    ratio: float
    parameters_M: float
    GMAC: float
    GFLOP: float


def measure_scene_latency(
    networks: Mapping[str, Architecture], reference: str, protocol: LatencyProtocol, kept: Path | None = None
) -> Iterator[list[LatencyRow]]:
    """Measure group after group: one runtime at one side, all networks in turn; each group as it is done.

    Args:
        networks: by name; the reference is one of them.
        reference: by which the others are divided.
        protocol: what is measured.
        kept: file to which each group is written, and from which it is read where it was measured as it is asked for.
    """
    torch.set_num_threads(protocol.threads)
    done = _read(kept)
    for runtime in protocol.runtimes:
        for side in protocol.sides:
            asked = json.dumps([_asked(networks, protocol), runtime, side], sort_keys=True)
            if asked in done:
                yield [LatencyRow(**row) for row in done[asked]]
                continue
            rows = _group(networks, reference, protocol, runtime, side)
            done[asked] = [asdict(row) for row in rows]
            if kept is not None:
                draft = kept.with_name(kept.name + ".new")
                draft.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
                os.replace(draft, kept)
            yield rows


def _asked(networks: Mapping[str, Architecture], protocol: LatencyProtocol) -> list[Any]:
    nets = {name: net.as_json() for name, net in networks.items()}
    return [nets, protocol.detections, protocol.repeats, protocol.threads, protocol.proposals]


def _read(kept: Path | None) -> dict[str, Any]:
    if kept is None or not kept.is_file():
        return {}
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
        assert isinstance(found, dict)
    except (ValueError, AssertionError) as error:
        raise BadInput(f"{kept} is not what gpnet bench graspnext writes: remove it, or give another --out.") from error
    return found


def _group(
    networks: Mapping[str, Architecture], reference: str, protocol: LatencyProtocol, runtime: str, side: int
) -> list[LatencyRow]:
    image = torch.rand(1, 3, side, side).to(memory_format=torch.channels_last)
    staged = {name: _staged(net, runtime, image, protocol) for name, net in networks.items()}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in networks}
    for turn in range(protocol.repeats + 1):
        for name, net in staged.items():
            times = net(image)
            if turn:  # the first one only warms up
                turns[name].append(times)
    del staged
    gc.collect()
    rows = []
    for count in protocol.detections:
        slow = float(np.median([_total(times, count) for times in turns[reference]]))
        for name, sizes in networks.items():
            totals = [_total(times, count) for times in turns[name]]
            cost = network_cost(sizes, side, protocol.proposals, count)
            middle = float(np.median(totals))
            size = (round(cost.millions, 2), round(cost.gmac, 1), round(2 * cost.gmac, 1))
            stages = _medians(turns[name], count)
            best, ratio = round(min(totals), 1), round(slow / middle, 2)
            rows.append(LatencyRow(name, runtime, side, count, stages, round(middle, 1), best, ratio, *size))
    return rows


def _staged(net: Architecture, runtime: str, image: Tensor, protocol: LatencyProtocol) -> StagedNetwork:
    torch.manual_seed(0)
    whole = GraspNeXt(net, image.shape[-1]).train()
    with torch.no_grad():
        whole.joined(torch.rand(2, 3, _SEEN, _SEEN))  # without it deep layers get numbers near zero, or huge ones
    ready = prepared(whole)
    kind, precision = runtime.split("-")
    if kind == "eager":
        parts = eager_parts(ready, precision == "bf16")
    else:
        with torch.no_grad():
            parts = compiled_parts(ready, precision, image, protocol.proposals, protocol.detections, protocol.threads)
    return StagedNetwork(ready, parts, protocol.proposals, protocol.detections)


def _stages(times: Mapping[str, float], count: int) -> dict[str, float]:
    """The stages of one image with so many detections."""
    known = {name: ms for name, ms in times.items() if not name.startswith("regions")}
    return {**known, "regions": times[f"regions of {count}"]}


def _total(times: Mapping[str, float], count: int) -> float:
    return sum(_stages(times, count).values())


def _medians(turns: Sequence[Mapping[str, float]], count: int) -> dict[str, float]:
    stages = [_stages(times, count) for times in turns]
    return {name: round(float(np.median([each[name] for each in stages])), 1) for name in stages[0]}


def measuring_machine() -> dict[str, str]:
    """What processor and which torch measured."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="ignore").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"processor": names[0] if names else platform.machine(), "torch": torch.__version__}


def latency_lines(rows: Sequence[LatencyRow]) -> str:
    """A table of a group for a person [ms]."""
    first = rows[0]
    stages = list(first.stages_ms)
    lines = [f"{first.runtime}, {first.side}x{first.side} px [ms]: median (best), ratio to the reference, stages"]
    heading = f"  {'network':26}{'det.':>5}{'M':>7}{'GMAC':>8}{'GFLOP':>8}{'ms':>10}{'(best)':>11}{'ratio':>7}"
    lines.append(heading + "".join(f"{name:>12}" for name in stages))
    for row in rows:
        size = f"{row.parameters_M:>7.2f}{row.GMAC:>8.1f}{row.GFLOP:>8.1f}"
        times = f"{row.ms:>10.1f}{f'({row.best_ms:.1f})':>11}{row.ratio:>7.2f}"
        shown = "".join(f"{row.stages_ms[name]:>12.1f}" for name in stages)
        lines.append(f"  {row.network:26}{row.detections:>5}{size}{times}{shown}")
    return "\n".join(lines)
