"""Eyes of the loop in its own process: a camera, and networks that look at each of its frames."""

from __future__ import annotations

import time
from collections.abc import Callable

from gpnet_ros.devices.camera import Camera
from gpnet_ros.errors import DeviceError
from gpnet_ros.frame import Frame
from gpnet_ros.picking.attention import Sight


class DirectEyes:
    """Implements `Eyes`: reads the camera when it is asked, and opens it again after it has failed."""

    def __init__(self, camera: Camera, see: Callable[[Frame], Sight]) -> None:
        """Look through a camera.

        Args:
            camera: open.
            see: from a frame to what the networks say of it.
        """
        self._camera, self._see = camera, see
        self._why, self._failed = "The camera gave no frame yet.", False

    def newest(self, timeout: float) -> Sight | None:
        """The newest frame with what the networks say of it; None after `timeout` [s] when the camera fails.

        A camera is waited for as long as any may stall: a slow one is not opened anew.

        Raises:
            BadInput: the networks cannot use the frame.
        """
        try:
            if self._failed:
                self._camera.close()
                self._camera.open()
                self._failed = False
            frame = self._camera.read()
        except DeviceError as error:
            self._why, self._failed = str(error), True
            time.sleep(timeout)
            return None
        return self._see(frame)

    def why_none(self) -> str:
        """Why nothing came."""
        return self._why
