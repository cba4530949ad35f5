"""Judge a robot: is it the one that the cell file speaks of, as it is set up there, and may it move?"""

from __future__ import annotations

import re

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.devices.doctor.reach import RobotFacts
from gpnet_ros.devices.ur.messages import BRAKES_ON, FAULT, POWERED_OFF, ROBOT_RUNNING, modes_of, safety_stop
from gpnet_ros.finding import Finding, Trouble, skipped, well
from gpnet_ros.pose import distance, from_rotvec, invert

MODEL_OTHER = Trouble(
    "model", "model_other", "fault", "the arm is another than `arm` of the cell file",
    "Correct `arm` in the cell file, or robot_ip if this is another robot: plans for one arm are wrong for another.",
)  # fmt: skip
MODEL_GENERATION = Trouble(
    "model", "model_generation", "fault", "a CB3 where the cell file says e-Series, or the other way round",
    "Correct `arm` in the cell file (ur10 for a CB3, ur10e for an e-Series): their links differ by centimetres.",
)  # fmt: skip
MODEL_KINEMATICS = Trouble(
    "model", "model_kinematics", "fault", "the controller's TCP is not where the model's kinematics puts it",
    "Check `arm`, and on the pendant that the installation that is loaded belongs to this very robot; a calibrated arm "
    "is some millimetres off (arm_tolerance).",
)  # fmt: skip
POLYSCOPE_OLD = Trouble(
    "polyscope", "polyscope_old", "fault", "software that ur_rtde's program does not run on",
    "Update PolyScope on the pendant (Update from USB): to 3.15 on a CB3, to 5.12 or later on an e-Series.",
)  # fmt: skip
POLYSCOPE_X = Trouble(
    "polyscope", "polyscope_x", "fault", "PolyScope X, which has no dashboard server",
    "Use a controller with PolyScope 5: PolyScope X takes no stop and no remote control from here.",
)  # fmt: skip
POLYSCOPE_UNTRIED = Trouble(
    "polyscope", "polyscope_untried", "warning", "software with which nothing of this package was tried",
    "Begin with dry_run and hover, or update PolyScope: 3.15 on a CB3 and 5.12 on an e-Series were simulated.",
)  # fmt: skip
REMOTE_LOCAL = Trouble(
    "remote", "remote_local", "fault", "an e-Series in local mode",
    "Switch to remote control at the top right of the pendant; if it is not offered there, enable it first under "
    "Settings, System, Remote Control.",
)  # fmt: skip
REMOTE_UNTOLD = Trouble(
    "remote", "remote_untold", "warning", "an e-Series before 5.6 does not tell its mode",
    "See on the pendant that remote control is on, or update PolyScope to 5.12 or later.",
)  # fmt: skip
STOP_EMERGENCY = Trouble(
    "safety", "stop_emergency", "fault", "an emergency stop is pressed",
    "See that nobody is near the arm, unlock the button that was pressed (pendant, table or fence), then call resume.",
)  # fmt: skip
STOP_SAFEGUARD = Trouble(
    "safety", "stop_safeguard", "fault", "the safeguard (door, light curtain) is open",
    "Close the door or leave the light curtain, reset the safeguard as it is wired, then call resume.",
)  # fmt: skip
STOP_PROTECTIVE = Trouble(
    "safety", "stop_protective", "fault", "a protective stop is active",
    "Find on the pendant what caused it and take that away, then call resume, which unlocks it after 5 s.",
)  # fmt: skip
SAFETY_FAULT = Trouble(
    "safety", "safety_fault", "fault", "a safety violation or fault is active",
    "Read its code on the pendant, remove the cause, and restart the safety system there.",
)  # fmt: skip
SAFETY_RECOVERY = Trouble(
    "safety", "safety_recovery", "fault", "recovery mode: a joint or the tool is outside the safety limits",
    "Move the arm back inside its limits by hand or with the pendant's Move tab.",
)  # fmt: skip
SAFETY_REDUCED = Trouble(
    "safety", "safety_reduced", "warning", "reduced mode: lower limits of speed and force",
    "If it is not meant (a plane or an input triggers it), take it out under Installation, Safety; moves are slower.",
)  # fmt: skip
POWER_OFF = Trouble(
    "safety", "power_off", "warning", "the arm has no power, or its brakes are on",
    "Nothing needs to be done: resume powers it on and releases the brakes, with a click and a small movement.",
)  # fmt: skip
NOT_READY = Trouble(
    "safety", "not_ready", "fault", "the controller starts, updates, or asks for a confirmation",
    "Follow what the pendant shows, and wait until it offers to switch the arm on.",
)  # fmt: skip
SLIDER_LOW = Trouble(
    "safety", "slider_low", "warning", "the speed slider stands below 5 %",
    "Raise the speed slider at the bottom of the pendant: at zero every move waits.",
)  # fmt: skip
PAYLOAD_UNSET = Trouble(
    "payload", "payload_unset", "warning", "the robot's installation knows of no payload",
    "Enter {mass} kg and centre of gravity {cog} mm on the pendant (Installation, General, Payload or TCP): led by "
    "hand the arm sinks or drifts without it.",
)  # fmt: skip
PAYLOAD_OTHER = Trouble(
    "payload", "payload_other", "warning", "its mass is another than that of the cell file",
    "Weigh all that hangs at the flange (a camera too) and give the pendant and the cell file the same mass.",
)  # fmt: skip
PAYLOAD_CENTRE = Trouble(
    "payload", "payload_centre", "warning", "its centre of gravity is another than that of the cell file",
    "Give the pendant and `centre_of_gravity` in the cell file the same point; the pendant can estimate it (e-Series).",
)  # fmt: skip
TCP_UNSET = Trouble(
    "tcp", "tcp_unset", "warning", "the robot's installation has its TCP at the flange",
    "Enter X 0, Y 0, Z {tcp} mm as TCP on the pendant (Installation, General, TCP): what it shows and jogs is else the "
    "flange.",
)  # fmt: skip
TCP_OTHER = Trouble(
    "tcp", "tcp_other", "warning", "the robot's TCP is another than the cell file's",
    "Measure from flange to the closed fingertips (or the cup's lip) and give the pendant and `tcp_offset` the same.",
)  # fmt: skip

