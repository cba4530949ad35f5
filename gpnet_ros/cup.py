"""Cup grasps in the image: where a suction cup holds an object that lies free, best first, or a reason why not.

For a cup what `grasp` is for the jaw: from detections and depth to a pixel, a depth and a normal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.balance import arms, height_range, mass_point
from gpnet_ros.detections import CHANCE_MIN, Detections
from gpnet_ros.errors import NoDepth
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Rejected, surface_depth
from gpnet_ros.pose import wrap_half_turn
from gpnet_ros.settings import CupShape, setting, validate
from gpnet_ros.surface import Surface, surface_at

#: Reason codes of `Rejected` for a cup, in the order in which the checks run: `cup_candidates`, then `cup_fit`, `pick`.
CUP_REASONS = (
    "occluded", "edge", "low_quality", "hole", "uneven", "outside", "failed_before", "tilt", "not_seen", "clearance",
    "unreachable", "unsafe",
)  # fmt: skip
#: Against the approach where no hand-eye tells it: along the optical axis, towards the camera.
TOWARDS_CAMERA: Doubles = np.array([0.0, 0.0, -1.0])
#: Points around the lip by which its outline in the picture is drawn.
OUTLINE = 24


@dataclass(frozen=True)
class CupSelect:
    """Settings by which points of the suction heat map become cup grasps."""

    object_min: float = setting(0.15, "Least score of an object that is picked.", low=0.0, high=1.0)
    object_sure: float = setting(0.3, "Score below which others go first.", low=0.0, high=1.0)
    occluded_max: float = setting(
        CHANCE_MIN, "Chance of being occluded from which on others go first.", low=0.0, high=1.0
    )
    occluded_never: float = setting(1.0, "Chance beyond which it waits, whatever is left.", low=0.0, high=1.0)
    promising: float = setting(
        0.03, "Chance of a place below which an object that lies free is no longer taken before others.",
        low=0.0, high=1.0,
    )  # fmt: skip
    quality_min: float = setting(0.05, "Smallest worth of a point.", low=0.0, high=1.0)
    count: int = setting(80, "Most points that are looked at in one frame.", low=1, high=200)
    places: int = setting(12, "Most of them on one object.", low=1, high=100)
    separation: float = setting(0.010, "Smallest distance between them.", unit="m", low=0.001, high=0.1)
    edge: float = setting(0.002, "Between lip and edge of what is seen of the object.", unit="m", low=0.0, high=0.02)
    cover_min: float = setting(0.97, "Share of lip and edge that must lie on the object.", low=0.5, high=1.0)
    valid_min: float = setting(0.8, "Share of the lip that must have depth.", low=0.5, high=1.0)
    around: float = setting(0.02, "Of the object, tells the tilt at a point.", unit="m", low=0.002, high=0.1)
    uneven_max: float = setting(0.002, "Deviation from a plane under the lip.", unit="m", low=0.0001, high=0.01)
    tilt_max: float = setting(0.42, "Of the surface against level (24 degrees).", unit="rad", low=0.0, high=0.8)
    tilt_doubt: float = setting(0.14, "By which depth errs: that far beyond is tried.", unit="rad", low=0.01, high=0.5)
    tilt_reserve: float = setting(
        0.07, "Below what the bellows follow, where every second seal fails: surfaces curve.",
        unit="rad", low=0.0, high=0.4,
    )  # fmt: skip

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True, eq=False)
class CupGrasp:
    """A place for the cup in the image.

    Attributes:
        pixel: (u, v) in the colour image as it came [px].
        angle: across the object's long side, from +u towards +v, in [-pi/2, pi/2) [rad]; the tool's x axis, so that
            the long side lies as it does between the jaw's pads.
        depth: of the surface at the pixel, by the plane through the object around it [m].
        normal: of that plane, unit vector (3,) in the camera frame, towards the camera.
        unevenness: greatest deviation from it under the lip [m].
        score: by which places are compared: suction, lessened by the distance to the centre of mass.
        suction: the network's quality at the pixel.
        arm: distance of the cup's axis from the predicted centre of mass [m].
        index: of the object among the detections.
        rises: how far its highest part stands above this place [m].
    """

    pixel: tuple[float, float]
    angle: float
    depth: float
    normal: Doubles
    unevenness: float
    score: float
    suction: float
    arm: float
    index: int
    rises: float

    @property
    def angle_deg(self) -> float:
        """The angle in degrees, in [-90, 90)."""
        return float(np.degrees(self.angle))


def cup_candidates(
    detections: Detections,
    frame: Frame,
    cup: CupShape,
    settings: CupSelect | None = None,
    up: Doubles = TOWARDS_CAMERA,
) -> Iterator[CupGrasp | Rejected]:
    """Places for the cup, best first, each with its surface, or the reason why it is none.

    First come the objects that offer no place at all, then points of free objects by falling worth, then those of
    objects that may be occluded; a worth below `quality_min` ends the list, and is reported. No object has more than
    `places` of them: where one that is large and useless had all, another would have none.

    Args:
        detections: of this very frame.
        frame: with depth and camera model.
        cup: for the radius of the lip.
        settings: see `CupSelect`.
        up: unit vector (3,) against the approach, in the camera frame.
    """
    s = settings or CupSelect()
    assert frame.depth is not None and frame.intrinsics is not None
    free, doubted = _Worths(frame.shape), _Worths(frame.shape)
    for index in range(len(detections.scores)):
        found = _object_worth(detections, index, frame, cup, s, up)
        if isinstance(found, Rejected):
            yield found
        else:
            (free if detections.occluded[index] < s.occluded_max else doubted).add(found, index)
    least = max(s.quality_min, 1e-9)
    for _ in range(s.count):
        worths = free if free.best()[0] >= least else doubted
        worth, pixel, owner = worths.best()
        if not worth >= least:
            detail = f"The worth of a cup is {worth:.2f}, {s.quality_min:.2f} is needed."
            yield Rejected(pixel, "low_quality", detail)
            return
        yield cup_at(detections, owner, frame, pixel, cup, s, up)
        apart = s.separation * frame.intrinsics.fx / float(frame.depth[int(pixel[1]), int(pixel[0])])
        worths.leave_out(pixel, apart, owner, s.places)


class _Worths:
    """Worth of a cup on each pixel, and the object that the pixel shows."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._worth, self._owner = np.zeros(shape, dtype=np.float32), np.full(shape, -1)
        self._given: Counter[int] = Counter()

    def add(self, worth: NDArray[np.float32], index: int) -> None:
        better = worth > self._worth
        self._worth[better], self._owner[better] = worth[better], index

    def best(self) -> tuple[float, tuple[float, float], int]:
        v, u = (int(i) for i in np.unravel_index(int(np.argmax(self._worth)), self._worth.shape))
        return float(self._worth[v, u]), (float(u), float(v)), int(self._owner[v, u])

    def leave_out(self, pixel: tuple[float, float], radius: float, owner: int, most: int) -> None:
        cv2.circle(self._worth, (int(pixel[0]), int(pixel[1])), max(round(radius), 1), 0.0, -1)
        self._given[owner] += 1
        if self._given[owner] >= most:
            self._worth[self._owner == owner] = 0.0


