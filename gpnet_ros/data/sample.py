"""One picture of any data set: the same fields, units and conventions whoever made it.

What a data set does not have is None, never a zero: an empty `Rectangles` says "annotated, no grasp", None says
"nobody looked".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.topmost import layers

Floats = NDArray[np.float32]


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
        if self.rectangles is None or self.rectangles.object_id is None:
            return None
        if self.objects is None or self.objects.top_level is None:
            return None
        return self.rectangles.take(np.isin(self.rectangles.object_id, self.objects.ids[self.objects.top_level]))

    def renamed(self, name: str, scene: str) -> Sample:
        """The same picture under another name."""
        return replace(self, name=name, scene=scene)


class DataSet(Protocol):
    """What every loader is: a sequence of samples whose names and scenes are known without reading the pictures.

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
    """All samples, one after the other."""
    return (data[index] for index in range(len(data)))


def read_split(path: Path) -> frozenset[str]:
    """Scene names of a split file: one per line, blank lines and lines that begin with # are skipped.

    Raises:
        BadInput: not readable, or empty.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"Split file {path} cannot be read ({error}): give a text file of scene names.") from error
    names = frozenset(line for line in lines if line and not line.startswith("#"))
    if not names:
        raise BadInput(f"Split file {path} names no scene: write one scene per line.")
    return names


def split_scenes(scenes: tuple[str, ...], share: float, seed: int = 0) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two disjoint sets of scenes, the second with about `share` of them; frames of a scene stay together.

    Raises:
        BadInput: one of them would be empty.
    """
    distinct = sorted(set(scenes))
    count = round(share * len(distinct))
    if not 0 < count < len(distinct):
        raise BadInput(f"A share of {share} of {len(distinct)} scenes leaves one part empty: choose another share.")
    second = set(np.random.default_rng(seed).permutation(distinct)[:count].tolist())
    return tuple(s for s in distinct if s not in second), tuple(s for s in distinct if s in second)


def keep_split(scenes: tuple[str, ...], split: Path | None) -> list[int]:
    """Indices of the samples whose scene the split file names; all without a file.

    Raises:
        BadInput: the file cannot be read, or names a scene that is not there.
    """
    if split is None:
        return list(range(len(scenes)))
    wanted = read_split(split)
    unknown = wanted - set(scenes)
    if unknown:
        raise BadInput(
            f"Split file {split} names the scene '{min(unknown)}', which is not in this data set: "
            "use the split file of this very data set."
        )
    return [index for index, scene in enumerate(scenes) if scene in wanted]
