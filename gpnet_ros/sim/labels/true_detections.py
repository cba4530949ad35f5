"""What a perfect second network would say of a heap: the truth, in the words of its detections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.detections import OCCLUDED_MIN, Detections
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.amodal import amodal
from gpnet_ros.sim.labels.suction import suction_quality

#: Spread of the hill around a centre of mass in the heat map of a perfect network [px].
_HILL = 3.0


def true_detections(
    heap: Heap,
    ids: NDArray[np.int32],
    frame: Frame,
    T_base_camera: Transform,
    depth: NDArray[np.float32] | None = None,
) -> Detections:
    """Each object of which a pixel is seen, for certain; occluded or not, without a doubt.

    Args:
        heap: n objects.
        ids: (H, W) visible masks, index of the object + 1.
        frame: (H, W), as the camera gave it; with its camera model.
        T_base_camera: the camera, (4, 4).
        depth: (H, W), exact [m]; gives both heat maps, which are zero without.
    """
    assert frame.intrinsics is not None
    whole = amodal(heap, ids, frame.intrinsics, T_base_camera)
    visible = ids == np.arange(1, len(heap.objects) + 1)[:, None, None]
    seen = visible.any(axis=(1, 2))
    mass = suction = np.zeros(ids.shape, np.float32)
    if depth is not None:
        mass = _hills(whole.center_of_mass[seen], ids.shape)
        suction = suction_quality(depth, ids, heap, frame.intrinsics, T_base_camera)
    occluded = (whole.occlusion[seen] >= OCCLUDED_MIN).astype(np.float64)
    sure, masks = np.ones(int(seen.sum())), (visible[seen], whole.masks[seen])
    return Detections(whole.boxes[seen], sure, *masks, occluded, mass, suction, frame.stamp, frame.frame_id)


def _hills(centers: Doubles, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Heat (H, W) that is 1 at each of the centers (k, 2) u, v [px] and falls around it."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    heat = np.zeros(shape[:2])
    for u, v in centers:
        heat = np.maximum(heat, np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * _HILL**2)))
    return heat.astype(np.float32)
