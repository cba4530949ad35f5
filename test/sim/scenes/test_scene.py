"""Scenes: they hold together, are the same again, and their labels hold when they are executed."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import invert, look_at, transform
from gpnet_ros.settings import GripperGeometry
from gpnet_ros.sim.labels.grasps import LabelledGrasp
from gpnet_ros.sim.scenes.arrangement import arrange
from gpnet_ros.sim.scenes.recipe import Profile, SceneRecipe
from gpnet_ros.sim.scenes.scene import Scene, SceneView, grasp_rectangles, label_stride, make_scene

SMALL = (120, 96)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(3, SceneRecipe(objects=(5, 5), size=SMALL, views=2, labels="all"))


def test_a_scene_holds_together(scene: Scene) -> None:
    n = len(scene.heap.objects)
    assert n == 5
    assert len(scene.views) == 2
    for view in scene.views:
        assert view.view.color.shape == (SMALL[1], SMALL[0], 3)
        assert view.view.ids.max() <= n
        assert view.labels.quality.shape == (SMALL[1] // view.stride, SMALL[0] // view.stride)
        assert not view.labels.quality[view.labels.ids == 0].any()
        assert 0 <= view.labels.quality.min() <= view.labels.quality.max() <= 1
        # What is seen of an object lies within its size around where the object lies.
        for v, u in np.argwhere(view.view.ids > 0)[::50]:
            index = view.view.ids[v, u] - 1
            point = view.T_base_camera @ [*view.intrinsics.deproject((u, v), view.view.depth[v, u]), 1.0]
            distance = np.linalg.norm(point[:3] - scene.heap.T_base_object[index][:3, 3])
            assert distance < scene.heap.objects[index].radius + 1e-4


def test_samples_agree_with_the_scene(scene: Scene) -> None:
    samples = [view.sample() for view in scene.views]
    assert len({sample.name for sample in samples}) == 2
    assert {sample.scene for sample in samples} == {scene.name}
    seen = np.zeros(5, dtype=bool)
    for sample in samples:
        assert sample.objects is not None
        assert sample.rectangles is not None and sample.rectangles.object_id is not None
        assert sample.suction is not None and sample.ids is not None
        assert np.array_equal(sample.objects.top_level, scene.relations.top_level)
        assert np.array_equal(sample.objects.layer == 0, scene.relations.top_level)
        assert sample.objects.graspable is not None
        seen |= sample.objects.graspable
        # Each rectangle's middle shows its object, and objects have rectangles where grasps are.
        assert set(sample.rectangles.object_id) == set(sample.objects.ids[sample.objects.graspable])
        u, v = np.rint(sample.rectangles.center).astype(int).T
        near = [sample.ids[max(b - 1, 0) : b + 2, max(a - 1, 0) : a + 2] for a, b in zip(u, v, strict=True)]
        assert all((patch == k).any() for patch, k in zip(near, sample.rectangles.object_id, strict=True))
    assert np.array_equal(seen, scene.graspable)


def test_dense_labels_are_of_the_pixels_that_they_stand_for() -> None:
    (view,) = make_scene(1, SceneRecipe(profile="single", size=(320, 320))).views
    assert view.stride == 1
    (view,) = make_scene(1, SceneRecipe(profile="single", size=(480, 480))).views
    assert view.stride == 2 and len(view.rectangles) > 3
    # The entry (r, c) stands for the pixel (2 r + 1, 2 c + 1), where its grasp is seen.
    assert view.rectangles.center % 2 == pytest.approx(1.0, abs=0.01)
    u, v = np.rint((view.rectangles.center - 1) / 2).astype(int).T
    assert view.labels.quality[v, u] == pytest.approx(view.rectangles.score, abs=1e-5)
    assert np.array_equal(view.labels.ids, view.view.ids[1::2, 1::2])


def seen_within_fingers(view: SceneView, lower: float = 0.0) -> int:
    """Grasps whose open fingers hold a point that the exact depth shows; `lower` puts the tips deeper [m]."""
    hand, shrink = GripperGeometry(), 0.0003
    v, u = np.nonzero(np.isfinite(view.view.depth))
    in_camera = view.intrinsics.deproject(np.column_stack([u, v]), view.view.depth[v, u])
    points = in_camera @ view.T_base_camera[:3, :3].T + view.T_base_camera[:3, 3]
    count = 0
    for grasp in view.labels.grasps:
        T_tcp_base = invert(grasp.T_base_tcp)
        x, y, z = (points @ T_tcp_base[:3, :3].T + T_tcp_base[:3, 3]).T  # z towards the table
        beyond = np.abs(x) - grasp.opening / 2
        finger = (
            (beyond > shrink) & (beyond < hand.finger_thickness - shrink) & (np.abs(y) < hand.pad_width / 2 - shrink)
        )
        count += bool((finger & (z < lower - shrink) & (z > -hand.finger_length)).any())
    return count


@pytest.mark.parametrize(("profile", "seed"), [("stack", 3), ("bin", 2)])
def test_fingers_are_free_in_the_exact_depth(profile: Profile, seed: int) -> None:
    views = make_scene(seed, SceneRecipe(profile, objects=(6, 6), size=(240, 240), views=2)).views
    assert sum(len(view.labels.grasps) for view in views) > 20
    assert [seen_within_fingers(view) for view in views] == [0, 0]
    assert sum(seen_within_fingers(view, lower=0.008) for view in views) > 0  # or it would not see a blocked finger


def test_grasps_only_leaves_the_rest_unsaid() -> None:
    (view,) = make_scene(3, SceneRecipe(profile="single", size=(64, 64))).views
    sample = view.sample()
    assert sample.suction is None and sample.objects is not None
    assert sample.objects.amodal_masks is None and sample.objects.occlusion is None
    assert sample.objects.center_of_mass is None and sample.objects.boxes is not None


def test_a_lone_object_is_top_level() -> None:
    lone = make_scene(8, SceneRecipe(profile="single", objects=(4, 9), size=(64, 64)))
    assert len(lone.heap.objects) == 1
    assert lone.relations.top_level.tolist() == [True] and lone.layer.tolist() == [0]


def test_the_same_arguments_give_the_same_scene_and_others_do_not(scene: Scene) -> None:
    again = make_scene(3, scene.recipe)
    for a, b in zip(scene.views, again.views, strict=True):
        assert np.array_equal(a.view.color, b.view.color)
        assert np.array_equal(a.view.depth, b.view.depth, equal_nan=True)
        assert np.array_equal(a.labels.quality, b.labels.quality)
        assert np.array_equal(a.rectangles.center, b.rectangles.center)
    assert not np.array_equal(scene.views[0].view.color, scene.views[1].view.color)
    other = arrange(4, SceneRecipe(profile="bin", objects=(5, 5)))
    assert [o.seed for o in other.heap.objects] != [o.seed for o in scene.heap.objects]


def test_a_bin_holds_its_heap_and_blocks_grasps() -> None:
    scene = make_scene(2, SceneRecipe(profile="bin", objects=(6, 6), size=SMALL))
    assert scene.bin is not None
    assert scene.bin.holds(scene.heap.T_base_object[:, :3, 3]).all()
    for model, T in zip(scene.heap.objects, scene.heap.T_base_object, strict=True):
        assert (model.vertices @ T[:3, :3].T + T[:3, 3])[:, 2].min() > scene.bin.floor - 0.001
    tips = scene.views[0].labels.tip
    assert (tips[np.isfinite(tips)] > scene.bin.floor + 0.003).all()
    assert make_scene(2, SceneRecipe(profile="table", objects=(6, 6), size=SMALL)).bin is None


def test_openings_and_pads_of_rectangles_are_projected_as_a_camera_sees_them() -> None:
    camera = Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0)
    T_base_camera = look_at([0.65, 0.0, 0.9], [0.65, 0.0, 0.0])
    down = np.array([0.0, 0.0, -1.0])
    for yaw in (0.0, 0.3, 1.2):
        x = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        T = transform(np.column_stack([x, np.cross(down, x), down]), [0.68, 0.02, 0.01])
        (grasp,) = (grasp_rectangles([LabelledGrasp(T, 0.06, 0.5, 2, 0.05)], camera, T_base_camera),)
        scale = 600.0 / (0.9 - 0.05)
        assert grasp.opening[0] == pytest.approx(0.06 * scale)
        assert grasp.jaw[0] == pytest.approx(0.022 * scale)
        surface = invert(T_base_camera) @ [0.68, 0.02, 0.05, 1.0]
        assert grasp.center[0] == pytest.approx(camera.project(surface[:3]))
        axis = invert(T_base_camera)[:3, :3] @ x
        assert np.cos(2 * (grasp.angle[0] - np.arctan2(axis[1], axis[0]))) == pytest.approx(1.0)
        assert grasp.object_id is not None and grasp.object_id.tolist() == [3]
    nothing = grasp_rectangles([], camera, T_base_camera)
    assert len(nothing) == 0 and nothing.score is not None and nothing.object_id is not None


@pytest.mark.parametrize(("size", "stride"), [((480, 480), 2), ((640, 480), 2), ((96, 96), 1), ((500, 334), 2)])
def test_strides_divide_the_picture(size: tuple[int, int], stride: int) -> None:
    assert label_stride(size) == stride


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "tower"},
        {"labels": "some"},
        {"split": "test"},
        {"objects": (0, 3)},
        {"objects": (4, 3)},
        {"objects": (1, 99)},
        {"size": (8, 480)},
        {"size": (480, 100_000)},
        {"views": 0},
    ],
)
def test_recipes_that_cannot_be_cooked_are_refused(wrong: dict) -> None:
    with pytest.raises(BadInput):
        SceneRecipe(**wrong)


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(BadInput, match="-1 is negative"):
        make_scene(-1, SceneRecipe())
