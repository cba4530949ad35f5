"""Whole objects in a picture: masks and boxes as if nothing were in front of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from gpnet_ros.arrays import Doubles
from gpnet_ros.data.masks import mask_boxes
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import Transform, invert
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import ObjectModel


@dataclass(frozen=True, eq=False)
class Amodal:
    """The n objects of a picture, each as if it were alone; what lies outside of the picture does not count.

    Attributes:
        masks: (n, H, W); the visible mask of an object is part of it.
        boxes: (n, 4) u0, v0, u1, v1 of the masks, pixel edges, end excluded [px]; NaN without a pixel.
        occlusion: (n,) hidden share of the mask, in [0, 1]; NaN without a pixel.
        center_of_mass: (n, 2), projected [px]; may lie outside of the picture.
    """

    masks: NDArray[np.bool_]
    boxes: Doubles
    occlusion: Doubles
    center_of_mass: Doubles


def amodal(heap: Heap, ids: NDArray[np.int32], intrinsics: Intrinsics, T_base_camera: Transform) -> Amodal:
    """Whole masks by rays through the pixels of each object's bounding box, with only this object there.

    Args:
        heap: n objects.
        ids: (H, W) visible masks, index of the object + 1.
        intrinsics, T_base_camera: camera of the picture.
    """
    T_camera_base = invert(T_base_camera)
    masks = np.zeros((len(heap.objects), *ids.shape), dtype=bool)
    for index, (model, T) in enumerate(zip(heap.objects, heap.T_base_object, strict=True)):
        _draw_alone(masks[index], model, T_camera_base @ T, intrinsics)
        masks[index] |= ids == index + 1
    visible = np.bincount(ids[ids > 0], minlength=len(masks) + 1)[1:]
    whole = masks.sum(axis=(1, 2))
    in_camera = heap.T_base_object[:, :3, 3] @ T_camera_base[:3, :3].T + T_camera_base[:3, 3]
    occlusion = np.where(whole > 0, 1.0 - visible / np.maximum(whole, 1), np.nan)
    return Amodal(masks, mask_boxes(masks), occlusion, intrinsics.project(in_camera))


def _draw_alone(
    mask: NDArray[np.bool_], model: ObjectModel, T_camera_object: Transform, intrinsics: Intrinsics
) -> None:
    """Set the pixels of a mask (H, W) that show an object which is in front of the camera."""
    vertices = model.vertices @ T_camera_object[:3, :3].T + T_camera_object[:3, 3]
    low = np.floor(intrinsics.project(vertices).min(axis=0)).astype(int)
    high = np.ceil(intrinsics.project(vertices).max(axis=0)).astype(int) + 1
    (u0, v0), (u1, v1) = np.maximum(low, 0), np.minimum(high, [intrinsics.width, intrinsics.height])
    if u0 >= u1 or v0 >= v1:
        return
    scene = EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(vertices[model.faces], dtype=np.float32))
    u, v = np.meshgrid(np.arange(u0, u1), np.arange(v0, v1))
    pixels = np.stack([u, v], axis=-1).reshape(-1, 2)
    rays = np.ascontiguousarray(intrinsics.deproject(pixels, np.ones(len(pixels))), dtype=np.float32)
    hit = scene.run(np.zeros_like(rays), rays)
    mask[v0:v1, u0:u1] = (hit >= 0).reshape(v1 - v0, u1 - u0)
