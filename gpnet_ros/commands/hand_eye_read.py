"""Make hand_eye.yaml of a file of easy_handeye2, or of a pose in base_link; says for which frame it was taken.

FILE is easy_handeye2's (both its layouts), or a hand_eye.yaml whose pose is in another frame, with --frame.
Poses of the colour optical frame are taken, in base or base_link (fixed camera), tool0 or flange (on the flange).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gpnet_ros.calibration.foreign_pose import read_pose
from gpnet_ros.calibration.hand_eye_file import hand_eye_of, write_hand_eye
from gpnet_ros.hand_eye_record import HandEyeRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet hand-eye read`."""
    add = parser.add_argument
    add("file", type=Path, help="of easy_handeye2, or a hand_eye.yaml in another frame")
    add("--frame", default="", help="in which the pose is: base, base_link, tool0, flange; overrules the file's")
    add("--optical", action="store_true", help="the file's tracking frame is the colour optical frame")
    add("--out", type=Path, default=Path(), help="folder for hand_eye.yaml (this one)")


def run(args: argparse.Namespace) -> int:
    """Read, tell, write."""
    pose = read_pose(args.file, args.frame, args.optical)
    record = HandEyeRecord(source=str(args.file), frame=pose.frame)
    path = write_hand_eye(hand_eye_of(pose.mount, pose.T_parent_camera, record), args.out)
    x, y, z = pose.T_parent_camera[:3, 3]
    parent = "base (the controller's)" if pose.mount == "fixed" else "the flange (tool0)"
    print(f"{args.file}: {pose.told}: the camera is at ({x:.4f}, {y:.4f}, {z:.4f}) m in {parent}")
    print(f"{path}: name it by the parameter hand_eye_file; look at a dry_run before anything moves")
    return 0
