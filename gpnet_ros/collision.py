"""Shape of arm and tool as capsules, and their distance to boxes, to the height map and to each other.

Against boxes and heap a capsule is sampled as a row of spheres that overlap, so that one vectorised expression
answers for every sample of a motion at once; capsules among themselves are measured axis to axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.height_map import HeightMap
from gpnet_ros.settings import Box, CupShape, GripperGeometry

#: Where upper arm and forearm lie along the axis of the shoulder, from joint 1's axis [m].
#: Universal Robots' robot description: UR10 shoulder_offset 0.220941, elbow_offset -0.1719; UR10e and
#: UR3e likewise (0.176 and 0.0393; 0.12 and 0.027).
LINK_OFFSETS = {"ur10": (0.2209, 0.0490), "ur10e": (0.1760, 0.0393), "ur3e": (0.1200, 0.0270)}
#: Index of the flange among the link frames.
FLANGE = 6
#: Radii [m] of shoulder, upper arm, elbow, forearm, wrists; rounded up from the dimension drawings of the UR10.
RADII = {"shoulder": 0.095, "upper arm": 0.080, "elbow": 0.075, "forearm": 0.065, "wrist": 0.050}
#: Spheres along a capsule are at most this part of the radius apart; the waist between them is 97 % wide.
SPHERE_SPACING = 0.5
#: Which bodies of the arm each of these is kept away from, besides all that hangs at the flange. Neighbours that a
#: joint or two hold apart are left out: their rounded-up capsules overlap in every pose.
APART = {
    "base": ("forearm", "wrist 1", "wrist 2", "wrist 3"),
    "shoulder": ("forearm", "wrist 1", "wrist 2", "wrist 3"),
    "upper arm": ("wrist 1", "wrist 2", "wrist 3"),
    "elbow": ("wrist 2", "wrist 3"),
    "forearm": ("wrist 3",),
    "wrist 1": (),
}
#: Joints [rad] with the tool square to wrist 1, as it stands whenever it points down. What such a wrist holds nearer
#: together than the limit and this spare [m] always is, and is not judged: capsules are too round for it (UR3e).
SQUARE, SQUARE_SPARE = (0.0, 0.0, 0.0, 0.0, np.pi / 2, 0.0), 0.002
#: Cells of the height map are merged in squares of this side [m] for motions that travel over the heap.
COARSE_SIDE = 0.010


@dataclass(frozen=True)
class Capsule:
    """A capsule that is fixed in one DH frame.

    Attributes:
        name: for messages.
        frame: index into `UrKinematics.link_frames` (6 is the flange).
        start, end: of its axis in that frame [m].
        radius: [m].
    """

    name: str
    frame: int
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float


@dataclass(frozen=True, eq=False)
class Spheres:
    """Arm and tool along a motion.

    Attributes:
        centres: in base, (n, m, 3) [m] for n samples and m spheres.
        radii: (m,) [m].
        names: of the capsule to which each sphere belongs, (m,).
    """

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    names: tuple[str, ...]

    def box_gaps(self, boxes: tuple[Box, ...]) -> NDArray[np.float64]:
        """Distances (n, m, b) [m] between the spheres' surfaces and boxes; negative: they touch."""
        low, high = np.array([b.low for b in boxes]), np.array([b.high for b in boxes])
        centres = self.centres[:, :, None, :]
        outside = np.maximum(np.maximum(low - centres, centres - high), 0.0)
        return np.linalg.norm(outside, axis=-1) - self.radii[:, None]

    def bottoms(self) -> NDArray[np.float64]:
        """Heights (n, m) [m] of the spheres' lowest points."""
        return self.centres[..., 2] - self.radii


def capsules(cell: Cell, opening: float) -> tuple[Capsule, ...]:
    """Arm and tool of a cell with the jaws `opening` [m] apart; what stands on the table (joint 1) is left out."""
    dh = cell.kinematics.dh
    upper, fore = LINK_OFFSETS[cell.arm]
    r = RADII
    return (
        Capsule("shoulder", 1, (0, 0, 0), (0, 0, upper), r["shoulder"]),
        Capsule("upper arm", 2, (-dh.a[1], 0, upper), (0, 0, upper), r["upper arm"]),
        Capsule("elbow", 2, (0, 0, fore), (0, 0, upper), r["elbow"]),
        Capsule("forearm", 3, (-dh.a[2], 0, fore), (0, 0, fore), r["forearm"]),
        Capsule("wrist 1", 3, (0, 0, fore), (0, 0, dh.d[3]), r["wrist"]),
        Capsule("wrist 2", 4, (0, 0, 0), (0, 0, dh.d[4]), r["wrist"]),
        Capsule("wrist 3", 5, (0, 0, 0), (0, 0, dh.d[5]), r["wrist"]),
        *(_cup(cell.cup) if cell.tool == "suction" else _jaw(cell.gripper, opening)),
        *(Capsule(body.name, FLANGE, body.start, body.end, body.radius) for body in cell.flange_bodies),
    )


