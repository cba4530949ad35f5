"""Collect views of the board for `gpnet hand-eye solve`: the arm moved by hand, or driven slowly on a person's word.

Enter takes a view where the arm stands. With --drive, d proposes the next pose with a way that the safety check has
passed, and drives it at a tenth of the speed after "yes". FOLDER can be left and gone on with at any time.
The arm is only watched unless it is driven: move it by hand with the freedrive button of the pendant.

Exit status: 0 enough views for a calibration, 1 not yet, 2 bad input.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from gpnet_ros.board import Board
from gpnet_ros.calibration.capture import Capture
from gpnet_ros.calibration.guide import Guide
from gpnet_ros.calibration.view_folder import Session, ViewFolder
from gpnet_ros.cell import Cell, HandEye, load_cell, load_hand_eye
from gpnet_ros.commands.robot_person import make_camera
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.camera import Camera
from gpnet_ros.devices.robots import make_robot
from gpnet_ros.devices.ur.start import controller_model, serial_number
from gpnet_ros.devices.ur.tool_offset import tool_offset
from gpnet_ros.errors import BadInput, BoardNotSeen
from gpnet_ros.hand_eye_fit import VIEWS_ADVISED, VIEWS_MIN
from gpnet_ros.settings import config_dir, load_settings
from gpnet_ros.sim.cell.shown_board import hidden_rig

#: What a person's word that the table is empty makes of the height that an unmeasured heap may have [m].
_EMPTY = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet hand-eye capture`."""
    add = parser.add_argument
    add("folder", type=Path, help="folder of the views; made, or gone on with")
    add("--mount", choices=("fixed", "flange"), help="where the camera is; the board is at the other place (fixed)")
    add("--board", type=Path, help="board.yaml of gpnet board; needed to begin")
    add("--robot", choices=("ur", "sim"), default="ur", help="the arm: real, or a gpnet sim (ur)")
    add("--robot-ip", default="", help="address of the controller")
    add("--camera", choices=("realsense", "sim"), default="realsense", help="the camera (realsense)")
    add("--serial", default="", help="serial number of the RealSense; empty for the only one")
    add("--run-dir", type=Path, default=Path("runs/sim"), help="of gpnet sim, for --camera sim (runs/sim)")
    add("--sim-seed", type=int, default=1, help="where camera and board of --camera sim are in truth (1)")
    add("--cell", type=Path, help="cell file; config/cell.yaml by default")
    add("--hand-eye", type=Path, help="roughly where the camera is, so that one view by hand is enough to drive")
    add("--drive", action="store_true", help="offer to drive the arm from pose to pose")
    add("--table-empty", action="store_true", help="the table is empty: the arm may go lower over it")
    add("--views", type=int, default=VIEWS_ADVISED, help=f"how many are wanted ({VIEWS_ADVISED})")


def run(args: argparse.Namespace) -> int:
    """Collect views until a person leaves."""
    folder, cell = ViewFolder(args.folder), load_cell(args.cell)
    session = _session(args, folder)
    guess = load_hand_eye(args.hand_eye) if args.hand_eye else None
    if args.table_empty:
        cell = replace(cell, limits=replace(cell.limits, unknown_height=_EMPTY))
    camera, arm = _camera(args, session), _arm(args, cell)
    camera.open()
    try:
        arm.connect()
        eye = str(getattr(camera, "serial", ""))
        model, serial = controller_model(args.robot_ip), serial_number(args.robot_ip)
        session = folder.begin(replace(session, camera_serial=eye, arm_model=model, arm_serial=serial))
        capture = Capture(folder, session, camera, arm, lambda: tool_offset(args.robot_ip))
        guide = Guide(capture, cell, guess, lambda text: print(text, flush=True), input, args.drive)
        if folder.names():
            try:
                guide.go_on(folder.seen(session.board))
            except BoardNotSeen as error:
                print(error)
        count = guide.run(args.views)
    finally:
        arm.disconnect()
        camera.close()
    next_step = f"gpnet hand-eye solve {args.folder}" if count >= VIEWS_MIN else "go on with the same command"
    print(f"{args.folder}: {count} views; {next_step}")
    return 0 if count >= VIEWS_MIN else 1


def _session(args: argparse.Namespace, folder: ViewFolder) -> Session:
    """What was begun, or what is asked for."""
    if folder.exists:
        known = folder.session()
        board = load_settings(Board, args.board) if args.board else known.board
        return Session(args.mount or known.mount, board)
    if args.board is None:
        raise BadInput(f"{args.folder} is new: give --board board.yaml of the printed board (gpnet board makes both).")
    return Session(args.mount or "fixed", load_settings(Board, args.board))


def _arm(args: argparse.Namespace, cell: Cell) -> Arm:
    if not args.robot_ip:
        raise BadInput("--robot-ip is empty: give the address of the controller, or that of a gpnet sim.")
    gripper = "suction" if cell.tool == "suction" else "robotiq"
    return make_robot(args.robot, args.robot_ip, gripper, "", False, cell)[0]


def _camera(args: argparse.Namespace, session: Session) -> Camera:
    if args.camera == "realsense":
        return make_camera(None, args.serial)
    flange = session.mount == "flange"
    file: HandEye = load_hand_eye(config_dir() / ("hand_eye_flange.yaml" if flange else "hand_eye.yaml"))
    truth, shown = hidden_rig(args.sim_seed, file, session.board)
    return make_camera(args.run_dir, args.serial, truth, shown)
