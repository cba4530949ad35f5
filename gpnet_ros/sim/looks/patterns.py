"""Pictures of materials: wood, cloth, metal, stone, board, skin of fruit.

Each pattern makes one sheet (rows, columns, 4) uint8 for all sides of a thing: sRGB and, last, how far the surface
shines there: 128 as its texture says, 0 not at all, 255 twice as much (smudges, scratches, worn places). `side` is
how many pixels the picture should have along a side.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.sim.looks.noise_images import Bytes, Image, chips, fractal, scratches, strands

Color = tuple[float, float, float]  # sRGB in [0, 1]
Rng = np.random.Generator

#: Shine as the texture says.
SHINE_NOMINAL = 128


def two_colors(color: Color, accent: Color, t: Image, wear: ArrayLike = 0.0) -> Bytes:
    """Sheet whose colour goes from `color` (t = 0) to `accent` (t = 1) and a little beyond.

    Args:
        color, accent: ends of the scale.
        t: (rows, columns).
        wear: (rows, columns) or one number, change of the shine: -1 none left, 0 as it is, 1 twice as much.
    """
    low, high = -0.5, 1.5
    steps = np.linspace(low, high, 256)[:, None]
    scale = np.asarray(color) + steps * (np.asarray(accent) - np.asarray(color))
    lut = np.round(255 * np.clip(scale, 0.0, 1.0)).astype(np.uint8)
    level = cv2.convertScaleAbs(np.maximum(t - np.float32(low), 0.0), alpha=255.0 / (high - low))
    return coat(cv2.LUT(cv2.merge([level] * 3), lut.reshape(256, 1, 3)), wear)


def coat(image: NDArray[np.uint8], wear: ArrayLike = 0.0) -> Bytes:
    """Sheet of an sRGB picture (rows, columns, 3) and a change of the shine as in `two_colors`."""
    shine = np.empty(image.shape[:2], dtype=np.uint8)
    shine[:] = np.clip(SHINE_NOMINAL * (1.0 + np.asarray(wear, dtype=np.float32)), 0, 255)
    return np.asarray(cv2.merge([*cv2.split(image), shine]))


def plain(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Plastic and paint: one colour, faint clouds, smudges of hands."""
    t = 0.03 * fractal(rng, (128, 128), (3, 3), 3)
    return two_colors(color, accent, t, 0.18 * fractal(rng, (128, 128), (6, 6), 3))


