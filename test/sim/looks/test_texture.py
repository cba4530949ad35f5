"""Surfaces: what they are painted with, and where the paint goes."""

from __future__ import annotations

import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.looks import noise_images
from gpnet_ros.sim.looks.decals import Decal, lay
from gpnet_ros.sim.looks.grounds import random_decals, random_table
from gpnet_ros.sim.looks.prints import FLAT
from gpnet_ros.sim.looks.style import random_bin, random_object, random_style
from gpnet_ros.sim.looks.texture import PATTERNS, Texture, texture_sheets
from gpnet_ros.sim.objects.model import FAMILIES

BOUNDS = np.array([[-0.05, -0.03, -0.02], [0.05, 0.03, 0.02]], dtype=np.float32)


def on_side(side: int, n: int = 4000, bounds: np.ndarray = BOUNDS) -> np.ndarray:
    """Random points (n, 3) on one side of a box."""
    points = np.random.default_rng(side).uniform(bounds[0], bounds[1], (n, 3)).astype(np.float32)
    points[:, side // 2] = bounds[1 - side % 2, side // 2]
    return points


def test_print_reads_from_left_to_right_on_every_side() -> None:
    texture = Texture("package", seed=4, tile=0.2)
    for axis in range(3):
        across, up = [(1, 2), (0, 2), (0, 1)][axis]
        for sign, side in ((1.0, 2 * axis), (-1.0, 2 * axis + 1)):
            normal = np.eye(3)[axis] * sign
            upwards = np.eye(3)[up]
            right = np.cross(upwards, normal)  # as seen from outside
            assert abs(right[across]) == 1.0
            t = np.linspace(-0.09, 0.09, 40)
            points = (t[:, None] * right + normal * 0.01).astype(np.float32)
            column = (t[:, None] * upwards + normal * 0.01).astype(np.float32)
            row = texture.surface(points, np.full(40, side, dtype=np.int8))[0]
            column = texture.surface(column, np.full(40, side, dtype=np.int8))[0]
            if sign > 0:
                first, first_column = row, column
        np.testing.assert_allclose(row, first, atol=1e-6)
        np.testing.assert_allclose(column, first_column, atol=1e-6)
        assert row.std() > 0.01, "the row shows print, so a mirrored one would differ"
        assert not np.allclose(row, row[::-1], atol=0.05)


@pytest.mark.parametrize("kind", sorted(PATTERNS))
def test_textures_are_seeded_albedos(kind: str) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.3, 0.3, (5000, 3)).astype(np.float32)
    side = rng.integers(0, 6, 5000).astype(np.int8)
    albedo = Texture(kind, seed=1).surface(points, side)[0]
    assert albedo.shape == (5000, 3)
    assert np.isfinite(albedo).all()
    assert albedo.min() > 0
    assert albedo.max() < 1
    np.testing.assert_array_equal(albedo, Texture(kind, seed=1).surface(points, side)[0])
    assert not np.array_equal(albedo, Texture(kind, seed=2).surface(points, side)[0])


def test_a_texture_does_not_depend_on_what_was_made_before() -> None:
    texture = Texture("wood", 5, (0.8, 0.7, 0.5), (0.5, 0.4, 0.2))
    first = texture_sheets(texture).copy()
    texture_sheets.cache_clear()
    noise_images._clouds.cache_clear()
    for kind in PATTERNS:
        texture_sheets(Texture(kind, 77))
    texture_sheets.cache_clear()
    np.testing.assert_array_equal(texture_sheets(texture), first)


def test_noise_has_no_mean_and_unit_deviation() -> None:
    drawn = [noise_images.fractal(np.random.default_rng(k), (128, 128), (8, 8), 4) for k in range(20)]
    assert abs(np.mean(drawn)) < 0.15
    assert np.std(drawn) == pytest.approx(1.0, abs=0.15)
    assert len({d.tobytes() for d in drawn}) == 20
    stretched = noise_images.fractal(np.random.default_rng(1), (128, 128), (40, 2), 1)
    along, across = (np.abs(np.diff(stretched, axis=axis)).mean() for axis in (1, 0))
    assert across > 5 * along, "more cells along rows make noise that is stretched along columns"


