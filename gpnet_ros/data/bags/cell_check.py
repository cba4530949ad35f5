"""Whether a frame was taken by the cell's camera: where its depth says the table is, by the hand-eye."""

from __future__ import annotations

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.errors import BagRefused, FrameRefused
from gpnet_ros.frame import Frame
from gpnet_ros.hand_eye_check import check_hand_eye


def check_camera(frame: Frame, cell: Cell, hand_eye: HandEye) -> None:
    """Refuse a frame that the camera of hand-eye and cell cannot have taken.

    A camera on the flange passes: where the arm was is not known.

    Raises:
        BagRefused: the camera does not see the workspace, or sees no table where the cell file has it.
    """
    if hand_eye.mount != "fixed" or frame.intrinsics is None:
        return
    try:
        check_hand_eye(frame.intrinsics, frame.depth, hand_eye.T_base_camera(), cell.workspace)
    except FrameRefused as error:
        raise BagRefused(f"The camera of the bag is another than that of the cell file: {error}") from error