def scuffed(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Plastic and paint that have been in use: scratches and dull patches."""
    marks = scratches(rng, (side, side), rng.uniform(0.5, 4.0))
    t = 0.05 * fractal(rng, (side, side), (4, 4), 4) + rng.uniform(0.1, 0.35) * marks
    return two_colors(color, accent, t, 0.25 * fractal(rng, (side, side), (5, 5), 4, 0.7) - 0.5 * marks)


def mottled(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Concrete, stone, cast metal, worn paint."""
    clouds = fractal(rng, (side, side), (4, 4), 6, 0.65)
    t = 0.5 + 0.2 * clouds + 0.1 * fractal(rng, (side, side), (side / 2, side / 2), 1)
    return two_colors(color, accent, t, 0.3 * clouds)


def speckled(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Terrazzo, laminate with chips, recycled plastic."""
    sorts = chips(rng, side)
    shades = np.concatenate([[0.0], rng.choice([0.0, 0.35, 0.7, 1.0, -0.35], 8)]).astype(np.float32)
    t = shades[sorts] + 0.06 * fractal(rng, (side, side), (5, 5), 3)
    return two_colors(color, accent, t, 0.1 * (sorts > 0))


def strand_board(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Chipboard of coarse strands (OSB); the accent is the darkest strand."""
    level = strands(rng, side).astype(np.float32)
    t = 0.45 - (level - 128.0) * np.float32(1 / 110)
    return two_colors(color, accent, t, (level - 128.0) * np.float32(1 / 200))


def wood(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Boards, or one veneer, with the grain along the columns; the accent is the colour of the late wood."""
    boards = int(rng.choice([1, 1, 6, 8, 10, 12])) if side > 256 else 1
    image, board = _boards(color, accent, rng, side, boards, 0)
    if boards > 1:
        image[np.flatnonzero(np.diff(board))] //= 2
    return image


def butcher_block(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Worktop of many narrow staves, glued edge to edge and end to end."""
    staves = int(rng.integers(20, 34))
    image, _ = _boards(color, accent, rng, side, staves, int(rng.integers(1, 4)))
    return image


def _boards(
    color: Color, accent: Color, rng: Rng, side: int, boards: int, joints: int
) -> tuple[Bytes, NDArray[np.int64]]:
    """Wood cut into boards along the columns, each cut at `joints` places; and the board (rows,) of each row."""
    rows, cols = 2 * side, 3 * side // 4
    height = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None]
    warp = fractal(rng, (rows, cols), (6, 1.5), 2)
    phase = height * np.float32(rng.uniform(20, 70) * side / 512) + warp * np.float32(rng.uniform(0.5, 2.0))
    rings = np.abs(phase % 2.0 - 1.0)  # early wood fades into late wood, late wood ends sharply
    fibre = fractal(rng, (rows, cols), (side / 2, 6), 2, 0.7)
    t = 0.3 * rings**2 + 0.1 * fibre + 0.12 * fractal(rng, (rows, cols), (20, 1), 2) + 0.2
    board = np.minimum((height[:, 0] * boards).astype(np.int64), boards - 1)
    for k in range(boards if boards > 1 else 0):  # no two boards are cut alike
        mine = np.flatnonzero(board == k)
        cut = np.roll(t[mine], int(rng.integers(cols)), axis=1)[:, :: int(rng.choice([-1, 1]))]
        ends = np.sort(rng.integers(0, cols, joints))
        shade = rng.normal(0, 0.13, joints + 1).astype(np.float32)
        t[mine] = cut + shade[np.searchsorted(ends, np.arange(cols))]
    return two_colors(color, accent, t, -0.12 * fibre), board


def cloth(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Cloth with soft creases; plain, striped or checked. The weave is the detail of its texture."""
    t = np.zeros((side, side), dtype=np.float32)
    draw = rng.random()
    if draw < 0.45:
        bands = _stripes(side, rng)
        t += bands[:, None] * np.float32(0.6 if draw < 0.25 else 0.45)
        if draw >= 0.25:
            t += np.float32(0.45) * bands[None, :]
    base = two_colors(color, accent, t)
    creases = 1.0 + 0.05 * fractal(rng, (side, side), (3, 3), 4, 0.6)
    base[..., :3] = np.clip(base[..., :3] * creases[..., None], 0, 255)
    return base


def _stripes(side: int, rng: Rng) -> Image:
    """Levels (side,) of one or two sorts of stripes that repeat."""
    period = float(rng.choice([24, 40, 64, 110]))
    place = (np.arange(side, dtype=np.float32) / period) % 1.0
    level = (place < rng.uniform(0.2, 0.5)).astype(np.float32)
    thin = rng.uniform(0.6, 0.85)
    return np.maximum(level, 0.5 * ((place > thin) & (place < thin + 0.06)))


def brushed(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Brushed or rolled metal, with stains and a few scratches across."""
    lines = fractal(rng, (side, side), (side / 2, 2), 2, 0.7)
    stains = fractal(rng, (side, side), (3, 3), 5)
    t = 0.5 + 0.16 * lines + 0.14 * stains + 0.3 * scratches(rng, (side, side), rng.uniform(0.2, 1.5))
    dark = tuple(0.8 * c for c in color)
    return two_colors((dark[0], dark[1], dark[2]), color, t, 0.15 * lines - 0.2 * np.maximum(stains, 0.0))


def kraft(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Brown board: flutes that shine through, fibres, rubbed places."""
    flutes = np.sin(np.arange(side, dtype=np.float32) * np.float32(2 * np.pi / 9.0))[None, :]
    t = (
        0.05 * flutes
        + 0.08 * fractal(rng, (side, side), (6, 6), 5)
        + 0.07 * fractal(rng, (side, side), (side / 2, side / 6), 1)
    )
    return two_colors(color, accent, t)


def belt(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Conveyor belt: dark rubber, dust and drag marks along it."""
    drag = fractal(rng, (side, side), (40, 1), 3, 0.7)
    dust = fractal(rng, (side, side), (4, 3), 5)
    t = 0.06 * drag + 0.07 * dust + 0.25 * scratches(rng, (side, side), rng.uniform(0.0, 1.0))
    return two_colors(color, accent, t, 0.3 * drag - 0.2 * np.maximum(dust, 0.0))


def glazed(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Ceramics: glaze of uneven thickness, sometimes freckled, sometimes with another colour from one height on."""
    t = 0.05 * fractal(rng, (256, 256), (3, 3), 3)
    if rng.random() < 0.4:
        t += 0.7 * (fractal(rng, (256, 256), (90, 90), 1) > rng.uniform(1.9, 2.6))
    if rng.random() < 0.35:
        border = rng.uniform(0.3, 0.7) + 0.01 * fractal(rng, (256, 256), (2, 5), 3)
        t += np.clip((np.linspace(0, 1, 256, dtype=np.float32)[:, None] - border) * 40, 0, 1)
    return two_colors(color, accent, t)


def skin(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Fruit: one colour runs into the other, with streaks, freckles and a few bruises."""
    run = np.linspace(-1, 1, 256, dtype=np.float32)[None, :] * rng.choice([-1, 1])
    t = 0.35 + 0.3 * run + 0.2 * fractal(rng, (256, 256), (2, 2), 4)
    t += 0.05 * fractal(rng, (256, 256), (6, 60), 2)
    image = two_colors(color, accent, t)
    freckles = fractal(rng, (256, 256), (80, 80), 1) > rng.uniform(2.0, 3.0)
    bruises = np.clip((fractal(rng, (256, 256), (5, 5), 3) - rng.uniform(1.6, 2.6)) * 2, 0, 1)
    shade = 1.0 - 0.45 * np.maximum(freckles, bruises)
    image[..., :3] = np.clip(image[..., :3] * shade[..., None], 0, 255)
    return image


def banded(color: Color, accent: Color, rng: Rng, side: int) -> Bytes:
    """Bands around the third axis, as on tools and bottles."""
    t = np.zeros(256, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        start, width = int(rng.integers(20, 200)), int(rng.integers(5, 60))
        t[start : start + width] = rng.uniform(0.5, 1.0)
    soft = np.asarray(cv2.GaussianBlur(t[:, None], (1, 3), 0.6), dtype=np.float32).reshape(-1, 1)
    wear = 0.15 * fractal(rng, (256, 256), (6, 6), 3)
    return two_colors(color, accent, np.repeat(soft, 256, axis=1) + 0.03 * wear, wear)


def to_bytes(color: Sequence[float] | NDArray) -> tuple[int, int, int]:
    """sRGB in [0, 255] as drawing functions want it."""
    r, g, b = (round(255 * float(c)) for c in color)
    return r, g, b
