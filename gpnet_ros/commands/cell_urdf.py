"""Print the robot description (URDF) of a cell: arm, gripper, table, tote, keep-out boxes and camera.

`robot_state_publisher` and RViz read it; urdf/ holds those of the cell in config/ with a UR10 and a UR10e.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.kinematics import ARMS
from gpnet_ros.urdf import urdf


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet urdf`."""
    parser.add_argument("--cell", type=Path, help="cell file; config/cell.yaml by default")
    parser.add_argument("--hand-eye", type=Path, help="hand-eye file; config/hand_eye.yaml by default")
    parser.add_argument("--arm", choices=tuple(ARMS), help="another arm than that of the cell file")
    parser.add_argument("--out", type=Path, help="write it to this file instead")


def run(args: argparse.Namespace) -> int:
    """Print or write the description."""
    cell = load_cell(args.cell)
    text = urdf(replace(cell, arm=args.arm) if args.arm else cell, load_hand_eye(args.hand_eye))
    if args.out is None:
        print(text, end="")
    else:
        args.out.write_text(text, encoding="utf-8")
    return 0
