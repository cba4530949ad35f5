"""What labels are made of: the exact shapes that lie there, and a view of them without noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform
from gpnet_ros.sim.heap.heap import Heap

#: Closed surface: vertices (n, 3) [m] and faces (m, 3).
Surface = tuple[NDArray[np.float64], NDArray[np.integer]]


@dataclass(frozen=True, eq=False)
class Solids:
    """Exact shapes of all that lies or stands there.

    Attributes:
        surfaces: n objects, each about its centre of mass.
        T_base_object: pose of each, n times (4, 4).
        table_z: height of the table, or of the floor of the bin [m].
        obstacles: what stands still, in base, such as the walls of a bin. Neither fingers nor palm may come down on it,
            and it has no grasps.
    """

    surfaces: Sequence[Surface]
    T_base_object: Sequence[Transform] | NDArray[np.float64]
    table_z: float = 0.0
    obstacles: Sequence[Surface] = ()

    @classmethod
    def of(cls, heap: Heap) -> Solids:
        """Solids of a heap, on the table or in its bin."""
        shapes = [(model.vertices, model.faces) for model in heap.objects]
        if heap.bin is None:
            return cls(shapes, heap.T_base_object)
        return cls(shapes, heap.T_base_object, heap.bin.floor, (heap.bin.obstacle(),))


@dataclass(frozen=True, eq=False)
class ExactView:
    """Noiseless picture of a heap.

    Attributes:
        depth: (h, w) exact depth [m], NaN where unknown.
        ids: (h, w), index of the object + 1, 0 elsewhere.
        intrinsics: camera model of both.
        T_base_camera: pose of the camera.
    """

    depth: NDArray[np.float32]
    ids: NDArray[np.int32]
    intrinsics: Intrinsics
    T_base_camera: Transform
