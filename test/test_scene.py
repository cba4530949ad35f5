"""Training scenes: layers of a heap, cameras, and labels that hold when they are executed."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.maps import NETWORK_SIDE, Grid
from gpnet_ros.pose import invert, opening_axis, transform
from gpnet_ros.settings import GripperGeometry, Workspace
from gpnet_ros.sim.d435 import D435_640x480
from gpnet_ros.sim.hand import Hand
from gpnet_ros.sim.relations import Relations
from gpnet_ros.sim.scene import SIDE, Scene, layers, make_scene, random_camera


def related(supports: list[tuple[int, int]], covers: list[tuple[int, int]], n: int) -> Relations:
    """Relations of n objects from pairs (upper, lower)."""
    s, c = np.zeros((2, n, n), dtype=bool)
    for upper, lower in supports:
        s[upper, lower] = True
    for upper, lower in covers:
        c[lower, upper] = True
    return Relations(s, c, ~s.any(axis=0) & ~c.any(axis=1))


def test_layers_count_what_must_go_first() -> None:
    assert layers(related([], [], 3)).tolist() == [0, 0, 0]
    assert layers(related([(2, 1), (1, 0)], [], 3)).tolist() == [2, 1, 0]
    assert layers(related([(2, 0)], [(1, 2)], 4)).tolist() == [2, 0, 1, 0]
    assert layers(related([], [(1, 0)], 2)).tolist() == [1, 0]


def test_layer_zero_is_top_level_and_rings_have_no_order() -> None:
    some = related([(3, 1), (2, 1), (1, 0)], [(3, 2)], 5)
    assert np.array_equal(layers(some) == 0, some.top_level)
    assert layers(related([(0, 1), (1, 2), (2, 0), (3, 0)], [], 4)).tolist() == [1, 1, 1, 0]


def test_cameras_see_the_workspace_in_the_middle_at_the_scale_of_the_grid() -> None:
    workspace = Workspace()
    rng = np.random.default_rng(0)
    usual = 0
    for _ in range(200):
        camera, T_base_camera = random_camera(rng)
        centre = (invert(T_base_camera) @ [*workspace.centre, workspace.table_z, 1.0])[:3]
        assert np.allclose(camera.project(centre), (SIDE - 1) / 2)
        assert T_base_camera[2, 2] < -0.85  # looks down, 30 degrees of tilt at most
        grid = Grid.workspace(D435_640x480, T_base_camera, workspace.centre, workspace.side)
        usual += camera.fx == pytest.approx(grid.intrinsics(D435_640x480).fx)
        assert 0.0009 < centre[2] / camera.fx < 0.0031  # [m] per pixel
    assert 0.6 < usual / 200 < 0.9
    assert SIDE > NETWORK_SIDE


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(5, "drop")


def test_a_scene_holds_together(scene: Scene) -> None:
    n = len(scene.heap.objects)
    assert scene.view.color.shape == (SIDE, SIDE, 3)
    assert scene.view.depth.shape == scene.labels.quality.shape == (SIDE, SIDE)
    assert set(np.unique(scene.view.ids)) <= set(range(n + 1))
    assert (scene.view.ids > 0).any()
    assert not scene.labels.quality[scene.view.ids == 0].any()
    assert 0 <= scene.labels.quality.min() <= scene.labels.quality.max() <= 1
    assert np.array_equal(scene.layer == 0, scene.relations.top_level)
    # What is seen of an object lies within its size around where the object lies.
    for v, u in np.argwhere(scene.view.ids > 0)[::50]:
        index = scene.view.ids[v, u] - 1
        point = scene.T_base_camera @ [*scene.intrinsics.deproject((u, v), scene.view.depth[v, u]), 1.0]
        distance = np.linalg.norm(point[:3] - scene.heap.T_base_object[index][:3, 3])
        assert distance < scene.heap.objects[index].radius + 1e-4


def test_the_same_arguments_give_the_same_scene_and_others_do_not(scene: Scene) -> None:
    again, other = make_scene(5, "drop"), make_scene(5, "drop", view=1)
    assert np.array_equal(again.view.color, scene.view.color)
    assert np.array_equal(again.labels.quality, scene.labels.quality)
    assert not np.array_equal(other.view.color, scene.view.color)
    seeds = {(o.family, o.seed) for o in scene.heap.objects}
    everything = seeds | {(o.family, o.seed) for o in other.heap.objects}
    assert everything in (seeds, {(o.family, o.seed) for o in other.heap.objects})  # one view holds all of the other


@pytest.mark.parametrize(("seed", "kind"), [(-1, "drop"), (0, "tower")])
def test_scenes_that_cannot_be_made_are_refused(seed: int, kind: str) -> None:
    with pytest.raises(BadInput, match="cannot be made"):
        make_scene(seed, kind)  # type: ignore[arg-type]


@pytest.mark.slow
def test_executed_labels_lift_and_executed_negatives_do_not() -> None:
    rng = np.random.default_rng(1)
    lifted: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(30):
        scene = make_scene(7_000 + seed, "mixed")
        quality, ids = scene.labels.quality, scene.view.ids
        for positive, count in ((True, 4), (False, 3)):
            pixels = np.argwhere((quality > 0.2) if positive else ((quality == 0) & (ids > 0)))
            for v, u in pixels[rng.permutation(len(pixels))[:count]]:
                angle = scene.labels.angle[v, u] if positive else rng.uniform(-np.pi / 2, np.pi / 2)
                width = scene.labels.opening[v, u] if positive else 0.075
                outcome = Hand(scene.heap).pick(grasp_pose(scene, u, v, float(angle)), float(width))
                lifted[positive].append(outcome.status == "lifted" and outcome.object == ids[v, u] - 1)
    assert len(lifted[True]) > 60
    assert len(lifted[False]) > 60
    assert np.mean(lifted[True]) >= 0.9
    assert np.mean(lifted[False]) < 0.25


def grasp_pose(scene: Scene, u: int, v: int, angle: float) -> np.ndarray:
    """The grasp of a pixel as a planner lifts it from the maps; the tips by the rule where there is no label."""
    R = scene.T_base_camera[:3, :3]
    surface = R @ scene.intrinsics.deproject((u, v), scene.view.depth[v, u]) + scene.T_base_camera[:3, 3]
    x = R @ opening_axis((u, v), angle, scene.intrinsics, R.T @ [0, 0, -1])
    tip = float(scene.labels.tip[v, u])
    if not np.isfinite(tip):
        tip = max(surface[2] - GripperGeometry().finger_depth, 0.004)
    down = np.array([0.0, 0.0, -1.0])
    return transform(np.column_stack([x, np.cross(down, x), down]), [*surface[:2], tip])
