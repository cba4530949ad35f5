"""Write a GP-Net whose P is the mean over the picture and its mirror image: a little better, in twice the time.

    gpnet models mirror gpnet --out models/gpnet-mirrored
    gpnet models mirror gpnet-mirrored --off --out runs/once

The weights stay as they are; the card says it (`mirrored`), and its figures are those that were measured before: gpnet
models judge measures them anew. --off writes the network that looks once.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from gpnet_ros.errors import ModelRefused
from gpnet_ros.network import checkpoint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet models mirror`."""
    parser.add_argument("model", metavar="MODEL", help="name in models/ or path of a model folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model to write")
    parser.add_argument("--off", action="store_true", help="without the mirror image")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write the model anew.

    Raises:
        ModelRefused: it is no GP-Net, or has no priority head.
    """
    net, card = checkpoint.load(args.model)
    if card.architecture != "gpnet":
        raise ModelRefused(f"{args.model} is of architecture {card.architecture}; only a gpnet can be mirrored.")
    kwargs = {name: value for name, value in card.kwargs.items() if name != "mirrored"}
    mirrored = replace(card, kwargs=kwargs | ({} if args.off else {"mirrored": True}))
    other = checkpoint.build(mirrored)
    other.load_state_dict(net.state_dict())
    half = card.recipe.get(checkpoint.STORED) == "float16"
    written = checkpoint.save(other, mirrored, args.out, half)
    answer = {"model": str(args.out), "mirrored": not args.off, "sha256": written.sha256}
    said = f"{args.out}: P of {'the picture alone' if args.off else 'the picture and its mirror image'}"
    print(json.dumps(answer) if args.json else f"{said}; sha256 {written.sha256}")
    return 0