def test_a_printed_side_shows_its_whole_sheet_whatever_its_size() -> None:
    small = Texture("package", 3, (0.8, 0.2, 0.2), (0.2, 0.2, 0.8), mapping="fit")
    for scale in (0.5, 1.0, 2.0):
        points, bounds = on_side(4) * np.float32(scale), BOUNDS * np.float32(scale)
        albedo, _ = small.surface(points, np.full(4000, 4, np.int8), bounds)
        if scale == 0.5:
            first = albedo
        np.testing.assert_allclose(albedo, first, atol=0.02)
    tiled, _ = Texture("package", 3, (0.8, 0.2, 0.2), (0.2, 0.2, 0.8)).surface(
        points, np.full(4000, 4, np.int8), bounds
    )
    assert np.abs(tiled - first).mean() > 0.02


def test_a_label_goes_once_around() -> None:
    label = Texture("label", 3, (0.8, 0.2, 0.2), (0.2, 0.2, 0.8), mapping="wrap")
    turn = np.linspace(-np.pi, np.pi, 200, endpoint=False)
    ring = np.column_stack([0.03 * np.cos(turn), 0.03 * np.sin(turn), np.zeros(200)]).astype(np.float32)
    side = np.where(
        np.abs(ring[:, 0]) > np.abs(ring[:, 1]), np.where(ring[:, 0] > 0, 0, 1), np.where(ring[:, 1] > 0, 2, 3)
    )
    bounds = np.array([[-0.03, -0.03, -0.05], [0.03, 0.03, 0.05]], np.float32)
    albedo, _ = label.surface(ring, side.astype(np.int8), bounds)
    row = np.power(texture_sheets(label)[0, 127, :, :3] / 255.0, 2.2)
    picture = np.column_stack([np.interp((turn / (2 * np.pi) + 0.5) * 256 - 0.5, np.arange(256), c) for c in row.T])
    assert np.corrcoef(albedo.ravel(), picture.ravel())[0, 1] > 0.95, (
        "left to right with the turn, no seams at the sides"
    )


def test_grain_runs_along_the_longest_side() -> None:
    wood = Texture("wood", 12, (0.8, 0.7, 0.5), (0.4, 0.3, 0.15), tile=0.3)
    for longest in range(3):
        half = np.full(3, 0.02)
        half[longest] = 0.1
        bounds = np.array([-half, half], np.float32)
        for axis in (a for a in range(3) if a != longest):
            other = 3 - longest - axis
            roughness = []
            for along in (longest, other):
                line = np.zeros((200, 3), np.float32)
                line[:, axis] = half[axis]
                line[:, along] = np.linspace(-0.02, 0.02, 200)
                line = np.concatenate([line + np.eye(3)[3 - axis - along] * k * 0.004 for k in range(-4, 5)])
                albedo, _ = wood.surface(line.astype(np.float32), np.full(len(line), 2 * axis, np.int8), bounds)
                roughness.append(np.abs(np.diff(albedo.reshape(9, 200, 3), axis=1)).mean())
            assert roughness[0] < 0.6 * roughness[1], (longest, axis)


@pytest.mark.parametrize(("where", "axis", "sign"), [("+z", 2, 1), ("-z", 2, -1), ("+x", 0, 1), ("-y", 1, -1)])
def test_a_part_has_its_own_paint_and_finish(where: str, axis: int, sign: int) -> None:
    steel = Texture("plain", 0, (0.9, 0.9, 0.9), metallic=0.9, gloss=0.6)
    texture = Texture("plain", 0, (0.2, 0.2, 0.2), gloss=0.1, part=steel, where=(where, 0.01))
    points = np.concatenate([on_side(4), on_side(5)])
    albedo, finish = texture.surface(points, np.full(8000, 4, np.int8), BOUNDS)
    edge = BOUNDS[1, axis] * sign
    part = sign * (edge - points[:, axis]) < 0.01
    assert 0 < part.sum() < 8000
    assert (albedo[part] > 0.5).all()
    assert (albedo[~part] < 0.1).all()
    assert (finish[part, 1] > 0.8).all()
    assert (finish[~part, 1] == 0).all()


