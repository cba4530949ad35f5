"""Augmentation: one affine map from a stored picture to a training crop, with the labels moved exactly.

Turning the picture stands for turning the heap on the table, so sensor noise is added afterwards: a D435's
occlusion shadows lie to one side of the picture however the heap is turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.shards import (
    ANGLE,
    ANGLE_UNIT,
    DEPTH_UNIT,
    IDS,
    OPENING,
    OPENING_UNIT,
    QUALITY,
    QUALITY_UNIT,
    Record,
)

Floats = NDArray[np.float32]

SCALE_RANGE = (0.85, 1.15)
#: A crop's centre is drawn around the picture's centre, or around an object if the crop is small [share of side].
SHIFT = 0.09
SMALL_CROP = 200  # crops below this follow the objects, lest they show nothing but table [px]


@dataclass(frozen=True, eq=False)
class Crop:
    """A stored picture under an affine map; all arrays (h, w, ...).

    Attributes:
        color: uint8 RGB.
        depth: float32 exact depth [m], NaN where unknown.
        ids: uint8 object ids, 0 none.
        quality: float32 in [0, 1].
        angle: float32 opening axis in the crop [rad]; meaningless where quality is 0.
        opening: float32 [m]; 0 where quality is 0.
        scale: crop pixels per stored pixel.
    """

    color: NDArray[np.uint8]
    depth: Floats
    ids: NDArray[np.uint8]
    quality: Floats
    angle: Floats
    opening: Floats
    scale: float


def centred(side: int, crop: int) -> NDArray[np.float64]:
    """The map (2, 3) from stored pixels to the middle `crop` pixels of a picture of `side`."""
    border = (side - crop) / 2
    return np.array([[1.0, 0.0, -border], [0.0, 1.0, -border]])


def random_map(rng: np.random.Generator, ids: NDArray[np.uint8], crop: int) -> NDArray[np.float64]:
    """A map (2, 3) from stored to crop pixels: any turn, a scale, a mirror half of the time, a shift."""
    height, width = ids.shape
    turn, scale = rng.uniform(0, 2 * np.pi), rng.uniform(*SCALE_RANGE)
    mirror = np.diag([1.0, -1.0 if rng.random() < 0.5 else 1.0])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = scale * rotation @ mirror
    focus = np.array([(width - 1) / 2, (height - 1) / 2])
    on_object = np.flatnonzero(ids)
    if crop < SMALL_CROP and len(on_object):
        row, column = divmod(int(rng.choice(on_object)), width)
        focus = np.array([column, row], dtype=np.float64)
    shift = rng.uniform(-SHIFT, SHIFT, 2) * (crop if crop >= SMALL_CROP else 3 * crop)
    return np.column_stack([linear, (crop - 1) / 2 + shift - linear @ focus])


def warp(picture: Record, matrix: NDArray[np.float64], crop: int) -> Crop:
    """The crop (crop, crop) of a record under a similarity `matrix` (2, 3) from stored to crop pixels.

    Beyond the picture, colour and depth repeat its edge, which is table; there are no grasps.
    """
    size = (crop, crop)
    repeat = {"borderMode": cv2.BORDER_REPLICATE}
    color = cv2.warpAffine(picture.color, matrix, size, flags=cv2.INTER_LINEAR, **repeat)
    raw = cv2.warpAffine(picture.depth, matrix, size, flags=cv2.INTER_NEAREST, **repeat)
    labels = cv2.warpAffine(picture.labels, matrix, size, flags=cv2.INTER_NEAREST)
    depth = raw.astype(np.float32) * np.float32(DEPTH_UNIT)
    depth[raw == 0] = np.nan
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    return Crop(
        color=np.asarray(color, dtype=np.uint8),
        depth=depth,
        ids=labels[..., IDS],
        quality=labels[..., QUALITY] * np.float32(QUALITY_UNIT),
        angle=moved_angles(labels[..., ANGLE], matrix),
        opening=labels[..., OPENING] * np.float32(OPENING_UNIT),
        scale=scale,
    )


def moved_angles(steps: NDArray[np.uint8], matrix: NDArray[np.float64]) -> Floats:
    """Angles [rad] in the crop of stored angles (in `ANGLE_UNIT` from -pi/2): each direction is mapped itself."""
    stored = np.arange(256) * ANGLE_UNIT - np.pi / 2
    x, y = matrix[:, :2] @ np.stack([np.cos(stored), np.sin(stored)])
    table = ((np.arctan2(y, x) + np.pi / 2) % np.pi - np.pi / 2).astype(np.float32)
    return table[steps]
