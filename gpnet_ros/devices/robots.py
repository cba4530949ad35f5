"""Arm and gripper by name: the simulated, the real, or a fake one; nothing is connected yet."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.digital_gripper import DigitalGripper, DigitalGripperSettings, ValveSettings
from gpnet_ros.devices.fake import FakeArm, FakeGripper
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.devices.onrobot import OnRobotGripper, OnRobotSettings
from gpnet_ros.devices.robotiq import RobotiqGripper, RobotiqSettings
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.errors import SettingsError
from gpnet_ros.settings import from_dict, load_settings

#: `sim` is the real driver on a simulated controller; only then may anything resume by itself.
ROBOTS = ("sim", "ur", "fake")
GRIPPERS = ("robotiq", "digital", "suction", "onrobot")
#: What the fake gripper finds between its pads [m].
FAKE_OBJECT = 0.03


def is_simulated(robot: str) -> bool:
    """Whether nothing real can move."""
    return robot != "ur"


def make_robot(
    robot: str, robot_ip: str, gripper: str, gripper_file: str, auto_resume: bool, cell: Cell, serial: str = ""
) -> tuple[Arm, Gripper]:
    """Make arm and gripper by name.

    Args:
        robot: one of `ROBOTS`.
        robot_ip: address of the controller; a loopback address for `sim`.
        gripper: one of `GRIPPERS`.
        gripper_file: settings of the gripper; empty for the defaults.
        auto_resume: resume without a person; refused on hardware.
        cell: the cell.
        serial: serial number that the arm must have; empty takes any.

    Raises:
        SettingsError: values that do not go together.
    """
    if auto_resume and not is_simulated(robot):
        raise SettingsError("auto_resume is for simulation only: on hardware a person calls ~/resume; set it to false.")
    if (gripper == "suction") != (cell.tool == "suction"):
        raise SettingsError(
            f"gripper {gripper!r} does not go with tool {cell.tool!r} of the cell: 'suction' belongs to 'suction', the "
            "others to 'jaw'; what hangs at the flange is what plans are judged by.",
            "gripper",
        )
    if robot == "fake":
        return FakeArm(cell, auto_resume=auto_resume), FakeGripper(cell.gripper.stroke, FAKE_OBJECT)
    if robot == "sim" and not _is_loopback(robot_ip):
        raise SettingsError(f"robot 'sim' with robot_ip {robot_ip} is not a simulation; use 127.0.0.x, or robot 'ur'.")
    settings = UrSettings(
        robot_ip,
        auto_resume,
        gripper in ("digital", "suction"),
        payload_cog=cell.hand.centre_of_gravity,
        tolerance=cell.arm_tolerance,
        tolerance_angle=cell.arm_tolerance_angle,
        serial=serial,
    )
    arm = UrArm(settings, cell)
    if gripper == "digital":
        lines = load_settings(DigitalGripperSettings, gripper_file) if gripper_file else DigitalGripperSettings()
        return arm, DigitalGripper(arm, lines)
    if gripper == "suction":
        valve = load_settings(ValveSettings, gripper_file) if gripper_file else ValveSettings()
        return arm, DigitalGripper(arm, replace(valve, stroke=cell.gripper.stroke))  # plans let go by that width
    if gripper == "onrobot":
        return arm, OnRobotGripper(load_settings(OnRobotSettings, gripper_file) if gripper_file else OnRobotSettings())
    robotiq = load_settings(RobotiqSettings, gripper_file) if gripper_file else RobotiqSettings()
    return arm, RobotiqGripper(from_dict(RobotiqSettings, {**vars(robotiq), "robot_ip": robot_ip}))


def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False
