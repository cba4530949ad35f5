"""Pictures of a data set in memory: the compact types that training draws its views from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.drawn import with_dense_grasps
from gpnet_ros.data.sample import Sample
from gpnet_ros.errors import BadInput
from gpnet_ros.rectangle import Rectangles

DEPTH_UNIT = 1e-4  # of depth [m]; 0 is unknown
QUALITY_UNIT = 1 / 255
ANGLE_UNIT = np.pi / 256  # of angles, counted from -pi/2 [rad]
OPENING_UNIT = 5e-4  # [m]; coarser where a data set has wider openings than 127 mm
_OBJECTS_MAX = 255
#: Order of the channels of `Record.grasps`.
QUALITY, ANGLE, OPENING = range(3)
#: Deviations of a rectangle's bell, as shares of its opening and of its jaw: at the rectangle's edge the bell has
#: fallen to 1 % along the opening and to 14 % along the jaw. Elliptic bells in place of a flat middle third are the
#: labels of Cao et al. (2021, "Lightweight convolutional neural network with Gaussian-based grasping representation").
BELL_OPENING, BELL_JAW = 1 / 6, 1 / 4


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
        opening_unit: of the openings in `grasps` [m].
        centred: (h, w) uint8, `centredness` of the same pixels in 1/255; None if it was not asked for.
    """

    scene: str
    color: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    ids: NDArray[np.uint8]
    grasps: NDArray[np.uint8]
    layer: tuple[int, ...]
    focal: float
    opening_unit: float = OPENING_UNIT
    centred: NDArray[np.uint8] | None = None

    @property
    def stride(self) -> int:
        """Pixels of the picture per entry of `grasps`."""
        return self.ids.shape[0] // self.grasps.shape[0]

    @cached_property
    def pitch(self) -> float:
        """Size of a pixel where the table is [m]: the heap covers less than half of a picture."""
        known = self.depth[::8, ::8]
        return float(np.median(known[known > 0])) * DEPTH_UNIT / self.focal if known.any() else 1.0 / self.focal


def record(sample: Sample, *, centred: bool = False) -> Record:
    """The compact form of a sample; `drawn.with_dense_grasps` fills in what a public data set lacks.

    Args:
        sample: of any data set.
        centred: with `centredness`; a few milliseconds.

    Raises:
        BadInput: there is nothing to learn grasps from, or there are more than 255 objects.
    """
    whole = with_dense_grasps(sample)
    frame, grasps, objects, camera = whole.frame, whole.grasps, whole.objects, whole.frame.intrinsics
    assert grasps is not None and objects is not None and objects.layer is not None and camera is not None
    if len(objects.ids) > _OBJECTS_MAX:
        raise BadInput(f"Picture {sample.name} has {len(objects.ids)} objects; training takes at most {_OBJECTS_MAX}.")
    raw = np.zeros(frame.shape, dtype=np.uint16)
    if frame.depth is not None:
        raw = np.clip(np.nan_to_num(frame.depth, nan=0.0) / DEPTH_UNIT + 0.5, 0, 65535).astype(np.uint16)
    unit = max(OPENING_UNIT, float(grasps.opening.max(initial=0.0)) / 255)
    ids = _numbered(whole.ids, objects.ids)
    bells = None
    if centred:
        bells = centredness(whole.rectangles, objects.ids, ids, ids.shape[0] // grasps.quality.shape[0])
    return Record(
        scene=whole.scene,
        color=frame.color if frame.color is not None else np.zeros((*frame.shape, 3), dtype=np.uint8),
        depth=raw,
        ids=ids,
        grasps=compact_grasps(grasps.quality, grasps.angle, grasps.opening, unit),
        layer=tuple(int(k) for k in objects.layer),
        focal=camera.fx,
        opening_unit=unit,
        centred=bells,
    )


def centredness(
    rectangles: Rectangles | None, known: NDArray[np.int64], ids: NDArray[np.uint8], stride: int
) -> NDArray[np.uint8]:
    """How central each s-th pixel lies in the best rectangle of its object: (h, w) in 1/255, 255 at a centre.

    Args:
        rectangles: true grasps of the picture.
        known: (n,) ids of the objects, as in `Rectangles.object_id`.
        ids: (H, W) masks in which the object in row k of `known` is k + 1.
        stride: s; entry (r, c) belongs to pixel (s r + s // 2, s c + s // 2).

    Raises:
        BadInput: the data set has no rectangles.
    """
    if rectangles is None:
        raise BadInput("quality gaussian needs rectangles, which this data set has not: choose quality analytic.")
    coarse = ids[stride // 2 :: stride, stride // 2 :: stride]
    bells = np.zeros(coarse.shape, dtype=np.float32)
    numbers = {int(object_id): k + 1 for k, object_id in enumerate(known)}
    rows, columns = (np.arange(n, dtype=np.float32) * stride + stride // 2 for n in coarse.shape)
    for k in range(len(rectangles)):
        deviations = BELL_OPENING * rectangles.opening[k], BELL_JAW * rectangles.jaw[k]
        reach = 3.0 * max(deviations)
        (u, v), ends = rectangles.center[k], (rectangles.center[k] - reach, rectangles.center[k] + reach)
        (left, right), (top, bottom) = (
            np.searchsorted(line, [e[i] for e in ends]) for i, line in enumerate((columns, rows))
        )
        area = (slice(top, bottom), slice(left, right))
        bell = _bell(columns[left:right] - u, rows[top:bottom, None] - v, rectangles.angle[k], deviations)
        if rectangles.object_id is not None:
            bell = bell * (coarse[area] == numbers.get(int(rectangles.object_id[k]), -1))
        np.maximum(bells[area], bell, out=bells[area])
    return np.rint(255.0 * bells).astype(np.uint8)


def _bell(
    x: NDArray[np.floating], y: NDArray[np.floating], angle: float, deviations: tuple[float, float]
) -> NDArray[np.float32]:
    """An elliptic bell over offsets x (w,) and y (h, 1) [px] from its centre, whose first axis lies at `angle`."""
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    along, across = (cosine * x + sine * y) / deviations[0], (cosine * y - sine * x) / deviations[1]
    return np.exp(-0.5 * (along**2 + across**2)).astype(np.float32)


def _numbered(ids: NDArray[np.int32] | None, known: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Masks (H, W) in which the object in row k of `known` is k + 1, whatever its id was."""
    assert ids is not None
    table = np.zeros(int(max(ids.max(initial=0), known.max(initial=0))) + 1, dtype=np.uint8)
    table[known] = np.arange(1, len(known) + 1)
    return table[ids]


def compact_grasps(
    quality: NDArray[np.floating],
    angle: NDArray[np.floating],
    opening: NDArray[np.floating],
    opening_unit: float = OPENING_UNIT,
) -> NDArray[np.uint8]:
    """Quality in [0, 1], angle [rad] and opening [m], (h, w) each, as (h, w, 3) uint8; see `Record.grasps`."""
    steps = np.rint((np.asarray(angle) + np.pi / 2) / ANGLE_UNIT).astype(np.int64) % 256
    # A grasp of low quality must not become "no grasp" by rounding.
    levels = np.where(quality > 0, np.clip(np.rint(quality / QUALITY_UNIT), 1, 255), 0)
    planes: Sequence[NDArray] = (levels, steps, np.clip(np.rint(opening / opening_unit), 0, 255))
    return np.stack([np.asarray(p).astype(np.uint8) for p in planes], axis=-1)
