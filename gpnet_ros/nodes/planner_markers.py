"""What a person sees of a decision in RViz: the workspace, the grasp as a gripper, candidates and why they lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import ArrayLike
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from gpnet_ros.cell import Cell
from gpnet_ros.nodes import convert
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.pose import Transform, transform

GREEN, RED, BLUE = (0.1, 0.85, 0.25, 0.8), (0.9, 0.2, 0.15, 0.9), (0.2, 0.5, 0.95, 0.8)
FRAME = "base_link"


def markers(decision: Decision, sight: Sight, T_base_camera: Transform, cell: Cell) -> MarkerArray:
    """All markers of one decision, with the camera at T_base_camera (4, 4); they replace those of the one before."""
    found = [Marker(action=Marker.DELETEALL), workspace_marker(cell), *_rejected(decision, sight, T_base_camera, cell)]
    if decision.T_base_tcp is not None and decision.opening is not None:
        found.extend(gripper_ghost(decision.T_base_tcp, decision.opening, cell))
    for number, marker in enumerate(found):
        marker.header = convert.header(sight.frame.stamp, FRAME)
        marker.ns, marker.id = "gpnet", number
    return MarkerArray(markers=found)


def workspace_marker(cell: Cell) -> Marker:
    """The outline of the workspace on the table."""
    half, (x, y) = cell.workspace.side / 2, cell.workspace.centre
    square = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) + (x, y)
    line = _marker(Marker.LINE_STRIP, np.eye(4), (0.003, 0.0, 0.0), BLUE)
    corners = np.column_stack([square, np.full(5, cell.workspace.table_z), np.ones(5)])
    for corner in corners @ convert.T_BASE_LINK_BASE.T:
        line.points.append(Point(x=float(corner[0]), y=float(corner[1]), z=float(corner[2])))
    line.pose.orientation.w = 1.0
    return line


def gripper_ghost(T_base_tcp: Transform, opening: float, cell: Cell) -> list[Marker]:
    """Two fingers and the palm as boxes at T_base_tcp (4, 4), as far open [m] as on the way down."""
    g = cell.gripper
    aside = (opening + g.finger_thickness) / 2
    finger = (g.finger_thickness, g.pad_width, g.finger_length)
    parts = [((side * aside, 0.0, -g.finger_length / 2), finger) for side in (-1, 1)]
    parts.append(((0.0, 0.0, -g.finger_length - 0.01), (g.palm[0], g.palm[1], 0.02)))
    return [
        _marker(Marker.CUBE, convert.T_BASE_LINK_BASE @ T_base_tcp @ transform(np.eye(3), at), size, GREEN)
        for at, size in parts
    ]


def _rejected(decision: Decision, sight: Sight, T_base_camera: Transform, cell: Cell) -> Iterator[Marker]:
    """A dot and its reason for each candidate that lost, where its pixel meets the table."""
    if sight.frame.intrinsics is None:
        return
    for candidate in decision.rejected:
        ray = T_base_camera[:3, :3] @ sight.frame.intrinsics.deproject(candidate.pixel, 1.0)
        if ray[2] > -1e-3:
            continue
        reach = (cell.workspace.table_z - T_base_camera[2, 3]) / ray[2]
        T = convert.T_BASE_LINK_BASE @ transform(np.eye(3), T_base_camera[:3, 3] + reach * ray)
        yield _marker(Marker.SPHERE, T, (0.008, 0.008, 0.008), RED)
        T[2, 3] += 0.02
        text = _marker(Marker.TEXT_VIEW_FACING, T, (0.0, 0.0, 0.012), RED)
        text.text = candidate.reason
        yield text


def _marker(kind: int, T_base_link_marker: Transform, size: ArrayLike, color: tuple[float, ...]) -> Marker:
    marker = Marker(type=kind, action=Marker.ADD, pose=convert.to_pose(T_base_link_marker))
    marker.scale.x, marker.scale.y, marker.scale.z = (float(v) for v in np.asarray(size))
    r, g, b, a = color
    marker.color = ColorRGBA(r=r, g=g, b=b, a=a)
    return marker
