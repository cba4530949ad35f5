"""What must hold of a generated scene beyond each of its pictures: relations, grasps in space, what is held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.sample import Sample
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import from_xyz_quat, invert
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.objects.model import FAMILIES
from gpnet_ros.sim.objects.splits import OBJECT_SEEDS, families
from gpnet_ros.sim.scenes.recipe import Split

_GRIPPER = GripperGeometry()
_ROUNDING = 1e-6  # [m]
#: How far from its rectangle's centre the fingertips of a grasp may be seen [m]: they close below the surface.
_TIP_OFFSET = 0.045


def split_of(arguments: Mapping[str, Any]) -> Split | None:
    """The split that a run of `gpnet generate` drew its objects from; None if shards came from elsewhere.

    Args:
        arguments: of the index. The scenes of a fixed test set are held out whatever the recipe says.
    """
    test_set = arguments.get("test_set")
    if test_set is not None:
        return "unseen" if str(test_set).startswith("unseen") else "seen"
    split = arguments.get("split")
    return split if split in get_args(Split) else None


def scene_violations(about: Mapping[str, Any], samples: list[Sample], split: Split | None) -> Iterator[str]:
    """One sentence per broken law.

    Args:
        about: scene.json.
        samples: the pictures of the scene.
        split: that the objects were drawn from; None takes the one that the scene names.
    """
    try:
        objects = [(str(entry["family"]), int(entry["seed"])) for entry in about["objects"]]
        rests = _matrix(about["supports"], len(objects))
        covered = _matrix(about["covered_by"], len(objects))
        views = {str(view["name"]): view["grasps"] for view in about["views"]}
        named = about["recipe"]["split"]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        yield f"scene.json cannot be used ({error!r})"
        return
    if split is not None or named in get_args(Split):
        yield from _held_out(objects, named if split is None else split)
    for sample in samples:
        yield from _as_the_scene(sample, [family for family, _ in objects], rests, covered)
        grasps = views.get(sample.name.removeprefix(f"{sample.scene}/"))
        if grasps is None:
            yield f"{sample.name}: the scene does not list this picture"
        else:
            yield from _as_in_space(sample, grasps)


def _matrix(pairs: Any, n: int) -> NDArray[np.bool_]:
    """[i, j] of pairs of ids from 1."""
    matrix = np.zeros((n, n), dtype=bool)
    for i, j, *_ in pairs:
        if min(int(i), int(j)) < 1:
            raise ValueError(f"object id {min(i, j)}")
        matrix[int(i) - 1, int(j) - 1] = True
    return matrix


def _held_out(objects: list[tuple[str, int]], split: Split) -> Iterator[str]:
    """Families and object seeds are those of the split, which has none of another's; a user's meshes have no family."""
    allowed, (first, last) = families(split), OBJECT_SEEDS[split]
    for family, seed in objects:
        if family in FAMILIES and family not in allowed:
            yield f"a {family} is in a scene of the split '{split}', which must not have any"
        if family in FAMILIES and not first <= seed < last:
            yield f"{family} {seed} is in a scene of the split '{split}', whose objects are {first} to {last - 1}"


def _as_the_scene(
    sample: Sample, names: list[str], rests: NDArray[np.bool_], covered: NDArray[np.bool_]
) -> Iterator[str]:
    """The picture lists the scene's objects, and its relations are those of the scene."""
    objects = sample.objects
    if objects is None or not np.array_equal(objects.ids, np.arange(1, len(names) + 1)):
        yield f"{sample.name}: the picture does not list the {len(names)} objects of its scene"
        return
    if objects.category is not None and list(objects.category) != names:
        yield f"{sample.name}: the objects are {list(objects.category)}, in the scene {names}"
    if objects.covered_by is None:
        yield f"{sample.name}: the picture has no relations"
        return
    for i, j in np.argwhere(objects.covered_by != (rests.T | covered)):
        yield f"{sample.name}: picture and scene disagree about whether object {j + 1} lies on object {i + 1}"


def _as_in_space(sample: Sample, grasps: Mapping[str, Any]) -> Iterator[str]:
    """Each rectangle has its grasp in space: on the same object, where it is seen, within stroke and reach."""
    rectangles, camera, T_base_camera = sample.rectangles, sample.frame.intrinsics, sample.T_base_camera
    if rectangles is None or rectangles.object_id is None or camera is None or T_base_camera is None:
        yield f"{sample.name}: the picture lacks camera or rectangles"
        return
    if sample.grasps is None:
        yield f"{sample.name}: the picture lacks dense grasps"
    try:
        ids, openings = (np.asarray(grasps[key], dtype=np.float64) for key in ("object_id", "opening"))
        poses = [from_xyz_quat(*pose) for pose in zip(grasps["position"], grasps["quaternion"], strict=True)]
    except (BadInput, KeyError, TypeError, ValueError) as error:
        yield f"{sample.name}: the grasps in space cannot be used ({error!r})"
        return
    if not np.array_equal(ids, rectangles.object_id) or not len(ids) == len(openings) == len(poses):
        yield f"{sample.name}: the rectangles and the grasps in space are not on the same objects"
        return
    wrong = openings[~((openings > 0) & (openings <= _GRIPPER.stroke + _ROUNDING))]
    if len(wrong):
        yield f"{sample.name}: an opening is {wrong[0] * 1e3:.1f} mm, the gripper has {_GRIPPER.stroke * 1e3:.0f}"
    T_camera_base = invert(T_base_camera)
    for row, T_base_tcp in enumerate(poses):
        T_camera_tcp = T_camera_base @ T_base_tcp
        away = float(np.linalg.norm(camera.project(T_camera_tcp[:3, 3]) - rectangles.center[row]))
        limit = _TIP_OFFSET * max(camera.fx, camera.fy) / T_camera_tcp[2, 3]
        if T_camera_tcp[2, 3] <= 0 or away > limit:
            yield f"{sample.name}: grasp {row} is {away:.0f} px from its rectangle, {limit:.0f} are plausible"
