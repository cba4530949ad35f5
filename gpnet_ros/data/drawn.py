"""Rectangles drawn as dense grasps, for training on data sets that have nothing denser."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics, fill_nearest
from gpnet_ros.rectangle import Rectangles

#: Share of the opening, about the centre, that is drawn: a jaw that closes beside the middle would push the object
#: (Morrison, Corke and Leitner 2018, section IV-A).
DRAWN_SHARE = 1 / 3
#: Focal length of a picture whose camera is not known, per pixel of its width: about 57 degrees of view, as depth
#: cameras have. It only scales the picture; what is drawn is in pixels.
NOMINAL_FOCAL = 525 / 640
#: Distance that stands for an unknown depth [m], here and in the targets of `Dataset`.
NOMINAL_DEPTH = 1.0


def with_dense_grasps(sample: Sample) -> Sample:
    """The sample with all that training needs, as far as its rectangles can give it.

    Dense grasps are drawn from rectangles, the best last. Where masks are missing, the drawn places are the objects;
    where relations are missing, nothing lies on anything. A missing camera is a nominal one.

    Raises:
        BadInput: there are neither dense grasps nor rectangles.
    """
    if sample.rectangles is None and sample.grasps is None:
        raise BadInput(
            f"Picture {sample.name} cannot be trained on: it has neither dense grasps nor rectangles; "
            "take another data set, or make one with gpnet generate."
        )
    height, width = sample.frame.shape
    camera = sample.frame.intrinsics
    if camera is None:
        focal = NOMINAL_FOCAL * width
        camera = Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
    grasps = sample.grasps
    if grasps is None:
        assert sample.rectangles is not None
        grasps = drawn_grasps(sample.rectangles, sample.frame.depth, camera)
    ids = sample.ids if sample.ids is not None else (_full(grasps.quality, (height, width)) > 0).astype(np.int32)
    known = np.unique(ids[ids > 0]).astype(np.int64)
    objects = sample.objects
    if objects is None or objects.layer is None or not np.isin(known, objects.ids).all():
        objects = Objects(known, layer=np.zeros(len(known), dtype=np.int64))
    return replace(sample, frame=replace(sample.frame, intrinsics=camera), grasps=grasps, ids=ids, objects=objects)


def drawn_grasps(rectangles: Rectangles, depth: NDArray[np.float32] | None, camera: Intrinsics) -> DenseGrasps:
    """Dense grasps (H, W) of rectangles: quality 1 in the middle third of the opening over the whole jaw.

    Args:
        rectangles: of the picture; later ones and better ones lie over the others.
        depth: (H, W) [m], NaN where unknown; or None. It turns openings in pixels into metres.
        camera: of the picture.
    """
    shape = (camera.height, camera.width)
    quality, angle, opening = np.zeros((3, *shape), dtype=np.float32)
    z = np.full(shape, NOMINAL_DEPTH, dtype=np.float32)
    if depth is not None and np.isfinite(depth).any():
        z = fill_nearest(depth)
    middle = replace(rectangles, opening=rectangles.opening * DRAWN_SHARE).corners()
    order = np.arange(len(rectangles)) if rectangles.score is None else np.argsort(rectangles.score, kind="stable")
    for k in order:
        u, v = np.clip(np.rint(rectangles.center[k]), 0, [shape[1] - 1, shape[0] - 1]).astype(int)
        inside = np.zeros(shape, dtype=np.uint8)
        cv2.fillConvexPoly(inside, np.rint(middle[k]).astype(np.int32), 1)
        place = inside > 0
        quality[place], angle[place] = 1.0, rectangles.angle[k]
        opening[place] = rectangles.opening[k] * z[v, u] / camera.fx
    return DenseGrasps(quality, angle, opening)


def _full(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """A plane of dense grasps at the size of its picture."""
    return plane.repeat(shape[0] // plane.shape[0], axis=0).repeat(shape[1] // plane.shape[1], axis=1)