def cup_at(
    detections: Detections,
    index: int,
    frame: Frame,
    pixel: tuple[float, float],
    cup: CupShape,
    settings: CupSelect | None = None,
    up: Doubles = TOWARDS_CAMERA,
) -> CupGrasp | Rejected:
    """The cup at a pixel (u, v) [px] of an object, or why it is none; see `cup_candidates`."""
    s = settings or CupSelect()
    assert frame.intrinsics is not None
    try:
        depth = surface_depth(frame, pixel)
        metre = frame.intrinsics.fx / depth
        lip, around = cup.lip_radius * metre, max(s.around, cup.lip_radius) * metre
        surface = surface_at(frame, pixel, detections.visible[index], lip, around, s.valid_min)
    except NoDepth as error:
        return Rejected(pixel, "hole", str(error))
    cover = _cover(detections.visible[index], frame, pixel, surface, cup.lip_radius + s.edge)
    if not cover >= s.cover_min:
        detail = f"{cover:.0%} of the lip and its margin lie on what is seen of the object, {s.cover_min:.0%} must."
        return Rejected(pixel, "edge", detail)
    if not surface.unevenness <= s.uneven_max:
        detail = (
            f"The surface under the lip is {surface.unevenness * 1e3:.1f} mm off a plane, at most "
            f"{s.uneven_max * 1e3:.1f} mm seal."
        )
        return Rejected(pixel, "uneven", detail)
    u, v = round(pixel[0]), round(pixel[1])
    point = frame.intrinsics.deproject(pixel, surface.depth)
    arm = float(arms(point, mass_point(detections, index, frame, up), up))
    rises = height_range(detections, index, frame, up)[1] - float(point @ up)
    suction = float(np.nan_to_num(detections.suction[v, u]))
    return CupGrasp(
        pixel, across(detections.amodal[index]), surface.depth, surface.normal, surface.unevenness,
        suction * _nearness(arm, cup.lip_radius), suction, arm, index, rises,
    )  # fmt: skip


