"""The judgement of a hand-eye calibration: which views count, how good the result is, and when there is none.

The arithmetic is in `hand_eye_solver`. A result that cannot be trusted is an exception with the next step, never a
number: too few views, no turns, turns about one axis, views that do not agree, a board of another size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.arrays import Doubles
from gpnet_ros.board import Board
from gpnet_ros.errors import HandEyeUnsolved
from gpnet_ros.frame import Intrinsics
from gpnet_ros.hand_eye_solver import (
    BoardView,
    HandEyeProblem,
    MeasureNoise,
    Mount,
    Solution,
    covariance,
    left_out_steps,
)
from gpnet_ros.pose import Transform, invert

#: Fewer views than this are no calibration; so many are advised.
VIEWS_MIN, VIEWS_ADVISED = 8, 15
#: The arm's turns must spread at least this much [rad], root mean square, about their first and second axis.
TURN_MIN, SECOND_TURN_MIN = np.deg2rad(5.0), np.deg2rad(3.0)
#: This share of the views must agree.
AGREE_MIN = 0.65
#: Views that are farther off than this many standard deviations of the six numbers of a pose are bad: a good one is
#: once in 3000. Where most views are farther off than was assumed, the limit grows with them.
FAR = 5.0
#: Median of the same for good views.
_MEDIAN = 2.31
#: A set whose median is this many times that agrees with nothing: an arm of 1.5 mm and 0.15 degrees is none.
COARSE = 5.0
#: A view that no pose explains within this [px] shows no flat board, or is blurred.
BLUR = 1.0
#: The board may be so much larger or smaller than declared, as a share; and where that is uncertain, so many standard
#: deviations.
SCALE_OFF, SCALE_SIGMAS = 0.008, 4.0
#: A result is refused whose standard deviation at the workspace is larger than this [m].
UNCERTAIN = 0.003
_STARTS, _START_VIEWS = 60, 5


@dataclass(frozen=True, eq=False)
class ComparedView:
    """One view, and how it agrees with the result.

    Attributes:
        name: of the view.
        used: whether the result rests on it.
        away: distance [m] of the board's middle, by the arm's chain, from where the camera alone sees it.
        turned: the same for its rotation [rad].
        sigmas: both in standard deviations of what arm and corners let expect.
        pixel: root mean square of what no pose explains [px].
    """

    name: str
    used: bool
    away: float
    turned: float
    sigmas: float
    pixel: float

    @property
    def told(self) -> str:
        """The view in a few words."""
        return f"{self.name} ({self.away * 1000:.1f} mm, {np.rad2deg(self.turned):.2f} degrees off)"


@dataclass(frozen=True, eq=False)
class HandEyeFit:
    """A hand-eye calibration with what it is worth.

    Attributes:
        mount: fixed or flange.
        T_parent_camera: of the colour optical frame in base (fixed) or in the flange (flange), (4, 4) [m].
        T_other_board: of the board in the flange (fixed) or in base (flange), (4, 4) [m].
        views: all of them, judged.
        away, turned: root mean squares of the views that were used [m], [rad].
        pixel: root mean square of what no pose explains [px].
        spread, spread_angle: standard deviation of the camera's place at the workspace [m] and of its rotation [rad],
            by leaving out one view after the other (jackknife).
        scale: how large the board is over the declared size, when solved for.
    """

    mount: Mount
    T_parent_camera: Transform
    T_other_board: Transform
    views: tuple[ComparedView, ...]
    away: float
    turned: float
    pixel: float
    spread: float
    spread_angle: float
    scale: float

    @property
    def bad(self) -> tuple[ComparedView, ...]:
        """The views that do not agree with the others."""
        return tuple(view for view in self.views if not view.used)


def fit_hand_eye(
    views: Sequence[BoardView],
    camera: Intrinsics,
    mount: Mount,
    board: Board,
    workspace: ArrayLike = (0.65, 0.0, 0.0),
    noise: MeasureNoise | None = None,
) -> HandEyeFit:
    """The hand-eye calibration of a set of views.

    Args:
        views: pictures of one board with the arm's poses, in any order.
        camera: model of the camera.
        mount: where the camera is; the board is at the other place.
        board: as it was printed.
        workspace: point (3,) in base [m] at which the spread is told.
        noise: by which corners and arm poses are weighed.

    Raises:
        HandEyeUnsolved: the views give no calibration that can be trusted; the message says why and what to do.
    """
    _require_views(views)
    problem = HandEyeProblem(views, camera, mount, noise)
    _require_turns(problem.G[:, :3, :3])
    start = agreed_start(problem)
    sized, used, table = _settled(problem, start, True)
    _require_size(sized, table, board)
    found, used, table = _settled(problem, sized, False)
    _require_turns(problem.G[used, :3, :3])
    judged = tuple(_judged(problem, i, found, i in used, board) for i in range(len(views)))
    kept = [judged[i] for i in used]
    where = np.array(workspace, np.float64)
    T_flange = problem.views[used[0]].T_base_flange
    spread = _spread(found, table, where if mount == "fixed" else _in_flange(T_flange, found, where))
    return HandEyeFit(
        mount, found.X, found.Y, judged, _rms([v.away for v in kept]), _rms([v.turned for v in kept]),
        _rms([v.pixel for v in kept]), *spread, sized.scale,
    )  # fmt: skip


def _require_views(views: Sequence[BoardView]) -> None:
    if len(views) < VIEWS_MIN:
        raise HandEyeUnsolved(
            f"{len(views)} views show the board, at least {VIEWS_MIN} are needed and {VIEWS_ADVISED} advised: take "
            "more, with the board tilted and turned otherwise in each."
        )


def turn_spread(R: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread (3,) [rad] of rotations (n, 3, 3) about their principal axes, root mean square, the largest first."""
    turns = Rotation.from_matrix(R)
    vectors = (turns.mean().inv() * turns).as_rotvec()
    return np.asarray(np.linalg.svd(vectors, compute_uv=False) / np.sqrt(len(vectors)), np.float64)


