"""Clearance: whether the open jaw fits into the height map of a heap, and how much room it has there.

A planar grasp needs three columns free of anything from above: one under each finger and one under
the palm. Checking them on the measured surface needs no model of any object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.errors import NoClearance, NotSeen
from gpnet_ros.height_map import HeightMap
from gpnet_ros.pose import Transform
from gpnet_ros.settings import GripperGeometry

#: This many samples under a finger or the palm may stand higher: flying pixels and outliers of the depth.
OUTLIERS = 4
#: A fingertip may stand this much [m] below the measured top of its column: depth noise at 0.85 m.
TOUCH = 0.002
#: A camera draws an object about this much [m] wider than it is: the strip of a finger's column beside the
#: object is not judged.
EDGE_BLUR = 0.003
#: Extra opening per side [m] that is tried around the width that the network asks for, best first.
OPENING_MARGINS = (0.004, 0.0)
#: The tips are raised at most this far [m]; what is left of their depth must still hold the object.
RAISE_MAX = 0.012
#: Tips that must be raised pass this far [m] above what is in their way: it is there, not noise.
RAISE_SPARE = 0.001
#: Where something stands below the tips, but nearer than this [m], they are raised to keep that distance ...
SPARE = 0.003
#: ... unless that takes more than this [m] in all: the pads still need something to hold.
SPARE_RAISE_MAX = 0.006
#: What stands this near [m] to a finger tells how likely it is to hit something.
SURROUNDINGS = 0.006
#: A jaw is free where nothing that was measured is nearer than this [m] aside, and below: hand-eye, noise, and arm err.
FREE_ASIDE, FREE_ABOVE = 0.010, 0.008


@dataclass(frozen=True, eq=False)
class Clearance:
    """A grasp whose jaw fits.

    Attributes:
        T_base_tcp: the grasp, raised where that was needed.
        opening: width to which the jaw opens before the descent [m].
        margin: free space per side between object and finger [m].
        raised: how far the tips were raised [m].
        crowding: share of what lies around the fingers that stands above the tips, 0 to 1; see `crowding`.
    """

    T_base_tcp: Transform
    opening: float
    margin: float
    raised: float
    crowding: float


def finger_clearance(
    heights: HeightMap,
    T_base_tcp: Transform,
    width: float,
    gripper: GripperGeometry,
    margins: tuple[float, ...] = OPENING_MARGINS,
    raise_max: float = RAISE_MAX,
) -> Clearance:
    """Fit the open jaw into the height map at a vertical grasp.

    The largest margin whose columns are free at the wanted height is taken; when none is free, the
    tips are raised as little as possible, at most by `raise_max`.

    Args:
        heights: measured surface.
        T_base_tcp: the grasp: origin between the fingertips, x along the opening, z down.
        width: of the object between the pads [m].
        gripper: geometry and stroke.
        margins: openings beyond the object that are tried, per side [m], best first.
        raise_max: greatest raise of the tips [m].

    Raises:
        NoClearance: the object is wider than the stroke allows, or the fingers or the palm do not fit.
        NotSeen: what lies under them is not known everywhere.
    """
    usable = [m for m in margins if width + 2 * m <= gripper.stroke + 1e-9]
    if not usable:
        raise NoClearance(
            f"Width {width:.4f} m and {min(margins):.4f} m of margin per side exceed the stroke of "
            f"{gripper.stroke:.4f} m; take another candidate."
        )
    tries = [_around(heights, T_base_tcp, width, margin, gripper) for margin in usable]
    found = min(tries, key=lambda clear: (clear.raised, clear.crowding, -clear.margin))
    if not np.isfinite(found.raised):
        raise NotSeen(
            "What lies under the fingers or the palm is not known everywhere: it gave no depth, or is outside of the "
            "picture; take another candidate."
        )
    if not found.raised <= raise_max:
        raise NoClearance(
            f"The surroundings of the grasp stand {found.raised * 1e3:.0f} mm too high for the fingers (at most "
            f"{raise_max * 1e3:.0f} mm can be made up by raising the tips); take another candidate."
        )
    return _spared(heights, found, gripper)


def _around(
    heights: HeightMap,
    T_base_tcp: Transform,
    width: float,
    margin: float,
    gripper: GripperGeometry,
) -> Clearance:
    """The jaw with this margin, its tips raised as far as they must; by inf where something is not known.

    Crowding is that of the fingers' own places at the height that was asked for, which tells one opening from another.
    """
    opening = width + 2 * margin
    needed = needed_raise(heights, T_base_tcp, opening, gripper)
    raised = needed + TOUCH + RAISE_SPARE if needed > 0 else 0.0
    under = crowding(heights, T_base_tcp, opening, gripper, around=0.0)
    return Clearance(_lifted(T_base_tcp, raised), opening, margin, raised, under)


def _spared(heights: HeightMap, found: Clearance, gripper: GripperGeometry) -> Clearance:
    """The tips a little higher where something stands just below them: noise of the depth may hide how high."""
    wanted = needed_raise(heights, found.T_base_tcp, found.opening, gripper, -SPARE)
    more = min(wanted, max(SPARE_RAISE_MAX - found.raised, 0.0))
    T_base_tcp = _lifted(found.T_base_tcp, more)
    crowded = crowding(heights, T_base_tcp, found.opening, gripper)
    return replace(found, T_base_tcp=T_base_tcp, raised=found.raised + more, crowding=crowded)


def crowding(
    heights: HeightMap, T_base_tcp: Transform, opening: float, gripper: GripperGeometry, around: float = SURROUNDINGS
) -> float:
    """Crowding of the fingers: share of the surface under and around them that stands above the tips, 0 to 1.

    What stands beside a finger, or is too small to forbid it, still tells how likely the finger is to hit something:
    a depth camera misplaces edges by millimetres.

    Args:
        heights: measured surface.
        T_base_tcp: grasp with a vertical approach.
        opening: between the pads [m].
        gripper: geometry.
        around: surroundings of the fingers that count, half as much towards the object [m].
    """
    inner, outer = (opening - around) / 2, opening / 2 + gripper.finger_thickness + around
    half = gripper.pad_width / 2 + around
    found = [_under(heights, T_base_tcp, ends, (-half, half)) for ends in ((inner, outer), (-outer, -inner))]
    return float(np.mean(np.concatenate(found) > T_base_tcp[2, 3] + TOUCH))  # NaN compares false


def _lifted(T_base_tcp: Transform, height: float) -> Transform:
    T = np.array(T_base_tcp, dtype=np.float64)
    T[2, 3] += height
    return T


def needed_raise(
    heights: HeightMap,
    T_base_tcp: Transform,
    opening: float,
    gripper: GripperGeometry,
    touch: float = TOUCH,
) -> float:
    """Height [m] by which the tips must rise for fingers and palm to be free; 0 when they are, inf when unknown.

    Unknown is what stands under them as soon as one cell there is: the height map has filled what it may.

    Args:
        heights: measured surface.
        T_base_tcp: grasp with a vertical approach.
        opening: between the pads [m].
        gripper: geometry.
        touch: how much higher than the tip the surface may be measured [m].
    """
    thickness, pad = gripper.finger_thickness, gripper.pad_width
    inner, outer = opening / 2, opening / 2 + thickness
    z = float(T_base_tcp[2, 3])
    tops = [
        _column_top(heights, T_base_tcp, (inner + EDGE_BLUR, outer), (-pad / 2, pad / 2)) - z,
        _column_top(heights, T_base_tcp, (-outer, -inner - EDGE_BLUR), (-pad / 2, pad / 2)) - z,
        _column_top(
            heights,
            T_base_tcp,
            (-gripper.palm[0] / 2, gripper.palm[0] / 2),
            (-gripper.palm[1] / 2, gripper.palm[1] / 2),
        )
        - z
        - gripper.finger_length,
    ]
    highest = float(np.max(tops))
    return highest - touch if highest > touch else 0.0


def free_height(heights: HeightMap, T_base_tcp: Transform, opening: float, gripper: GripperGeometry) -> float:
    """Height [m] of the tips in base from which on the jaw is above all that was measured around and between the pads.

    Down to there nothing can be met that was seen; inf where something around it was not.

    Args:
        heights: measured surface.
        T_base_tcp: grasp with a vertical approach.
        opening: between the pads [m].
        gripper: geometry.
    """
    outer, half = opening / 2 + gripper.finger_thickness + FREE_ASIDE, gripper.pad_width / 2 + FREE_ASIDE
    palm_x, palm_y = gripper.palm[0] / 2 + FREE_ASIDE, gripper.palm[1] / 2 + FREE_ASIDE
    tips = _column_top(heights, T_base_tcp, (-outer, outer), (-half, half))
    palm = _column_top(heights, T_base_tcp, (-palm_x, palm_x), (-palm_y, palm_y)) - gripper.finger_length
    return max(tips, palm) + FREE_ABOVE


def tip_height(z_surface: float, cell: Cell) -> float:
    """Height [m] of the fingertips for a surface: as deep as the fingers go, but clear of the table."""
    workspace = cell.workspace
    return max(z_surface - cell.gripper.finger_depth, workspace.table_z + workspace.table_clearance)


def _column_top(
    heights: HeightMap,
    T_base_tcp: Transform,
    along_x: tuple[float, float],
    along_y: tuple[float, float],
) -> float:
    """Robust top [m] of the map under a rectangle of the grasp's x-y plane; inf where part of it is unknown."""
    found = _under(heights, T_base_tcp, along_x, along_y)
    if not np.isfinite(found).all() or len(found) <= OUTLIERS:
        return float("inf")
    return float(np.partition(found, -OUTLIERS - 1)[-OUTLIERS - 1])


def _under(
    heights: HeightMap, T_base_tcp: Transform, along_x: tuple[float, float], along_y: tuple[float, float]
) -> NDArray[np.float32]:
    """Heights (n,) [m] under a rectangle of the grasp's x-y plane; NaN where unknown."""
    # Half a cell finer than the map, so that a thin finger cannot step over a cell.
    xs = _steps(*along_x, heights.side)
    ys = _steps(*along_y, heights.side)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return heights.at(grid @ T_base_tcp[:2, :2].T + T_base_tcp[:2, 3])


def _steps(low: float, high: float, side: float) -> NDArray[np.float64]:
    """Positions from low to high, less than a cell apart."""
    return np.linspace(low, high, int(np.ceil((high - low) / side)) + 1)
