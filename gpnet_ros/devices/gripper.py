"""The gripper Protocol: what every gripper, real, simulated or fake, offers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class GripStatus(Enum):
    """Ways in which a command to the jaws may end."""

    DONE = "done"
    REFUSED = "refused"  # not activated, or the values cannot be used; nothing moved
    FAULT = "fault"  # the gripper reports a fault
    LINK_LOST = "link_lost"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class GripResult:
    """Outcome of one command to the jaws.

    Attributes:
        status: how it ended.
        width: opening between the pads [m]; the commanded one where the gripper has no feedback.
        object_detected: the fingers stopped against something while closing, or the vacuum stands.
        message: one sentence for a person; when done, empty, or why nothing is held.
    """

    status: GripStatus
    width: float
    object_detected: bool
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command was carried out."""
        return self.status is GripStatus.DONE


@dataclass(frozen=True)
class GripperState:
    """Present state of a gripper: opening [m], object between the pads, activated, fault text.

    `message`: why nothing is held, where the opening does not say it.
    """

    width: float
    object_detected: bool
    is_active: bool
    fault: str = ""
    message: str = ""


class Gripper(Protocol):
    """A parallel gripper, or a suction cup, that executes one command at a time.

    To a cup a width of 0 is vacuum, its full stroke none.
    """

    @property
    def is_active(self) -> bool:
        """Whether the gripper will obey `move`."""

    def activate(self) -> None:
        """Make ready; only on a person's command, because the fingers may move. Nothing if active.

        Raises:
            DeviceError: the gripper cannot be reached or does not become active.
        """

    def move(self, width: float, speed: float, force: float) -> GripResult:
        """Bring the pads to an opening and wait until they stop.

        Args:
            width: opening between the pads [m].
            speed: of the jaws [m/s].
            force: of the grip [N].
        """

    def state(self) -> GripperState:
        """The present state of the jaws.

        Raises:
            DeviceError: the gripper cannot be reached.
        """

    def close(self) -> None:
        """Let go of the connection; the fingers stay as they are."""
