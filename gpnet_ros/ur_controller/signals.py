"""Names, types and values of the RTDE variables (Universal Robots, RTDE guide, "Field names and types")."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from gpnet_ros.pose import to_rotvec
from gpnet_ros.ur_controller.robot import SAFETY_BITS, Robot, RobotMode, RuntimeState


def input_bits(robot: Robot) -> int:
    """Digital inputs, numbered as the outputs: what a fault or a test has set, and what the plant drives."""
    return robot.digital_inputs | robot.plant.digital_inputs


class Snapshot:
    """The robot's state at the end of a cycle; what is costly is computed once and on demand."""

    def __init__(self, robot: Robot) -> None:
        """Look at one robot, as it is now."""
        self.robot = robot

    @cached_property
    def actual_q(self) -> list[float]:
        """The true joint angles (6,) [rad]."""
        return [float(x) for x in self.robot.plant.q]

    @cached_property
    def actual_qd(self) -> list[float]:
        """The true joint speeds (6,) [rad/s]."""
        return [float(x) for x in self.robot.plant.qd]

    @cached_property
    def actual_pose(self) -> list[float]:
        """The true pose of the TCP in base (6,): position [m] and rotation vector [rad]."""
        return [float(x) for x in to_rotvec(self.robot.arm.tcp(self.robot.plant.q))]

    @cached_property
    def target_pose(self) -> list[float]:
        """The commanded pose of the TCP in base (6,): position [m] and rotation vector [rad]."""
        return [float(x) for x in to_rotvec(self.robot.arm.tcp(self.robot.arm.q))]

    @cached_property
    def actual_twist(self) -> list[float]:
        """The true velocity of the TCP in base (6,) [m/s, rad/s]."""
        return [float(x) for x in self.robot.arm.twist(self.robot.plant.q, self.robot.plant.qd)]

    @cached_property
    def target_twist(self) -> list[float]:
        """The commanded velocity of the TCP in base (6,) [m/s, rad/s]."""
        return [float(x) for x in self.robot.arm.twist(self.robot.arm.q, self.robot.arm.qd)]

    @cached_property
    def wrench(self) -> list[float]:
        """Force and torque at the TCP in base (6,) [N, Nm], less the payload's weight."""
        return [float(x) for x in self.robot.arm.felt(self.robot.payload)]

    @cached_property
    def tcp_offset(self) -> list[float]:
        """The pose of the TCP in the flange (6,): position [m] and rotation vector [rad]."""
        return [float(x) for x in to_rotvec(self.robot.arm.T_flange_tcp)]

    @cached_property
    def status_bits(self) -> int:
        """The robot status of RTDE: bit 0 power is on, bit 1 a program runs."""
        return (self.robot.mode == RobotMode.RUNNING) | (self.robot.runtime == RuntimeState.PLAYING) << 1


Output = tuple[str, Callable[[Snapshot], Any]]


def _constant(kind: str, value: Any) -> Output:
    return kind, lambda _: value


def _vector(value: float) -> Output:
    return _constant("VECTOR6D", [value] * 6)


