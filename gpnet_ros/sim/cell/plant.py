"""The simulated arm, its gripper and the heap as a plant: what stands behind the simulated controller."""

from __future__ import annotations

import time
from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpnet_ros.cell import Cell
from gpnet_ros.kinematics import Dh, UrKinematics
from gpnet_ros.pose import Transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.cell.arm import DRIVE_KP, DRIVE_KV, JOINT_DAMPING
from gpnet_ros.sim.cell.stage import Stage
from gpnet_ros.sim.cell.state import State
from gpnet_ros.sim.cell.vacuum import Vacuum
from gpnet_ros.sim.cell.world import World, build_world
from gpnet_ros.sim.hand.fingers import Fingers
from gpnet_ros.sim.hand.gripper import MujocoGripper
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.ur_controller.plant import AT_TARGET, Vector

_KP, _LAG = np.array(DRIVE_KP), (np.array(DRIVE_KV) + JOINT_DAMPING) / np.array(DRIVE_KP)
#: Fed-forward accelerations are cut here [rad/s^2]: a commanded jump is not to be thrown at the motors.
_ACCELERATION_MAX = 20.0
#: Integral part of the drives at rest [1/s] and its limit [rad]: a held object must not bend the arm.
_INTEGRAL, _BIAS_MAX = 4.0, 0.004
#: A step of inverse kinematics below this [rad] stays on its branch.
_TRACKED = 0.05


