"""Takes views of the board: a picture that was exposed while the arm stood, and the flange in the controller's base."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpnet_ros.board import find_board
from gpnet_ros.calibration.view_folder import BoardPicture, Session, ViewFolder
from gpnet_ros.devices.arm import Arm, ArmState
from gpnet_ros.devices.camera import Camera
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.hand_eye_solver import BoardView
from gpnet_ros.pose import Transform, distance, invert

#: How long the arm may take to stand still [s], and how often it is asked.
_PATIENCE, _POLL = 10.0, 0.02
#: The first picture after the arm stands still may have been exposed before.
_STALE = 1
#: The flange may move by this much during the exposure [m], [rad].
_MOVED, _TURNED = 0.0002, np.deg2rad(0.02)


@dataclass(eq=False)
class Capture:
    """Takes views with a camera and an arm, into a folder.

    Attributes:
        folder: of the views.
        session: what they share.
        camera, arm: open, and connected.
        T_flange_tcp: asks for the TCP that the controller has now, (4, 4) [m].
    """

    folder: ViewFolder
    session: Session
    camera: Camera
    arm: Arm
    T_flange_tcp: Callable[[], Transform]

    def take(self) -> tuple[BoardPicture, BoardView]:
        """Take a view and write it down, with the corners of the board in it.

        Raises:
            BoardNotSeen: it is not in the picture; nothing is written.
            BadInput: the arm moved, or the camera gives no colour or no model.
            DeviceError: camera or arm fail.
        """
        before = self._still()
        for _ in range(1 + _STALE):
            frame = self.camera.read()
        after = self.arm.state()
        away, turned = distance(before.T_base_tcp, after.T_base_tcp)
        if away > _MOVED or turned > _TURNED or after.status == "link_lost":
            raise BadInput(
                f"The arm moved by {away * 1000:.1f} mm while the picture was taken, allowed are {_MOVED * 1000:.1f}: "
                "let it stand, and take the view again."
            )
        if frame.color is None or frame.intrinsics is None:
            raise BadInput("The camera gives no colour or no model: views need both; check its streams.")
        corners = find_board(frame.color, self.session.board)
        T_base_flange = before.T_base_tcp @ invert(self.T_flange_tcp())
        name = self.folder.next_name()
        picture = BoardPicture(name, frame.color, frame.intrinsics, T_base_flange, before.q, frame.stamp)
        self.folder.add(picture)
        return picture, BoardView(name, corners.points, corners.pixels, T_base_flange)

    def _still(self) -> ArmState:
        end = time.monotonic() + _PATIENCE
        while not (state := self.arm.state()).is_still:
            if time.monotonic() > end:
                raise DeviceError(f"The arm does not stand still in {_PATIENCE:.0f} s: let go of it, and take again.")
            time.sleep(_POLL)
        if state.status == "link_lost":
            raise DeviceError(f"{state.message} Nothing is taken without the arm's pose.")
        return state
