"""A scene as the files it becomes in a shard: what is true of it, the meshes, and its pictures.

docs/data_format.md describes them.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.data.shards.encoding import encode_json
from gpnet_ros.data.shards.writer import scene_members
from gpnet_ros.pose import to_xyz_quat
from gpnet_ros.sim.heap.stored_lines import rounded
from gpnet_ros.sim.scenes.recipe import SceneRecipe
from gpnet_ros.sim.scenes.scene import Scene, SceneView

SCENE_VERSION = 1


def scene_files(scene: Scene) -> dict[str, bytes]:
    """Files of a scene, named relative to its folder: scene.json, object_1.ply, ..., and a folder per picture."""
    meshes = {f"object_{k + 1}.ply": encode_ply(o.vertices, o.faces) for k, o in enumerate(scene.heap.objects)}
    pictures = scene_members(view.sample() for view in scene.views)
    return {"scene.json": encode_json(scene_about(scene)), **meshes, **pictures}


def scene_about(scene: Scene) -> dict[str, Any]:
    """Content of scene.json: plain numbers in SI units, poses in base, ids from 1."""
    about = scene.arrangement.to_dict()
    about |= {
        "objects": [entry | more for entry, more in zip(about["objects"], _objects(scene), strict=True)],
        "views": [entry | {"grasps": _grasps(view)} for entry, view in zip(about["views"], scene.views, strict=True)],
    }
    return {"version": SCENE_VERSION, **rounded({**about, "recipe": _recipe(scene.recipe)})}


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


def _recipe(recipe: SceneRecipe) -> dict[str, Any]:
    """The recipe; of a folder of meshes only its name, which is the same on every machine."""
    about = asdict(recipe) | {"objects": list(recipe.objects), "size": list(recipe.size)}
    about["meshes"] = None if recipe.meshes is None else PurePath(recipe.meshes).name
    return about


def _objects(scene: Scene) -> list[dict[str, Any]]:
    """What scene.json says of each object beyond family, seed and pose."""
    top_level, layer = scene.relations.top_level, scene.layer
    return [
        {
            "id": k + 1,
            "mesh": f"object_{k + 1}.ply",
            "mass": model.mass,
            "friction": model.friction,
            "top_level": bool(top_level[k]),
            "layer": int(layer[k]),
            "graspable": bool(scene.graspable[k]),
        }
        for k, model in enumerate(scene.heap.objects)
    ]


def _grasps(view: SceneView) -> dict[str, Any]:
    """The rectangles' grasps in space, in their order."""
    grasps = view.labels.grasps
    T_base_tcp = np.array([grasp.T_base_tcp for grasp in grasps]).reshape(-1, 4, 4)
    position, quaternion = to_xyz_quat(T_base_tcp)
    return {
        "position": position.tolist(),
        "quaternion": quaternion.tolist(),
        "opening": [grasp.opening for grasp in grasps],
        "score": [grasp.score for grasp in grasps],
        "object_id": [grasp.object + 1 for grasp in grasps],
    }
