"""Pictures with the labels of six tasks in memory, as training views are cut from them: nothing is decoded twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.data.masks import mask_boxes
from gpnet_ros.data.record import DEPTH_UNIT
from gpnet_ros.data.sample import Sample
from gpnet_ros.errors import BadInput

#: Step of the stored suction quality.
SUCTION_UNIT = 1 / 255
#: Every so many-th pixel of the depth is kept: its targets are coarser still.
DEPTH_STRIDE = 2
#: Most bytes of pictures that are kept; what comes later is read anew each time.
KEPT_BYTES = 6 * 2**30


@dataclass(frozen=True, eq=False)
class SceneRecord:
    """One picture with n objects; about 1.3 MB at 480x480.

    Attributes:
        color: (H, W, 3) uint8 RGB.
        ids: (H, W) uint8 or uint16, visible masks, 0 no object.
        numbers: (n,) id of each object. pixels: (n,) visible pixels of each.
        corners: (n, 2) u, v of the upper left pixel of each amodal mask; amodal: its (h, w) pixels, uint8.
        occlusion: (n,) hidden share of the amodal mask, in [0, 1]. centers: (n, 2) of mass [px]. NaN: nobody looked.
        suction: (H, W) uint8 quality in `SUCTION_UNIT`; or None.
        depth: (ceil(H / 2), ceil(W / 2)) uint16, of every second pixel, in `DEPTH_UNIT` [m], 0 unknown; or None.
    """

    color: NDArray[np.uint8]
    ids: NDArray[np.uint8] | NDArray[np.uint16]
    numbers: NDArray[np.int64]
    pixels: NDArray[np.int64]
    corners: Doubles
    amodal: tuple[NDArray[np.uint8], ...]
    occlusion: Doubles
    centers: Doubles
    suction: NDArray[np.uint8] | None
    depth: NDArray[np.uint16] | None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        height, width = self.ids.shape
        return height, width

    @property
    def bytes(self) -> int:
        """Memory that the arrays take."""
        large = (self.color, self.ids, self.suction, self.depth, *self.amodal)
        return sum(array.nbytes for array in large if array is not None)


#: What `lacking` says of a picture from which nothing can be learned.
MASKS = ("colour or masks",)


class NoMasks(BadInput):
    """A picture without colour or masks, from which no task can be learned or judged."""


def lacking(sample: Sample) -> tuple[str, ...]:
    """The labels of the six tasks, by their names for people, that a picture has not, or not of all its objects."""
    objects = sample.objects
    if sample.frame.color is None or sample.ids is None or objects is None or objects.amodal_masks is None:
        return MASKS
    known = {"occlusion": objects.occlusion, "centres of mass": objects.center_of_mass, "suction": sample.suction}
    return tuple(name for name, values in known.items() if values is None or not np.isfinite(values).all())


def require_masks(sample: Sample) -> None:
    """Refuse a picture without masks; other labels may be absent.

    Raises:
        NoMasks: it lacks colour, visible or amodal masks.
    """
    if lacking(sample) == MASKS:
        raise NoMasks(f"{sample.name} lacks colour or masks: make the pictures with gpnet generate --labels all.")


def scene_record(sample: Sample) -> SceneRecord:
    """The compact form of a picture.

    Raises:
        NoMasks: it lacks masks.
    """
    require_masks(sample)
    objects, frame, ids = sample.objects, sample.frame, sample.ids
    assert ids is not None and objects is not None and objects.amodal_masks is not None and frame.color is not None
    n = len(objects.ids)
    most = max(int(ids.max(initial=0)), int(objects.ids.max(initial=0)))
    boxes = np.nan_to_num(mask_boxes(objects.amodal_masks)).astype(int)
    raw = None
    if frame.depth is not None:
        coarse = np.nan_to_num(frame.depth[::DEPTH_STRIDE, ::DEPTH_STRIDE], nan=0.0)
        raw = np.clip(coarse / DEPTH_UNIT + 0.5, 0, 65535).astype(np.uint16)
    return SceneRecord(
        color=frame.color,
        ids=ids.astype(np.uint8) if most < 256 else ids.astype(np.uint16),
        numbers=objects.ids,
        pixels=np.bincount(ids.ravel(), minlength=most + 1)[objects.ids],
        corners=boxes[:, :2].astype(np.float64),
        amodal=tuple(
            mask[v0:v1, u0:u1].astype(np.uint8)
            for mask, (u0, v0, u1, v1) in zip(objects.amodal_masks, boxes, strict=True)
        ),
        occlusion=np.full(n, np.nan) if objects.occlusion is None else objects.occlusion,
        centers=np.full((n, 2), np.nan) if objects.center_of_mass is None else objects.center_of_mass,
        suction=None if sample.suction is None else np.rint(sample.suction / SUCTION_UNIT).astype(np.uint8),
        depth=raw,
    )


class KeptRecords:
    """Records by number, each made once, until the memory that is allowed is full."""

    def __init__(self, make: Callable[[int], SceneRecord], most: int | None = None) -> None:
        """Say how a record is made, and how many bytes may be kept: `KEPT_BYTES` without a word."""
        self._make, self._left = make, KEPT_BYTES if most is None else most
        self._kept: dict[int, SceneRecord] = {}
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> SceneRecord:
        """The record of a number; what making it raises."""
        found = self._kept.get(index)
        if found is None:
            found = self._make(index)
            with self._lock:
                if found.bytes <= self._left and index not in self._kept:
                    self._kept[index] = found
                    self._left -= found.bytes
        return found
