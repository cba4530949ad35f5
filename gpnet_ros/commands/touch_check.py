"""Check the calibration by touch: closed jaws go down to points that the camera measured; needed beyond hover.

Lay the printed board (`gpnet board`) flat into the middle of the workspace, fix a cylinder beside it (40 to 90 mm
wide, 30 to 60 mm tall, such as a tin), and take all else away. Keep a hand at the emergency stop: the arm moves after
each Enter, slowly, and stops where it meets something. With the tips on a corner, say how far the middle between them
stands beside it. The jaws go down to 6 corners and 13 to 17 places of the cylinder. q ends it; a later call goes on.
Exit status: 0 the calibration is good enough, 1 it is not, 2 bad input.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.board import Board, find_board
from gpnet_ros.cell import Cell, load_cell, load_hand_eye
from gpnet_ros.commands.robot_person import Terminal, add_robot, devices, make_ready
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.picking.touch.session import Bench, Find, check_by_touch
from gpnet_ros.settings import config_dir, load_settings
from gpnet_ros.touch_off import MEAN_MAX, TouchErrors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet check`."""
    add_robot(parser)
    parser.add_argument("--cell", type=Path, help="cell file; default config/cell.yaml")
    parser.add_argument("--hand-eye", type=Path, help="hand-eye file; default config/hand_eye.yaml")
    parser.add_argument("--board", type=Path, help="board file, as `gpnet board` was given; default: its default board")
    parser.add_argument("--out", type=Path, default=Path("calibration_check.yaml"), help="file that is written")


def run(args: argparse.Namespace) -> int:
    """Check, and say how large the errors are."""
    board = load_settings(Board, args.board) if args.board else Board()
    hand_eye_file = args.hand_eye or config_dir() / "hand_eye.yaml"
    cell = load_cell(args.cell).carrying(load_hand_eye(hand_eye_file))
    arm, gripper, camera = devices(args, cell)
    person = Terminal()
    camera.open()
    try:
        arm.connect()
        make_ready(arm, gripper, person)
        serial = getattr(camera, "serial", "") or args.camera_serial
        bench = Bench(arm, gripper, camera, serial, cell, hand_eye_file, corners_by(board), person)
        errors = check_by_touch(bench, args.out)
    finally:
        arm.disconnect()
        gripper.close()
        camera.close()
    return report(errors, args.out, cell)


def corners_by(board: Board) -> Find:
    """Finds the corners of this board."""

    def find(frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if frame.color is None:
            raise BadInput("The camera gives no colour, in which the board is looked for.")
        found = find_board(frame.color, board)
        return found.points[:, :2], found.pixels

    return find


def report(errors: TouchErrors, out: Path, cell: Cell) -> int:
    """Print errors and verdict; the exit status."""
    print("error in base [mm], by the camera less by the jaws:     x      y      z")
    names = [*(f"corner {i + 1}" for i in range(len(errors.points) - 1)), "cylinder", "mean, without the tips"]
    for name, row in zip(names, [*errors.points, errors.mean], strict=True):
        print(f"  {name:48}" + "".join(f"{value * 1e3:7.1f}" for value in row))
    print(
        f"tips beside the flange's axis: {errors.tips[0] * 1e3:.1f}, {errors.tips[1] * 1e3:.1f} mm along the jaws' x, y"
    )
    told = f"the jaws found the board at z = {errors.z.mean() * 1e3:.1f} mm"
    print(f"{told}; the cell file has its table at {cell.workspace.table_z * 1e3:.1f} mm")
    if errors.refusal:
        print(f"{errors.refusal} Written to {out}; it opens no mode.")
        return 1
    print(f"Good: within {MEAN_MAX * 1e3:.0f} mm. Written to {out}: name it as calibration_check_file of the planner.")
    return 0
