"""Maps: what a network says per pixel, on the network's grid; encoding in, decoding out.

The only place that knows the doubled angle, the width scale and the product of quality and
priority (GP-Net, Yang et al. 2023, section 3: Q* = Q·P, the argmax of Q* is the grasp).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics, fill_nearest
from gpnet_ros.pose import Transform, invert, wrap_half_turn
from gpnet_ros.settings import Workspace

#: Side of the network's input [px] (GP-Net, section 4).
NETWORK_SIDE = 224
#: Opening [network px] that the width map calls 1.0; label and decoder share this one constant.
WIDTH_SCALE = 112.0
#: Standard deviation [px] of the one blur, applied to the product Q·P.
BLUR_SIGMA = 2.0
#: Half side [px] of the window over which cos 2θ, sin 2θ, width and P are averaged.
WINDOW = 6
#: Where P may come from: the network, the height prior, or nowhere (ones); see `prioritise`.
P_SOURCES = ("learned", "height", "none")


@dataclass(frozen=True)
class Grid:
    """The network's pixel grid on the camera image: one exact isotropic affine map.

    `grid_pixel = scale * (image_pixel - origin)`; integer pixels are pixel centres on both sides.

    Attributes:
        width, height: size of the grid [px].
        scale: grid pixels per image pixel.
        origin: image pixel (u, v) of grid pixel (0, 0).
    """

    width: int
    height: int
    scale: float
    origin: tuple[float, float]

    @staticmethod
    def of_camera(grid_camera: Intrinsics, camera: Intrinsics) -> Grid:
        """The grid whose camera model is grid_camera, on images of camera: the inverse of `intrinsics`."""
        scale = grid_camera.fx / camera.fx
        origin = (camera.cx - grid_camera.cx / scale, camera.cy - grid_camera.cy / scale)
        return Grid(grid_camera.width, grid_camera.height, scale, origin)

    @staticmethod
    def whole_frame(width: int, height: int) -> Grid:
        """The whole frame, isotropic: short side 224, the long side padded to a multiple of 4."""
        scale = NETWORK_SIDE / min(width, height)
        size = [NETWORK_SIDE if n == min(width, height) else int(np.ceil(n * scale / 4) * 4) for n in (width, height)]
        half = 0.5 / scale - 0.5  # outer edges coincide: image edge -0.5 is grid edge -0.5
        return Grid(size[0], size[1], scale, (half, half))

    @staticmethod
    def workspace(
        intrinsics: Intrinsics, T_base_camera: Transform, centre: tuple[float, float], side: float, table_z: float = 0.0
    ) -> Grid:
        """The square of the workspace (centre, side [m] on the table plane of base) on 224x224.

        Raises:
            BadInput: the camera does not look at the workspace.
        """
        T_camera_base = invert(T_base_camera)
        point = T_camera_base @ np.array([*centre, table_z, 1.0])
        if point[2] <= 0.05:
            raise BadInput(
                f"The workspace centre {centre} lies {point[2]:.2f} m before the camera: it must lie in front of it; "
                "check hand_eye.yaml and cell.yaml."
            )
        u, v = intrinsics.project(point[:3])
        if not (-0.5 <= u <= intrinsics.width - 0.5 and -0.5 <= v <= intrinsics.height - 0.5):
            raise BadInput(
                f"The workspace centre {centre} projects to pixel ({u:.0f}, {v:.0f}), outside the image "
                f"{intrinsics.width}x{intrinsics.height}; check hand_eye.yaml and cell.yaml."
            )
        scale = NETWORK_SIDE / (side * intrinsics.fx / point[2])
        middle = (NETWORK_SIDE - 1) / 2
        return Grid(NETWORK_SIDE, NETWORK_SIDE, float(scale), (float(u - middle / scale), float(v - middle / scale)))

    def to_grid(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Grid pixels (..., 2) of image pixels (..., 2)."""
        return self.scale * (np.asarray(pixels, dtype=np.float64) - np.array(self.origin))

    def to_image(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Image pixels (..., 2) of grid pixels (..., 2)."""
        return np.asarray(pixels, dtype=np.float64) / self.scale + np.array(self.origin)

    def intrinsics(self, camera: Intrinsics) -> Intrinsics:
        """The camera model of the grid."""
        cx, cy = self.to_grid((camera.cx, camera.cy))
        return Intrinsics(self.width, self.height, camera.fx * self.scale, camera.fy * self.scale, float(cx), float(cy))

    def warp_color(self, color: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) camera image on the grid, area-filtered when it shrinks; black outside."""
        sigma = 0.4 * max(0.0, 1.0 / self.scale - 1.0)
        source = cv2.GaussianBlur(color, (0, 0), sigma) if sigma > 0.05 else color
        return cv2.warpAffine(source, self._matrix, (self.width, self.height), flags=cv2.INTER_LINEAR)

    def warp_depth(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) camera depth on the grid by nearest neighbour: never mixes depths; NaN outside."""
        return cv2.warpAffine(
            depth, self._matrix, (self.width, self.height), flags=cv2.INTER_NEAREST, borderValue=float("nan")
        )

    @property
    def _matrix(self) -> NDArray[np.float64]:
        s, (u, v) = self.scale, self.origin
        return np.array([[s, 0.0, -s * u], [0.0, s, -s * v]])


@dataclass(frozen=True, eq=False)
class Maps:
    """The five maps of one frame on the network's grid.

    Attributes:
        quality: Q (h, w) float32 as the network gave it.
        cos2, sin2: cos 2θ and sin 2θ (h, w); θ of the opening axis from +u towards +v.
        width: opening in units of `WIDTH_SCALE` grid pixels (h, w).
        priority: P (h, w); ones where no priority is used.
        grid: the affine map between this grid and the camera image.
        stamp, frame_id: of the frame.
    """

    quality: NDArray[np.float32]
    cos2: NDArray[np.float32]
    sin2: NDArray[np.float32]
    width: NDArray[np.float32]
    priority: NDArray[np.float32]
    grid: Grid
    stamp: float = 0.0
    frame_id: str = ""

    def __post_init__(self) -> None:
        shape = (self.grid.height, self.grid.width)
        for name in ("quality", "cos2", "sin2", "width", "priority"):
            array = getattr(self, name)
            if array.shape != shape:
                raise BadInput(f"Map {name} has shape {array.shape}; the grid is {shape}.")
            if not np.isfinite(array).all():
                raise BadInput(f"Map {name} holds NaN or infinity: the network's output cannot be used.")

    @property
    def q_star(self) -> NDArray[np.float32]:
        """Q* = blur(clamp(Q)·clamp(P)), in [0, 1]: clamped first, since two negatives make a positive."""
        product = np.clip(self.quality, 0, 1) * np.clip(self.priority, 0, 1)
        return cv2.GaussianBlur(product.astype(np.float32), (0, 0), BLUR_SIGMA)

    @property
    def angle(self) -> NDArray[np.float32]:
        """θ per pixel [rad], [-pi/2, pi/2) in float32; for display only, decode with `angle_at`."""
        theta = (0.5 * np.arctan2(self.sin2, self.cos2)).astype(np.float32)
        half_turn = np.float32(np.pi / 2)  # compared in float32: rounding reaches it from below
        return np.where(theta >= half_turn, -half_turn, theta)

    def angle_at(self, row: int, column: int, weights: NDArray[np.float32]) -> float:
        """θ [rad] from cos 2θ, sin 2θ averaged in the window around a cell; never from a blurred θ."""
        area = _window(row, column, self.quality.shape)
        w = weights[area] + 1e-9
        theta = 0.5 * np.arctan2((w * self.sin2[area]).sum(), (w * self.cos2[area]).sum())
        return float(wrap_half_turn(theta))

    def width_px_at(self, row: int, column: int, weights: NDArray[np.float32]) -> float:
        """Opening [grid px] averaged in the window around a cell."""
        area = _window(row, column, self.quality.shape)
        w = weights[area] + 1e-9
        return float(WIDTH_SCALE * np.clip((w * self.width[area]).sum() / w.sum(), 0, 1))

    def priority_at(self, row: int, column: int) -> float:
        """P in [0, 1], averaged in the window around a cell: all of it lies on one object, or near it."""
        return float(np.clip(self.priority[_window(row, column, self.quality.shape)], 0, 1).mean())

    def published_width(self, frame: Frame) -> NDArray[np.float32]:
        """Opening map in metres (h, w): through camera model and local depth, over holes the nearest depth.

        Raises:
            BadInput: the frame has no depth or no camera model.
        """
        return (np.clip(self.width, 0, 1) / self._per_metre(frame, self.grid)).astype(np.float32)

    @staticmethod
    def from_published(
        frame: Frame,
        grid: Grid,
        quality: NDArray[np.float32],
        priority: NDArray[np.float32],
        angle: NDArray[np.float32],
        width_m: NDArray[np.float32],
    ) -> Maps:
        """The maps again from what was published of them: angle [rad] and width [m] per pixel.

        Raises:
            BadInput: shapes do not fit the grid, or the frame has no depth or camera model.
        """
        cos2, sin2 = encode_angle(angle)
        width = (width_m * Maps._per_metre(frame, grid)).astype(np.float32)
        return Maps(quality, cos2, sin2, width, priority, grid, frame.stamp, frame.frame_id)

    @staticmethod
    def _per_metre(frame: Frame, grid: Grid) -> NDArray[np.float32]:
        """Units of the width map per metre of opening, (h, w)."""
        if frame.depth is None or frame.intrinsics is None:
            raise BadInput("A width in metres needs depth and a camera model; the frame lacks one.")
        depth = fill_nearest(grid.warp_depth(frame.depth))
        return (frame.intrinsics.fx * grid.scale / (WIDTH_SCALE * depth)).astype(np.float32)

    def with_priority(self, priority: NDArray[np.float32]) -> Maps:
        """The same maps with P replaced by `priority`, (h, w)."""
        return replace(self, priority=priority.astype(np.float32))


def encode_angle(angle: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(cos 2θ, sin 2θ) of an opening angle θ [rad]."""
    a = 2.0 * np.asarray(angle, dtype=np.float64)
    return np.cos(a).astype(np.float32), np.sin(a).astype(np.float32)


def encode_width(width_m: ArrayLike, z: ArrayLike, grid_fx: float) -> NDArray[np.float32]:
    """Width label in [0, 1] of an opening [m] at depth z [m], for a grid of focal length grid_fx [px]."""
    pixels = np.asarray(width_m, dtype=np.float64) * grid_fx / np.asarray(z, dtype=np.float64)
    return np.clip(pixels / WIDTH_SCALE, 0, 1).astype(np.float32)


def workspace_grid(frame: Frame, T_base_camera: Transform, workspace: Workspace) -> Grid:
    """Grid of the workspace square of the cell as the camera of this frame, at T_base_camera (4, 4), sees it.

    Raises:
        BadInput: the frame has no camera model, or the camera does not look at the workspace.
    """
    if frame.intrinsics is None:
        raise BadInput("The workspace can only be found with a camera model; the frame has none.")
    return Grid.workspace(frame.intrinsics, T_base_camera, workspace.centre, workspace.side, workspace.table_z)


def prioritise(maps: Maps, frame: Frame, priority: str, T_base_camera: Transform | None) -> Maps:
    """The maps with P from one of `P_SOURCES`: `learned` keeps it, `none` makes it one, `height` takes the prior.

    T_base_camera (4, 4) is for the prior, see `height_priority`.

    Raises:
        BadInput: see `height_priority`.
    """
    if priority == "none":
        return maps.with_priority(np.ones_like(maps.priority))
    if priority == "height":
        return maps.with_priority(height_priority(frame, maps.grid, T_base_camera))
    return maps


def height_priority(frame: Frame, grid: Grid, T_base_camera: Transform | None) -> NDArray[np.float32]:
    """The height prior (h, w) in place of a learned P: 0 at the lowest, 1 at the highest surface.

    Height is that over base with T_base_camera (4, 4), else that against the optical axis.

    Raises:
        BadInput: the frame has no depth or no camera model.
    """
    if frame.depth is None or frame.intrinsics is None:
        raise BadInput("priority 'height' needs depth and a camera model; give both, or use 'learned'.")
    depth = grid.warp_depth(frame.depth)
    v, u = np.mgrid[0 : grid.height, 0 : grid.width]
    points = grid.intrinsics(frame.intrinsics).deproject(np.stack([u, v], axis=-1), depth)
    if T_base_camera is None:
        height = -points[..., 2]
    else:
        height = points @ T_base_camera[2, :3] + T_base_camera[2, 3]
    low, high = np.nanpercentile(height, [5, 99.5]) if np.isfinite(height).any() else (0.0, 1.0)
    scaled = (height - low) / max(float(high - low), 1e-3)
    return np.clip(np.nan_to_num(scaled, nan=0.0), 0, 1).astype(np.float32)


def _window(row: int, column: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    return (
        slice(max(row - WINDOW, 0), min(row + WINDOW + 1, shape[0])),
        slice(max(column - WINDOW, 0), min(column + WINDOW + 1, shape[1])),
    )
