"""Plays a bag in the camera's place, with inference_node and a planner in dry_run that follow its clock.

    ros2 launch gpnet_ros replay.launch.py bag:=shelf
    ros2 service call /planner_node/pick std_srvs/srv/Trigger     # one decision; ~/start decides again and again

Which processes run, with which parameters, is decided in gpnet_ros/nodes/processes/replay_table.py.
"""

from __future__ import annotations

from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import LogInfo, OpaqueFunction, SetEnvironmentVariable, Shutdown

from gpnet_ros.nodes.processes.launching import arguments, given, node_action
from gpnet_ros.nodes.processes.replay_table import ReplayRun, replay_processes, require_bag
from gpnet_ros.nodes.processes.table import environment
from gpnet_ros.nodes.processes.transport import find_transport


def generate_launch_description() -> LaunchDescription:
    """Arguments with the names, defaults and choices of `ReplayRun`."""
    return LaunchDescription(
        [
            *(SetEnvironmentVariable(name, value) for name, value in environment().items()),
            *arguments(ReplayRun),
            OpaqueFunction(function=start),
        ]
    )


def start(context: LaunchContext) -> list[Any]:
    """The processes for the arguments that were given."""
    run = given(ReplayRun, context)
    require_bag(run)
    replay, *others = replay_processes(run)
    return [
        LogInfo(msg=find_transport().describe()),
        node_action(replay, run.namespace, on_exit=end_if_it_failed),
        *(node_action(process, run.namespace) for process in others),
    ]


def end_if_it_failed(event: Any, _: LaunchContext) -> list[Shutdown]:
    """Nothing follows a bag that cannot be played; at the end of a bag the nodes stay, with what they last said."""
    return [Shutdown(reason="the bag cannot be played")] if event.returncode else []