def _require_turns(R: NDArray[np.float64]) -> None:
    first, second, _ = turn_spread(R)
    if first < TURN_MIN:
        raise HandEyeUnsolved(
            f"The arm turned the flange by {np.rad2deg(first):.1f} degrees (root mean square) between the views, at "
            f"least {np.rad2deg(TURN_MIN):.0f} are needed: pure shifts do not tell where the camera is; tilt the "
            "flange by 20 to 30 degrees to several sides."
        )
    if second < SECOND_TURN_MIN:
        raise HandEyeUnsolved(
            f"The arm turned the flange about one axis only ({np.rad2deg(first):.1f} degrees about it, "
            f"{np.rad2deg(second):.1f} about any other): tilt it about a second axis, too, by 20 to 30 degrees."
        )


def agreed_start(problem: HandEyeProblem) -> Solution:
    """The closed form of those few views with which most others agree best (least median of squares)."""
    rng, count = np.random.default_rng(0), len(problem.views)
    best, least = None, np.inf
    for _ in range(_STARTS):
        found = problem.start(rng.choice(count, _START_VIEWS, replace=False).tolist())
        off = np.median(_roughly_off(problem, found))
        if off < least:
            best, least = found, off
    if best is None:
        raise HandEyeUnsolved("The views give no calibration at all: take new ones, with the board tilted otherwise.")
    return best


def _roughly_off(problem: HandEyeProblem, at: Solution) -> Doubles:
    """Distances (n,) [m] of all views from a solution, a degree counting as 5 mm."""
    T, C = invert(at.X) @ problem.G @ at.Y, problem.C
    cosine = (np.einsum("nij,nij->n", T[:, :3, :3], C[:, :3, :3]) - 1.0) / 2.0
    away = np.linalg.norm(T[:, :3, 3] - at.scale * C[:, :3, 3], axis=1)
    return np.asarray(away + 0.005 * np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))), np.float64)


