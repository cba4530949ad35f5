"""Training views: pictures of a data set, augmented, seen by a D435, with the target maps of GP-Net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.data.augment import Crop, centred, random_map, warp
from gpnet_ros.data.noise import DepthNoise, color_noise, d435_depth, random_depth_noise
from gpnet_ros.data.record import Record, record
from gpnet_ros.data.shards.generated import Generated
from gpnet_ros.data.splits import split_scenes
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.maps import NETWORK_SIDE, encode_angle, encode_width
from gpnet_ros.normalise import normalise

#: Blur of the quality target [px]: a label ends at a hard edge, a grasp a pixel beside it is not worthless.
SOFTNESS = 1.0
#: Quality that the blur leaves behind below this is no grasp.
QUALITY_MIN = 0.02
#: Share of a graded priority that each layer keeps of the layer above.
LAYER_FACTOR = 0.5


class Dataset:
    """Pictures in memory, about 1.5 MB each, from which training views are drawn.

    Attributes:
        records, views, made: as given.
        counts: pictures of each folder they came from, in order.
        chances: of each picture to be drawn, their sum 1; None: all alike.
    """

    def __init__(
        self, records: Sequence[Record], views: ViewSettings | None = None, made: Mapping[str, Any] | None = None
    ) -> None:
        """Take records.

        Args:
            records: one per picture.
            views: how they become training views.
            made: by which generator and with which arguments, for the card of what learns from them.

        Raises:
            BadInput: no records, or records without what the views need.
        """
        self.records, self.views, self.made = tuple(records), views or ViewSettings(), dict(made or {})
        self.counts: tuple[int, ...] = (len(self.records),)
        self.chances: NDArray[np.float64] | None = None
        if not records:
            raise BadInput("A data set of 0 pictures cannot be used: it needs one picture or more.")
        if self.views.quality == "gaussian" and any(r.centred is None for r in self.records):
            raise BadInput(
                "quality gaussian needs pictures that were read with it: load the data set with the setting."
            )

    @classmethod
    def load(cls, folders: Path | Sequence[Path], views: ViewSettings | None = None) -> Dataset:
        """Read all finished shards of a folder, or of several, into memory.

        Raises:
            BadInput: no shards, a damaged one, or pictures without dense grasps.
        """
        sets = [Generated(Path(folder)) for folder in ([folders] if isinstance(folders, (str, Path)) else folders)]
        chosen = views or ViewSettings()
        centred = chosen.quality == "gaussian"
        with ThreadPoolExecutor(2) as pool:  # decoding runs outside the interpreter's lock
            pictures = [(data, index) for data in sets for index in range(len(data))]
            records = list(pool.map(lambda one: record(one[0][one[1]], centred=centred), pictures))
        generators = ", ".join(dict.fromkeys(data.index.generator for data in sets))
        each = [data.index.arguments for data in sets]
        loaded = cls(records, chosen, {"generator": generators, "arguments": each[0] if len(each) == 1 else each})
        loaded.counts = tuple(len(data) for data in sets)
        return loaded

    def mixed(self, parts: Sequence[float]) -> Dataset:
        """The same pictures, of which each folder's are drawn as often as its part says, all of a folder alike.

        Args:
            parts: one per folder, 0 or more, not all 0; only their ratio counts.

        Raises:
            BadInput: another number of parts than folders.
        """
        if len(parts) != len(self.counts):
            raise BadInput(f"mix has {len(parts)} parts for {len(self.counts)} folders of --data: give one for each.")
        mixed = self.with_views(self.views)
        each = np.repeat(np.asarray(parts, dtype=np.float64) / self.counts, self.counts)
        mixed.chances = each / each.sum()
        return mixed

    def with_views(self, views: ViewSettings) -> Dataset:
        """The same pictures, not read again, of which other views are drawn.

        Raises:
            BadInput: the pictures were read without what these views need.
        """
        other = Dataset(self.records, views, self.made)
        other.counts, other.chances = self.counts, self.chances
        return other

    def __len__(self) -> int:
        return len(self.records)

    def split(self, share: float, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Two data sets, the second with about `share` of the scenes; all views of a scene go together.

        Raises:
            BadInput: one of them would be empty.
        """
        names = [set(part) for part in split_scenes(tuple(r.scene for r in self.records), share, seed)]
        first, second = ([r for r in self.records if r.scene in part] for part in names)
        return Dataset(first, self.views, self.made), Dataset(second, self.views, self.made)

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
            Input (C, crop, crop), and quality, cos2, sin2, width, priority, each (crop, crop); all float32.
        """
        picture, views = self.records[index], self.views
        matrix = random_map(rng, picture, crop, views.augmentation) if augment else centred(picture, crop)
        view = warp(picture, matrix, crop)
        focal = picture.focal * view.scale
        color = color_noise(view.color, rng) if augment and views.augmentation == "full" else view.color
        depth = None
        if channels != "rgb":
            depth = self._seen_depth(view, focal, rng, color, augment) if views.noise else view.depth
        return normalise(color, depth, channels, views.normalisation), view_targets(view, focal, picture.layer, views)

    @staticmethod
    def _seen_depth(
        view: Crop, focal: float, rng: np.random.Generator, color: NDArray[np.uint8], augment: bool
    ) -> Floats:
        """Depth (crop, crop) as some D435 or, without augmentation, an average one reports it."""
        side = len(view.depth)
        # Noise depends on the focal length only; the optical axis of a turned crop is not where it was.
        camera = Intrinsics(side, side, focal, focal, (side - 1) / 2, (side - 1) / 2)
        return d435_depth(view.depth, camera, random_depth_noise(rng) if augment else DepthNoise(), rng, color)


def view_targets(view: Crop, focal: float, layer: Sequence[int], views: ViewSettings) -> dict[str, Floats]:
    """Targets quality, cos2, sin2, width and priority (h, w) float32 of a view; see `ViewSettings`.

    Args:
        view: a picture under its map.
        focal: focal length of the view [px].
        layer: layer of the objects 1, 2, ... in `view.ids`.
        views: what the targets say.
    """
    priority = np.array(priorities(layer, views.priority), dtype=np.float32)[view.ids]
    quality = view.quality
    if views.quality == "gaussian" and view.centred is not None:
        quality = quality * view.centred
    elif views.quality == "binary":
        quality = (quality > 0).astype(np.float32)
    if views.objects == "top":
        quality = np.where(priority >= 1.0, quality, np.float32(0.0))
    z = np.where(np.isfinite(view.depth), view.depth, np.float32(1.0))
    softness = 0.0 if views.quality == "binary" else SOFTNESS
    targets = grasp_targets(quality, view.angle, encode_width(view.opening, z, focal), softness)
    return {**targets, "priority": priority}


def priorities(layer: Sequence[int], kind: str) -> list[float]:
    """Target of P in [0, 1] by object id: 0 for the table, then one entry per object of a picture.

    Args:
        layer: (n,) layer of each object, 0 for topmost ones.
        kind: one of `view_settings.PRIORITIES`.
    """
    return [0.0, *(LAYER_FACTOR**k if kind == "graded" else float(k == 0) for k in layer)]


def grasp_targets(quality: Floats, angle: Floats, width: Floats, softness: float = SOFTNESS) -> dict[str, Floats]:
    """Targets quality, cos2, sin2, width (h, w) of hard labels; 0 where no grasp is near.

    Quality is blurred by `softness` [px]; 0 leaves it hard. Where it runs over the edge of the labels, angle and width
    are those of the labels nearby: the mean over the doubled angle's unit vectors, weighted by quality.
    """
    targets = {name: np.zeros_like(quality) for name in ("quality", "cos2", "sin2", "width")}
    if not (quality > 0).any():
        return targets
    area = _around(quality > 0, border=4)
    cos2, sin2 = encode_angle(angle[area])
    planes = np.stack([np.ones_like(cos2), cos2, sin2, width[area]], axis=-1) * quality[area][..., None]
    soft: NDArray = planes
    if softness > 0:
        soft = np.asarray(cv2.GaussianBlur(planes, (0, 0), softness, borderType=cv2.BORDER_ISOLATED))
    found = soft[..., 0] > QUALITY_MIN
    length = np.maximum(np.hypot(soft[..., 1], soft[..., 2]), 1e-6)
    raw = (soft[..., 0], soft[..., 1] / length, soft[..., 2] / length, soft[..., 3] / np.maximum(soft[..., 0], 1e-6))
    for target, plane in zip(targets.values(), raw, strict=True):
        target[area] = np.where(found, plane, np.float32(0.0))
    return targets


def _around(mask: NDArray[np.bool_], border: int) -> tuple[slice, slice]:
    """Rows and columns of the true cells and `border` cells around them: most of a view is bare table."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - border, 0), int(rows[-1]) + border + 1),
        slice(max(int(columns[0]) - border, 0), int(columns[-1]) + border + 1),
    )
