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
import json
from dataclasses import asdict
from pathlib import Path

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.real_frames.frames import REAL_FRAMES, load_frame_folders
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.network.export import export_model, export_sentence
from gpnet_ros.network.exported import SUFFIX


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
    """Export the model; 1 when the maps differ by more than the tolerance."""
    if not args.tolerance > 0:
        raise BadInput(f"--tolerance is {args.tolerance}; it must be positive, 0.001 is usual.")
    root = args.frames or (REAL_FRAMES if REAL_FRAMES.is_dir() else None)
    frames = load_frame_folders(root) if root else []
    found = export_model(args.model, args.to, args.out, args.size, args.tolerance, frames)
    print(json.dumps(asdict(found)) if args.json else export_sentence(found))
    return 0 if found.agrees else 1


def size(text: str) -> tuple[int, int]:
    """Width and height of what a user typed: `300x224`, or `224` for a square."""
    parts = text.lower().split("x")
    width, height = (int(part) for part in (parts * 2 if len(parts) == 1 else parts))
    if width % 4 or height % 4 or min(width, height) < 64:
        raise argparse.ArgumentTypeError(f"{text} must be divisible by 4, and 64 or more")
    return width, height
