"""Settings of the picking loop."""

from __future__ import annotations

from dataclasses import dataclass

from gpnet_ros.frame import VALID_SHARE_MIN


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """Settings of the picking loop; bounds are checked where the values are read.

    Attributes:
        mode: one of `mode_gate.MODES`.
        auto_resume: go on after a stop without a person; in simulation only.
        controller_clock: frames carry the controller's own (simulated) time.
        max_picks, failures_max: the loop ends after so many picks, or failures in a row.
        look_timeout: longest wait for a frame [s].
        valid_share_min: frames with fewer valid depth pixels are refused.
    """

    mode: str = "dry_run"
    auto_resume: bool = False
    controller_clock: bool = False
    max_picks: int = 30
    failures_max: int = 3
    look_timeout: float = 30.0
    valid_share_min: float = VALID_SHARE_MIN
