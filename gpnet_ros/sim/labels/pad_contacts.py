"""Where the pads of a jaw touch an object: rays that leave it from inside, and rays of pads that close.

Distances are measured from the surface point of a pixel along the opening, [m].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from gpnet_ros.arrays import Floats
from gpnet_ros.sim.labels.finger_room import SAFETY

#: Free space between pad and object on either side that is tried for a label, best first [m].
PAD_MARGINS = (0.010, 0.006, 0.003)
CONTACT_DEPTH = 0.0015  # pads and objects give: exits this near to the farthest one touch as well [m]
_HEIGHTS = (0.2, 0.5, 0.8)  # where in the band rays run, from the tips up
_LATERAL = (0.0, -0.007, 0.007)  # beside the centre, on the pads [m]
#: Where on the pads, above the tips and beside the centre [m], nothing else may be met while the jaw closes.
_PAD_HEIGHTS, _PAD_LATERAL = (-SAFETY, 0.008, 0.020, 0.036), (-0.0105, -0.0052, 0.0, 0.0052, 0.0105)


@dataclass(frozen=True, eq=False)
class Descents:
    """Jaws that come down on surface points, each in an opening direction of its own.

    Attributes:
        surface: (n, 3) points between the pads in base [m].
        tip: (n,) height of the fingertips in base [m].
        object: (n,) index of the object that the point is on.
        yaw: (n,) index of the opening direction.
        axis: (n, 2) opening direction in base, horizontal unit vectors.
    """

    surface: Floats
    tip: Floats
    object: NDArray[np.int32]
    yaw: NDArray[np.intp]
    axis: Floats

    def rows(self, index: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Descents:
        """Those of the rows `index`."""
        return Descents(self.surface[index], self.tip[index], self.object[index], self.yaw[index], self.axis[index])


def exits(scene: EmbreeScene, jaws: Descents, side: int, stroke: float) -> tuple[Floats, Floats]:
    """Where rays towards a pad leave the object of each point.

    Args:
        scene: all solids; geometry i is object i.
        jaws: n of them, their points inside their objects.
        side: of the pad, 1 along the opening direction and -1 against it.
        stroke: of the gripper [m].

    Returns:
        Distance [m] and cosine between normal and ray, (n, 9): at three heights at the centre of the pad, then beside
        it; infinite and 0 where the ray did not start inside the object of the point, or leaves it beyond the stroke.
    """
    direction = np.float32(side) * jaws.axis
    band = jaws.surface[:, 2] - jaws.tip
    n, m = len(band), len(_HEIGHTS) * len(_LATERAL)
    origins = np.empty((n, len(_LATERAL), len(_HEIGHTS), 3), dtype=np.float32)
    for k, beside in enumerate(_LATERAL):
        _set_beside(origins[:, k], jaws.surface, direction, beside)
    for k, share in enumerate(_HEIGHTS):
        origins[:, :, k, 2] = (jaws.tip + np.float32(share) * band)[:, None]
    rays = _horizontal(direction, m)
    # Nothing beyond the stroke counts, so no ray looks there.
    hit = scene.run(origins.reshape(-1, 3), rays, dists=float(stroke), output=1)
    x, y, z = hit["Ng"].T
    cosine = (x * rays[:, 0] + y * rays[:, 1]) / np.maximum(np.sqrt(x * x + y * y + z * z), 1e-20)
    # A ray that starts outside meets a face that looks towards it, or another object, first.
    inside = (hit["geomID"] == np.repeat(jaws.object, m)) & (cosine > 0) & (hit["tfar"] < stroke)
    distance = np.where(inside, hit["tfar"], np.float32(np.inf))
    return distance.reshape(n, m), np.where(inside, cosine, np.float32(0.0)).reshape(n, m)


def leaves_at_centre(distance: Floats) -> NDArray[np.bool_]:
    """Whether any ray at the centre of the pad left the object (n,), by distances (n, 9) of `exits`."""
    return np.asarray(np.isfinite(distance[:, : len(_HEIGHTS)]).any(axis=1))


def _set_beside(origins: Floats, xy: Floats, direction: Floats, beside: float) -> None:
    """Set x and y of origins (n, k, 3) to points (n, 2 or 3) moved sideways of directions (n, 2) by `beside` [m]."""
    origins[:, :, 0] = (xy[:, 0] + np.float32(beside) * -direction[:, 1])[:, None]
    origins[:, :, 1] = (xy[:, 1] + np.float32(beside) * direction[:, 0])[:, None]


def _horizontal(direction: Floats, m: int) -> Floats:
    """Directions (n, 2) as horizontal rays (n * m, 3), each m times."""
    rays = np.zeros((len(direction), m, 3), dtype=np.float32)
    rays[:, :, :2] = direction[:, None]
    return rays.reshape(-1, 3)


def free_to_close(scene: EmbreeScene, jaws: Descents, side: int, contact: Floats, gap: Floats) -> NDArray[np.bool_]:
    """Whether the pad on one side meets nothing but the object of its point (n,) while the jaw closes.

    Args:
        scene: all solids.
        jaws: n of them.
        side: of this pad, 1 along the opening direction and -1 against it.
        contact: distance from the point at which it touches the object (n,) [m].
        gap: how far it stands from there while open (n,) [m].
    """
    direction = np.float32(side) * jaws.axis
    n, m = len(gap), len(_PAD_HEIGHTS) * len(_PAD_LATERAL)
    origins = np.empty((n, len(_PAD_LATERAL), len(_PAD_HEIGHTS), 3), dtype=np.float32)
    xy = jaws.surface[:, :2] + (contact + gap)[:, None] * direction
    for k, lateral in enumerate(_PAD_LATERAL):
        _set_beside(origins[:, k], xy, direction, lateral)
    origins[..., 2] = jaws.tip[:, None, None] + np.array(_PAD_HEIGHTS, dtype=np.float32)
    reach = np.repeat(gap + np.float32(CONTACT_DEPTH), m)
    hit = scene.run(origins.reshape(-1, 3), _horizontal(-direction, m), dists=reach.copy(), output=1)
    other = (hit["geomID"] >= 0) & (hit["geomID"] != np.repeat(jaws.object, m)) & (hit["tfar"] < reach)
    return np.asarray(~other.reshape(n, m).any(axis=1))


def may_hold(triangles: Floats, axes: Floats, friction: float) -> NDArray[np.bool_]:
    """Opening directions (yaws,) in which a solid has faces for both pads to hold at all.

    A pad holds by the mean cosine of the faces that it touches, so one of them must look far enough towards it.

    Args:
        triangles: (m, 3, 3) of the solid, as rays meet them [m].
        axes: (yaws, 2) opening directions, horizontal unit vectors.
        friction: coefficient of pad on object.
    """
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    normals = np.cross(first, second)
    length = np.linalg.norm(normals, axis=1)
    # The normal of a sliver is mostly rounding: it may look anywhere.
    sliver = length < 1e-3 * np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosine = (normals[:, :2] / np.maximum(length, 1e-20)[:, None]) @ axes.T
    least = _cone(friction) - 0.01
    right, left = ((sliver[:, None] | (towards > least)).any(axis=0) for towards in (cosine, -cosine))
    return np.asarray(right & left)


def _cone(friction: float) -> float:
    """Cosine of the half angle of the friction cone."""
    return float(1.0 / np.sqrt(1.0 + friction**2))


def pad_contact(distance: Floats, cosine: Floats, friction: float) -> tuple[Floats, Floats, Floats]:
    """What a flat pad touches first when it comes in from outside: the farthest exits.

    Args:
        distance, cosine: of k rays per point, (n, k), as `exits` returns them.
        friction: coefficient of pad on object.

    Returns:
        Distance [m] of the pad, margin to the friction cone in [0, 1], share of the rays that touch; (n,) each.
    """
    distance = np.where(np.isfinite(distance), distance, -np.inf)
    pad = distance.max(axis=1)
    touches = distance >= pad[:, None] - np.float32(CONTACT_DEPTH)
    count = touches.sum(axis=1)
    mean = np.where(touches, cosine, 0.0).sum(axis=1) / count
    cone = _cone(friction)
    margin = np.clip((mean - cone) / (1.0 - cone), 0.0, 1.0)
    return pad.astype(np.float32), margin.astype(np.float32), (count / distance.shape[1]).astype(np.float32)
