"""Things without thickness that lie on a table: rulers, tape, paper, markers, stains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from gpnet_ros.arrays import Floats
from gpnet_ros.errors import BadInput
from gpnet_ros.sim.looks.prints import FLAT
from gpnet_ros.sim.looks.texture import pixels_at


@dataclass(frozen=True)
class Decal:
    """A flat thing on the table; depth and ids do not know of it.

    Attributes:
        kind: a key of `prints.FLAT`.
        seed: of its picture.
        centre: on the table, in the table's frame [m].
        turn: about z [rad].
    """

    kind: str
    seed: int
    centre: tuple[float, float]
    turn: float

    def __post_init__(self) -> None:
        if self.kind not in FLAT:
            raise BadInput(f"There is no flat thing '{self.kind}': use one of {', '.join(FLAT)}.")


def lay(decals: Sequence[Decal], points: Floats, albedo: Floats) -> Floats:
    """Albedo (n, 3) of table points (n, 3) [m] with the decals on it, the later above the earlier."""
    for decal in decals:
        (length, width), image = FLAT[decal.kind][1], _image(decal.kind, decal.seed)
        offset = points[:, :2] - np.asarray(decal.centre, dtype=np.float32)
        cosine, sine = np.float32(np.cos(decal.turn)), np.float32(np.sin(decal.turn))
        x = offset[:, 0] * cosine + offset[:, 1] * sine
        y = offset[:, 1] * cosine - offset[:, 0] * sine
        rows = np.flatnonzero((np.abs(x) < length / 2) & (np.abs(y) < width / 2))
        if len(rows) == 0:
            continue
        u = (x[rows] / np.float32(length) + np.float32(0.5)) * image.shape[1] - np.float32(0.5)
        v = (np.float32(0.5) - y[rows] / np.float32(width)) * image.shape[0] - np.float32(0.5)
        colors = pixels_at(image, u, v)
        alpha = colors[:, 3:]
        albedo[rows] = albedo[rows] * (1 - alpha) + colors[:, :3] * alpha
    return albedo


@lru_cache(maxsize=16)
def _image(kind: str, seed: int) -> Floats:
    """Linear albedo and opacity (rows, columns, 4) in [0, 1]; softened, because eyes are coarser than print."""
    draw, (length, width), density = FLAT[kind]
    made = draw(np.random.default_rng([9, seed]), (round(length * density), round(width * density)))
    image = cv2.GaussianBlur(made, (0, 0), 0.7 * density / 1000).astype(np.float32) / np.float32(255)
    image[..., :3] = np.clip(image[..., :3] ** np.float32(2.2), 0.015, 0.88)
    return image
