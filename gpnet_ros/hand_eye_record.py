"""What a hand-eye file says of its own making, so that a person and the check know what it is worth."""

from __future__ import annotations

from dataclasses import dataclass

from gpnet_ros.settings import setting, validate


@dataclass(frozen=True)
class HandEyeRecord:
    """Where a hand-eye calibration comes from, and how well its views agreed; all empty where nobody wrote it down."""

    date: str = setting("", "When it was measured, ISO 8601.")
    source: str = setting("", "By what: gpnet hand-eye, or the file that was read.")
    frame: str = setting("", "Frame for which the pose was taken before it became that of base, or of the flange.")
    camera_serial: str = setting("", "Serial number of the camera.")
    arm_model: str = setting("", "What the controller calls itself.")
    arm_serial: str = setting("", "Serial number of the arm.")
    board: str = setting("", "The board in words.")
    views: int = setting(0, "Views on which it rests.", low=0, high=10000)
    left_out: tuple[str, ...] = ()
    """Names of the views that did not agree."""
    residual: float = setting(0.0, "Board by arm from board by camera, root mean square.", unit="m", low=0.0, high=1.0)
    residual_angle: float = setting(0.0, "The same for its rotation.", unit="rad", low=0.0, high=3.15)
    residual_pixel: float = setting(0.0, "What no pose explains of the corners.", unit="px", low=0.0, high=100.0)
    spread: float = setting(0.0, "Standard deviation at the workspace, leaving out views.", unit="m", low=0.0, high=1.0)
    spread_angle: float = setting(0.0, "The same of the rotation.", unit="rad", low=0.0, high=3.15)

    def __post_init__(self) -> None:
        validate(self)
