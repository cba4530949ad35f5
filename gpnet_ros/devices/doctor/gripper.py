"""Examine the gripper without a movement: its registers are read, its lines are looked at, nothing is activated."""

from __future__ import annotations

import socket

from gpnet_ros.devices.digital_gripper import BANKS, DigitalGripper, DigitalGripperSettings
from gpnet_ros.devices.onrobot import OnRobotGripper, OnRobotSettings
from gpnet_ros.devices.robotiq import URCAP_PORT, RobotiqGripper, RobotiqSettings
from gpnet_ros.errors import DeviceError, LinkLost, RobotStopped
from gpnet_ros.finding import Finding, Trouble, well

GRIPPER_CLOSED = Trouble(
    "gripper", "gripper_closed", "fault", "port 63352, the Robotiq URCap's, does not answer",
    "Install Robotiq's URCap on the pendant (Settings, System, URCaps) and start PolyScope anew; for another gripper "
    "set `gripper`.",
)  # fmt: skip
GRIPPER_OTHER = Trouble(
    "gripper", "gripper_other", "fault", "port 63352 answers, and not as a Robotiq 2F does",
    "See which URCap holds port 63352 (Hand-E, EPick and 2F have one each), and choose the 2F under Installation, "
    "Gripper.",
)  # fmt: skip
GRIPPER_DARK = Trouble(
    "gripper", "gripper_dark", "fault", "the URCap answers, and the gripper does not",
    "Switch the arm on, set the tool's voltage to 24 V (Installation, Tool I/O, controlled by the URCap), and check "
    "the cable at the wrist.",
)  # fmt: skip
GRIPPER_FAULT = Trouble(
    "gripper", "gripper_fault", "fault", "the gripper reports a fault",
    "Remove its cause (manual of the 2F, section 4: heat, voltage, cable, blocked fingers), then call resume, which "
    "activates it anew; what it holds falls.",
)  # fmt: skip
LINE_MISSING = Trouble(
    "gripper", "line_missing", "fault", "a pin is named that its bank does not have",
    "Correct bank and pins in the gripper's file: the tool has pins 0 and 1, standard and configurable 0 to 7.",
)  # fmt: skip
LINES_OPPOSED = Trouble(
    "gripper", "lines_opposed", "fault", "both coils of the valve are on at once",
    "See who sets these outputs (pendant, I/O tab), and check close_pin and open_pin in the gripper's file.",
)  # fmt: skip
SWITCH_STUCK = Trouble(
    "gripper", "switch_stuck", "fault", "the input tells of an object while the gripper is open",
    "Take off what it holds, and check held_pin, the switch's threshold, and whether it opens or closes its contact.",
)  # fmt: skip
BOX_SILENT = Trouble(
    "gripper", "box_silent", "fault", "no OnRobot Compute Box answers",
    "Switch the box on, see its page in a browser, and set box_ip and port of the gripper's file to what it says.",
)  # fmt: skip
FINGERS_STOPPED = Trouble(
    "gripper", "fingers_stopped", "fault", "a safety switch of the OnRobot gripper was pushed",
    "Take away what pushes it, then switch the gripper's power off and on.",
)  # fmt: skip
#: Pins of each bank.
_PINS = {"standard": 8, "configurable": 8, "tool": 2}


class ReadLines:
    """Digital lines as they were read once; nobody can set one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Remember the bits of all inputs and outputs."""
        self._bits = (inputs, outputs)

    def set_output(self, bank: str, pin: int, value: bool) -> None:
        """Refuse.

        Raises:
            RobotStopped: always.
        """
        raise RobotStopped("The doctor sets no output.")

    def digital_bits(self) -> tuple[int, int]:
        """What was read."""
        return self._bits


def examine_robotiq(settings: RobotiqSettings) -> list[Finding]:
    """Read the registers of a Robotiq 2F."""
    gripper = RobotiqGripper(settings)
    address = f"{settings.robot_ip}:{URCAP_PORT}"
    try:
        state = gripper.state()
    except LinkLost as error:
        which = GRIPPER_CLOSED if isinstance(error.__cause__, OSError) and not _opens(settings) else GRIPPER_OTHER
        says = f"Port {address} is closed." if which is GRIPPER_CLOSED else f"Port {address}: {str(error).rstrip('.')}."
        return [which.found(says)]
    except DeviceError:
        return [GRIPPER_DARK.found(f"The URCap at {address} answers, and its gripper is silent.")]
    finally:
        gripper.close()
    if state.fault:
        return [GRIPPER_FAULT.found(f"The gripper at {address} reports: {state.fault}.")]
    if not state.is_active:
        return [well("gripper", f"The gripper at {address} answers; resume activates it, and its fingers move then.")]
    held = ", something between them" if state.object_detected else ""
    return [well("gripper", f"The gripper at {address} is active, its pads {state.width * 1000:.0f} mm apart{held}.")]


def examine_onrobot(settings: OnRobotSettings) -> list[Finding]:
    """Read the status of an OnRobot gripper."""
    gripper, address = OnRobotGripper(settings), f"{settings.box_ip}:{settings.port}"
    try:
        state = gripper.state()
    except DeviceError as error:
        return [BOX_SILENT.found(str(error))]
    finally:
        gripper.close()
    if state.fault:
        return [FINGERS_STOPPED.found(f"The gripper behind {address} does not obey: {state.fault}")]
    return [well("gripper", f"The gripper behind {address} obeys, its tips {state.width * 1000:.0f} mm apart.")]


def _opens(settings: RobotiqSettings) -> bool:
    try:
        socket.create_connection((settings.robot_ip, URCAP_PORT), settings.timeout).close()
    except OSError:
        return False
    return True


def examine_digital(settings: DigitalGripperSettings, inputs: int, outputs: int) -> list[Finding]:
    """Look at the lines of a digital gripper or suction cup, one bit for each line."""
    pins = {name: pin for name in ("close_pin", "open_pin", "held_pin") if (pin := getattr(settings, name)) >= 0}
    missing = [f"{name} {pin}" for name, pin in pins.items() if pin >= _PINS[settings.bank]]
    if missing:
        says = f"Bank {settings.bank} has {_PINS[settings.bank]} pins; named are {', '.join(missing)}."
        return [LINE_MISSING.found(says)]
    shift = BANKS[settings.bank]
    names = f"{settings.bank} {settings.close_pin} and {settings.open_pin}"
    both = [bool(outputs >> (shift + pin) & 1) for pin in (settings.close_pin, settings.open_pin) if pin >= 0]
    if len(both) == 2 and all(both):
        return [LINES_OPPOSED.found(f"Outputs {names} are both on.")]
    state = DigitalGripper(ReadLines(inputs, outputs), settings).state()
    told = settings.held_pin >= 0 and bool(inputs >> (shift + settings.held_pin) & 1)
    if told and state.width > 0:
        says = f"Input {settings.bank} {settings.held_pin} tells of an object, output {settings.close_pin} is open."
        return [SWITCH_STUCK.found(says)]
    how = "closed" if state.width == 0 else "open"
    return [well("gripper", f"The gripper on output {settings.bank} {settings.close_pin} is {how}.")]
