"""A data set of bars on a table that is made as it is read, and a recipe so small that a test can train with it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.batches import TARGETS
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.maps import WIDTH_SCALE, encode_angle
from gpnet_ros.normalise import normalise
from gpnet_ros.training.recipe import TrainSettings


class Bars:
    """One bar 3 cm high on a table 0.8 m away: graspable along its middle, across its length."""

    def __init__(self, count: int, offset: int = 0, views: ViewSettings | None = None) -> None:
        self._count, self._offset, self.views = count, offset, views or ViewSettings()

    def __len__(self) -> int:
        return self._count

    def with_views(self, views: ViewSettings) -> Bars:
        return Bars(self._count, self._offset, views)

    def sample(
        self, index: int, rng: np.random.Generator, *, crop: int, augment: bool, channels: str
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        own = rng if augment else np.random.default_rng([7, self._offset + index])
        x, y = own.uniform(0.35, 0.65, 2) * crop
        theta, length, breadth = own.uniform(-np.pi / 2, np.pi / 2), 40.0, 16.0
        along = theta + np.pi / 2  # the opening axis lies across the bar
        bar = _polygon(crop, (x, y), (length, breadth), along)
        middle = _polygon(crop, (x, y), (0.7 * length, 0.8 * breadth), along) & bar
        color = np.where(bar[..., None], own.integers(0, 255, 3), 120).astype(np.uint8)
        depth = (np.where(bar, 0.77, 0.8) + own.normal(0, 0.001, bar.shape)).astype(np.float32)
        cos2, sin2 = encode_angle(theta)
        grasp = middle.astype(np.float32)
        target = dict(zip(TARGETS, (grasp, grasp * cos2, grasp * sin2, grasp * 28 / WIDTH_SCALE, bar), strict=True))
        return normalise(color, depth, channels, self.views.normalisation), {
            k: np.asarray(v, dtype=np.float32) for k, v in target.items()
        }


def _polygon(side: int, centre: tuple[float, float], size: tuple[float, float], angle: float) -> NDArray[np.bool_]:
    corners = cv2.boxPoints((centre, size, float(np.degrees(angle))))
    return cv2.fillPoly(np.zeros((side, side), np.uint8), [corners.round().astype(np.int32)], 1).astype(bool)


TINY = TrainSettings(size="s", batch=4, small_crop=64, small_share=0.5, threads=1, checkpoint_seconds=3600.0)
