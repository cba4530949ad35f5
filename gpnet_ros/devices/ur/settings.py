"""Settings of a UR arm: how it is reached, and how strictly controller and configuration are compared."""

from __future__ import annotations

from dataclasses import dataclass

from gpnet_ros.settings import setting, validate


@dataclass(frozen=True)
class UrSettings:
    """How a UR arm is reached, watched and checked."""

    robot_ip: str = setting("127.0.0.1", "Address of the controller.")
    auto_resume: bool = setting(False, "Resume without a person; in simulation only.")
    digital_outputs: bool = setting(False, "Claim the digital outputs, for a gripper on them.")
    # Below 4 Hz the arm would need more than the promised 0.4 s; 5 Hz leaves 0.2 s for a busy computer.
    watchdog_hz: float = setting(
        5.0, "The controller stops the program without a sign for 1/this.", unit="Hz", low=4.0, high=50.0
    )
    payload_cog: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.06), "Centre of gravity of the empty gripper in the flange.", unit="m", low=-0.5, high=0.5
    )
    # A calibrated UR differs from its data sheet by some millimetres; another model by tens of them.
    tolerance: float = setting(0.015, "Controller's TCP against the model's.", unit="m", low=0.001, high=0.1)
    tolerance_angle: float = setting(
        0.026, "Controller's TCP against the model's (1.5 degrees).", unit="rad", low=0.001, high=0.2
    )
    serial: str = setting("", "Serial number that the arm must have; empty takes any.")
    start_timeout: float = setting(
        15.0, "To connect, and to upload and start the program.", unit="s", low=1.0, high=60.0
    )

    def __post_init__(self) -> None:
        validate(self)
