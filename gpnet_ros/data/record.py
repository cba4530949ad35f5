"""Pictures of a data set in memory: the compact types that training draws its views from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Sample
from gpnet_ros.errors import BadInput

DEPTH_UNIT = 1e-4  # of depth [m]; 0 is unknown
QUALITY_UNIT = 1 / 255
ANGLE_UNIT = np.pi / 256  # of angles, counted from -pi/2 [rad]
OPENING_UNIT = 5e-4  # [m]
#: Order of the channels of `Record.grasps`.
QUALITY, ANGLE, OPENING = range(3)


@dataclass(frozen=True, eq=False)
class Record:
    """One picture with its labels; about 1.5 MB at 480x480.

    Attributes:
        scene: of the sample; splits never tear a scene apart.
        color: (H, W, 3) uint8 RGB.
        depth: (H, W) uint16, exact depth in `DEPTH_UNIT`, 0 unknown.
        ids: (H, W) uint8, 0 no object.
        grasps: (h, w, 3) uint8 quality, angle, opening in their units above, of every s-th pixel as `DenseGrasps`.
        layer: of objects 1, 2, ...: 0 for what may be taken first.
        focal: of the camera [px].
    """

    scene: str
    color: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    ids: NDArray[np.uint8]
    grasps: NDArray[np.uint8]
    layer: tuple[int, ...]
    focal: float

    @property
    def stride(self) -> int:
        """Pixels of the picture per entry of `grasps`."""
        return self.ids.shape[0] // self.grasps.shape[0]

    @property
    def pitch(self) -> float:
        """Size of a pixel where the table is [m]: the heap covers less than half of a picture."""
        known = self.depth[::8, ::8]
        return float(np.median(known[known > 0])) * DEPTH_UNIT / self.focal if known.any() else 1.0 / self.focal


def record(sample: Sample) -> Record:
    """The compact form of a sample with exact depth and dense grasps.

    Raises:
        BadInput: the sample lacks what training needs.
    """
    frame, grasps, objects = sample.frame, sample.grasps, sample.objects
    camera, layer = frame.intrinsics, None if objects is None else objects.layer
    if frame.color is None or frame.depth is None or camera is None or grasps is None or sample.ids is None:
        raise BadInput(
            f"Picture {sample.name} cannot be trained on: it needs colour, depth, camera model, ids and dense grasps; "
            "make such data with gpnet generate."
        )
    if objects is None or layer is None or (len(objects.ids) and int(objects.ids.max()) > 255):
        raise BadInput(f"Picture {sample.name} cannot be trained on: it needs the layer of at most 255 objects.")
    by_id = [0] * int(objects.ids.max(initial=0))
    for number, depth_of_layer in zip(objects.ids, layer, strict=True):
        by_id[int(number) - 1] = int(depth_of_layer)
    raw = np.clip(np.nan_to_num(frame.depth, nan=0.0) / DEPTH_UNIT + 0.5, 0, 65535).astype(np.uint16)
    planes = compact_grasps(grasps.quality, grasps.angle, grasps.opening)
    ids = sample.ids.astype(np.uint8)
    return Record(sample.scene, frame.color, raw, ids, planes, tuple(by_id), camera.fx)


def compact_grasps(
    quality: NDArray[np.floating], angle: NDArray[np.floating], opening: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Quality in [0, 1], angle [rad] and opening [m], (h, w) each, as (h, w, 3) uint8; see `Record.grasps`."""
    steps = np.rint((np.asarray(angle) + np.pi / 2) / ANGLE_UNIT).astype(np.int64) % 256
    # A grasp of low quality must not become "no grasp" by rounding.
    levels = np.where(quality > 0, np.clip(np.rint(quality / QUALITY_UNIT), 1, 255), 0)
    planes: Sequence[NDArray] = (levels, steps, np.clip(np.rint(opening / OPENING_UNIT), 0, 255))
    return np.stack([np.asarray(p).astype(np.uint8) for p in planes], axis=-1)
