"""`hand_eye.yaml` as the cell reads it, of a calibration or of another tool's pose, in a folder of its own.

The configuration of an installed package may not be writable, and is replaced by the next version: a cell keeps its
files in a folder that `cell_file` and `hand_eye_file` name.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from gpnet_ros.board import Board
from gpnet_ros.cell import HandEye, load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.hand_eye_fit import HandEyeFit
from gpnet_ros.hand_eye_record import HandEyeRecord
from gpnet_ros.hand_eye_solver import Mount
from gpnet_ros.pose import Transform, to_xyz_quat

FILE = "hand_eye.yaml"
_HEAD = """\
# T_parent_camera: the colour optical frame (x right, y down, z forward) in its parent.
# mount fixed: parent is base, the controller's own frame (not ROS's base_link); mount flange: the flange (tool0).
# Written by {source}. Metres, radians; quaternion x, y, z, w. Name this file by the parameter hand_eye_file.
"""


def hand_eye_of(
    mount: Mount, T_parent_camera: Transform, record: HandEyeRecord, rough: HandEye | None = None
) -> HandEye:
    """The hand-eye of a pose (4, 4) [m]; the camera's housing is that of the rough one."""
    position, quaternion = ([round(float(x), 9) for x in part] for part in to_xyz_quat(T_parent_camera))
    x, y, z = position
    qx, qy, qz, qw = quaternion
    pose: dict[str, Any] = {"position": (x, y, z), "quaternion": (qx, qy, qz, qw)}
    return replace(rough or HandEye(), mount=mount, **pose, measured=record)


def record_of(
    fit: HandEyeFit, board: Board, camera_serial: str, arm_model: str, arm_serial: str, now: datetime | None = None
) -> HandEyeRecord:
    """What is written down of a calibration."""
    return HandEyeRecord(
        date=(now or datetime.now().astimezone()).isoformat(timespec="seconds"), source="gpnet hand-eye",
        frame="base" if fit.mount == "fixed" else "flange",
        camera_serial=camera_serial, arm_model=arm_model, arm_serial=arm_serial, board=board.told,
        views=len(fit.views) - len(fit.bad), left_out=tuple(view.name for view in fit.bad),
        residual=_short(fit.away), residual_angle=_short(fit.turned), residual_pixel=_short(fit.pixel),
        spread=_short(fit.spread), spread_angle=_short(fit.spread_angle),
    )  # fmt: skip


def hand_eye_yaml(hand_eye: HandEye) -> str:
    """The text of the file."""
    values = {name: _plain(value) for name, value in asdict(hand_eye).items()}
    if hand_eye.mount == "fixed":
        values = {name: value for name, value in values.items() if not name.startswith("housing")}
    body = yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=120)
    return _HEAD.format(source=hand_eye.measured.source or "hand") + body


def write_hand_eye(hand_eye: HandEye, folder: Path) -> Path:
    """Write `hand_eye.yaml` into a folder, which is made; one that is there is kept beside it. The file's path.

    Raises:
        BadInput: the folder cannot be written.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{FILE}.new"
        fresh.write_text(hand_eye_yaml(hand_eye), encoding="utf-8")
        load_hand_eye(fresh)  # what cannot be read again never takes the place of a file
        if path.exists():
            os.replace(path, folder / "hand_eye.before.yaml")
        os.replace(fresh, path)
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written ({error.strerror}): name a folder of your own by --out, and the file by the "
            "parameter hand_eye_file."
        ) from error
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _short(value: float) -> float:
    return float(f"{value:.4g}")
