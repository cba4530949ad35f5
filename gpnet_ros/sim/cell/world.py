"""One compiled physical world of the cell: table, tote, arm with its tool, and a heap."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.kinematics import Dh
from gpnet_ros.pose import transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.cell.arm import ARM_JOINTS, DRIVES, FLANGE, LINKS, add_coupling, add_ur10
from gpnet_ros.sim.cell.stage import Stage
from gpnet_ros.sim.hand.cup import CUP_BODIES, MujocoCup, add_cup
from gpnet_ros.sim.hand.gripper import FINGERS, MujocoGripper, add_gripper
from gpnet_ros.sim.hand.seal import VacuumSettings
from gpnet_ros.sim.hand.tool import MujocoTool
from gpnet_ros.sim.heap.contacts import add_objects, add_table, get_pose, quaternion_wxyz, set_options, set_pose
from gpnet_ros.sim.heap.heap import Heap

#: Bodies of each tool of `Cell.tool`; as many of each, so that those of the arm stand at the same places.
_TOOL_BODIES = {"jaw": FINGERS, "suction": CUP_BODIES}
#: How long a new heap may come to rest before it is handed over [s].
_SETTLE_TIME = 0.5
#: The table's top and its centre [m]: room for the arm's base, heap and tote.
CELL_TABLE_SIZE, CELL_TABLE_CENTRE = (1.8, 2.4), (0.3, -0.1)
#: The workshop's floor below the table top [m]: what falls off the table lies there.
FLOOR_Z = -0.75


@dataclass(eq=False)
class World:
    """A model with its state, and the indices at which arm, tool and objects stand in them.

    `objects` are the bodies of the heap; every index array is in the order of its name.
    """

    heap: Heap
    model: mujoco.MjModel
    data: mujoco.MjData
    objects: tuple[str, ...]
    cell: Cell
    q_at: NDArray[np.int_] = field(init=False)
    v_at: NDArray[np.int_] = field(init=False)
    arm_drives: NDArray[np.int_] = field(init=False)
    object_ids: NDArray[np.int_] = field(init=False)
    body_ids: NDArray[np.int_] = field(init=False)
    tool: MujocoTool = field(init=False)
    flange_id: int = field(init=False)
    machine_geoms: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        m = self.model
        self.q_at = np.array([m.joint(n).qposadr[0] for n in ARM_JOINTS])
        self.v_at = np.array([m.joint(n).dofadr[0] for n in ARM_JOINTS])
        self.arm_drives = np.array([m.actuator(n).id for n in DRIVES])
        self.object_ids = np.array([m.body(n).id for n in self.objects], dtype=int)
        machine = machine_bodies(self.cell.tool)
        self.body_ids = np.array([m.body(n).id for n in (*self.objects, *machine)])
        ids = self.object_ids.tolist()
        if self.cell.tool == "suction":
            self.tool = MujocoCup(m, self.data, ids, self.cell.cup)
        else:
            self.tool = MujocoGripper(m, self.data, ids)
        self.flange_id = m.body(FLANGE).id
        self.machine_geoms = np.isin(m.geom_bodyid, [m.body(n).id for n in machine])

    def heap_now(self) -> Heap:
        """The heap, with the objects where they are now."""
        poses = [get_pose(self.model, self.data, name) for name in self.objects]
        return Heap(self.heap.objects, np.array(poses).reshape(-1, 4, 4))

    def object_velocities(self) -> NDArray[np.float64]:
        """Linear [m/s] and angular [rad/s] velocity of each object, (n, 6)."""
        rows = [self.data.qvel[self.model.joint(n).dofadr[0] + np.arange(6)] for n in self.objects]
        return np.array(rows).reshape(-1, 6)

    def poses(self) -> NDArray[np.float64]:
        """Position [m] and quaternion wxyz of the objects, then of `machine_bodies`, (n, 7), at the last step."""
        ids = self.body_ids
        return np.concatenate([self.data.xpos[ids], self.data.xquat[ids]], axis=1)

    def flange_wrench(self) -> NDArray[np.float64]:
        """External force and torque on the arm at its flange, base axes, (6,) [N, Nm], of the last step.

        All contacts of arm and tool with the world count, as in a UR, which infers them from its motors;
        what the tool holds counts with its weight.
        """
        data, local = self.data, np.zeros(6)
        total = self.tool.pull()
        total[3:] -= np.cross(data.xpos[self.flange_id], total[:3])
        if not data.ncon:
            return total
        touching = self.machine_geoms[data.contact.geom]
        for k in np.flatnonzero(touching[:, 0] != touching[:, 1]):
            mujoco.mj_contactForce(self.model, data, int(k), local)
            axes = data.contact.frame[k].reshape(3, 3)  # rows: normal and two tangents
            sign = 1.0 if touching[k, 1] else -1.0  # the force acts on the second geom
            force, torque = sign * (local[:3] @ axes), sign * (local[3:] @ axes)
            total[:3] += force
            total[3:] += torque + np.cross(data.contact.pos[k] - data.xpos[self.flange_id], force)
        return total

    def take_arm(self, other: World) -> None:
        """Put arm and tool where they are in another world, at the same speed and with the same commands."""
        self.data.qpos[self.q_at] = other.data.qpos[other.q_at]
        self.data.qvel[self.v_at] = other.data.qvel[other.v_at]
        self.data.ctrl[self.arm_drives] = other.data.ctrl[other.arm_drives]
        self.tool.take_from(other.tool)
        mujoco.mj_forward(self.model, self.data)

    def rest(self, q: ArrayLike, opening: float = c.GRIPPER_STROKE) -> None:
        """Arm at q (6,) [rad] and fingers `opening` apart [m], or the vacuum off, at rest and held there."""
        self.data.qpos[self.q_at] = self.data.ctrl[self.arm_drives] = np.asarray(q)
        self.data.qvel[self.v_at] = 0.0
        self.tool.jump_to(opening)
        mujoco.mj_forward(self.model, self.data)


def build_world(heap: Heap, dh: Dh, cell: Cell, q: ArrayLike, stage: Stage | None = None) -> World:
    """Compile the cell with a heap and let the heap come to rest while the arm waits.

    Args:
        heap: objects and poses over a table at z = 0.
        dh: true DH table of the arm.
        cell: where table, tote, mast and camera truly stand, and which tool hangs at the flange.
        q: joint angles at which the arm waits (6,) [rad].
        stage: what stands on the table for a calibration.
    """
    spec = mujoco.MjSpec()
    set_options(spec, c.TIMESTEP_GRASP)
    # What rests costs nothing and does not creep.
    spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
    _add_furniture(spec, cell)
    if stage is not None:
        _add_stage(spec, stage)
    names = add_objects(spec, heap.objects)
    flange = add_ur10(spec, dh)
    if cell.tool == "suction":
        add_cup(spec, flange, cell.T_flange_tcp, cell.cup, names, VacuumSettings())
    else:
        add_gripper(spec, flange, cell.T_flange_tcp)
        add_coupling(flange, cell.gripper.tcp_offset - c.FINGER_LENGTH - c.PALM_SIZE[2])
    model = spec.compile()
    world = World(heap, model, mujoco.MjData(model), tuple(names), cell)
    for name, T in zip(names, heap.T_base_object, strict=True):
        set_pose(model, world.data, name, transform(T[:3, :3], T[:3, 3] + [0.0, 0.0, cell.workspace.table_z]))
    world.rest(q)
    mujoco.mj_step(model, world.data, nstep=round(_SETTLE_TIME / c.TIMESTEP_GRASP))
    world.rest(q)
    return world


def machine_bodies(tool: str) -> tuple[str, ...]:
    """What moves with the arm and a tool of `Cell.tool`, in the order in which poses stand after the objects'."""
    return (*LINKS, FLANGE, *_TOOL_BODIES[tool])


