"""The URScript functions that a program can call ("The URScript Programming Language"), bound to one robot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gpnet_ros.pose import from_rotvec, to_rotvec
from gpnet_ros.ur_controller.arm import Steps
from gpnet_ros.ur_controller.motions import Motions
from gpnet_ros.ur_controller.program import Program
from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.signals import input_bits
from gpnet_ros.ur_controller.tokens import ScriptError
from gpnet_ros.ur_controller.values import Pose, floats, six_numbers

#: Functions that take time; they are generators.
BLOCKING = frozenset([
    "movej", "movel", "movep", "movec", "stopj", "stopl", "speedj", "speedl", "servoj", "servoc",
    "sync", "sleep", "join", "popup", "protective_stop",
])  # fmt: skip
# Ours: a still arm under more force than this [N] is in contact (tool_contact of the e-Series).
_CONTACT_FORCE = 10.0
# Accepted without an effect on this simulation.
_IGNORED = (
    "textmsg", "set_gravity", "force_mode_set_damping", "force_mode_set_gain_scaling", "teach_mode",
    "end_teach_mode", "freedrive_mode", "end_freedrive_mode", "ft_rtde_input_enable", "enable_external_ft_sensor",
    "set_tool_voltage", "set_tool_communication", "set_safety_mode_transition_hardness",
    "set_standard_analog_input_domain", "set_tool_analog_input_domain", "set_analog_outputdomain",
    "set_input_actions_to_default",
)  # fmt: skip


def _index(index: float, count: int) -> int:
    if not 0 <= int(index) < count:
        raise ScriptError(f"Output {index} does not exist: choose 0 to {count - 1}.")
    return int(index)


class Builtins(Motions):
    """Every method without an underscore is a URScript function of that name; see the manual for their units."""

    def _table(self) -> dict[str, Callable[..., Any]]:
        table = {name: getattr(self, name) for name in dir(self) if not name.startswith("_")}
        table |= {name: getattr(self._program, name) for name in ("run", "kill", "join", "tick", "halt")}
        table |= {name: lambda *_, **__: None for name in _IGNORED}
        return {**table, "Pose": Pose}

    # --- registers and signals --------------------------------------------------------------------------
    def read_input_integer_register(self, index: float) -> int:
        return int(self._robot.inputs.get(f"input_int_register_{int(index)}", 0))

    def read_input_float_register(self, index: float) -> float:
        return float(self._robot.inputs.get(f"input_double_register_{int(index)}", 0.0))

    def read_input_boolean_register(self, index: float) -> bool:
        first = int(index) // 32 * 32
        word = self._robot.inputs.get(f"input_bit_registers{first}_to_{first + 31}", 0)
        return bool(int(word) >> int(index) % 32 & 1)

    def write_output_integer_register(self, index: float, value: float) -> None:
        self._robot.output_int[int(index)] = (int(value) + 2**31) % 2**32 - 2**31  # an INT32

    def write_output_float_register(self, index: float, value: float) -> None:
        self._robot.output_double[int(index)] = float(value)

    def write_output_boolean_register(self, index: float, value: bool) -> None:
        self._robot.set_output_bit(_index(index, 64), bool(value))

    def set_standard_digital_out(self, index: float, value: bool) -> None:
        self._robot.set_outputs(1 << _index(index, 8), -1 if value else 0)

    def set_configurable_digital_out(self, index: float, value: bool) -> None:
        self._robot.set_outputs(1 << 8 + _index(index, 8), -1 if value else 0)

    def set_tool_digital_out(self, index: float, value: bool) -> None:
        self._robot.set_outputs(1 << 16 + _index(index, 2), -1 if value else 0)

    set_digital_out = set_standard_digital_out

    def get_standard_digital_out(self, index: float) -> bool:
        return bool(self._robot.digital_outputs >> int(index) & 1)

    def get_standard_digital_in(self, index: float) -> bool:
        return bool(input_bits(self._robot) >> int(index) & 1)

    def get_tool_digital_in(self, index: float) -> bool:
        return self.get_standard_digital_in(16 + int(index))

    def rtde_set_watchdog(self, name: str, frequency: float, action: str = "pause") -> None:
        self._robot.set_watchdog(name, float(frequency), action)

    # --- time -------------------------------------------------------------------------------------------
    def get_steptime(self) -> float:
        return self._robot.arm.dt

    def sync(self) -> Steps:
        yield

    def sleep(self, seconds: float) -> Steps:
        for _ in range(max(1, round(seconds / self._robot.arm.dt))):
            yield

    def popup(self, *_: Any, **__: Any) -> Steps:
        yield

    # --- state ------------------------------------------------------------------------------------------
    def get_actual_joint_positions(self) -> list[float]:
        return floats(self._robot.plant.q)

    def get_target_joint_positions(self) -> list[float]:
        return floats(self._robot.arm.q)

    def get_actual_joint_speeds(self) -> list[float]:
        return floats(self._robot.plant.qd)

    def get_actual_joint_positions_history(self, steps: float = 0) -> list[float]:
        history = self._robot.history
        return floats(history[-1 - min(int(steps), len(history) - 1)])

    def get_actual_tcp_pose(self) -> Pose:
        return Pose(to_rotvec(self._robot.arm.tcp(self._robot.plant.q)))

    def get_target_tcp_pose(self) -> Pose:
        return Pose(to_rotvec(self._robot.arm.tcp(self._robot.arm.q)))

    get_target_waypoint = get_target_tcp_pose

    def get_actual_tool_flange_pose(self) -> Pose:
        return Pose(to_rotvec(self._robot.plant.forward(self._robot.plant.q)))

    def get_target_tcp_speed(self) -> list[float]:
        return floats(self._robot.arm.twist(self._robot.arm.q, self._robot.arm.qd))

    def get_actual_tcp_speed(self) -> list[float]:
        return floats(self._robot.arm.twist(self._robot.plant.q, self._robot.plant.qd))

    def get_tcp_force(self) -> list[float]:
        return floats(self._robot.arm.felt(self._robot.payload))

    def force(self) -> float:
        return float(np.linalg.norm(self._robot.arm.felt(self._robot.payload)[:3]))

    def get_joint_torques(self) -> list[float]:
        return [0.0] * 6

    def is_steady(self) -> bool:
        return not self._robot.arm.moving and bool(np.abs(self._robot.plant.qd).max() < 1e-2)

    def tool_contact(self, direction: Any = (0.0,) * 6) -> int:
        push, way = self._robot.arm.wrench()[:3], np.array(direction[:3], dtype=float)
        along = push if not way.any() else way * (push @ way) / (way @ way)
        opposed = not way.any() or push @ way < 0
        return self._robot.contact_cycles if opposed and np.linalg.norm(along) > _CONTACT_FORCE else 0

    def get_freedrive_status(self) -> int:
        return 0

    # --- installation -----------------------------------------------------------------------------------
    def set_tcp(self, pose: Any, *_: Any) -> None:
        self._robot.arm.T_flange_tcp = from_rotvec(six_numbers(pose))

    def get_tcp_offset(self) -> Pose:
        return Pose(to_rotvec(self._robot.arm.T_flange_tcp))

    def set_payload(self, mass: float, cog: Any = (0.0, 0.0, 0.0)) -> None:
        self._robot.payload, self._robot.payload_cog = float(mass), floats(cog)

    def set_target_payload(self, mass: float, cog: Any, inertia: Any = (0.0,) * 6, *_: Any) -> None:
        self.set_payload(mass, cog)

    def get_target_payload(self) -> float:
        return self._robot.payload

    def get_target_payload_cog(self) -> list[float]:
        return self._robot.payload_cog

    def get_target_payload_inertia(self) -> list[float]:
        return [0.0] * 6

    def zero_ftsensor(self) -> None:
        self._robot.arm.wrench_bias = np.array(self._robot.plant.wrench(self._robot.arm.T_flange_tcp))

    def protective_stop(self) -> Steps:
        self._robot.protective_stop("a program asked for it")
        yield


def bind(robot: Robot, program: Program) -> dict[str, Callable[..., Any]]:
    """Every URScript function by its name, for one program on one robot."""
    return Builtins(robot, program)._table()
