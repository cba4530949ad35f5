"""What is to be touched, as the camera sees it: the board's plane and corners, and a cylinder that stands beside it.

Points are measured as a grasp is: on the ray of a pixel, at the depth that the camera measured there.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.settings import Workspace
from gpnet_ros.touch_off import Sighting

#: Depth counts for the board's plane where it lies within this of it [m], and so large a share of it must.
PLANE_WITHIN, PLANE_SHARE = 0.006, 0.6
#: A cylinder stands higher than this over the board [m]; its top is what lies within the second of its height.
STANDS, TOP_WITHIN = 0.015, 0.006
#: Radius that a cylinder may have [m], and by how much its top may be longer than wide.
RADIUS, OVAL_MAX = (0.012, 0.06), 1.35


def steady_depth(frames: list[Frame]) -> NDArray[np.float32]:
    """The median depth (H, W) [m] of frames of one view; NaN where fewer than half of them know it.

    Raises:
        BadInput: there is no frame with depth.
    """
    depths = [frame.depth for frame in frames if frame.depth is not None]
    if not depths:
        raise BadInput("There is no frame with depth: check the camera.")
    stack = np.array(depths)
    known = np.isfinite(stack).sum(axis=0) * 2 >= len(stack)
    median = np.nanmedian(np.where(known, stack, np.float32(1.0)), axis=0)
    return np.where(known, median, np.float32(np.nan)).astype(np.float32)


def board_plane(depth: NDArray[np.float32], camera: Intrinsics, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plane of the board in the camera: points p [m] on it have plane[:3] @ p = plane[3], (4,).

    Args:
        depth: (H, W) [m], NaN where unknown.
        camera: its model.
        pixels: corners of the board, (n, 2) [px]; depth counts within their hull.

    Raises:
        BadInput: too little depth there lies in one plane.
    """
    mask = np.zeros(depth.shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(pixels).astype(np.int32)), 1)
    rows, columns = np.nonzero((mask > 0) & np.isfinite(depth))
    if len(rows) < 100:
        raise BadInput("The board gives no depth: is it glossy? Print it on plain paper, and look at the depth image.")
    points = camera.deproject(np.column_stack([columns, rows]), depth[rows, columns])
    keep = np.ones(len(points), dtype=bool)
    for _ in range(5):
        plane = _fitted(points[keep])
        keep = np.abs(points @ plane[:3] - plane[3]) < PLANE_WITHIN
        if keep.mean() < PLANE_SHARE:
            raise BadInput(
                f"Only {keep.mean():.0%} of the board's depth lies in one plane, {PLANE_SHARE:.0%} must: lay the board "
                "flat on the table, free of all that stands on it."
            )
    return plane


def find_cylinder(
    depth: NDArray[np.float32],
    camera: Intrinsics,
    plane: NDArray[np.float64],
    T_base_camera: Transform,
    workspace: Workspace,
) -> NDArray[np.float64]:
    """Middle of the top (u, v) [px], its depth and its radius [m] of the cylinder that stands over a plane, (4,).

    Args:
        depth: (H, W) [m], NaN where unknown.
        camera: its model.
        plane: of the board, (4,); see `board_plane`.
        T_base_camera: (4, 4), to look in the workspace only.
        workspace: of the cell.

    Raises:
        BadInput: there is none, or something else stands there.
    """
    v, u = np.mgrid[: depth.shape[0], : depth.shape[1]]
    points = camera.deproject(np.stack([u, v], axis=-1), depth)
    above = plane[3] - points @ plane[:3]
    xy = points @ T_base_camera[:2, :3].T + T_base_camera[:2, 3]
    inside = (np.abs(xy - workspace.centre) < workspace.side / 2).all(axis=-1)
    tall = (np.isfinite(above) & inside & (above > STANDS)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(tall, cv2.MORPH_OPEN, np.ones((3, 3))))
    if count < 2:
        raise BadInput(
            f"No cylinder is seen: stand one of {RADIUS[0] * 2e3:.0f} to {RADIUS[1] * 2e3:.0f} mm, taller than "
            f"{STANDS * 1e3:.0f} mm, beside the board in the workspace, fixed to the table."
        )
    chosen = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    height = float(np.quantile(above[chosen], 0.9))
    for _ in range(5):  # noise lifts the quantile; the middle of what lies around it is the top
        top = chosen & (np.abs(above - height) < TOP_WITHIN)
        height = float(np.median(above[top]))
    middle, radius, oval = _disc(np.column_stack([u[top], v[top]]), camera, plane - [0.0, 0.0, 0.0, height])
    if not (RADIUS[0] <= radius <= RADIUS[1] and oval <= OVAL_MAX):
        raise BadInput(
            f"What stands in the workspace is no upright cylinder of {RADIUS[0] * 2e3:.0f} to {RADIUS[1] * 2e3:.0f} mm "
            f"(its top is {2e3 * radius:.0f} mm wide, and {oval:.1f} times as long as wide): clear the workspace of "
            "all but board and cylinder."
        )
    return np.array([*camera.project(middle), middle[2], radius])


