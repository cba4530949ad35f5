"""What stands on the table, by a height map: told from the table as it is seen, which may lie off the cell file's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.height_map import HeightMap

#: What stands is at least so much higher than the table [m].
LEFT_HEIGHT = 0.012


def in_workspace(heights: HeightMap, cell: Cell) -> NDArray[np.bool_]:
    """Cells (ny, nx) of the map that lie in the workspace."""
    y, x = np.mgrid[0 : heights.z.shape[0], 0 : heights.z.shape[1]]
    half, (cx, cy) = cell.workspace.side / 2, cell.workspace.centre
    along_x = np.abs(heights.origin[0] + x * heights.side - cx) <= half
    return np.asarray(along_x & (np.abs(heights.origin[1] + y * heights.side - cy) <= half))


def standing_cells(heights: HeightMap, cell: Cell) -> tuple[NDArray[np.bool_], float]:
    """Cells (ny, nx) at which something that was seen stands, and the height of the table [m].

    The table is where most of the workspace's cells within `LEFT_HEIGHT` of the cell file's table are.

    Args:
        heights: of the workspace, or of a larger square around it.
        cell: with the workspace over which the heap lies.
    """
    seen, table = np.isfinite(heights.z), cell.workspace.table_z
    near_table = heights.z[seen & in_workspace(heights, cell) & (np.abs(heights.z - table) < LEFT_HEIGHT)]
    if near_table.size:
        table = float(np.median(near_table))
    z = np.where(seen, heights.z, np.float32(table)).astype(np.float32)
    # The noise of a D435 is patchy: only the mean over a fingertip's size tells table from object.
    smooth = cv2.blur(cv2.medianBlur(z, 5), (7, 7))
    return np.asarray(smooth - table > LEFT_HEIGHT), table
