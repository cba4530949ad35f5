"""True maps in place of predicted ones, to find out which of them a model lacks."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.augment import warp
from gpnet_ros.data.dataset import LAYER_FACTOR, grasp_targets
from gpnet_ros.data.record import record
from gpnet_ros.data.sample import Sample
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import Maps, encode_width

#: What is taken from the truth: priority, quality, both, angle, width, angle and width (the predicted pixel with a true
#: grasp through it, where there is one), or all.
Substitute = Literal["nothing", "p", "q", "qp", "angle", "width", "shape", "all"]
SUBSTITUTES: tuple[Substitute, ...] = get_args(Substitute)
_TAKEN: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "p": ("priority",),
    "q": ("quality",),
    "qp": ("quality", "priority"),
    "angle": ("cos2", "sin2"),
    "width": ("width",),
    "shape": ("cos2", "sin2", "width"),
    "all": ("quality", "priority", "cos2", "sin2", "width"),
}


def substituted(maps: Maps, sample: Sample, substitute: Substitute) -> Maps:
    """The maps with some of them replaced by the targets that training would have on the same grid.

    Angle and width are true only where there is a true grasp; elsewhere they stay as predicted.

    Raises:
        BadInput: the picture has no dense grasps, or no relations.
    """
    names = _TAKEN[substitute]
    if not names:
        return maps
    truth = target_maps(maps, sample)
    there = truth.quality > 0

    def plane(name: str) -> NDArray[np.float32]:
        predicted, true = getattr(maps, name), getattr(truth, name)
        if name not in names:
            return np.asarray(predicted)
        return np.asarray(true if name in ("quality", "priority") else np.where(there, true, predicted))

    q, cos2, sin2, width, p = (plane(name) for name in ("quality", "cos2", "sin2", "width", "priority"))
    return Maps(q, cos2, sin2, width, p, maps.grid, maps.stamp, maps.frame_id)


def target_maps(maps: Maps, sample: Sample) -> Maps:
    """The targets of training on the grid of these maps.

    Raises:
        BadInput: the picture has no dense grasps.
    """
    if sample.grasps is None or sample.objects is None or sample.objects.layer is None:
        raise BadInput(
            f"Picture {sample.name} has no dense grasps or no layers: --substitute needs simulated pictures."
        )
    picture, grid = record(sample), maps.grid
    side = max(grid.width, grid.height)
    matrix = np.array([[grid.scale, 0, -grid.scale * grid.origin[0]], [0, grid.scale, -grid.scale * grid.origin[1]]])
    view = warp(picture, matrix, side)
    z = np.where(np.isfinite(view.depth), view.depth, np.float32(1.0))
    targets = grasp_targets(view.quality, view.angle, encode_width(view.opening, z, picture.focal * view.scale))
    layers = np.array([0.0, *(LAYER_FACTOR**k for k in picture.layer)], dtype=np.float32)
    planes = (targets["quality"], targets["cos2"], targets["sin2"], targets["width"], layers[view.ids])
    q, cos2, sin2, width, p = (plane[: grid.height, : grid.width] for plane in planes)
    return Maps(q, cos2, sin2, width, p, grid, maps.stamp, maps.frame_id)