def _disc(
    pixels: NDArray[np.int_], camera: Intrinsics, plane: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, float]:
    """Middle (3,) and radius [m] of what pixels (n, 2) show of a plane, and how many times it is as long as wide."""
    rays = camera.deproject(pixels, np.ones(len(pixels)))
    distance = plane[3] / (rays @ plane[:3])
    placed = rays * distance[:, None]
    # Each pixel with the part of the plane that it covers.
    area = float((distance**2 / (camera.fx * camera.fy * np.abs(rays @ plane[:3]))).sum())
    middle = placed.mean(axis=0)
    spread = np.sort(np.linalg.eigvalsh(np.cov((placed - middle).T)))[1:] if len(placed) > 9 else np.array([0.0, 1.0])
    return middle, float(np.sqrt(area / np.pi)), float(np.sqrt(spread[1] / max(spread[0], 1e-12)))


def sighting_of(
    frames: list[Frame],
    points: NDArray[np.float64],
    pixels: NDArray[np.float64],
    T_base_camera: Transform,
    T_base_flange: Transform | None,
    workspace: Workspace,
) -> Sighting:
    """What the camera measured of board and cylinder.

    Args:
        frames: of one view, with depth and camera model.
        points: corners in the board's frame, (n, 2) [m].
        pixels: where they are seen, (n, 2) [px].
        T_base_camera: (4, 4).
        T_base_flange: the flange at the exposure, (4, 4), for a camera on it; else None.
        workspace: of the cell.

    Raises:
        BadInput: no camera model, no plane, or no cylinder.
    """
    camera = frames[0].intrinsics if frames else None
    if camera is None:
        raise BadInput("The camera tells no camera model: use its camera_info, or a RealSense camera.")
    depth = steady_depth(frames)
    plane = board_plane(depth, camera, pixels)
    cylinder = find_cylinder(depth, camera, plane, T_base_camera, workspace)
    return Sighting(camera, T_base_flange, plane, np.array(points), np.array(pixels), cylinder)


def chosen_corners(corners: NDArray[np.float64], workspace: Workspace) -> list[int]:
    """Rows of corners (n, 3) [m] in base, in the order in which they are worth touching: far apart first.

    Those outside of the workspace are left out.
    """
    inside = np.flatnonzero((np.abs(corners[:, :2] - workspace.centre) < workspace.side / 2).all(axis=1))
    if not len(inside):
        return []
    away = np.linalg.norm(corners[inside] - corners[inside].mean(axis=0), axis=1)
    order = [int(inside[np.argmax(away)])]
    while len(order) < len(inside):
        apart = np.linalg.norm(corners[inside][:, None] - corners[order], axis=-1).min(axis=1)
        order.append(int(inside[np.argmax(apart)]))
    return order


def _fitted(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The plane (4,) through points (n, 3) [m], its normal away from the camera."""
    middle = points.mean(axis=0)
    normal = np.linalg.svd(points - middle, full_matrices=False)[2][2]
    normal = normal if normal[2] > 0 else -normal
    return np.array([*normal, normal @ middle])