#: Least versions with the registers that ur_rtde's program answers in; from these on this package was simulated.
_LEAST, _TRIED = {3: (3, 4), 5: (5, 4)}, {3: (3, 15), 5: (5, 12)}
#: From here on ur_rtde asks for other registers, which the simulated controller has not.
_BEYOND = (5, 23)
#: e-Series tell whether they are in remote control from here on.
_REMOTE = (5, 6)
_LOCAL_ANSWERS = {"true": True, "false": False}
#: Masses [kg], centres of gravity [m] and TCPs [m, rad] that differ by less are equal: they are typed with few digits.
MASS, CENTRE, TCP = 0.05, 0.005, 0.0005
#: Safety status bit of recovery mode and of reduced mode.
_RECOVERY, _REDUCED = 1 << 3, 1 << 1
_SLIDER = 0.05
_ROBOT_PARTS = ("model", "polyscope", "remote", "safety", "payload", "tcp")


def judge_robot(facts: RobotFacts, cell: Cell) -> list[Finding]:
    """All parts of a robot that was reached."""
    return [*_model(facts, cell), *_polyscope(facts), *_remote(facts), *_safety(facts), *_payload(facts, cell),
            *_tcp(facts, cell)]  # fmt: skip


def robot_unseen(why: str) -> list[Finding]:
    """The same parts of a robot that was not reached."""
    return [skipped(part, why) for part in _ROBOT_PARTS]


