"""What a person sees of a decision in RViz: the cell, the grasp as a gripper, its way, and candidates that lost.

The way is yellow, orange where the last of it is felt past ground that was not seen.
Namespaces, which RViz can show and hide: `workspace`, `tote`, `keep_out`, `chosen`, `way`, `rejected`, `reason`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import ArrayLike, NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from gpnet_ros.cell import Cell
from gpnet_ros.grasp import Grasp, Rejected, grasp_at
from gpnet_ros.nodes import convert
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.pose import Transform, lift, transform
from gpnet_ros.settings import Box, CupShape
from gpnet_ros.tool_path import tool_path

GREEN, GRAY, RED = (0.1, 0.85, 0.25, 0.8), (0.6, 0.6, 0.6, 0.35), (0.9, 0.2, 0.15, 0.9)
BLUE, PALE_BLUE, PALE_RED = (0.2, 0.5, 0.95, 0.8), (0.2, 0.5, 0.95, 0.35), (0.9, 0.2, 0.15, 0.2)
YELLOW, ORANGE = (1, 0.8, 0, 1), (1, 0.45, 0, 1)
FRAME = "base_link"
#: Width of drawn lines, and height of letters [m].
_LINE, _LETTER = 0.003, 0.012
#: What joins the fingers of a ghost is so thick [m]: a palm, or of one that lost, a bar that hides nothing.
PALM, BRIDGE = 0.02, 0.006
#: So many candidates that lost are drawn, the first ones: they were the likelier ones; and of those that lost for one
#: reason nearer to each other than this [m], only the first.
_LOSERS, _APART = 12, 0.02


def markers(decision: Decision, sight: Sight, T_base_camera: Transform, cell: Cell) -> MarkerArray:
    """All markers of one decision; they replace those of the one before.

    Args:
        decision: with its grasp and those that lost.
        sight: on which it was made.
        T_base_camera: camera at the exposure, (4, 4) [m].
        cell: what stands around.
    """
    found = [Marker(action=Marker.DELETEALL), *cell_markers(cell)]
    found.extend(_losers(decision.rejected, sight, T_base_camera, cell))
    if decision.T_base_tcp is not None and decision.cup is not None:
        found.extend(cup_ghost(decision.T_base_tcp, cell.cup))
    elif decision.T_base_tcp is not None and decision.opening is not None:
        found.extend(gripper_ghost(decision.T_base_tcp, decision.opening, cell, "chosen", GREEN, PALM))
    if decision.plan is not None:
        found.append(_line(tool_path(decision.plan, cell), "way", ORANGE if decision.felt else YELLOW))
    for number, marker in enumerate(found):
        marker.header = convert.header(sight.frame.stamp, FRAME)
        marker.id = number
    return MarkerArray(markers=found)


def cell_markers(cell: Cell) -> list[Marker]:
    """The outline of the workspace on the table, the walls of the tote and the keep-out boxes."""
    half, (x, y) = cell.workspace.side / 2, cell.workspace.centre
    square = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) + (x, y)
    outline = _line(np.column_stack([square, np.full(5, cell.workspace.table_z)]), "workspace", BLUE)
    return [outline, *_boxes(cell.tote.walls, "tote", PALE_BLUE), *_boxes(cell.keep_out, "keep_out", PALE_RED)]


def gripper_ghost(
    T_base_tcp: Transform, opening: float, cell: Cell, name: str, color: tuple[float, ...], back: float
) -> list[Marker]:
    """Two fingers and what joins them as boxes at T_base_tcp (4, 4), as far open [m] as on the way down.

    back is how thick that is [m]: `PALM`, or `BRIDGE` for a ghost that hides nothing.
    """
    g = cell.gripper
    aside = (opening + g.finger_thickness) / 2
    finger = (g.finger_thickness, g.pad_width, g.finger_length)
    parts = [((side * aside, 0.0, -g.finger_length / 2), finger) for side in (-1, 1)]
    joint = (g.palm[0], g.palm[1], back) if back == PALM else (opening + 2 * g.finger_thickness, back, back)
    parts.append(((0.0, 0.0, -g.finger_length - back / 2), joint))
    return [_marker(Marker.CUBE, T_base_tcp @ transform(np.eye(3), at), size, name, color) for at, size in parts]


def cup_ghost(T_base_tcp: Transform, cup: CupShape) -> list[Marker]:
    """Bellows, rod and mount of a suction cup as cylinders, with the lip's middle at T_base_tcp (4, 4) [m]."""
    ends = (0.0, cup.bellows, cup.rod_length, cup.rod_length + PALM)
    found = []
    for radius, low, high in zip((cup.lip_radius, cup.rod_radius, cup.mount_radius), ends, ends[1:], strict=False):
        T = T_base_tcp @ transform(np.eye(3), (0.0, 0.0, -(low + high) / 2))
        found.append(_marker(Marker.CYLINDER, T, (2 * radius, 2 * radius, high - low), "chosen", GREEN))
    return found


