"""Training views: pictures of a data set, augmented, seen by a D435, with the target maps of GP-Net."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.augment import Crop, centred, random_map, warp
from gpnet_ros.data.generated import Generated
from gpnet_ros.data.noise import DepthNoise, color_noise, d435_depth, random_depth_noise
from gpnet_ros.data.record import Record, record
from gpnet_ros.data.sample import split_scenes
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.maps import NETWORK_SIDE, encode_angle, encode_width
from gpnet_ros.normalise import normalise

Floats = NDArray[np.float32]
Priority = Literal["graded", "binary"]

#: Blur of the quality target [px]: a label ends at a hard edge, a grasp a pixel beside it is not worthless.
SOFTNESS = 1.0
#: Quality that the blur leaves behind below this is no grasp.
QUALITY_MIN = 0.02
#: Share of a graded priority that each layer keeps of the layer above.
LAYER_FACTOR = 0.5


class Dataset:
    """All pictures of a folder of shards, in memory; about 1.5 MB each."""

    def __init__(self, records: Sequence[Record], priority: Priority = "graded") -> None:
        """Take records.

        Args:
            records: one per picture.
            priority: target of P: 1 on top-level objects and, if "graded", 1/2, 1/4, ... on the layers below,
                so that also a heap without visible top-level grasps has an order; "binary" has 0 there
                (GP-Net, section 3: a mask of the topmost objects).

        Raises:
            BadInput: no records, or an unknown priority.
        """
        if not records or priority not in ("graded", "binary"):
            raise BadInput(
                f"A data set of {len(records)} pictures with priority {priority!r} cannot be used: "
                "it needs one picture or more, and priority is graded or binary."
            )
        self.records, self.priority = tuple(records), priority

    @classmethod
    def load(cls, folder: Path, priority: Priority = "graded") -> Dataset:
        """All finished shards of a folder.

        Raises:
            BadInput: no shards, a damaged one, or pictures without dense grasps.
        """
        data = Generated(Path(folder))
        with ThreadPoolExecutor(2) as pool:  # decoding runs outside the interpreter's lock
            return cls(list(pool.map(lambda index: record(data[index]), range(len(data)))), priority)

    def __len__(self) -> int:
        return len(self.records)

    def split(self, share: float, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Two data sets, the second with about `share` of the scenes; all views of a scene go together.

        Raises:
            BadInput: one of them would be empty.
        """
        names = [set(part) for part in split_scenes(tuple(r.scene for r in self.records), share, seed)]
        first, second = ([r for r in self.records if r.scene in part] for part in names)
        return Dataset(first, self.priority), Dataset(second, self.priority)

    def sample(
        self,
        index: int,
        rng: np.random.Generator,
        *,
        crop: int = NETWORK_SIDE,
        augment: bool = True,
        channels: str = "rgbd",
    ) -> tuple[Floats, dict[str, Floats]]:
        """One view as the network sees it, and what it should say.

        Args:
            index: of the picture.
            rng: of augmentation and sensor noise.
            crop: side of the view [px].
            augment: turn, scale, shift, mirror, and vary sensor and colour; else the middle of the picture
                at the scale of the cell, through an average D435.
            channels: of the input, as `normalise` takes them.

        Returns:
            Input (C, crop, crop), and quality, cos2, sin2, width, priority, each (crop, crop) float32.
        """
        picture = self.records[index]
        matrix = random_map(rng, picture, crop) if augment else centred(picture, crop)
        view = warp(picture, matrix, crop)
        focal = picture.focal * view.scale
        # Noise depends on the focal length only; the optical axis of a turned crop is not where it was.
        camera = Intrinsics(crop, crop, focal, focal, (crop - 1) / 2, (crop - 1) / 2)
        color = color_noise(view.color, rng) if augment else view.color
        noise = random_depth_noise(rng) if augment else DepthNoise()
        depth = None if channels == "rgb" else d435_depth(view.depth, camera, noise, rng, color)
        return normalise(color, depth, channels), self._targets(view, focal, picture.layer)

    def _targets(self, view: Crop, focal: float, layer: Sequence[int]) -> dict[str, Floats]:
        steps = [LAYER_FACTOR**k if self.priority == "graded" else float(k == 0) for k in layer]
        priority = np.array([0.0, *steps], dtype=np.float32)[view.ids]
        z = np.where(np.isfinite(view.depth), view.depth, np.float32(1.0))
        return {**grasp_targets(view.quality, view.angle, encode_width(view.opening, z, focal)), "priority": priority}


def grasp_targets(quality: Floats, angle: Floats, width: Floats) -> dict[str, Floats]:
    """Targets quality, cos2, sin2, width (h, w) of hard labels; 0 where no grasp is near.

    Quality is blurred. Where it runs over the edge of the labels, angle and width are those of the labels
    nearby: the mean over the doubled angle's unit vectors, weighted by quality.
    """
    targets = {name: np.zeros_like(quality) for name in ("quality", "cos2", "sin2", "width")}
    if not (quality > 0).any():
        return targets
    area = _around(quality > 0, border=4)
    cos2, sin2 = encode_angle(angle[area])
    planes = np.stack([np.ones_like(cos2), cos2, sin2, width[area]], axis=-1) * quality[area][..., None]
    soft = cv2.GaussianBlur(planes, (0, 0), SOFTNESS, borderType=cv2.BORDER_ISOLATED)
    found = soft[..., 0] > QUALITY_MIN
    length = np.maximum(np.hypot(soft[..., 1], soft[..., 2]), 1e-6)
    raw = (soft[..., 0], soft[..., 1] / length, soft[..., 2] / length, soft[..., 3] / np.maximum(soft[..., 0], 1e-6))
    for target, plane in zip(targets.values(), raw, strict=True):
        target[area] = np.where(found, plane, 0.0)
    return targets


def _around(mask: NDArray[np.bool_], border: int) -> tuple[slice, slice]:
    """Rows and columns of the true cells and `border` cells around them: most of a view is bare table."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - border, 0), int(rows[-1]) + border + 1),
        slice(max(int(columns[0]) - border, 0), int(columns[-1]) + border + 1),
    )