def _model(facts: RobotFacts, cell: Cell) -> list[Finding]:
    arm, answer = cell.arm.upper(), facts.answers.get("get robot model", "").upper()
    told = answer if re.fullmatch(r"UR\d+E?", answer) else ""  # older ones do not know the question
    e_series = facts.version[0] >= 5
    if told and told.rstrip("E") != arm.rstrip("E"):
        return [MODEL_OTHER.found(f"The controller says {told}, the cell file says {cell.arm}.")]
    if e_series != arm.endswith("E"):
        kind = "an e-Series" if e_series else "a CB3"
        says = f"The controller is {kind} (PolyScope {facts.software}), the cell file says {cell.arm}."
        return [MODEL_GENERATION.found(says)]
    off = _kinematic_error(facts, cell)
    if off is not None and not (off[0] <= cell.arm_tolerance and off[1] <= cell.arm_tolerance_angle):
        says = (
            f"The controller's TCP is {off[0] * 1000:.1f} mm and {np.rad2deg(off[1]):.2f} degrees from the kinematics "
            f"of {cell.arm}; allowed: {cell.arm_tolerance * 1000:.0f} mm, {np.rad2deg(cell.arm_tolerance_angle):.1f}."
        )
        return [MODEL_KINEMATICS.found(says)]
    if not told and off is None:
        return [skipped("model", "The controller tells neither its model nor its TCP's offset.")]
    serial = facts.answers.get("get serial number", "")
    number = f", serial number {serial}" if re.fullmatch(r"\d{6,}", serial) else ""
    away = "" if off is None else f"; its TCP is {off[0] * 1000:.1f} mm from the model's"
    what = f"{told}{number}, as the cell file says" if told else f"{cell.arm} by its kinematics, a name is not told"
    return [well("model", f"{what}{away}.")]


def _kinematic_error(facts: RobotFacts, cell: Cell) -> tuple[float, float] | None:
    """Controller's TCP against that of the model [m, rad]; None where it tells too little."""
    values = facts.outputs
    if not {"actual_q", "actual_TCP_pose", "tcp_offset"} <= set(values):
        return None
    T_base_flange = cell.kinematics.forward(np.array(values["actual_q"]))
    T = T_base_flange @ from_rotvec(np.array(values["tcp_offset"]))
    return distance(T, from_rotvec(np.array(values["actual_TCP_pose"])))


def _polyscope(facts: RobotFacts) -> list[Finding]:
    major, version = facts.version[0], facts.version[:2]
    if major >= 10:
        return [POLYSCOPE_X.found(f"The controller has PolyScope X {facts.software}.")]
    if major not in _LEAST or version < _LEAST[major]:
        return [POLYSCOPE_OLD.found(f"The controller has PolyScope {facts.software}; 3.4 and 5.4 are the oldest.")]
    if version < _TRIED[major] or version >= _BEYOND:
        return [POLYSCOPE_UNTRIED.found(f"Nothing here was tried with PolyScope {facts.software}.")]
    return [well("polyscope", f"PolyScope {facts.software}.")]


def _remote(facts: RobotFacts) -> list[Finding]:
    if not facts.answers:
        told = any(finding.part == "remote" for finding in facts.findings)
        return [] if told else [skipped("remote", "PolyScope X has no dashboard server to ask.")]
    if facts.version[0] <= 3:
        return [well("remote", "A CB3 has no local mode: it takes programs as long as its pendant is not in use.")]
    answer = facts.answers.get("is in remote control", "")
    remote = _LOCAL_ANSWERS.get(answer.lower())
    if remote is None or facts.version[:2] < _REMOTE:
        return [REMOTE_UNTOLD.found(f"PolyScope {facts.software} does not tell whether it is in remote control.")]
    if not remote:
        return [REMOTE_LOCAL.found("The robot is in local mode: it takes no program from here.")]
    return [well("remote", "The robot is in remote control.")]


