"""The cell as it was measured: table, tote, keep-out boxes and home from points that were touched, and what cannot be.

Points are of the closed tips, in base. A cell file knows boxes along the axes of base only; what is turned is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell, Tote
from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.frame import Intrinsics
from gpnet_ros.kinematics import Joints
from gpnet_ros.motion import plan_home
from gpnet_ros.occlusion import blocks_view
from gpnet_ros.pose import Transform
from gpnet_ros.safety import check
from gpnet_ros.settings import Box, Workspace

#: A table may be tilted against base by this much [rad], and points of it lie off their plane by this much [m].
TILT_MAX, FLAT_MAX = np.deg2rad(1.0), 0.003
#: A tote may be turned against the axes of base by this much [rad], and its corners be off a rectangle so far [m].
TURN_MAX, SQUARE_MAX = np.deg2rad(3.0), 0.010
#: Touched and seen, the table lies at one height within this [m].
SEEN_MAX = 0.008
#: What is kept out reaches so much farther than where it was touched [m].
BOX_MARGIN = 0.02


@dataclass(frozen=True)
class TablePlane:
    """A table as it was measured.

    Attributes:
        z: its height at the middle of the workspace in base [m].
        tilt: against base [rad].
        off: greatest distance of a point from the plane [m].
    """

    z: float
    tilt: float
    off: float

    @property
    def refusal(self) -> str:
        """Why a cell cannot have this table, with the next step; empty when it can."""
        if not self.off <= FLAT_MAX:
            return (
                f"The points lie up to {self.off * 1e3:.1f} mm off one plane, allowed are {FLAT_MAX * 1e3:.0f} mm: "
                "clear the table, and measure it anew."
            )
        if not self.tilt <= TILT_MAX:
            return (
                f"The table is tilted by {np.rad2deg(self.tilt):.2f} degrees against base, allowed are "
                f"{np.rad2deg(TILT_MAX):.1f}: level the table or the robot's foot."
            )
        return ""


def table_plane(points: ArrayLike, workspace: Workspace) -> TablePlane:
    """The plane through points of the table.

    Args:
        points: in base, (n, 3) [m], three or more that are not on one line.
        workspace: of the cell.

    Raises:
        BadInput: too few points, or all on one line.
    """
    p = np.asarray(points, dtype=np.float64)
    if len(p) < 3 or not np.isfinite(p).all():
        raise BadInput(f"{len(p)} points of the table are known, three are needed: measure more.")
    rows = np.column_stack([p[:, :2] - workspace.centre, np.ones(len(p))])
    if np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[1] < 0.02:
        raise BadInput("All points of the table lie on one line: measure one that is 50 mm or more beside it.")
    (along_x, along_y, z), *_ = np.linalg.lstsq(rows, p[:, 2], rcond=None)
    off = np.abs(rows @ [along_x, along_y, z] - p[:, 2]).max()
    return TablePlane(float(z), float(np.arctan(np.hypot(along_x, along_y))), float(off))


def seen_table(
    depth: NDArray[np.float32], camera: Intrinsics, T_base_camera: Transform, workspace: Workspace
) -> NDArray[np.float64]:
    """Points (n, 3) [m] in base of the table within the workspace, from depth (H, W) [m].

    Raises:
        BadInput: little of it is seen, or much stands on it.
    """
    v, u = np.nonzero(np.isfinite(depth))
    points = camera.deproject(np.column_stack([u, v]), depth[v, u]) @ T_base_camera[:3, :3].T + T_base_camera[:3, 3]
    inside = (np.abs(points[:, :2] - workspace.centre) < workspace.side / 2).all(axis=1)
    points = points[inside]
    if len(points) < 1000:
        raise BadInput(f"Only {len(points)} pixels of the table give depth, 1000 are needed: see camera and hand-eye.")
    flat = np.abs(points[:, 2] - np.median(points[:, 2])) < 0.01
    if flat.mean() < 0.9:
        raise BadInput(
            f"Only {flat.mean():.0%} of the workspace lies at one height, 90% must: clear the table of all that stands "
            "on it."
        )
    return points[flat]


def agreed(touched: TablePlane, seen: TablePlane) -> str:
    """Why the touched table cannot be the one that the camera sees; empty when it can."""
    if abs(touched.z - seen.z) <= SEEN_MAX:
        return ""
    return (
        f"The jaws found the table at z = {touched.z * 1e3:.1f} mm, the camera sees it at {seen.z * 1e3:.1f} mm; "
        f"allowed are {SEEN_MAX * 1e3:.0f} mm between them: calibrate the hand-eye, or measure tcp_offset."
    )


def measured_tote(rim: ArrayLike, floor_z: float, before: Tote) -> Tote:
    """The tote whose inner upper corners were touched.

    Args:
        rim: the four inner upper corners, in any order, (4, 3) [m].
        floor_z: height of its floor inside [m].
        before: for the thickness of its walls and the spots.

    Raises:
        BadInput: they are no level rectangle along the axes of base.
    """
    p = np.asarray(rim, dtype=np.float64)
    if p.shape != (4, 3) or not np.isfinite(p).all():
        raise BadInput(f"A tote has four inner upper corners, {len(p)} are known: touch each once.")
    around = np.arctan2(*(p[:, :2] - p[:, :2].mean(axis=0)).T[::-1])
    p = p[np.argsort(around)]
    sides = np.roll(p, -1, axis=0) - p
    lengths = np.linalg.norm(sides[:, :2], axis=1)
    turns = np.arctan2(sides[:, 1], sides[:, 0])
    turned = np.abs((turns + np.pi / 4) % (np.pi / 2) - np.pi / 4).max()
    uneven = max(*np.abs(lengths[:2] - lengths[2:]), float(np.ptp(p[:, 2])))
    if not turned <= TURN_MAX:
        raise BadInput(
            f"The tote is turned by {np.rad2deg(turned):.1f} degrees against the axes of base, allowed are "
            f"{np.rad2deg(TURN_MAX):.0f}: turn it."
        )
    if not uneven <= SQUARE_MAX:
        raise BadInput(
            f"The tote's corners are up to {uneven * 1e3:.0f} mm off a level rectangle, allowed are "
            f"{SQUARE_MAX * 1e3:.0f}: touch them anew."
        )
    height = float(p[:, 2].mean()) - floor_z
    if not height > 0.0:
        raise BadInput(f"The tote's floor is {-height * 1e3:.0f} mm above its rim: touch the floor inside of it.")
    # Turned a little, the largest box along the axes that lies inside of it.
    x, y = np.sort(p[:, 0]), np.sort(p[:, 1])
    low, high = np.array([x[1], y[1]]), np.array([x[2], y[2]])
    (cx, cy), (ix, iy) = (low + high) / 2, high - low
    return replace(before, centre=_mm(cx, cy), inner=_mm(ix, iy), height=_mm(height)[0], floor_z=_mm(floor_z)[0])


def measured_box(name: str, points: ArrayLike, table_z: float, margin: float = BOX_MARGIN) -> Box:
    """The box that keeps the arm off something whose outermost points were touched; it stands on the table.

    Args:
        name: of it.
        points: in base, (n, 3) [m], two or more.
        table_z: height of the table [m].
        margin: around the points [m].

    Raises:
        BadInput: too few points.
    """
    p = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    if len(p) < 2 or not np.isfinite(p).all():
        raise BadInput(f"{len(p)} points of {name!r} are known, two opposite ones are needed at least: touch more.")
    low, high = p.min(axis=0) - margin, p.max(axis=0) + margin
    low[2] = min(float(low[2]), table_z)
    (lx, ly, lz), (hx, hy, hz) = _mm(*low), _mm(*high)
    return Box(name, (lx, ly, lz), (hx, hy, hz))


def home_fault(q: Joints, cell: Cell, T_base_camera: Transform | None, camera: Intrinsics | None) -> str:
    """Why joints (6,) [rad] are no home for this cell, with the next step; empty when they are.

    Args:
        q: where the arm stands.
        cell: of the cell, with table, tote and boxes as they were measured.
        T_base_camera: of a fixed camera, (4, 4); None for one on the flange.
        camera: its model.
    """
    there = replace(cell, home=tuple(float(v) for v in q))
    try:
        check(plan_home(q, there), there, q)
    except GpnetError as error:
        return f"The arm cannot have its home there: {error}"
    T = cell.kinematics.forward(q) @ cell.T_flange_tcp
    tilt = float(np.arccos(np.clip(-T[2, 2], -1.0, 1.0)))
    if not tilt <= cell.limits.tilt_max / 2:
        return (
            f"At home the tool leans by {np.rad2deg(tilt):.1f} degrees, allowed are "
            f"{np.rad2deg(cell.limits.tilt_max / 2):.1f}: turn the wrist until the jaws point straight down."
        )
    if T_base_camera is not None and camera is not None and blocks_view(q, cell, T_base_camera, camera):
        return "At home the arm stands between camera and workspace: choose a home beside it, as over the tote."
    away = np.abs(T[:2, 3] - cell.tote.centre) - np.array(cell.tote.inner) / 2
    if not away.max() <= 0.0:
        return "Home is not over the tote, where a held object may fall: lead the tips over the middle of the tote."
    return ""


def with_measured(values: dict[str, Any], cell: Cell, items: set[str]) -> dict[str, Any]:
    """Values of a cell file with what was measured in their place.

    Args:
        values: as they stood in the file.
        cell: with the measured ones.
        items: what was measured, of table, tote, keep_out and home.
    """
    merged = {**values}
    if "table" in items:
        merged["workspace"] = {**merged.get("workspace", {}), "table_z": cell.workspace.table_z}
    if "tote" in items:
        tote = cell.tote
        measured = {"centre": [*tote.centre], "inner": [*tote.inner], "height": tote.height, "floor_z": tote.floor_z}
        merged["tote"] = {**merged.get("tote", {}), **measured}
    if "keep_out" in items:
        merged["keep_out"] = [{"name": b.name, "low": [*b.low], "high": [*b.high]} for b in cell.keep_out]
    if "home" in items:
        merged["home"] = [round(float(v), 4) for v in cell.home]
    return merged


def _mm(*values: float) -> tuple[Any, ...]:
    """In whole tenths of a millimetre [m]."""
    return tuple(round(float(value), 4) for value in values)
