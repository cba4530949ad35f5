"""The launch file with sim:=true by launch_testing, where it is installed.

`test_running_graph.py` does the same checks by plain processes everywhere.
"""

from __future__ import annotations

import os
import time
import unittest
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

pytest.importorskip("launch_testing")
pytest.importorskip("launch_ros")

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_testing import post_shutdown_test
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from support.graph import differences, documented_topics, running_topics

from gpnet_ros.nodes.processes.client import PlannerClient
from gpnet_ros.nodes.processes.running_cell import free_address, free_domain
from gpnet_ros.nodes.processes.starter import ros_environment
from gpnet_ros.settings import resource_dir

NODES = ["camera_node", "inference_node", "planner_node"]
PATIENCE = 120.0


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    """The launch file with the simulated cell, on a domain of its own."""
    os.environ.update(ros_environment(free_domain()))
    folder = Path(mkdtemp(prefix="gpnet_launch_"))
    given = {"sim": "true", "robot_ip": free_address(), "device": "cpu", "objects": "1", "robot_model": "false"}
    file = PythonLaunchDescriptionSource(str(resource_dir("launch") / "grasp.launch.py"))
    cell = IncludeLaunchDescription(file, launch_arguments={**given, "run_dir": str(folder)}.items())
    return LaunchDescription([cell, ReadyToTest()])


class TestRunning(unittest.TestCase):
    def test_the_planner_is_idle_and_the_topics_are_those_of_the_page(self) -> None:
        documented, told, end = documented_topics(), ["nothing was seen"], time.monotonic() + PATIENCE
        with PlannerClient() as client:
            client.wait_until(lambda: client.state == "idle", PATIENCE, "the planner")
            while told and time.monotonic() < end:
                try:
                    told = differences(documented, running_topics(client.node, NODES), NODES)
                except (RuntimeError, ValueError) as unknown:  # a node that is not yet known
                    told = [str(unknown)]
                time.sleep(0.1)
        assert not told


@post_shutdown_test()
class TestEnded(unittest.TestCase):
    def test_all_have_ended_with_zero(self, proc_info: Any) -> None:
        assert len(list(proc_info)) == 1 + len(NODES)
        assertExitCodes(proc_info)
