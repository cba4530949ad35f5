"""The arithmetic of hand-eye calibration: from views of one board to where camera and board are, without a judgement.

Both mounts are one equation, T_camera_board = inv(X) G Y with an unknown X and Y and a measured G per view:
  fixed camera, board on the flange: X = T_base_camera, G = T_base_flange, Y = T_flange_board;
  camera on the flange, fixed board: X = T_flange_camera, G = inv(T_base_flange), Y = T_base_board.

The start is closed form: rotations by the Kronecker product (Shah 2013), then translations and the board's scale, which
are linear. It is refined over the reprojection of all corners by Gauss-Newton, where the error of each view's arm pose
is not solved for but weighed: its covariance joins that of the corners (the six unknowns per view are marginalised).
OpenCV's calibrateHandEye is not asked: OpenCV 5 has none in Python, and none of its methods knows corners or scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from gpnet_ros.arrays import Doubles
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, from_rotvec, invert, transform

Mount = Literal["fixed", "flange"]
_TINY = np.concatenate([np.full(3, 1e-5), np.full(3, 1e-5)])  # steps of derivatives [m, rad]


@dataclass(frozen=True, eq=False)
class BoardView:
    """One picture of the board with the arm's pose at its exposure.

    Attributes:
        name: for messages.
        points: corners in the board's frame, (n, 3) [m].
        pixels: where they are seen, (n, 2) [px].
        T_base_flange: as the controller reports it in its base, (4, 4) [m].
    """

    name: str
    points: NDArray[np.float64]
    pixels: NDArray[np.float64]
    T_base_flange: Transform


@dataclass(frozen=True)
class MeasureNoise:
    """Standard deviations by which measurements are weighed against each other.

    Attributes:
        pixel: of a corner in each axis [px].
        position: of the flange in each axis [m].
        angle: of the flange about each axis [rad].
    """

    pixel: float = 0.3
    position: float = 0.0003
    angle: float = float(np.deg2rad(0.03))


@dataclass(frozen=True, eq=False)
class Solution:
    """X and Y as the module says, and how much larger the board is than declared.

    Attributes:
        X, Y: (4, 4) [m].
        scale: true size of the board over the declared one.
    """

    X: Transform
    Y: Transform
    scale: float = 1.0

    def moved(self, step: NDArray[np.float64]) -> Solution:
        """The solution after a small step (12,) or (13,): x, y, z [m] and rotation [rad] of X, of Y; log of scale."""
        X, Y = self.X @ from_rotvec(step[:6]), self.Y @ from_rotvec(step[6:12])
        return Solution(X, Y, self.scale * float(np.exp(step[12])) if len(step) > 12 else self.scale)


def camera_pose_of_board(view: BoardView, camera: Intrinsics) -> Transform:
    """T_camera_board (4, 4) [m] of one view alone (PnP, for planes, then Levenberg-Marquardt).

    Raises:
        BadInput: no pose fits the corners.
    """
    points, pixels = view.points.reshape(-1, 1, 3), view.pixels.reshape(-1, 1, 2)
    count, turns, shifts, _ = cv2.solvePnPGeneric(points, pixels, camera.matrix, None, flags=cv2.SOLVEPNP_IPPE)
    poses = []
    for turn, shift in zip(turns[:count], shifts[:count], strict=True):
        turn, shift = cv2.solvePnPRefineLM(points, pixels, camera.matrix, None, turn.copy(), shift.copy())
        T = from_rotvec(np.concatenate([np.ravel(shift), np.ravel(turn)]))
        seen = view.points @ T[:3, :3].T + T[:3, 3]
        if np.isfinite(T).all() and (seen[:, 2] > 0).all():
            poses.append((float(np.linalg.norm(camera.project(seen) - view.pixels)), T))
    if not poses:
        raise BadInput(f"View {view.name}: no pose of a board fits its corners; take the view again.")
    return min(poses, key=lambda pose: pose[0])[1]


def chain(view: BoardView, mount: Mount) -> Transform:
    """G (4, 4) [m] of a view."""
    return view.T_base_flange if mount == "fixed" else invert(view.T_base_flange)


def closed_form(G: NDArray[np.float64], C: NDArray[np.float64]) -> Solution:
    """The solution from G and T_camera_board (n, 4, 4) [m] of the views, three or more; the scale is solved for."""
    K = sum(np.kron(c[:3, :3], g[:3, :3]) for g, c in zip(G, C, strict=True))
    U, _, Vt = np.linalg.svd(K)
    RX, RY = U[:, 0].reshape(3, 3, order="F"), Vt[0].reshape(3, 3, order="F")
    sign = np.sign(np.linalg.det(RX)) or 1.0
    RX, RY = _rotation(sign * RX), _rotation(sign * RY)
    # RX s c + tX = RG tY + g
    rows = [np.column_stack([np.eye(3), -g[:3, :3], RX @ c[:3, 3]]) for g, c in zip(G, C, strict=True)]
    found = np.linalg.lstsq(np.concatenate(rows), np.concatenate([g[:3, 3] for g in G]), rcond=None)[0]
    return Solution(transform(RX, found[:3]), transform(RY, found[3:6]), float(found[6]))


def _rotation(M: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation nearest to a matrix (3, 3)."""
    U, _, Vt = np.linalg.svd(M)
    return U @ np.diag([1.0, 1.0, float(np.sign(np.linalg.det(U @ Vt)))]) @ Vt


