"""The parallel gripper as bodies and drives, on whatever carries it, and what its pads feel."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco

from gpnet_ros.pose import Transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.hand.tool import MujocoTool
from gpnet_ros.sim.heap.contacts import quaternion_wxyz

FINGERS = ("finger_left", "finger_right")  # at -x and +x of the grasp frame
PALM = "palm"  # name of the palm's geom
#: Drive target far inside the object, so that the force limit and not the spring sets the grip [m].
_SQUEEZE = -0.04


def add_gripper(spec: mujoco.MjSpec, carrier: mujoco.MjsBody, T_carrier_tcp: Transform) -> None:
    """Add palm, two coupled fingers and their drives to a body.

    Joint and actuator of a finger have the finger's name; the joint's value is the distance of the
    pad from the middle, half the opening.

    Args:
        spec: what is being built.
        carrier: flange of an arm, or a free body.
        T_carrier_tcp: where the closed fingertips are in the carrier.
    """
    px, py, pz = c.PALM_SIZE
    palm = carrier.add_geom(name=PALM, type=mujoco.mjtGeom.mjGEOM_BOX, size=[px / 2, py / 2, pz / 2])
    palm.pos = T_carrier_tcp[:3, :3] @ [0, 0, -c.FINGER_LENGTH - pz / 2] + T_carrier_tcp[:3, 3]
    palm.quat = quaternion_wxyz(T_carrier_tcp)
    palm.mass = c.GRIPPER_MASS - 2 * c.FINGER_MASS
    for name, side in zip(FINGERS, (-1, 1), strict=True):
        _add_finger(spec, carrier, T_carrier_tcp, name, side)
    # The 2F-85 has one motor: both fingers move alike.
    coupling = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, name1=FINGERS[0], name2=FINGERS[1])
    coupling.data[:5] = [0, 1, 0, 0, 0]
    coupling.objtype = mujoco.mjtObj.mjOBJ_JOINT
    coupling.solref = list(c.PAD_SOLREF)
    spec.add_exclude(bodyname1=FINGERS[0], bodyname2=FINGERS[1])


def _add_finger(spec: mujoco.MjSpec, carrier: mujoco.MjsBody, T_carrier_tcp: Transform, name: str, side: int) -> None:
    body = carrier.add_body(name=name, pos=T_carrier_tcp[:3, 3], quat=quaternion_wxyz(T_carrier_tcp))
    body.gravcomp = 1.0
    joint = body.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[side, 0, 0])
    joint.limited = mujoco.mjtLimited.mjLIMITED_TRUE
    joint.range = [0.0, c.GRIPPER_STROKE / 2]
    joint.armature, joint.damping = c.FINGER_ARMATURE, [c.FINGER_DAMPING, 0.0, 0.0]
    back = c.FINGER_THICKNESS - c.PAD_THICKNESS
    for thick, tall, x in ((c.PAD_THICKNESS, c.PAD_HEIGHT, 0.0), (back, c.FINGER_LENGTH, c.PAD_THICKNESS)):
        geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[thick / 2, c.PAD_WIDTH / 2, tall / 2])
        geom.pos = [side * (x + thick / 2), 0, -tall / 2]
        geom.mass = c.FINGER_MASS / 2
        geom.condim, geom.priority = c.CONDIM, c.PAD_PRIORITY
        geom.friction, geom.solref, geom.solimp = list(c.PAD_FRICTION), list(c.PAD_SOLREF), list(c.PAD_SOLIMP)
    drive = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    drive.set_to_position(kp=c.FINGER_KP, kv=c.FINGER_KV)
    drive.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE
    drive.forcerange = [-c.GRIPPER_FORCE, c.GRIPPER_FORCE]


class MujocoGripper(MujocoTool):
    """Reads and drives the gripper of a compiled model."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, objects: Sequence[int]) -> None:
        """`objects` are the ids of the bodies that can be gripped."""
        self._fingers = [model.body(name).id for name in FINGERS]
        super().__init__(model, data, objects, [*self._fingers, model.geom_bodyid[model.geom(PALM).id]])
        self._joints = [model.joint(name) for name in FINGERS]
        self._drives = [model.actuator(name).id for name in FINGERS]

    @property
    def opening(self) -> float:
        """Distance between the pads [m]."""
        return float(sum(self._data.qpos[j.qposadr[0]] for j in self._joints))

    @property
    def speed(self) -> float:
        """Rate of change of the opening [m/s]."""
        return float(sum(self._data.qvel[j.dofadr[0]] for j in self._joints))

    def jump_to(self, opening: float) -> None:
        """Put the fingers at an opening [m] at once, at rest, and hold them there."""
        for joint in self._joints:
            self._data.qpos[joint.qposadr[0]] = opening / 2
            self._data.qvel[joint.dofadr[0]] = 0.0
        self.drive_to(opening)

    def drive_to(self, opening: float) -> None:
        """Drive the fingers towards an opening [m]."""
        self._data.ctrl[self._drives] = opening / 2

    def close(self) -> None:
        """Drive the fingers together with the full grip force."""
        self._data.ctrl[self._drives] = _SQUEEZE

    def limit_force(self, force: float) -> None:
        """Let the drives press with at most this force [N]."""
        self._model.actuator_forcerange[self._drives] = (-force, force)

    def take_from(self, other: MujocoGripper) -> None:
        """Put the fingers where those of another world are, at the same speed and with the same commands."""
        for mine, theirs in zip(self._joints, other._joints, strict=True):
            self._data.qpos[mine.qposadr[0]] = other._data.qpos[theirs.qposadr[0]]
            self._data.qvel[mine.dofadr[0]] = other._data.qvel[theirs.dofadr[0]]
        self._data.ctrl[self._drives] = other._data.ctrl[other._drives]

    def held(self) -> list[int]:
        """Indices of the objects that touch both fingers in the last step."""
        touched: list[set[int]] = [set(), set()]
        for first, second in self._model.geom_bodyid[self._data.contact.geom]:
            for finger, other in ((first, second), (second, first)):
                if finger in self._fingers and self._objects[other] >= 0:
                    touched[self._fingers.index(finger)].add(int(self._objects[other]))
        return sorted(touched[0] & touched[1])
