"""The physical world around the objects: bodies, table, solver, and what presses on what."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.pose import Transform, transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.heap.bin import Bin
from gpnet_ros.sim.objects.model import ObjectModel

#: i rests on j if j pushes it up with more than this share of its weight.
SUPPORT_SHARE = 0.1
_DEEP = 0.05  # how far the floor of a bin reaches down into the table [m]


def add_objects(spec: mujoco.MjSpec, objects: Sequence[ObjectModel]) -> list[str]:
    """Add each object as a free body with its parts as geoms; the body's origin is its centre of mass.

    Returns:
        The names of the bodies, `object_0` and on; the joint of a body has the body's name.
    """
    names = []
    for index, model in enumerate(objects):
        name = f"object_{index}"
        body = spec.worldbody.add_body(name=name)
        body.explicitinertial = True
        body.mass = model.mass
        # Without ipos, MuJoCo takes the inertia but drops the orientation of its axes.
        body.ipos = [0.0, 0.0, 0.0]
        i = model.inertia
        body.fullinertia = [i[0, 0], i[1, 1], i[2, 2], i[0, 1], i[0, 2], i[1, 2]]
        body.add_freejoint(name=name)
        for k, part in enumerate(model.parts):
            mesh = spec.add_mesh(name=f"{name}_{k}")
            mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
            mesh.uservert = part.vertices.ravel().tolist()
            mesh.userface = part.faces.ravel().tolist()
            geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh.name)
            _touches(geom, (model.friction, c.OBJECT_TORSION, c.OBJECT_ROLLING))
        names.append(name)
    return names


def add_table(spec: mujoco.MjSpec) -> None:
    """Add the table: a plane at z = 0 of the table's size and friction."""
    geom = spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_BOX)
    x, y = c.TABLE_SIZE
    geom.size = [x / 2, y / 2, 0.05]
    geom.pos = [*c.HEAP_CENTRE, -0.05]
    _touches(geom, (c.TABLE_FRICTION, c.OBJECT_TORSION, c.FLOOR_ROLLING))
    geom.condim = c.FLOOR_CONDIM


def add_bin(spec: mujoco.MjSpec, bin: Bin) -> list[str]:
    """Add floor and walls of a bin that stands still; returns the names of their geoms."""
    yaw = Rotation.from_matrix(bin.T_base_bin[:3, :3].copy()).as_quat(canonical=True)[[3, 0, 1, 2]]
    names = []
    for k, (size, centre) in enumerate(bin.boxes()):
        geom = spec.worldbody.add_geom(name=f"bin_{k}", type=mujoco.mjtGeom.mjGEOM_BOX)
        if k == 0:  # a thin floor on a table would let a corner that has sunk in come out below
            size, centre = size + [0.0, 0.0, _DEEP], centre - [0.0, 0.0, _DEEP / 2]
        geom.size = (size / 2).tolist()
        geom.pos = (bin.T_base_bin @ [*centre, 1.0])[:3].tolist()
        geom.quat = yaw.tolist()
        _touches(geom, (c.BIN_FRICTION, c.OBJECT_TORSION, c.FLOOR_ROLLING))
        geom.condim = c.FLOOR_CONDIM
        names.append(geom.name)
    return names


def world_of(objects: Sequence[ObjectModel], bin: Bin | None, timestep: float) -> tuple[mujoco.MjSpec, list[str]]:
    """Table, bin and objects, nothing else, and the names of the objects' bodies; `timestep` in [s]."""
    spec = mujoco.MjSpec()
    set_options(spec, timestep)
    add_table(spec)
    if bin is not None:
        add_bin(spec, bin)
    return spec, add_objects(spec, objects)


def set_options(spec: mujoco.MjSpec, timestep: float) -> None:
    """Set solver and integrator as all worlds of the cell use them; `timestep` in [s]."""
    spec.option.timestep = timestep
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = c.IMPRATIO
    spec.option.iterations = c.SOLVER_ITERATIONS
    spec.option.tolerance = c.SOLVER_TOLERANCE
    spec.option.gravity = [0.0, 0.0, -c.GRAVITY]


def _touches(geom: mujoco.MjsGeom, friction: Sequence[float]) -> None:
    geom.condim = c.CONDIM
    geom.friction = list(friction)
    geom.solref = list(c.OBJECT_SOLREF)
    geom.solimp = list(c.OBJECT_SOLIMP)


def quaternion_wxyz(T: Transform) -> NDArray[np.float64]:
    """Unit quaternion (4,) in MuJoCo's order w, x, y, z."""
    return Rotation.from_matrix(T[:3, :3]).as_quat(canonical=True)[[3, 0, 1, 2]]


def set_pose(model: mujoco.MjModel, data: mujoco.MjData, name: str, T_base_body: Transform) -> None:
    """Put the free body `name` at a pose (4, 4), at rest."""
    joint = model.joint(name)
    at, dof = joint.qposadr[0], joint.dofadr[0]
    data.qpos[at : at + 3] = T_base_body[:3, 3]
    data.qpos[at + 3 : at + 7] = quaternion_wxyz(T_base_body)
    data.qvel[dof : dof + 6] = 0.0


def get_pose(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> Transform:
    """Pose T_base_body (4, 4) of the free body `name`, straight from the state."""
    at = model.joint(name).qposadr[0]
    quaternion = data.qpos[at + 3 : at + 7][[1, 2, 3, 0]]
    return transform(Rotation.from_quat(quaternion).as_matrix(), data.qpos[at : at + 3])


def support_forces(model: mujoco.MjModel, data: mujoco.MjData, bodies: ArrayLike) -> NDArray[np.float64]:
    """Net upward contact force [N] that body j exerts on body i, (n, n) for the n body ids given.

    The forces are those of the last `mj_step` or `mj_forward`.
    """
    ids = np.asarray(bodies, dtype=int)
    row = np.full(model.nbody, -1)
    row[ids] = np.arange(len(ids))
    up = np.zeros((len(ids), len(ids)))
    wrench = np.zeros(6)
    pairs, frames = row[model.geom_bodyid[data.contact.geom]], data.contact.frame.reshape(-1, 3, 3)
    for k in np.flatnonzero((pairs >= 0).all(axis=1)):
        i, j = pairs[k]
        mujoco.mj_contactForce(model, data, int(k), wrench)
        # The frame's rows are the contact axes; the force acts on the second geom.
        lift = float(frames[k, :, 2] @ wrench[:3])
        up[j, i] += lift
        up[i, j] -= lift
    return up


def supports(up: NDArray[np.float64], masses: ArrayLike) -> NDArray[np.bool_]:
    """[i, j] = i rests on j, from `support_forces` (n, n) [N] and masses (n,) [kg]."""
    weight = np.asarray(masses, dtype=np.float64) * c.GRAVITY
    return up > SUPPORT_SHARE * weight[:, None]
