"""The simulated cell as processes, started once: its topics and services are those of docs/ros.md, no socket is open
to a network, and all end cleanly when told to. `test_launch_testing.py` says the same of the launch file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("rclpy")

from support.graph import Row, differences, documented_services, documented_topics, running_topics
from support.sockets import Socket, family, memberships, sockets

from gpnet_ros.nodes.processes.client import PlannerClient
from gpnet_ros.nodes.processes.running_cell import free_address, free_domain
from gpnet_ros.nodes.processes.starter import SIM, RunningNodes, end_processes, ros_environment, start_nodes
from gpnet_ros.nodes.processes.table import RunSettings
from gpnet_ros.nodes.processes.transport import PROFILE_VARIABLES, RANGE_VARIABLE

NODES = ["camera_node", "inference_node", "planner_node"]
#: A busy machine is slow; this is no promise.
PATIENCE = 120.0
#: A node in the environment that it is given.
NODE = "import rclpy; rclpy.init(); node = rclpy.create_node('open'); print('up', flush=True); input()"


class Cell(NamedTuple):
    """The processes, a client, and the multicast groups that were joined before they started."""

    nodes: RunningNodes
    client: PlannerClient
    before: Any


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    folder = tmp_path_factory.mktemp("graph")
    run = RunSettings(
        sim=True, robot_ip=free_address(), device="cpu", objects=1, robot_model="false", run_dir=str(folder / "cell")
    )
    before, domain = memberships(), free_domain()
    with start_nodes(run, domain, folder / "logs") as nodes, PlannerClient(domain) as client:
        client.wait_until(lambda: client.state == "idle", PATIENCE, "the planner")
        yield Cell(nodes, client, before)


def test_topics_are_those_of_the_page_with_type_and_qos(cell: Cell) -> None:
    documented, end = documented_topics(), time.monotonic() + PATIENCE
    told = ["nothing was seen"]
    while told and time.monotonic() < end:  # discovery takes a while
        cell.nodes.require_alive()
        try:
            told = differences(documented, running_topics(cell.client.node, NODES), NODES)
        except (RuntimeError, ValueError) as unknown:  # a node that is not yet known
            told = [str(unknown)]
        time.sleep(0.1)
    assert not told


def test_a_page_that_says_otherwise_is_found_out() -> None:
    page = documented_topics()
    running = {topic: replace(row, always=True) for topic, row in page.items() if row.always and row.node != "all"}
    nodes = [*NODES, "all"]
    assert not differences(page, {**running, "/diagnostics": page["/diagnostics"]}, NODES)
    quiet = {t: r for t, r in running.items() if t != "/joint_states"}
    extra = {**running, "/more": Row("String", False, "camera_node", True)}
    other = {**running, "/joint_states": replace(running["/joint_states"], kind="String")}
    unlatched = {**running, "/planner_node/state": replace(running["/planner_node/state"], latched=False)}
    for wrong, word in ((quiet, "/joint_states"), (extra, "/more"), (other, "String"), (unlatched, "False")):
        assert any(word in told for told in differences(page, wrong, nodes))


def test_services_are_those_of_the_page(cell: Cell) -> None:
    end = time.monotonic() + PATIENCE
    offered: set[str] = set()
    while offered != documented_services():
        assert time.monotonic() < end, offered
        try:
            found = cell.client.node.get_service_names_and_types_by_node("planner_node", "/")
        except RuntimeError:  # not yet known
            found = []
        offered = {name.rpartition("/")[2] for name, kinds in found if kinds == ["std_srvs/srv/Trigger"]}
        time.sleep(0.1)


def of_all(pids: list[int]) -> list[Socket]:
    return [one for pid in pids for child in family(pid) for one in sockets(child)]


def test_no_socket_hears_a_network_and_no_group_is_joined_on_one(cell: Cell) -> None:
    found = of_all([process.pid for process in cell.nodes.processes.values()])
    assert {one.protocol for one in found} >= {"udp", "tcp"}  # ROS, and the robot's protocols
    assert not [one for one in found if not one.is_loopback]
    assert not memberships() - cell.before


@pytest.mark.parametrize("discovery", ["SUBNET", "LOCALHOST"])
def test_a_node_with_ros_defaults_is_found_out(discovery: str) -> None:
    """LOCALHOST alone sends to this machine only, from sockets that hear every network."""
    environment = {**os.environ, **ros_environment(free_domain()), RANGE_VARIABLE: discovery}
    bare = {name: value for name, value in environment.items() if name not in PROFILE_VARIABLES}
    with subprocess.Popen([sys.executable, "-c", NODE], env=bare, stdin=-1, stdout=-1, text=True) as node:
        assert node.stdout is not None
        assert node.stdout.readline() == "up\n"
        found = sockets(node.pid)
        node.communicate("\n", timeout=PATIENCE)
    assert [one for one in found if one.protocol == "udp" and not one.is_loopback]


def test_a_program_of_this_machine_with_ros_defaults_finds_the_nodes(cell: Cell) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in (*PROFILE_VARIABLES, RANGE_VARIABLE)
    }
    look = (
        "import rclpy; rclpy.init(); node = rclpy.create_node('guest')\n"
        f"while not {set(NODES)} <= set(node.get_node_names()): rclpy.spin_once(node, timeout_sec=0.1)"
    )
    done = subprocess.run([sys.executable, "-c", look], env=environment, timeout=PATIENCE, check=False)
    assert done.returncode == 0


def test_a_node_without_the_enclave_that_is_asked_for_does_not_start(tmp_path: Path) -> None:
    security = {
        "ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": str(tmp_path), "ROS_SECURITY_ENCLAVE_OVERRIDE": "/gpnet",
    }  # fmt: skip
    environment = {**os.environ, **ros_environment(free_domain()), **security}
    command = [sys.executable, "-m", "gpnet_ros.nodes.clock_node"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode != 0
    assert f"{tmp_path}/enclaves/gpnet" in done.stderr


@pytest.mark.parametrize(
    ("ip", "is_loopback"),
    [("127.1.2.3", True), ("::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False),
     ("10.9.0.1", False), ("239.255.0.1", False), ("::ffff:10.9.0.1", False)],
)  # fmt: skip
def test_what_is_a_loopback_address(ip: str, is_loopback: bool) -> None:
    assert Socket("udp", ip, 7400).is_loopback == is_loopback


def test_told_to_end_all_end_cleanly(cell: Cell) -> None:
    """The last of this file: the processes are gone after it."""
    cell.nodes.require_alive()
    end_processes(cell.nodes.processes)
    assert {name: process.returncode for name, process in cell.nodes.processes.items()} == dict.fromkeys(
        [SIM, *NODES], 0
    )
    for log in Path(cell.nodes.folder).glob("*.log"):
        assert "Traceback" not in log.read_text("utf-8", "replace"), log
