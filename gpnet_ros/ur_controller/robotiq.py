"""The Robotiq 2F gripper behind its URCap's socket, port 63352 (Robotiq 2F-85/140 instruction manual, section 4)."""

from __future__ import annotations

from gpnet_ros.ur_controller.plant import AT_TARGET, GRIPPER_CLOSED, MOVING, STOPPED_CLOSING, Plant
from gpnet_ros.ur_controller.robot import Robot, RobotMode
from gpnet_ros.ur_controller.wire import LineService, Link

_RESET, _ACTIVATING, _ACTIVE = 0, 1, 3  # gSTA
_NOT_ACTIVATED = 5  # gFLT: action delayed, activation must be completed first
_ACTIVATION = 1.5  # ours [s]: the fingers open and close fully once
_LAG = 0.05  # ours [s]: OBJ reports the new motion a little after the request, as clients have to expect
_SETTABLE = ("ACT", "GTO", "ATR", "ADR", "ARD", "FOR", "SPE", "POS")


class RobotiqService(LineService):
    """Register emulation on top of the plant's fingers.

    Attributes:
        fault: "" for none, "fail" for fingers that report an empty close without having moved, or "hold" for
            an object that is reported at `fault_position`.
        is_plugged: whether the tool's power reaches it.

    Its power goes with the arm's: then it knows nothing, moves nothing, and holds what it holds, as its screws do not
    turn back by themselves. When the power is back it has to be activated.
    """

    def __init__(self, robot: Robot, plant: Plant) -> None:
        """An inactive gripper, as after power-up."""
        self.robot, self.plant = robot, plant
        self.registers = dict.fromkeys(_SETTABLE, 0)
        self.fault, self.fault_position = "", GRIPPER_CLOSED
        self.code, self.code_stays = 0, False  # gFLT on demand, and whether a new activation leaves it
        self._active_from = float("inf")
        self._requested_at = -float("inf")
        self.is_plugged = True
        robot.when_power_goes.append(self._lose_power)

    @property
    def _is_dark(self) -> bool:
        return self.robot.mode == RobotMode.POWER_OFF or not self.is_plugged

    def plug(self, on: bool) -> None:
        """Let the tool's power reach the gripper, or not."""
        self.is_plugged = on
        if not on:
            self._lose_power()

    def _lose_power(self) -> None:
        self.registers = dict.fromkeys(_SETTABLE, 0)
        self._active_from = float("inf")
        if self.plant.gripper_object == MOVING:
            self.plant.set_gripper(self.plant.gripper_position, 0, 0)

    def answer(self, link: Link, line: bytes) -> None:
        """Answer `GET name` with its value, `SET name value ...` with ack or nack, anything else with silence."""
        words = line.decode("ascii", "replace").split()
        if len(words) == 2 and words[0] == "GET":
            link.send(f"{words[1]} {self._value(words[1])}\n".encode())
        elif len(words) >= 3 and words[0] == "SET":
            link.send(b"ack" if self._set(words[1:]) else b"nack")

    @property
    def _state(self) -> int:
        if not self.registers["ACT"]:
            return _RESET
        return _ACTIVE if self.plant.time >= self._active_from else _ACTIVATING

    def _set(self, words: list[str]) -> bool:
        try:
            values = {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}
        except ValueError:
            return False
        if not set(values) <= set(_SETTABLE) or not all(0 <= value <= 255 for value in values.values()):
            return False
        if self._is_dark:  # the controller took it; nobody is there
            return True
        was_active = self.registers["ACT"]
        self.registers.update(values)
        if values.get("ACT") == 1 and not was_active:
            self._active_from = self.plant.time + _ACTIVATION
            self.code = self.code if self.code_stays else 0
            self.plant.set_gripper(0, 255, 0)  # Activation opens the fingers: what is held falls.
        elif self.registers["GTO"] and self._state == _ACTIVE and {"GTO", "POS"} & set(values):
            self._go()
        return True

    def _go(self) -> None:
        self._requested_at = self.plant.time
        closing = self.registers["POS"] > self.plant.gripper_position
        if not (closing and self.fault):
            self.plant.set_gripper(self.registers["POS"], self.registers["SPE"], self.registers["FOR"])

    @property
    def _faked(self) -> bool:
        return bool(self.fault) and self.registers["POS"] > self.plant.gripper_position

    def _object(self) -> int:
        if not self.registers["GTO"] or self.plant.time < self._requested_at + _LAG:
            return MOVING
        if self._faked:
            return STOPPED_CLOSING if self.fault == "hold" else AT_TARGET
        return self.plant.gripper_object

    def _value(self, name: str) -> str:
        if self._is_dark:
            return "?"
        answers = {
            "STA": self._state,
            "PRE": self.registers["POS"],
            "OBJ": self._object(),
            "FLT": self.code if self._state == _ACTIVE else _NOT_ACTIVATED,
            "POS": self.fault_position if self._faked else self.plant.gripper_position,
        }
        return str(answers.get(name, self.registers.get(name, "?")))
