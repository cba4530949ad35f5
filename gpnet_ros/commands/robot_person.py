"""A person at a terminal beside the robot, for the commands that move it a little at a time."""

from __future__ import annotations

import argparse
import sys
import termios
from pathlib import Path

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.devices.realsense import RealSenseCamera, RealSenseSettings
from gpnet_ros.devices.robots import GRIPPERS, make_robot
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.cell.camera import SimCamera
from gpnet_ros.sim.cell.shown_board import ShownBoard


def add_robot(parser: argparse.ArgumentParser) -> None:
    """Arguments of a command that has a robot and its camera."""
    parser.add_argument("--robot-ip", required=True, help="address of the controller")
    parser.add_argument("--gripper", default="robotiq", choices=[g for g in GRIPPERS if g != "suction"])
    parser.add_argument("--gripper-file", default="", help="settings of the gripper")
    parser.add_argument("--camera-serial", default="", help="of the RealSense camera; default: the only one")
    parser.add_argument(
        "--run-dir", type=Path, help="of a simulated cell (`gpnet sim`), in place of a RealSense camera"
    )


def devices(args: argparse.Namespace, cell: Cell) -> tuple[Arm, Gripper, RealSenseCamera | SimCamera]:
    """Arm, gripper and camera that the arguments of `add_robot` name; nothing is connected yet.

    Raises:
        SettingsError: values that do not go together.
    """
    robot = "ur" if args.run_dir is None else "sim"
    arm, gripper = make_robot(robot, args.robot_ip, args.gripper, args.gripper_file, False, cell)
    return arm, gripper, make_camera(args.run_dir, args.camera_serial)


def make_camera(
    run_dir: Path | None, serial: str, hand_eye: HandEye | None = None, board: ShownBoard | None = None
) -> RealSenseCamera | SimCamera:
    """The RealSense of a serial number (empty: the only one), or that of the simulated cell of a run folder.

    hand_eye and board are the simulated truth: where the camera is, and what it sees; else what the cell itself says.
    """
    if run_dir is None:
        return RealSenseCamera(RealSenseSettings(serial=serial))
    return SimCamera(run_dir, hand_eye=hand_eye, board=board)


def make_ready(arm: Arm, gripper: Gripper, person: Terminal) -> None:
    """Arm and gripper, each on a person's word.

    Raises:
        BadInput: the person says no.
        DeviceError: one does not become ready.
    """
    if not person.word("Make the arm ready; it powers on where it must, and its brakes click"):
        raise BadInput("Without the arm nothing can be touched.")
    arm.resume()
    if not gripper.is_active:
        if not person.word("Activate the gripper: its fingers move over their whole stroke, what they hold falls"):
            raise BadInput("Without the gripper nothing can be touched.")
        gripper.activate()


class Terminal:
    """A person at a terminal."""

    def word(self, what: str) -> bool:
        """Enter alone goes on, s leaves it out, q ends; else it asks again; what was typed before is no answer."""
        if sys.stdin.isatty():
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
        while answer := self._ask(f"{what}: Enter to go, s to leave it out, q to end "):
            if answer in ("s", "skip"):
                return False
            print(f"{answer!r} is none of these.")
        return True

    def aside(self, what: str) -> tuple[float, float]:
        """Two numbers [mm] along the board's x and y."""
        while True:
            told = self._ask(
                f"The middle between the tips beside {what}, in mm along the print's x (to the right) and y (down), "
                "such as 1 -0.5 (Enter: 0 0): "
            )
            try:
                x, y = (float(word) for word in (told or "0 0").replace(",", " ").split())
            except ValueError:
                print(f"{told!r} are not two numbers.")
                continue
            if max(abs(x), abs(y)) <= 30.0:
                return x / 1e3, y / 1e3
            print("More than 30 mm beside it: is it another corner? Count again.")

    def tell(self, what: str) -> None:
        """Print it."""
        print(what)

    @staticmethod
    def _ask(question: str) -> str:
        print(question, end="", flush=True)
        line = sys.stdin.readline()
        if not line or line.strip().lower().startswith("q"):
            raise BadInput("Ended by a person; what was measured is kept, call the command again to go on.")
        return line.strip().lower()

    def name(self, what: str) -> str:
        """A word; empty when there is none."""
        return self._ask(f"{what}: ")
