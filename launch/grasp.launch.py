"""Starts camera_node, inference_node and planner_node; with sim:=true the simulated cell in their place at the wire.

Which processes run, with which parameters, is decided in gpnet_ros/nodes/table.py.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, SetEnvironmentVariable, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.table import (
    RunSettings,
    environment,
    has_robot_model,
    node_processes,
    remaps,
    require_room,
    robot_description,
    simulation_command,
)
from gpnet_ros.settings import config_dir, from_dict

#: Longest wait for a process after SIGINT before SIGTERM [s]: the planner stops the arm first.
PATIENCE = "15"


def generate_launch_description() -> LaunchDescription:
    """Arguments with the names, defaults and choices of `RunSettings`."""
    return LaunchDescription(
        [
            *(SetEnvironmentVariable(name, value) for name, value in environment().items()),
            *(declare(field) for field in dataclasses.fields(RunSettings)),
            OpaqueFunction(function=start),
        ]
    )


def declare(field: dataclasses.Field[Any]) -> DeclareLaunchArgument:
    """The launch argument of one setting."""
    kind, meta = type(field.default), field.metadata
    unit = f" [{meta['unit']}]" if meta["unit"] else ""
    choices = ("true", "false") if kind is bool else meta["choices"]
    default = str(field.default).lower() if kind is bool else str(field.default)
    return DeclareLaunchArgument(
        field.name, default_value=default, description=meta["doc"] + unit, choices=list(choices) or None
    )


def start(context: LaunchContext) -> list[Any]:
    """The processes for the arguments that were given."""
    given = {field.name: value(field, context) for field in dataclasses.fields(RunSettings)}
    run = from_dict(RunSettings, given, "launch argument")
    require_room(run)
    actions: list[Any] = []
    if run.sim:
        ended = Shutdown(reason="the simulated cell has ended")  # nodes without it would try its address for ever
        actions.append(
            ExecuteProcess(
                cmd=simulation_command(run), name="sim", output="both", sigterm_timeout=PATIENCE, on_exit=ended
            )
        )
    for process in node_processes(run):
        files = [str(file) for file in process.files]
        overrides = [{name: typed(v) for name, v in process.overrides.items()}] if process.overrides else []
        actions.append(
            Node(
                package="gpnet_ros",
                executable=process.executable,
                name=process.name,
                namespace=run.namespace,
                parameters=[*files, *overrides],
                remappings=list(process.remaps.items()),
                output="both",
                emulate_tty=True,
                sigterm_timeout=PATIENCE,
            )
        )
    if has_robot_model(run):
        text = {"robot_description": typed(robot_description(run)), "use_sim_time": run.use_sim_time}
        actions.append(program("robot_state_publisher", run, parameters=[text]))
    if run.rviz:
        actions.append(program("rviz2", run, arguments=["-d", str(config_dir() / "grasp.rviz")]))
    return actions


def program(package: str, run: RunSettings, **more: Any) -> Node:
    """Another package's program of the package's name, in the namespace of the run and on its topics."""
    topics = list(remaps(run).items())
    return Node(package=package, executable=package, namespace=run.namespace, remappings=topics, output="both", **more)


def typed(value: Any) -> Any:
    """A parameter whose text stays text: launch would make a number of the serial number "0123"."""
    return ParameterValue(value, value_type=str) if isinstance(value, str) else value


def value(field: dataclasses.Field[Any], context: LaunchContext) -> Any:
    """The value of an argument in the type of its setting.

    Raises:
        SettingsError: text where a number is needed.
    """
    text = LaunchConfiguration(field.name).perform(context)
    if isinstance(field.default, bool):
        return text == "true"
    try:
        return type(field.default)(text)
    except ValueError as error:
        raise SettingsError(f"{field.name} is {text!r}; a number is needed.") from error
