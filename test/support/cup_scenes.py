"""Frames of slabs on the table with their true detections, made by projection alone, for tests of the suction cup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.detections import Detections
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform, invert, transform

CELL = replace(load_cell(), tool="suction")
T_BASE_CAMERA: Transform = load_hand_eye().T_base_camera()
CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)


@dataclass(frozen=True)
class Slab:
    """A box by the middle of its top [m], its size [m], and its tilt about base x and turn about z [rad]."""

    top: tuple[float, float, float] = (0.66, 0.03, 0.05)
    size: tuple[float, float, float] = (0.08, 0.12, 0.05)
    tilt: float = 0.0
    turn: float = 0.0

    @property
    def T_base_top(self) -> Transform:
        return transform(Rotation.from_euler("zx", [self.turn, self.tilt]).as_matrix(), self.top)

    @property
    def middle(self) -> NDArray[np.float64]:
        """Its centre of mass (3,)."""
        T = self.T_base_top
        return np.asarray(T[:3, 3] - T[:3, 2] * self.size[2] / 2, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class CupScene:
    """A frame with what a perfect network says of it."""

    frame: Frame
    detections: Detections

    def changed(self, depth: NDArray[np.float32] | None = None, **detections: object) -> CupScene:
        frame = self.frame if depth is None else replace(self.frame, depth=depth)
        return CupScene(frame, replace(self.detections, **detections))  # type: ignore[arg-type]


@lru_cache
def cup_scene(*slabs: Slab) -> CupScene:
    """Slabs on the table; suction is the same on all of each, its centre of mass in its middle."""
    camera, T_base_camera = CAMERA, T_BASE_CAMERA
    depth, ids = _photograph(slabs, camera, T_base_camera)
    visible = np.stack([ids == k for k in range(len(slabs))])
    whole = np.stack([_photograph([slab], camera, T_base_camera)[1] == 0 for slab in slabs])
    hidden = 1.0 - visible.sum(axis=(1, 2)) / whole.sum(axis=(1, 2))
    mass = np.zeros(ids.shape, np.float32)
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    T_camera_base = invert(T_base_camera)
    for slab in slabs:
        column, row = camera.project(T_camera_base[:3, :3] @ slab.middle + T_camera_base[:3, 3])
        mass = np.maximum(mass, np.exp(-((u - column) ** 2 + (v - row) ** 2) / 18)).astype(np.float32)
    boxes = np.array([_box(mask) for mask in whole])
    found = Detections(
        boxes, np.full(len(slabs), 0.9), visible, whole, (hidden > 0.05).astype(np.float64), mass,
        (ids >= 0).astype(np.float32), 1.0, "camera",
    )  # fmt: skip
    return CupScene(Frame(None, depth, camera, 1.0, "camera"), found)


def _photograph(
    slabs: Sequence[Slab], camera: Intrinsics, T_base_camera: Transform
) -> tuple[NDArray[np.float32], NDArray[np.int_]]:
    """Depth (H, W) [m] and the number of the slab, -1 for the table (H, W)."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = camera.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ T_base_camera[:3, :3].T
    eye = T_base_camera[:3, 3]
    depth, ids = -eye[2] / rays[..., 2], np.full(u.shape, -1)
    for k, slab in enumerate(slabs):
        T = invert(slab.T_base_top)
        origin, ways = T[:3, :3] @ eye + T[:3, 3], rays @ T[:3, :3].T
        half = np.array(slab.size) / 2
        middle = np.array([0.0, 0.0, -half[2]])
        with np.errstate(divide="ignore", invalid="ignore"):
            one, two = (middle - half - origin) / ways, (middle + half - origin) / ways
        enter, leave = np.minimum(one, two).max(axis=-1), np.maximum(one, two).min(axis=-1)
        nearer = (enter < leave) & (enter > 0) & (enter < depth)
        depth, ids = np.where(nearer, enter, depth), np.where(nearer, k, ids)
    return depth.astype(np.float32), ids


def _box(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
