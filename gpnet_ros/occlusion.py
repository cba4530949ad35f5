"""Whether the arm stands between the camera and the workspace: such frames are not decided on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gpnet_ros.cell import Cell
from gpnet_ros.collision import spheres
from gpnet_ros.frame import Intrinsics
from gpnet_ros.height_map import MAP_BORDER
from gpnet_ros.pose import Transform, invert

#: Added around arm and tool [m]: cables, and a real arm that is not its data sheet.
MARGIN = 0.03


def blocks_view(q: ArrayLike, cell: Cell, T_base_camera: Transform, intrinsics: Intrinsics) -> bool:
    """Whether arm or tool, at joints q, cover a pixel that shows the workspace or its border.

    Args:
        q: joints, (6,) [rad].
        cell: arm, gripper and workspace.
        T_base_camera: the camera now.
        intrinsics: of the camera.
    """
    T_camera_base = invert(T_base_camera)
    half, table = cell.workspace.side / 2 + MAP_BORDER, cell.workspace.table_z
    (x, y), sign = cell.workspace.centre, np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    corners = np.column_stack([sign * half + (x, y), np.full(4, table)])
    seen = intrinsics.project(corners @ T_camera_base[:3, :3].T + T_camera_base[:3, 3])
    edge = np.array([intrinsics.width, intrinsics.height])
    low, high = np.clip(seen.min(axis=0), 0, edge), np.clip(seen.max(axis=0), 0, edge)
    body = spheres(cell.kinematics.link_frames(np.asarray(q, dtype=np.float64)[None]), cell, cell.gripper.stroke)
    centres = body.centres[0] @ T_camera_base[:3, :3].T + T_camera_base[:3, 3]
    radii = body.radii + MARGIN
    before = centres[:, 2] > radii  # behind the lens, or around it as the tool of a camera on the flange
    centres, radii = centres[before], radii[before]
    pixels, reach = intrinsics.project(centres), (intrinsics.fx * radii / (centres[:, 2] - radii))[:, None]
    return bool(((pixels + reach > low) & (pixels - reach < high)).all(axis=1).any())
