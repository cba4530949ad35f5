"""Why a chosen grasp failed: one class for each failure, told from the truth of the picture, never by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Sample
from gpnet_ros.evaluation.judging.judgement import Verdict
from gpnet_ros.frame import Frame
from gpnet_ros.pose import wrap_half_turn
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.rectangle_metric import ANGLE_MAX

#: Every class, in the order in which they are told apart, with what it means.
FAILURES: dict[str, str] = {
    "refused": "no candidate passed the checks of the cell",
    "hole": "the camera has no depth at the grasp, or a wrong one",
    "stacked twin": "the object must wait, and one that looks alike lies on it or beside it",
    "wrong object": "another object must be taken before this one",
    "edge": "the centre lies beside every object, or on a silhouette where there is no grasp",
    "no grasp": "the object is topmost, but has no true grasp in this picture",
    "wrong place": "the object is right, but has no true grasp near the centre",
    "wrong angle": "true grasps near the centre are turned by more than 30 degrees",
    "width": "the jaws open much less or much more than the true grasp nearby needs",
    "took another": "an object that must wait came up in its place",
    "collision": "place, angle and width agree with a true grasp, yet the fingers hit something on their way down",
    "thin": "place, angle and width agree with a true grasp, but the object is thin and was not held",
    "slipped": "place, angle and width agree with a true grasp, yet the object was not held",
    "overlap": "the centre is near a true grasp, but the rectangles overlap too little",
}
#: A true grasp is near within this distance [m], and this is on the silhouette [m].
NEAR, SILHOUETTE = 0.010, 0.004
#: Openings may be this much smaller or larger than that of the true grasp nearby [m].
NARROWER, WIDER = 0.008, 0.025
#: Depth is wrong beyond this [m].
DEPTH_ERROR = 0.010
#: An object whose least extent is below this is thin [m].
THIN = 0.015
_VIEW = 0.32  # short side of pictures without depth or camera model [m]: a cell's workspace


@dataclass(frozen=True)
class _Nearby:
    """The centre of a grasp among the truth: metres per pixel there, and the true grasps of the object."""

    pitch: float
    truth: Rectangles
    away: NDArray[np.float64]
    turned: NDArray[np.float64]


def was_right(verdict: Verdict) -> bool | None:
    """Whether a grasp counts, by the hardest measure that is known: lift, else top, else any."""
    for outcome in (verdict.lift_top, verdict.top, verdict.any):
        if outcome is not None:
            return outcome
    return None


def blame(verdict: Verdict, sample: Sample, frame: Frame, thickness: Sequence[float] | None) -> Verdict:
    """The verdict with its class of failure and the reason; unchanged where the grasp was right.

    Args:
        verdict: judged by the rule and by the lift, as far as they are known.
        sample: the picture and its truth.
        frame: as the model saw it.
        thickness: least extent of objects 1, 2, ... [m]; None where that is not known.
    """
    if was_right(verdict) is not False:
        return verdict
    return verdict.blamed(*_cause(verdict, sample, frame, thickness))


def _cause(verdict: Verdict, sample: Sample, frame: Frame, thickness: Sequence[float] | None) -> tuple[str, str]:
    if verdict.status == "hole":
        return "hole", "no depth at the peak of Q*"
    if verdict.pixel is None or verdict.angle is None or verdict.opening_px is None:
        return "refused", f"{verdict.status}: {verdict.rank} candidates were rejected"
    nearby = _nearby(verdict, sample, frame)
    wrong = _wrong_object(verdict, sample) or _wrong_depth(verdict, sample) or _wrong_grasp(verdict, sample, nearby)
    return wrong or _not_lifted(verdict, thickness)


def _wrong_object(verdict: Verdict, sample: Sample) -> tuple[str, str] | None:
    if not verdict.object or verdict.on_top is not False:
        return None
    assert sample.objects is not None and sample.objects.covered_by is not None
    covered = sample.objects.covered_by[list(sample.objects.ids).index(verdict.object)]
    above = sample.objects.ids[covered].tolist()
    twin = twin_of(verdict.object, sample)
    if twin is not None:
        return "stacked twin", f"object {verdict.object} waits for {above}; {twin} looks alike"
    return "wrong object", f"object {verdict.object} waits for {above}"


def twin_of(number: int, sample: Sample) -> int | None:
    """Id of an object of the same category that touches this one in the picture; None if there is none."""
    objects, ids = sample.objects, sample.ids
    if objects is None or objects.category is None or ids is None:
        return None
    category = dict(zip(objects.ids.tolist(), objects.category, strict=True))
    reach = max(round(0.01 * max(ids.shape)), 2)
    around = cv2.dilate((ids == number).astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    for other in np.unique(ids[around]).tolist():
        if other not in (0, number) and category.get(other) == category.get(number):
            return int(other)
    return None


def _wrong_depth(verdict: Verdict, sample: Sample) -> tuple[str, str] | None:
    exact = _exact_depth(verdict, sample)
    if verdict.depth is None or exact is None or abs(verdict.depth - exact) <= DEPTH_ERROR or not verdict.object:
        return None
    return "hole", f"depth read {1e3 * (verdict.depth - exact):+.0f} mm off"


def _wrong_grasp(verdict: Verdict, sample: Sample, nearby: _Nearby) -> tuple[str, str] | None:
    """Centre, angle and opening against the true grasps of the object."""
    nearest = float(nearby.away.min()) if len(nearby.truth) else float("inf")
    how_near = (
        f"the nearest true grasp is {1e3 * nearest:.0f} mm away" if len(nearby.truth) else "there is no true grasp"
    )
    if verdict.object == 0:
        return "edge", f"no object at the centre; {how_near}"
    if not len(nearby.truth):
        return "no grasp", f"object {verdict.object} has no true grasp"
    if nearest > NEAR:
        if _silhouette(verdict, sample) * nearby.pitch < SILHOUETTE:
            return "edge", f"on the silhouette of object {verdict.object}; {how_near}"
        return "wrong place", f"object {verdict.object}; {how_near}"
    near = nearby.away <= NEAR
    turned = float(nearby.turned[near].min())
    if turned > ANGLE_MAX:
        return "wrong angle", f"turned by {np.degrees(turned):.0f} degrees"
    agreeing = near & (nearby.turned <= ANGLE_MAX)
    best = int(np.flatnonzero(agreeing)[np.argmin(nearby.away[agreeing])])
    assert verdict.opening_px is not None
    opens = verdict.opening if verdict.opening is not None else verdict.opening_px * nearby.pitch
    more = opens - float(nearby.truth.opening[best]) * nearby.pitch
    if not -NARROWER <= more <= WIDER:
        return "width", f"opens {1e3 * opens:.0f} mm, {1e3 * more:+.0f} mm against the true grasp nearby"
    return None


def _not_lifted(verdict: Verdict, thickness: Sequence[float] | None) -> tuple[str, str]:
    """The grasp agrees with a true one: what physics made of it."""
    if verdict.lift is None:
        return "overlap", "near a true grasp, at its angle and opening"
    if verdict.lift_any:
        return "took another", "what came up had to wait"
    if verdict.lift == "collision":
        return "collision", f"the label {'agrees' if verdict.top else 'does not overlap'}"
    thin = thickness is not None and verdict.object and thickness[verdict.object - 1] < THIN
    if thin and thickness is not None and verdict.object:
        return "thin", f"{verdict.lift}; object {verdict.object} is {1e3 * thickness[verdict.object - 1]:.0f} mm thin"
    return "slipped", f"{verdict.lift}; the label {'agrees' if verdict.top else 'does not overlap'}"


def _nearby(verdict: Verdict, sample: Sample, frame: Frame) -> _Nearby:
    """True grasps of the object at the centre, of all objects where there is none or grasps name none."""
    assert verdict.pixel is not None and verdict.angle is not None
    truth = sample.rectangles if sample.rectangles is not None else Rectangles.none()
    if verdict.object and truth.object_id is not None:
        truth = truth.take(truth.object_id == verdict.object)
    depth = _exact_depth(verdict, sample) or verdict.depth
    pitch = _VIEW / min(frame.shape) if depth is None or frame.intrinsics is None else depth / frame.intrinsics.fx
    away = np.linalg.norm(truth.center - np.array(verdict.pixel), axis=1) * pitch
    return _Nearby(pitch, truth, away, np.abs(wrap_half_turn(truth.angle - verdict.angle)))


def nearest_true(verdict: Verdict, sample: Sample) -> int | None:
    """Row of the true grasp that a person would compare with: of topmost objects if known, near and little turned."""
    truth = sample.rectangles
    if truth is None or not len(truth) or verdict.pixel is None or verdict.angle is None:
        return None
    cost = np.linalg.norm(truth.center - np.array(verdict.pixel), axis=1)
    cost = cost + 0.3 * truth.opening * np.abs(wrap_half_turn(truth.angle - verdict.angle)) / ANGLE_MAX
    top_ids = sample.top_ids()
    if truth.object_id is not None and top_ids is not None:
        top = np.isin(truth.object_id, top_ids)
        if top.any():
            cost = np.where(top, cost, np.inf)
    return int(np.argmin(cost))


def _exact_depth(verdict: Verdict, sample: Sample) -> float | None:
    """Depth of the truth at the centre [m]; None where it is not known."""
    depth = sample.frame.depth
    if depth is None or verdict.pixel is None:
        return None
    value = float(depth[_cell(verdict, depth.shape)])
    return value if np.isfinite(value) else None


def _silhouette(verdict: Verdict, sample: Sample) -> float:
    """Distance [px] of the centre from the edge of its object's visible mask; infinite without masks."""
    if sample.ids is None or not verdict.object:
        return float("inf")
    mask = np.pad((sample.ids == verdict.object).astype(np.uint8), 1)
    row, column = _cell(verdict, sample.ids.shape)
    return float(cv2.distanceTransform(mask, cv2.DIST_L2, 5)[row + 1, column + 1])


def _cell(verdict: Verdict, shape: tuple[int, ...]) -> tuple[int, int]:
    assert verdict.pixel is not None
    column, row = (int(np.clip(round(at), 0, n - 1)) for at, n in zip(verdict.pixel, shape[1::-1], strict=True))
    return row, column
