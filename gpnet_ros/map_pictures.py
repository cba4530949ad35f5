"""The maps for the eye: false colours a person can read, and the surface in space coloured by Q*."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps

#: Q* that is drawn in the full false colour; peaks of a good network lie above it.
_FULL = 0.5


def false_colors(maps: Maps) -> dict[str, NDArray[np.uint8]]:
    """Each map as an RGB picture (h, w, 3), by the name of its topic.

    Q, P and Q* run from dark (0) to bright (1); the opening from closed to the widest that the network can ask for.
    The angle is a hue that comes round after half a turn, as a jaw does, and fades where Q* sees no grasp.
    """
    values = {"quality": maps.quality, "priority": maps.priority, "q_star": maps.q_star, "width": maps.width}
    return {name: _viridis(value) for name, value in values.items()} | {"angle": _hue(maps)}


def colored_surface(frame: Frame, maps: Maps) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """What the network saw, in space: points (n, 3) [m] in the camera's optical frame and their RGB (n, 3).

    One point for each pixel of the network's grid that has depth: the camera's colour, or gray without one, which
    gives way to false colour where Q* is high.

    Raises:
        BadInput: the frame has no depth or no camera model.
    """
    if frame.depth is None or frame.intrinsics is None:
        raise BadInput("A surface in space needs depth and a camera model; use an RGB-D camera with camera_info.")
    grid = maps.grid
    depth = grid.warp_depth(frame.depth)
    v, u = np.nonzero(np.isfinite(depth))
    points = grid.intrinsics(frame.intrinsics).deproject(np.stack([u, v], axis=-1), depth[v, u])
    gray = np.full((*frame.depth.shape, 3), 128, np.uint8)
    own = grid.warp_color(gray if frame.color is None else frame.color)[v, u].astype(np.float32)
    told = _viridis(maps.q_star / _FULL)[v, u].astype(np.float32)
    share = 1.0 - np.clip(maps.q_star[v, u] / _FULL, 0.0, 1.0)[:, None]
    return points.astype(np.float32), np.rint(share * own + (1.0 - share) * told).astype(np.uint8)


def _viridis(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values (h, w) in [0, 1], clamped, as RGB (h, w, 3)."""
    bgr = cv2.applyColorMap(np.rint(255 * np.clip(values, 0.0, 1.0)).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return np.ascontiguousarray(bgr[..., ::-1])


def _hue(maps: Maps) -> NDArray[np.uint8]:
    """θ as hue: OpenCV's hues run from 0 to 179, one for each degree of half a turn."""
    degrees = np.rint(np.degrees(maps.angle.astype(np.float64))).astype(int) % 180
    seen = np.rint(255 * np.clip(maps.q_star / _FULL, 0.0, 1.0))
    hsv = np.stack([degrees, seen, np.full_like(seen, 255.0)], axis=-1).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
