"""Work out where the camera is from collected views of the board, and write hand_eye.yaml.

FOLDER is that of `gpnet hand-eye capture`, which may still be going on. The answer tells the residual, the spread when
views are left out, and the views that do not agree. Where there is no calibration that can be trusted, it says why.

Exit status: 0 written, 2 not, with the next step.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from gpnet_ros.board import Board
from gpnet_ros.calibration.hand_eye_file import hand_eye_of, record_of, write_hand_eye
from gpnet_ros.calibration.view_folder import SeenBoard, ViewFolder
from gpnet_ros.cell import Cell, HandEye, load_cell
from gpnet_ros.errors import HandEyeRefused
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.hand_eye_fit import VIEWS_ADVISED, HandEyeFit, fit_hand_eye
from gpnet_ros.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet hand-eye solve`."""
    add = parser.add_argument
    add("folder", type=Path, help="folder of the views")
    add("--board", type=Path, help="board.yaml of another size than the folder's, when the print was measured later")
    add("--cell", type=Path, help="cell file; config/cell.yaml by default")
    add("--out", type=Path, help="folder for hand_eye.yaml; FOLDER by default")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Solve, tell, write."""
    folder, cell = ViewFolder(args.folder), load_cell(args.cell)
    session = folder.session()
    board = load_settings(Board, args.board) if args.board else session.board
    seen = folder.seen(board)
    place = (*cell.workspace.centre, cell.workspace.table_z)
    fit = fit_hand_eye(seen.views, seen.camera, session.where, board, place)
    record = record_of(fit, board, session.camera_serial, session.arm_model, session.arm_serial)
    hand_eye = hand_eye_of(session.where, fit.T_parent_camera, record)
    print("\n".join(report(fit, seen)))
    print(_against_cell(hand_eye, seen, cell))
    path = write_hand_eye(hand_eye, args.out or args.folder)
    print(f"{path}: name it by the parameter hand_eye_file (launch: hand_eye_file:={path.resolve()})")
    if args.json:
        views = [{**asdict(view), "sigmas": round(view.sigmas, 2)} for view in fit.views]
        print(json.dumps({"hand_eye": asdict(hand_eye), "views": views, "unseen": seen.unseen, "file": str(path)}))
    return 0


def report(fit: HandEyeFit, seen: SeenBoard) -> list[str]:
    """What a person is told, line by line."""
    used = len(fit.views) - len(fit.bad)
    parent = "base (the controller's)" if fit.mount == "fixed" else "the flange"
    x, y, z = fit.T_parent_camera[:3, 3]
    lines = [
        f"the camera is at ({x:.4f}, {y:.4f}, {z:.4f}) m in {parent}, by {used} of {len(fit.views)} views",
        f"residual {fit.away * 1000:.2f} mm and {np.rad2deg(fit.turned):.3f} degrees between arm and camera, "
        f"{fit.pixel:.2f} px on the board",
        f"spread {fit.spread * 1000:.2f} mm and {np.rad2deg(fit.spread_angle):.3f} degrees at the workspace, leaving "
        "out one view after the other (standard deviation)",
        f"the board measures {fit.scale:.2%} of what its file says, by the arm",
    ]
    lines += [f"left out, does not agree: view {view.told}" for view in fit.bad]
    lines += [f"left out: view {name}: {why}" for name, why in seen.unseen.items()]
    if used < VIEWS_ADVISED:
        lines.append(f"{VIEWS_ADVISED} views are advised: {VIEWS_ADVISED - used} more would make it better")
    return lines


def _against_cell(hand_eye: HandEye, seen: SeenBoard, cell: Cell) -> str:
    """Whether the cell's workspace is in the picture from there."""
    if hand_eye.mount != "fixed":
        return "look at a dry_run with it before anything moves"
    try:
        check_hand_eye(seen.camera, None, replace(hand_eye).T_base_camera(), cell.workspace, centred=True)
    except HandEyeRefused as error:
        return f"WARNING: this does not go with the cell file: {error}"
    return "the workspace of the cell file is in the picture from there; look at a dry_run before anything moves"
