"""How far the planner may go: dry_run, hover, step, run; and what must be on file before it may grip."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import yaml

from gpnet_ros.errors import BadInput, SettingsError

#: From harmless to productive.
MODES = ("dry_run", "hover", "step", "run")
#: Modes in which the arm goes down to the heap.
GRIPPING = ("step", "run")


def require_mode(
    mode: str, simulated: bool, check_file: str, camera_serial: str, max_age_days: int, today: date | None = None
) -> None:
    """Refuse a mode that goes down to the heap unless the calibration was checked; simulation may do anything.

    Args:
        mode: one of `MODES`.
        simulated: whether the robot is simulated or a fake.
        check_file: YAML with `date` (YYYY-MM-DD) and `camera_serial`, written by the calibration check.
        camera_serial: of the camera in use; empty when there is only one.
        max_age_days: an older check does not count.
        today: the date; None asks the computer.

    Raises:
        SettingsError: unknown mode.
        BadInput: no valid check on file.
    """
    if mode not in MODES:
        raise SettingsError(f"Mode is {mode!r}; allowed: {', '.join(MODES)}.")
    if simulated or mode not in GRIPPING:
        return
    step = f"mode {mode!r} goes down to the heap; use 'hover', or do the calibration check and name its file."
    if not check_file or not Path(check_file).is_file():
        raise BadInput(f"No calibration check is on file ({check_file or 'calibration_check_file is empty'}): {step}")
    try:
        found = yaml.safe_load(Path(check_file).read_text(encoding="utf-8"))
        checked = found["date"] if isinstance(found["date"], date) else date.fromisoformat(str(found["date"]))
        serial = str(found["camera_serial"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise BadInput(f"Calibration check {check_file} holds no date and camera_serial ({error!r}): {step}") from error
    age = (today or date.today()) - checked
    if not timedelta(0) <= age <= timedelta(days=max_age_days):
        raise BadInput(f"Calibration check {check_file} is {age.days} days old, allowed are {max_age_days}: {step}")
    if camera_serial and serial != camera_serial:
        raise BadInput(f"Calibration check {check_file} is for camera {serial}, in use is {camera_serial}: {step}")
