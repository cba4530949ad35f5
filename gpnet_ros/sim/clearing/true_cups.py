"""What the truth knows of a heap that a cup clears: places that hold."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.cup import across, edge_distance
from gpnet_ros.cup_fit import lip_height
from gpnet_ros.pose import Transform, lift
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.camera.render import View
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.grasps import LabelledGrasp
from gpnet_ros.sim.labels.suction import suction_quality

#: Places of one object that the truth offers, their smallest distance [m], and the least quality of one.
_PLACES, _APART, _QUALITY_MIN = 6, 0.01, 0.05


def true_cups(view: View, heap: Heap, T_base_camera: Transform, cell: Cell) -> list[LabelledGrasp]:
    """The best places for a cup on each object by the labels of suction, apart from each other.

    Args:
        view: exact picture of the heap by a D435; ids are 1 + the index of an object.
        heap: objects at rest.
        T_base_camera: (4, 4), the camera.
        cell: for cup and table; the opening of each place is the width that lets go.
    """
    quality = suction_quality(view.depth, view.ids, heap, D435_640x480, T_base_camera)
    found = []
    for index in range(len(heap.objects)):
        own = view.ids == index + 1
        if not own.any():
            continue
        angle, left = across(own), np.where(_has_room(own, view.depth, cell.cup.lip_radius), quality, 0.0)
        for _ in range(_PLACES):
            v, u = (int(i) for i in np.unravel_index(int(np.argmax(left)), left.shape))
            if left[v, u] < _QUALITY_MIN:
                break
            depth = float(view.depth[v, u])
            T = T_base_camera @ lift((float(u), float(v)), angle, depth, D435_640x480, T_base_camera)
            surface = float(T[2, 3])
            T[2, 3] = lip_height(surface, cell, overtravel=0.0)  # what is known exactly needs none
            found.append(LabelledGrasp(T, cell.gripper.stroke, float(left[v, u]), index, surface))
            cv2.circle(left, (u, v), max(round(_APART * D435_640x480.fx / depth), 1), 0.0, -1)
    return found


def _has_room(own: NDArray[np.bool_], depth: NDArray[np.float32], radius: float) -> NDArray[np.bool_]:
    """Where (H, W) a lip of a radius [m] lies on a mask (H, W) whole; labels look at a square that is a little less."""
    pixel = float(np.median(depth[own])) / D435_640x480.fx
    return np.asarray(edge_distance(own) * pixel >= radius)
