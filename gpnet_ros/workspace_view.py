"""How a camera at a supposed pose would see the workspace, and why that cannot be; what is possible is never a fault.

A view may be cut, tilted and full of objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, invert
from gpnet_ros.settings import Workspace

#: The workspace is looked at on so many points along x and y.
_POINTS = 21
#: Least share of the workspace in the picture: less cannot be grasped from anyway.
_SHARE_MIN = 0.02
#: Least height of a camera over the table, and least depth of the workspace's centre [m].
_NEAR = 0.05
#: Depth tells something from so many measured points on.
_MEASURED_MIN = 30
#: The table may seem so much lower [m] than the cell says; and objects may stand so high all over the workspace [m].
_LOWER, _HIGHER = -0.08, 0.40
#: A workspace of which this share is one plane, tilted by more than this [rad], lies on no table.
_FLAT_SHARE, _FLAT, _TILT_MAX = 0.7, 0.015, np.deg2rad(10.0)
#: So near to the table's height [m] is the table.
_TABLE = 0.03


@dataclass(frozen=True)
class WorkspaceView:
    """How a camera at a supposed pose sees the workspace.

    Attributes:
        eye: the camera in base (3,) [m]; above: its height over the table [m].
        ahead: depth of the workspace's centre before the camera [m]; pixel: (u, v) of it.
        share: of the workspace in the picture, in [0, 1].
        measured: points of the workspace at which depth was measured.
        low, high: lower and upper quartile of the measured surface's height over the table [m]; NaN without.
        table: share of it that lies at the table's height.
        tilt: of the surface against the table [rad], where it is one plane; else 0.
    """

    eye: tuple[float, float, float]
    above: float
    ahead: float
    pixel: tuple[float, float]
    share: float
    measured: int = 0
    low: float = float("nan")
    high: float = float("nan")
    table: float = 0.0
    tilt: float = 0.0


def workspace_view(
    camera: Intrinsics, depth: NDArray[np.float32] | None, T_base_camera: Transform, workspace: Workspace
) -> WorkspaceView:
    """How the workspace is seen from a pose.

    Args:
        camera: its model.
        depth: (H, W) [m], NaN where unknown; None judges by geometry alone.
        T_base_camera: supposed pose of the camera, (4, 4).
        workspace: of the cell.
    """
    steps = np.linspace(-0.5, 0.5, _POINTS) * workspace.side
    x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
    x, y = np.r_[0.0, x] + workspace.centre[0], np.r_[0.0, y] + workspace.centre[1]  # the centre comes first
    points = np.column_stack([x, y, np.full(x.shape, workspace.table_z)])
    T_camera_base = invert(T_base_camera)
    points = points @ T_camera_base[:3, :3].T + T_camera_base[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = camera.project(points)
        inside = (points[:, 2] > _NEAR) & (pixels >= -0.5).all(axis=1)
        inside &= (pixels < np.array([camera.width, camera.height]) - 0.5).all(axis=1)
    eye = T_base_camera[:3, 3]
    view = WorkspaceView(
        (float(eye[0]), float(eye[1]), float(eye[2])),
        float(eye[2] - workspace.table_z),
        float(points[0, 2]),
        (float(pixels[0, 0]), float(pixels[0, 1])),
        float(inside[1:].mean()),
    )
    if depth is None or not inside.any():
        return view
    return _measured(view, camera, depth, np.rint(pixels[inside]).astype(int), T_base_camera, workspace.table_z)


def _measured(
    view: WorkspaceView,
    camera: Intrinsics,
    depth: NDArray[np.float32],
    pixels: NDArray[np.int_],
    T_base_camera: Transform,
    table_z: float,
) -> WorkspaceView:
    """The view with what was measured at these pixels (n, 2)."""
    z = depth[pixels[:, 1], pixels[:, 0]].astype(np.float64)
    known = np.isfinite(z) & (z > 0)
    if known.sum() < _MEASURED_MIN:
        return view
    surface = camera.deproject(pixels[known], z[known])
    heights = surface @ T_base_camera[2, :3] + T_base_camera[2, 3] - table_z
    low, high = np.percentile(heights, [25, 75])
    table = float((np.abs(heights) < _TABLE).mean())
    tilt = _plane_tilt(surface, T_base_camera)
    return replace(view, measured=int(known.sum()), low=float(low), high=float(high), table=table, tilt=tilt)


def _plane_tilt(surface: NDArray[np.float64], T_base_camera: Transform) -> float:
    """Angle [rad] between the table and the plane of points (n, 3) in the camera; 0 where they are no plane."""
    weights = np.ones(len(surface))
    normal = np.array([0.0, 0.0, 1.0])
    miss = np.full(len(surface), np.inf)
    for scale in (0.1, 0.04, 0.02, 0.01, 0.01):  # 1 = n x is a plane that does not go through the camera
        weighted = surface * weights[:, None]
        normal = np.linalg.solve(weighted.T @ surface + 1e-9 * np.eye(3), weighted.sum(axis=0))
        miss = (surface @ normal - 1.0) / max(float(np.linalg.norm(normal)), 1e-9)
        weights = 1.0 / (1.0 + (miss / scale) ** 2) ** 2
    if (np.abs(miss) < _FLAT).mean() < _FLAT_SHARE:
        return 0.0
    up = T_base_camera[2, :3] @ normal / max(float(np.linalg.norm(normal)), 1e-9)
    return float(np.arccos(np.clip(abs(up), 0.0, 1.0)))


def geometry_fault(view: WorkspaceView, camera: Intrinsics, centred: bool = False) -> str:
    """Why a camera cannot see the workspace like this, in words that follow "from there"; empty if it can.

    With `centred` the centre of the workspace must be in the picture.
    """
    if view.above < _NEAR:
        return f"the camera would be {view.above:.2f} m over the table, below what it looks at"
    if view.ahead < _NEAR:
        return "the centre of the workspace lies behind the camera"
    u, v = view.pixel
    inside = -0.5 <= u <= camera.width - 0.5 and -0.5 <= v <= camera.height - 0.5
    if view.share < _SHARE_MIN or (centred and not inside):
        partly = "" if view.share < _SHARE_MIN else "partly "
        return (
            f"the workspace lies {partly}outside the picture: its centre would be at pixel ({u:.0f}, {v:.0f}) of "
            f"{camera.width}x{camera.height}"
        )
    return ""


def surface_fault(view: WorkspaceView) -> str:
    """Why what was measured cannot be the table and a heap on it; empty if it can, or if nothing was measured."""
    if view.high < _LOWER:
        return f"what was measured where the workspace is lies {-view.high:.2f} m or more below the table"
    if view.low > _HIGHER:
        return f"what was measured where the workspace is lies {view.low:.2f} m or more over the table"
    if view.tilt > _TILT_MAX:
        return f"the surface that was measured where the workspace is leans by {np.degrees(view.tilt):.0f} degrees"
    return ""
