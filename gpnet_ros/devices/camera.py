"""The camera Protocol: what every camera, real, simulated, recorded or fake, offers."""

from __future__ import annotations

from typing import Protocol

from gpnet_ros.frame import Frame


def stall_limit(period: float) -> float:
    """Longest silence [s] of a camera with this frame period [s] before it counts as stalled."""
    return max(2.0, 3.0 * period)


class Camera(Protocol):
    """A source of aligned colour and depth."""

    def open(self) -> None:
        """Start to stream colour and depth.

        Raises:
            DeviceError: the camera is absent, busy, or does not offer the wanted streams.
        """

    def read(self, timeout: float | None = None) -> Frame:
        """The newest frame that no `read` has returned yet; waits for one.

        Args:
            timeout: how long to wait [s]; None or more than `stall_limit` means `stall_limit`.

        Raises:
            DeviceError: no new frame came in that time (stalled or unplugged), or the camera is not
                open. A frame that was already returned is never returned again.
        """

    def close(self) -> None:
        """Stop the stream; harmless when not open."""
