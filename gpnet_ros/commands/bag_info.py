"""Tell what a ROS 2 bag holds: topics, rates, frames, depth, camera model, and what is missing for a grasp.

    gpnet bag info rosbag2_2026_01_31-12_00_00
    gpnet bag info shelf.mcap --prefix /camera/camera --json

Reads mcap and sqlite3, folder or single file; no ROS is needed. With --hand-eye or --cell it also says whether the
bag is of the camera of these files. Exit status: 0 frames can be made of it, 1 they cannot (each reason is told),
2 it cannot be read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.commands.bag_source import add_bag_arguments, frames_of
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.summary import summarise, summary_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bag info`."""
    add_bag_arguments(parser)
    parser.add_argument("--cell", type=Path, help="cell file whose camera it should be (config/cell.yaml)")
    parser.add_argument("--hand-eye", type=Path, help="hand-eye file of that camera (config/hand_eye.yaml)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print what the bag holds; 1 when no frame can be made of it."""
    cell = hand_eye = None
    if args.cell or args.hand_eye:
        cell, hand_eye = load_cell(args.cell), load_hand_eye(args.hand_eye)
    with Bag(args.bag) as bag:
        summary = summarise(bag, frames_of(bag, args), cell, hand_eye)
    print(json.dumps(summary.to_dict()) if args.json else summary_text(summary))
    return 1 if summary.missing else 0
