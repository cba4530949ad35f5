"""The admin port: faults on demand, one JSON object per line in, one out. Not part of any real controller."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.ur_controller.plant import GRIPPER_CLOSED
from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.robotiq import RobotiqService
from gpnet_ros.ur_controller.rtde import RtdeService
from gpnet_ros.ur_controller.signals import INPUTS
from gpnet_ros.ur_controller.wire import Link, Ports

#: A command takes the request and returns what is added to {"ok": true}.
Command = Callable[[dict[str, Any]], dict[str, Any]]


class AdminService:
    """Serves a table of commands; the owner of the controller may add its own to `commands`."""

    def __init__(self) -> None:
        """No commands yet."""
        self.commands: dict[str, Command] = {}

    def opened(self, link: Link) -> None:
        """Nothing is said at first."""

    def closed(self, link: Link) -> None:
        """Nothing to do."""

    def received(self, link: Link, data: bytes) -> None:
        """Answer each complete line."""
        link.arriving += data
        while b"\n" in link.arriving:
            line, link.arriving = link.arriving.split(b"\n", 1)
            link.send(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            name = request.get("command") if isinstance(request, dict) else None
            if name not in self.commands:
                known = ", ".join(sorted(self.commands))
                raise BadInput(f"Command {name!r} is unknown: send a JSON object with command one of {known}.")
            return {"ok": True, **self.commands[name](request)}
        except (GpnetError, ValueError, KeyError, TypeError) as error:
            return {"ok": False, "error": str(error)}


def fault_commands(robot: Robot, rtde: RtdeService, gripper: RobotiqService, network: Ports) -> dict[str, Command]:
    """The faults of a controller by name."""

    def plain(action: Callable[[], None]) -> Command:
        def run(_: dict[str, Any]) -> dict[str, Any]:
            action()
            return {}

        return run

    def drop(request: dict[str, Any]) -> dict[str, Any]:
        network.drop(bool(request.get("reset", False)), float(request.get("refuse", 0.0)))
        return {}

    def freeze(request: dict[str, Any]) -> dict[str, Any]:
        network.frozen_until = time.monotonic() + float(request["seconds"])
        return {}

    def busy(request: dict[str, Any]) -> dict[str, Any]:
        name = str(request["variable"])
        if name not in INPUTS:
            raise BadInput(f"Variable {name!r} is no RTDE input: name one such as input_int_register_0.")
        (rtde.busy.add if request.get("on", True) else rtde.busy.discard)(name)
        return {"busy": sorted(rtde.busy)}

    def grip(request: dict[str, Any]) -> dict[str, Any]:
        result = str(request.get("result", "fail"))
        if result not in ("ok", "fail", "hold"):
            raise BadInput(f"Grip result {result!r} is unknown: choose ok, fail or hold.")
        gripper.fault = "" if result == "ok" else result
        gripper.fault_position = int(request.get("position", 120 if result == "hold" else GRIPPER_CLOSED))
        return {}

    def remote(request: dict[str, Any]) -> dict[str, Any]:
        robot.remote = bool(request.get("on", True))
        return {"remote": robot.remote}

    def digital_input(request: dict[str, Any]) -> dict[str, Any]:
        bit = 1 << int(request["index"])
        robot.digital_inputs = robot.digital_inputs | bit if request.get("on", True) else robot.digital_inputs & ~bit
        return {"digital_inputs": robot.digital_inputs}

    def state(_: dict[str, Any]) -> dict[str, Any]:
        return {
            "time": robot.plant.time,
            "q": robot.plant.q.tolist(),
            "qd": robot.plant.qd.tolist(),
            "runtime_state": robot.runtime,
            "safety_mode": robot.safety,
            "robot_mode": robot.mode,
            "reason": robot.reason,
            "watchdog": robot.watchdog is not None,
            "clients": len(network.links),
        }

    return {
        "pstop": plain(lambda: robot.protective_stop("fault injection")),
        "estop": plain(robot.emergency_stop),
        "safeguard": plain(robot.safeguard_stop),
        "release": plain(robot.release),
        "drop": drop,
        "freeze": freeze,
        "busy": busy,
        "grip": grip,
        "remote": remote,
        "input": digital_input,
        "state": state,
    }
