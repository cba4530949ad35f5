"""Fits of the cup: whether lip, rod and mount of a suction tool find their place in the height map at a cup grasp.

For a cup what `fit` and `clearance` are for the jaw. The tool comes down vertically, as the jaw does: the bellows make
up for a tilted surface, so the safety check may go on asking for an upright tool, and its columns stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from gpnet_ros.arrays import Doubles
from gpnet_ros.cell import Cell
from gpnet_ros.clearance import OUTLIERS
from gpnet_ros.cup import CupGrasp, CupSelect
from gpnet_ros.cup_room import disc, needed_lift
from gpnet_ros.fit import Memory, refused_place
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Rejected
from gpnet_ros.height_map import HeightMap
from gpnet_ros.pose import Transform, lift
from gpnet_ros.settings import CupShape

#: What stands within this distance [m] beside lip and mount may be met on the way down: hand-eye and depth err as much.
BESIDE = 0.004
#: The height map keeps the highest reading of each cell, which is noise, too: it may be so far [m] off the plane.
STEP = 0.008


@dataclass(frozen=True, eq=False)
class CupFit:
    """A cup grasp around which the tool fits.

    Attributes:
        grasp: the candidate.
        T_base_grasp: its pose, vertical; the origin is the surface point under the pixel.
        T_base_tcp: the middle of the lip, where the descent ends at the latest.
        opening: the width that lets go, see `devices.gripper` [m].
        tilt: of the surface against level [rad].
        chance: how likely a pick is to succeed, compared with the others of the same frame; not a probability.
    """

    grasp: CupGrasp
    T_base_grasp: Transform
    T_base_tcp: Transform
    opening: float
    tilt: float
    chance: float


def cup_in_cell(
    grasp: CupGrasp,
    frame: Frame,
    heights: HeightMap,
    T_base_camera: Transform,
    cell: Cell,
    memory: Memory | None = None,
    settings: CupSelect | None = None,
) -> CupFit | Rejected:
    """The cup at one candidate in the cell, or why it does not fit.

    Args:
        grasp: with depth and normal.
        frame: from which it was made.
        heights: of this frame.
        T_base_camera: hand-eye at the exposure, (4, 4).
        cell: for workspace and cup.
        memory: grasps that failed before; None knows of none.
        settings: for the greatest tilt.
    """
    assert frame.intrinsics is not None
    T_base_grasp = T_base_camera @ lift(grasp.pixel, grasp.angle, grasp.depth, frame.intrinsics, T_base_camera)
    T_base_tcp = T_base_grasp.copy()
    T_base_tcp[2, 3] = lip_height(float(T_base_grasp[2, 3]), cell, cell.cup.overtravel)
    refused = refused_place(grasp.pixel, T_base_grasp, T_base_tcp, cell, memory, grasp.rises)
    if refused is not None:
        return refused
    normal = T_base_camera[:3, :3] @ grasp.normal
    s = settings or CupSelect()
    tilt, most = float(np.arccos(np.clip(normal[2], -1.0, 1.0))), greatest_tilt(cell.cup, s)
    if not tilt <= most + s.tilt_doubt:
        detail = f"The surface is tilted by {np.degrees(tilt):.0f} degrees, the bellows follow {np.degrees(most):.0f}."
        return Rejected(grasp.pixel, "tilt", detail)
    refused = _refused_room(grasp.pixel, heights, T_base_grasp, T_base_tcp, normal, cell.cup)
    chance = grasp.score * sealing_share(tilt, cell.cup, s)
    return refused or CupFit(grasp, T_base_grasp, T_base_tcp, cell.gripper.stroke, tilt, chance)


def lip_height(z_surface: float, cell: Cell, overtravel: float) -> float:
    """Height [m] to which the lip goes for a surface unless contact stops it: pressed, and clear of the table.

    Depth is off by millimetres, and a lip above the surface holds nothing: the descent goes on below it, by the
    overtravel [m].
    """
    workspace = cell.workspace
    return max(z_surface - cell.cup.press - overtravel, workspace.table_z + workspace.table_clearance)


def greatest_tilt(cup: CupShape, settings: CupSelect) -> float:
    """Tilt [rad] of a surface to which the whole lip comes: the setting, and no more than the bellows make up for.

    Pressed in by half, the lip's lower edge has half of what the bellows give left to reach out, and the upper edge as
    much to give way.
    """
    return min(settings.tilt_max, float(np.arctan2(cup.press, cup.lip_radius)))


def sealing_share(tilt: float, cup: CupShape, settings: CupSelect) -> float:
    """Share in [0, 1] of the seals that come about on surfaces measured to be tilted so much [rad].

    Depth errs by `tilt_doubt`, so no measured tilt is sure to seal or to fail.
    """
    half = max(greatest_tilt(cup, settings) - settings.tilt_reserve, 0.0)
    return float(ndtr((half - tilt) / settings.tilt_doubt))


def _refused_room(
    pixel: tuple[float, float],
    heights: HeightMap,
    T_base_grasp: Transform,
    T_base_tcp: Transform,
    normal: Doubles,
    cup: CupShape,
) -> Rejected | None:
    """Why the height map has no room for the tool, or no one surface for the lip; None: it has."""
    under = disc(T_base_tcp[:2, 3], cup.lip_radius, heights.side)
    away = under - T_base_grasp[:2, 3]
    expected = T_base_grasp[2, 3] - away @ normal[:2] / normal[2]
    step = np.abs(heights.at(under) - expected)
    if not np.isfinite(step).all():
        return Rejected(pixel, "not_seen", "What lies under the lip is not known everywhere: it gave no depth.")
    worst = float(np.partition(step, -OUTLIERS - 1)[-OUTLIERS - 1])
    if worst > STEP:
        detail = f"The height map under the lip is {worst * 1e3:.0f} mm off its plane, at most {STEP * 1e3:.0f} mm."
        return Rejected(pixel, "clearance", detail)
    needed = needed_lift(heights, T_base_tcp, cup, BESIDE, cup.press + cup.overtravel)
    if not np.isfinite(needed):
        return Rejected(pixel, "not_seen", "What lies under the tool's mount is not known everywhere.")
    if needed > 0:
        detail = f"The surroundings of the cup stand {needed * 1e3:.0f} mm too high for its rod or its mount."
        return Rejected(pixel, "clearance", detail)
    return None
