"""The law of the touch-off: how far points that the camera measured are from where the closed jaws found them.

What was measured is kept raw; what follows from it is computed here, anew whenever a file of it is read. A corner of
the board is found by a person's reading of where the tips stand beside it, a cylinder by the force stop alone: where
beside its middle the jaws still meet its top, and where they no longer do. Each keeps the other honest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import HandEye
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform

#: Refused above these [m]: the mean error, that of a single point, and the tips beside the middle of the jaws.
MEAN_MAX, POINT_MAX, TIPS_MAX = 0.003, 0.0045, 0.003
#: A check has at least so many corners, so far apart [m], and yaws of the jaws so far apart [rad].
CORNERS_LEAST, APART_LEAST, YAW_LEAST = 4, 0.08, 1.5
#: The arm went where the camera measured the point: so near [m].
ARRIVED = 0.002
#: Corners of the board are so long apart as they are printed, but for this share.
SCALE_MAX = 0.02
#: Errors that a person read, and those that the force stop found, agree so far [m]: a D435 has the middle of a top up
#: to 2 mm off.
AGREE = 0.004
#: A side of the cylinder is known so well [m]: from the last place that met it to the first that did not.
SIDE_KNOWN = 0.0015
#: What ended below the cylinder's top by more than this [m] went past it.
PAST = 0.006


@dataclass(frozen=True, eq=False)
class Sighting:
    """What the camera measured, raw.

    Attributes:
        intrinsics: of the camera.
        T_base_flange: the flange at the exposure, (4, 4), for a camera on the flange; else None.
        plane: (4,): points p [m] of the board, in the camera, have plane[:3] @ p = plane[3], by depth.
        points: corners in the board's frame, (n, 2) [m].
        pixels: where they are seen, (n, 2) [px].
        cylinder: pixel (u, v) of the middle of its top, the depth of that and its radius, (4,) [px, px, m, m].
    """

    intrinsics: Intrinsics
    T_base_flange: Transform | None
    plane: NDArray[np.float64]
    points: NDArray[np.float64]
    pixels: NDArray[np.float64]
    cylinder: NDArray[np.float64]

    def corners(self, hand_eye: HandEye) -> NDArray[np.float64]:
        """The corners in base, (n, 3) [m]: each on the ray of its pixel, at the board's measured depth."""
        rays = self.intrinsics.deproject(self.pixels, np.ones(len(self.pixels)))
        return self._in_base(rays * (self.plane[3] / (rays @ self.plane[:3]))[:, None], hand_eye)

    def cylinder_top(self, hand_eye: HandEye) -> NDArray[np.float64]:
        """The middle of the cylinder's top in base, (3,) [m]."""
        return self._in_base(self.intrinsics.deproject(self.cylinder[:2], self.cylinder[2])[None], hand_eye)[0]

    def _in_base(self, points: NDArray[np.float64], hand_eye: HandEye) -> NDArray[np.float64]:
        T = hand_eye.T_base_camera(self.T_base_flange)
        return points @ T[:3, :3].T + T[:3, 3]


@dataclass(frozen=True, eq=False)
class Touch:
    """A corner that the closed jaws went down to.

    Attributes:
        corner: its row in the sighting.
        T_base_tcp: where contact ended the descent, (4, 4), as the controller reports it.
        force: greatest change of the force [N].
        aside: where the middle of the tips stands beside the corner, along the board's x and y, (2,) [m].
    """

    corner: int
    T_base_tcp: Transform
    force: float
    aside: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Probe:
    """A place on or beside the cylinder that the closed jaws went down to.

    Attributes:
        T_base_tcp: where the descent ended, (4, 4).
        hit: whether contact ended it.
        force: greatest change of the force [N].
    """

    T_base_tcp: Transform
    hit: bool
    force: float


