"""Examine the cell before anything moves: computer, ROS, robot, gripper and camera, each finding with its remedy.

    gpnet doctor --robot-ip 192.168.0.10 --serial 923322071234
    gpnet doctor --without camera gripper                # what is not there yet
    gpnet doctor --camera external                       # realsense2_camera runs
    gpnet doctor --params-file my_cell.yaml --json       # the file that the launch takes

Nothing moves, no register and no output is written, nothing is activated; what is read is what the nodes read. Parts
that may be left out: python numpy opencv torch ros cv_bridge dds domain disk rtde model polyscope remote registers
safety payload tcp gripper camera clock, and robot for all of the robot's. docs/doctor.md lists every finding.
Exit status: 0 no fault (there may be warnings), 1 a fault, 2 bad input.
"""

from __future__ import annotations

import argparse
import json

from gpnet_ros.devices.robots import GRIPPERS
from gpnet_ros.finding import Finding, worst
from gpnet_ros.nodes.doctor.visit import Visit, settings_of, table_of_troubles

_SIGNS = {"ok": "ok", "warning": "WARNING", "fault": "FAULT", "skipped": "-"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet doctor`."""
    parser.add_argument("--robot-ip", metavar="IP", help="address of the controller (that of the parameter file)")
    parser.add_argument("--gripper", choices=GRIPPERS, help="what hangs at the flange")
    parser.add_argument("--gripper-file", metavar="FILE", help="settings of the gripper")
    parser.add_argument("--cell", metavar="FILE", help="cell file (config/cell.yaml)")
    parser.add_argument("--hand-eye", metavar="FILE", help="hand-eye file (config/hand_eye.yaml)")
    parser.add_argument("--camera", choices=("realsense", "external", "bag", "sim"), help="external: others' topics")
    parser.add_argument(
        "--camera-prefix", metavar="NAME", help="of its topics (/camera/camera), with --camera external"
    )
    parser.add_argument("--serial", help="serial number of the camera")
    parser.add_argument("--bag-file", metavar="FILE", help="recording of a RealSense, with --camera bag")
    parser.add_argument("--run-dir", metavar="DIR", help="run folder of `gpnet sim`, with --camera sim")
    parser.add_argument("--model", help="network whose golden outputs are computed")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where it runs")
    parser.add_argument("--namespace", help="of our nodes")
    parser.add_argument("--params-file", metavar="FILE", default="", help="parameters of the nodes (those of config/)")
    parser.add_argument("--without", nargs="+", default=[], metavar="PART", help="parts that are not looked at")
    parser.add_argument("--table", action="store_true", help="print every finding there can be, and end")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Examine; 1 when there is a fault."""
    if args.table:
        print(table_of_troubles())
        return 0
    names = (
        "robot_ip",
        "gripper",
        "gripper_file",
        "serial",
        "camera_prefix",
        "bag_file",
        "run_dir",
        "model",
        "device",
        "namespace",
    )
    given = {name: getattr(args, name) for name in names}
    given |= {"cell_file": args.cell, "hand_eye_file": args.hand_eye, "source": args.camera}
    found = []
    for finding in Visit(settings_of(args.params_file, **given, without=tuple(args.without))).findings():
        found.append(finding)
        if not args.json:
            print(_told(finding), flush=True)
    state = worst(found)
    if args.json:
        print(json.dumps({"state": state, "findings": [finding.to_dict() for finding in found]}))
    else:
        faults, warnings = (sum(f.state == kind for f in found) for kind in ("fault", "warning"))
        print(f"{faults} faults, {warnings} warnings{'' if faults or warnings else '; all is well'}")
    return 1 if state == "fault" else 0


def _told(finding: Finding) -> str:
    line = f"{_SIGNS[finding.state]:8}{finding.part:11}{finding.says}"
    return f"{line}\n{'':19}→ {finding.remedy}" if finding.remedy else line