def in_tote(cell: Cell, points: ArrayLike) -> NDArray[np.bool_]:
    """Whether points (n, 3) in base [m] lie inside the tote, (n,)."""
    p, tote = np.asarray(points, dtype=np.float64).reshape(-1, 3), cell.tote
    inside = (np.abs(p[:, :2] - tote.centre) < np.array(tote.inner) / 2).all(axis=1)
    return inside & (p[:, 2] > tote.floor_z) & (p[:, 2] < tote.floor_z + tote.height)


def over_table(points: ArrayLike) -> NDArray[np.bool_]:
    """Whether points (n, 3) in base [m] lie on the table or above it, (n,)."""
    p = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    over = (np.abs(p[:, :2] - CELL_TABLE_CENTRE) < np.array(CELL_TABLE_SIZE) / 2).all(axis=1)
    return over & (p[:, 2] > -0.02)


def _add_furniture(spec: mujoco.MjSpec, cell: Cell) -> None:
    """Table, floor, tote, and the mast with the camera."""
    add_table(spec)
    table = spec.geom("table")
    table.size = [CELL_TABLE_SIZE[0] / 2, CELL_TABLE_SIZE[1] / 2, 0.05]
    table.pos = [*CELL_TABLE_CENTRE, cell.workspace.table_z - 0.05]
    floor = spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, pos=[0.0, 0.0, FLOOR_Z])
    floor.size = [0.0, 0.0, 1.0]
    for box in (*cell.tote.walls, *cell.keep_out):
        low, high = np.array(box.low), np.array(box.high)
        board = spec.worldbody.add_geom(name=box.name, type=mujoco.mjtGeom.mjGEOM_BOX)
        board.pos, board.size = ((low + high) / 2).tolist(), ((high - low) / 2).tolist()
        _stands(board)


def _add_stage(spec: mujoco.MjSpec, stage: Stage) -> None:
    """Board and cylinder on the table; a board at the flange is seen only, for nothing is touched with it."""
    if stage.plate is not None:
        T, half = stage.plate
        plate = spec.worldbody.add_geom(name="board", type=mujoco.mjtGeom.mjGEOM_BOX, size=half.tolist())
        plate.pos, plate.quat = T[:3, 3].tolist(), quaternion_wxyz(T).tolist()
        _stands(plate)
    if stage.cylinder:
        x, y, radius, tall = stage.cylinder
        tin = spec.worldbody.add_geom(name="cylinder", type=mujoco.mjtGeom.mjGEOM_CYLINDER)
        tin.size, tin.pos = [radius, tall / 2, 0.0], [x, y, stage.table_z + tall / 2]
        _stands(tin)


def _stands(geom: mujoco.MjsGeom) -> None:
    """It stands still and is touched as furniture is."""
    geom.condim = c.CONDIM
    geom.friction = [c.TABLE_FRICTION, c.OBJECT_TORSION, c.OBJECT_ROLLING]
    geom.solref, geom.solimp = list(c.OBJECT_SOLREF), list(c.OBJECT_SOLIMP)
