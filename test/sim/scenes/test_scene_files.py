"""Scenes as files: everything that is in the scene is in them, and their meshes are readable elsewhere."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import trimesh

from gpnet_ros.data.shards.samples import decode_sample
from gpnet_ros.pose import from_xyz_quat
from gpnet_ros.sim.objects.model import make_object
from gpnet_ros.sim.scenes.arrangement import Arrangement
from gpnet_ros.sim.scenes.files import encode_ply, scene_files
from gpnet_ros.sim.scenes.recipe import SceneRecipe
from gpnet_ros.sim.scenes.scene import Scene, make_scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(6, SceneRecipe(profile="bin", objects=(3, 3), size=(96, 72), views=2, labels="all", parents=True))


def test_a_scene_and_its_pictures_come_back(scene: Scene) -> None:
    files = scene_files(scene)
    assert all(isinstance(data, bytes) for data in files.values())
    about = json.loads(files["scene.json"])
    assert about["name"] == scene.name and about["seed"] == 6
    assert about["recipe"]["profile"] == "bin" and about["bin"]["inner"] == pytest.approx(scene.bin.inner, abs=1e-6)
    for k, entry in enumerate(about["objects"]):
        T = from_xyz_quat(entry["position"], entry["quaternion"])
        assert pytest.approx(scene.heap.T_base_object[k], abs=1e-6) == T
        model = make_object(entry["family"], entry["seed"])
        assert model.mass == pytest.approx(entry["mass"], abs=1e-6)
        assert entry["top_level"] == (entry["layer"] == 0) == scene.relations.top_level[k]
        mesh = trimesh.load(io.BytesIO(files[entry["mesh"]]), file_type="ply", process=False)
        assert mesh.is_watertight
        assert np.asarray(mesh.vertices) == pytest.approx(model.vertices, abs=1e-6)
    again = Arrangement.from_dict(about)
    assert np.array_equal(again.relations.top_level, scene.relations.top_level) and again.heap.bin is not None
    supports = np.zeros((3, 3), dtype=bool)
    for i, j, share in about["supports"]:
        supports[i - 1, j - 1] = True
        assert share > 0.1
    assert np.array_equal(supports, scene.relations.supports)
    assert "parents" in about
    for view, stored in zip(scene.views, about["views"], strict=True):
        sample = decode_sample({n.split("/")[1]: d for n, d in files.items() if n.startswith(f"{view.name}/")}, "test")
        assert sample.name == f"{scene.name}/{view.name}"
        assert sample.rectangles is not None and sample.suction is not None and sample.objects is not None
        assert sample.objects.amodal_masks is not None
        assert len(sample.rectangles) == len(stored["grasps"]["score"]) == len(stored["grasps"]["position"])
        assert sample.rectangles.object_id.tolist() == stored["grasps"]["object_id"]
        for k, grasp in enumerate(view.labels.grasps):
            T = from_xyz_quat(stored["grasps"]["position"][k], stored["grasps"]["quaternion"][k])
            assert np.abs(T - grasp.T_base_tcp).max() < 1e-6
            assert stored["grasps"]["opening"][k] == pytest.approx(grasp.opening, abs=1e-6)
        assert sample.T_base_camera == pytest.approx(from_xyz_quat(stored["position"], stored["quaternion"]), abs=1e-6)
        assert stored["camera"]["fx"] == pytest.approx(view.intrinsics.fx)


def test_parents_are_absent_where_nobody_looked() -> None:
    files = scene_files(make_scene(1, SceneRecipe(profile="single", size=(64, 64))))
    about = json.loads(files["scene.json"])
    assert "parents" not in about and "bin" not in about


def test_the_same_scene_is_the_same_bytes(scene: Scene) -> None:
    assert scene_files(make_scene(6, scene.recipe)) == scene_files(scene)


def test_meshes_with_many_vertices_have_wider_indices() -> None:
    vertices = np.random.default_rng(0).random((70_000, 3))
    faces = np.array([[0, 1, 69_999], [2, 3, 65_536]])
    mesh = trimesh.load(io.BytesIO(encode_ply(vertices, faces)), file_type="ply", process=False)
    assert mesh.faces.tolist() == faces.tolist()
