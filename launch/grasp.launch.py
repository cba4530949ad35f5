"""Starts camera_node, inference_node and planner_node; with sim:=true the simulated cell in their place at the wire.

Which processes run, with which parameters, is decided in gpnet_ros/nodes/processes/table.py.
"""

from __future__ import annotations

from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.event_handlers import OnProcessIO
from launch.events.process import ProcessIO
from launch_ros.actions import Node

from gpnet_ros.nodes.processes.launching import PATIENCE, arguments, given, node_action, typed
from gpnet_ros.nodes.processes.room import require_room
from gpnet_ros.nodes.processes.shared_memory import remove_dead_memory
from gpnet_ros.nodes.processes.starter import SLOW
from gpnet_ros.nodes.processes.table import (
    RunSettings,
    environment,
    has_robot_model,
    node_processes,
    remaps,
    robot_description,
    simulation_command,
)
from gpnet_ros.nodes.processes.transport import find_transport
from gpnet_ros.settings import config_dir


def generate_launch_description() -> LaunchDescription:
    """Arguments with the names, defaults and choices of `RunSettings`."""
    return LaunchDescription(
        [
            *(SetEnvironmentVariable(name, value) for name, value in environment().items()),
            *arguments(RunSettings),
            OpaqueFunction(function=start),
        ]
    )


def start(context: LaunchContext) -> list[Any]:
    """The processes for the arguments that were given."""
    run = given(RunSettings, context)
    require_room(run)
    remove_dead_memory()  # of what was killed together, with nobody left to tidy
    actions: list[Any] = [LogInfo(msg=find_transport().describe())]
    processes = node_processes(run)
    nodes = [(process.name, node_action(process, run.namespace)) for process in processes]
    if run.sim:
        ended = Shutdown(reason="the simulated cell has ended")  # nodes without it would try its address for ever
        cell = ExecuteProcess(
            cmd=simulation_command(run), name="sim", output="both", sigterm_timeout=PATIENCE, on_exit=ended
        )
        actions += [once_ready(cell, [node for name, node in nodes if name not in SLOW]), cell]
        nodes = [(name, node) for name, node in nodes if name in SLOW]
    actions += [node for _, node in nodes]
    clock = {"use_sim_time": any(process.overrides.get("use_sim_time", False) for process in processes)}
    if has_robot_model(run):
        text = {"robot_description": typed(robot_description(run)), **clock}
        actions.append(program("robot_state_publisher", run, parameters=[text]))
    if run.rviz:
        show = ["-d", str(config_dir() / "grasp.rviz")]
        actions.append(program("rviz2", run, arguments=show, parameters=[clock]))
    return actions


def once_ready(cell: ExecuteProcess, nodes: list[Node]) -> RegisterEventHandler:
    """Start the nodes when the cell says that it is ready: before, they would warn of an arm that is not there."""
    waiting = list(nodes)

    def hear(event: ProcessIO) -> list[Node]:
        if b'"ready"' not in event.text:
            return []
        due = waiting[:]
        waiting.clear()
        return due

    return RegisterEventHandler(OnProcessIO(target_action=cell, on_stdout=hear))


def program(package: str, run: RunSettings, **more: Any) -> Node:
    """Another package's program of the package's name, in the namespace of the run and on its topics."""
    topics = list(remaps(run).items())
    return Node(package=package, executable=package, namespace=run.namespace, remappings=topics, output="both", **more)
