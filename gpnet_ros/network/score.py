"""How often the argmax of Q* is a true grasp: decoded by maps.py, exactly as on the robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.maps import WIDTH_SCALE, Grid, Maps
from gpnet_ros.pose import wrap_half_turn

#: A decoded grasp is right if a true one lies within this distance [px] and this angle [rad]: 3 px are 4 mm,
#: less than the margin of the open jaws; 30 degrees are the angle rule of the rectangle metric.
_DISTANCE_MAX = 3
_ANGLE_MAX = np.radians(30.0)
#: True grasps are pixels whose target quality exceeds this.
GRASP_QUALITY_MIN = 0.1


@dataclass(frozen=True)
class ScoredView:
    """How good the argmax of Q* is on one view.

    Attributes:
        top: it is a true grasp of a top-level object; any: of any object.
        on_object: it lies on an object. score: Q* there.
        width_error: |opening - true opening| [grid px] at the nearest true grasp; NaN if `any` is false.
    """

    top: bool
    any: bool
    on_object: bool
    score: float
    width_error: float


def as_maps(output: NDArray[np.float32]) -> Maps:
    """The maps of a network's output (5 or 4, h, w) on a grid of that size, 1 px per cell; P is 1 without a fifth."""
    planes = output if len(output) == 5 else np.concatenate([output, np.ones_like(output[:1])])
    height, width = output.shape[1:]
    quality, cos2, sin2, wide, priority = planes
    return Maps(quality, cos2, sin2, wide, priority, Grid(width, height, 1.0, (0.0, 0.0)))


def score_view(maps: Maps, target: NDArray[np.float32]) -> ScoredView:
    """Compare the argmax of Q* with target maps.

    Args:
        maps: as predicted.
        target: (5, h, w): Q, cos 2θ, sin 2θ, W, P as in `loss.Targets`.
    """
    q_star = maps.q_star
    row, column = (int(i) for i in np.unravel_index(int(np.argmax(q_star)), q_star.shape))
    angle, width = maps.angle_at(row, column, q_star), maps.width_px_at(row, column, q_star)
    area = (
        slice(max(row - _DISTANCE_MAX, 0), min(row + _DISTANCE_MAX + 1, q_star.shape[0])),
        slice(max(column - _DISTANCE_MAX, 0), min(column + _DISTANCE_MAX + 1, q_star.shape[1])),
    )
    quality, cos2, sin2, wide, priority = (plane[area] for plane in target)
    v, u = np.mgrid[area]
    near = (v - row) ** 2 + (u - column) ** 2 <= _DISTANCE_MAX**2
    difference = 0.5 * np.arctan2(sin2, cos2) - angle
    turned = np.abs(wrap_half_turn(difference))
    right = near & (quality > GRASP_QUALITY_MIN) & (turned <= _ANGLE_MAX)
    error = np.abs(wide * WIDTH_SCALE - width)[right].min() if right.any() else float("nan")
    return ScoredView(
        top=bool((right & (priority >= 1.0)).any()),
        any=bool(right.any()),
        on_object=bool(target[4, row, column] > 0),
        score=float(q_star[row, column]),
        width_error=float(error),
    )


def score_summary(scored: list[ScoredView]) -> dict[str, float | None]:
    """Shares in [0, 1] and medians over views, ready for a card; width error [grid px] or None."""
    if not scored:
        return {"n": 0}
    errors = [v.width_error for v in scored if v.any]
    return {
        "n": len(scored),
        "top1_top_level": round(float(np.mean([v.top for v in scored])), 4),
        "top1_any": round(float(np.mean([v.any for v in scored])), 4),
        "on_object": round(float(np.mean([v.on_object for v in scored])), 4),
        "score_median": round(float(np.median([v.score for v in scored])), 4),
        "width_error_px": round(float(np.median(errors)), 2) if errors else None,
    }