def test_a_core_is_round_and_ends_are_two() -> None:
    inner = Texture("plain", 0, (0.9, 0.9, 0.9))
    points = on_side(4)
    for where, inside in (
        (("core", 0.02), np.hypot(points[:, 0], points[:, 1]) < 0.02),
        (("x", 0.01), np.abs(points[:, 0]) > 0.04),
    ):
        albedo, _ = Texture(color=(0.2, 0.2, 0.2), part=inner, where=where).surface(
            points, np.full(4000, 4, np.int8), BOUNDS
        )
        np.testing.assert_array_equal(albedo[:, 0] > 0.3, inside)


def test_objects_and_tables_come_in_many_looks() -> None:
    assert len({random_object(s) for s in range(30)}) == 30
    assert random_object(3) == random_object(3)
    assert len({random_table(s).kind for s in range(40)}) >= 4
    assert len({random_bin(s) for s in range(30)}) == 30
    assert len({random_bin(s).kind for s in range(30)}) >= 3
    assert len({len(random_style(s).lights) for s in range(20)}) == 3


def test_families_look_like_what_they_are_made_of_mostly() -> None:
    yellow = 0
    for seed in range(100):
        r, g, b = random_object(seed, "banana").color
        yellow += r > 0.65 and g > 0.55 and b < 0.4
    assert 55 <= yellow <= 90, "most bananas are yellow, and some are anything"
    kinds = [random_object(seed, "box").kind for seed in range(60)]
    assert kinds.count("package") > 15 > kinds.count("skin")
    for family in FAMILIES:
        assert len({random_object(seed, family) for seed in range(12)}) == 12
        assert random_object(3, family) == random_object(3, family)
    assert random_object(1, "user:bracket.stl") != random_object(2, "user:bracket.stl")


@pytest.mark.parametrize("kind", sorted(FLAT))
def test_a_decal_covers_its_rectangle_and_nothing_else(kind: str) -> None:
    (length, width), _ = FLAT[kind][1:]
    points = np.random.default_rng(0).uniform([0.3, -0.35, 0], [1.0, 0.35, 0], (20000, 3)).astype(np.float32)
    grey = np.full((20000, 3), 0.2, np.float32)
    painted = lay([Decal(kind, 4, (0.65, 0.05), 0.7)], points, grey.copy())
    turned = (points[:, :2] - [0.65, 0.05]) @ np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    inside = (np.abs(turned) < np.array([length, width]) / 2).all(axis=1)
    assert (np.abs(painted - grey).max(axis=1)[inside] > 1e-3).mean() > 0.03
    np.testing.assert_array_equal(painted[~inside], grey[~inside])
    assert painted.min() > 0
    assert painted.max() < 0.9


def test_later_decals_lie_above_and_tables_are_often_bare() -> None:
    points = np.array([[0.65, 0.0, 0.0]], np.float32)
    order = [Decal("tape", 4, (0.65, 0.0), 0.0), Decal("cutting_mat", 4, (0.65, 0.0), 0.0)]
    up, down = (lay(o, points, np.full((1, 3), 0.2, np.float32)) for o in (order, order[::-1]))
    assert np.abs(up - down).max() > 0.02
    counts = [len(random_decals(seed)) for seed in range(200)]
    assert 0.25 < counts.count(0) / 200 < 0.75
    assert max(counts) <= 5


def test_unknown_looks_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match="'marble' is not known"):
        Texture("marble")
    with pytest.raises(BadInput, match="detail 'fur'"):
        Texture(detail="fur")
    with pytest.raises(BadInput, match="Part 'middle'"):
        Texture(where=("middle", 0.1))
    with pytest.raises(BadInput, match="flat thing 'carpet'"):
        Decal("carpet", 0, (0.0, 0.0), 0.0)
