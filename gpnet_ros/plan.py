"""What the arm and the jaws will do, as data: a list of steps that nobody can change any more.

Planning (`motion`, `homeward`) makes it, `safety` judges it, `picking.runner` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.kinematics import Joints
from gpnet_ros.pose import Transform


@dataclass(frozen=True, eq=False)
class Move:
    """One motion of the arm.

    Attributes:
        name: what the move is for; messages of the safety check begin with it.
        kind: `joint`: straight in joint space to q; `linear`: the TCP straight to T_base_tcp;
            `descend`: linear, and stopped by contact.
        speed, acceleration: of the leading axis [rad/s, rad/s^2] for joint, of the TCP [m/s, m/s^2] else.
        q: target joints, (6,) [rad]; joint moves only.
        T_base_tcp: target of the TCP; linear and descend only.
        force_limit: contact force above the mean before the move that ends a descent [N].
        contact_from: height above the target [m] from which contact ends a descent well, as it does that of a cup or of
            a touch; higher up, and where it is None, contact is a collision.
    """

    name: str
    kind: Literal["joint", "linear", "descend"]
    speed: float
    acceleration: float
    q: Joints | None = None
    T_base_tcp: Transform | None = None
    force_limit: float | None = None
    contact_from: float | None = None

    def __post_init__(self) -> None:
        for field, shape in (("q", (6,)), ("T_base_tcp", (4, 4))):
            value = getattr(self, field)
            if value is not None:
                object.__setattr__(self, field, _frozen(value, shape, f"Move {self.name!r}: {field}"))


@dataclass(frozen=True)
class Grip:
    """One motion of the jaws, or of a suction cup's valve.

    Attributes:
        name: what it is for.
        width: opening that is commanded [m]; of a cup 0 for vacuum, and the gripper's stroke for none.
        force: grip force [N]; speed: of the jaws [m/s].
        takes: whether an object is expected between the jaws, or at the cup, afterwards.
    """

    name: str
    width: float
    force: float
    speed: float
    takes: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """A whole task of the arm.

    Attributes:
        task: `pick`, `hover`, `home` or `touch`.
        steps: in order.
        q_start: joints from which the plan was made, (6,) [rad].
        hang: how far an object that is held may reach below the fingertips, or below the lip [m].
        holding: whether an object is held at the start.
    """

    task: Literal["pick", "hover", "home", "touch"]
    steps: tuple[Move | Grip, ...]
    q_start: Joints
    hang: float = 0.0
    holding: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "q_start", _frozen(self.q_start, (6,), "Plan: q_start"))


def _frozen(value: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    """A read-only copy; NaN passes, for the safety check is who refuses it."""
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise BadInput(f"{name} has shape {array.shape}; it must be {shape}.")
    array.setflags(write=False)
    return array
