"""The dashboard server (Universal Robots, "Dashboard Server" guide)."""

from __future__ import annotations

from collections.abc import Callable

from gpnet_ros.ur_controller.robot import Robot, RuntimeState
from gpnet_ros.ur_controller.wire import LineService, Link

#: What an e-Series in local mode does not do for the dashboard ("Dashboard Server e-Series", remote control).
_REMOTE_ONLY = frozenset([
    "stop", "play", "pause", "power on", "power off", "brake release", "unlock protective stop",
    "close safety popup", "close popup", "restart safety",
])  # fmt: skip


class DashboardService(LineService):
    """Port 29999: one command per line, one answer per line."""

    def __init__(self, robot: Robot) -> None:
        """Serve one robot."""
        self.robot = robot
        self.untrue: dict[str, str] = {}  # answers on demand (fault injection)
        self._answers: dict[str, Callable[[], str]] = {
            "polyscopeversion": self._version,
            "stop": self._stop,
            "play": lambda: "Starting program" if robot.play() else "Failed to execute: play",
            "pause": lambda: "Pausing program" if robot.pause() else "Failed to execute: pause",
            "running": lambda: f"Program running: {str(robot.runtime == RuntimeState.PLAYING).lower()}",
            "robotmode": lambda: f"Robotmode: {robot.mode.name}",
            "safetymode": lambda: f"Safetymode: {robot.safety.name}",
            "safetystatus": lambda: f"Safetystatus: {robot.safety.name}",
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
        """Greet the client as the real server does."""
        link.send(b"Connected: Universal Robots Dashboard Server\n")

    def answer(self, link: Link, line: bytes) -> None:
        """Answer one command; `quit` and `shutdown` close the link."""
        command = line.decode("utf-8", "replace").strip()
        if command.lower() in ("quit", "shutdown"):
            link.send(b"Disconnected\n")
            link.close()
            link.arriving = b""
            return
        link.send(f"{self._reply(command)}\n".encode())

    def _reply(self, command: str) -> str:
        word = command.lower()
        if word in self.untrue:
            return self.untrue[word]
        if word in _REMOTE_ONLY and not self.robot.remote:
            return "Command is not allowed due to safety reasons"
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
        return f"{self.robot.runtime.name} {name}"

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
