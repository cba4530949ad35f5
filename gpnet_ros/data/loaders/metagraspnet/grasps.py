"""Grasps of MetaGraspNet as rectangles: drawn lines of real scenes, projected 6D grasps of simulated ones.

Formats: see `metagraspnet`. Neither says how wide a pad is: rectangles get the pad of a common parallel gripper.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gpnet_ros.data.loaders.sieve import NO_AREA, OFF_PICTURE, sieved
from gpnet_ros.data.masks import shown_ids
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.rectangle import Rectangles

CENTIMETRE = 0.01
_PAD_WIDTH = 0.022  # [m] fingertip of a Robotiq 2F-85 (data sheet)
#: Cosine of the largest angle between approach and optical axis, as GraspNet-1Billion's planar labels take it.
APPROACH_MIN = 0.99
#: A contact is seen if the picture's depth at its pixel is its own to this [m]: rendering and poses differ by
#: millimetres (issue 22 of the repository).
SEEN_MAX = 0.01

_JAW, _CUP, _COM = "non_colliding_grasps/paralleljaw/", "non_colliding_grasps/suctioncup/", "keypts/com/"
NAMES = (
    *(_JAW + name for name in ("contact_poses_relative_to_camera", "contact_width", "object_id")),
    *(_JAW + name for name in ("score_simulation", "score_analytical")),
    *(_CUP + name for name in ("contact_poses_relative_to_camera", "object_id")),
    *(_COM + name for name in ("keypts_relative_to_camera", "object_id")),
)


def matched(
    arrays: dict[str, NDArray[Any]], path: Path, frame: Frame, ids: NDArray[np.int32] | None
) -> dict[int, int] | None:
    """Id in the picture `ids` (H, W) of each object of the hdf5 file; None if depth, camera or masks are missing.

    The file counts all objects of the scene from 0, the picture counts those it shows from 1 (issue 15 of the
    repository). Contacts lie on the surface of their object, so those that the picture sees tell which is which.
    """
    if ids is None or frame.depth is None or frame.intrinsics is None:
        return None
    points, number = _contacts(arrays, path)
    with np.errstate(divide="ignore", invalid="ignore"):
        uv = np.rint(frame.intrinsics.project(points))
    height, width = frame.shape
    inside = (points[:, 2] > 0) & (uv >= 0).all(axis=1) & (uv[:, 0] < width) & (uv[:, 1] < height)
    u, v = uv[inside].astype(np.int64).T
    near = np.abs(points[inside, 2] - frame.depth[v, u]) < SEEN_MAX  # unknown depth compares false
    numbers, shown = np.unique(number), shown_ids(ids)
    votes = np.zeros((len(numbers), len(shown)))
    row, seen = np.searchsorted(numbers, number[inside][near]), ids[v, u][near]
    np.add.at(votes, (row[seen > 0], np.searchsorted(shown, seen[seen > 0])), 1)
    rows, columns = linear_sum_assignment(-votes)
    return {int(numbers[r]): int(shown[c]) for r, c in zip(rows, columns) if votes[r, c] > 0}


def projected(
    arrays: dict[str, NDArray[Any]], path: Path, frame: Frame, rows: dict[int, int] | None, score_min: float
) -> tuple[Rectangles | None, Rectangles | None]:
    """Rectangles and negatives of the grasps along the optical axis; (None, None) if grasps or camera are missing.

    A contact pose has its origin at one pad, x towards the other and z along the approach; its width is the object's
    between the pads, without clearance. Grasps of objects that the picture does not show (`rows`) are left out.
    """
    stored = _grasps(arrays, path)
    if stored is None or frame.intrinsics is None:
        return None, None
    poses, wide, score, number = stored
    ends = np.stack([poses[:, :3, 3], poses[:, :3, 3] + poses[:, :3, 0] * wide[:, None]])
    keep = (poses[:, 2, 2] > APPROACH_MIN) & (ends[..., 2] > 0).all(axis=0)
    if rows is not None:
        keep &= np.isin(number, list(rows))
    ends, score, number = ends[:, keep], score[keep], number[keep]
    first, second = frame.intrinsics.project(ends)
    center, along = (first + second) / 2, second - first
    height, width = frame.shape
    inside = ((center > -0.5) & (center < np.array([width, height]) - 0.5)).all(axis=1) & (along != 0).any(axis=1)
    jaw = _PAD_WIDTH * frame.intrinsics.fx / ends[..., 2].mean(axis=0)
    object_id = None if rows is None else np.array([rows[k] for k in number.tolist()], dtype=np.int64)
    found = [inside & (score >= score_min), inside & (score == 0)]
    positives, negatives = (
        Rectangles(
            center[pick],
            np.arctan2(along[pick, 1], along[pick, 0]),
            np.hypot(*along[pick].T),
            jaw[pick],
            score[pick],
            None if object_id is None else object_id[pick],
        )
        for pick in found
    )
    return positives, negatives


def drawn(lines: NDArray[Any], path: Path, frame: Frame, ids: NDArray[np.int32] | None) -> Rectangles:
    """Rectangles of lines (n, 2, 2) between two pads, (u, v) each, that people drew into real pictures.

    The pad is as wide as a common fingertip, 22 mm, at the depth of the line's middle half; where no depth is known it
    is half the opening, the proportion that public evaluations use. The object is the one under the middle half, 0 if
    there is none.

    Raises:
        BadInput: another shape, or not finite.
    """
    if lines.size == 0:
        return Rectangles.none()
    if lines.ndim != 3 or lines.shape[1:] != (2, 2) or lines.dtype.kind not in "iuf" or not np.isfinite(lines).all():
        raise BadInput(f"{path} holds parallel_jaw_2d of shape {lines.shape}: pairs of points belong there.")
    points = lines.astype(np.float64)
    height, width = frame.shape
    center, along = points.mean(axis=1), points[:, 1] - points[:, 0]
    inside = ((center > -0.5) & (center < np.array([width, height]) - 0.5)).all(axis=1)
    keep, left_out = sieved(len(points), {OFF_PICTURE: ~inside, NO_AREA: (along == 0).all(axis=1)})
    points, center, along = points[keep], center[keep], along[keep]
    opening = np.hypot(*along.T)
    t = np.linspace(0.25, 0.75, 33)[:, None]
    middle = np.rint(points[:, :1] * (1 - t) + points[:, 1:] * t).astype(np.int64)  # (n, 33, 2)
    u, v = np.clip(middle[..., 0], 0, width - 1), np.clip(middle[..., 1], 0, height - 1)
    jaw = opening / 2
    if frame.depth is not None and frame.intrinsics is not None:
        z = [float(np.median(row[np.isfinite(row)])) if np.isfinite(row).any() else np.nan for row in frame.depth[v, u]]
        jaw = np.where(np.isfinite(z), _PAD_WIDTH * frame.intrinsics.fx / np.array(z), jaw)
    object_id = None if ids is None else np.array([_most(row) for row in ids[v, u]], dtype=np.int64)
    angle = np.arctan2(along[:, 1], along[:, 0])
    return Rectangles(center, angle, opening, jaw, object_id=object_id, left_out=left_out)


def centers_of_mass(
    arrays: dict[str, NDArray[Any]], path: Path, frame: Frame, rows: dict[int, int] | None, known: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """(n, 2) pixel of each object's centre of mass, NaN where the file has none; None if it has none at all.

    Rows of the file are [score, x, y, z], of the objects whose centre of mass the camera can see.

    Raises:
        BadInput: another shape.
    """
    points, number = arrays.get(_COM + "keypts_relative_to_camera"), arrays.get(_COM + "object_id")
    if points is None or number is None or rows is None or frame.intrinsics is None:
        return None
    if points.size == 0:
        return None
    if points.ndim != 2 or points.shape[1] != 4 or number.shape != (len(points),):
        raise BadInput(f"{path} holds keypts/com of shape {points.shape}: rows of 4 with an object_id belong there.")
    pixel = np.full((len(known), 2), np.nan)
    for k, point in zip(np.rint(number).tolist(), points[:, 1:].astype(np.float64) * CENTIMETRE):
        if k in rows and rows[k] in known and point[2] > 0:
            pixel[np.searchsorted(known, rows[k])] = frame.intrinsics.project(point)
    return pixel if np.isfinite(pixel).any() else None


def _grasps(arrays: dict[str, NDArray[Any]], path: Path) -> tuple[NDArray[np.float64], ...] | None:
    """Contact poses (n, 4, 4) [m], widths (n,) [m], scores (n,), object numbers (n,); None if a part is missing."""
    parts = [arrays.get(_JAW + name) for name in ("contact_poses_relative_to_camera", "contact_width", "object_id")]
    scores = [arrays.get(_JAW + name) for name in ("score_simulation", "score_analytical")]
    # Scores of objects that were not simulated are all zero.
    score = next((s for s in scores if s is not None and s.any()), next((s for s in scores if s is not None), None))
    if score is None or any(part is None for part in parts):
        return None
    poses, wide, number = (np.asarray(part, dtype=np.float64) for part in parts)
    n = len(number)
    if poses.shape != (n, 4, 4) or wide.shape != (n,) or score.shape != (n,) or number.ndim != 1:
        raise BadInput(f"{path} holds {n} grasps with poses of shape {poses.shape}: one 4x4 each belongs there.")
    good = np.isfinite(poses).all(axis=(1, 2)) & np.isfinite(wide + number + score) & (wide > 0)
    poses = poses[good].copy()
    poses[:, :3, 3] *= CENTIMETRE
    return poses, wide[good] * CENTIMETRE, np.asarray(score, np.float64)[good], np.rint(number[good])


def _contacts(arrays: dict[str, NDArray[Any]], path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (m, 3) [m] on surfaces, and the number of the object of each."""
    points, numbers = [np.empty((0, 3))], [np.empty(0)]
    stored = _grasps(arrays, path)
    if stored is not None:
        poses, wide, _, number = stored
        points += [poses[:, :3, 3], poses[:, :3, 3] + poses[:, :3, 0] * wide[:, None]]
        numbers += [number, number]
    cups, owner = arrays.get(_CUP + "contact_poses_relative_to_camera"), arrays.get(_CUP + "object_id")
    if cups is not None and owner is not None:
        if cups.shape != (owner.size, 4, 4):
            raise BadInput(f"{path} holds suction poses of shape {cups.shape} of {owner.size} objects: it is damaged.")
        good = np.isfinite(cups).all(axis=(1, 2)) & np.isfinite(owner.ravel())
        points.append(cups[good, :3, 3].astype(np.float64) * CENTIMETRE)
        numbers.append(np.rint(owner.ravel()[good]).astype(np.float64))
    return np.concatenate(points), np.concatenate(numbers)


def _most(ids: NDArray[np.int32]) -> int:
    counts = np.bincount(ids[ids > 0], minlength=1)
    return int(counts.argmax()) if counts.any() else 0