def _settled(problem: HandEyeProblem, start: Solution, with_scale: bool) -> tuple[Solution, list[int], Doubles]:
    """The refined solution, the views that agree with it, and its table; repeated until the views stay the same."""
    used = _agreeing(problem, start, first=True)
    for _ in range(8):
        found, table = problem.refined(start, used, with_scale)
        again = _agreeing(problem, found)
        _require_agreement(problem, again, found)
        if again == used:
            break
        start, used = found, again
    return found, used, table


def _agreeing(problem: HandEyeProblem, at: Solution, first: bool = False) -> list[int]:
    """The views that agree with a solution; of a first, rough one the nearer two thirds."""
    errors = [problem.errors(i, at) for i in range(len(problem.views))]
    sigmas = np.array([error.sigmas for error in errors])
    if first:
        return sorted(np.argsort(sigmas)[: max(6, int(np.ceil(AGREE_MIN * len(sigmas))))].tolist())
    limit = FAR * max(1.0, float(np.median(sigmas)) / _MEDIAN)
    return [i for i, error in enumerate(errors) if error.sigmas <= limit and error.pixel <= BLUR]


def _require_agreement(problem: HandEyeProblem, used: list[int], at: Solution) -> None:
    count = len(problem.views)
    median = float(np.median([problem.errors(i, at).sigmas for i in used])) if used else np.inf
    if len(used) < max(6, AGREE_MIN * count) or median > COARSE * _MEDIAN:
        agree = 0 if median > COARSE * _MEDIAN else len(used)
        blurred = [v.name for i, v in enumerate(problem.views) if problem.errors(i, at).pixel > BLUR]
        more = f" In {', '.join(blurred)} the corners do not lie on one flat board." if blurred else ""
        raise HandEyeUnsolved(
            f"Only {agree} of {count} views agree: the board moved on its mount, or the camera did, or the poses "
            f"are not those of the exposures or of another TCP; fix both, and take new views.{more}"
        )


def _require_size(at: Solution, table: Doubles, board: Board) -> None:
    sigma = float(np.sqrt(covariance(table)[12, 12]))
    if abs(at.scale - 1.0) > max(SCALE_OFF, SCALE_SIGMAS * sigma):
        raise HandEyeUnsolved(
            f"By the arm's motion the board's squares measure {at.scale * board.square * 1000:.2f} mm, the board's "
            f"file says {board.square * 1000:.2f} mm: measure the print and correct it (gpnet board --square MM "
            "--marker MM --keep-pdf); where the file is right, the camera's model is wrong."
        )


def _judged(problem: HandEyeProblem, i: int, at: Solution, used: bool, board: Board) -> ComparedView:
    error, (away, turned) = problem.errors(i, at), problem.board_off(i, at, board.centre)
    return ComparedView(problem.views[i].name, used, away, turned, error.sigmas, error.pixel)


def _in_flange(T_base_flange: Transform, at: Solution, workspace: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point of the flange (3,) [m] at which a camera there sees the workspace, at the height of a view."""
    point = invert(T_base_flange) @ np.append(workspace, 1.0)
    return np.asarray(point[:3], np.float64)


def _spread(at: Solution, table: Doubles, point: NDArray[np.float64]) -> tuple[float, float]:
    """Jackknife standard deviation of where a point (3,) in the camera's parent is seen [m], and of the rotation [rad].

    Raises:
        HandEyeUnsolved: it is too large.
    """
    steps = left_out_steps(table)
    p = np.append(point, 1.0)
    moved = np.array([(at.moved(step).X @ invert(at.X) @ p)[:3] - point for step in steps])
    share = (len(steps) - 1) / len(steps)
    spread = float(np.sqrt(share * (moved**2).sum()))
    angle = float(np.sqrt(share * (steps[:, 3:6] ** 2).sum()))
    if not spread <= UNCERTAIN:
        raise HandEyeUnsolved(
            f"Leaving out single views moves the camera by {spread * 1000:.1f} mm at the workspace (standard "
            f"deviation), allowed are {UNCERTAIN * 1000:.0f}: take more views, tilted by 20 to 30 degrees to all "
            "sides, over the whole picture and at different distances."
        )
    return spread, angle


def _rms(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
