"""The dashboard server and the script ports (Universal Robots, "Dashboard Server" and "Remote Control" guides)."""

from __future__ import annotations

from collections.abc import Callable

from gpnet_ros.ur_controller.robot import (
    EMERGENCY,
    IDLE,
    NORMAL,
    PAUSED,
    PLAYING,
    POWER_OFF,
    PROTECTIVE,
    RUNNING,
    SAFEGUARD,
    STOPPED,
    Robot,
)
from gpnet_ros.ur_controller.wire import Link

_ROBOT_MODES = {POWER_OFF: "POWER_OFF", IDLE: "IDLE", RUNNING: "RUNNING"}
_SAFETY_MODES = {
    NORMAL: "NORMAL",
    PROTECTIVE: "PROTECTIVE_STOP",
    SAFEGUARD: "SAFEGUARD_STOP",
    EMERGENCY: "ROBOT_EMERGENCY_STOP",
}
_PROGRAM_STATES = {STOPPED: "STOPPED", PLAYING: "PLAYING", PAUSED: "PAUSED"}


class ScriptService:
    """Ports 30001 to 30003: program text comes in. The state stream of the real ports is left out."""

    def __init__(self, robot: Robot) -> None:
        """Serve one robot."""
        self.robot = robot

    def opened(self, link: Link) -> None:
        """Nothing is said at first."""

    def closed(self, link: Link) -> None:
        """A program outlives the link that brought it."""

    def received(self, link: Link, data: bytes) -> None:
        """Text arrives in pieces."""
        self.robot.receive_script(data.decode("utf-8", "replace"))


class DashboardService:
    """Port 29999: one command per line, one answer per line."""

    def __init__(self, robot: Robot) -> None:
        """Serve one robot."""
        self.robot = robot
        self._answers: dict[str, Callable[[], str]] = {
            "polyscopeversion": self._version,
            "stop": self._stop,
            "play": lambda: "Starting program" if robot.play() else "Failed to execute: play",
            "pause": lambda: "Pausing program" if robot.pause() else "Failed to execute: pause",
            "running": lambda: f"Program running: {str(robot.runtime == PLAYING).lower()}",
            "robotmode": lambda: f"Robotmode: {_ROBOT_MODES[robot.mode]}",
            "safetymode": lambda: f"Safetymode: {_SAFETY_MODES[robot.safety]}",
            "safetystatus": lambda: f"Safetystatus: {_SAFETY_MODES[robot.safety]}",
            "programstate": self._program_state,
            "get loaded program": lambda: "No program loaded",
            "get robot model": lambda: robot.model.label,
            "get serial number": lambda: "20200000001",
            "is in remote control": lambda: str(robot.remote).lower(),
            "isprogramsaved": lambda: "true <unnamed>",
            "unlock protective stop": lambda: robot.unlock() or "Protective stop releasing",
            "close safety popup": lambda: "closing safety popup",
            "close popup": lambda: "closing popup",
            "restart safety": self._restart_safety,
            "power on": lambda: self._power(True),
            "power off": lambda: self._power(False),
            "brake release": self._release_brakes,
        }

    def opened(self, link: Link) -> None:
        """Greet."""
        link.send(b"Connected: Universal Robots Dashboard Server\n")

    def closed(self, link: Link) -> None:
        """Nothing to do."""

    def received(self, link: Link, data: bytes) -> None:
        """Answer each complete line."""
        link.arriving += data
        while b"\n" in link.arriving:
            line, link.arriving = link.arriving.split(b"\n", 1)
            command = line.decode("utf-8", "replace").strip()
            if command.lower() in ("quit", "shutdown"):
                link.send(b"Disconnected\n")
                link.close()
                return
            link.send(f"{self._answer(command)}\n".encode())

    def _answer(self, command: str) -> str:
        word = command.lower()
        if word in self._answers:
            return self._answers[word]()
        if word.startswith("load "):
            return f"File not found: {command[5:]}"
        if word.startswith("popup "):
            return "showing popup"
        if word.startswith("addtolog "):
            return "Added log message"
        if word.startswith("setuserrole "):
            return f"Setting user role: {command[12:]}"
        return f"could not understand: '{command}'"

    def _version(self) -> str:
        major, minor, bugfix, build = self.robot.model.version
        return f"URSoftware {major}.{minor}.{bugfix}.{build} (Simulated)"

    def _stop(self) -> str:
        self.robot.stop_program("dashboard stop")
        return "Stopped"

    def _program_state(self) -> str:
        name = self.robot.program.name if self.robot.program else "<unnamed>"
        return f"{_PROGRAM_STATES[self.robot.runtime]} {name}"

    def _restart_safety(self) -> str:
        self.robot.release()
        self.robot.power(False)
        return "Restarting safety"

    def _power(self, on: bool) -> str:
        self.robot.power(on)
        return "Powering on" if on else "Powering off"

    def _release_brakes(self) -> str:
        self.robot.release_brakes()
        return "Brake releasing"
