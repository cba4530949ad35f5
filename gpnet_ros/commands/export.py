"""Write a model as ONNX or OpenVINO file, and check that it computes the same maps.

    gpnet export --model gpnet --to onnx --out gpnet.onnx

Input `input`: (1, C, height, width) float32, what `gpnet_ros.normalise.normalise` makes of a view; which one and which
channels stands in the file's metadata. Output `maps`: (1, 5, height, width): Q, cos 2θ, sin 2θ, W, P, not clamped; a
network without a priority head gives P = 1. The size is fixed: 224 x 224 is what a cell sees, and runtimes are
fastest when they know it; --size makes another. Batch norms are folded.

The exported file is read back with its own runtime and run on real frames, random noise and waves beside torch. It is
only kept if no map differs by more than --tolerance; the largest differences are printed. ORANGE takes angle and width
from each pixel's best bin: where two bins are as good as each other rounding decides, so that such pixels are not
compared but counted.

Needs the package's extra: pip install "gpnet_ros[export]" (onnx and onnxruntime; OpenVINO needs openvino, too).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gpnet_ros.devices.recorded import load_frame
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.maps import NETWORK_SIDE, WIDTH_SCALE, Grid
from gpnet_ros.network import checkpoint
from gpnet_ros.network.baselines.orange import Orange, lead
from gpnet_ros.network.card import Card
from gpnet_ros.network.detector import fold
from gpnet_ros.normalise import normalise

Floats = NDArray[np.float32]
#: Order of the maps in the output.
MAPS = ("quality", "cos2", "sin2", "width", "priority")
#: Ending of each kind of file.
SUFFIX = {"onnx": ".onnx", "openvino": ".xml"}
#: Operators of ONNX 1.12: the first that has layer normalisation, and old enough for every runtime of 2022 and later.
OPSET = 17
#: Q of two bins that differ by less may change places in another runtime.
ROUNDING = 1e-6
_PARTS = {"onnx": ("onnx", "onnxruntime"), "openvino": ("onnx", "onnxruntime", "openvino")}


class FiveMaps(nn.Module):
    """A network whose output always has five maps; P is 1 where there is no priority head."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)  # the exporter puts every part into the mode of the whole

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, H, W) to (1, 5, H, W)."""
        maps: Tensor = self.net(x)
        return torch.cat([maps, torch.ones_like(maps[:, :1])], dim=1) if maps.shape[1] == 4 else maps

    def undecided(self, x: Tensor) -> Tensor:
        """(1, H, W) bool: pixels whose angle and width hang on the rounding of Q."""
        if isinstance(self.net, Orange):
            return lead(self.net.raw(x)) < ROUNDING
        return torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet export`."""
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--to", choices=tuple(SUFFIX), default="onnx", help="kind of file (onnx)")
    parser.add_argument("--out", type=Path, required=True, help="the file; .onnx or .xml is put behind it if missing")
    parser.add_argument("--size", type=size, default=(NETWORK_SIDE, NETWORK_SIDE), help="WIDTHxHEIGHT (224x224)")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="largest difference of any map (0.001)")
    parser.add_argument(
        "--frames", type=Path, help="folder of frames to compare on (test/data/real_frames, if it is there)"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Export; 1 when the maps differ by more than the tolerance."""
    if not args.tolerance > 0:
        raise BadInput(f"--tolerance is {args.tolerance}; it must be positive, 0.001 is usual.")
    _require(args.to)
    net, card = checkpoint.load(args.model)
    net = FiveMaps(fold(net))
    width, height = args.size
    path = args.out if args.out.suffix == SUFFIX[args.to] else args.out.with_name(args.out.name + SUFFIX[args.to])
    inputs = comparison_inputs(card, height, width, args.frames or _own_frames())
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as draft:
        made = write(net, card, args.to, Path(draft) / path.name, (height, width))
        differences, undecided = compare(net, runtime(made), inputs)
        answer = {
            **{"model": str(args.model), "to": args.to, "file": str(path), "size": [width, height]},
            **{"bytes": sum(p.stat().st_size for p in _files(made)), "compared_on": len(inputs)},
            **{"largest_difference": differences, "tolerance": args.tolerance, "undecided": undecided},
            "agrees": all(value <= args.tolerance for value in differences.values()),  # NaN does not
        }
        if answer["agrees"]:
            for part in _files(made):
                os.replace(part, path.parent / part.name)
    print(json.dumps(answer) if args.json else sentence(answer))
    return 0 if answer["agrees"] else 1


def size(text: str) -> tuple[int, int]:
    """Width and height of what a user typed: `300x224`, or `224` for a square."""
    parts = text.lower().split("x")
    width, height = (int(part) for part in (parts * 2 if len(parts) == 1 else parts))
    if width % 4 or height % 4 or min(width, height) < 64:
        raise argparse.ArgumentTypeError(f"{text} must be divisible by 4, and 64 or more")
    return width, height


def _require(to: str) -> None:
    missing = [name for name in _PARTS[to] if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"--to {to} needs {', '.join(missing)}: pip install {' '.join(missing)}, then run this again.")


def write(net: nn.Module, card: Card, to: str, path: Path, shape: tuple[int, int]) -> Path:
    """Write the file.

    Args:
        net: with five maps, in evaluation mode.
        card: of it, for the metadata.
        to: key of `SUFFIX`.
        path: of the file, with its ending.
        shape: (height, width) of the input.

    Returns:
        The path; OpenVINO's weights lie beside it.
    """
    as_onnx = path if to == "onnx" else path.with_suffix(".onnx")
    _write_onnx(net, card, as_onnx, shape)
    if to == "openvino":
        import openvino

        model = openvino.convert_model(str(as_onnx))
        for key, value in about(card).items():
            model.set_rt_info(value, ["gpnet", key])
        openvino.save_model(model, str(path), compress_to_fp16=False)
        as_onnx.unlink()
    return path


def _write_onnx(net: nn.Module, card: Card, path: Path, shape: tuple[int, int]) -> None:
    import onnx

    x = torch.zeros(1, card.planes, *shape)
    with warnings.catch_warnings():
        # The exporter by tracing: torch 2.11 and 2.13 both have it, and it needs onnx alone. The other one
        # (dynamo=True) needs onnxscript besides, and these networks have nothing that a trace would miss at one size.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (x,), str(path), dynamo=False, opset_version=OPSET, input_names=["input"], output_names=["maps"]
        )
    model = onnx.load(str(path))
    for key, value in about(card).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def about(card: Card) -> dict[str, str]:
    """What a user of the file must know, as texts."""
    return {
        "architecture": card.architecture,
        "channels": card.channels,
        "normalisation": card.normalisation,
        "maps": ",".join(MAPS),
        "width_scale_px": f"{WIDTH_SCALE:g}",
        "weights_sha256": card.sha256,
        "commit": card.commit,
        "licence": card.licence,
    }


def runtime(path: Path) -> Callable[[Floats], Floats]:
    """The exported file, run by its own runtime on the CPU in float32: (1, C, H, W) to (1, 5, H, W)."""
    if path.suffix == SUFFIX["onnx"]:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda x: session.run(["maps"], {"input": x})[0]
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda x: np.asarray(compiled([x])[0])


def compare(
    net: FiveMaps, exported: Callable[[Floats], Floats], inputs: list[Floats]
) -> tuple[dict[str, float], float]:
    """Largest difference of each map, NaN where one of the two is NaN, and the share of undecided pixels.

    Undecided pixels (`FiveMaps.undecided`) are compared in Q and P only.
    """
    largest, undecided = np.zeros(len(MAPS)), []
    for x in inputs:
        with torch.inference_mode():
            wanted = net(torch.from_numpy(x)).numpy()
            unsure = net.undecided(torch.from_numpy(x)).numpy()
        differs = np.abs(wanted - exported(x))
        differs[:, 1:4] *= ~unsure[:, None]
        largest = np.maximum(largest, differs.max(axis=(0, 2, 3)))
        undecided.append(float(unsure.mean()))
    found = {name: float(f"{value:.3g}") for name, value in zip(MAPS, largest, strict=True)}
    return found, float(f"{np.mean(undecided):.3g}")


def comparison_inputs(card: Card, height: int, width: int, frames: Path | None) -> list[Floats]:
    """What the two are compared on: waves, noise, nothing at all, and real frames if there are any.

    Raises:
        BadInput: `frames` holds no frame.
    """
    v, u = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(0.31 * (c + 1) * u) * np.cos(0.17 * (c + 2) * v) for c in range(card.planes)])
    noise = np.random.default_rng(0).normal(size=waves.shape)
    planes = [waves, noise, np.zeros_like(waves)]
    planes += [_on_grid(frame, card, height, width) for frame in _read(frames)] if frames else []
    return [np.ascontiguousarray(p[None], dtype=np.float32) for p in planes]


def _own_frames() -> Path | None:
    """Real frames of the source tree; an installed package has none."""
    folder = Path(__file__).resolve().parents[2] / "test" / "data" / "real_frames"
    return folder if folder.is_dir() else None


def _read(folder: Path) -> list[Frame]:
    found = [(next(p.parent.glob("color.*"), None), p) for p in sorted(folder.glob("*/camera.json"))]
    frames = [load_frame(color, camera.parent / "depth.png", camera) for color, camera in found if color is not None]
    if not frames:
        raise BadInput(f"{folder} holds no frame: it needs folders with color.jpg or .png, depth.png and camera.json.")
    return frames


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


def sentence(answer: dict[str, Any]) -> str:
    """The answer for a person."""
    differences = ", ".join(f"{name} {value:.2g}" for name, value in answer["largest_difference"].items())
    found = f"largest difference to torch on {answer['compared_on']} inputs: {differences}"
    if answer["undecided"]:
        found += f"; {answer['undecided']:.1%} of the pixels, whose best bins are as good as each other, in Q only"
    if not answer["agrees"]:
        return f"Not written: {found}; allowed is {answer['tolerance']:g}. The runtime computes something else."
    return f"{answer['file']}, {answer['bytes'] / 1e6:.2f} MB, input {answer['size'][0]}x{answer['size'][1]}; {found}"
