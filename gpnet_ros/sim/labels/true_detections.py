"""What a perfect second network would say of a heap: the truth, in the words of its detections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.detections import OCCLUDED_MIN, Detections
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.amodal import amodal


def true_detections(heap: Heap, ids: NDArray[np.int32], frame: Frame, T_base_camera: Transform) -> Detections:
    """Each object of which a pixel is seen, for certain; occluded or not, without a doubt. Both heat maps are zero.

    Args:
        heap: n objects.
        ids: (H, W) visible masks, index of the object + 1.
        frame: (H, W), as the camera gave it; with its camera model.
        T_base_camera: the camera, (4, 4).
    """
    assert frame.intrinsics is not None
    whole = amodal(heap, ids, frame.intrinsics, T_base_camera)
    visible = ids == np.arange(1, len(heap.objects) + 1)[:, None, None]
    seen, nothing = visible.any(axis=(1, 2)), np.zeros(ids.shape, np.float32)
    occluded = (whole.occlusion[seen] >= OCCLUDED_MIN).astype(np.float64)
    sure, masks = np.ones(int(seen.sum())), (visible[seen], whole.masks[seen])
    return Detections(whole.boxes[seen], sure, *masks, occluded, nothing, nothing, frame.stamp, frame.frame_id)
