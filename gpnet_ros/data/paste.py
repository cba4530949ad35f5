"""Copy-paste: an object that lies free in one picture put on top of the heap of another, labels included.

Whole objects are pasted in depth order (Dwibedi, Misra and Hebert 2017, "Cut, Paste and Learn", for colour alone).
The object is raised until all that is under it, or within reach of the fingers, lies no higher beside it than the
lowest of what was beside it where it came from: so it hides what it covers, what it covers is no longer free, and its
own grasps stay free. It hovers a little where it lay on others; nothing is simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.augment import Crop, warp
from gpnet_ros.data.record import DEPTH_UNIT, OBJECTS_MAX, Record

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

#: Objects that are asked for one that lies free before a view goes without.
_TRIES = 8
#: Distance around an object that counts as beside it [m]: a finger that is open by 15 mm more than the object, and the
#: finger's 12 mm, seen from the object's rim.
_REACH = 0.020
#: An object hides no part of another's rim if its surroundings are nowhere nearer to the camera by more than this [m].
_NEARER = 0.004
#: What lies beside an object, where it comes from and where it is put, spans no more than this [m].
_SPAN_MAX = 0.10
#: Every n-th pixel is looked at when an object is chosen; it has this many of them at least.
_STEP, _PIXELS_MIN = 2, 60
#: Thickness of a finger along the opening [m], and half the width of its pad: what must not meet the pasted object.
_FINGER, _PAD = 0.012, 0.011
#: Places along the opening and the fingers that are asked whether the pasted object is there.
_PROBES = np.linspace(-1.0, 1.0, 9)


def with_pasted(
    view: Crop, layer: Sequence[int], focal: float, records: Sequence[Record], rng: np.random.Generator
) -> tuple[Crop, tuple[int, ...]]:
    """The view with one more object, and the layers of its objects; the same view if none could be placed.

    The pasted object is on layer 0. An object of which it covers visible pixels is on layer 1 or deeper; what lies
    under that one keeps its layer. Grasps of the heap at which a finger or the closing jaws would meet the pasted
    object are no grasps any more. The object keeps its size in pixels: that it is nearer to the camera is neglected.

    Args:
        view: a picture under its map. layer: of its objects 1, 2, ...
        focal: of the view [px].
        records: where the object comes from.
        rng: of which object, and where to.
    """
    if len(layer) >= OBJECTS_MAX or not np.isfinite(view.depth).any():
        return view, tuple(layer)
    for _ in range(_TRIES):
        donor = records[int(rng.integers(len(records)))]
        number, beside = _lying_free(donor, rng)
        if number:
            return _laid(view, tuple(layer), focal, donor, number, beside, rng)
    return view, tuple(layer)


def _lying_free(donor: Record, rng: np.random.Generator) -> tuple[int, float]:
    """Id of a whole object of layer 0 and the depth [m] of the lowest beside it; 0 if the one drawn will not do."""
    free = [k + 1 for k, depth in enumerate(donor.layer) if depth == 0]
    if not free:
        return 0, 0.0
    number = free[int(rng.integers(len(free)))]
    mask = donor.ids[::_STEP, ::_STEP] == number
    if mask.sum() < _PIXELS_MIN or _touches_border(mask):
        return 0, 0.0
    depth = donor.depth[::_STEP, ::_STEP].astype(np.float32) * np.float32(DEPTH_UNIT)
    beside = depth[_around(mask, _REACH / donor.pitch / _STEP) & ~mask]
    if (beside == 0).any() or (depth[mask] == 0).any():
        return 0, 0.0
    rim = _around(mask, 1.0) & ~mask
    farthest = cv2.dilate(np.where(mask, depth, np.float32(0.0)), np.ones((3, 3), np.uint8))
    lowest = float(np.percentile(beside, 98))
    hidden = (depth[rim] < farthest[rim] - _NEARER).any()
    return (0, 0.0) if hidden or lowest - float(np.median(depth[mask])) > _SPAN_MAX else (number, lowest)


def _laid(
    view: Crop,
    layer: tuple[int, ...],
    focal: float,
    donor: Record,
    number: int,
    lowest: float,
    rng: np.random.Generator,
) -> tuple[Crop, tuple[int, ...]]:
    """The object on top of what is under and beside it; the view as it was if there is no room for it."""
    side = len(view.depth)
    pitch = float(np.nanmedian(view.depth)) / focal
    crop = warp(donor, _placement(donor, number, donor.pitch / pitch, side, rng), side)
    mask = crop.ids == number
    below = view.depth[_around(mask, _REACH / pitch)]
    below = below[np.isfinite(below)]
    if not mask.any() or _touches_border(mask) or not below.size or np.ptp(below) > _SPAN_MAX:
        return view, layer
    depth = crop.depth - np.float32(lowest - below.min())
    # In pixels the opening stays what it was; in metres it belongs to the new depth and the new camera.
    opening = crop.opening * (donor.focal * crop.scale / crop.depth) * (depth / np.float32(focal))
    covered = set(np.unique(view.ids[mask]).tolist())
    layers = tuple(max(k, 1) if number + 1 in covered else k for number, k in enumerate(layer))
    quality = np.where(_meets(view, mask, focal), np.float32(0.0), view.quality)
    merged = replace(
        view,
        color=np.where(mask[..., None], crop.color, view.color),
        depth=np.where(mask, depth, view.depth),
        ids=np.where(mask, np.uint8(len(layer) + 1), view.ids),
        quality=np.where(mask, crop.quality, quality),
        angle=np.where(mask, crop.angle, view.angle),
        opening=np.where(mask, opening, np.where(quality > 0, view.opening, np.float32(0.0))).astype(np.float32),
    )
    if view.centred is not None and crop.centred is not None:
        merged = replace(merged, centred=np.where(mask, crop.centred, view.centred))
    return merged, (*layers, 0)


def _placement(donor: Record, number: int, scale: float, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A map (2, 3) that puts an object somewhere in the inner half of a crop, turned and perhaps mirrored."""
    rows, columns = np.nonzero(donor.ids[::_STEP, ::_STEP] == number)
    turn, mirror = rng.uniform(0, 2 * np.pi), -1.0 if rng.random() < 0.5 else 1.0
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = scale * rotation @ np.diag([1.0, mirror])
    middle = _STEP * np.array([columns.mean(), rows.mean()])
    return np.column_stack([linear, rng.uniform(0.25, 0.75, 2) * side - linear @ middle])


def _meets(view: Crop, mask: Bools, focal: float) -> Bools:
    """Pixels (h, w) at whose grasp the fingers, or the jaws on their way, would meet what `mask` covers."""
    found = np.zeros(mask.shape, dtype=bool)
    rows, columns = np.nonzero(view.quality > 0)
    if not rows.size:
        return found
    scale = focal / np.where(np.isfinite(view.depth), view.depth, np.float32(1.0))[rows, columns]
    near = _around(mask, _PAD * float(np.median(scale)))
    half = (0.5 * view.opening[rows, columns] + _FINGER) * scale
    theta, last = view.angle[rows, columns], np.array(mask.shape)[:, None] - 1
    hit = np.zeros(rows.shape, dtype=bool)
    for share in _PROBES:
        at = np.rint([rows + share * half * np.sin(theta), columns + share * half * np.cos(theta)]).astype(int)
        hit |= near[tuple(np.clip(at, 0, last))]
    found[rows, columns] = hit
    return found


def _around(mask: Bools, reach: float) -> Bools:
    """The mask (h, w) grown by `reach` [px] on all sides."""
    size = 2 * max(1, round(reach)) + 1
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(mask.astype(np.uint8), window).astype(bool)


def _touches_border(mask: Bools) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
