"""Before the first motion: bring the robot out of a stop, and see that it is the robot we planned for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.devices.ur.dashboard import ask
from gpnet_ros.devices.ur.ending import dashboard_stop
from gpnet_ros.devices.ur.link import UrLink
from gpnet_ros.devices.ur.messages import (
    BRAKES_ON,
    FAULT,
    NO_PROGRAM,
    PLAYING,
    POWERED_OFF,
    ROBOT_RUNNING,
    ChildReport,
    in_words,
    safety_stop,
)
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.errors import LinkLost, RobotStopped
from gpnet_ros.pose import distance, from_rotvec

#: A UR refuses to unlock a protective stop earlier than 5 s after it (dashboard guide).
UNLOCK_PATIENCE = 7.0
#: Powering on and releasing the brakes of a UR10 take some ten seconds.
POWER_PATIENCE = 40.0
#: A TCP offset is set exactly; this is rounding [m, rad].
OFFSET_TOLERANCE = 1e-4


def make_ready(link: UrLink, ip: str) -> None:
    """Leave a protective stop, power on if need be, and see that no foreign program runs.

    Raises:
        RobotStopped: a person has to do something at the robot first; the message says what.
        DeviceError: the controller does not do what was asked.
    """
    report = _report(link)
    stop = safety_stop(report.safety_bits)
    if stop in ("emergency_stop", "safeguard_stop"):
        raise RobotStopped(f"The robot is in {in_words(stop)}: release it at the robot, then resume.")
    if report.safety_bits & FAULT:
        raise RobotStopped("The robot reports a safety violation or fault: clear it on the pendant, then resume.")
    if stop == "protective_stop":
        _unlock(link, ip)
    if _report(link).robot_mode != ROBOT_RUNNING:
        _power_on(link, ip)
    if _report(link).runtime not in (PLAYING, NO_PROGRAM):
        dashboard_stop(ip)  # a paused program, ours or not, must not go on beside ours
    if not _until(link, lambda r: r.runtime == NO_PROGRAM, 1.0):
        raise RobotStopped(
            "A program runs on the controller that this package did not start: stop it on the pendant, then resume."
        )


def _unlock(link: UrLink, ip: str) -> None:
    ask(ip, "close safety popup")
    end = time.monotonic() + UNLOCK_PATIENCE
    while safety_stop(_report(link).safety_bits) == "protective_stop":
        answer = ask(ip, "unlock protective stop")
        if time.monotonic() > end:
            raise RobotStopped(f"The protective stop cannot be unlocked ({answer}): see the pendant, then resume.")
        _until(link, lambda r: not safety_stop(r.safety_bits), 0.25)


def _power_on(link: UrLink, ip: str) -> None:
    if _report(link).robot_mode <= POWERED_OFF:
        ask(ip, "power on")
    if not _until(link, lambda r: r.robot_mode >= BRAKES_ON, POWER_PATIENCE):
        raise RobotStopped("The robot did not power on: see its pendant, then resume.")
    ask(ip, "brake release")
    if not _until(link, lambda r: r.robot_mode == ROBOT_RUNNING, POWER_PATIENCE):
        raise RobotStopped("The robot did not release its brakes: see its pendant, then resume.")


def _report(link: UrLink) -> ChildReport:
    if link.report is None or not link.is_alive:
        raise LinkLost("The link to the arm was lost during resume: call it again.")
    return link.report


def _until(link: UrLink, condition: Callable[[ChildReport], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition(_report(link)):
        if time.monotonic() > end:
            return False
        link.wait(0.05)
    return True


def controller_model(ip: str) -> str:
    """Model and version as the controller states them, such as "UR10 3.15.8"."""
    version = re.search(r"\d+\.\d+\.\d+", ask(ip, "PolyscopeVersion"))
    return f"{ask(ip, 'get robot model')} {version.group() if version else '?'}"


def serial_number(ip: str) -> str:
    """The robot's serial number; empty where its controller tells none."""
    try:
        answer = ask(ip, "get serial number")
    except LinkLost:
        return ""
    return answer if re.fullmatch(r"\d{6,}", answer) else ""  # older ones do not know the question


def agreement(link: UrLink, model: str, settings: UrSettings, cell: Cell, serial: str = "") -> str:
    """Disagreement of controller and configuration in one sentence with figures; empty when all agrees.

    Compared are the serial number, the model's name and generation, the TCP offset, and the controller's TCP pose with
    the forward kinematics of its own joints.
    """
    if settings.serial and serial != settings.serial:
        return (
            f"The arm's serial number is {serial or 'not told'}, the calibration check is of {settings.serial}: do "
            "`gpnet check` with this arm, or use mode 'hover'."
        )
    arm = cell.arm.upper()
    name, version = model.split(" ", 1)
    e_series = int(version.split(".")[0]) >= 5 if version[0].isdigit() else arm.endswith("E")
    if name.upper().rstrip("E") != arm.rstrip("E") or e_series != arm.endswith("E"):
        return f"The controller says {model}, the configuration says {cell.arm}: correct `arm` in cell.yaml."
    offset = from_rotvec(link.armed_offset or np.full(6, np.nan))
    away, turned = distance(offset, cell.T_flange_tcp)
    if not max(away, turned) <= OFFSET_TOLERANCE:
        return f"The controller's TCP offset differs by {away * 1000:.2f} mm from the configured one: resume again."
    expected: list[float] = []

    def matches(report: ChildReport) -> bool:
        T = cell.kinematics.forward(report.q) @ cell.T_flange_tcp
        expected[:] = distance(T, from_rotvec(report.tcp))
        return expected[0] <= settings.tolerance and expected[1] <= settings.tolerance_angle

    if _until(link, matches, 0.5):  # the new offset shows some cycles later
        return ""
    return (
        f"The controller's TCP is {expected[0] * 1000:.1f} mm and {np.rad2deg(expected[1]):.2f} degrees from the "
        f"kinematics of {cell.arm}, allowed are {settings.tolerance * 1000:.0f} mm and "
        f"{np.rad2deg(settings.tolerance_angle):.1f} degrees: check `arm` and the TCP offset in cell.yaml."
    )