def edge_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance (H, W) [px] to the edge of a mask (H, W), 0 off it; beyond the picture nothing is seen of the object."""
    return cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]  # type: ignore[no-any-return]


def across(mask: NDArray[np.bool_]) -> float:
    """Angle [rad] in the image across the long side of a mask (H, W), in [-pi/2, pi/2)."""
    rows, columns = np.nonzero(mask)
    spread = np.cov(np.stack([columns, rows]).astype(np.float64)) if len(rows) > 1 else np.eye(2)
    along = 0.5 * np.arctan2(2 * spread[0, 1], spread[0, 0] - spread[1, 1])
    return wrap_half_turn(float(along) + np.pi / 2)


def _object_worth(
    detections: Detections, index: int, frame: Frame, cup: CupShape, s: CupSelect, up: Doubles
) -> NDArray[np.float32] | Rejected:
    """Worth (H, W) of a cup on each pixel of an object, 0 off it, or why it has no place for one."""
    assert frame.depth is not None and frame.intrinsics is not None
    visible = detections.visible[index]
    u0, v0, u1, v1 = (float(edge) for edge in detections.boxes[index])
    middle = ((u0 + u1) / 2, (v0 + v1) / 2)
    if not detections.scores[index] >= s.object_min:
        detail = f"The object's score is {detections.scores[index]:.2f}, {s.object_min:.2f} is needed."
        return Rejected(middle, "low_quality", detail)
    if not detections.occluded[index] <= max(s.occluded_never, s.occluded_max):
        detail = f"The object is occluded with a chance of {detections.occluded[index]:.2f}: what hides it goes first."
        return Rejected(middle, "occluded", detail)
    counts = visible if frame.region is None else visible & frame.region
    seen = counts & (frame.depth > 0)  # NaN compares false: where no depth is, no cup is drawn to
    if not seen.any():
        return Rejected(middle, "hole", "No pixel of the object has depth.")
    pixel = float(np.median(frame.depth[seen])) / frame.intrinsics.fx
    seen &= edge_distance(visible) * pixel >= cup.lip_radius
    if not seen.any():
        detail = f"What is seen of the object has no room for a lip of {cup.lip_radius * 1e3:.0f} mm radius."
        return Rejected(middle, "edge", detail)
    rows, columns = np.nonzero(seen)
    points = frame.intrinsics.deproject(np.column_stack([columns, rows]), frame.depth[rows, columns])
    away = arms(points, mass_point(detections, index, frame, up), up)
    worth = np.zeros(frame.shape, dtype=np.float32)
    worth[rows, columns] = np.nan_to_num(detections.suction[rows, columns]) * _nearness(away, cup.lip_radius)
    return worth


def _nearness(arm: float | Doubles, lip_radius: float) -> Any:
    """Share (...) of what a cup bears that is left at a distance (...) [m] from the centre of mass.

    A weight F at an arm a pulls with a moment of F a, which lifts the lip at one side as a pull of 2 F a / r would.
    """
    return 1.0 / (1.0 + 2.0 * arm / lip_radius)


def _cover(
    visible: NDArray[np.bool_], frame: Frame, pixel: tuple[float, float], surface: Surface, radius: float
) -> float:
    """Share of a disc of a radius [m] on the surface that lies on a mask (H, W), seen in the picture."""
    assert frame.intrinsics is not None
    middle = frame.intrinsics.deproject(pixel, surface.depth)
    one = np.cross(surface.normal, (0.0, 1.0, 0.0))
    one /= np.linalg.norm(one)
    turn = np.arange(OUTLINE)[:, None] * 2 * np.pi / OUTLINE
    ring = middle + radius * (np.cos(turn) * one + np.sin(turn) * np.cross(surface.normal, one))
    outline = frame.intrinsics.project(ring)
    low = np.floor(outline.min(axis=0)).astype(int)
    size = np.ceil(outline.max(axis=0)).astype(int) - low + 1
    disc = np.zeros((size[1], size[0]), dtype=np.uint8)
    cv2.fillConvexPoly(disc, np.rint(outline - low).astype(np.int32), 1)
    rows, columns = np.nonzero(disc)
    rows, columns = rows + low[1], columns + low[0]
    inside = (rows >= 0) & (rows < visible.shape[0]) & (columns >= 0) & (columns < visible.shape[1])
    return float(visible[rows[inside], columns[inside]].sum()) / max(len(rows), 1)
