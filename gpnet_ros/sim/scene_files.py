"""A scene as the files it becomes in a shard: what is true of it, the meshes, and its pictures.

docs/data_format.md describes them.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.shard_writer import scene_members
from gpnet_ros.data.shards import encode_json
from gpnet_ros.pose import to_xyz_quat
from gpnet_ros.sim.labels import LabelledGrasp
from gpnet_ros.sim.objects import ObjectModel
from gpnet_ros.sim.recipe import Recipe
from gpnet_ros.sim.scene import Scene, SceneView

VERSION = 1
_DECIMALS = 7  # of lengths [m] and quaternions: a tenth of a micrometre
_SHARE_DECIMALS = 4  # of scores and shares


def scene_files(scene: Scene) -> dict[str, bytes]:
    """Files of a scene, named relative to its folder: scene.json, object_1.ply, ..., and a folder per picture."""
    meshes = {f"object_{k + 1}.ply": encode_ply(o.vertices, o.faces) for k, o in enumerate(scene.heap.objects)}
    pictures = scene_members(view.sample() for view in scene.views)
    return {"scene.json": encode_json(scene_about(scene)), **meshes, **pictures}


def scene_about(scene: Scene) -> dict[str, Any]:
    """Content of scene.json: plain numbers in SI units, poses in base, ids from 1."""
    related = scene.relations
    about: dict[str, Any] = {
        "version": VERSION,
        "name": scene.name,
        "seed": scene.seed,
        "recipe": _recipe(scene.recipe),
        "look": scene.arrangement.look,
        "objects": [_object(scene, k) for k in range(len(scene.heap.objects))],
        "supports": [[*_ids(pair), _share(related.share[tuple(pair)])] for pair in np.argwhere(related.supports)],
        "covered_by": [_ids(pair) for pair in np.argwhere(related.covered_by)],
    }
    if scene.parents is not None:
        about["parents"] = [_ids(pair) for pair in np.argwhere(scene.parents)]
    if scene.bin is not None:
        about["bin"] = scene.bin.to_dict()
    shots = zip(scene.arrangement.shots, scene.views, strict=True)
    about["views"] = [{"name": view.name, **shot.to_dict(), "grasps": _grasps(view)} for shot, view in shots]
    return about


def encode_ply(vertices: NDArray[np.float64], faces: NDArray[np.integer]) -> bytes:
    """A mesh as binary PLY: float32 vertices [m], triangles (Turk, "The PLY polygon file format", 1994)."""
    index = np.dtype("<u2") if len(vertices) < 65536 else np.dtype("<i4")
    kind = "ushort" if index.itemsize == 2 else "int"
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {len(faces)}", f"property list uchar {kind} vertex_indices", "end_header", ""]
    rows = np.empty(len(faces), dtype=[("count", "u1"), ("corners", index, 3)])
    rows["count"], rows["corners"] = 3, faces
    return "\n".join(lines).encode() + np.ascontiguousarray(vertices, dtype="<f4").tobytes() + rows.tobytes()


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """The recipe; of a folder of meshes only its name, which is the same on every machine."""
    about = asdict(recipe) | {"objects": list(recipe.objects), "size": list(recipe.size)}
    about["meshes"] = None if recipe.meshes is None else PurePath(recipe.meshes).name
    return about


def _object(scene: Scene, index: int) -> dict[str, Any]:
    model: ObjectModel = scene.heap.objects[index]
    return {
        "id": index + 1,
        "family": model.family,
        "seed": model.seed,
        "mesh": f"object_{index + 1}.ply",
        **_pose(scene.heap.T_base_object[index]),
        "mass": round(model.mass, _DECIMALS),
        "friction": round(model.friction, _DECIMALS),
        "top_level": bool(scene.relations.top_level[index]),
        "layer": int(scene.layer[index]),
        "graspable": bool(scene.graspable[index]),
    }


def _grasps(view: SceneView) -> dict[str, Any]:
    """The rectangles' grasps in space, in their order."""
    grasps: tuple[LabelledGrasp, ...] = view.labels.grasps
    poses = [_pose(grasp.T_base_tcp) for grasp in grasps]
    return {
        "position": [pose["position"] for pose in poses],
        "quaternion": [pose["quaternion"] for pose in poses],
        "opening": [round(grasp.opening, _DECIMALS) for grasp in grasps],
        "score": [round(grasp.score, _SHARE_DECIMALS) for grasp in grasps],
        "object_id": [grasp.object + 1 for grasp in grasps],
    }


def _pose(T: NDArray[np.float64]) -> dict[str, list[float]]:
    position, quaternion = to_xyz_quat(T)
    return {"position": position.round(_DECIMALS).tolist(), "quaternion": quaternion.round(_DECIMALS).tolist()}


def _ids(pair: NDArray[np.integer]) -> list[int]:
    return [int(pair[0]) + 1, int(pair[1]) + 1]


def _share(value: float) -> float:
    return round(float(value), _SHARE_DECIMALS)
