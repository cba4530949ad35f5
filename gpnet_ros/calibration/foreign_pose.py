"""Hand-eye poses of other tools: both layouts of easy_handeye2's files, and plain poses in base_link.

Frames of ur_description: `base` is the controller's; base_link is base turned by 180 degrees about z; tool0 is the
flange as UR means it (z out of it); its frame `flange` has x there. Which frame a pose was taken for is always told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.hand_eye_solver import Mount
from gpnet_ros.pose import T_BASE_LINK_BASE, Transform, from_xyz_quat, transform

#: Frames that a pose may be given in, by the last part of their name -> what turns them into ours, and in words.
_BASES: dict[str, tuple[Transform, str]] = {
    "base_link": (T_BASE_LINK_BASE, "taken for base_link and turned by 180 degrees about z into the controller's base"),
    "base_link_inertia": (np.eye(4), "taken for base_link_inertia, which is the controller's base"),
    "base": (np.eye(4), "taken for the controller's base, as it is"),
}
_FLANGES: dict[str, tuple[Transform, str]] = {
    "tool0": (np.eye(4), "taken for tool0, which is the flange, as it is"),
    "flange": (
        transform([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], (0.0, 0.0, 0.0)),
        "taken for ROS's frame flange (x forward) and turned into tool0 (z forward)",
    ),
}
#: Names of a RealSense's colour optical frame end so.
OPTICAL = "color_optical_frame"


@dataclass(frozen=True, eq=False)
class ForeignPose:
    """A pose that another tool found.

    Attributes:
        mount: where the camera is.
        T_parent_camera: in the controller's base, or in the flange (tool0), (4, 4) [m].
        frame: name of the frame in which it was given.
        told: for which frame it was taken, in words.
    """

    mount: Mount
    T_parent_camera: Transform
    frame: str
    told: str


def read_pose(file: Path, frame: str = "", is_optical: bool = False) -> ForeignPose:
    """The pose in a file of easy_handeye2, or in a hand_eye.yaml that is in another frame.

    Raises:
        BadInput: neither of them, or it is not said in which frame the pose is.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{file} cannot be read ({error}); check its path and syntax.") from error
    if isinstance(values, dict) and "parameters" in values:
        return read_easy_handeye(file, frame, is_optical)
    hand_eye = load_hand_eye(file)
    if not frame:
        raise BadInput(f"{file} does not say in which frame its pose is: give --frame (base, base_link, ...).")
    return foreign_pose("fixed" if hand_eye.mount == "fixed" else "flange", hand_eye.T_parent_camera, frame)


def foreign_pose(mount: Mount, T_frame_camera: Transform, frame: str) -> ForeignPose:
    """A pose (4, 4) [m] of the colour optical frame, given in a frame by its name (a prefix of tf may stand before it).

    Raises:
        BadInput: a frame that is not known.
    """
    known = _BASES if mount == "fixed" else _FLANGES
    for name in sorted(known, key=len, reverse=True):
        if frame == name or frame.endswith((f"_{name}", f"/{name}")):
            turn, told = known[name]
            return ForeignPose(mount, turn @ T_frame_camera, frame, told)
    raise BadInput(
        f"The pose of a {'fixed camera' if mount == 'fixed' else 'camera on the flange'} is given in frame {frame!r}; "
        f"allowed: {', '.join(known)}: give it in one of them (tf2_echo tells how they lie), by --frame."
    )


def read_easy_handeye(path: Path, frame: str = "", is_optical: bool = False) -> ForeignPose:
    """The pose in a file of easy_handeye2 (`.calib`, before that `.yaml` as easy_handeye's).

    Args:
        path: of the file.
        frame: in which the pose is; empty takes the one that the file names.
        is_optical: the tracking frame is the colour optical frame, whatever its name is.

    Raises:
        BadInput: not such a file, or frames that are not known; nothing is guessed.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        parameters = values["parameters"]
        mount = _mount(parameters, path)
        T = _pose(values)
        given = frame or str(parameters["robot_base_frame" if mount == "fixed" else "robot_effector_frame"])
        tracking = str(parameters["tracking_base_frame"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path} is no calibration of easy_handeye2 ({error!r}): it must hold parameters and transform, or "
            "transformation; take the file from ~/.ros2/easy_handeye2/calibrations."
        ) from error
    if not is_optical and not tracking.endswith(OPTICAL):
        raise BadInput(
            f"{path}: tracking_base_frame is {tracking!r}, but the pose of the camera's colour optical frame is "
            f"needed, whose name ends with {OPTICAL}: camera_link lies some 15 mm beside it; calibrate with that "
            "frame, or, where it is the same frame by another name, give --optical."
        )
    return foreign_pose(mount, T, given)


def _mount(parameters: dict[str, Any], path: Path) -> Mount:
    """By `calibration_type` of the newer files, by `eye_on_hand` of the older ones."""
    kind = parameters.get("calibration_type", parameters.get("eye_on_hand"))
    if kind in ("eye_in_hand", True):
        return "flange"
    if kind in ("eye_on_base", False):
        return "fixed"
    raise BadInput(
        f"{path}: calibration_type is {kind!r}; allowed: eye_in_hand, eye_on_base (eye_on_hand: true or false in older "
        "files)."
    )


def _pose(values: dict[str, Any]) -> Transform:
    """The transform (4, 4) [m] of either layout."""
    if "transform" in values:
        shift, turn = values["transform"]["translation"], values["transform"]["rotation"]
        return from_xyz_quat([shift[k] for k in "xyz"], [turn[k] for k in "xyzw"])
    flat = values["transformation"]
    return from_xyz_quat([flat[k] for k in "xyz"], [flat[f"q{k}"] for k in "xyzw"])