# Quantities that this simulation has no model of hold a plausible constant: currents, voltages, temperatures.
_CONSTANT = {
    "target_qdd": _vector(0.0),
    "target_current": _vector(0.0),
    "target_moment": _vector(0.0),
    "actual_current": _vector(0.0),
    "joint_control_output": _vector(0.0),
    "payload_inertia": _vector(0.0),
    "actual_current_as_torque": _vector(0.0),
    "joint_temperatures": _vector(30.0),
    "actual_joint_voltage": _vector(48.0),
    "joint_mode": _constant("VECTOR6INT32", [253] * 6),
    "actual_tool_accelerometer": _constant("VECTOR3D", [0.0, 0.0, 9.82]),
    "elbow_position": _constant("VECTOR3D", [0.0] * 3),
    "elbow_velocity": _constant("VECTOR3D", [0.0] * 3),
    "actual_execution_time": _constant("DOUBLE", 0.5),
    "actual_momentum": _constant("DOUBLE", 0.0),
    "tcp_force_scalar": ("DOUBLE", lambda s: sum(f * f for f in s.wrench[:3]) ** 0.5),
    "actual_main_voltage": _constant("DOUBLE", 48.0),
    "actual_robot_voltage": _constant("DOUBLE", 48.0),
    "actual_robot_current": _constant("DOUBLE", 0.5),
    "io_current": _constant("DOUBLE", 0.0),
    "tool_output_current": _constant("DOUBLE", 0.0),
    "tool_temperature": _constant("DOUBLE", 30.0),
    "standard_analog_input0": _constant("DOUBLE", 0.0),
    "standard_analog_input1": _constant("DOUBLE", 0.0),
    "tool_analog_input0": _constant("DOUBLE", 0.0),
    "tool_analog_input1": _constant("DOUBLE", 0.0),
    "analog_io_types": _constant("UINT32", 0),
    "tool_mode": _constant("UINT32", 253),
    "tool_output_voltage": _constant("INT32", 0),
    "tool_analog_input_types": _constant("UINT32", 0),
    "tool_output_mode": _constant("UINT8", 0),
    "tool_digital_output0_mode": _constant("UINT8", 0),
    "tool_digital_output1_mode": _constant("UINT8", 0),
    "euromap67_input_bits": _constant("UINT32", 0),
    "euromap67_output_bits": _constant("UINT32", 0),
    "euromap67_24V_voltage": _constant("DOUBLE", 0.0),
    "euromap67_24V_current": _constant("DOUBLE", 0.0),
}  # fmt: skip
_STATE: dict[str, Output] = {
    "timestamp": ("DOUBLE", lambda s: s.robot.plant.time),
    "target_q": ("VECTOR6D", lambda s: s.robot.arm.q.tolist()),
    "target_qd": ("VECTOR6D", lambda s: s.robot.arm.qd.tolist()),
    "actual_q": ("VECTOR6D", lambda s: s.actual_q),
    "actual_qd": ("VECTOR6D", lambda s: s.actual_qd),
    "actual_TCP_pose": ("VECTOR6D", lambda s: s.actual_pose),
    "actual_TCP_speed": ("VECTOR6D", lambda s: s.actual_twist),
    "actual_TCP_force": ("VECTOR6D", lambda s: s.wrench),
    "ft_raw_wrench": ("VECTOR6D", lambda s: s.wrench),
    "target_TCP_pose": ("VECTOR6D", lambda s: s.target_pose),
    "target_TCP_speed": ("VECTOR6D", lambda s: s.target_twist),
    "tcp_offset": ("VECTOR6D", lambda s: s.tcp_offset),
    "actual_digital_input_bits": ("UINT64", lambda s: input_bits(s.robot)),
    "actual_digital_output_bits": ("UINT64", lambda s: s.robot.digital_outputs),
    "robot_mode": ("INT32", lambda s: s.robot.mode),
    "safety_mode": ("INT32", lambda s: s.robot.safety),
    "safety_status": ("INT32", lambda s: s.robot.safety),
    "speed_scaling": ("DOUBLE", lambda s: s.robot.arm.rate * (s.robot.runtime == RuntimeState.PLAYING)),
    "target_speed_fraction": ("DOUBLE", lambda s: s.robot.arm.rate),
    "runtime_state": ("UINT32", lambda s: s.robot.runtime),
    "robot_status_bits": ("UINT32", lambda s: s.status_bits),
    "safety_status_bits": ("UINT32", lambda s: SAFETY_BITS[s.robot.safety]),
    "standard_analog_output0": ("DOUBLE", lambda s: s.robot.analog_out[0]),
    "standard_analog_output1": ("DOUBLE", lambda s: s.robot.analog_out[1]),
    "payload": ("DOUBLE", lambda s: s.robot.payload),
    "payload_cog": ("VECTOR3D", lambda s: s.robot.payload_cog),
    "output_bit_registers0_to_31": ("UINT32", lambda s: s.robot.output_bits & 0xFFFFFFFF),
    "output_bit_registers32_to_63": ("UINT32", lambda s: s.robot.output_bits >> 32 & 0xFFFFFFFF),
}


def _register(values: str, index: int) -> Callable[[Snapshot], Any]:
    return lambda s: getattr(s.robot, values)[index]


def _input(name: str) -> Callable[[Snapshot], Any]:
    return lambda s: s.robot.inputs.get(name, 0)


_REGISTERS = {
    **{f"input_int_register_{i}": "INT32" for i in range(48)},
    **{f"input_double_register_{i}": "DOUBLE" for i in range(48)},
    "input_bit_registers0_to_31": "UINT32",
    "input_bit_registers32_to_63": "UINT32",
}
#: Output variables: type and value. Input registers can be read back.
OUTPUTS: dict[str, Output] = {
    **_CONSTANT,
    **_STATE,
    **{f"output_int_register_{i}": ("INT32", _register("output_int", i)) for i in range(48)},
    **{f"output_double_register_{i}": ("DOUBLE", _register("output_double", i)) for i in range(48)},
    **{name: (kind, _input(name)) for name, kind in _REGISTERS.items()},
}
#: Input variables: type.
INPUTS: dict[str, str] = {
    **_REGISTERS,
    **{f"{group}_digital_output{part}": "UINT8" for group in ("standard", "configurable", "tool")
       for part in ("", "_mask")},
    "speed_slider_mask": "UINT32",
    "speed_slider_fraction": "DOUBLE",
    "standard_analog_output_mask": "UINT8",
    "standard_analog_output_type": "UINT8",
    "standard_analog_output_0": "DOUBLE",
    "standard_analog_output_1": "DOUBLE",
    "external_force_torque": "VECTOR6D",
}  # fmt: skip
