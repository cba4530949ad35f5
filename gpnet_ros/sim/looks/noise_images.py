"""Random pictures that surfaces are made of: clouds, grain, chips, strands and scratches.

Making them anew for every texture would cost more than the picture itself. So a few of each are made once per
process, larger than needed, and every texture takes its own cut, turned its own way. What a seed gives does not
depend on what was made before.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Bytes = NDArray[np.uint8]

#: Pictures of each sort that cuts are taken from.
_VARIANTS = 2


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cells: tuple[float, float],
    octaves: int = 4,
    fade: float = 0.55,
) -> Image:
    """Noise (rows, columns) of zero mean and about unit deviation.

    Args:
        rng: source of randomness.
        shape: rows and columns of the picture [px].
        cells: cells of the coarsest octave along rows and columns; unequal ones stretch the noise.
        octaves: number of octaves, each twice as fine and `fade` times as strong.
        fade: see `octaves`.
    """
    return _cut(rng, _clouds(shape, cells, octaves, fade, int(rng.integers(_VARIANTS))), shape)


def chips(rng: np.random.Generator, side: int) -> Bytes:
    """Angular chips of eight sorts (1 to 8) in a ground (0), (side, side), as terrazzo and laminate have them."""
    return _cut(rng, _chips(side * 3 // 2, int(rng.integers(_VARIANTS))), (side, side))


def strands(rng: np.random.Generator, side: int) -> Bytes:
    """Flat strands that lie over each other in all directions, levels 0 to 255, (side, side): chipboard."""
    return _cut(rng, _strands(side * 5 // 4), (side, side))


def scratches(rng: np.random.Generator, shape: tuple[int, int], rate: float = 1.0) -> Image:
    """Fine straight and bent scratches, 0 to 1, mostly 0; `rate` is how many.

    Drawn anew each time: they are few, and a cut would repeat what the eye remembers.
    """
    rows, cols = shape
    image = np.zeros(shape, dtype=np.uint8)
    for _ in range(rng.poisson(14 * rate)):
        start = rng.uniform(0, [cols, rows])
        turn, length = rng.uniform(0, 2 * np.pi), rng.exponential(0.16) * cols
        t = np.linspace(0.0, 1.0, 6)[:, None]
        bend = rng.normal(0.0, 0.06) * length * t * (1 - t)
        along = np.array([np.cos(turn), np.sin(turn)])
        line = start + t * length * along + bend * along[::-1] * [-1, 1]
        level = int(rng.uniform(60, 255))
        cv2.polylines(image, [np.round(line * 8).astype(np.int32)], False, level, 1, cv2.LINE_AA, 3)
    return image.astype(np.float32) / np.float32(255.0)


def _cut(rng: np.random.Generator, bank: NDArray, shape: tuple[int, int]) -> NDArray:
    """A random window of a larger picture, mirrored or not."""
    top, left = (int(rng.integers(have - want + 1)) for have, want in zip(bank.shape, shape, strict=True))
    window = bank[top : top + shape[0], left : left + shape[1]]
    return window[:: int(rng.choice([-1, 1])), :: int(rng.choice([-1, 1]))]


@lru_cache(maxsize=96)
def _clouds(shape: tuple[int, int], cells: tuple[float, float], octaves: int, fade: float, variant: int) -> Image:
    """Sum of octaves, half as large again as `shape` in both directions."""
    rng = np.random.default_rng([variant, *shape, octaves, round(fade * 100), *(round(c * 100) for c in cells)])
    large = tuple(s * 3 // 2 for s in shape)
    total = np.zeros(large, dtype=np.float32)
    for k in range(octaves):
        rows, cols = (int(np.clip(round(c * 1.5 * 2**k), 2, s)) for c, s in zip(cells, large, strict=True))
        grid = rng.standard_normal((rows, cols)).astype(np.float32)
        total += np.float32(fade**k) * cv2.resize(grid, large[::-1], interpolation=cv2.INTER_CUBIC)
    total = (total - total.mean()) / (total.std() + np.float32(1e-6))
    total.setflags(write=False)
    return total


@lru_cache(maxsize=8)
def _chips(side: int, variant: int) -> Bytes:
    rng = np.random.default_rng([5, side, variant])
    image = np.zeros((side, side), dtype=np.uint8)
    for _ in range(side * side // 150):
        radius = 0.8 + 1.5 * rng.exponential(1.0)
        turn = np.sort(rng.uniform(0, 2 * np.pi, 6))
        ring = np.column_stack([np.cos(turn), np.sin(turn)]) * rng.uniform(0.5, 1.0, (6, 1)) * radius
        corners = rng.uniform(0, side, 2) + ring
        cv2.fillPoly(image, [np.round(corners * 8).astype(np.int32)], int(rng.integers(1, 9)), cv2.LINE_8, 3)
    image.setflags(write=False)
    return image


@lru_cache(maxsize=8)
def _strands(side: int) -> Bytes:
    rng = np.random.default_rng([6, side])
    image = np.full((side, side), 118, dtype=np.uint8)
    for _ in range(side * side // 60):
        turn, length, width = rng.uniform(0, np.pi), rng.uniform(12, 46), rng.uniform(3.0, 11.0)
        along = np.array([np.cos(turn), np.sin(turn)])
        across = along[::-1] * [-1, 1]
        sides = np.array([[-1, -1], [1, -0.8], [1, 0.9], [-1, 1]]) * rng.uniform(0.7, 1.0, (4, 1))
        corners = rng.uniform(0, side, 2) + sides[:, :1] * along * length / 2 + sides[:, 1:] * across * width / 2
        points = [np.round(corners * 8).astype(np.int32)]
        cv2.fillPoly(image, points, int(np.clip(rng.normal(128, 24), 40, 215)), cv2.LINE_AA, 3)
        cv2.polylines(image, points, True, int(rng.uniform(85, 120)), 1, cv2.LINE_AA, 3)
    image.setflags(write=False)
    return image
