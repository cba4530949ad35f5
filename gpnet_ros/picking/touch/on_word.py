"""What moves on a person's word: who says it, how Ctrl-C ends it, and the way home after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.gripper import Gripper
from gpnet_ros.devices.interrupted import interrupted
from gpnet_ros.errors import BadInput, DeviceError, GpnetError
from gpnet_ros.motion import Plan
from gpnet_ros.picking.runner import PickResult, run_plan


class Person(Protocol):
    """Who stands at the robot, with a hand at the emergency stop."""

    def word(self, what: str) -> bool:
        """Whether the arm may do this now; False leaves the point out."""

    def aside(self, what: str) -> tuple[float, float]:
        """Where the middle of the tips stands beside the corner, along the board's x and y [m]."""

    def tell(self, what: str) -> None:
        """Something worth to know."""


def goes(person: Person, what: str) -> bool:
    """Whether a person lets the arm go; who wants to end does not."""
    try:
        return person.word(what)
    except BadInput:
        return False


def moved(
    plan: Plan, arm: Arm, gripper: Gripper, cell: Cell, cancelled: Callable[[], bool] = lambda: False
) -> PickResult:
    """Run a plan that the safety check has passed; Ctrl-C stops the arm at once.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the arm stands.
    """
    with interrupted() as pressed:
        result = run_plan(plan, arm, gripper, lambda: pressed() or cancelled(), None, cell.limits.start_tolerance)
        if pressed():
            raise KeyboardInterrupt
    return result


@contextmanager
def home_after(home: Callable[[], None], tell: Callable[[str], None]) -> Iterator[None]:
    """Offer the way home when all is touched, and after an error that is told first; Ctrl-C leaves the arm there."""
    try:
        yield
    except GpnetError as error:
        tell(str(error))
        try:
            home()
        except DeviceError as other:
            raise DeviceError(f"{error} {other}") from error
        raise
    home()
