"""What the launch files have in common: arguments from a dataclass of settings, and a node from the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, LogInfo, TimerAction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from gpnet_ros.errors import SettingsError
from gpnet_ros.nodes.processes.node_process import RESPAWN_DELAY, NodeProcess
from gpnet_ros.settings import from_dict

#: Longest wait for a process after SIGINT before SIGTERM [s]: the planner stops the arm first.
PATIENCE = "15"

_S = TypeVar("_S")


def arguments(kind: type[_S]) -> list[DeclareLaunchArgument]:
    """Launch arguments with the names, defaults and choices of a settings dataclass."""
    return [_declare(field) for field in dataclasses.fields(kind)]  # type: ignore[arg-type]


def given(kind: type[_S], context: LaunchContext) -> _S:
    """The settings for the arguments that were given.

    Raises:
        SettingsError: a value that is not allowed.
    """
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    return from_dict(kind, {field.name: _value(field, context) for field in fields}, "launch argument")


def node_action(process: NodeProcess, namespace: str, **more: Any) -> Node:
    """The action that starts a node of the table, and again if it dies and may; more: what launch knows besides."""
    if process.respawn:
        more = {"on_exit": start_again(process, namespace), **more}
    more = {"name": process.name, **more}
    files = [str(file) for file in process.files]
    overrides = [{name: typed(v) for name, v in process.overrides.items()}] if process.overrides else []
    return Node(
        package="gpnet_ros",
        executable=process.executable,
        namespace=namespace,
        parameters=[*files, *overrides],
        remappings=list(process.remaps.items()),
        arguments=["--ros-args", "--log-level", process.log_level],
        output="both",
        emulate_tty=True,
        sigterm_timeout=PATIENCE,
        **more,
    )


def start_again(process: NodeProcess, namespace: str) -> Callable[[Any, LaunchContext], list[Any]]:
    """What launch does when a node's process ends: unlike its own `respawn`, nothing after refused settings."""

    def on_exit(event: Any, context: LaunchContext) -> list[Any]:
        if context.is_shutdown or not process.returns_after(event.returncode):
            return []
        told = f"{process.name} has died (exit status {event.returncode}); it is started again in {RESPAWN_DELAY:g} s"
        once_more = node_action(process, namespace, name=None)  # its own; launch would warn of two nodes of one name
        return [LogInfo(msg=told), TimerAction(period=RESPAWN_DELAY, actions=[once_more])]

    return on_exit


def typed(value: Any) -> Any:
    """A parameter whose text stays text: launch would make a number of the serial number "0123"."""
    return ParameterValue(value, value_type=str) if isinstance(value, str) else value


def _declare(field: dataclasses.Field[Any]) -> DeclareLaunchArgument:
    """The launch argument of one setting."""
    kind, meta = type(field.default), field.metadata
    unit = f" [{meta['unit']}]" if meta["unit"] else ""
    choices = ("true", "false") if kind is bool else meta["choices"]
    default = str(field.default).lower() if kind is bool else str(field.default)
    return DeclareLaunchArgument(
        field.name, default_value=default, description=meta["doc"] + unit, choices=list(choices) or None
    )


def _value(field: dataclasses.Field[Any], context: LaunchContext) -> Any:
    """The value of an argument in the type of its setting."""
    text = LaunchConfiguration(field.name).perform(context)
    kind: type = type(field.default)
    if kind is bool:
        return text == "true"
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(f"{field.name} is {text!r}; a number is needed.") from error
