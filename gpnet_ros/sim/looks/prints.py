"""What is printed: packages, labels of cans and bottles, and things that lie flat on a table."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.sim.looks.noise_images import Bytes, fractal
from gpnet_ros.sim.looks.patterns import Color, Rng, coat, kraft, to_bytes, two_colors

_Print = NDArray[np.uint8]
_FONTS = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SIMPLEX)
#: Letters as they are common; words made of them look like print and name nobody.
_LETTERS = list("AAEEIIOOURSTLNMKDPB")
_SIDE = 256


def package(color: Color, accent: Color, rng: Rng, side: int = _SIDE) -> Bytes:
    """Printed carton: a two_colors for each pair of sides, (3, side, side, 4); the first has small print."""
    third = tuple(rng.uniform(0.05, 0.95, 3))
    brand = word(rng, 3, 7)
    sheets = []
    for small in (True, False, False):
        image = _ground(color, accent, rng)
        if small:
            _small_print(image, rng)
        else:
            _front(image, color, (accent, (third[0], third[1], third[2])), brand, rng)
        sheets.append(coat(cv2.GaussianBlur(image, (0, 0), 0.6)))
    return np.stack(sheets)


def label(color: Color, accent: Color, rng: Rng, side: int = _SIDE) -> Bytes:
    """Paper around a can or a bottle: brand on two sides, bands at the edges, small print between."""
    image = _ground(color, accent, rng)
    third = tuple(rng.uniform(0.05, 0.95, 3))
    edge = int(rng.integers(10, 40))
    image[:edge] = image[-edge:] = to_bytes(accent)
    brand = word(rng, 3, 6)
    for left in (20, 148):
        window = np.ascontiguousarray(image[:, left : left + 88])
        _emblem(window, (accent, (third[0], third[1], third[2])), rng)
        _write(window, brand, rng, 0.5, ink_on(color))
        image[:, left : left + 88] = window
    block = np.ascontiguousarray(image[60:200, 108:146])
    _lines(block, rng, ink_on(color))
    image[60:200, 108:146] = block
    return coat(cv2.GaussianBlur(image, (0, 0), 0.6))


def carton(color: Color, accent: Color, rng: Rng, side: int = _SIDE) -> Bytes:
    """Shipping box: brown board, tape along the middle, sometimes a sticker or a stamp, (3, side, side, 4)."""
    sheets = []
    for face in range(3):
        image = np.ascontiguousarray(kraft(color, accent, rng, _SIDE)[..., :3])
        if face == 2 or rng.random() < 0.3:
            width = int(rng.integers(14, 26))
            band = image[_SIDE // 2 - width : _SIDE // 2 + width].astype(np.float32)
            tape = np.array(rng.choice([[0.78, 0.66, 0.46], [0.62, 0.48, 0.3], [0.85, 0.82, 0.75]])) * 255
            image[_SIDE // 2 - width : _SIDE // 2 + width] = 0.45 * band + 0.55 * tape
        if rng.random() < 0.4:
            _sticker(image, rng)
        elif rng.random() < 0.4:
            _write(image, word(rng, 4, 8), rng, 0.7, (60, 45, 35))
        sheets.append(coat(image))
    return np.stack(sheets)


def word(rng: Rng, shortest: int, longest: int) -> str:
    """Capital letters that mean nothing."""
    return "".join(rng.choice(_LETTERS, int(rng.integers(shortest, longest + 1))))


def ink_on(color: Color) -> tuple[int, int, int]:
    """White on dark grounds, black on light ones."""
    return (242, 242, 235) if sum(color) < 1.5 else (22, 22, 28)


def _ground(color: Color, accent: Color, rng: Rng) -> _Print:
    """Ground of a print: one colour, or two that run into each other, or two with a wave between."""
    t = np.linspace(0, 1, _SIDE, dtype=np.float32)[:, None] + np.zeros((_SIDE, _SIDE), np.float32)
    draw = rng.random()
    if draw < 0.4:
        t[:] = 0.0
    elif draw < 0.7:
        t *= rng.uniform(0.3, 0.8)
    else:
        wave = rng.uniform(0.55, 0.8) + 0.08 * np.sin(np.linspace(0, rng.uniform(3, 8), _SIDE))[None, :]
        t = np.clip((t - wave.astype(np.float32)) * 80, 0, 1)
    return np.ascontiguousarray(two_colors(color, accent, t)[..., :3])


def _front(image: _Print, color: Color, spots: tuple[Color, Color], brand: str, rng: Rng) -> None:
    """The side that is to sell it: emblem, brand, a line below, a stripe or a badge."""
    if rng.random() < 0.6:
        top = int(rng.integers(0, 150))
        image[top : top + int(rng.integers(20, 90))] = to_bytes(spots[int(rng.integers(2))])
    _emblem(image, spots, rng)
    at = _write(image, brand, rng, 0.85, ink_on(color))
    _write(image, word(rng, 5, 10), rng, 0.5, ink_on(color), at + int(rng.integers(26, 40)))
    if rng.random() < 0.4:
        _sticker(image, rng)


def _emblem(image: _Print, spots: tuple[Color, Color], rng: Rng) -> None:
    """Ovals, a picture of something round, or a field."""
    height, width = image.shape[:2]
    middle = (int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.35, 0.7)))
    size = (int(width * rng.uniform(0.15, 0.4)), int(height * rng.uniform(0.1, 0.3)))
    first, second = (to_bytes(c) for c in spots)
    if rng.random() < 0.3:
        corner = (middle[0] - size[0], middle[1] - size[1])
        cv2.rectangle(image, corner, (middle[0] + size[0], middle[1] + size[1]), first, -1)
    else:
        cv2.ellipse(image, middle, size, float(rng.uniform(-25, 25)), 0, 360, first, -1, cv2.LINE_AA)
        inner = (max(size[0] - 6, 1), max(size[1] - 6, 1))
        cv2.ellipse(image, middle, inner, 0.0, 0, 360, second, int(rng.choice([-1, 2, 3])), cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 5))):  # fruits, biscuits, screws: what it contains
        spot = (int(rng.uniform(0, width)), int(rng.uniform(0.5, 1) * height))
        cv2.circle(image, spot, int(rng.uniform(6, 22)), to_bytes(rng.uniform(0.1, 0.95, 3)), -1, cv2.LINE_AA)


def _write(image: _Print, text: str, rng: Rng, share: float, ink: tuple[int, int, int], row: int | None = None) -> int:
    """Write a word over about `share` of the width; returns its row."""
    height, width = image.shape[:2]
    font, thick = int(rng.choice(_FONTS)), int(rng.integers(1, 5))
    (unit, _), _ = cv2.getTextSize(text, font, 1.0, thick)
    scale = share * width / max(unit, 1)
    at = int(height * rng.uniform(0.3, 0.7)) if row is None else row
    left = int(width * (1 - share) / 2)
    cv2.putText(image, text, (left, at), font, scale, ink, thick, cv2.LINE_AA)
    return at


def _lines(image: _Print, rng: Rng, ink: tuple[int, int, int]) -> None:
    """Small print, as lines of words."""
    height, width = image.shape[:2]
    for row in range(4, height - 2, 5):
        at = 2
        while at < width - 6 and rng.random() > 0.08:
            end = min(at + int(rng.integers(3, 14)), width - 3)
            cv2.line(image, (at, row), (end, row), ink, 1)
            at = end + 3


def _small_print(image: _Print, rng: Rng) -> None:
    """Columns of text, a table in a frame, a bar code."""
    for left in (24, 140):
        block = np.ascontiguousarray(image[70:190, left : left + 90])
        if rng.random() < 0.4:
            block[:] = 235
            _bars(block, rng)
        else:
            _lines(block, rng, ink_on(_mean(block)))
        image[70:190, left : left + 90] = block


def _sticker(image: _Print, rng: Rng) -> None:
    """White label with bars and lines, somewhere."""
    height, width = int(rng.integers(40, 80)), int(rng.integers(50, 110))
    top, left = int(rng.integers(30, 220 - height)), int(rng.integers(20, 230 - width))
    block = np.full((height, width, 3), 238, dtype=np.uint8)
    _bars(block[: height // 2], rng)
    lower = np.ascontiguousarray(block[height // 2 :])
    _lines(lower, rng, (30, 30, 30))
    block[height // 2 :] = lower
    image[top : top + height, left : left + width] = block


def _bars(block: _Print, rng: Rng) -> None:
    """Bar code, with a margin."""
    bars = np.repeat(rng.random(block.shape[1]) < 0.5, rng.integers(1, 4, block.shape[1]))[: block.shape[1] - 12]
    block[5:-5, 6:-6][:, bars] = 25


def _mean(image: _Print) -> Color:
    r, g, b = image.reshape(-1, 3).mean(axis=0) / 255
    return float(r), float(g), float(b)


def ruler(rng: Rng, size: tuple[int, int]) -> Bytes:
    """Steel or plastic ruler with its scale; RGBA (rows, columns, 4)."""
    cols, rows = size
    base = rng.choice([[200, 202, 205], [222, 196, 120], [240, 220, 60], [225, 225, 220]])
    image = np.empty((rows, cols, 4), dtype=np.uint8)
    image[:] = [*base, 255]
    step = cols / 31.0
    for k in range(301):
        length = rows // 2 if k % 10 == 0 else rows // 3 if k % 5 == 0 else rows // 5
        x = int((0.5 + k / 10) * step)
        cv2.line(image, (x, 0), (x, length), (30, 30, 30, 255), 1)
        if k % 10 == 0:
            cv2.putText(image, str(k // 10), (x - 5, rows - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (30, 30, 30, 255), 1)
    return image


def tape(rng: Rng, size: tuple[int, int]) -> Bytes:
    """Strip of adhesive tape: masking, insulating, or with warning stripes."""
    cols, rows = size
    image = np.empty((rows, cols, 4), dtype=np.uint8)
    color = rng.choice([[214, 200, 150], [40, 80, 160], [30, 30, 32], [200, 190, 40], [225, 225, 225], [170, 40, 40]])
    shade = 1.0 + 0.05 * fractal(rng, (64, 256), (3, 20), 3)
    image[..., :3] = np.clip(cv2.resize(shade, size)[..., None] * color, 0, 255)
    image[..., 3] = 245
    if rng.random() < 0.25:
        u, v = np.meshgrid(np.arange(cols), np.arange(rows))
        image[(u + v) % (2 * rows) < rows, :3] = (25, 25, 25)
    return image


def paper(rng: Rng, size: tuple[int, int]) -> Bytes:
    """Printed page, delivery note or drawing."""
    cols, rows = size
    page = np.full((rows, cols, 3), int(rng.integers(215, 245)), dtype=np.uint8)
    if rng.random() < 0.4:
        page[:] = rng.choice([[240, 230, 150], [235, 225, 200], [200, 220, 235], [240, 200, 205]])
    ink = (45, 45, 60)
    body = np.ascontiguousarray(page[rows // 5 : -rows // 8, cols // 10 : -cols // 10])
    _lines(body, rng, ink)
    page[rows // 5 : -rows // 8, cols // 10 : -cols // 10] = body
    cv2.putText(page, word(rng, 5, 9), (cols // 10, rows // 8), cv2.FONT_HERSHEY_DUPLEX, 0.6, ink, 1, cv2.LINE_AA)
    return np.dstack([page, np.full((rows, cols), 255, np.uint8)])


def marker(rng: Rng, size: tuple[int, int]) -> Bytes:
    """Square fiducial marker on white paper, of no dictionary."""
    side = 10
    cells = np.full((side, side), 235, dtype=np.uint8)
    cells[1:-1, 1:-1] = 25
    cells[2:-2, 2:-2] = np.where(rng.random((side - 4, side - 4)) < 0.5, 235, 25)
    grey = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST)
    return np.dstack([grey, grey, grey, np.full_like(grey, 255)])


def cutting_mat(rng: Rng, size: tuple[int, int]) -> Bytes:
    """Green, blue, grey or black mat with a grid of centimetres and cuts."""
    cols, rows = size
    color = np.array(rng.choice([[35, 95, 70], [40, 75, 125], [70, 75, 80], [35, 38, 40]]))
    image = np.empty((rows, cols, 4), dtype=np.uint8)
    image[:] = [*color, 255]
    line = [*np.clip(color * 0.6 + 95, 0, 255).astype(np.uint8), 255]
    step = cols / 46.0  # centimetres of the 0.46 m long mat
    for k in range(1, 46):
        x = round(k * step)
        image[round(step) : -round(step), x : x + (2 if k % 5 == 0 else 1)] = line
        if x < rows:
            image[x : x + (2 if k % 5 == 0 else 1), round(step) : -round(step)] = line
    for _ in range(int(rng.integers(0, 15))):
        start, end = rng.uniform(0, size), rng.uniform(0, size)
        shade = [*np.clip(color * rng.uniform(0.6, 1.3), 0, 255), 255]
        cv2.line(image, start.astype(int).tolist(), end.astype(int).tolist(), shade, 1, cv2.LINE_AA)
    return image


def stain(rng: Rng, size: tuple[int, int]) -> Bytes:
    """Ring of a cup, or a spill; mostly transparent."""
    cols, rows = size
    u, v = np.meshgrid(np.linspace(-1, 1, cols, dtype=np.float32), np.linspace(-1, 1, rows, dtype=np.float32))
    r = np.hypot(u, v) + 0.04 * cv2.resize(np.ascontiguousarray(fractal(rng, (64, 64), (3, 3), 4)), size)
    edge = np.exp(-(((r - 0.75) / rng.uniform(0.03, 0.08)) ** 2))
    alpha = np.maximum(edge * rng.uniform(0.15, 0.4), (r < 0.75) * rng.uniform(0.0, 0.15))
    image = np.empty((rows, cols, 4), dtype=np.uint8)
    image[..., :3] = rng.choice([[70, 45, 25], [40, 40, 42], [90, 80, 60]])
    image[..., 3] = np.clip(255 * alpha, 0, 255)
    return image


def scribble(rng: Rng, size: tuple[int, int]) -> Bytes:
    """Lines of pencil or felt pen, or scratches; mostly transparent."""
    cols, rows = size
    image = np.zeros((rows, cols, 4), dtype=np.uint8)
    image[..., :3] = rng.choice([[50, 50, 55], [30, 50, 130], [150, 30, 30], [205, 205, 200]])
    alpha = np.zeros((rows, cols), dtype=np.uint8)
    for _ in range(int(rng.integers(2, 7))):
        t = np.linspace(0, 1, 8)[:, None]
        a, b, bend = rng.uniform(0.05, 0.95, 2), rng.uniform(0.05, 0.95, 2), rng.normal(0, 0.15, 2)
        line = (a + (b - a) * t + bend * t * (1 - t)) * size
        cv2.polylines(alpha, [line.astype(np.int32)], False, int(rng.integers(90, 220)), 1, cv2.LINE_AA)
    image[..., 3] = alpha
    return image


#: Things that lie flat on a table: how they are drawn, length and width [m], and pixels per metre.
FLAT: dict[str, tuple[Callable[[Rng, tuple[int, int]], Bytes], tuple[float, float], float]] = {
    "ruler": (ruler, (0.31, 0.03), 2600.0),
    "tape": (tape, (0.3, 0.03), 1000.0),
    "paper": (paper, (0.148, 0.21), 1500.0),
    "marker": (marker, (0.06, 0.06), 1500.0),
    "cutting_mat": (cutting_mat, (0.46, 0.31), 1300.0),
    "stain": (stain, (0.09, 0.09), 1200.0),
    "scribble": (scribble, (0.2, 0.15), 1200.0),
}