def _jaw(gripper: GripperGeometry, opening: float) -> tuple[Capsule, ...]:
    """Palm and fingers; the rounded ends end where the parts do."""
    palm_radius = float(np.hypot(*gripper.palm) / 2)
    palm_end = gripper.tcp_offset - gripper.finger_length
    finger_radius = float(np.hypot(gripper.finger_thickness, gripper.pad_width) / 2)
    finger_x = (opening + gripper.finger_thickness) / 2
    tip = gripper.tcp_offset - finger_radius
    return (
        Capsule("palm", FLANGE, (0, 0, 0), (0, 0, max(palm_end - palm_radius, 0.0)), palm_radius),
        Capsule("finger", FLANGE, (finger_x, 0, palm_end), (finger_x, 0, tip), finger_radius),
        Capsule("finger", FLANGE, (-finger_x, 0, palm_end), (-finger_x, 0, tip), finger_radius),
    )


def _cup(cup: CupShape) -> tuple[Capsule, ...]:
    """Mount, rod and cup; the rounded ends end where the parts do."""
    mount_end = cup.tcp_offset - cup.rod_length
    tip, radius = cup.tcp_offset - cup.lip_radius, cup.lip_radius
    # The rod ends behind the bellows; what is before it is the cup's.
    rod_end = max(cup.tcp_offset - cup.bellows - cup.rod_radius, mount_end)
    return (
        Capsule("mount", FLANGE, (0, 0, 0), (0, 0, max(mount_end - cup.mount_radius, 0.0)), cup.mount_radius),
        Capsule("rod", FLANGE, (0, 0, mount_end), (0, 0, rod_end), cup.rod_radius),
        Capsule("cup", FLANGE, (0, 0, max(tip - cup.bellows, mount_end)), (0, 0, tip), radius),
    )


@dataclass(frozen=True, eq=False)
class SelfGaps:
    """Distances between bodies of the arm that could meet.

    Attributes:
        gaps: between surfaces, (n, p) [m] for n samples and p pairs; negative: they touch.
        names: of the two bodies of each pair, (p,).
    """

    gaps: NDArray[np.float64]
    names: tuple[tuple[str, str], ...]


def self_gaps(frames: NDArray[np.float64], cell: Cell, opening: float) -> SelfGaps:
    """Distances between bodies of arm and tool that are no neighbours, at every sample of a motion.

    Args:
        frames: link frames (n, 7, 4, 4).
        cell: arm and gripper.
        opening: between the pads [m].
    """
    bodies = (base_column(cell), *capsules(cell, opening))
    pairs = [
        (i, j)
        for i, a in enumerate(bodies)
        for j, b in enumerate(bodies)
        if a.name in APART and (b.name in APART[a.name] or b.frame == FLANGE)
    ]
    square = cell.kinematics.link_frames(np.array([SQUARE]))
    built = _pair_gaps(square, bodies, pairs)[0]
    least = cell.limits.self_gap + SQUARE_SPARE
    pairs = [p for p, gap in zip(pairs, built, strict=True) if bodies[p[0]].name != "wrist 1" or gap > least]
    names = tuple((bodies[i].name, bodies[j].name) for i, j in pairs)
    return SelfGaps(_pair_gaps(frames, bodies, pairs), names)


def base_column(cell: Cell) -> Capsule:
    """What stands on the table and carries joint 1; `capsules` leaves it out, for it never moves."""
    return Capsule("base", 0, (0, 0, 0), (0, 0, cell.kinematics.dh.d[0]), RADII["shoulder"])