def _safety(facts: RobotFacts) -> list[Finding]:
    report = facts.report
    if report is None:
        return [skipped("safety", "Not looked at: ur_rtde does not connect.")]
    modes = modes_of(report)
    says = f"Robot mode {modes['robot mode']}, safety {modes['safety']}, speed slider {report.slider:.0%}."
    bits, stop = report.safety_bits, safety_stop(report.safety_bits)
    named = {"emergency_stop": STOP_EMERGENCY, "safeguard_stop": STOP_SAFEGUARD, "protective_stop": STOP_PROTECTIVE}
    if bits & FAULT:
        return [SAFETY_FAULT.found(says)]
    if stop:
        return [named[stop].found(says)]
    if bits & _RECOVERY:
        return [SAFETY_RECOVERY.found(says)]
    found = [SAFETY_REDUCED.found(says)] if bits & _REDUCED else []
    if POWERED_OFF <= report.robot_mode <= BRAKES_ON:
        found.append(POWER_OFF.found(says))
    elif report.robot_mode != ROBOT_RUNNING:
        found.append(NOT_READY.found(says))
    if report.slider < _SLIDER:
        found.append(SLIDER_LOW.found(says))
    return found or [well("safety", says)]


def _payload(facts: RobotFacts, cell: Cell) -> list[Finding]:
    if "payload" not in facts.outputs:
        return [skipped("payload", f"PolyScope {facts.software} does not tell its payload.")]
    mass, hand = facts.outputs["payload"][0], cell.hand
    centre = np.array(facts.outputs.get("payload_cog", hand.centre_of_gravity))
    says = f"The robot's payload is {mass:.3f} kg at {_mm(centre)} mm, the cell file says {hand.mass:.3f} kg at "
    says += f"{_mm(hand.centre_of_gravity)} mm."
    if mass < MASS < hand.mass:
        return [PAYLOAD_UNSET.found(says, mass=f"{hand.mass:.3f}", cog=_mm(hand.centre_of_gravity))]
    if abs(mass - hand.mass) > MASS:
        return [PAYLOAD_OTHER.found(says)]
    if np.abs(centre - hand.centre_of_gravity).max() > CENTRE:
        return [PAYLOAD_CENTRE.found(says)]
    return [well("payload", says)]


def _tcp(facts: RobotFacts, cell: Cell) -> list[Finding]:
    T, tolerance = _offset(facts, cell)
    if T is None:
        return [skipped("tcp", f"PolyScope {facts.software} does not tell its TCP.")]
    away, turned = distance(T, cell.T_flange_tcp)
    unset, _ = distance(T, np.eye(4))
    tcp = cell.hand.tcp_offset
    says = f"The robot's TCP is at {_mm(T[:3, 3])} mm in the flange, {away * 1000:.1f} mm and {np.rad2deg(turned):.1f} "
    says += f"degrees from the cell file's ({tcp * 1000:.1f} mm along z)."
    if unset <= TCP < tcp:
        return [TCP_UNSET.found(says, tcp=f"{tcp * 1000:.1f}")]
    if away > tolerance or turned > max(TCP, tolerance):
        return [TCP_OTHER.found(says)]
    return [well("tcp", says)]


def _offset(facts: RobotFacts, cell: Cell) -> tuple[np.ndarray | None, float]:
    """TCP (4, 4) in the flange and how exactly it is known [m]: as told; on an old controller from joints and pose."""
    values = facts.outputs
    if "tcp_offset" in values:
        return from_rotvec(np.array(values["tcp_offset"])), TCP
    if not {"actual_q", "actual_TCP_pose"} <= set(values):
        return None, 0.0
    T_base_flange = cell.kinematics.forward(np.array(values["actual_q"]))
    return invert(T_base_flange) @ from_rotvec(np.array(values["actual_TCP_pose"])), cell.arm_tolerance


def _mm(point: object) -> str:
    values = [round(float(v) * 1000, 1) + 0.0 for v in np.asarray(point, dtype=np.float64)]
    return "(" + ", ".join(f"{v:g}" for v in values) + ")"
