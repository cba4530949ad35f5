"""Scenes: a heap, cameras, a look, and everything that is true about the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.masks import visible_boxes
from gpnet_ros.data.sample import DenseGrasps, Objects, Sample
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.pose import Transform, invert
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.sim.camera.meshes import box_mesh, table_mesh
from gpnet_ros.sim.camera.raycast import Mesh, RayScene
from gpnet_ros.sim.camera.render import View, render
from gpnet_ros.sim.heap.bin import Bin
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.labels.amodal import Amodal, amodal
from gpnet_ros.sim.labels.exact import ExactView, Solids
from gpnet_ros.sim.labels.grasps import GraspLabeller, GraspLabels, LabelledGrasp, LabelSettings
from gpnet_ros.sim.labels.relations import Relations
from gpnet_ros.sim.labels.suction import suction_quality
from gpnet_ros.sim.looks.style import random_bin, random_object, random_style
from gpnet_ros.sim.looks.texture import Texture
from gpnet_ros.sim.scenes.arrangement import Arrangement, Shot, arrange
from gpnet_ros.sim.scenes.recipe import SceneRecipe

_LABEL_SIDE = 240  # of the dense labels, about, on the longer side [px]
_LABELS = LabelSettings(grasps_per_object=60, grasps_apart=0.006)  # as dense as Jacquard's annotations
_FLOOR_Z = -0.75  # under the table [m]


@dataclass(frozen=True, eq=False)
class SceneView:
    """One picture of a scene with its labels.

    Attributes:
        scene: name of the scene.
        name: of the picture within it.
        intrinsics, T_base_camera: camera of all that follows.
        view: colour, exact depth, ids (index of the object + 1).
        labels: dense grasps of every `stride`-th pixel, and the distinct best grasps in space.
        stride: pixels of the picture per entry of the labels.
        rectangles: the distinct best grasps in the picture.
        objects: what is known of each object.
        suction: (H, W) float32 in [0, 1], or None.
    """

    scene: str
    name: str
    intrinsics: Intrinsics
    T_base_camera: Transform
    view: View
    labels: GraspLabels
    stride: int
    rectangles: Rectangles
    objects: Objects
    suction: NDArray[np.float32] | None

    def sample(self) -> Sample:
        """The picture as every loader yields it."""
        dense = DenseGrasps(self.labels.quality, self.labels.angle, self.labels.opening)
        return Sample(
            name=f"{self.scene}/{self.name}",
            scene=self.scene,
            frame=Frame(self.view.color, self.view.depth, self.intrinsics),
            rectangles=self.rectangles,
            ids=self.view.ids,
            objects=self.objects,
            grasps=dense,
            suction=self.suction,
            T_base_camera=self.T_base_camera,
        )


@dataclass(frozen=True, eq=False)
class Scene:
    """A heap that was looked at.

    Attributes:
        recipe: what it was made by.
        arrangement: what lies where, with relations, seed and cameras.
        graspable: (n,), a grasp of the object exists in one of the views.
        views: the pictures.
    """

    recipe: SceneRecipe
    arrangement: Arrangement
    graspable: NDArray[np.bool_]
    views: tuple[SceneView, ...]

    @property
    def name(self) -> str:
        """Name of the scene in file names and splits."""
        return self.arrangement.name

    @property
    def seed(self) -> int:
        """Seed from which heap, cameras and looks were drawn."""
        return self.arrangement.seed

    @property
    def heap(self) -> Heap:
        """The n objects at rest, with their poses in base."""
        return self.arrangement.heap

    @property
    def bin(self) -> Bin | None:
        """The bin around the heap; None on a table."""
        return self.heap.bin

    @property
    def relations(self) -> Relations:
        """Which of the n objects rest on or lie above which."""
        return self.arrangement.relations

    @property
    def layer(self) -> NDArray[np.int64]:
        """Layer of each object, (n,): 0 for topmost, 1 for what is topmost when layer 0 is gone, and so on."""
        return self.relations.layer

    @property
    def parents(self) -> NDArray[np.bool_] | None:
        """Who moves when another is taken, (n, n) as `removal_parents` gives it; None where that was not asked for."""
        return self.arrangement.parents


def make_scene(seed: int, recipe: SceneRecipe) -> Scene:
    """A scene; the same arguments give the same one on the same machine.

    Raises:
        BadInput: a negative seed, or meshes of the user that cannot be used.
    """
    return photograph(arrange(seed, recipe), recipe)


def photograph(arrangement: Arrangement, recipe: SceneRecipe) -> Scene:
    """Pictures and labels of what lies there already; nothing moves."""
    scenery = random_style(arrangement.look)
    meshes, poses = scene_meshes(arrangement.heap, arrangement.look, scenery.floor)
    rays, labeller = RayScene(meshes), GraspLabeller(Solids.of(arrangement.heap), _LABELS)
    views = []
    for k, shot in enumerate(arrangement.shots):
        # Things look the same from everywhere; lights and the camera's look are those of the shot.
        style = replace(random_style(shot.style), table=scenery.table, decals=scenery.decals, floor=scenery.floor)
        picture = render(rays, poses, shot.intrinsics, shot.T_base_camera, style, "high")
        views.append(_labelled(arrangement, labeller, shot, picture, f"view_{k}", recipe))
    graspable = np.zeros(len(arrangement.heap.objects), dtype=bool)
    for view in views:
        graspable |= graspable_objects(view.labels, len(graspable))
    return Scene(recipe, arrangement, graspable, tuple(views))


def scene_meshes(heap: Heap, look: int, floor: Texture | None) -> tuple[list[Mesh], list[Transform]]:
    """Table, floor, bin and objects (ids 1..n) for the renderer, and pose T_base_mesh (4, 4) of each.

    Args:
        heap: what lies there.
        look: seed of the textures and of the table's size.
        floor: texture of the floor.
    """
    rng = np.random.default_rng([8, look])
    seeds = rng.integers(2**31, size=1 + len(heap.objects))
    size = rng.uniform([1.0, 1.2], [1.8, 2.4])
    centre = heap.T_base_object[:, :2, 3].mean(axis=0) + rng.uniform(-0.4, 0.4, 2) * (size - 0.8)
    ground = box_mesh((8.0, 8.0, 0.02), 0, floor, (*centre, _FLOOR_Z - 0.01))
    meshes, poses = [table_mesh(size, centre=centre), ground], [np.eye(4), np.eye(4)]
    if heap.bin is not None:
        meshes.append(heap.bin.mesh(random_bin(int(seeds[0]))))
        poses.append(heap.bin.T_base_bin)
    for index, (model, T) in enumerate(zip(heap.objects, heap.T_base_object, strict=True)):
        texture = random_object(int(seeds[1 + index]), model.family)
        meshes.append(Mesh(model.vertices, model.faces, index + 1, texture))
        poses.append(T)
    return meshes, poses


def _labelled(
    arrangement: Arrangement, labeller: GraspLabeller, shot: Shot, picture: View, name: str, recipe: SceneRecipe
) -> SceneView:
    stride = label_stride(recipe.size)
    labels = labeller.labels(_exact_view(shot, picture, stride))
    rectangles = grasp_rectangles(labels.grasps, shot.intrinsics, shot.T_base_camera)
    whole = suction = None
    if recipe.labels == "all":
        whole = amodal(arrangement.heap, picture.ids, shot.intrinsics, shot.T_base_camera)
        suction = suction_quality(picture.depth, picture.ids, arrangement.heap, shot.intrinsics, shot.T_base_camera)
    objects = _objects(arrangement, picture, labels, whole)
    scene = arrangement.name
    return SceneView(
        scene, name, shot.intrinsics, shot.T_base_camera, picture, labels, stride, rectangles, objects, suction
    )


def label_stride(size: tuple[int, int]) -> int:
    """Pixels per entry of the dense labels: divides width and height, and leaves about `_LABEL_SIDE` entries."""
    wanted = max(round(max(size) / _LABEL_SIDE), 1)
    return next(s for s in range(wanted, 0, -1) if size[0] % s == 0 and size[1] % s == 0)


def _exact_view(shot: Shot, picture: View, stride: int) -> ExactView:
    """What the labels are made of: every `stride`-th pixel of a picture."""
    k, first = shot.intrinsics, stride // 2
    coarse = Intrinsics(
        k.width // stride,
        k.height // stride,
        k.fx / stride,
        k.fy / stride,
        (k.cx - first) / stride,
        (k.cy - first) / stride,
    )
    depth = np.ascontiguousarray(picture.depth[first::stride, first::stride])
    ids = np.ascontiguousarray(picture.ids[first::stride, first::stride])
    return ExactView(depth, ids, coarse, shot.T_base_camera)


def grasp_rectangles(grasps: Sequence[LabelledGrasp], intrinsics: Intrinsics, T_base_camera: Transform) -> Rectangles:
    """Grasps in space as rectangles [px]: opening and pad, at the height of the object's surface, projected exactly.

    Args:
        grasps: n of them.
        intrinsics: camera model.
        T_base_camera: pose of the camera.
    """
    T = np.array([grasp.T_base_tcp for grasp in grasps]).reshape(-1, 4, 4)
    middle = np.column_stack([T[:, :2, 3], [grasp.surface for grasp in grasps]]).reshape(-1, 3)
    half = np.array([grasp.opening for grasp in grasps])[:, None] / 2
    along, across = T[:, :3, 0] * half, T[:, :3, 1] * _LABELS.gripper.pad_width / 2
    T_camera_base = invert(T_base_camera)
    ends = np.stack([middle, middle - along, middle + along, middle - across, middle + across])
    center, start, stop, left, right = intrinsics.project(ends @ T_camera_base[:3, :3].T + T_camera_base[:3, 3])
    opening, jaw = stop - start, right - left
    return Rectangles(
        center,
        np.arctan2(opening[:, 1], opening[:, 0]),
        np.hypot(*opening.T),
        np.hypot(*jaw.T),
        np.array([grasp.score for grasp in grasps]),
        np.array([grasp.object + 1 for grasp in grasps], dtype=np.int64),
    )


def graspable_objects(labels: GraspLabels, n: int) -> NDArray[np.bool_]:
    """(n,) whether the labels hold a grasp of the object."""
    return np.asarray(np.bincount(labels.ids[labels.quality > 0], minlength=n + 1)[1:] > 0)


def _objects(arrangement: Arrangement, picture: View, labels: GraspLabels, whole: Amodal | None) -> Objects:
    models, related = arrangement.heap.objects, arrangement.relations
    n = len(models)
    return Objects(
        ids=np.arange(1, n + 1),
        category=tuple(model.family for model in models),
        boxes=visible_boxes(picture.ids, np.arange(1, n + 1)),
        amodal_boxes=None if whole is None else whole.boxes,
        amodal_masks=None if whole is None else whole.masks,
        occlusion=None if whole is None else whole.occlusion,
        center_of_mass=None if whole is None else whole.center_of_mass,
        covered_by=related.before,
        layer=related.layer,
        graspable=graspable_objects(labels, n),
    )
