"""How far the planner may go: dry_run, hover, step, run; and what must be on file before it may grip."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.errors import BadInput, SettingsError
from gpnet_ros.touch_record import SAME_TCP, TouchRecord, read_record, tcp_of

#: From harmless to productive.
MODES = ("dry_run", "hover", "step", "run")
#: Modes in which the arm goes down to the heap.
GRIPPING = ("step", "run")
#: A clock that was set back a little since the check is none of another day.
_CLOCK = timedelta(hours=1)


@dataclass(frozen=True)
class Connected:
    """What is there now.

    Attributes:
        cell: with arm and tool.
        hand_eye_file: path of the hand-eye file in use.
        camera_serial: of the camera in use.
    """

    cell: Cell
    hand_eye_file: str
    camera_serial: str


def require_mode(
    mode: str, simulated: bool, check_file: str, connected: Connected, max_age_days: int, now: datetime | None = None
) -> str:
    """Refuse a mode that goes down to the heap unless `gpnet check` has found the calibration good, for what is there.

    Args:
        mode: one of `MODES`.
        simulated: whether the robot is simulated or a fake; such a one may do anything.
        check_file: that `gpnet check` has written.
        connected: with what it must agree.
        max_age_days: an older check does not count.
        now: the time; None asks the computer.

    Returns:
        Serial number that the arm must have, which is known only once it is connected; empty where any will do.

    Raises:
        SettingsError: unknown mode.
        BadInput: no valid check on file.
    """
    if mode not in MODES:
        raise SettingsError(f"Mode is {mode!r}; allowed: {', '.join(MODES)}.")
    if simulated or mode not in GRIPPING:
        return ""
    step = f"Mode {mode!r} goes down to the heap: do `gpnet check` and name its file, or use 'hover'."
    if not check_file or not Path(check_file).is_file():
        raise BadInput(f"No calibration check is on file ({check_file or 'calibration_check_file is empty'}). {step}")
    record = read_record(check_file)
    reason = _foreign(record, connected) or _aged(record, max_age_days, now or datetime.now(UTC))
    if not reason:
        try:
            reason = record.errors(connected.hand_eye_file).refusal
        except BadInput as error:
            reason = str(error)
    if reason:
        raise BadInput(f"Calibration check {check_file} does not count: {reason} {step}")
    return record.checked.arm_serial


def _foreign(record: TouchRecord, connected: Connected) -> str:
    """Why the check is of another camera, arm or tool than is connected; empty when it is not."""
    checked, cell = record.checked, connected.cell
    for name, serial in (("camera", checked.camera_serial), ("arm", checked.arm_serial)):
        if not serial.strip():
            return f"it names no serial number of the {name}: check anew with one that tells it."
    if not connected.camera_serial.strip():
        return "camera_serial is empty, so nobody knows which camera is in use: set it to that of the camera."
    if checked.camera_serial != connected.camera_serial:
        return f"it is of camera {checked.camera_serial}, in use is {connected.camera_serial}: check anew."
    away = np.abs(checked.tcp - tcp_of(cell))
    if checked.tool != cell.tool or not away.max() <= SAME_TCP:
        return (
            f"it is of tool {checked.tool!r} with its TCP at {checked.tcp[2] * 1e3:.1f} mm, the cell file has "
            f"{cell.tool!r} at {cell.hand.tcp_offset * 1e3:.1f} mm: check anew."
        )
    return ""


def _aged(record: TouchRecord, max_age_days: int, now: datetime) -> str:
    """Why the check is too old, or of a day to come; empty when it is not."""
    age = now - record.checked.date
    if -_CLOCK <= age <= timedelta(days=max_age_days):
        return ""
    return f"it is {age.days} days old, allowed are 0 to {max_age_days}: check anew."
