"""Ports 30001 to 30003: program text comes in, and the controller's state goes out unasked.

Universal Robots, "Client Interfaces" (primary, secondary, realtime), tables of software 5.9 and 5.10. Every message
begins with its own length; numbers are big-endian. What this simulation has no model of is a plausible constant.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from gpnet_ros.ur_controller.arm import JOINT_RANGE
from gpnet_ros.ur_controller.robot import Robot, RobotMode, RuntimeState, SafetyMode
from gpnet_ros.ur_controller.script_port import ScriptService
from gpnet_ros.ur_controller.signals import Snapshot, input_bits
from gpnet_ros.ur_controller.wire import Link, Service

#: Period of the robot state on 30001 and 30002 [s]; 30003 speaks in every cycle.
STATE_PERIOD = 0.1
_STATE, _MESSAGE, _VERSION = 16, 20, 3  # message types, and the kind of message that tells the version
_POWERED = 253  # joint and tool mode of a joint that runs
_REALTIME = struct.Struct(">i152d")


class StreamService(Service):
    """A port that takes programs and sends what `pack` makes of the robot, every `period` [s]."""

    def __init__(
        self, robot: Robot, script: ScriptService, pack: Callable[[Snapshot], bytes], period: float = 0.0
    ) -> None:
        """Send nothing yet.

        Args:
            robot: whose state is sent.
            script: takes the programs.
            pack: makes one message.
            period: of the messages, in the controller's own time [s]; 0 is every cycle.
        """
        self.robot, self._script, self._pack, self._period = robot, script, pack, period
        self._links: set[Link] = set()
        self._due = 0.0

    def opened(self, link: Link) -> None:
        """Greet a client of 30001 and 30002 with the version."""
        self._links.add(link)
        link.keep_little()
        if self._period:
            link.send(version_message(self.robot))

    def received(self, link: Link, data: bytes) -> None:
        """Take program text."""
        self._script.received(link, data)

    def closed(self, link: Link) -> None:
        """Send nothing more to a client that has gone; its program runs on."""
        self._links.discard(link)

    def publish(self, snapshot: Snapshot) -> None:
        """Send one message to every client that keeps up; those who do not read cost nothing."""
        now = self.robot.plant.time
        if now < self._due:
            return
        self._due = now + self._period
        readers = [link for link in self._links if not link.is_behind]
        if readers:
            message = self._pack(snapshot)
            for link in readers:
                link.send(message, droppable=True)


def version_message(robot: Robot) -> bytes:
    """The message that a client of the primary and the secondary port gets first."""
    major, minor, bugfix, build = robot.model.version
    name, built = b"URControl", b"01-01-2023, 00:00:00"
    body = struct.pack(">QbBB", _microseconds(robot), -2, _VERSION, len(name)) + name
    return _framed(_MESSAGE, body + struct.pack(">BBii", major, minor, bugfix, build) + built)


def state_message(snapshot: Snapshot) -> bytes:
    """The robot state of ports 30001 and 30002: sub-packages of robot, joints, tool, box, pose, tables, force."""
    robot = snapshot.robot
    parts = (_mode(robot), _joints(snapshot), _tool(), _masterboard(robot), _cartesian(snapshot), _kinematics(robot),
             _configuration(robot), struct.pack(">7d", *snapshot.wrench, 0.0))  # fmt: skip
    return _framed(_STATE, b"".join(_framed(kind, part) for kind, part in enumerate(parts)))


def realtime_message(snapshot: Snapshot) -> bytes:
    """The state of port 30003, 1220 bytes."""
    robot = snapshot.robot
    arm, zero6, zero3 = robot.arm, [0.0] * 6, [0.0] * 3
    # The bits are an integer in the place of a double.
    (inputs,) = struct.unpack(">d", struct.pack(">q", input_bits(robot)))
    (outputs,) = struct.unpack(">d", struct.pack(">q", robot.digital_outputs))
    values = [
        robot.plant.time, *arm.q, *arm.qd, *zero6, *zero6, *zero6,
        *snapshot.actual_q, *snapshot.actual_qd, *zero6, *zero6,
        *snapshot.actual_pose, *snapshot.actual_twist, *snapshot.wrench, *snapshot.target_pose, *snapshot.target_twist,
        inputs, *[30.0] * 6, 0.5, 0.0, float(robot.mode), *[float(_POWERED)] * 6, float(robot.safety),
        *zero6, 0.0, 0.0, 9.82, *zero6, arm.rate, 0.0, 0.0, 0.0, 48.0, 48.0, 0.5, *[48.0] * 6,
        outputs, float(robot.runtime), *zero3, *zero3, float(robot.safety),
        *zero3, robot.payload, *robot.payload_cog, *zero6,
    ]  # fmt: skip
    return _REALTIME.pack(_REALTIME.size, *values)


def _framed(kind: int, body: bytes) -> bytes:
    return struct.pack(">iB", 5 + len(body), kind) + body


def _microseconds(robot: Robot) -> int:
    return round(robot.plant.time * 1e6)


def _mode(robot: Robot) -> bytes:
    stopped = robot.safety == SafetyMode.ROBOT_EMERGENCY_STOP
    flags = (True, robot.mode == RobotMode.RUNNING, robot.mode != RobotMode.POWER_OFF, stopped,
             robot.safety == SafetyMode.PROTECTIVE_STOP, robot.runtime == RuntimeState.PLAYING,
             robot.runtime == RuntimeState.PAUSED)  # fmt: skip
    body = struct.pack(">Q7?BB3d", _microseconds(robot), *flags, robot.mode, 0, robot.arm.rate, robot.arm.rate, 1.0)
    return body + (b"\x00" if robot.model.e_series else b"")


def _joints(snapshot: Snapshot) -> bytes:
    rows = zip(snapshot.actual_q, snapshot.robot.arm.q, snapshot.actual_qd, strict=True)
    return b"".join(struct.pack(">3d4fB", *row, 0.0, 48.0, 30.0, 30.0, _POWERED) for row in rows)


def _tool() -> bytes:
    return struct.pack(">BB2dfBffB", 0, 0, 0.0, 0.0, 48.0, 0, 0.0, 30.0, _POWERED)


def _masterboard(robot: Robot) -> bytes:
    body = struct.pack(
        ">IIBB2dBB2d4fBBB", input_bits(robot) & 0xFFFFFFFF, robot.digital_outputs, 0, 0, 0.0, 0.0, 0, 0,
        *robot.analog_out, 30.0, 48.0, 0.5, 0.0, robot.safety, robot.reduced, 0,
    )  # fmt: skip
    return body + struct.pack(">IBB", 0, 0, 0) + (b"\x00" if robot.model.e_series else b"")


def _cartesian(snapshot: Snapshot) -> bytes:
    return struct.pack(">12d", *snapshot.actual_pose, *snapshot.tcp_offset)


def _kinematics(robot: Robot) -> bytes:
    """The table of the model; a plant's own calibration is not told."""
    dh = robot.model.dh
    return struct.pack(">6I24dI", *[0] * 6, *dh.theta, *dh.a, *dh.d, *dh.alpha, 0)


def _configuration(robot: Robot) -> bytes:
    dh, limits = robot.model.dh, [value for _ in range(6) for value in (-JOINT_RANGE, JOINT_RANGE)]
    motion: list[Any] = [value for speed in robot.arm.joint_speed for value in (float(speed), 40.0)]
    defaults = (1.05, 1.4, 0.25, 1.2, 0.0)  # speed and acceleration of joints and tool; equivalent radius
    rows = (*dh.a, *dh.d, *dh.alpha, *dh.theta)
    return struct.pack(">53d4i", *limits, *motion, *defaults, *rows, 0, 2 if robot.model.e_series else 1, 2, 1)
