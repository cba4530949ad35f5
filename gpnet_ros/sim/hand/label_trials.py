"""Are the labels true? Labels of whole scenes, executed by the gripper in the very heap that they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, opening_axis, transform
from gpnet_ros.sim.camera.meshes import table_mesh
from gpnet_ros.sim.camera.raycast import Mesh, RayScene
from gpnet_ros.sim.hand.foresight import disturbs
from gpnet_ros.sim.hand.hand import Hand
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.exact import ExactView, Solids
from gpnet_ros.sim.labels.grasps import GraspLabels, LabelSettings, grasp_labels
from gpnet_ros.sim.labels.jaw_grades import YAWS
from gpnet_ros.sim.scenes.arrangement import Arrangement

LabelKind = Literal["positive", "negative", "best"]

#: A pixel with at least this score counts as a positive label.
POSITIVE = 0.2
_SETTINGS = LabelSettings()


@dataclass(frozen=True)
class LabelTrial:
    """Outcome of one label that the gripper executed.

    Attributes:
        scene: seed of the scene.
        kind: "positive": a pixel with a grasp; "negative": a pixel of an object without one, at a random angle;
            "best": the best grasp of an object.
        family: of the object.
        score: of the label, 0 for a negative.
        top: whether the object was top-level.
        lifted: the object of the label was lifted and carried away.
        status: of the pick; see `PickOutcome`.
        disturbed: the pick moved another object by more than 2 cm, took it too, or made it fall.
    """

    scene: int
    kind: LabelKind
    family: str
    score: float
    top: bool
    lifted: bool
    status: str
    disturbed: bool


def scene_trials(arrangement: Arrangement, positives: int, negatives: int) -> list[LabelTrial]:
    """Executes labels of the first view of a scene, each in a fresh copy of it.

    Args:
        arrangement: what lies where.
        positives, negatives: most pixels of each kind. First an object is drawn, then a pixel of it, so that large
            objects do not count more. The best grasp of each object is executed, too.
    """
    heap, top = arrangement.heap, arrangement.relations.top_level
    shot = arrangement.shots[0]
    labels, depth = _look(heap, shot.intrinsics, shot.T_base_camera)
    rng = np.random.default_rng([9, arrangement.seed])
    trials = []
    for pixel in _pixels(rng, labels.ids, labels.quality >= POSITIVE, positives):
        T, opening = _as_read(labels, depth, pixel, shot.intrinsics, shot.T_base_camera)
        trials.append(_execute(arrangement, "positive", T, opening, labels.ids[pixel] - 1, labels.quality[pixel], top))
    for pixel in _pixels(rng, labels.ids, (labels.ids > 0) & (labels.quality == 0), negatives):
        T = _random_grasp(rng, heap, depth, pixel, shot.intrinsics, shot.T_base_camera)
        trials.append(_execute(arrangement, "negative", T, _SETTINGS.gripper.stroke, labels.ids[pixel] - 1, 0.0, top))
    best = {grasp.object: grasp for grasp in reversed(labels.grasps)}
    for index in sorted(best):
        grasp = best[index]
        trials.append(_execute(arrangement, "best", grasp.T_base_tcp, grasp.opening, index, grasp.score, top))
    return trials


def _look(heap: Heap, intrinsics: Intrinsics, T_base_camera: Transform) -> tuple[GraspLabels, NDArray[np.float32]]:
    """Labels of every pixel of a view, and its exact depth (h, w) [m]."""
    meshes = [table_mesh(), *(Mesh(o.vertices, o.faces, k + 1) for k, o in enumerate(heap.objects))]
    poses = [np.eye(4), *heap.T_base_object]
    if heap.bin is not None:
        meshes.append(heap.bin.mesh())
        poses.append(heap.bin.T_base_bin)
    depth, ids = RayScene(meshes).place(poses).depth(intrinsics, T_base_camera)
    return grasp_labels(Solids.of(heap), ExactView(depth, ids, intrinsics, T_base_camera)), depth


def _pixels(
    rng: np.random.Generator, ids: NDArray[np.int32], allowed: NDArray[np.bool_], most: int
) -> Sequence[tuple[int, int]]:
    """Allowed pixels (row, column), none twice: of an object drawn at random, any."""
    left = allowed.copy()
    found: list[tuple[int, int]] = []
    while len(found) < most and left.any():
        index = rng.choice(np.unique(ids[left]))
        places = np.argwhere(left & (ids == index))
        row, column = places[rng.integers(len(places))]
        left[row, column] = False
        found.append((int(row), int(column)))
    return found


def _point(depth: NDArray[np.float32], pixel: tuple[int, int], intrinsics: Intrinsics, T: Transform) -> NDArray:
    """What a pixel shows, (3,) in base [m]."""
    return np.asarray(T[:3, :3] @ intrinsics.deproject(pixel[::-1], depth[pixel]) + T[:3, 3])


def _as_read(
    labels: GraspLabels,
    depth: NDArray[np.float32],
    pixel: tuple[int, int],
    intrinsics: Intrinsics,
    T_base_camera: Transform,
) -> tuple[Transform, float]:
    """T_base_tcp and opening [m] of a pixel, from the dense maps alone, as whoever trains on them reads them."""
    x, y, _ = _point(depth, pixel, intrinsics, T_base_camera)
    R = T_base_camera[:3, :3]
    along = R @ opening_axis(pixel[::-1], float(labels.angle[pixel]), intrinsics, R.T @ [0.0, 0.0, -1.0])
    return _vertical(np.arctan2(along[1], along[0]), x, y, float(labels.tip[pixel])), float(labels.opening[pixel])


def _random_grasp(
    rng: np.random.Generator,
    heap: Heap,
    depth: NDArray[np.float32],
    pixel: tuple[int, int],
    intrinsics: Intrinsics,
    T_base_camera: Transform,
) -> Transform:
    """T_base_tcp through a pixel by the rule of the labels, at a random one of their angles."""
    x, y, z = _point(depth, pixel, intrinsics, T_base_camera)
    tip = max(z - _SETTINGS.gripper.finger_depth, Solids.of(heap).table_z + _SETTINGS.table_clearance)
    return _vertical(float(rng.choice(YAWS)), x, y, tip)


def _vertical(yaw: float, x: float, y: float, tip: float) -> Transform:
    along, down = np.array([np.cos(yaw), np.sin(yaw), 0.0]), np.array([0.0, 0.0, -1.0])
    return transform(np.column_stack([along, np.cross(down, along), down]), (x, y, tip))


def _execute(
    arrangement: Arrangement,
    kind: LabelKind,
    T_base_tcp: Transform,
    opening: float,
    index: int,
    score: float,
    top: NDArray[np.bool_],
) -> LabelTrial:
    outcome = Hand(arrangement.heap).pick(T_base_tcp, opening)
    return LabelTrial(
        scene=arrangement.seed,
        kind=kind,
        family=arrangement.heap.objects[index].family,
        score=float(score),
        top=bool(top[index]),
        lifted=int(index) in outcome.removed,
        status=outcome.status,
        disturbed=disturbs(outcome, int(index)),
    )
