"""The admin port: faults on demand, one JSON object per line in, one out. Not part of any real controller."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.pose import from_rotvec
from gpnet_ros.ur_controller.dashboard import DashboardService
from gpnet_ros.ur_controller.plant import GRIPPER_CLOSED
from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.robotiq import RobotiqService
from gpnet_ros.ur_controller.rtde import RtdeService
from gpnet_ros.ur_controller.signals import INPUTS, OUTPUTS
from gpnet_ros.ur_controller.wire import LineService, Link, Ports

#: A command takes the request; what it returns is added to {"ok": true}.
Command = Callable[[dict[str, Any]], dict[str, Any] | None]


class AdminService(LineService):
    """Serves a table of commands; the owner of the controller may add its own to `commands`."""

    def __init__(self) -> None:
        """Know no command yet."""
        self.commands: dict[str, Command] = {}

    def answer(self, link: Link, line: bytes) -> None:
        """Answer one request with one line of JSON."""
        link.send(json.dumps(self._reply(line)).encode() + b"\n")

    def _reply(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            name = request.get("command") if isinstance(request, dict) else None
            if name not in self.commands:
                known = ", ".join(sorted(self.commands))
                raise BadInput(f"Command {name!r} is unknown: send a JSON object with command one of {known}.")
            return {"ok": True, **(self.commands[name](request) or {})}
        except (GpnetError, ValueError, KeyError, TypeError) as error:
            return {"ok": False, "error": str(error)}


@dataclass(eq=False)
class Faults:
    """The faults of one controller: what the admin port can do to robot, RTDE, gripper and network.

    A stop lasts for one cycle at least, as the controller works in cycles: what ends it sooner waits for `shown`.
    """

    robot: Robot
    rtde: RtdeService
    gripper: RobotiqService
    network: Ports
    dashboard: DashboardService
    _fresh: bool = False  # a stop began in this cycle, and nobody has seen it yet
    _later: list[Callable[[], object]] = field(default_factory=list)

    def shown(self) -> None:
        """Do what had to wait: a cycle has ended, and its state was sent."""
        waiting, self._fresh, self._later = self._later, False, []
        for act in waiting:
            act()

    def commands(self) -> dict[str, Command]:
        """The faults by the names that the admin port knows."""
        robot = self.robot
        return {
            "pstop": lambda _: self._stop(lambda: robot.protective_stop("fault injection")),
            "estop": lambda _: self._stop(robot.emergency_stop),
            "safeguard": lambda _: self._stop(robot.safeguard_stop),
            "release": lambda request: self._end(lambda: robot.release(bool(request.get("resumes", False)))),
            "reduced": lambda request: robot.set_reduced(bool(request.get("on", True))),
            "pendant": self._press,
            "slider": self._slide,
            "drop": self._drop,
            "freeze": self._freeze,
            "busy": self._hold_input,
            "grip": self._fake_grip,
            "gripper_fault": self._set_gripper_fault,
            "gripper_power": lambda request: self.gripper.plug(bool(request.get("on", True))),
            "remote": self._set_remote,
            "input": self._set_input,
            "installation": self._install,
            "service": self._serve,
            "untrue": self._tell,
            "version": self._set_version,
            "state": self._state,
        }

    def _stop(self, act: Callable[[], object]) -> None:
        self._fresh = True
        act()

    def _end(self, act: Callable[[], object]) -> None:
        if self._fresh:
            self._later.append(act)
        else:
            act()

    def _drop(self, request: dict[str, Any]) -> None:
        """Close every link, with RST if `reset`, and accept none for `refuse` [s]."""
        self.network.drop(bool(request.get("reset", False)), float(request.get("refuse", 0.0)))

    def _freeze(self, request: dict[str, Any]) -> None:
        """Let nothing in or out for `seconds` [s]."""
        self.network.frozen_until = time.monotonic() + float(request["seconds"])

    def _hold_input(self, request: dict[str, Any]) -> dict[str, Any]:
        """Hold the RTDE input `variable`, as a fieldbus does, or let it go with `on` false."""
        name = str(request["variable"])
        if name not in INPUTS:
            raise BadInput(f"Variable {name!r} is no RTDE input: name one such as input_int_register_0.")
        (self.rtde.busy.add if request.get("on", True) else self.rtde.busy.discard)(name)
        return {"busy": sorted(self.rtde.busy)}

    def _fake_grip(self, request: dict[str, Any]) -> None:
        """Let the gripper report `result` of its next closings, at `position` 0 .. 255."""
        result = str(request.get("result", "fail"))
        if result not in ("ok", "fail", "hold"):
            raise BadInput(f"Grip result {result!r} is unknown: choose ok, fail or hold.")
        self.gripper.fault = "" if result == "ok" else result
        self.gripper.fault_position = int(request.get("position", 120 if result == "hold" else GRIPPER_CLOSED))

    def _set_gripper_fault(self, request: dict[str, Any]) -> None:
        """Let the gripper report fault `code` until it is activated anew, or for ever with `stays`."""
        self.gripper.code, self.gripper.code_stays = int(request["code"]), bool(request.get("stays", False))

    def _set_remote(self, request: dict[str, Any]) -> dict[str, Any]:
        """Switch remote control on or off."""
        self.robot.remote = bool(request.get("on", True))
        return {"remote": self.robot.remote}

    def _press(self, request: dict[str, Any]) -> dict[str, Any]:
        """Press `button` pause, play or stop on the pendant, which no remote control mode can refuse."""
        robot, button = self.robot, str(request.get("button"))
        if button == "stop":
            robot.stop_program("pendant")
            return {"done": True}
        if button not in ("pause", "play"):
            raise BadInput(f"Button {button!r} is unknown: choose pause, play or stop.")
        if button == "play" and self._fresh:
            self._end(robot.play)
            return {"done": True}
        self._fresh |= button == "pause"
        return {"done": robot.pause() if button == "pause" else robot.play()}

    def _slide(self, request: dict[str, Any]) -> None:
        """Set the speed slider to `value` 0 .. 1."""
        value = float(request["value"])
        if not 0.0 <= value <= 1.0:
            raise BadInput(f"Speed slider {value} is not usable: give a share from 0 to 1.")
        self.robot.arm.rate = value

    def _set_input(self, request: dict[str, Any]) -> dict[str, Any]:
        """Set or clear the digital input `index`."""
        robot, bit = self.robot, 1 << int(request["index"])
        robot.digital_inputs = robot.digital_inputs | bit if request.get("on", True) else robot.digital_inputs & ~bit
        return {"digital_inputs": robot.digital_inputs}

    def _install(self, request: dict[str, Any]) -> None:
        """Set what stands on the pendant: `payload` [kg] at `payload_cog` [m], `tcp` [m, rad] in the flange."""
        self.robot.payload = float(request.get("payload", self.robot.payload))
        self.robot.payload_cog = [float(x) for x in request.get("payload_cog", self.robot.payload_cog)]
        if "tcp" in request:
            self.robot.arm.T_flange_tcp = from_rotvec([float(x) for x in request["tcp"]])

    def _serve(self, request: dict[str, Any]) -> None:
        """Close the service of `port`, or open it again with `on` true."""
        port = int(request["port"])
        if port not in self.network.services:
            raise BadInput(f"Port {port} is none of {sorted(self.network.services)}.")
        self.network.enable(port, bool(request.get("on", False)))

    def _tell(self, request: dict[str, Any]) -> None:
        """Tell `value` of the RTDE output `variable`, or as answer to `question`; without a value it is not known."""
        if "question" in request:
            unknown = f"could not understand: '{request['question']}'"
            self.dashboard.untrue[str(request["question"]).lower()] = str(request.get("value", unknown))
            return
        name = str(request["variable"])
        if name not in OUTPUTS | INPUTS:
            raise BadInput(f"Variable {name!r} is none of RTDE: name one such as safety_status_bits.")
        if "value" in request:
            self.rtde.untrue[name] = request["value"]
        else:
            self.rtde.unknown.add(name)

    def _set_version(self, request: dict[str, Any]) -> None:
        """Claim to have this `software`: major, minor, bugfix, build."""
        major, minor, bugfix, build = (int(x) for x in request["software"])
        self.robot.model = replace(self.robot.model, version=(major, minor, bugfix, build))

    def _state(self, _: dict[str, Any]) -> dict[str, Any]:
        """Tell the controller's state in plain values; SI units."""
        robot = self.robot
        return {
            "time": robot.plant.time,
            "q": robot.plant.q.tolist(),
            "qd": robot.plant.qd.tolist(),
            "runtime_state": robot.runtime,
            "safety_mode": robot.safety,
            "robot_mode": robot.mode,
            "reason": robot.reason,
            "watchdog": robot.watchdog is not None,
            "command_word": robot.inputs.get("input_int_register_0", 0),
            "written": sorted(robot.inputs),
            "clients": len(self.network.links),
        }
