"""Depth from the point clouds of the Cornell grasping data.

The clouds do not hold depth: their points are "relative to the base of the robot that was taking the images" (the
data set's own description), and the distance to that origin, which public scripts write as pcdNNNNd.tiff, is neither
along the optical axis nor from the camera. But each row names its pixel, so the camera can be found: its pose, its
focal length, and with them the depth of each point.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.data.loaders.reading import MILLIMETRE, metres, read_text
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, invert

WIDTH, HEIGHT = 640, 480  # of all pictures of the set; `index` counts pixels row by row
FIT_POINTS = 3000
#: OpenNI's nominal model of a Kinect at 640x480, a start for the fit [px].
NOMINAL = Intrinsics(WIDTH, HEIGHT, 525.0, 525.0, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
EXACT = 0.1  # below this a model explains every pixel: clouds are computed, not measured [px]
WORST = 3.0  # above this the points and the pixels do not belong together [px]


@dataclass(frozen=True, eq=False)
class Cloud:
    """Depth and camera of a picture, found from its point cloud.

    Attributes:
        depth: (480, 640) float32 along the optical axis [m], NaN where there is no point.
        intrinsics: the camera model that explains all pixels.
        T_base_camera: the camera in the frame of the points, the base of Cornell's robot.
    """

    depth: NDArray[np.float32]
    intrinsics: Intrinsics
    T_base_camera: Transform


def read_cloud(path: Path) -> Cloud:
    """Depth and camera of pcdNNNN.txt: ascii PCD with rows `x y z rgb index`, x, y, z in millimetres.

    Raises:
        BadInput: not such a file, cut off, or no camera explains it.
    """
    points, index = _rows(path)
    pixels = np.stack([index % WIDTH, index // WIDTH], axis=-1).astype(np.float64)
    step = max(1, len(points) // FIT_POINTS)  # OpenCV takes no strided views: copies
    intrinsics, T_camera_base, error = _camera(points[::step].copy(), pixels[::step].copy())
    if error > WORST:
        raise BadInput(
            f"No camera explains the points of {path} (error {error:.1f} px, at most {WORST} px): the file does not "
            "belong to this picture; read the data with depth='none'."
        )
    depth = np.full(WIDTH * HEIGHT, np.nan)
    depth[index] = (points @ T_camera_base[:3, :3].T + T_camera_base[:3, 3])[:, 2]
    return Cloud(metres(depth.reshape(HEIGHT, WIDTH), 1.0), intrinsics, invert(T_camera_base))


def _rows(path: Path) -> tuple[Doubles, NDArray[np.int64]]:
    """Points (n, 3) [m] and pixel numbers (n,)."""
    text = read_text(path)
    header, found, body = text.partition("DATA ascii\n")
    if not found or not body.strip():
        raise BadInput(f"{path} is not a Cornell point cloud (no points after 'DATA ascii'): unpack it again.")
    promised = [line.split()[1] for line in header.splitlines() if line.startswith("POINTS ")]
    try:
        rows = np.loadtxt(StringIO(body), ndmin=2, comments="#")
        if rows.shape[1] != 5 or (promised and len(rows) != int(promised[0])):
            raise ValueError(f"{len(rows)} rows of {rows.shape[1]}")
    except (ValueError, IndexError) as error:
        raise BadInput(f"{path} is damaged ({error}), five numbers per point belong there: unpack it again.") from error
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < 10 or rows[:, 4].min() < 0 or rows[:, 4].max() >= WIDTH * HEIGHT:
        raise BadInput(f"{path} has no points of a {WIDTH}x{HEIGHT} picture: unpack the data set again.")
    return rows[:, :3] * MILLIMETRE, rows[:, 4].astype(np.int64)


def _camera(points: Doubles, pixels: Doubles) -> tuple[Intrinsics, Transform, float]:
    """Camera model, T_camera_points and root mean square error [px] of points (n, 3) [m] seen at pixels (n, 2)."""
    best = _optical(points, pixels)
    if best[2] > EXACT:
        best = min(best, _posed(points, pixels, refine=False), key=lambda fit: fit[2])
    if best[2] > EXACT:
        best = min(best, _posed(points, pixels, refine=True), key=lambda fit: fit[2])
    return best


def _optical(points: Doubles, pixels: Doubles) -> tuple[Intrinsics, Transform, float]:
    """The fit if the points are given in the camera's own frame: u = fx x/z + cx, v = fy y/z + cy."""
    failed = (NOMINAL, np.eye(4), np.inf)
    if points[:, 2].min() <= 0:
        return failed
    lines, error = [], 0.0
    for axis in (0, 1):
        slope = np.stack([points[:, axis] / points[:, 2], np.ones(len(points))], axis=-1)
        line, _, rank, _ = np.linalg.lstsq(slope, pixels[:, axis], rcond=None)
        if rank < 2 or line[0] <= 0:
            return failed
        lines.append(line)
        error += float(np.mean((slope @ line - pixels[:, axis]) ** 2))
    (fx, cx), (fy, cy) = lines
    return Intrinsics(WIDTH, HEIGHT, float(fx), float(fy), float(cx), float(cy)), np.eye(4), float(np.sqrt(error))


def _posed(points: Doubles, pixels: Doubles, refine: bool) -> tuple[Intrinsics, Transform, float]:
    """The fit of a pose with the nominal camera model, or with one whose focal length and centre are free."""
    K = NOMINAL.matrix
    try:
        if refine:
            flags = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_ZERO_TANGENT_DIST
            flags |= cv2.CALIB_FIX_K1 | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3
            seen = ([points.astype(np.float32)], [pixels.astype(np.float32)])
            _, K, _, turns, shifts = cv2.calibrateCamera(*seen, (WIDTH, HEIGHT), K, np.zeros(5), flags=flags)
            turn, shift = turns[0], shifts[0]
        else:
            _, turn, shift = cv2.solvePnP(points, pixels, K, None, flags=cv2.SOLVEPNP_ITERATIVE)
        model = Intrinsics(WIDTH, HEIGHT, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    except (cv2.error, BadInput):
        return NOMINAL, np.eye(4), np.inf
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = cv2.Rodrigues(turn)[0], np.ravel(shift)
    with np.errstate(divide="ignore", invalid="ignore"):
        miss = model.project(points @ T[:3, :3].T + T[:3, 3]) - pixels
    error = float(np.sqrt(np.mean(np.sum(miss**2, axis=-1))))
    return model, T, error if np.isfinite(error) else np.inf
