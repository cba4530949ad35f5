"""The suction cup as bodies, on whatever carries it: a rod, a bellows that gives way, and a lip that seals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.pose import Transform, invert, transform
from gpnet_ros.settings import CupShape
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.hand.seal import UnderLip, VacuumSettings, bearing, lip_pattern, load_share, seal_of
from gpnet_ros.sim.hand.tool import MujocoTool
from gpnet_ros.sim.heap.contacts import quaternion_wxyz

#: Bodies of the tool: what stands still at the flange, and what the bellows lets move.
CUP_BODIES = ROD, LIP = "cup_rod", "cup_lip"
#: Thickness of the lip's disc [m], and mass of lip and bellows [kg]; estimates.
_LIP_THICK, _LIP_MASS = 0.003, 0.02
#: Damping of the bellows, open and with its air drawn out [N s/m], and added inertia along its axis [kg]; tuned: a lip
#: that is let go does not swing, and one that draws its object up does not jerk.
_DAMPING, _DAMPING_SEALED, _ARMATURE = 10.0, 80.0, 0.05
#: Torque of a hold by its force: a bellows tilts. A stiff one tore off where the arm, bent by the contact, relaxed.
_TILTS = 0.3
#: Rubber on what it meets: sliding, torsional [m] and rolling [m] friction.
_RUBBER = (0.8, 0.005, 0.0001)
#: Rays begin this far above the lip [m], for a lip may be pressed into a surface a little.
_BACK = 0.005
#: A lip that touches without a seal is judged again after this time [s].
_JUDGE_EVERY = 0.02
#: Group of the geoms that rays pass through: the tool's own.
_GROUP = 4
_SEEN = np.array([1, 1, 1, 1, 0, 1], dtype=np.uint8)


def add_cup(
    spec: mujoco.MjSpec,
    carrier: mujoco.MjsBody,
    T_carrier_tcp: Transform,
    shape: CupShape,
    objects: Sequence[str],
    settings: VacuumSettings,
) -> None:
    """Add rod, bellows and lip to a body, and a hold for each object that is off until the lip seals.

    Args:
        spec: what is being built.
        carrier: flange of an arm, or a free body.
        T_carrier_tcp: where the middle of the lip is in the carrier, z along the approach.
        shape: of the tool.
        objects: names of the bodies that can be held.
        settings: of the bellows.
    """
    rod = carrier.add_body(name=ROD, pos=T_carrier_tcp[:3, 3], quat=quaternion_wxyz(T_carrier_tcp), gravcomp=1.0)
    rest = shape.mass - _LIP_MASS
    _add_cylinder(rod, shape.mount_radius, -shape.tcp_offset, -shape.rod_length, 0.8 * rest)
    # The rod ends where the bellows does when it is pressed together.
    _add_cylinder(rod, shape.rod_radius, -shape.rod_length, -shape.bellows - _LIP_THICK, 0.2 * rest)
    lip = rod.add_body(name=LIP, gravcomp=1.0)
    joint = lip.add_joint(name=LIP, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 0, 1])
    joint.limited = mujoco.mjtLimited.mjLIMITED_TRUE
    joint.range = [-shape.bellows, 0.0]
    joint.armature, joint.damping = _ARMATURE, [_DAMPING, 0.0, 0.0]
    joint.stiffness = [settings.stiffness, 0.0, 0.0]
    _add_cylinder(lip, shape.lip_radius, -_LIP_THICK, 0.0, _LIP_MASS / 2)
    _add_cylinder(lip, 0.7 * shape.lip_radius, -_LIP_THICK - shape.bellows, -_LIP_THICK, _LIP_MASS / 2)
    for name in objects:
        hold = spec.add_equality(type=mujoco.mjtEq.mjEQ_WELD, name=_hold_of(name), name1=LIP, name2=name)
        hold.objtype = mujoco.mjtObj.mjOBJ_BODY
        hold.data[10] = _TILTS
        hold.active = False
        hold.solref, hold.solimp = list(c.PAD_SOLREF), list(c.PAD_SOLIMP)


def _hold_of(name: str) -> str:
    return f"hold_{name}"


def _add_cylinder(body: mujoco.MjsBody, radius: float, low: float, high: float, mass: float) -> None:
    geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, mass=mass, group=_GROUP)
    geom.size, geom.pos = [radius, (high - low) / 2, 0.0], [0.0, 0.0, (low + high) / 2]
    geom.condim, geom.friction = c.CONDIM, list(_RUBBER)
    geom.solref, geom.solimp = list(c.OBJECT_SOLREF), list(c.OBJECT_SOLIMP)


class MujocoCup(MujocoTool):
    """The cup of a compiled model with its valve: "closed" is vacuum on, any opening is off."""

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        objects: Sequence[int],
        shape: CupShape,
        settings: VacuumSettings | None = None,
    ) -> None:
        """Vacuum off; `objects` are the ids of the bodies that can be held."""
        super().__init__(model, data, objects, [model.body(name).id for name in CUP_BODIES])
        self._shape, self.settings = shape, settings or VacuumSettings()
        self._ids = list(objects)
        self._holds = [model.equality(_hold_of(model.body(k).name)).id for k in objects]
        self._lip, self._joint = model.body(LIP).id, model.joint(LIP)
        self._lip_geoms = np.flatnonzero(model.geom_bodyid == self._lip)
        self._pattern = lip_pattern(shape.lip_radius)
        self.valve, self._sealed, self._quality = False, -1, 0.0
        self._waited = self._over = 0.0

    @property
    def vacuum(self) -> bool:
        """What the vacuum switch tells: whether the lip is sealed."""
        return self._sealed >= 0

    def held(self) -> list[int]:
        """Index of the object on which the lip is sealed, if there is one."""
        return [self._sealed] if self.vacuum else []

    def set_valve(self, on: bool) -> None:
        """Switch the vacuum on or off; off lets go at once."""
        self.valve = on
        if not on:
            self._let_go()

    def jump_to(self, opening: float) -> None:
        """Let go of everything, with the bellows at rest."""
        self.set_valve(False)
        self._data.qpos[self._joint.qposadr[0]] = 0.0
        self._data.qvel[self._joint.dofadr[0]] = 0.0

    def drive_to(self, opening: float) -> None:
        """Switch the vacuum off for any opening [m] above 0."""
        self.set_valve(opening <= 0.0)

    def close(self) -> None:
        """Switch the vacuum on."""
        self.set_valve(True)

    def take_from(self, other: Any) -> None:
        """Stand as another cup stands; what it holds is not in this world."""
        self._data.qpos[self._joint.qposadr[0]] = other._data.qpos[other._joint.qposadr[0]]
        self._data.qvel[self._joint.dofadr[0]] = other._data.qvel[other._joint.dofadr[0]]
        self.set_valve(other.valve)

    def watch(self, dt: float) -> bool:
        """Seal where the lip lies well for long enough; come off where the load is too great."""
        if self.vacuum:
            self._bear(dt)
        elif self.valve:
            self._wait(dt)
        return self.vacuum

    def pull(self) -> NDArray[np.float64]:
        """Force and torque (6,) about the world's origin by which the held object pulls at the lip [N, Nm]."""
        wrench = np.zeros(6)
        if not self.vacuum:
            return wrench
        data, body = self._data, self._ids[self._sealed]
        rows = (data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY) & (data.efc_id == self._holds[self._sealed])
        if not rows.any():
            return wrench
        generalized = np.zeros(self._model.nv)
        mujoco.mj_mulJacTVec(self._model, data, generalized, np.where(rows, data.efc_force, 0.0))
        at = self._model.body_dofadr[body]
        force = -generalized[at : at + 3]
        torque = -data.xmat[body].reshape(3, 3) @ generalized[at + 3 : at + 6]  # a free joint turns in its own axes
        return np.concatenate([force, torque + np.cross(data.xpos[body], force)])

    def _wait(self, dt: float) -> None:
        pairs = self._model.geom_bodyid[self._data.contact.geom]
        touching = ((pairs == self._lip).any(axis=1) & (self._objects[pairs] >= 0).any(axis=1)).any()
        self._waited = self._waited + dt if touching else 0.0
        if self._waited < self.settings.evacuation:
            return
        found = seal_of(self._under_lip(), self._shape.bellows, self.settings)
        if found is None:
            self._waited -= _JUDGE_EVERY
            return
        self._hold_on(*found)

    def _under_lip(self) -> UnderLip:
        """What lies under the lip now, seen by rays along the approach."""
        model, data = self._model, self._data
        mujoco.mj_kinematics(model, data)
        R, middle, hit = data.xmat[self._lip].reshape(3, 3), data.xpos[self._lip], np.zeros(1, dtype=np.int32)
        points, bodies = np.zeros((len(self._pattern), 3)), np.full(len(self._pattern), -1)
        for k, (x, y) in enumerate(self._pattern):
            start = middle + R @ [x, y, -_BACK]
            away = mujoco.mj_ray(model, data, start, R[:, 2].copy(), _SEEN, 1, -1, hit)
            points[k] = x, y, away - _BACK
            bodies[k] = self._objects[model.geom_bodyid[hit[0]]] if away >= 0 else -1
        return UnderLip(points, bodies)

    def _hold_on(self, index: int, quality: float) -> None:
        model, data, body = self._model, self._data, self._ids[index]
        T_base_lip, T_base_object = (_pose(data, b) for b in (self._lip, body))
        T_lip_object = invert(T_base_lip) @ T_base_object
        hold = self._holds[index]
        # The middle of the lip, seen from the object and from the lip, and how the object is turned.
        model.eq_data[hold, :3] = invert(T_lip_object)[:3, 3]
        model.eq_data[hold, 3:6] = 0.0
        model.eq_data[hold, 6:10] = quaternion_wxyz(T_lip_object)
        data.eq_active[hold] = 1
        self._sealed, self._quality, self._over = index, quality, 0.0
        self._be_sealed(True)

    def _bear(self, dt: float) -> None:
        pull, R = self.pull(), self._data.xmat[self._lip].reshape(3, 3)
        moment = pull[3:] - np.cross(self._data.xpos[self._lip], pull[:3])
        share = load_share(R.T @ pull[:3], R.T @ moment, self._shape.lip_radius, self._quality, self.settings)
        self._over = self._over + dt if share >= 1.0 else 0.0
        if self._over > self.settings.overload:
            self._let_go()

    def _let_go(self) -> None:
        if self.vacuum:
            self._data.eq_active[self._holds[self._sealed]] = 0
            self._be_sealed(False)
        self._sealed, self._quality, self._waited, self._over = -1, 0.0, 0.0, 0.0

    def _be_sealed(self, on: bool) -> None:
        """Vacuum folds the bellows up. Its soft lip lies on the object then; a stiff one would push it off."""
        model, dof = self._model, self._joint.dofadr[0]
        model.geom_contype[self._lip_geoms] = model.geom_conaffinity[self._lip_geoms] = int(not on)
        model.dof_damping[dof] = _DAMPING_SEALED if on else _DAMPING
        self._data.qfrc_applied[dof] = -bearing(self._shape.lip_radius, self._quality, self.settings) if on else 0.0


def _pose(data: mujoco.MjData, body: int) -> Transform:
    return transform(data.xmat[body].reshape(3, 3), data.xpos[body])
