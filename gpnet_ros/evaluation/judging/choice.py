"""A grasp chosen from maps, in the two ways that are judged: the network's own argmax, and what the cell would do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gpnet_ros.cell import Cell
from gpnet_ros.clearance import OPENING_MARGINS, tip_height
from gpnet_ros.errors import NoDepth
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings, candidates, surface_depth
from gpnet_ros.maps import Maps
from gpnet_ros.network.baselines.published import Bugs, decode
from gpnet_ros.pick import decide
from gpnet_ros.pose import Transform, lift

#: The best candidate is taken however small its Q* is: a threshold would be one more thing to tune per network.
_SELECT = SelectSettings(quality_min=0.0)


@dataclass(frozen=True, eq=False)
class Choice:
    """A grasp that was chosen, and how it is executed; None where there is none, or no depth, or no camera pose.

    Attributes:
        status: "grasp", or why nothing is executed; rank: candidates that were rejected before it.
        pixel: (u, v) in the picture [px]; angle: of the opening axis [rad]; opening_px: in the picture [px].
        depth: of the surface under the pixel [m].
        T_base_tcp: where the TCP goes; opening: to which the jaws open [m].
    """

    status: str
    rank: int = 0
    pixel: tuple[float, float] | None = None
    angle: float | None = None
    opening_px: float | None = None
    depth: float | None = None
    T_base_tcp: Transform | None = None
    opening: float | None = None


def at_argmax(
    maps: Maps, frame: Frame, T_base_camera: Transform | None, cell: Cell, bugs: Bugs | None = None
) -> Choice:
    """The grasp at the argmax of Q*, borders allowed, opened by the width map and the cell's margin.

    Args:
        maps: of the frame, on the network's grid.
        frame: for depth and camera model.
        T_base_camera: hand-eye, 4x4 [m]; without it nothing can be executed.
        cell: for gripper and table.
        bugs: of the public code; with them the grasp is read as `published.decode` does.
    """
    peak = _argmax(maps, frame) if bugs is None else decode(maps, bugs)
    if peak is None:
        return Choice("no_peak")
    cell_of_grid, angle, width_px = peak
    u, v = maps.grid.to_image(cell_of_grid)
    choice = Choice("grasp", 0, (float(u), float(v)), angle, max(width_px / maps.grid.scale, 1.0))
    assert choice.pixel is not None and choice.opening_px is not None
    if frame.depth is None or frame.intrinsics is None:
        return choice
    try:
        depth = surface_depth(frame, choice.pixel, _SELECT.depth_window)
    except NoDepth:
        return replace(choice, status="hole")
    if T_base_camera is None:
        return replace(choice, depth=depth)
    T_base_tcp = T_base_camera @ lift(choice.pixel, angle, depth, frame.intrinsics, T_base_camera)
    T_base_tcp[2, 3] = tip_height(float(T_base_tcp[2, 3]), cell)
    opening = choice.opening_px * depth / frame.intrinsics.fx + 2 * OPENING_MARGINS[0]
    return replace(choice, depth=depth, T_base_tcp=T_base_tcp, opening=min(opening, cell.gripper.stroke))


def _argmax(maps: Maps, frame: Frame) -> tuple[tuple[int, int], float, float]:
    """Grid pixel (u, v), angle [rad] and opening [grid px] of the first candidate."""
    column, row = (int(i) for i in np.rint(maps.grid.to_grid(next(candidates(maps, frame, _SELECT)).pixel)))
    weights = maps.q_star
    return (column, row), maps.angle_at(row, column, weights), maps.width_px_at(row, column, weights)


def in_cell(maps: Maps, frame: Frame, T_base_camera: Transform, cell: Cell) -> Choice:
    """The grasp that the cell decides on, without an arm; `T_base_camera` is the hand-eye, 4x4 [m]."""
    decision = decide(frame, maps, T_base_camera, cell, None, select=_SELECT)
    grasp, rank = decision.grasp, len(decision.rejected)
    if grasp is None:
        return Choice(decision.status, rank)
    opening_px = max(grasp.width_px / maps.grid.scale, 1.0)
    where = (grasp.pixel, grasp.angle, opening_px, grasp.depth)
    return Choice(decision.status, rank, *where, decision.T_base_tcp, decision.opening)
