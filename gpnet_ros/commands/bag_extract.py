"""Write the frames of a ROS 2 bag as files that `gpnet detect` reads.

    gpnet bag extract shelf.mcap --out frames --most 10
    gpnet detect frames/frame_000000/color.png frames/frame_000000/depth.png --camera frames/frame_000000/camera.json

Each frame is a folder with color.png, depth.png (millimetres; depth.npy in metres where the bag has finer ones) and
camera.json; frames.json lists them with their stamps. No ROS is needed.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from gpnet_ros.commands.bag_source import add_bag_arguments, frames_of
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.extract import extract
from gpnet_ros.data.bags.summary import evenly
from gpnet_ros.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bag extract`."""
    add_bag_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder for the frames, new or empty")
    parser.add_argument("--most", type=int, metavar="N", help="at most so many frames, evenly spread (all)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write the frames."""
    if args.most is not None and args.most < 1:
        raise BadInput(f"--most is {args.most}; at least one frame is needed.")
    with Bag(args.bag) as bag:
        frames = frames_of(bag, args)
        numbers = None if args.most is None else evenly(len(frames.pairs), args.most)
        written = extract(frames, args.out, numbers)
    if args.json:
        print(json.dumps({"out": str(args.out), "frames": [asdict(one) for one in written]}))
    else:
        print(f"{len(written)} frames in {args.out}, {written[0].folder} to {written[-1].folder}")
    return 0
