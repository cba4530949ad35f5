"""Augmentation: one affine map from a stored picture to a training view, with the labels moved exactly.

Turning the picture stands for turning the heap on the table, so sensor noise is added afterwards: a D435's
occlusion shadows lie to one side of the picture however the heap is turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.data.record import ANGLE, ANGLE_UNIT, DEPTH_UNIT, OPENING, QUALITY, QUALITY_UNIT, Record
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.pose import wrap_half_turn
from gpnet_ros.settings import Workspace

#: Size of a pixel of the cell's grid [m]: what detection sees, and so what views are scaled to ...
PITCH = Workspace().side / NETWORK_SIDE
#: ... within this range, or, for this share of the views, as a camera without a cell may see it [m].
SCALE_RANGE = (0.85, 1.15)
FREE_SHARE, FREE_PITCH = 0.25, (0.0010, 0.0030)
#: A crop's centre is drawn around the picture's centre, or around an object if the crop is small [share of side].
SHIFT = 0.09
SMALL_CROP = 200  # crops below this follow the objects, lest they show nothing but table [px]
#: Pixels that are asked for an object before a small crop settles for the middle: objects cover a tenth of a picture.
_FOCUS_TRIES = 64
#: Share of the view that the public augmentation enlarges to the whole (`random_zoom` of the GG-CNN code).
PUBLIC_ZOOM = (0.5, 1.0)
#: Blur of the colour before it is shrunk [px per factor of shrinking], as `Grid.warp_color` does.
_ANTIALIAS = 0.4


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
        centred: float32 in [0, 1], see `record.centredness`; None if the record has none.
    """

    color: NDArray[np.uint8]
    depth: Floats
    ids: NDArray[np.uint8]
    quality: Floats
    angle: Floats
    opening: Floats
    scale: float
    centred: Floats | None = None


def centred(picture: Record, crop: int) -> NDArray[np.float64]:
    """The map (2, 3) from stored pixels to a view of the picture's middle at the scale of the cell's grid."""
    scale = picture.pitch / PITCH
    height, width = picture.ids.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([scale * np.eye(2), (crop - 1) / 2 - scale * middle])


def random_map(rng: np.random.Generator, picture: Record, crop: int, augmentation: str = "full") -> NDArray[np.float64]:
    """A map (2, 3) from stored to crop pixels, drawn anew for every view.

    full: any turn, a scale, a mirror half of the time, a shift. public: a quarter turn and a zoom about the centre.
    """
    if augmentation == "public":
        quarters, zoom = int(rng.integers(4)), 1.0 / rng.uniform(*PUBLIC_ZOOM)
        linear = picture.pitch / PITCH * zoom * _rotation(0.5 * np.pi * quarters)
        return _placed(linear, _focus(rng, picture, crop), crop)
    pitch = PITCH / rng.uniform(*SCALE_RANGE)
    if rng.random() < FREE_SHARE:
        pitch = float(np.exp(rng.uniform(*np.log(FREE_PITCH))))
    turn = rng.uniform(0, 2 * np.pi)
    mirror = np.diag([1.0, -1.0 if rng.random() < 0.5 else 1.0])
    linear = picture.pitch / pitch * _rotation(turn) @ mirror
    focus = _focus(rng, picture, crop)
    shift = rng.uniform(-SHIFT, SHIFT, 2) * (crop if crop >= SMALL_CROP else 3 * crop)
    return _placed(linear, focus, crop, shift)


def _rotation(turn: float) -> NDArray[np.float64]:
    return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def _placed(
    linear: NDArray[np.float64], focus: NDArray[np.float64], crop: int, shift: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """The map (2, 3) that takes the stored pixel `focus` to the crop's middle, moved by `shift` [px]."""
    return np.column_stack([linear, (crop - 1) / 2 + shift - linear @ focus])


def _focus(rng: np.random.Generator, picture: Record, crop: int) -> NDArray[np.float64]:
    """Stored pixel (u, v) that a view is about: the middle or, for small crops, some pixel of an object."""
    height, width = picture.ids.shape
    if crop < SMALL_CROP:
        tries = rng.integers(0, height * width, _FOCUS_TRIES)
        found = np.flatnonzero(picture.ids.ravel()[tries])
        if found.size:
            row, column = divmod(int(tries[found[0]]), width)
            return np.array([column, row], dtype=np.float64)
    return np.array([(width - 1) / 2, (height - 1) / 2])


def warp(picture: Record, matrix: NDArray[np.float64], crop: int) -> Crop:
    """The crop (crop, crop) of a record under a similarity `matrix` (2, 3) from stored to crop pixels.

    Beyond the picture, colour and depth repeat its edge, which is table; there are no grasps.
    """
    size, nearest = (crop, crop), cv2.INTER_NEAREST
    repeat = {"borderMode": cv2.BORDER_REPLICATE}
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    sigma = _ANTIALIAS * max(0.0, 1.0 / scale - 1.0)
    source = cv2.GaussianBlur(picture.color, (0, 0), sigma) if sigma > 0.05 else picture.color
    color = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, **repeat)
    raw = cv2.warpAffine(picture.depth, matrix, size, flags=nearest, **repeat)
    ids = cv2.warpAffine(picture.ids, matrix, size, flags=nearest)
    coarse = strided(matrix, picture.stride)
    grasps = cv2.warpAffine(picture.grasps, coarse, size, flags=nearest)
    bells = None if picture.centred is None else cv2.warpAffine(picture.centred, coarse, size, flags=nearest)
    depth = raw.astype(np.float32) * np.float32(DEPTH_UNIT)
    depth[raw == 0] = np.nan
    return Crop(
        color=np.asarray(color, dtype=np.uint8),
        depth=depth,
        ids=np.asarray(ids, dtype=np.uint8),
        # Where labels are coarser than the picture, an object's rim must not lend its grasps to the table.
        quality=np.where(ids > 0, grasps[..., QUALITY], 0) * np.float32(QUALITY_UNIT),
        angle=moved_angles(matrix)[grasps[..., ANGLE]],
        opening=grasps[..., OPENING] * np.float32(picture.opening_unit),
        scale=scale,
        centred=None if bells is None else bells.astype(np.float32) / np.float32(255.0),
    )


def strided(matrix: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """The map (2, 3) to crop pixels from entries of `Record.grasps`: entry k belongs to pixel s k + s // 2."""
    return np.column_stack([stride * matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ np.full(2, stride // 2)])


def moved_angles(matrix: NDArray[np.float64]) -> Floats:
    """Angle [rad] in the crop (256,) of each stored angle (in `ANGLE_UNIT` from -pi/2): directions are mapped."""
    stored = np.arange(256) * ANGLE_UNIT - np.pi / 2
    x, y = matrix[:, :2] @ np.stack([np.cos(stored), np.sin(stored)])
    return wrap_half_turn(np.arctan2(y, x)).astype(np.float32)
