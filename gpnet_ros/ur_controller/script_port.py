"""What the script ports receive: program text, which is started (Universal Robots, "Remote Control" guide)."""

from __future__ import annotations

import logging

from gpnet_ros.ur_controller.builtins import BLOCKING, bind
from gpnet_ros.ur_controller.program import Program
from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.script import compile_program
from gpnet_ros.ur_controller.tokens import ScriptError, program_name, split_program
from gpnet_ros.ur_controller.wire import Link, Service

_log = logging.getLogger(__name__)


class ScriptService(Service):
    """Program text of ports 30001 to 30003; a program outlives its link."""

    def __init__(self, robot: Robot) -> None:
        """Start programs on one robot."""
        self.robot = robot
        self._arriving = ""

    def received(self, link: Link, data: bytes) -> None:
        """Take text, which arrives in pieces."""
        self.receive(data.decode("utf-8", "replace"))

    def receive(self, text: str) -> None:
        """Collect program text, and start every program that is complete."""
        self._arriving += text.replace("\r", "")
        try:
            while (parts := split_program(self._arriving)) is not None:
                self._arriving = parts[1]
                self._load(parts[0])
        except ScriptError as error:
            self._arriving = ""
            self.robot.stop_program(str(error))

    def _load(self, text: str) -> None:
        """Replace the running program; a `sec` program runs beside it."""
        if not self.robot.accepts_programs:
            _log.warning("Script refused: the robot is stopped, powered off or not in remote control.")
            return
        program = Program(program_name(text) or "line", text)
        try:
            program.start(compile_program(text, bind(self.robot, program), BLOCKING))
        except ScriptError as error:
            self.robot.stop_program(str(error))
            return
        if text.lstrip().startswith("sec"):
            self.robot.secondary.append(program)
        else:
            self.robot.start_program(program)
