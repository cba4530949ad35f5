"""The tool alone, carried by an invisible hand: picks from a heap without an arm, fast."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.hand.fingers import Fingers
from gpnet_ros.sim.hand.gripper import MujocoGripper, add_gripper
from gpnet_ros.sim.hand.tool import MujocoTool
from gpnet_ros.sim.heap.contacts import (
    add_bin,
    add_objects,
    add_table,
    get_pose,
    quaternion_wxyz,
    set_options,
    set_pose,
)
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.ur_controller.plant import MOVING

_ABOVE = 0.15  # start of the approach before the grasp [m]
_SLOW_BELOW = 0.05  # the rest of the approach is slow [m]
_FAST, _SLOW = 0.4, 0.1  # speeds of the approach [m/s]
_CLOSE_TIME = 3.0  # jaws that have not stopped by then are taken for stopped [s]
_SQUEEZE_TIME = 0.1  # from the gripper's word to the lift: its driver asks ten times a second [s]
_LIFT = 0.20  # [m]
_HOLD_TIME = 0.2  # [s]
_CARRY_TIME = 1.6  # to the tote: peaks at 0.9 m/s and 2.2 m/s^2, which a UR10 can do [s]
_CALM_TIME = 1.0  # for what was left behind to come to rest, at most [s]
_CALM_SPEED = 0.01  # [m/s] and [rad/s] per 10 cm
_CARRIED_HEIGHT = 0.05  # higher above the table than this over the tote = carried there [m]
_EMPTY_OPENING = 0.002  # closed further than this: nothing between the pads [m]
#: The jaws close at this speed [m/s] where no cell says otherwise.
GRIP_SPEED = 0.10
_ASIDE = (3.0, 3.0, 1.0)  # where the hand waits [m]


@dataclass(frozen=True, eq=False)
class PickOutcome:
    """Outcome of one executed pick.

    Attributes:
        status: "lifted" (and brought to the tote), "missed" (the jaws closed on nothing), "slipped"
            (lost during lift or carry) or "collision" (the descent met more force than allowed).
        object: index of the object that was lifted, else None.
        removed: indices of all objects that are in the tote by this pick; two can come up at once.
        fallen: indices of objects that left the workspace, or their bin, but are not in the tote.
        moved: (n,) displacement of each object that stays on the table [m]; NaN for the others.
        force_peak: greatest contact force on the gripper while it descended [N].
    """

    status: str
    object: int | None
    removed: tuple[int, ...]
    fallen: tuple[int, ...]
    moved: NDArray[np.float64]
    force_peak: float


class Hand:
    """A heap on the table or in a bin and a tool that moves exactly as told: the jaw; `CupHand` carries a cup.

    Indices of objects are those of the heap handed in, throughout.
    """

    #: How long the tool takes to lift [s].
    LIFT_TIME = 0.6
    #: Contact force at which it stops on its way down [N]; that of a cup is its shape's.
    force_limit: float = c.DESCENT_FORCE_MAX

    def __init__(
        self, heap: Heap, radius: float = c.WORKSPACE_RADIUS, contact: float = 0.0, grip_speed: float = GRIP_SPEED
    ) -> None:
        """Build the world of a heap at rest.

        Args:
            heap: what lies there.
            radius: what lies farther than this [m] from the heap's middle, along x or y, fell out.
            contact: of the jaw's descent this near above its end [m] is no collision.
            grip_speed: at which the jaws close [m/s].
        """
        self._radius, self._contact, self._grip_speed = radius, contact, grip_speed
        self._fingers: Fingers | None = None  # while they are closed
        self.objects, self.remaining = heap.objects, list(range(len(heap.objects)))
        self._bin = heap.bin
        spec = mujoco.MjSpec()
        set_options(spec, c.TIMESTEP_GRASP)
        # Objects that rest cost nothing until something touches them, and do not creep.
        spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
        add_table(spec)
        if heap.bin is not None:
            add_bin(spec, heap.bin)
        self._names = add_objects(spec, heap.objects)
        self._add_tool(spec, _add_carrier(spec))
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._tool = self._driven([self._model.body(name).id for name in self._names])
        for name, T in zip(self._names, heap.T_base_object, strict=True):
            set_pose(self._model, self._data, name, T)
        self._retire()
        mujoco.mj_forward(self._model, self._data)

    def _add_tool(self, spec: mujoco.MjSpec, carrier: mujoco.MjsBody) -> None:
        add_gripper(spec, carrier, np.eye(4))

    def _driven(self, objects: list[int]) -> MujocoTool:
        """The tool of the compiled model, which can hold the bodies `objects`."""
        return MujocoGripper(self._model, self._data, objects)

    def _close(self) -> None:
        """Close the jaws until the gripper says that they have stopped."""
        assert isinstance(self._tool, MujocoGripper)
        self._fingers = Fingers(self._tool)
        self._fingers.close(self._grip_speed, c.GRIPPER_FORCE)
        for _ in range(int(_CLOSE_TIME / c.TIMESTEP_GRASP)):
            self._step()
            if self._fingers.object_status != MOVING:
                break
        self._wait(_SQUEEZE_TIME)

    def _open(self, width: float) -> None:
        """Open the tool to a width [m]."""
        self._fingers = None
        self._tool.drive_to(width)

    def _holds_nothing(self) -> bool:
        """Whether the gripper says that nothing is between the jaws: on the robot nobody else knows."""
        assert isinstance(self._tool, MujocoGripper)
        return self._fingers is None or not self._fingers.holds or self._tool.opening < _EMPTY_OPENING

    def _collided(self, peak: float, left: float) -> bool:
        """Whether a descent met something too early: with a force peak [N], `left` above its end [m]."""
        return peak > self.force_limit and not left < self._contact

    def _step(self, count: int = 1) -> None:
        if self._fingers is None:
            mujoco.mj_step(self._model, self._data, count)
            return
        for _ in range(count):
            self._fingers.drive(c.TIMESTEP_GRASP)
            mujoco.mj_step(self._model, self._data)

    @property
    def heap(self) -> Heap:
        """The objects that remain, in the order of `remaining`, where they lie now."""
        return Heap(tuple(self.objects[i] for i in self.remaining), self._poses()[self.remaining], self._bin)

    def pick(self, T_base_grasp: Transform, width: float) -> PickOutcome:
        """Open, come down, close, lift, carry to the tote and let go.

        Args:
            T_base_grasp: pose of the fingertips when they close, z along the approach, x along the
                opening.
            width: opening before closing [m].

        Raises:
            BadInput: the pose is not finite or the width is outside the stroke.
        """
        if not np.isfinite(T_base_grasp).all() or not 0.0 < width <= c.GRIPPER_STROKE:
            raise BadInput(
                f"Grasp of width {width} m at {T_base_grasp[:3, 3]} cannot be tried: "
                f"the pose must be finite and the width within 0 to {c.GRIPPER_STROKE} m."
            )
        before = self._poses()
        status, target, peak = self._attempt(T_base_grasp, width)
        removed = self._in_tote() if status == "lifted" else ()
        self._retire()
        for index in removed:
            self._take_out(index)
        self._calm()
        fallen = tuple(i for i in self.remaining if self._outside(i))
        for index in fallen:
            self._take_out(index)
        moved = np.full(len(self.objects), np.nan)
        moved[self.remaining] = np.linalg.norm((self._poses() - before)[self.remaining, :3, 3], axis=1)
        return PickOutcome(status, target, removed, fallen, moved, peak)

    def _attempt(self, T_base_grasp: Transform, width: float) -> tuple[str, int | None, float]:
        """Status, object and force peak; afterwards the hand is wherever that ended."""
        T_start = T_base_grasp @ transform(np.eye(3), [0, 0, -_ABOVE])
        self._appear(T_start, width)
        peak, T_reached = self._descend(T_start, T_base_grasp)
        if self._collided(peak, float(T_reached[2, 3] - T_base_grasp[2, 3])):
            self._open(width)
            self._move(get_pose(self._model, self._data, "hand"), T_start, self.LIFT_TIME)
            return "collision", None, peak
        self._close()
        if self._holds_nothing():
            self._open(width)
            self._wait(_HOLD_TIME)
            self._move(T_reached, T_start, self.LIFT_TIME)
            return "missed", None, peak
        T_up = transform(np.eye(3), [0, 0, _LIFT]) @ T_reached
        self._move(T_reached, T_up, self.LIFT_TIME)
        self._wait(_HOLD_TIME)
        if self._holds_nothing():
            return "slipped", None, peak
        held = self._tool.held()
        T_over = T_up.copy()
        T_over[:3, 3] = [*c.TOTE_CENTRE, max(T_up[2, 3], c.TOTE_WALL_HEIGHT + 0.1)]
        self._move(T_up, T_over, _CARRY_TIME)
        arrived = sorted(self._in_tote(), key=lambda i: i not in held)
        return ("lifted", arrived[0], peak) if arrived else ("slipped", None, peak)

    def _descend(self, T_from: Transform, T_to: Transform) -> tuple[float, Transform]:
        """Go down, fast and then slowly; stops at the force limit. Returns the force peak [N] and where that ended."""
        start, stop = T_from[:3, 3], T_to[:3, 3]
        slow = stop - _SLOW_BELOW / _ABOVE * (stop - start)
        peak = 0.0
        for a, b, speed in ((start, slow, _FAST), (slow, stop, _SLOW)):
            steps = int(np.linalg.norm(b - a) / speed / c.TIMESTEP_GRASP)
            for position in np.linspace(a, b, steps + 1)[1:]:
                self._data.mocap_pos[0] = position
                self._step()
                if self._tool.touches():
                    peak = max(peak, float(np.linalg.norm(self._tool.contact_force())))
                if peak > self.force_limit:
                    return peak, transform(T_to[:3, :3], position)
        return peak, T_to

    def _move(self, T_from: Transform, T_to: Transform, duration: float) -> None:
        """Straight and smooth from pose to pose of the same orientation, in `duration` [s]."""
        s = np.linspace(0.0, 1.0, int(duration / c.TIMESTEP_GRASP) + 1)[1:, None]
        path = T_from[:3, 3] + s * s * (3 - 2 * s) * (T_to[:3, 3] - T_from[:3, 3])
        for position in path:
            self._data.mocap_pos[0] = position
            self._step()

    def _wait(self, duration: float) -> None:
        self._step(int(duration / c.TIMESTEP_GRASP))

    def _appear(self, T: Transform, opening: float) -> None:
        """Put the hand at a pose at once, at rest."""
        set_pose(self._model, self._data, "hand", T)
        self._data.mocap_pos[0], self._data.mocap_quat[0] = T[:3, 3], quaternion_wxyz(T)
        self._fingers = None
        self._tool.jump_to(opening)
        mujoco.mj_forward(self._model, self._data)

    def _retire(self) -> None:
        self._appear(transform(np.diag([1.0, -1.0, -1.0]), _ASIDE), c.GRIPPER_STROKE)

    def _take_out(self, index: int) -> None:
        """Out of the world: aside, weightless."""
        self.remaining.remove(index)
        name = self._names[index]
        set_pose(self._model, self._data, name, transform(np.eye(3), [-5.0 - index, 0.0, 1.0]))
        weight = self.objects[index].mass * c.GRAVITY
        self._data.xfrc_applied[self._model.body(name).id, 2] = weight

    def _calm(self) -> None:
        """Let what is left come to rest."""
        every = 25
        for _ in range(int(_CALM_TIME / c.TIMESTEP_GRASP / every)):
            mujoco.mj_step(self._model, self._data, every)
            if all(self._speed(i) < _CALM_SPEED for i in self.remaining):
                return

    def _speed(self, index: int) -> float:
        at = self._model.joint(self._names[index]).dofadr[0]
        velocity = self._data.qvel[at : at + 6]
        return float(max(np.linalg.norm(velocity[:3]), 0.1 * np.linalg.norm(velocity[3:])))

    def _in_tote(self) -> tuple[int, ...]:
        """Objects that are carried above the tote, with their centre inside its walls."""
        apart = np.abs(self._poses()[:, :2, 3] - c.TOTE_CENTRE) < np.array(c.TOTE_INNER) / 2
        high = self._poses()[:, 2, 3] > _CARRIED_HEIGHT
        return tuple(i for i in self.remaining if apart[i].all() and high[i])

    def _outside(self, index: int) -> bool:
        position = self._poses()[index, :3, 3]
        if self._bin is not None:
            return not bool(self._bin.holds(position[None])[0])
        return bool(np.abs(position[:2] - c.HEAP_CENTRE).max() > self._radius or position[2] < 0)

    def _poses(self) -> NDArray[np.float64]:
        poses = [get_pose(self._model, self._data, name) for name in self._names]
        return np.array(poses).reshape(-1, 4, 4)


def _add_carrier(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    """A free body `hand` at the TCP, welded to a mocap body that goes where it is told; it carries the tool."""
    spec.worldbody.add_body(name="lead", mocap=True)
    hand = spec.worldbody.add_body(name="hand", gravcomp=1.0)
    hand.add_freejoint(name="hand")
    weld = spec.add_equality(type=mujoco.mjtEq.mjEQ_WELD, name1="lead", name2="hand")
    weld.objtype = mujoco.mjtObj.mjOBJ_BODY
    weld.data[:] = 0.0
    weld.data[6] = 1.0  # relative orientation: none (anchor 0:3, position 3:6, quaternion 6:10)
    weld.data[10] = 1.0  # torque as stiff as force
    weld.solref, weld.solimp = list(c.PAD_SOLREF), list(c.PAD_SOLIMP)
    return hand