@dataclass(frozen=True, eq=False)
class TouchErrors:
    """What follows from a touch-off, all in base.

    Attributes:
        points: error of each corner, then of the cylinder, (k, 3) [m]: measured by the camera less found by the jaws.
        mean: of them, without what the tips stand beside the middle of the jaws, (3,) [m].
        left: each less that of the tips, (k, 3) [m].
        tips: the tips beside the TCP, along the jaws' x and y, (2,) [m].
        z: height of the board at the corners, as the jaws found it, (k - 1,) [m].
    """

    points: NDArray[np.float64]
    mean: NDArray[np.float64]
    left: NDArray[np.float64]
    tips: NDArray[np.float64]
    z: NDArray[np.float64]

    @property
    def refusal(self) -> str:
        """Why the calibration is not good enough to pick by, with the next step; empty when it is."""
        worst = float(np.linalg.norm(self.left, axis=1).max())
        x, y, z = self.mean * 1e3
        if not np.linalg.norm(self.mean) <= MEAN_MAX:
            return (
                f"Points that the camera measures are off by ({x:.1f}, {y:.1f}, {z:.1f}) mm in base, "
                f"{np.linalg.norm(self.mean) * 1e3:.1f} mm in all, allowed are {MEAN_MAX * 1e3:.1f} mm: calibrate the "
                "hand-eye anew; where only z is off, see tcp_offset of cell.yaml, too."
            )
        if not np.linalg.norm(self.tips) <= TIPS_MAX:
            return (
                f"The closed tips stand ({self.tips[0] * 1e3:.1f}, {self.tips[1] * 1e3:.1f}) mm beside the axis of the "
                f"flange, along the jaws' x and y; allowed are {TIPS_MAX * 1e3:.1f} mm: see how the gripper is mounted."
            )
        if not worst <= POINT_MAX:
            return (
                f"A point is off by {worst * 1e3:.1f} mm, allowed are {POINT_MAX * 1e3:.1f} mm, though their mean is "
                "not: touch again; if it stays, calibrate the hand-eye anew."
            )
        return ""


def errors_of(sighting: Sighting, touches: list[Touch], probes: list[Probe], hand_eye: HandEye) -> TouchErrors:
    """Errors of points that were touched; the raw measurements must fit to each other and to the hand-eye.

    Raises:
        BadInput: they do not; the message says which, and the next step.
    """
    _require_numbers(sighting, touches, probes)
    corners, top = sighting.corners(hand_eye), sighting.cylinder_top(hand_eye)
    R_base_board = _board_in_base(sighting, corners)
    chosen = np.array([touch.corner for touch in touches], dtype=int)
    poses = np.array([touch.T_base_tcp for touch in touches])
    _require_spread(corners[chosen], poses)
    away = np.linalg.norm(poses[:, :2, 3] - corners[chosen, :2], axis=1)
    if not away.max() <= ARRIVED:
        raise BadInput(
            f"The jaws went down {away.max() * 1e3:.1f} mm beside where this hand-eye has the point: the check is of "
            "another hand-eye, or was not measured; check anew."
        )
    asides = np.array([touch.aside for touch in touches])
    found = poses[:, :3, 3].copy()
    found[:, :2] -= asides @ R_base_board.T
    beside, height, R_base_tcp = _cylinder(probes, top)
    points = np.vstack([corners[chosen] - found, [*(-beside), top[2] - height]])
    turns = np.concatenate([poses[:, :2, :2], R_base_tcp[None]])
    # Each error in the plane is the camera's, and what the tips stand beside the axis, turned with the jaws.
    rows = np.concatenate([np.concatenate([np.eye(2), turn], axis=1) for turn in turns])
    solved = np.linalg.lstsq(rows, points[:, :2].reshape(-1), rcond=None)[0]
    left = points.copy()
    left[:, :2] -= turns @ solved[2:]
    apart = float(np.linalg.norm(left[:-1, :2].mean(axis=0) - left[-1, :2]))
    if not apart <= AGREE:
        raise BadInput(
            f"What was read at the corners and what the force stop found at the cylinder differ by {apart * 1e3:.1f} "
            f"mm, allowed are {AGREE * 1e3:.1f} mm: read again where the tips stand, and fix the cylinder to the table."
        )
    return TouchErrors(points, np.array([*solved[:2], points[:, 2].mean()]), left, solved[2:], poses[:, 2, 3])


