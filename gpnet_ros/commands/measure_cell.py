"""Measure the cell: tote, keep-out boxes and home by leading the tips by hand, the table by touching it.

For tote, boxes and home switch the arm to freedrive on the pendant, close the jaws, and lead the tips; the arm is only
watched. Its installation must have the TCP of the cell file. For the table clear it, and keep a hand at the emergency
stop: the arm goes down at four places after your Enter, and what it finds is held against the depth image. q ends it;
called again, it goes on. The folder then holds cell.yaml, which `cell_file` names, and cell.png: what the software
believes over what the camera sees.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import yaml

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.commands.robot_person import Terminal, add_robot, devices, make_ready
from gpnet_ros.errors import BadInput
from gpnet_ros.picking.touch.measuring import ITEMS, Survey, measure_cell
from gpnet_ros.settings import config_dir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet cell`."""
    add_robot(parser)
    parser.add_argument("--cell", type=Path, help="cell file to begin from; default config/cell.yaml")
    parser.add_argument("--hand-eye", type=Path, help="hand-eye file; default config/hand_eye.yaml")
    parser.add_argument("--out", type=Path, default=Path("cell"), help="folder that is written (cell)")
    parser.add_argument("--only", default=",".join(ITEMS), help=f"what is measured, of {','.join(ITEMS)}")


def run(args: argparse.Namespace) -> int:
    """Measure, and write the folder."""
    items = tuple(args.only.split(","))
    if not {*items} <= {*ITEMS}:
        raise BadInput(f"--only is {args.only!r}; allowed: some of {','.join(ITEMS)}.")
    file = args.cell or config_dir() / "cell.yaml"
    hand_eye = load_hand_eye(args.hand_eye)
    cell = load_cell(file).carrying(hand_eye)
    values = yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
    arm, gripper, camera = devices(args, cell)
    person = Terminal()
    camera.open()
    try:
        arm.connect()
        ready = partial(make_ready, arm, gripper, person)
        survey = Survey(arm, gripper, camera, cell, values, hand_eye, person, ready, file=str(file))
        measure_cell(survey, args.out, items)
    finally:
        arm.disconnect()
        gripper.close()
        camera.close()
    print(f"{args.out / 'cell.yaml'}: name it as cell_file.")
    return 0
