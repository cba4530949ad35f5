"""Heaps: at rest, inside the workspace, as hard as promised, the same again from seed or file."""

from __future__ import annotations

import json

import mujoco
import numpy as np
import pytest
from support.heap_worlds import drift, world

from gpnet_ros.errors import BadInput
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.heap import Heap, drop_heap, stack_heap
from gpnet_ros.sim.labels.relations import relations
from gpnet_ros.sim.objects.model import FAMILIES, make_object


@pytest.mark.parametrize(("make", "seed"), [(stack_heap, 0), (stack_heap, 1), (drop_heap, 0), (drop_heap, 1)])
def test_a_heap_is_at_rest_on_the_table_inside_the_workspace(make, seed):
    heap = make(seed, 5)
    assert drift(heap, 1.0) < 0.005
    assert np.abs(heap.T_base_object[:, :2, 3] - c.HEAP_CENTRE).max() < c.WORKSPACE_RADIUS
    for model, T in zip(heap.objects, heap.T_base_object, strict=True):
        assert (model.vertices @ T[:3, :3].T + T[:3, 3])[:, 2].min() > -0.001
    _, data, _ = world(heap)
    assert data.ncon > 0 and data.contact.dist.min() > -0.001


def test_a_heap_in_the_air_is_not_at_rest():
    heap = drop_heap(0, 3)
    raised = heap.T_base_object.copy()
    raised[:, 2, 3] += 0.05
    assert drift(Heap(heap.objects, raised), 1.0) > 0.04


def test_stacks_are_as_hard_as_promised_and_harder_than_drops():
    stacked = [int(relations(stack_heap(seed, 5)).supports.sum()) for seed in range(5)]
    dropped = [int(relations(drop_heap(seed, 5)).supports.sum()) for seed in range(5)]
    assert min(stacked) >= 3  # n - 2
    assert 3.0 <= np.mean(stacked) <= 5.0  # paper, Table 3: 4 +- 1
    assert np.mean(dropped) < np.mean(stacked)


def test_the_same_seed_gives_the_same_heap_and_another_one_another():
    a, b, other = stack_heap(4, 4), stack_heap(4, 4), stack_heap(5, 4)
    assert [o.family for o in a.objects] == [o.family for o in b.objects]
    assert np.array_equal(a.T_base_object, b.T_base_object)
    assert not np.array_equal(a.T_base_object, other.T_base_object)


def test_a_heap_comes_back_from_json():
    heap = drop_heap(2, 3)
    again = Heap.from_dict(json.loads(json.dumps(heap.to_dict())))
    assert [o.mass for o in again.objects] == [o.mass for o in heap.objects]
    assert np.abs(again.T_base_object - heap.T_base_object).max() < 1e-12


def test_families_centre_and_object_seeds_are_obeyed():
    heap = drop_heap(0, 4, families=("box", "ring"), centre=(0.5, 0.2), object_seeds=(10, 12))
    assert sorted(o.family for o in heap.objects) == ["box", "box", "ring", "ring"]
    assert {o.seed for o in heap.objects} <= {10, 11}
    assert np.abs(heap.T_base_object[:, :2, 3].mean(axis=0) - (0.5, 0.2)).max() < 0.1


def test_bad_heaps_are_refused():
    with pytest.raises(BadInput, match="0 objects"):
        stack_heap(0, 0)
    with pytest.raises(BadInput, match="families"):
        drop_heap(0, 2, families=())
    with pytest.raises(BadInput, match="teapot"):
        drop_heap(0, 1, families=("teapot",))
    with pytest.raises(BadInput, match="finite"):
        Heap((make_object("box", 0),), np.full((1, 4, 4), np.nan))
    with pytest.raises(BadInput, match="one finite"):
        Heap((make_object("box", 0),), np.zeros((0, 4, 4)))
    entry = {"family": "box", "seed": 0, "position": [0, 0, 0], "quaternion": [0, 0, 0, 1]}
    for field in entry:
        with pytest.raises(BadInput):
            Heap.from_dict({"objects": [{k: v for k, v in entry.items() if k != field}]})
    with pytest.raises(BadInput):
        Heap.from_dict({})


@pytest.mark.parametrize("family", FAMILIES)
def test_the_compiled_model_is_the_object_and_carries_the_contact_constants(family):
    heap = Heap((make_object(family, 1),), np.eye(4)[None])
    model, data, names = world(heap)
    (source,), body = heap.objects, model.body(names[0])
    assert body.mass[0] == pytest.approx(source.mass)
    assert body.ipos == pytest.approx(np.zeros(3), abs=1e-12)
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, body.iquat)
    R = turn.reshape(3, 3)
    assert R @ np.diag(body.inertia) @ R.T == pytest.approx(source.inertia, rel=1e-6, abs=1e-9)
    geoms = np.flatnonzero(model.geom_bodyid == body.id)
    assert len(geoms) == len(source.parts)
    for geom, part in zip(geoms, source.parts, strict=True):
        assert model.geom_friction[geom] == pytest.approx([source.friction, c.OBJECT_TORSION, c.OBJECT_ROLLING])
        assert model.geom_solref[geom] == pytest.approx(c.OBJECT_SOLREF)
        assert model.geom_solimp[geom] == pytest.approx(c.OBJECT_SOLIMP)
        assert model.geom_condim[geom] == c.CONDIM
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        local = model.mesh_vert[first : first + count]
        placed = local @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
        gaps = np.linalg.norm(placed[:, None] - part.vertices[None], axis=2)
        assert gaps.min(axis=0).max() < 1e-5 and gaps.min(axis=1).max() < 1e-5


def test_the_compiled_world_carries_the_solver_and_table_constants():
    model, _, _ = world(drop_heap(0, 1), c.TIMESTEP_SETTLE)
    assert model.opt.timestep == c.TIMESTEP_SETTLE
    assert model.opt.impratio == pytest.approx(c.IMPRATIO)
    assert model.opt.tolerance == pytest.approx(c.SOLVER_TOLERANCE)
    assert model.opt.iterations == c.SOLVER_ITERATIONS
    assert model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert model.opt.solver == mujoco.mjtSolver.mjSOL_NEWTON
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert model.opt.gravity == pytest.approx([0, 0, -c.GRAVITY])
    table = model.geom("table")
    assert table.pos[2] + table.size[2] == pytest.approx(0.0)
    assert table.friction[0] == pytest.approx(c.TABLE_FRICTION)
