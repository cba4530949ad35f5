"""Reach the controller by every way that the arm uses, and ask what `gpnet doctor` judges. Nothing is written."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from gpnet_ros.cell import Cell
from gpnet_ros.devices.ur.dashboard import DASHBOARD_PORT, ask
from gpnet_ros.devices.ur.link import UrLink
from gpnet_ros.devices.ur.messages import ChildConfig, ChildReport
from gpnet_ros.devices.ur.rtde import RTDE_PORT, RtdeClient
from gpnet_ros.errors import LinkLost
from gpnet_ros.finding import Finding, Trouble, well
from gpnet_ros.pose import to_rotvec

RTDE_UNREACHABLE = Trouble(
    "rtde", "rtde_unreachable", "fault", "nobody answers at the robot's address",
    "Check the cable, the controller's power, and robot_ip against the pendant (Settings, Network); both need an "
    "address of one subnet: ping {ip}.",
)  # fmt: skip
RTDE_CLOSED = Trouble(
    "rtde", "rtde_closed", "fault", "the address answers, and its port 30004 is closed",
    "Wait until PolyScope is up, enable RTDE (e-Series: Settings, Security, Services), and see that {ip} is the robot.",
)  # fmt: skip
RTDE_SILENT = Trouble(
    "rtde", "rtde_silent", "fault", "port 30004 is open, and does not speak RTDE",
    "See whether {ip} is the robot and no firewall or tunnel stands between; else start the controller anew.",
)  # fmt: skip
UR_RTDE_MISSING = Trouble(
    "rtde", "ur_rtde_missing", "fault", "the package ur_rtde cannot be imported",
    "Install it for Python 3.11 or 3.12: pip install ur_rtde==1.6.5.",
)  # fmt: skip
UR_RTDE_FAILS = Trouble(
    "rtde", "ur_rtde_fails", "fault", "RTDE answers, and ur_rtde does not connect",
    "Let no more than a few programs read RTDE at once, and start the controller anew.",
)  # fmt: skip
DASHBOARD_CLOSED = Trouble(
    "remote", "dashboard_closed", "fault", "port 29999, the dashboard server, does not answer",
    "Enable the dashboard server (e-Series: Settings, Security, Services); without it no stop can be left from here.",
)  # fmt: skip

#: The only words that the doctor says to the dashboard server: questions, which change nothing.
QUESTIONS = (
    "PolyscopeVersion", "get robot model", "get serial number", "is in remote control", "programState", "safetystatus",
)  # fmt: skip
#: Outputs of RTDE that are judged; an old controller lacks some.
OUTPUTS = ("actual_q", "actual_TCP_pose", "tcp_offset", "payload", "payload_cog", "runtime_state")
#: Inputs that ur_rtde's control interface claims, and those of its interface for digital outputs.
CONTROL_INPUTS = (
    *(f"input_int_register_{i}" for i in range(8)), *(f"input_double_register_{i}" for i in range(18)),
    "external_force_torque",
)  # fmt: skip
LINE_INPUTS = (
    *(f"input_int_register_{i}" for i in range(18, 24)), *(f"input_double_register_{i}" for i in range(18, 23)),
    *(f"{bank}_digital_output{part}" for bank in ("standard", "configurable", "tool") for part in ("_mask", "")),
    "speed_slider_mask", "speed_slider_fraction", "standard_analog_output_mask", "standard_analog_output_type",
    "standard_analog_output_0", "standard_analog_output_1",
)  # fmt: skip
#: Time for ur_rtde to connect in its process [s].
START = 20.0


@dataclass(frozen=True)
class RobotFacts:
    """What a controller told of itself.

    Attributes:
        version: of its software: major, minor, bugfix, build.
        outputs: values of `OUTPUTS` that it knows; SI units.
        answers: of the dashboard server to `QUESTIONS`; empty where it is closed.
        inputs: what it says of `CONTROL_INPUTS` and `LINE_INPUTS`: a type, IN_USE or NOT_FOUND.
        report: what ur_rtde reads; None where it does not connect.
        findings: what was found on the way.
    """

    ip: str
    version: tuple[int, int, int, int]
    outputs: dict[str, tuple[float, ...]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    report: ChildReport | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def software(self) -> str:
        """Its version in words, such as "3.15.8"."""
        return ".".join(map(str, self.version[:3]))


def reach_robot(ip: str, cell: Cell, timeout: float = 5.0) -> RobotFacts | Finding:
    """All that a controller tells, or why it cannot be reached; timeout: for each answer [s]."""
    try:
        version, outputs = _read_outputs(ip, timeout)
        inputs = {**_ask_inputs(ip, CONTROL_INPUTS, timeout), **_ask_inputs(ip, LINE_INPUTS, timeout)}
    except LinkLost as error:
        return _unreachable(ip, error)
    report, failure = _watch(ip, cell)
    if failure:
        which = UR_RTDE_MISSING if "No module named" in failure else UR_RTDE_FAILS
        found = [which.found(failure)]
    else:
        found = [well("rtde", f"RTDE of {ip}:{RTDE_PORT} answers, ur_rtde reads it, and the controller sends states.")]
    try:
        answers = {question: ask(ip, question, timeout) for question in QUESTIONS}
    except LinkLost as error:
        answers = {}
        if version[0] < 10:  # PolyScope X has none, which is told of its version
            found.append(DASHBOARD_CLOSED.found(f"Port {DASHBOARD_PORT} of {ip} does not answer ({_cause(error)})."))
    return RobotFacts(ip, version, outputs, answers, inputs, report, tuple(found))


def _read_outputs(ip: str, timeout: float) -> tuple[tuple[int, int, int, int], dict[str, tuple[float, ...]]]:
    client = RtdeClient(ip, timeout)
    try:
        version = client.version()
        kinds = client.kinds(OUTPUTS)
    finally:
        client.close()
    known = tuple(name for name, kind in zip(OUTPUTS, kinds, strict=False) if kind != "NOT_FOUND")
    client = RtdeClient(ip, timeout)
    try:
        return version, client.read(known) if known else {}
    finally:
        client.close()


def _ask_inputs(ip: str, names: tuple[str, ...], timeout: float) -> dict[str, str]:
    client = RtdeClient(ip, timeout)
    try:
        return client.claim(names)
    finally:
        client.close()


def _unreachable(ip: str, error: LinkLost) -> Finding:
    cause = error.__cause__
    if isinstance(cause, ConnectionRefusedError):
        return RTDE_CLOSED.found(f"{ip} answers, and its port {RTDE_PORT} is closed.", ip=ip)
    if isinstance(cause, OSError) and "cannot be reached" in str(error):
        return RTDE_UNREACHABLE.found(f"Nobody answers at {ip}:{RTDE_PORT} ({_cause(error)}).", ip=ip)
    return RTDE_SILENT.found(f"Port {RTDE_PORT} of {ip} is open and does not speak RTDE ({_cause(error)}).", ip=ip)


def _cause(error: LinkLost) -> str:
    return str(error.__cause__ or error).rstrip(".")


def _watch(ip: str, cell: Cell) -> tuple[ChildReport | None, str]:
    """The first report of a child that only watches, or why there is none."""
    hand = cell.hand
    tcp = tuple(to_rotvec(cell.T_flange_tcp))
    link = UrLink(ChildConfig(0, ip, False, False, 5.0, tcp, hand.mass, tuple(hand.centre_of_gravity)))
    end = time.monotonic() + START
    try:
        while link.report is None and link.is_alive and time.monotonic() < end:
            link.wait(0.05)
        if link.report is None:
            return None, link.failure or f"ur_rtde did not connect to {ip} within {START:.0f} s."
        return link.report, ""
    finally:
        link.close(orderly=True)