def _losers(rejected: Iterable[Rejected], sight: Sight, T_base_camera: Transform, cell: Cell) -> Iterator[Marker]:
    """A pale gripper and its reason for each candidate that lost; where no depth is known, the reason on the table."""
    if sight.frame.intrinsics is None:
        return
    drawn: list[tuple[str, NDArray[np.float64]]] = []
    for candidate in rejected:
        found = None if sight.maps is None else grasp_at(sight.maps, sight.frame, candidate.pixel)
        grasp = found if isinstance(found, Grasp) else None
        T = _loser_pose(grasp, candidate, sight, T_base_camera, cell)
        if T is None or any(r == candidate.reason and np.linalg.norm(T[:3, 3] - p) < _APART for r, p in drawn):
            continue
        drawn.append((candidate.reason, T[:3, 3]))
        if grasp is not None and grasp.depth is not None and grasp.width is not None:
            yield from gripper_ghost(T, min(grasp.width, cell.gripper.stroke), cell, "rejected", GRAY, BRIDGE)
        above = transform(np.eye(3), T[:3, 3] + (0.0, 0.0, 0.02))
        text = _marker(Marker.TEXT_VIEW_FACING, above, (0.0, 0.0, _LETTER), "reason", RED)
        text.text = candidate.reason
        yield text
        if len(drawn) == _LOSERS:
            return


def _loser_pose(
    grasp: Grasp | None, candidate: Rejected, sight: Sight, T_base_camera: Transform, cell: Cell
) -> Transform | None:
    """Where a candidate would have gripped, (4, 4); without a depth, where its ray meets the table, if it does."""
    assert sight.frame.intrinsics is not None
    if grasp is not None and grasp.depth is not None:
        return T_base_camera @ lift(grasp.pixel, grasp.angle, grasp.depth, sight.frame.intrinsics, T_base_camera)
    point = _on_table(candidate.pixel, sight, T_base_camera, cell)
    return None if point is None else transform(np.eye(3), point)


def _on_table(pixel: tuple[float, float], sight: Sight, T_base_camera: Transform, cell: Cell) -> ArrayLike | None:
    """Where the ray through a pixel meets the table, (3,) [m]; None when it does not."""
    assert sight.frame.intrinsics is not None
    ray = T_base_camera[:3, :3] @ sight.frame.intrinsics.deproject(pixel, 1.0)
    if ray[2] > -1e-3:
        return None
    return T_base_camera[:3, 3] + (cell.workspace.table_z - T_base_camera[2, 3]) / ray[2] * ray


def _boxes(boxes: Iterable[Box], name: str, color: tuple[float, ...]) -> Iterator[Marker]:
    for box in boxes:
        low, high = np.array(box.low), np.array(box.high)
        yield _marker(Marker.CUBE, transform(np.eye(3), (low + high) / 2), high - low, name, color)


def _line(points: ArrayLike, name: str, color: tuple[float, ...]) -> Marker:
    """A line through points (n, 3) [m] of base."""
    line = _marker(Marker.LINE_STRIP, convert.T_BASE_LINK_BASE, (_LINE, 0.0, 0.0), name, color)
    turned = np.asarray(points, dtype=np.float64) @ convert.T_BASE_LINK_BASE[:3, :3].T
    line.points = [Point(x=x, y=y, z=z) for x, y, z in turned.tolist()]
    return line


def _marker(kind: int, T_base_marker: Transform, size: ArrayLike, name: str, color: tuple[float, ...]) -> Marker:
    pose = convert.to_pose(convert.T_BASE_LINK_BASE @ T_base_marker)
    marker = Marker(type=kind, action=Marker.ADD, pose=pose, ns=name)
    marker.scale.x, marker.scale.y, marker.scale.z = (float(v) for v in np.asarray(size))
    marker.color = ColorRGBA(**dict(zip("rgba", map(float, color), strict=True)))
    return marker