def _require_numbers(sighting: Sighting, touches: list[Touch], probes: list[Probe]) -> None:
    """All is there, of the right shape and finite."""
    n = len(sighting.points)
    if len(touches) < CORNERS_LEAST:
        raise BadInput(f"{len(touches)} corners were touched, {CORNERS_LEAST} are needed: check anew.")
    shapes = [(sighting.plane, (4,)), (sighting.points, (n, 2)), (sighting.pixels, (n, 2)), (sighting.cylinder, (4,))]
    shapes += [(touch.T_base_tcp, (4, 4)) for touch in touches] + [(touch.aside, (2,)) for touch in touches]
    shapes += [(probe.T_base_tcp, (4, 4)) for probe in probes]
    met = [touch.force for touch in touches] + [probe.force for probe in probes if probe.hit]
    if any(np.shape(value) != shape or not np.isfinite(value).all() for value, shape in shapes):
        raise BadInput("A measurement of the touch-off is missing or not finite: check anew.")
    if any(not 0 <= touch.corner < n for touch in touches) or len({touch.corner for touch in touches}) < len(touches):
        raise BadInput("A corner that was touched was not seen, or was touched twice: check anew.")
    if not all(1.0 <= force < np.inf for force in met):
        raise BadInput("A contact without force is none: check anew.")


def _require_spread(corners: NDArray[np.float64], poses: NDArray[np.float64]) -> None:
    apart = np.linalg.norm(corners[:, None] - corners, axis=-1).max()
    if not apart >= APART_LEAST:
        raise BadInput(
            f"The corners that were touched are at most {apart * 1e3:.0f} mm apart, {APART_LEAST * 1e3:.0f} mm are "
            "needed: use a larger board, or show all of it."
        )
    cosine = np.einsum("nij,mij->nm", poses[:, :2, :2], poses[:, :2, :2]) / 2
    if not np.arccos(np.clip(cosine.min(), -1.0, 1.0)) >= YAW_LEAST:
        raise BadInput(
            "All points were touched with the jaws turned alike, which hides how the tips stand: check anew."
        )


def _board_in_base(sighting: Sighting, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The board's x and y in base, (2, 2); refuses corners that are not as far apart as they are printed."""
    printed, seen = sighting.points - sighting.points.mean(axis=0), corners - corners.mean(axis=0)
    scale = float(np.sqrt((seen**2).sum() / (printed**2).sum()))
    if not abs(scale - 1.0) <= SCALE_MAX:
        raise BadInput(
            f"The board's corners are measured {scale:.3f} times as far apart as they are printed: check its squares "
            "with a ruler, the depth unit, and the camera's model."
        )
    u, _, vt = np.linalg.svd(printed.T @ seen[:, :2])
    return (u @ vt).T


def _cylinder(probes: list[Probe], top: NDArray[np.float64]) -> tuple[NDArray, float, NDArray]:
    """Where the cylinder was found: beside the measured middle (2,), its top's height [m]; the jaws' turn (2, 2)."""
    if not probes:
        raise BadInput("No cylinder was touched: its sides are what the force stop alone measures; check anew.")
    R = probes[0].T_base_tcp[:2, :2]
    places = np.array([probe.T_base_tcp[:3, 3] for probe in probes]) - top
    across = places[:, :2] @ R  # along the jaws' x and y
    hits = np.array([probe.hit for probe in probes])
    middle = hits & (np.abs(across).max(axis=1) < ARRIVED)
    if not middle.any():
        raise BadInput("The cylinder's top was not met where the camera has its middle: stand it upright, check anew.")
    height = float(places[middle, 2].mean())
    hits &= places[:, 2] > height - PAST
    found = np.zeros(2)
    for axis in range(2):
        along = across[:, axis] * (np.abs(across[:, 1 - axis]) < ARRIVED)
        plus, minus = (_side(sign * along, hits) for sign in (1.0, -1.0))
        found[axis] = (plus - minus) / 2
    return R @ found, height + float(top[2]), R


def _side(along: NDArray[np.float64], hits: NDArray[np.bool_]) -> float:
    """Where a side of the cylinder ends [m], from places (n,) [m] along it that met its top and that did not."""
    inner = float(along[hits].max(initial=0.0))
    outer = float(along[~hits & (along > ARRIVED)].min(initial=np.inf))
    if not (inner > ARRIVED and 0.0 < outer - inner <= 2 * SIDE_KNOWN):
        raise BadInput(
            f"A side of the cylinder lies between {inner * 1e3:.1f} and {outer * 1e3:.1f} mm beside its middle: "
            f"at most {SIDE_KNOWN * 2e3:.0f} mm must be between them; fix it to the table so that it does not move, "
            "and check anew."
        )
    return (inner + outer) / 2
