"""Whether there is room for a run on this machine, looked at before anything starts. Nothing here needs ROS."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.processes.table import RunSettings, address, is_installed, robot_description
from gpnet_ros.sim.cell.door import CellDoor


def require_room(run: RunSettings) -> None:
    """Look for what a run needs before anything starts: a launch that fails halfway leaves an arm behind.

    Raises:
        SettingsError: the files of cell or hand-eye cannot be used; RViz or robot_state_publisher is wanted and not
            installed; a simulated cell's address is that of a robot, or another cell has it already, whose arm would
            be led by two planners.
    """
    robot_description(run)
    wanted = {"rviz2": run.rviz, "robot_state_publisher": run.robot_model == "true"}
    option = {"rviz2": "rviz", "robot_state_publisher": "robot_model"}
    for package in (p for p, is_wanted in wanted.items() if is_wanted and not is_installed(p)):
        raise SettingsError(
            f"{option[package]}:=true needs {package}, which is not installed: "
            f"apt install ros-$ROS_DISTRO-{package.replace('_', '-')}, or {option[package]}:=false."
        )
    if run.sim and not _is_loopback(address(run)):
        raise SettingsError(
            f"robot_ip is {address(run)}; a simulated cell has a loopback address: 127.0.0.2, or none for its own."
        )
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if run.sim and probe.connect_ex((address(run), CellDoor.PORT)) == 0:
            raise SettingsError(
                f"A simulated cell runs at {address(run)} already: end it first, or give this one its own "
                "namespace:=NAME (or robot_ip:=127.0.0.2 and run_dir:=FOLDER)."
            )


def _is_loopback(ip: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(ip).is_loopback
    return False
