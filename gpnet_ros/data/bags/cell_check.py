"""Whether a frame was taken by the cell's camera: where its depth says the table is, by the hand-eye."""

from __future__ import annotations

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.errors import BadInput, BagRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import workspace_grid

#: What the camera sees in the workspace lies between these heights over the table [m]: below it by the error of
#: hand-eye and depth, above it as high as a heap is.
PLAUSIBLE_HEIGHTS = (-0.03, 0.25)
#: Least share of the workspace's known pixels that must; the others may be noise, or a wall.
PLAUSIBLE_SHARE = 0.8


def check_camera(frame: Frame, cell: Cell, hand_eye: HandEye) -> None:
    """Refuse a frame that the camera of hand-eye and cell cannot have taken.

    A camera on the flange passes: where the arm was is not known.

    Raises:
        BagRefused: the camera does not see the workspace, or sees no table where the cell file has it.
    """
    if hand_eye.mount != "fixed" or frame.depth is None or frame.intrinsics is None:
        return
    T = hand_eye.T_base_camera()
    advice = "give the hand-eye and cell file of the camera that recorded it"
    try:
        grid = workspace_grid(frame, T, cell.workspace)
    except BadInput as error:
        raise BagRefused(f"The camera of the bag is another than that of the cell file ({error}): {advice}.") from error
    v, u = np.mgrid[0 : grid.height, 0 : grid.width]
    points = grid.intrinsics(frame.intrinsics).deproject(np.stack([u, v], axis=-1), grid.warp_depth(frame.depth))
    heights = points @ T[2, :3] + T[2, 3] - cell.workspace.table_z
    known = heights[np.isfinite(heights)]
    low, high = PLAUSIBLE_HEIGHTS
    share = float(((known >= low) & (known <= high)).mean()) if known.size else 0.0
    if share < PLAUSIBLE_SHARE:
        middle = f"{float(np.median(known)) * 1e3:.0f} mm over the table" if known.size else "unknown"
        raise BagRefused(
            f"The camera of the bag is another than that of the cell file: only {share:.0%} of what it sees in the "
            f"workspace lies {low * 1e3:.0f} to {high * 1e3:.0f} mm over the table, {PLAUSIBLE_SHARE:.0%} are needed, "
            f"the middle is {middle}: {advice}."
        )
