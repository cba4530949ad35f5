"""A table of measured times of all pieces of a space on this machine; a network's time is estimated by their sum.

Multiply-adds tell little of time: depthwise convolutions do few and wait for memory. Proposals' sorting and non-maximum
suppression are in no piece; what they take is measured on a whole network and kept as the table's rest. How well the
sum agrees with whole networks is measured too (`checked`) and stands on the search's page. Times are those of the
processor on one thread: what other programs take of it meanwhile does not count.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import Architecture
from gpnet_ros.network.graspnext.network import GraspNeXt, Sampling
from gpnet_ros.training.search.pieces import Piece, Protocol, built, pieces
from gpnet_ros.training.search.space import LITE_WHOLE, Space

#: Proposals before the overlapping ones are dropped, for whole networks.
_BEFORE = 1000


@dataclass(frozen=True)
class LatencyTable:
    """Times of pieces on one machine.

    Attributes:
        protocol: sizes that they were measured at. milliseconds: of each piece. rest: of what is in no piece [ms].
        machine: on which it was measured.
    """

    protocol: Protocol
    milliseconds: dict[Piece, float]
    rest: float
    machine: str

    def estimate(self, architecture: Architecture) -> float:
        """Time of one image [ms].

        Raises:
            BadInput: a piece is not in the table.
        """
        total = self.rest
        for found in pieces(architecture).values():
            for piece, times in found.items():
                if piece not in self.milliseconds:
                    raise BadInput(f"The latency table knows no {piece}: measure it for this space.")
                total += times * self.milliseconds[piece]
        return total

    def as_json(self) -> dict[str, Any]:
        """The table as plain lists, numbers and words."""
        rows = [[p.kind, list(p.sizes), p.stride, ms] for p, ms in sorted(self.milliseconds.items())]
        return {"machine": self.machine, "protocol": asdict(self.protocol), "rest": self.rest, "milliseconds": rows}

    @property
    def digest(self) -> str:
        """A sum of all that is in the table."""
        return hashlib.sha256(json.dumps(self.as_json()).encode()).hexdigest()

    @classmethod
    def load(cls, path: Path) -> LatencyTable:
        """Read a table from a file.

        Raises:
            BadInput: there is none, or it is damaged.
        """
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            times = {Piece(kind, tuple(sizes), stride): float(ms) for kind, sizes, stride, ms in said["milliseconds"]}
            return cls(Protocol(**said["protocol"]), times, float(said["rest"]), str(said["machine"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{path} is no latency table ({error}): give the latency.json of a search.") from error


def space_pieces(space: Space) -> set[Piece]:
    """Every piece that a point of the space may need."""
    values = {v.name: v.values for v in space.variables}
    groups = (
        ("stem", "width1", "depth1", "width2", "expansion2", "fused2"),
        ("width2", "width3", "expansion3", "kernel3"),
        ("width3", "width4", "expansion4", "kernel4"),
        *(("neck", f"width{stage}") for stage in range(1, 5)),
        ("neck", "box"),
        ("neck", "mask_width", "mask_count"),
        ("neck", "mask_width", "occlusion_width", "occlusion_count"),
        ("neck", "mass_width", "mass_count"),
        ("neck", "suction_width", "suction_count"),
    )
    found: set[Piece] = set()
    # Condensers stand in the smallest nets too, once the condensers stand after every block; of a trunk from ImageNet
    # the blocks and condensers of the largest are those of all.
    first = {name: allowed[0] for name, allowed in values.items()}
    first |= {v.name: v.values[-1] for v in space.variables if space.imagenet and v.name in LITE_WHOLE}
    for group in groups:
        group = tuple(name for name in group if name in values)
        for chosen in product(*(values[name] for name in group)):
            point = space.point(first | dict(zip(group, chosen, strict=True)))
            for of_component in pieces(space.architecture(point)).values():
                found |= set(of_component)
    return found


def measure(space: Space, protocol: Protocol, machine: str, whole: Architecture, repeats: int = 3) -> LatencyTable:
    """Time all pieces of a space on this processor, in float32; torch must be set to one thread.

    Args:
        space: of the search. protocol: sizes. machine: its name, for whoever reads the table.
        whole: network by which the rest is found. repeats: of which the quickest counts: others met a cold cache.
    """
    times = {piece: _piece_time(piece, protocol, repeats) for piece in sorted(space_pieces(space))}
    bare = LatencyTable(protocol, times, 0.0, machine)
    return LatencyTable(protocol, times, max(0.0, whole_time(whole, protocol, repeats) - bare.estimate(whole)), machine)


@torch.inference_mode()
def _piece_time(piece: Piece, protocol: Protocol, repeats: int) -> float:
    net, arguments = built(piece, protocol)
    net = net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    quick = tuple(_channels_last(argument) for argument in arguments)
    return _quickest(lambda: net(*quick), repeats)


def _channels_last(argument: Any) -> Any:
    if isinstance(argument, torch.Tensor):
        return argument.to(memory_format=torch.channels_last) if argument.ndim == 4 else argument
    if isinstance(argument, list):
        return [_channels_last(each) for each in argument]
    return {k: _channels_last(v) for k, v in argument.items()} if isinstance(argument, dict) else argument


@torch.inference_mode()
def whole_time(architecture: Architecture, protocol: Protocol, repeats: int = 3) -> float:
    """Time of one image through a whole network with random weights [ms], the quickest of some."""
    sampling = Sampling(protocol.proposals, _BEFORE, protocol.detections, score_min=0.0)
    torch.manual_seed(0)
    net = GraspNeXt(architecture, protocol.side, sampling).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(1, 3, protocol.side, protocol.side).to(memory_format=torch.channels_last)
    return _quickest(lambda: net.see(image), repeats)


def _quickest(work: Callable[[], object], repeats: int) -> float:
    work()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times) * 1e3


@dataclass(frozen=True)
class LatencyCheck:
    """How well a table agrees with whole networks.

    Attributes:
        estimated, measured: times of the same networks [ms].
    """

    estimated: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def off(self) -> float:
        """Largest difference as a share of what was measured."""
        return float(np.max(np.abs(np.divide(self.estimated, self.measured) - 1.0)))


def checked(table: LatencyTable, nets: Sequence[Architecture], repeats: int = 3) -> LatencyCheck:
    """Time whole networks and compare."""
    estimates: Iterable[float] = (table.estimate(net) for net in nets)
    return LatencyCheck(tuple(estimates), tuple(whole_time(net, table.protocol, repeats) for net in nets))
