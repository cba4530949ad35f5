"""Text files with four corner points per grasp, as Cornell and OCID-Grasp publish them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.loaders.reading import read_lines
from gpnet_ros.data.loaders.sieve import NO_AREA, NOT_A_NUMBER, sieved
from gpnet_ros.errors import BadInput

AREA_MIN = 1.0  # below this four points are a line, not a grasp [px^2]


def read_corners(path: Path) -> tuple[NDArray[np.float64], dict[str, int]]:
    """Corner points (n, 4, 2) [px] of a file with one point "x y" per line, four per rectangle; what was left out.

    Some annotations are "NaN NaN"; such a rectangle is left out whole, its four lines are still consumed. So are
    rectangles without area. How many there were is given by reason.

    Raises:
        BadInput: a line is not two numbers, or the last rectangle lacks points.
    """
    lines = read_lines(path)
    points = np.empty((len(lines), 2))
    for number, line in enumerate(lines):
        try:
            points[number] = [float(word) for word in line.replace(",", " ").split()]
        except ValueError as error:
            raise BadInput(
                f"{path} has {line[:40]!r} where a point 'x y' belongs: unpack the data set again."
            ) from error
    if len(points) % 4:
        raise BadInput(f"{path} has {len(points)} points, but four make a rectangle: it is cut off; unpack it again.")
    corners = points.reshape(-1, 4, 2)
    keep, left_out = sieved(len(corners), corner_faults(corners))
    return corners[keep], left_out


def corner_faults(corners: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Which of the corners (n, 4, 2) are no rectangle, (n,) by reason."""
    with np.errstate(invalid="ignore", over="ignore"):
        small = ~(area(corners) >= AREA_MIN)
    return {NOT_A_NUMBER: np.asarray(~np.isfinite(corners).all(axis=(1, 2))), NO_AREA: small}


def area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area (n,) of the parallelogram with the mean edges of corners (n, 4, 2) [px^2]."""
    along = (corners[:, 1] - corners[:, 0] + corners[:, 2] - corners[:, 3]) / 2
    across = (corners[:, 2] - corners[:, 1] + corners[:, 3] - corners[:, 0]) / 2
    return np.abs(along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0])
