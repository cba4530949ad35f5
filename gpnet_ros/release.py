"""Where the arm lets go of what it holds: near the tote's floor, above its walls, or from where it may fall in."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from gpnet_ros.cell import Cell
from gpnet_ros.errors import Unreachable
from gpnet_ros.kinematics import Joints
from gpnet_ros.pose import Transform, transform
from gpnet_ros.reach import at_height, home_height, near_home, travel

#: A quarter of a turn about the approach: what is held may lie along either side of the tote.
QUARTER_TURN = np.array([[0.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
#: What is held is planned to pass the tote's walls with this much more [m] than it must.
PLACE_SPARE = 0.002
#: Where objects fall into the tote any yaw will do: so many are tried.
DROP_YAWS = 12
#: What falls is let go this much higher [m] than it must be: a way straight in joint space is not level.
DROP_SPARE = 0.01


def release_pose(cell: Cell, spot: int, hang: float, q_lift: Joints) -> tuple[Transform, Joints]:
    """T_base_tcp (4, 4) [m] where the object is let go, and the joints (6,) [rad] above it, or there where it may fall.

    Args:
        cell: the cell.
        spot: which of the tote's spots, taken modulo their number.
        hang: how far the object may reach below the tips [m].
        q_lift: joints before, (6,) [rad].

    Raises:
        Unreachable: no inverse kinematics on the branch of the home pose.
    """
    return (_drop if may_fall(cell) else _place)(cell, spot, hang, q_lift)


def may_fall(cell: Cell) -> bool:
    """Whether what is held may fall from above the tote's walls, however high contact ended the descent."""
    falls = cell.tote.height + cell.limits.tote_gap + PLACE_SPARE + contact_height(cell) + DROP_SPARE
    return cell.motion.drop >= falls


def contact_height(cell: Cell) -> float:
    """How high [m] above its end a descent may end by contact, so that what is held hangs that much deeper; 0: nowhere.

    A cup stops where it meets the surface, which may be higher than the end of the descent; so may fingers, a little.
    """
    return cell.cup.contact_from if cell.tool == "suction" else cell.motion.descent_contact


def carry_height(cell: Cell, hang: float) -> float:
    """Height of the TCP in base [m] on the way over the tote's walls with what hangs so far below the tips [m]."""
    over = _release_height(cell, hang, fits=False)
    return over + DROP_SPARE if may_fall(cell) else max(home_height(cell), over)


def _place(cell: Cell, spot: int, hang: float, q_lift: Joints) -> tuple[Transform, Joints]:
    """T_base_tcp where the object is let go, and the joints above it: low if it fits between the walls, then near."""
    tote = cell.tote
    dx, dy = tote.spots[spot % len(tote.spots)]
    options = []
    for quarter in range(4):
        fits = _fits_into_tote(cell, dx, dy, across=quarter % 2 == 0)
        down = transform(np.diag([1.0, -1.0, -1.0]), (tote.centre[0] + dx, tote.centre[1] + dy, 0.0))
        place = at_height(down @ np.linalg.matrix_power(QUARTER_TURN, quarter), _release_height(cell, hang, fits))
        q = near_home(at_height(place, carry_height(cell, hang)), q_lift, cell)
        if q is not None:
            options.append((not fits, travel(q_lift, q, cell), q, place))
    if not options:
        raise Unreachable("The arm cannot reach above the tote (carry); move the tote or its spots in cell.yaml.")
    _, _, q, place = min(options, key=lambda option: option[:2])
    return place, q


def _drop(cell: Cell, spot: int, hang: float, q_lift: Joints) -> tuple[Transform, Joints]:
    """T_base_tcp where the object falls from, just above the walls, and its joints: of the yaws the nearest."""
    tote, options = cell.tote, []
    dx, dy = tote.spots[spot % len(tote.spots)]
    z = _release_height(cell, hang, fits=False) + DROP_SPARE
    for yaw in np.arange(DROP_YAWS) * (2 * np.pi / DROP_YAWS):
        R = Rotation.from_euler("z", yaw).as_matrix() @ np.diag([1.0, -1.0, -1.0])
        place = transform(R, (tote.centre[0] + dx, tote.centre[1] + dy, z))
        q = near_home(place, q_lift, cell)
        if q is not None:
            options.append((travel(q_lift, q, cell), q, place))
    if not options:
        raise Unreachable("The arm cannot reach above the tote (carry); move the tote or its spots in cell.yaml.")
    _, q, place = min(options, key=lambda option: option[0])
    return place, q


def _fits_into_tote(cell: Cell, dx: float, dy: float, across: bool) -> bool:
    """Whether what may be held fits between the walls at a spot, its long side along x of base, or across it."""
    tote, limits = cell.tote, cell.limits
    reach = (limits.held_half_width, limits.held_radius) if across else (limits.held_radius, limits.held_half_width)
    room = np.array(tote.inner) / 2 - np.abs((dx, dy)) - reach
    return bool((room >= limits.tote_gap + PLACE_SPARE).all())


def _release_height(cell: Cell, hang: float, fits: bool) -> float:
    """Height of the TCP in base [m] where the object is let go: near the floor, or above walls that it might touch."""
    tote, motion = cell.tote, cell.motion
    low = tote.floor_z + max(motion.place_low, hang + motion.place_drop)
    return low if fits else max(low, tote.floor_z + tote.height + cell.limits.tote_gap + PLACE_SPARE + hang)
