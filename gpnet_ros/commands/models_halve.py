"""Write a model with weights of half precision, half the size, if it computes the same.

    gpnet models halve runs/mine/last --out models/fast-graspnext

Kernels and matrices become float16; biases and normalisations stay as they are, and in memory all is float32 again.
A model whose maps differ from those of the rounded network is refused and nothing is written. The card says it; its
figures are those that were measured before: gpnet models judge measures them anew.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.network import checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet models halve`."""
    parser.add_argument("model", metavar="MODEL", help="name in models/ or path of a model folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the smaller model")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write the model anew and say how large it was and is."""
    before = (checkpoint.find(args.model) / checkpoint.WEIGHTS).stat().st_size
    net, card = checkpoint.load(args.model)
    written = checkpoint.save(net, card, args.out, half=True)
    after = (args.out / checkpoint.WEIGHTS).stat().st_size
    answer = {"model": str(args.out), "bytes_before": before, "bytes": after, "sha256": written.sha256}
    said = f"{args.out}: {after / 1e6:.2f} MB, before {before / 1e6:.2f} MB; sha256 {written.sha256}"
    print(json.dumps(answer) if args.json else said)
    return 0
