"""The renderer: exact geometry, plausible light."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import from_rotvec, look_at, transform
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.camera.meshes import bin_mesh, box_mesh, capsule_mesh, cylinder_mesh, table_mesh
from gpnet_ros.sim.camera.raycast import Mesh, RayScene, corner_normals
from gpnet_ros.sim.camera.render import render
from gpnet_ros.sim.looks.decals import Decal
from gpnet_ros.sim.looks.style import Light, Style, random_bin, random_object, random_style
from gpnet_ros.sim.looks.texture import Texture

SMALL = Intrinsics(160, 120, 154.0, 154.0, 79.5, 59.5)
DOWN = look_at((0.65, 0.0, 0.9), (0.65, 0.0, 0.0))  # image x along +y, image y along +x
TILTED = look_at((0.85, 0.0, 0.85), (0.65, 0.0, 0.0))
BOX = box_mesh((0.10, 0.20, 0.06), id=3, texture=Texture("plain", color=(0.8, 0.2, 0.2)))
ON_TABLE = transform(np.eye(3), (0.65, 0.0, 0.03))
#: No blur, no noise: what is measured in these pictures is light.
CLEAN = replace(Style(), blur=0.0, shot_noise=0.0, read_noise=0.0, vignette=0.0, table=Texture("plain"))


def grey_pictures(scene: RayScene, poses: list, style: Style) -> np.ndarray:
    return render(scene, poses, SMALL, DOWN, style, "high").color.astype(float).mean(axis=2)


def test_depth_and_ids_are_exact() -> None:
    depth, ids = RayScene([table_mesh(), BOX]).place([np.eye(4), ON_TABLE]).depth(SMALL, DOWN)
    u, v = np.meshgrid(np.arange(160), np.arange(120))
    y, x = (u - SMALL.cx) / SMALL.fx * 0.84, 0.65 + (v - SMALL.cy) / SMALL.fy * 0.84
    top = (np.abs(x - 0.65) < 0.05) & (np.abs(y) < 0.10)
    np.testing.assert_allclose(depth[top], 0.84, atol=1e-6)
    np.testing.assert_array_equal(ids == 3, top)
    np.testing.assert_allclose(depth[~top], 0.9, atol=1e-6)
    assert set(np.unique(ids)) == {0, 3}


def test_points_agree_with_depth_and_lie_on_the_surface() -> None:
    hits = RayScene([table_mesh(), BOX]).cast([np.eye(4), ON_TABLE], SMALL, TILTED)
    u, v = np.meshgrid(np.arange(160), np.arange(120))
    camera = SMALL.deproject(np.stack([u, v], axis=-1), hits.z)
    np.testing.assert_allclose(camera @ TILTED[:3, :3].T + TILTED[:3, 3], hits.points, atol=2e-6)
    table = hits.mesh == 0
    np.testing.assert_allclose(hits.points[table][:, 2], 0.0, atol=2e-6)
    np.testing.assert_allclose(hits.normals[table], np.tile([0, 0, 1.0], (table.sum(), 1)), atol=1e-6)
    on_box = np.abs(hits.local[hits.mesh == 1]) - np.array([0.05, 0.10, 0.03])
    np.testing.assert_allclose(on_box.max(axis=1), 0.0, atol=2e-6)


def test_where_nothing_is_depth_is_unknown() -> None:
    view = render(RayScene([BOX]), [ON_TABLE], SMALL, DOWN, Style())
    assert np.isnan(view.depth[0, 0])
    assert view.ids[0, 0] == 0
    assert np.isfinite(view.depth[60, 80])
    assert view.depth.dtype == np.float32
    assert view.ids.dtype == np.int32


def test_moving_scene_and_camera_together_changes_nothing() -> None:
    T = from_rotvec([0.3, -0.2, 0.5, 0.4, -0.7, 1.1])
    scene, poses = RayScene([table_mesh(), BOX]), [np.eye(4), ON_TABLE]
    depth, ids = scene.place(poses).depth(SMALL, TILTED)
    moved, moved_ids = scene.place([T @ p for p in poses]).depth(SMALL, T @ TILTED)
    same = ids == moved_ids
    assert same.mean() > 0.999
    np.testing.assert_allclose(depth[same], moved[same], atol=5e-6)


def test_looks_do_not_touch_depth_and_ids() -> None:
    scene, poses = RayScene([table_mesh(), BOX]), [np.eye(4), ON_TABLE]
    one, two = (render(scene, poses, SMALL, TILTED, random_style(s)) for s in (1, 2))
    np.testing.assert_array_equal(one.depth, two.depth)
    np.testing.assert_array_equal(one.ids, two.ids)
    depth, ids = scene.place(poses).depth(SMALL, TILTED)
    np.testing.assert_array_equal(one.depth, depth)
    np.testing.assert_array_equal(one.ids, ids)
    assert np.abs(one.color.astype(int) - two.color).mean() > 5


def test_same_style_is_the_same_picture_and_another_exposure_is_not() -> None:
    scene, poses = RayScene([table_mesh(), BOX]), [np.eye(4), ON_TABLE]
    one, same = (render(scene, poses, SMALL, TILTED, random_style(5)).color for _ in range(2))
    np.testing.assert_array_equal(one, same)
    other = render(scene, poses, SMALL, TILTED, random_style(5), rng=np.random.default_rng(9)).color
    assert 0 < np.abs(one.astype(int) - other).mean() < 8


def test_shadow_falls_on_the_far_side_of_the_light() -> None:
    plate = box_mesh((0.12, 0.12, 0.01), id=1)
    scene, poses = RayScene([table_mesh(), plate]), [np.eye(4), transform(np.eye(3), (0.65, 0.0, 0.10))]
    style = replace(CLEAN, lights=(Light((0.65, -1.5, 1.5), 0.02, 9.0),), ambient=0.1)
    picture = grey_pictures(scene, poses, style)
    # The light comes from -y (image left) at 45 degrees, so the shadow is shifted by +0.10 m.
    lit = grey_pictures(RayScene([table_mesh()]), [np.eye(4)], style)
    assert picture[60, 80 + 22] / picture[60, 80 - 40] < 0.6 * lit[60, 80 + 22] / lit[60, 80 - 40]
    assert picture[60, 80 + 55] / picture[60, 80 - 40] > 0.95 * lit[60, 80 + 55] / lit[60, 80 - 40]


def test_a_larger_light_throws_a_softer_shadow() -> None:
    plate = box_mesh((0.3, 0.3, 0.01), id=1)
    scene, poses = RayScene([table_mesh(), plate]), [np.eye(4), transform(np.eye(3), (0.65, -0.2, 0.25))]
    steepest = {}
    for radius in (0.01, 0.5):
        style = replace(CLEAN, lights=(Light((0.65, -0.3, 2.0), radius, 9.0),), ambient=0.1)
        row = grey_pictures(scene, poses, style)[50:70].mean(axis=0)
        steepest[radius] = np.abs(np.diff(row[72:])).max()  # the plate ends at column 68
    assert steepest[0.5] < 0.6 * steepest[0.01]


def test_the_camera_exposes_itself() -> None:
    scene, poses = RayScene([table_mesh(), BOX]), [np.eye(4), ON_TABLE]
    dim, bright = (
        replace(CLEAN, lights=(Light((0.3, -1.0, 1.8), 0.2, 5.0 * k),), ambient=0.3 * k) for k in (0.05, 20.0)
    )
    one, two = (render(scene, poses, SMALL, DOWN, s).color.astype(int) for s in (dim, bright))
    assert np.abs(one - two).max() <= 2
    darker = render(scene, poses, SMALL, DOWN, replace(dim, exposure=-1.0)).color
    assert darker.mean() < 0.8 * one.mean()


def test_no_random_style_burns_out_or_drowns() -> None:
    poses = [np.eye(4), transform(np.eye(3), (0.65, 0.25, 0.0))]
    rng = np.random.default_rng(0)
    poses += [transform(np.eye(3), (*rng.uniform([0.5, -0.25], [0.8, 0.1]), 0.04)) for _ in range(6)]
    tiny = Intrinsics(64, 48, 61.6, 61.6, 31.5, 23.5)
    means = []
    for seed in range(200):
        if seed % 10 == 0:  # making surfaces costs more than this picture
            things = [table_mesh(), bin_mesh(texture=random_bin(seed))]
            things += [cylinder_mesh(0.03, 0.08, k + 1, random_object(seed + k)) for k in range(6)]
            scene = RayScene(things)
        style = random_style(seed)
        if seed % 4:
            style = replace(style, table=replace(style.table, kind="plain"), decals=())
        color = render(scene, poses, tiny, TILTED, style).color
        assert (color.max(axis=2) >= 254).mean() < 0.01, f"style {seed} burns out"
        assert (color.max(axis=2) <= 3).mean() < 0.02, f"style {seed} drowns"
        means.append(color.mean())
    assert min(means) > 35
    assert max(means) < 200
    assert np.std(means) > 5, "styles differ"


def test_light_that_is_far_too_strong_for_the_sensor_still_leaves_differences() -> None:
    scene, poses = RayScene([table_mesh(), BOX]), [np.eye(4), ON_TABLE]
    style = replace(CLEAN, lights=(Light((0.65, 0.1, 0.6), 0.02, 900.0),), exposure=1.0)
    color = render(scene, poses, SMALL, DOWN, style).color
    assert (color >= 254).mean() < 0.01
    assert len(np.unique(color[60:, 80])) > 10, "the lamp's spot is no white disc"


def test_a_corner_is_darker_than_the_open_floor_of_a_bin() -> None:
    """Ambient occlusion alone: no lamp to speak of."""
    grey = bin_mesh((0.4, 0.3, 0.15), texture=Texture("plain", color=(0.5, 0.5, 0.5), gloss=0.0))
    style = replace(CLEAN, lights=(Light((0.65, 0.0, 3.0), 0.1, 0.01),), ambient=0.5)
    picture = grey_pictures(RayScene([table_mesh(), grey]), [np.eye(4), transform(np.eye(3), (0.65, 0, 0))], style)
    assert picture[58:62, 78:82].mean() > 1.15 * picture[58:62, 54:56].mean()  # floor, beside the wall at column 53


def test_an_outer_edge_catches_the_light_and_an_inner_one_does_not() -> None:
    sharp = box_mesh((0.3, 0.3, 0.1), 1, Texture("plain", color=(0.3, 0.3, 0.3), gloss=0.5))
    # The light stands behind a camera that looks at an edge from 45 degrees: only what faces both lights up.
    camera = look_at((0.65 - 0.6, 0.0, 0.65), (0.65 - 0.15, 0.0, 0.1), (0, -1, 0))
    style = replace(CLEAN, lights=(Light((-0.1, 0.0, 0.8), 0.05, 9.0),), ambient=0.1)
    scene, poses = RayScene([sharp]), [transform(np.eye(3), (0.65, 0.0, 0.05))]
    hits = scene.cast(poses, SMALL, camera)
    side, top = (hits.mesh == 0) & (hits.normals[..., 2] < 0.5), (hits.mesh == 0) & (hits.normals[..., 2] > 0.5)
    edge = int(np.flatnonzero(np.diff(top[:, 80].astype(int)))[-1])
    picture = render(scene, poses, SMALL, camera, style, "high").color.astype(float).mean(axis=2)
    assert side[edge + 8, 80]
    rows = picture[:, 70:90].mean(axis=1)
    assert rows[edge - 1 : edge + 3].max() > max(rows[edge - 8 : edge - 1].max(), rows[edge + 3 : edge + 9].max()) + 10
    walls = bin_mesh((0.3, 0.3, 0.1), 0.05, Texture("plain", color=(0.3, 0.3, 0.3), gloss=0.5))
    scene = RayScene([walls])
    hits = scene.cast(poses, SMALL, camera)
    row = render(scene, poses, SMALL, camera, style, "high").color.astype(float).mean(axis=2)[:, 80]
    inner = [k for k in range(4, 116) if hits.normals[k, 80, 2] < 0.5 and hits.normals[k + 1, 80, 2] > 0.9
             and hits.points[k, 80, 2] < 0.11]  # fmt: skip
    assert inner, "the crease between far wall and floor is seen"
    assert row[inner[-1]] < max(row[inner[-1] - 4], row[inner[-1] + 5]) + 3


def test_beside_the_table_the_picture_shows_a_floor_and_depth_knows_nothing() -> None:
    scene, poses = RayScene([table_mesh((0.3, 0.3), centre=(0.65, 0.0))]), [np.eye(4)]
    red, blue = (
        replace(CLEAN, floor=Texture("plain", color=color, gloss=0.0)) for color in ((0.7, 0.2, 0.2), (0.2, 0.2, 0.7))
    )
    one, two = (render(scene, poses, SMALL, DOWN, style) for style in (red, blue))
    beside = np.isnan(one.depth)
    assert 0.3 < beside.mean() < 0.95
    assert (one.color[beside].astype(int)[:, 0] > one.color[beside].astype(int)[:, 2]).mean() > 0.99
    assert (two.color[beside].astype(int)[:, 2] > two.color[beside].astype(int)[:, 0]).mean() > 0.99
    np.testing.assert_array_equal(beside, np.isnan(two.depth))
    up = look_at((0.65, 0.0, 0.5), (2.0, 0.0, 0.9), (0, -1, 0))
    assert render(scene, poses, SMALL, up, red).color.shape == (120, 160, 3), "rays above the horizon meet no floor"


def test_decals_are_paint_on_the_table_alone() -> None:
    scene, poses = RayScene([table_mesh(), BOX]), [np.eye(4), ON_TABLE]
    paper = Decal("paper", 1, (0.65, 0.0), 0.5)
    style = replace(CLEAN, table=Texture("plain", color=(0.2, 0.25, 0.2)))
    bare, covered = (render(scene, poses, SMALL, DOWN, replace(style, decals=d)) for d in ((), (paper,)))
    np.testing.assert_array_equal(bare.depth, covered.depth)
    np.testing.assert_array_equal(bare.ids, covered.ids)
    change = (covered.color.astype(int) - bare.color).mean(axis=2)
    near = np.zeros((120, 160), bool)
    near[40:80, 60:100] = True
    assert change[near & (bare.ids == 0)].max() > 60, "white paper shows"
    assert change[bare.ids > 0].max() < 10, "but not through the box"
    assert change[~near][:500].max() < 10


def test_round_things_are_shaded_round_and_edges_stay_sharp() -> None:
    cylinder = cylinder_mesh(0.05, 0.1)
    points, normals = cylinder.vertices[cylinder.faces].reshape(-1, 3), corner_normals(cylinder).reshape(-1, 3)
    side = np.abs(normals[:, 2]) < 0.5
    radial = points[side, :2] / np.linalg.norm(points[side, :2], axis=1, keepdims=True)
    np.testing.assert_allclose(normals[side, :2], radial, atol=0.09)
    np.testing.assert_allclose(np.abs(normals[~side, 2]), 1.0, atol=1e-9)
    box = corner_normals(BOX).reshape(-1, 3)
    np.testing.assert_allclose(np.abs(box).max(axis=1), 1.0)


@pytest.mark.parametrize(
    ("mesh", "volume"),
    [
        (box_mesh((0.1, 0.2, 0.3)), 0.006),
        (cylinder_mesh(0.05, 0.2, sides=200), np.pi * 0.05**2 * 0.2),
        (capsule_mesh((0.1, 0.0, 0.2), (0.1, 0.3, 0.1), 0.05, sides=200), None),
    ],
)
def test_primitives_are_closed_and_turned_outwards(mesh: Mesh, volume: float | None) -> None:
    if volume is None:
        length = np.hypot(0.3, 0.1)
        volume = np.pi * 0.05**2 * length + 4 / 3 * np.pi * 0.05**3
    a, b, c = np.moveaxis(np.asarray(mesh.vertices)[mesh.faces], 1, 0)
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(volume, rel=0.02)
    places = np.unique(np.round(np.asarray(mesh.vertices), 9), axis=0, return_inverse=True)[1].ravel()
    faces = places[mesh.faces]
    edges = Counter((int(f[i]), int(f[(i + 1) % 3])) for f in faces for i in range(3))
    assert all(edges[(j, i)] == n for (i, j), n in edges.items()), "every edge is used once in each direction"


def test_the_bin_is_open_on_top_and_has_a_floor() -> None:
    scene = RayScene([table_mesh(), bin_mesh((0.4, 0.3, 0.15), wall=0.004)])
    depth, _ = scene.place([np.eye(4), transform(np.eye(3), (0.65, 0.0, 0.0))]).depth(SMALL, DOWN)
    assert depth[60, 80] == pytest.approx(0.9 - 0.004, abs=1e-5)
    assert depth.min() == pytest.approx(0.9 - 0.154, abs=1e-4)


def test_a_mesh_without_texture_takes_the_table_of_the_style() -> None:
    blue, red = (replace(CLEAN, table=Texture("plain", color=c)) for c in ((0.2, 0.3, 0.8), (0.8, 0.3, 0.2)))
    one, two = (render(RayScene([table_mesh()]), [np.eye(4)], SMALL, DOWN, s).color.mean((0, 1)) for s in (blue, red))
    assert one[2] > one[0] + 40
    assert two[0] > two[2] + 40


def test_what_cannot_be_rendered_is_refused() -> None:
    scene = RayScene([BOX])
    with pytest.raises(BadInput, match="one finite 4x4"):
        render(scene, [], SMALL, DOWN, Style())
    with pytest.raises(BadInput, match="one finite 4x4"):
        render(scene, [np.full((4, 4), np.nan)], SMALL, DOWN, Style())
    with pytest.raises(BadInput, match="'fast' or 'high'"):
        render(scene, [ON_TABLE], SMALL, DOWN, Style(), "best")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="not known"):
        Texture("marble")
    with pytest.raises(BadInput, match="past its vertices"):
        Mesh(np.zeros((2, 3)), np.array([[0, 1, 2]]))
    with pytest.raises(BadInput, match="at least one"):
        RayScene([])


def test_the_d435_sees_the_heap_and_its_surroundings() -> None:
    table = RayScene([table_mesh()]).place([np.eye(4)])
    depth, _ = table.depth(D435_640x480, TILTED)
    assert depth.shape == (480, 640)
    assert 0.75 < depth.min() < depth.max() < 1.1
    fov = 2 * np.degrees(np.arctan(320 / D435_640x480.fx))
    assert 50 < fov < 60
