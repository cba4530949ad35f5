"""What must hold of a sample whoever made it, and what more must hold of our own.

A law is a function of a sample that yields one sentence per violation, each with the numbers that break it. A law
about fields that a sample does not have yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Sample
from gpnet_ros.frame import MEDIAN_DEPTH_RANGE
from gpnet_ros.settings import GripperGeometry

Law = Callable[[Sample], Iterator[str]]

_NEAR = 6.0  # px by which a grasp's centre may miss its object: annotators and lossy masks are not exact
_ROUNDING = 1e-3  # m by which an opening may exceed the stroke: it is stored in steps of half a millimetre
_BOX = 1.5  # px between a box and the mask that it bounds


def violations(sample: Sample, ours: bool) -> list[str]:
    """Sentences about every law that a sample breaks.

    Args:
        sample: of any data set.
        ours: made by `gpnet generate`, so that the gripper and the renderer are known.
    """
    laws: tuple[Law, ...] = (*LAWS, *OUR_LAWS) if ours else LAWS
    return [sentence for law in laws for sentence in law(sample)]


def ids_are_known(sample: Sample) -> Iterator[str]:
    """Every id in the picture and of a rectangle is an object of the list, and ids are 1 or more and distinct."""
    seen = np.empty(0, dtype=np.int64) if sample.ids is None else np.unique(sample.ids[sample.ids != 0])
    if len(seen) and seen.min() < 0:
        yield f"the picture has the object id {seen.min()}, ids are 1 or more"
    if sample.objects is None:
        return
    known = sample.objects.ids
    if len(np.unique(known)) != len(known) or (len(known) and known.min() < 1):
        yield f"object ids {known.tolist()} must be distinct and 1 or more"
    for number in np.setdiff1d(seen, known):
        yield f"the picture shows object {number}, which the list of objects {known.tolist()} does not have"
    if sample.rectangles is not None and sample.rectangles.object_id is not None:
        for number in np.setdiff1d(sample.rectangles.object_id, known):
            yield f"a rectangle is on object {number}, which the list of objects {known.tolist()} does not have"


def relations_fit_the_objects(sample: Sample) -> Iterator[str]:
    """There is a row per object, and nothing lies on itself; so a lone object is top-level."""
    objects = sample.objects
    if objects is None or objects.covered_by is None:
        return
    if objects.covered_by.shape != (len(objects.ids), len(objects.ids)):
        yield f"relations of shape {objects.covered_by.shape} do not fit {len(objects.ids)} objects"
        return
    for row in np.flatnonzero(np.diag(objects.covered_by)):
        yield f"object {objects.ids[row]} lies on itself"


def rectangles_are_on_their_objects(sample: Sample) -> Iterator[str]:
    """The centre of a rectangle is on its object, or no farther from it than half its opening (rings, bowls)."""
    if sample.rectangles is None or sample.rectangles.object_id is None or sample.ids is None:
        return
    for number in np.unique(sample.rectangles.object_id):
        mask = sample.ids == number
        if not mask.any():
            continue
        away = np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5))
        mine = sample.rectangles.take(sample.rectangles.object_id == number)
        height, width = mask.shape
        u, v = np.rint(mine.center).astype(np.int64).T
        gap = away[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)]
        for row in np.flatnonzero(gap > np.maximum(mine.opening / 2, _NEAR)):
            at = mine.center[row].round(1).tolist()
            yield f"a rectangle of object {number} at {at} px is {gap[row]:.0f} px off it"


def rectangles_are_in_the_picture(sample: Sample) -> Iterator[str]:
    """The centre of a rectangle is in the picture, and no side is longer than the picture's diagonal."""
    height, width = sample.frame.shape
    diagonal = float(np.hypot(width, height))
    for kind, some in (("rectangle", sample.rectangles), ("negative rectangle", sample.negatives)):
        if some is None or not len(some):
            continue
        off = ((some.center < -0.5) | (some.center > np.array([width, height]) - 0.5)).any(axis=1)
        for row in np.flatnonzero(off):
            at = some.center[row].round(1).tolist()
            yield f"a {kind} has its centre at {at} px, off the picture of {width}x{height} px"
        for row in np.flatnonzero(np.maximum(some.opening, some.jaw) > diagonal):
            size = f"{some.opening[row]:.0f}x{some.jaw[row]:.0f}"
            yield f"a {kind} measures {size} px, more than the picture's diagonal of {diagonal:.0f} px"


def some_rectangle_was_usable(sample: Sample) -> Iterator[str]:
    """A picture whose rectangles were all left out would say that there is no grasp, which nobody annotated."""
    if sample.rectangles is not None and not len(sample.rectangles) and sample.rectangles.left_out:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sample.rectangles.left_out.items())
        yield f"none of its rectangles is usable ({reasons})"


def dense_grasps_are_consistent(sample: Sample) -> Iterator[str]:
    """Quality is in [0, 1], a grasp has an opening, and there is no grasp where there is no object."""
    if sample.grasps is None:
        return
    quality, opening, angle = sample.grasps.quality, sample.grasps.opening, sample.grasps.angle
    if not ((quality >= 0) & (quality <= 1)).all():
        yield f"quality reaches from {quality.min():.3f} to {quality.max():.3f}, allowed is 0 to 1"
    found = quality > 0
    if (opening[found] <= 0).any() or (opening[~found] != 0).any():
        yield "openings and quality disagree about where there is a grasp"
    if found.any() and not ((angle[found] >= -np.pi / 2 - 1e-6) & (angle[found] < np.pi / 2 + 1e-6)).all():
        yield "an angle is not in [-90, 90) degrees"
    if sample.ids is not None:
        bare = int((found & ~_covered(sample.ids > 0, found.shape)).sum())
        if bare:
            yield f"{bare} grasps of the dense map are where no object is"