def _pair_gaps(
    frames: NDArray[np.float64], bodies: tuple[Capsule, ...], pairs: list[tuple[int, int]]
) -> NDArray[np.float64]:
    """Gaps (n, p) [m] between pairs of capsules at link frames (n, 7, 4, 4)."""
    chosen = frames[:, [c.frame for c in bodies]]
    ends = np.array([(c.start, c.end) for c in bodies], dtype=np.float64)
    axes = np.einsum("nmij,mkj->nmki", chosen[..., :3, :3], ends) + chosen[..., None, :3, 3]
    radii = np.array([c.radius for c in bodies])
    one, other = (np.array([pair[k] for pair in pairs]) for k in range(2))
    return segment_distance(axes[:, one], axes[:, other]) - radii[one] - radii[other]


def segment_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances (...) [m] between straight segments (..., 2, 3) [m], each given by its two ends."""
    d1, d2 = one[..., 1, :] - one[..., 0, :], other[..., 1, :] - other[..., 0, :]
    r = one[..., 0, :] - other[..., 0, :]
    a, b, c, e, f = (np.einsum("...i,...i->...", x, y) for x, y in ((d1, d1), (d1, d2), (d1, r), (d2, d2), (d2, r)))
    tiny = 1e-12
    # Where the lines come nearest, cut to the first segment, then to the second, then back: exact for segments.
    cross = a * e - b * b
    s = np.where(cross > tiny, np.clip((b * f - c * e) / np.maximum(cross, tiny), 0.0, 1.0), 0.0)
    t = np.clip((b * s + f) / np.maximum(e, tiny), 0.0, 1.0)
    s = np.clip((b * t - c) / np.maximum(a, tiny), 0.0, 1.0)
    apart = r + s[..., None] * d1 - t[..., None] * d2
    return np.sqrt(np.einsum("...i,...i->...", apart, apart))


def spheres(frames: NDArray[np.float64], cell: Cell, opening: float) -> Spheres:
    """Arm and tool at every sample of a motion.

    Args:
        frames: link frames (n, 7, 4, 4).
        cell: arm and gripper.
        opening: between the pads [m].
    """
    index, points, radii, names = [], [], [], []
    for c in capsules(cell, opening):
        start, end = np.array(c.start, dtype=np.float64), np.array(c.end, dtype=np.float64)
        count = int(np.ceil(np.linalg.norm(end - start) / (SPHERE_SPACING * c.radius))) + 1
        for s in np.linspace(0.0, 1.0, count):
            index.append(c.frame)
            points.append(start + s * (end - start))
            radii.append(c.radius)
            names.append(c.name)
    chosen = frames[:, index]
    centres = np.einsum("nmij,mj->nmi", chosen[..., :3, :3], np.array(points)) + chosen[..., :3, 3]
    return Spheres(centres, np.array(radii), tuple(names))


class Terrain:
    """The height map, merged and widened so that a body of some radius can be looked up as a point."""

    def __init__(self, heights: HeightMap, unknown: float) -> None:
        """Merge cells: each coarse cell is as high as its highest fine one, an unknown one `unknown` high [m]."""
        step = round(COARSE_SIDE / heights.side)
        smooth = heights.smooth
        smooth = np.where(np.isnan(smooth), np.float32(unknown), smooth)
        pad = [(0, -n % step) for n in smooth.shape]
        merged = np.pad(smooth, pad, mode="edge")
        ny, nx = merged.shape[0] // step, merged.shape[1] // step
        self._z = merged.reshape(ny, step, nx, step).max(axis=(1, 3))
        self._wide: dict[int, NDArray[np.float32]] = {}  # one widened map per radius
        self._side = heights.side * step
        self._origin = np.array(heights.origin) + heights.side * (step - 1) / 2

    def below(self, xy: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
        """Greatest height (...) [m] within `radius` [m] of points (..., 2); -inf away from the map."""
        cells = int(np.ceil(radius / self._side))
        if cells not in self._wide:
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * cells + 1, 2 * cells + 1))
            border = np.pad(self._z, cells, constant_values=-np.inf)
            self._wide[cells] = cv2.dilate(border, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=-np.inf)
        wide = self._wide[cells]
        index = np.round((xy - self._origin) / self._side).astype(int) + cells
        rows, columns = index[..., 1], index[..., 0]
        inside = (rows >= 0) & (rows < wide.shape[0]) & (columns >= 0) & (columns < wide.shape[1])
        return np.where(inside, wide[np.where(inside, rows, 0), np.where(inside, columns, 0)], -np.inf)
