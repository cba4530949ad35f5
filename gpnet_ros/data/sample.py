"""One picture of any data set: the same fields, units and conventions whoever made it.

What a data set does not have is None, never a zero: an empty `Rectangles` says "annotated, no grasp", None says
"nobody looked".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.topmost import layers


@dataclass(frozen=True, eq=False)
class DenseGrasps:
    """Best grasp per pixel, (h, w) each, for every s-th pixel of a frame (H, W) = (s h, s w).

    Entry (r, c) belongs to the pixel in row s r + s // 2 and column s c + s // 2.

    Attributes:
        quality: in [0, 1], 0 where there is no grasp.
        angle: opening axis from +u towards +v, [-pi/2, pi/2) [rad]; meaningless where quality is 0.
        opening: that is commanded [m]; 0 where quality is 0.
    """

    quality: Floats
    angle: Floats
    opening: Floats


@dataclass(frozen=True, eq=False)
class Objects:
    """What is known of the n objects of a picture beyond their visible masks; rows follow `ids`.

    Attributes:
        ids: (n,) as in `Sample.ids` and `Rectangles.object_id`, 1 or more.
        category: n names, or None.
        boxes: (n, 4) of the visible part: u0, v0, u1, v1, pixel edges, 0-based, end excluded [px]; or None.
        amodal_boxes: the same of the whole object, hidden part included; or None.
        amodal_masks: (n, H, W) of the whole object; or None.
        occlusion: (n,) hidden share of the amodal mask, in [0, 1]; or None.
        center_of_mass: (n, 2) projected into the image [px]; or None.
        covered_by: (n, n) bool, [i, j] = j lies on i or leans on it: j is taken before i; or None.
        layer: (n,) 0 for what may be taken now, 1 for what follows after it, ..., see `topmost.layers`; or None.
        graspable: (n,) bool, a grasp of it exists in this picture; or None.
    """

    ids: NDArray[np.int64]
    category: tuple[str, ...] | None = None
    boxes: NDArray[np.float64] | None = None
    amodal_boxes: NDArray[np.float64] | None = None
    amodal_masks: NDArray[np.bool_] | None = None
    occlusion: NDArray[np.float64] | None = None
    center_of_mass: NDArray[np.float64] | None = None
    covered_by: NDArray[np.bool_] | None = None
    layer: NDArray[np.int64] | None = None
    graspable: NDArray[np.bool_] | None = None

    @property
    def top_level(self) -> NDArray[np.bool_] | None:
        """(n,) whether the object is topmost, see `topmost.layers`; None if relations are not known."""
        return None if self.covered_by is None else layers(self.covered_by) == 0


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture with what its data set knows of it.

    Attributes:
        name: unique within the data set, e.g. "01/pcd0100".
        scene: what must stay together in a split: the scene, or the object where there are no scenes.
        frame: colour and depth [m] as the set has them; camera model if known.
        rectangles: true grasps.
        negatives: rectangles that are no grasps.
        ids: (H, W) int32 visible instance masks, 0 for no object.
        objects: what is known of each object.
        grasps: dense labels.
        suction: (H, W) float32 quality in [0, 1] of a suction cup per pixel.
        T_base_camera: camera in a frame whose z points up, if known.
    """

    name: str
    scene: str
    frame: Frame
    rectangles: Rectangles | None = None
    negatives: Rectangles | None = None
    ids: NDArray[np.int32] | None = None
    objects: Objects | None = None
    grasps: DenseGrasps | None = None
    suction: Floats | None = None
    T_base_camera: Transform | None = None

    def top_rectangles(self) -> Rectangles | None:
        """Rectangles on top-level objects; None if rectangles, their objects or the relations are not known."""
        top = self.top_ids()
        if top is None or self.rectangles is None or self.rectangles.object_id is None:
            return None
        return self.rectangles.take(np.isin(self.rectangles.object_id, top))

    def top_ids(self) -> NDArray[np.int64] | None:
        """Ids of top-level objects; None if the relations are not known."""
        if self.objects is None or self.objects.top_level is None:
            return None
        return self.objects.ids[self.objects.top_level]


class DataSet(Protocol):
    """A data set: a sequence of samples whose names and scenes are known without reading the pictures.

    Loaders are built as `Cornell(root, split=None)`: root is the folder as published, split a file of scene names.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each sample."""
        ...

    @property
    def scenes(self) -> tuple[str, ...]:
        """Scene of each sample."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            BadInput: a file is missing, damaged or hostile; names the file.
        """
        ...

    def files(self, index: int) -> list[Path]:
        """Every file from which one sample is read, in a fixed order; some may not be there."""
        ...


def samples(data: DataSet) -> Iterator[Sample]:
    """Iterate over all samples of a data set."""
    return (data[index] for index in range(len(data)))