def depth_is_plausible(sample: Sample) -> Iterator[str]:
    """Known depth is positive and its median that of a camera over a table."""
    depth = sample.frame.depth
    if depth is None or not np.isfinite(depth).any():
        return
    median, least = float(np.nanmedian(depth)), float(np.nanmin(depth))
    low, high = MEDIAN_DEPTH_RANGE
    if least <= 0 or not low <= median <= high:
        yield f"the median depth is {median:.3f} m and the least {least:.3f} m, the median must be {low} to {high} m"


def shapes_hold_what_is_seen(sample: Sample) -> Iterator[str]:
    """Visible boxes bound the masks, whole masks hold the visible ones, and hidden shares are shares."""
    objects, ids = sample.objects, sample.ids
    if objects is None:
        return
    if objects.occlusion is not None:
        known = objects.occlusion[np.isfinite(objects.occlusion)]
        if not ((known >= 0) & (known <= 1)).all():
            yield f"hidden shares {known.round(3).tolist()} are not all in [0, 1]"
    if ids is None:
        return
    for row, number in enumerate(objects.ids):
        mask = ids == number
        if not mask.any():
            continue
        if objects.amodal_masks is not None and (lost := int((mask & ~objects.amodal_masks[row]).sum())):
            yield f"{lost} visible pixels of object {number} are not in its whole mask"
        if objects.boxes is not None and np.isfinite(objects.boxes[row]).all():
            v, u = np.nonzero(mask)
            true = np.array([u.min(), v.min(), u.max() + 1, v.max() + 1])
            if np.abs(objects.boxes[row] - true).max() > _BOX + 0.01 * max(mask.shape):
                box = objects.boxes[row].tolist()
                yield f"the box {box} of object {number} does not bound its mask {true.tolist()}"


def camera_pose_is_rigid(sample: Sample) -> Iterator[str]:
    """T_base_camera is a rotation and a translation."""
    T = sample.T_base_camera
    if T is None:
        return
    turn = np.asarray(T)[:3, :3]
    right_handed = np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) and np.linalg.det(turn) > 0
    if T.shape != (4, 4) or not right_handed or not np.allclose(T[3], [0, 0, 0, 1]):
        yield "T_base_camera is no rigid transform"


def openings_are_within_the_stroke(sample: Sample) -> Iterator[str]:
    """No commanded opening is wider than the gripper opens."""
    stroke = GripperGeometry().stroke + _ROUNDING
    if sample.grasps is not None and sample.grasps.opening.max(initial=0) > stroke:
        widest = float(sample.grasps.opening.max()) * 1e3
        yield f"an opening of the dense map is {widest:.1f} mm, the gripper has {stroke * 1e3:.1f} mm"
    camera, depth = sample.frame.intrinsics, sample.frame.depth
    if sample.rectangles is None or camera is None or depth is None or not len(sample.rectangles):
        return
    if not np.isfinite(depth).any():
        return
    # An opening looks widest where it is nearest, and, seen at a slant, towards the corners of the picture.
    corners = camera.deproject([[0, 0], [camera.width - 1, 0], [0, camera.height - 1]], np.ones(3))
    slant = float(np.linalg.norm(corners, axis=1).max())
    limit = slant * stroke * max(camera.fx, camera.fy) / float(np.nanmin(depth))
    largest = float(sample.rectangles.opening.max())
    if largest > limit * 1.05:
        yield f"a rectangle's opening is {largest:.0f} px, the gripper's stroke is at most {limit:.0f} px here"


def what_cannot_be_grasped_has_no_grasp(sample: Sample) -> Iterator[str]:
    """An object without any grasp has neither rectangle nor quality."""
    objects, rectangles = sample.objects, sample.rectangles
    if objects is None or objects.graspable is None or rectangles is None or rectangles.object_id is None:
        return
    for number in np.intersect1d(objects.ids[~objects.graspable], rectangles.object_id):
        yield f"object {number} is said to have no grasp, but has a rectangle"


def _covered(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Cells of a coarser grid (h, w) that hold any pixel of the mask."""
    height, width = mask.shape
    rows, columns = height // shape[0], width // shape[1]
    cells = mask[: rows * shape[0], : columns * shape[1]].reshape(shape[0], rows, shape[1], columns)
    return np.asarray(cells.any(axis=(1, 3)))


#: Of every data set.
LAWS: tuple[Law, ...] = (
    ids_are_known,
    relations_fit_the_objects,
    rectangles_are_on_their_objects,
    rectangles_are_in_the_picture,
    some_rectangle_was_usable,
    dense_grasps_are_consistent,
    depth_is_plausible,
    shapes_hold_what_is_seen,
    camera_pose_is_rigid,
)
#: Of what `gpnet generate` writes, beyond those.
OUR_LAWS: tuple[Law, ...] = (
    openings_are_within_the_stroke,
    what_cannot_be_grasped_has_no_grasp,
)
