"""Who starts a simulated cell and its nodes, as a process of its own that can be interrupted, ended or killed.

    python test/support/launched_cell.py nodes DOMAIN IP FOLDER PRIORITY     # as gpnet demo does
    python test/support/launched_cell.py launch DOMAIN IP FOLDER PRIORITY    # launch/grasp.launch.py, where launch is

It has no part in the ROS graph, as `ros2 launch` has none: what it leaves when it is killed are its processes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from gpnet_ros.nodes.processes.running_cell import one_interrupt
from gpnet_ros.nodes.processes.starter import ros_environment, start_nodes
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.settings import resource_dir


def nodes(domain: int, ip: str, folder: Path, priority: str) -> None:
    """The processes by the starter, until this process is interrupted."""
    run = RunSettings(
        sim=True, robot_ip=ip, priority=priority, device="cpu", seed=3, objects=1, run_dir=str(folder / "cell")
    )
    with one_interrupt(), start_nodes(run, domain, folder / "logs"):
        while True:
            time.sleep(1.0)


def launched(domain: int, ip: str, folder: Path, priority: str) -> None:
    """The processes by the launch file, as `ros2 launch` does."""
    from launch import LaunchDescription, LaunchService
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    os.environ.update(ros_environment(domain))
    given = {"sim": "true", "robot_ip": ip, "priority": priority, "device": "cpu", "seed": "3", "objects": "1"}
    given["run_dir"] = str(folder / "cell")
    file = PythonLaunchDescriptionSource(str(resource_dir("launch") / "grasp.launch.py"))
    service = LaunchService(noninteractive=True)
    service.include_launch_description(
        LaunchDescription([IncludeLaunchDescription(file, launch_arguments=given.items())])
    )
    sys.exit(service.run())


if __name__ == "__main__":
    how, domain, ip, folder, priority = sys.argv[1:]
    try:
        (nodes if how == "nodes" else launched)(int(domain), ip, Path(folder), priority)
    except KeyboardInterrupt:
        sys.exit(130)
