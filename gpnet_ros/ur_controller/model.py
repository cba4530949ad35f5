"""The controllers that can be simulated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.kinematics import UR10, UR10E, Dh


@dataclass(frozen=True)
class Model:
    """One controller generation with its arm.

    Attributes:
        version: of URControl: major, minor, bugfix, build.
        frequency: of the control loop and of RTDE [Hz].
        joint_speed: limits of the joints [rad/s].
        dh: nominal kinematics of the arm.
        label: answer of the dashboard to `get robot model`.
    """

    name: str
    version: tuple[int, int, int, int]
    frequency: float
    joint_speed: tuple[float, ...]
    dh: Dh
    label: str

    @property
    def e_series(self) -> bool:
        """Whether this is an e-Series controller: remote control mode, more dashboard commands."""
        return self.version[0] >= 5


# UR10 and UR10e technical details: base and shoulder 120 deg/s, elbow and wrists 180 deg/s; RTDE guide: 125 Hz
# for CB3, 500 Hz for e-Series. Versions: the last 3.x line, and the 5.x line that clients of 2023 expect.
_SPEED = tuple(np.deg2rad([120.0, 120.0, 180.0, 180.0, 180.0, 180.0]).tolist())
MODELS = {
    "ur10-cb3": Model("ur10-cb3", (3, 15, 8, 106339), 125.0, _SPEED, UR10, "UR10"),
    "ur10e": Model("ur10e", (5, 12, 6, 1102099), 500.0, _SPEED, UR10E, "UR10"),
}


def find_model(name: str) -> Model:
    """The model of that name.

    Raises:
        BadInput: there is none.
    """
    if name not in MODELS:
        raise BadInput(f"Controller model {name!r} is unknown: choose one of {', '.join(sorted(MODELS))}.")
    return MODELS[name]
