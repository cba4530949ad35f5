"""Errors put into the simulated cell on purpose: how much of each does picking bear?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.pose import Transform, transform

#: Largest errors: beyond them it is another cell, not a badly calibrated one [m], [rad].
LENGTH_MAX, TURN_MAX = 0.05, 0.2


@dataclass(frozen=True)
class Errors:
    """Sizes of the errors; their directions are drawn once per round.

    Attributes:
        hand_eye: distance between where the camera is and where it is believed to be [m].
        hand_eye_turn: angle between both [rad].
        tcp: distance between the fingertips and where they are believed to be [m].
        depth: what the camera adds to every depth; negative reads too near [m].
    """

    hand_eye: float = 0.0
    hand_eye_turn: float = 0.0
    tcp: float = 0.0
    depth: float = 0.0

    def __post_init__(self) -> None:
        lengths, turn = (self.hand_eye, self.tcp, abs(self.depth)), self.hand_eye_turn
        if not all(0.0 <= v <= LENGTH_MAX for v in lengths) or not 0.0 <= turn <= TURN_MAX:
            raise BadInput(
                f"Injected errors {self} are out of bounds: lengths up to {LENGTH_MAX} m, turns up to {TURN_MAX} rad, "
                "only the depth may be negative."
            )

    def drawn(self, seed: int) -> DrawnErrors:
        """Draw the directions of the errors of a round: equal seeds give equal ones whatever the sizes are."""
        rng = np.random.default_rng([11, seed])
        away, axis, aside = (_direction(rng) for _ in range(3))
        turn = Rotation.from_rotvec(self.hand_eye_turn * axis).as_matrix()
        return DrawnErrors(
            transform(turn, self.hand_eye * away), transform(np.eye(3), self.tcp * aside), np.float32(self.depth)
        )


@dataclass(frozen=True, eq=False)
class DrawnErrors:
    """The errors of one round.

    Attributes:
        T_camera_believed: where the camera is believed to be, seen from where it is.
        T_tcp_true: where the fingertips are, seen from where they are believed to be.
        bias: of the depth [m].
    """

    T_camera_believed: Transform
    T_tcp_true: Transform
    bias: np.float32

    def frame(self, frame: Frame) -> Frame:
        """The frame that the camera hands out in place of a true one: its depth is biased."""
        if self.bias == 0.0 or frame.depth is None:
            return frame
        return replace(frame, depth=frame.depth + self.bias)


def _direction(rng: np.random.Generator) -> np.ndarray:
    """A random unit vector (3,)."""
    v = rng.standard_normal(3)
    return v / np.linalg.norm(v)
