"""Whether a hand-eye calibration can be true: does the camera see the workspace's table where it says, and if not, why.

The usual mistakes are tried, alone and in pairs: a pose in base_link, an inverse, the pose of camera_link, a quaternion
in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import FrameRefused, HandEyeRefused
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import T_BASE_LINK_BASE, Transform, from_xyz_quat, invert, to_xyz_quat, transform
from gpnet_ros.settings import Workspace
from gpnet_ros.workspace_view import geometry_fault, surface_fault, workspace_view

#: An explanation must show this share of the workspace at the table's height.
_TABLE_SHARE = 0.1
#: Explanations that fit almost as well as the best are named, too; each further mistake makes one less likely.
_ALIKE, _FURTHER = 0.8, 0.7
_T_LINK_OPTICAL = transform([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], (0.0, 0.0, 0.0))
_T_TOOL0_FLANGE = transform([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], (0.0, 0.0, 0.0))


def _reordered(T: Transform) -> Transform:
    """The pose if its quaternion was written w, x, y, z and read x, y, z, w."""
    position, quaternion = to_xyz_quat(T)
    return from_xyz_quat(position, np.roll(quaternion, -1))


def _to_optical(T: Transform) -> Transform:
    return T @ _T_LINK_OPTICAL


def _from_optical(T: Transform) -> Transform:
    return T @ _T_LINK_OPTICAL.T


@dataclass(frozen=True)
class _Mistake:
    """A usual mistake: what was given, how to undo it, and how usual it is beside the others, in 0..1."""

    was: str
    undo: Callable[[Transform], Transform]
    usual: float = 1.0


#: In the order in which they are undone: the last one made comes first.
_ANYWHERE = (
    _Mistake("written with its quaternion as w, x, y, z", _reordered, 0.8),
    _Mistake("inverted, the pose of {parent} in the camera", invert),
)
_CHILD = (
    _Mistake("that of camera_link (x forward) and not of the colour optical frame (z forward)", _to_optical),
    _Mistake("turned from camera_link to the optical frame once too often", _from_optical, 0.8),
)
_FIXED = (
    *_ANYWHERE,
    _Mistake("given in base_link, which is base turned by 180 degrees about z", lambda T: T_BASE_LINK_BASE @ T),
    *_CHILD,
)
_ON_FLANGE = (
    *_ANYWHERE,
    _Mistake("given in ROS's frame flange (x forward) and not in tool0 (z forward)", lambda T: _T_TOOL0_FLANGE @ T),
    *_CHILD,
)


def explanations(
    camera: Intrinsics,
    depth: NDArray[np.float32] | None,
    T_parent_camera: Transform,
    workspace: Workspace,
    T_base_flange: Transform | None = None,
) -> list[tuple[str, Transform]]:
    """The mistakes that would explain a calibration that cannot be true, the likeliest first, each with the true pose.

    Args:
        camera: its model.
        depth: (H, W) [m], NaN where unknown, or None.
        T_parent_camera: the pose as given, (4, 4), in base or in the flange.
        workspace: of the cell.
        T_base_flange: the flange at the exposure, (4, 4), where that is the parent.
    """
    T_base_parent = np.eye(4) if T_base_flange is None else T_base_flange
    mistakes = _FIXED if T_base_flange is None else _ON_FLANGE
    found: list[tuple[float, str, Transform]] = []
    for made in (made for number in (1, 2) for made in combinations(mistakes, number)):
        T, fit = T_parent_camera, _FURTHER ** (len(made) - 1)
        for mistake in made:
            T, fit = mistake.undo(T), fit * mistake.usual
        fit *= _fit(camera, depth, T_base_parent @ T, workspace)
        if fit == 0.0:
            continue
        words = " and ".join(mistake.was for mistake in made)
        found.append((fit, words.format(parent="base" if T_base_flange is None else "the flange"), T))
    best = max((fit for fit, *_ in found), default=0.0)
    ranked = sorted((each for each in found if each[0] >= _ALIKE * best), key=lambda each: -each[0])
    return [(words, T) for _, words, T in ranked]


def _fit(
    camera: Intrinsics, depth: NDArray[np.float32] | None, T_base_camera: Transform, workspace: Workspace
) -> float:
    """How well the workspace is seen from a pose, in 0..1: all of it in the picture, the table at its height."""
    view = workspace_view(camera, depth, T_base_camera, workspace)
    if geometry_fault(view, camera, centred=True) or surface_fault(view):
        return 0.0
    if not view.measured:
        return view.share
    return view.share * view.table if view.table >= _TABLE_SHARE else 0.0


def check_hand_eye(
    camera: Intrinsics,
    depth: NDArray[np.float32] | None,
    T_parent_camera: Transform,
    workspace: Workspace,
    T_base_flange: Transform | None = None,
    *,
    by_surface: bool = True,
    centred: bool = False,
) -> None:
    """Refuse a hand-eye calibration that cannot be true.

    Args:
        camera, depth, T_parent_camera, workspace, T_base_flange: see `explanations`.
        by_surface: whether depth counts, which shows the arm, too, where that stands before the camera; without, a
            calibration is refused by geometry alone, and depth only helps to explain it.
        centred: whether the workspace's centre must be in the picture, as the network's view of it needs.

    Raises:
        HandEyeRefused: it cannot be true; the message names the usual mistake that would explain it.
        FrameRefused: what was measured is not what it should be, and no usual mistake explains that: something may
            stand before the camera.
    """
    T_base_camera = T_parent_camera if T_base_flange is None else T_base_flange @ T_parent_camera
    view = workspace_view(camera, depth, T_base_camera, workspace)
    geometry, surface = geometry_fault(view, camera, centred), surface_fault(view) if by_surface else ""
    if not geometry and not surface:
        return
    parent = "base" if T_base_flange is None else "the flange"
    eye = ", ".join(f"{value:.2f}" for value in view.eye)
    told = f"The hand-eye calibration cannot be true: with the camera at ({eye}) m in base, {geometry or surface}."
    found = explanations(camera, depth, T_parent_camera, workspace, T_base_flange)
    if not found and not by_surface:  # the arm may hide the table
        found = explanations(camera, None, T_parent_camera, workspace, T_base_flange)
    if found:
        raise HandEyeRefused(f"{told} {_advice(found, parent)}")
    if geometry:
        raise HandEyeRefused(
            f"{told} No usual mistake explains it (base_link, an inverse, camera_link, the order of the quaternion): "
            f"give hand_eye.yaml the pose of the colour optical frame in {parent}, or correct workspace"
            f"{'' if T_base_flange is None else ' and home'} in cell.yaml."
        )
    raise FrameRefused(
        f"With the camera at ({eye}) m in base, {surface}: take away what stands before the camera, or correct "
        "hand_eye.yaml, or table_z in cell.yaml."
    )


def _advice(found: list[tuple[str, Transform]], parent: str) -> str:
    """What fits, and the next step."""
    kinds = "; or ".join(f"it was {words}" for words, _ in found)
    needs = f"the pose of the colour optical frame in {parent}, in metres and with the quaternion as x, y, z, w"
    if len(found) > 1:
        return f"It would fit if {kinds}: find out which, and give hand_eye.yaml {needs}."
    position, quaternion = ([round(float(x), 6) for x in part] for part in to_xyz_quat(found[0][1]))
    return (
        f"It would fit if {kinds}: hand_eye.yaml needs {needs}, here position {position} and quaternion {quaternion}; "
        "look at a dry_run with it before anything moves."
    )
