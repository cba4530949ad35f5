"""Bins: what physics, picture and labels know of one agrees."""

from __future__ import annotations

import json

import mujoco
import numpy as np
import pytest

from gpnet_ros.errors import BadInput
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.bin import Bin, random_bin_size
from gpnet_ros.sim.heap.contacts import add_bin, add_table, set_options

BIN = Bin((0.4, 0.3, 0.1), 0.005, (0.6, 0.1), 0.7)


def in_boxes(points: np.ndarray, slack: float) -> np.ndarray:
    """Which points (n, 3) in the bin's frame lie in one of its boxes, give or take."""
    return np.any([(np.abs(points - at) <= size / 2 + slack).all(axis=1) for size, at in BIN.boxes()], axis=0)


def test_the_mesh_and_the_boxes_are_one_thing() -> None:
    mesh = BIN.mesh()
    assert in_boxes(mesh.vertices, 1e-9).all()
    for size, at in BIN.boxes():
        assert (at - size / 2 >= mesh.vertices.min(axis=0) - 1e-9).all()
        assert (at + size / 2 <= mesh.vertices.max(axis=0) + 1e-9).all()
    corners = np.concatenate([[at - size / 2, at + size / 2] for size, at in BIN.boxes()])
    for axis in range(3):
        faces = [np.unique(np.abs(points[:, axis]).round(9)) for points in (mesh.vertices, corners)]
        assert np.array_equal(*faces)
    middle = np.array([[0.0, 0.0, 0.05], [0.19, 0.14, 0.02], [-0.19, 0.14, 0.104]])
    assert not in_boxes(middle, 0.0).any()
    vertices, faces = BIN.obstacle()
    assert vertices[:, 2].max() == pytest.approx(0.105) and len(faces) == len(mesh.faces)


def test_holds_what_is_between_the_walls() -> None:
    T = BIN.T_base_bin
    local = np.array([[0, 0, 0.05], [0.199, 0.149, 0.3], [0.201, 0, 0.05], [0, 0.151, 0.05], [0, 0, -0.01]])
    points = local @ T[:3, :3].T + T[:3, 3]
    assert BIN.holds(points).tolist() == [True, True, False, False, False]


def test_physics_has_the_walls_where_the_mesh_has_them() -> None:
    spec = mujoco.MjSpec()
    set_options(spec, c.TIMESTEP_SETTLE)
    add_table(spec)
    names = add_bin(spec, BIN)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for name, (size, at) in zip(names, BIN.boxes(), strict=True):
        geom = model.geom(name).id
        half, middle = model.geom_size[geom], data.geom_xpos[geom]
        assert half[:2] * 2 == pytest.approx(size[:2])
        assert middle[:2] == pytest.approx((BIN.T_base_bin @ [*at, 1.0])[:2])
        assert middle[2] + half[2] == pytest.approx(at[2] + size[2] / 2)
        assert middle[2] - half[2] <= at[2] - size[2] / 2 + 1e-9
        assert data.geom_xmat[geom].reshape(3, 3) == pytest.approx(BIN.T_base_bin[:3, :3])


def test_a_bin_comes_back_from_json_and_broken_ones_do_not() -> None:
    assert Bin.from_dict(json.loads(json.dumps(BIN.to_dict()))) == BIN
    for field in BIN.to_dict():
        with pytest.raises(BadInput, match="stored bin"):
            Bin.from_dict({k: v for k, v in BIN.to_dict().items() if k != field})
    with pytest.raises(BadInput, match="positive"):
        Bin((0.4, -0.3, 0.1))
    with pytest.raises(BadInput, match="finite"):
        Bin((0.4, 0.3, 0.1), yaw=float("nan"))


def test_random_bins_differ_and_hold_a_heap() -> None:
    rng = np.random.default_rng(0)
    bins = [random_bin_size(rng) for _ in range(50)]
    assert len({b.inner for b in bins}) == 50
    assert all(0.28 <= b.inner[0] <= 0.42 and 0.22 <= b.inner[1] <= 0.34 and 0.08 <= b.inner[2] <= 0.16 for b in bins)
