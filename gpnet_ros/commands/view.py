"""Draw what RViz would show of a running cell, without a display: one picture of its newest messages.

The arm, table and boxes, the workspace coloured by Q*, the chosen gripper in green, those that lost in gray with their
reasons, the planned way, camera and maps. The planner must have decided once: call ~/pick or ~/start.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.nodes.showing.scene_view import draw, listen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet view`."""
    parser.add_argument("--out", type=Path, default=Path("view.png"), help="the picture, .png or .jpg (view.png)")
    parser.add_argument("--namespace", default="", help="of the cell's nodes")
    parser.add_argument("--timeout", type=float, default=30.0, help="longest wait for the messages [s] (30)")
    parser.add_argument("--cell", type=Path, help="the nodes' cell file; config/cell.yaml by default")
    parser.add_argument("--hand-eye", type=Path, help="the nodes' hand-eye file; config/hand_eye.yaml by default")


def run(args: argparse.Namespace) -> int:
    """Draw one picture."""
    if args.out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise BadInput(f"--out is {args.out}; a picture's name ends in .png or .jpg.")
    cell, hand_eye = load_cell(args.cell), load_hand_eye(args.hand_eye)
    image = draw(listen(args.timeout, args.namespace), cell, hand_eye)
    if not cv2.imwrite(str(args.out), image[..., ::-1]):
        raise BadInput(f"{args.out} cannot be written; is its folder there?")
    print(args.out)
    return 0
