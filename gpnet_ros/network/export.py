"""A model as ONNX or OpenVINO file, compared with torch before it is kept."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Grid
from gpnet_ros.network import checkpoint
from gpnet_ros.network.baselines.orange import Orange, lead
from gpnet_ros.network.card import Card
from gpnet_ros.network.detector import fold
from gpnet_ros.network.exported import OUTPUT_MAPS, SUFFIX, exported_runtime, write_exported
from gpnet_ros.normalise import normalise

#: Q of two bins that differ by less may change places in another runtime.
_ROUNDING = 1e-6
#: What reads a kind of file back.
_RUN_BY = {"onnx": "onnxruntime", "openvino": "openvino"}
_PARTS = {"onnx": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}


@dataclass(frozen=True)
class Exported:
    """A model that was exported, or would have been if it had agreed.

    Attributes:
        model: name or path; to: kind of file; file: path of it.
        size: width and height of the input [px].
        bytes: of all files.
        compared_on: number of inputs.
        largest_difference: to torch, by name of the map; NaN where one of the two is NaN.
        tolerance: largest difference that is allowed; undecided: share of pixels that were compared in Q and P only.
        agrees: whether all maps differ by no more than the tolerance; only then the files are kept.
    """

    model: str
    to: str
    file: str
    size: tuple[int, int]
    bytes: int
    compared_on: int
    largest_difference: dict[str, float]
    tolerance: float
    undecided: float
    agrees: bool


class FiveMaps(nn.Module):
    """A network whose output always has five maps; P is 1 where there is no priority head."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)  # the exporter puts every part into the mode of the whole

    def forward(self, x: Tensor) -> Tensor:
        """Five maps of an input, (1, C, H, W) to (1, 5, H, W)."""
        maps: Tensor = self.net(x)
        return torch.cat([maps, torch.ones_like(maps[:, :1])], dim=1) if maps.shape[1] == 4 else maps

    def undecided(self, x: Tensor) -> Tensor:
        """Pixels whose angle and width hang on the rounding of Q, (1, C, H, W) to (1, H, W) bool."""
        if isinstance(self.net, Orange):
            return lead(self.net.raw(x)) < _ROUNDING
        return torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)


def export_model(
    model: str, to: str, path: Path, size: tuple[int, int], tolerance: float, frames: Sequence[Frame]
) -> Exported:
    """Write a model in another format, and keep it if its own runtime computes the same maps.

    Args:
        model: name under `models/`, or path of a model's folder.
        to: key of `SUFFIX`.
        path: of the file; the ending is put behind it if missing.
        size: (width, height) of the input [px].
        tolerance: largest difference of any map.
        frames: real ones, to compare on beside waves, noise and zeros.

    Raises:
        BadInput: a library is missing.
        ModelRefused: the model cannot be used.
    """
    _require(to)
    net, card = checkpoint.load(model)
    net = FiveMaps(fold(net))
    width, height = size
    path = path if path.suffix == SUFFIX[to] else path.with_name(path.name + SUFFIX[to])
    inputs = comparison_inputs(card, height, width, frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as draft:
        made = write_exported(net, card, to, Path(draft) / path.name, (height, width))
        differences, undecided = largest_differences(net, exported_runtime(made, _RUN_BY[to]), inputs)
        agrees = all(value <= tolerance for value in differences.values())  # NaN does not
        taken = sum(p.stat().st_size for p in _files(made))
        if agrees:
            for part in _files(made):
                os.replace(part, path.parent / part.name)
    return Exported(model, to, str(path), size, taken, len(inputs), differences, tolerance, undecided, agrees)


def _require(to: str) -> None:
    missing = [name for name in _PARTS[to] if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"--to {to} needs {', '.join(missing)}: pip install {' '.join(missing)}, then run this again.")


def largest_differences(
    net: FiveMaps, exported: Callable[[Floats], Floats], inputs: Sequence[Floats]
) -> tuple[dict[str, float], float]:
    """Largest difference of each map, NaN where one of the two is NaN, and the share of undecided pixels.

    Undecided pixels (`FiveMaps.undecided`) are compared in Q and P only.
    """
    largest, undecided = np.zeros(len(OUTPUT_MAPS)), []
    for x in inputs:
        with torch.inference_mode():
            wanted = net(torch.from_numpy(x)).numpy()
            unsure = net.undecided(torch.from_numpy(x)).numpy()
        differs = np.abs(wanted - exported(x))
        differs[:, 1:4] *= ~unsure[:, None]
        largest = np.maximum(largest, differs.max(axis=(0, 2, 3)))
        undecided.append(float(unsure.mean()))
    found = {name: float(f"{value:.3g}") for name, value in zip(OUTPUT_MAPS, largest, strict=True)}
    return found, float(f"{np.mean(undecided):.3g}")


def comparison_inputs(card: Card, height: int, width: int, frames: Sequence[Frame]) -> list[Floats]:
    """Waves, noise, zeros and frames as inputs of a network, each (1, C, height, width)."""
    v, u = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(0.31 * (c + 1) * u) * np.cos(0.17 * (c + 2) * v) for c in range(card.planes)])
    noise = np.random.default_rng(0).normal(size=waves.shape)
    planes = [waves, noise, np.zeros_like(waves), *(_on_grid(frame, card, height, width) for frame in frames)]
    return [np.ascontiguousarray(p[None], dtype=np.float32) for p in planes]


def _on_grid(frame: Frame, card: Card, height: int, width: int) -> Floats:
    """The middle of a frame as the network's input."""
    rows, columns = frame.shape
    scale = max(height / rows, width / columns)
    grid = Grid(width, height, scale, ((columns - width / scale) / 2, (rows - height / scale) / 2))
    color = None if frame.color is None else grid.warp_color(frame.color)
    depth = None if frame.depth is None else grid.warp_depth(frame.depth)
    return normalise(color, depth, card.channels, card.normalisation)


def _files(path: Path) -> list[Path]:
    return [path] if path.suffix == SUFFIX["onnx"] else [path, path.with_suffix(".bin")]


def export_sentence(found: Exported) -> str:
    """A sentence for a person: what was exported, or why it was not."""
    differences = ", ".join(f"{name} {value:.2g}" for name, value in found.largest_difference.items())
    said = f"largest difference to torch on {found.compared_on} inputs: {differences}"
    if found.undecided:
        said += f"; {found.undecided:.1%} of the pixels, whose best bins are as good as each other, in Q only"
    if not found.agrees:
        return f"Not written: {said}; allowed is {found.tolerance:g}. The runtime computes something else."
    return f"{found.file}, {found.bytes / 1e6:.2f} MB, input {found.size[0]}x{found.size[1]}; {said}"
