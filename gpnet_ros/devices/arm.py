"""The arm Protocol: what every arm, real, simulated or fake, offers, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gpnet_ros.motion import Move
    from gpnet_ros.pose import Transform

ArmStatus = Literal[
    "ready",
    "moving",
    "protective_stop",
    "emergency_stop",
    "safeguard_stop",
    "link_lost",
    "needs_resume",
    "not_ready",
]


@dataclass(frozen=True, eq=False)
class ArmState:
    """Newest report of the arm; after a lost link the last report, with status `link_lost`.

    Attributes:
        stamp: the controller's own clock [s]; simulated time in simulation.
        received: host's time of the report, `time.time()` [s].
        q, qd: joint angles [rad] and velocities [rad/s], (6,) each.
        T_base_tcp: actual tool pose, from the controller's own (calibrated) kinematics.
        tcp_force: force and torque on the tool at the TCP, base axes, (6,) [N, Nm].
        status: may the arm move, and if not, why.
        message: one sentence for a person; empty when ready, and while moving unless the move waits for a person.
        model: what the controller calls itself, e.g. "UR10 3.15.8"; empty until it was asked.
        serial: the robot's serial number; empty until it was asked, or where it tells none.
        modes: what else the controller says of itself, by name, for a person.
    """

    stamp: float
    received: float
    q: NDArray[np.float64]
    qd: NDArray[np.float64]
    T_base_tcp: Transform
    tcp_force: NDArray[np.float64]
    status: ArmStatus
    message: str = ""
    model: str = ""
    serial: str = ""
    modes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_still(self) -> bool:
        """Whether every joint stands still (0.3 degrees per second)."""
        return bool(np.abs(self.qd).max() < 0.005)


class MoveStatus(Enum):
    """Ways in which a move may end."""

    ARRIVED = "arrived"
    CONTACT = "contact"  # a guarded descent met its force limit and stopped
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # protective, emergency or safeguard stop, or the program ended
    LINK_LOST = "link_lost"
    REFUSED = "refused"  # nothing moved
    TIMEOUT = "timeout"  # stood still short of the goal, and not because the speed slider is at zero


@dataclass(frozen=True, eq=False)
class MoveResult:
    """Outcome of one move.

    Attributes:
        status: how it ended; anything but ARRIVED and CONTACT needs attention.
        message: one sentence for a person.
        T_base_tcp: actual tool pose at the end.
        force_peak: greatest change of the force against the mean just before the move [N].
        duration: wall time of the move [s].
    """

    status: MoveStatus
    message: str
    T_base_tcp: Transform
    force_peak: float = 0.0
    duration: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the plan may go on."""
        return self.status in (MoveStatus.ARRIVED, MoveStatus.CONTACT)


class Arm(Protocol):
    """An arm that executes one move at a time."""

    def connect(self) -> None:
        """Reach the controller and read its state; nothing moves and no program starts.

        Raises:
            DeviceError: the controller cannot be reached.
        """

    def state(self) -> ArmState:
        """The newest report; never blocks.

        Raises:
            DeviceError: not connected yet.
        """

    def move(self, move: Move, cancelled: Callable[[], bool]) -> MoveResult:
        """Execute one move in the caller's thread, asking `cancelled` at least every 20 ms.

        Never raises for anything the robot does: stops, contacts and lost links are results.
        """

    def cancel(self) -> None:
        """Stop a move that runs in another thread; it returns CANCELLED."""

    def resume(self) -> None:
        """A person's confirmation after start, any stop or a lost link: make ready to move.

        Raises:
            RobotStopped: the stop cannot be left yet; the message says what is to be done.
            DeviceError: the controller cannot be reached or refuses.
        """

    def set_payload(self, mass: float, cog: tuple[float, float, float]) -> None:
        """Tell the controller what hangs at the flange: mass [kg], centre of gravity in flange [m]."""

    def disconnect(self) -> None:
        """Stop a move, end the program, let go of the controller; harmless when not connected."""