class CellPlant:
    """A UR10 over a heap, in MuJoCo, with a Robotiq 2F-85 or a suction cup; implements the controller's `Plant`.

    Attributes:
        world: model and state; replaced by `load_heap`.
        version: counts the heaps; 1 is the first.
        stage: what stands there for a calibration; gone with the next heap.
        tool_mass: what truly hangs at the flange [kg].
        watchers: called with the plant after every control period.
    """

    def __init__(self, heap: Heap, cell: Cell, dh: Dh, start: float | None = None) -> None:
        """Build the world, with the arm at rest at the cell's home pose and its tool open.

        Args:
            heap: objects and poses.
            cell: furniture, tool and home pose.
            dh: the arm's true kinematics, which only the controller knows.
            start: time at which it begins [s]; None is the wall clock's.
        """
        self.cell, self.kinematics = cell, UrKinematics(dh)
        self.world: World = build_world(heap, dh, cell, cell.home)
        hung = self.world.tool
        self.tool: Fingers | Vacuum = Fingers(hung) if isinstance(hung, MujocoGripper) else Vacuum(self.world)
        self.version, self.outputs, self.stage = 1, 0, Stage(table_z=cell.workspace.table_z)
        self.tool_mass = cell.cup.mass if cell.tool == "suction" else c.GRIPPER_MASS
        self.watchers: list[Callable[[CellPlant], None]] = []
        # Added up from zero: the wall clock's own digits would swallow parts of every period.
        self._start, self._elapsed = time.time() if start is None else start, 0.0
        self._bias, self._qd_before, self._flange_wrench = np.zeros(6), np.zeros(6), np.zeros(6)

    @property
    def touched(self) -> bool:
        """Whether arm or gripper touched anything in the last control period."""
        return bool(np.any(self._flange_wrench))

    @property
    def time(self) -> float:
        """Simulated time [s]; it starts at the wall clock unless it was told otherwise."""
        return self._start + self._elapsed

    @property
    def q(self) -> Vector:
        """Actual joint angles, (6,) [rad]."""
        return self.world.data.qpos[self.world.q_at]

    @property
    def qd(self) -> Vector:
        """Actual joint velocities, (6,) [rad/s]."""
        return self.world.data.qvel[self.world.v_at]

    def step(self, dt: float, q_target: Vector, qd_target: Vector) -> None:
        """Advance physics by a control period [s]; motors follow the commanded angles (6,) [rad] and speeds [rad/s]."""
        world, count = self.world, max(1, round(dt / c.TIMESTEP_GRASP))
        world.model.opt.timestep = dt / count
        ahead = self._feed_forward(dt, np.asarray(q_target), np.asarray(qd_target))
        wrench = np.zeros(6)
        for left in range(count - 1, -1, -1):
            reference = q_target - qd_target * (left * dt / count)
            world.data.ctrl[world.arm_drives] = reference + ahead
            if isinstance(self.tool, Fingers):
                self.tool.drive(dt / count)
            mujoco.mj_step(world.model, world.data)
            world.tool.watch(dt / count)
            wrench += world.flange_wrench() / count
        self._flange_wrench = wrench
        self._elapsed += dt
        for watcher in self.watchers:
            watcher(self)

    def _feed_forward(self, dt: float, q_target: Vector, qd_target: Vector) -> NDArray[np.float64]:
        """What is added to the commanded angles so that the drives do not lag behind, (6,) [rad]."""
        world = self.world
        acceleration = np.clip((qd_target - self._qd_before) / dt, -_ACCELERATION_MAX, _ACCELERATION_MAX)
        self._qd_before = np.array(qd_target)
        wanted, torque = np.zeros(world.model.nv), np.zeros(world.model.nv)
        wanted[world.v_at] = acceleration
        mujoco.mj_mulM(world.model, world.data, torque, wanted)
        if np.any(qd_target):
            self._bias *= 0.98
        else:
            self._bias += np.clip(_INTEGRAL * dt * (q_target - self.q), -_BIAS_MAX, _BIAS_MAX)
            self._bias = np.clip(self._bias, -_BIAS_MAX, _BIAS_MAX)
        return torque[world.v_at] / _KP + _LAG * qd_target + self._bias

    def forward(self, q: Vector) -> Transform:
        """T_base_flange of the true arm at joint angles (6,) [rad]."""
        return self.kinematics.forward(q)

    def inverse(self, T_base_flange: Transform, q_near: Vector) -> Vector | None:
        """Joint angles (6,) [rad] of the true arm near q_near that reach a pose, or None."""
        q = self.kinematics.refine(T_base_flange, q_near)  # along a path this is cheapest
        if q is not None and np.abs(q - q_near).max() < _TRACKED and np.abs(q).max() <= c.UR10_JOINT_RANGE[1]:
            return q
        return self.kinematics.inverse_near(T_base_flange, q_near)

    def wrench(self, T_flange_tcp: Transform) -> Vector:
        """External force and torque on arm and tool at the TCP, base axes, (6,) [N, Nm]."""
        force, torque = self._flange_wrench[:3], self._flange_wrench[3:]
        arm = self.forward(self.q)[:3, :3] @ T_flange_tcp[:3, 3]
        return np.concatenate([force, torque - np.cross(arm, force)])

    def set_outputs(self, bits: int) -> None:
        """Take the digital outputs; a cup's valve is wired to one of them, a jaw to none."""
        self.outputs = bits
        if isinstance(self.tool, Vacuum):
            self.tool.set_outputs(bits)

    @property
    def digital_inputs(self) -> int:
        """Digital inputs that the tool drives: a cup's vacuum switch."""
        return self.tool.digital_inputs if isinstance(self.tool, Vacuum) else 0

    def set_gripper(self, position: int, speed: int, force: int) -> None:
        """Send the fingers to a position, 0 open .. 255 closed, with speed and force 0 .. 255; a cup has none."""
        if isinstance(self.tool, Fingers):
            self.tool.go(position, speed, force)

    @property
    def gripper_position(self) -> int:
        """Actual finger position, 0 open .. 228 closed."""
        return self.tool.position if isinstance(self.tool, Fingers) else 0

    @property
    def gripper_object(self) -> int:
        """Object status of the gripper, see `ur_controller.plant.MOVING` and those beside it."""
        return self.tool.object_status if isinstance(self.tool, Fingers) else AT_TARGET

    def load_heap(self, heap: Heap, stage: Stage | None = None) -> None:
        """Take heap and stage away and put others there; arm and tool stay as they are."""
        self.stage = stage or Stage(table_z=self.cell.workspace.table_z)
        world = build_world(heap, self.kinematics.dh, self.cell, self.cell.home, self.stage)
        world.take_arm(self.world)
        self.world = world
        if isinstance(self.tool, Vacuum):
            self.tool.attach(world)
        elif isinstance(world.tool, MujocoGripper):
            self.tool.attach(world.tool)
        self.version += 1

    def state(self) -> State:
        """The state of arm and objects at this instant."""
        return State(self.time, self.version, np.array(self.q), self.poses_now())

    def poses_now(self) -> NDArray[np.float64]:
        """Poses (n, 7) of objects and machine at this very instant; see `World.poses`."""
        # After a step MuJoCo holds the poses of its beginning.
        mujoco.mj_kinematics(self.world.model, self.world.data)
        return self.world.poses()

    def put_arm(self, q: ArrayLike) -> None:
        """Set the arm at joint angles (6,) [rad], at rest: for tests."""
        self.world.rest(q, self.tool.opening if isinstance(self.tool, Fingers) else c.GRIPPER_STROKE)
