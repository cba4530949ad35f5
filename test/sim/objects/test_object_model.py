"""Laws of the procedural objects: closed, convex parts, true mass properties, reproducible."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gpnet_ros.errors import BadInput
from gpnet_ros.sim.objects.model import BENCHMARK, FAMILIES, GRASPABLE, HELD_OUT, MASS_RANGE, make_object
from gpnet_ros.sim.objects.shapes import Part, box, hull, shell, union, volume_moments

SEEDS = (0, 1, 2)


def inside(part: Part, points: np.ndarray, slack: float = 0.0) -> np.ndarray:
    """Which of the points (n, 3) lie in a convex part, by its face planes."""
    corners = part.vertices[part.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    keep = np.linalg.norm(normals, axis=1) > 1e-12
    normals = normals[keep] / np.linalg.norm(normals[keep], axis=1, keepdims=True)
    return ((points @ normals.T - np.einsum("ij,ij->i", normals, corners[keep, 0])) <= slack).all(axis=1)


def open_edges(faces: np.ndarray) -> int:
    """Directed edges without exactly one partner that runs the other way."""
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forth, back = {tuple(e) for e in edges}, {tuple(e[::-1]) for e in edges}
    return len(forth ^ back) + len(edges) - len(forth)


def pieces(vertices: np.ndarray, faces: np.ndarray) -> int:
    """Closed surfaces that share no vertex: an inner wall between parts would be one."""
    ends = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(vertices),) * 2)
    return int(connected_components(graph, directed=False)[0])


def test_there_are_enough_families_of_which_some_are_held_out():
    assert len(FAMILIES) >= 40
    assert len(GRASPABLE) >= 30
    assert set(GRASPABLE) < set(FAMILIES)
    assert len(HELD_OUT) >= 5 and set(HELD_OUT) < set(GRASPABLE)
    assert set(BENCHMARK) == set(GRASPABLE) - set(HELD_OUT)


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_are_convex_with_outward_faces_and_the_union_is_closed(family):
    for seed in SEEDS:
        model = make_object(family, seed)
        for part in model.parts:
            assert volume_moments(part.vertices, part.faces)[0] > 0
            assert inside(part, part.vertices, slack=1e-7).all()
        assert open_edges(model.faces) == 0
        assert pieces(model.vertices, model.faces) == 1
        assert len(model.parts) <= 30  # what physics pays for
        volumes = [volume_moments(p.vertices, p.faces)[0] for p in model.parts]
        volume = volume_moments(model.vertices, model.faces)[0]
        assert max(volumes) - 1e-9 <= volume <= sum(volumes) + 1e-9


def test_a_torn_surface_and_a_dent_are_noticed():
    model = make_object("mug", 0)
    assert open_edges(model.faces[1:]) > 0
    cube = box([1.0, 1.0, 1.0])
    pushed = cube.vertices.copy()
    pushed[0] *= 0.1
    dented = Part(pushed, cube.faces)
    assert not inside(dented, dented.vertices, slack=1e-7).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_origin_is_the_centre_of_mass_and_inertia_is_that_of_a_uniform_body(family):
    model = make_object(family, 3)
    low, high = model.vertices.min(axis=0), model.vertices.max(axis=0)
    points = np.random.default_rng(0).uniform(low, high, (20_000, 3))
    filled = points[np.any([inside(p, points) for p in model.parts], axis=0)]
    # Counting points knows nothing of tetrahedra: an independent integral.
    spread = filled.std(axis=0) / np.sqrt(len(filled))
    assert (np.abs(filled.mean(axis=0)) < 5 * spread).all()
    second = filled.T @ filled / len(filled)
    counted = model.mass * (np.trace(second) * np.eye(3) - second)
    assert counted == pytest.approx(model.inertia, abs=0.05 * np.trace(model.inertia))


def test_box_has_the_inertia_of_the_textbook():
    model = make_object("box", 5)
    a, b, c = model.extent
    expected = model.mass / 12 * np.diag([b * b + c * c, a * a + c * c, a * a + b * b])
    assert model.inertia == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_parts_that_touch_leave_no_wall_between_them():
    left, right = box([0.1, 0.1, 0.1], [-0.05, 0, 0]), box([0.1, 0.1, 0.1], [0.05, 0, 0])
    vertices, faces = union([left, right])
    within = np.abs(vertices[faces].mean(axis=1)) < [1e-6, 0.049, 0.049]
    assert not within.all(axis=1).any()
    assert pieces(vertices, faces) == 1
    apart = union([left, box([0.1, 0.1, 0.1], [0.06, 0, 0])])
    assert pieces(*apart) == 2
    # Twelve sectors of a pipe share curved walls that rounding sets apart.
    assert pieces(*union(shell([0.02, 0.03], [0.025, 0.034], [0.0, 0.1]))) == 1


def test_volume_of_overlapping_boxes_counts_the_overlap_once():
    vertices, faces = union([box([0.1, 0.02, 0.02]), box([0.02, 0.1, 0.02])])
    assert volume_moments(vertices, faces)[0] == pytest.approx((2 * 0.1 - 0.02) * 0.02 * 0.02, rel=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_masses_and_friction_are_plausible(family):
    for seed in range(8):
        model = make_object(family, seed)
        assert 0.04 <= model.extent.max() <= 0.18
        assert MASS_RANGE[0] <= model.mass <= MASS_RANGE[1]
        assert 0.3 < model.friction < 1.0
        # A rigid body's principal moments obey the triangle inequality.
        p = np.linalg.eigvalsh(model.inertia)
        assert p[0] > 0 and p[2] <= p[0] + p[1]
        if family in GRASPABLE:
            assert 0.014 <= np.sort(model.extent)[0] <= 0.075


def test_family_and_seed_decide_everything():
    make_object.cache_clear()
    first = make_object("bottle", 7)
    make_object.cache_clear()
    again, other = make_object("bottle", 7), make_object("bottle", 8)
    assert again is not first
    assert np.array_equal(first.vertices, again.vertices) and first.mass == again.mass
    assert first.texture_seed == again.texture_seed
    assert not np.array_equal(first.extent, other.extent)


def test_nobody_can_write_into_a_shared_object():
    with pytest.raises(ValueError):
        make_object("box", 0).vertices[0, 0] = 1.0
    with pytest.raises(ValueError):
        make_object("box", 0).parts[0].vertices[0, 0] = 1.0


def test_unknown_family_and_negative_seed_are_refused():
    with pytest.raises(BadInput, match="teapot"):
        make_object("teapot", 0)
    with pytest.raises(BadInput, match="-1"):
        make_object("box", -1)


def test_hull_drops_inner_points():
    cube = box([2.0, 2.0, 2.0])
    assert len(hull(np.vstack([cube.vertices, [[0.0, 0.1, 0.2]]])).vertices) == 8
