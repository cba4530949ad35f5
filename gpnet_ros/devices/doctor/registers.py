"""Who else is on the controller: other RTDE clients that hold our inputs, and programs that we did not start."""

from __future__ import annotations

from gpnet_ros.devices.doctor.reach import CONTROL_INPUTS, LINE_INPUTS, RobotFacts
from gpnet_ros.devices.ur.messages import NO_PROGRAM, PLAYING
from gpnet_ros.finding import Finding, Trouble, skipped, well

REGISTERS_HELD = Trouble(
    "registers", "registers_held", "fault", "another RTDE client holds inputs that the arm's program is led by",
    "End the other client: a planner or ur_robot_driver that still runs, or a fieldbus (disable EtherNet/IP and "
    "PROFINET under Installation, Fieldbus).",
)  # fmt: skip
OUTPUTS_HELD = Trouble(
    "registers", "outputs_held", "fault", "another RTDE client holds the digital outputs that the gripper needs",
    "End the other client: ur_robot_driver, a fieldbus, or the gripper's own URCap (uninstall it under Settings, "
    "System, URCaps).",
)  # fmt: skip
REGISTERS_UNKNOWN = Trouble(
    "registers", "registers_unknown", "fault", "the controller lacks inputs that ur_rtde needs",
    "Update PolyScope: ur_rtde would wait for minutes on such a controller and tell nothing.",
)  # fmt: skip
PROGRAM_RUNS = Trouble(
    "registers", "program_runs", "fault", "a program runs on the controller",
    "Stop it on the pendant, or end the planner whose program it is; resume refuses to take its place.",
)  # fmt: skip
PROGRAM_PAUSED = Trouble(
    "registers", "program_paused", "warning", "a paused program waits on the controller",
    "Stop it on the pendant if somebody means to go on with it: resume ends it.",
)  # fmt: skip


def judge_registers(facts: RobotFacts, digital: bool) -> list[Finding]:
    """Who holds what; digital: whether the gripper hangs on digital outputs."""
    found = []
    needed = (*CONTROL_INPUTS, *(LINE_INPUTS if digital else ()))
    unknown = [name for name in needed if facts.inputs.get(name) == "NOT_FOUND"]
    if unknown:
        found.append(REGISTERS_UNKNOWN.found(f"PolyScope {facts.software} has no {_some(unknown)}."))
    held = [name for name in CONTROL_INPUTS if facts.inputs.get(name) == "IN_USE"]
    if held:
        found.append(REGISTERS_HELD.found(f"Another RTDE client holds {_some(held)} of {facts.ip}."))
    lines = [name for name in LINE_INPUTS if facts.inputs.get(name) == "IN_USE"]
    if lines and digital:
        found.append(OUTPUTS_HELD.found(f"Another RTDE client holds {_some(lines)} of {facts.ip}."))
    found += _program(facts)
    return found or [well("registers", "No other RTDE client holds what we need, and no program runs.")]


def registers_unseen(why: str) -> list[Finding]:
    """The same of a robot that was not reached."""
    return [skipped("registers", why)]


def _program(facts: RobotFacts) -> list[Finding]:
    runtime = int(facts.outputs.get("runtime_state", (NO_PROGRAM,))[0])
    name = facts.answers.get("programState", "")
    told = f" ({name})" if name else ""
    if runtime == PLAYING:
        return [PROGRAM_RUNS.found(f"A program runs on the controller{told}.")]
    if runtime > PLAYING:
        return [PROGRAM_PAUSED.found(f"A program is paused on the controller{told}.")]
    return []


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