@dataclass(frozen=True, eq=False)
class ViewErrors:
    """How one view differs from a solution.

    Attributes:
        pose: pose error of the arm that would explain the view, (6,) [m, rad].
        sigmas: its size in standard deviations of what arm and corners let expect, six together.
        pixel: what no pose explains: root mean square of the corners on the flat board [px].
    """

    pose: NDArray[np.float64]
    sigmas: float
    pixel: float


class HandEyeProblem:
    """Views of one board by one camera, ready to be solved for any part of them."""

    def __init__(
        self, views: Sequence[BoardView], camera: Intrinsics, mount: Mount, noise: MeasureNoise | None = None
    ) -> None:
        """Find the board's pose in each view; arguments as their classes say."""
        self.views, self.camera, self.mount = tuple(views), camera, mount
        self.noise = noise or MeasureNoise()
        self.G = np.array([chain(view, mount) for view in self.views])
        self.C = np.array([camera_pose_of_board(view, camera) for view in self.views])
        self._prior = np.diag(np.repeat([self.noise.position**2, self.noise.angle**2], 3))

    def start(self, chosen: Sequence[int]) -> Solution:
        """The closed form of some views."""
        return closed_form(self.G[list(chosen)], self.C[list(chosen)])

    def refined(self, start: Solution, chosen: Sequence[int], with_scale: bool) -> tuple[Solution, Doubles]:
        """The solution over all corners of some views, and its information per view.

        Returns:
            The solution, and the Jacobians (n, m, 12 or 13) and weighed residuals (n, m, 1) of the views side by side
            as (n, m, 13 or 14), filled up with zeros: what `influence` and `covariance` need.
        """
        found = start if with_scale else replace(start, scale=1.0)
        size = 13 if with_scale else 12
        for _ in range(1 if with_scale else 2):  # the weights follow the solution
            weights = [self._weights(i, found) for i in chosen]

            def residuals(step: NDArray[np.float64], at: Solution = found, by: list[Doubles] = weights) -> Doubles:
                there = at.moved(step)
                return np.concatenate([w @ self._off(i, there) for i, w in zip(chosen, by, strict=True)])

            solved = least_squares(residuals, np.zeros(size), method="trf", x_scale="jac", xtol=1e-9, ftol=1e-10)
            found = found.moved(solved.x)
        most = max(len(w) for w in weights)
        table, row = np.zeros((len(weights), most, size + 1)), 0
        for k, w in enumerate(weights):
            table[k, : len(w), :size] = solved.jac[row : row + len(w)]
            table[k, : len(w), size] = solved.fun[row : row + len(w)]
            row += len(w)
        return found, table

    def errors(self, i: int, at: Solution) -> ViewErrors:
        """How view i differs from a solution."""
        off, J = self._off(i, at), self._by_pose(i, at)
        pose = np.asarray(np.linalg.lstsq(J, off, rcond=None)[0], np.float64)
        covariance = self._prior + self.noise.pixel**2 * np.linalg.inv(J.T @ J)
        rest = off - J @ pose
        freedom = max(len(off) - 6, 1)
        square = float(pose @ np.linalg.solve(covariance, pose))
        sigmas = float(np.sqrt(square)) if square >= 0.0 else np.inf  # where the corners do not lie before the camera
        return ViewErrors(pose, sigmas, float(np.sqrt(2 * rest @ rest / freedom)))

    def board_off(self, i: int, at: Solution, centre: NDArray[np.float64]) -> tuple[float, float]:
        """How far [m] and turned [rad] the board is in view i, seen by the camera alone, from the arm's chain."""
        T, C = invert(at.X) @ self.G[i] @ at.Y, self.C[i]
        by_chain, by_camera = T[:3, :3] @ centre + T[:3, 3], C[:3, :3] @ centre + C[:3, 3]
        turn = Rotation.from_matrix(T[:3, :3].T @ C[:3, :3]).magnitude()
        return float(np.linalg.norm(by_chain - by_camera)), float(turn)

    def _project(self, i: int, at: Solution, moved: Transform | None = None) -> Doubles:
        T_flange = self.views[i].T_base_flange if moved is None else self.views[i].T_base_flange @ moved
        G = T_flange if self.mount == "fixed" else invert(T_flange)
        T = invert(at.X) @ G @ at.Y
        seen = at.scale * self.views[i].points @ T[:3, :3].T + T[:3, 3]
        seen[:, 2] = np.maximum(seen[:, 2], 1e-3)
        return np.ravel(self.camera.project(seen))

    def _off(self, i: int, at: Solution) -> Doubles:
        """Pixels seen less pixels expected, (2 n,)."""
        return np.ravel(self.views[i].pixels) - self._project(i, at)

    def _by_pose(self, i: int, at: Solution) -> Doubles:
        """Derivative (2 n, 6) of the expected pixels by an error of the flange's pose [px/m, px/rad]."""
        here = self._project(i, at)
        steps = _TINY * np.eye(6)
        return np.stack(
            [(self._project(i, at, from_rotvec(s)) - here) / d for s, d in zip(steps, _TINY, strict=True)], 1
        )

    def _weights(self, i: int, at: Solution) -> Doubles:
        """What turns pixel errors of a view into uncorrelated ones of size 1, (2 n, 2 n)."""
        J = self._by_pose(i, at)
        covariance = self.noise.pixel**2 * np.eye(len(J)) + J @ self._prior @ J.T
        return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)), np.float64)


def covariance(table: Doubles) -> Doubles:
    """Covariance (12, 12) or (13, 13) of a refined solution by its table, for the noise that was assumed."""
    J = table[..., :-1].reshape(-1, table.shape[-1] - 1)
    return np.asarray(np.linalg.pinv(J.T @ J), np.float64)


def left_out_steps(table: Doubles) -> Doubles:
    """By which step (n, 12) or (n, 13) the solution moves when each view is left out: one step of Gauss-Newton."""
    J, r = table[..., :-1], table[..., -1]
    H, g = np.einsum("nmi,nmj->nij", J, J), np.einsum("nmi,nm->ni", J, r)
    rest, slope = H.sum(axis=0) - H, g.sum(axis=0) - g
    return np.array([-np.linalg.lstsq(h, s, rcond=None)[0] for h, s in zip(rest, slope, strict=True)])
