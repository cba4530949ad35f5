"""A UR10 as a MuJoCo model, made from a table of DH constants and capsules."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.errors import BadInput
from gpnet_ros.kinematics import UR10, Dh, UrKinematics
from gpnet_ros.pose import Transform, transform
from gpnet_ros.sim import constants as c

LINKS = tuple(f"link_{i}" for i in range(1, 7))
ARM_JOINTS = tuple(f"joint_{i}" for i in range(1, 7))
DRIVES = tuple(f"{name}_drive" for name in ARM_JOINTS)
FLANGE = "flange"

#: Position drives, per joint [Nm/rad, Nm s/rad]: stiff enough that a held object does not bend the arm,
#: soft enough that the fingers meet a surface with a force that can be measured. Tuned.
DRIVE_KP = (4000.0, 4000.0, 3500.0, 3200.0, 3200.0, 3200.0)
DRIVE_KV = (350.0, 350.0, 200.0, 60.0, 60.0, 60.0)
#: The links collide with the world and what lies in it (bit 1), not with each other: a UR's own safety
#: system and the planner keep it from folding into itself.
_CONTYPE, _CONAFFINITY = 2, 1
#: Rotor inertia seen at the joint [kg m^2] and viscous friction [Nm s/rad]; tuned.
ARMATURE = (0.1, 0.1, 0.1, 0.05, 0.05, 0.05)
JOINT_DAMPING = 2.0

#: Colours of tubes and joints, for pictures.
_GREY, _BLUE = (0.72, 0.74, 0.76), (0.36, 0.47, 0.58)

#: Offsets of upper arm and forearm along their joint axes [m]; ROS-Industrial `ur_description`, UR10.
#: They cancel in the kinematics (their sum with the third is d4), but they say where the tubes run.
_SHOULDER_OFFSET, _ELBOW_OFFSET = 0.220941, -0.1719
_FOREARM_Z = _SHOULDER_OFFSET + _ELBOW_OFFSET

#: Coupling and upper housing of the gripper; Robotiq 2F manual, drawing of the coupling [m].
_COUPLING_RADIUS = 0.0375

#: Standard deviations of the differences between one arm and its data sheet, before they are scaled:
#: lengths [m], twists [rad] and zero positions of the joints [rad].
_SPREAD = (0.001, 0.001, 0.002)
#: The hidden calibration displaces the TCP by at most this much over the workspace [m].
CALIBRATION_RANGE = (0.005, 0.010)


@dataclass(frozen=True)
class Tube:
    """A capsule of one link, in the frame of its joint (z along the joint's axis).

    Attributes:
        link: 0..5.
        start, end: of the segment [m].
        radius: [m]; after the drawings in the UR10 user manual.
        dark: painted in the joints' colour, for pictures.
    """

    link: int
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float
    dark: bool = False


def tubes(dh: Dh) -> tuple[Tube, ...]:
    """The body of the arm; its base stands on the table."""
    a2, a3, (d1, _, _, d4, d5, d6) = dh.a[1], dh.a[2], dh.d
    return (
        Tube(0, (0, 0, 0.06), (0, 0, d1), 0.078),
        Tube(1, (0, 0, 0), (0, 0, _SHOULDER_OFFSET), 0.076, dark=True),
        Tube(1, (0, 0, _SHOULDER_OFFSET), (a2, 0, _SHOULDER_OFFSET), 0.058),
        Tube(2, (0, 0, _SHOULDER_OFFSET), (0, 0, _FOREARM_Z), 0.060, dark=True),
        Tube(2, (0, 0, _FOREARM_Z), (a3, 0, _FOREARM_Z), 0.047),
        Tube(3, (0, 0, _FOREARM_Z), (0, 0, d4), 0.045, dark=True),
        Tube(4, (0, 0, 0), (0, 0, d5), 0.045),
        Tube(5, (0, 0, 0.02), (0, 0, d6 - 0.03), 0.042, dark=True),
    )


def add_coupling(flange: mujoco.MjsBody, length: float) -> None:
    """Close the gap between flange and palm: a cylinder of `length` [m] along the flange's z."""
    geom = flange.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, mass=0.0)
    geom.size, geom.pos = [_COUPLING_RADIUS, length / 2, 0.0], [0.0, 0.0, length / 2]
    _links_touch(geom)


def add_ur10(spec: mujoco.MjSpec, dh: Dh) -> mujoco.MjsBody:
    """Add the arm; its base frame is the world, `base`.

    Body `link_i` has the frame of joint i (origin on its axis z), so that the true table of DH constants
    is the model: the transform from one body to the next is Rz(q) Tz(d) Tx(a) Rx(alpha).

    Returns:
        The body of the flange, which carries the tool.
    """
    spec.compiler.degree = False
    parent, T_parent_link = spec.worldbody, np.eye(4)
    for i, name in enumerate(LINKS):
        body = parent.add_body(name=name, gravcomp=1.0)
        _place(body, T_parent_link @ _turn_z(dh.theta[i]))
        T_link_next = _constant(dh, i)
        _add_joint(spec, body, i)
        _add_inertia(body, dh, i, T_link_next)
        for tube in (t for t in tubes(dh) if t.link == i):
            _add_tube(body, tube)
        parent, T_parent_link = body, T_link_next
    flange = parent.add_body(name=FLANGE, gravcomp=1.0)
    _place(flange, T_parent_link)
    for name in LINKS[:2]:  # the base stands on the table; its two neighbours graze it by design
        spec.add_exclude(bodyname1="world", bodyname2=name)
    return flange


def calibrated_dh(seed: int, nominal: Dh = UR10) -> Dh:
    """The true DH table of one simulated arm: the nominal one with the differences of a real arm.

    The differences are scaled so that, with the same joint angles, the TCP misses its nominal place by no
    more than a seeded value of `CALIBRATION_RANGE` over the workspace, and by that value somewhere.

    Args:
        seed: the same seed gives the same arm; 0 gives the nominal table.
        nominal: table of the data sheet.

    Raises:
        BadInput: a negative seed.
    """
    if seed < 0:
        raise BadInput(f"Calibration seed {seed} is negative: it must be 0 (nominal arm) or greater.")
    if seed == 0:
        return nominal
    rng = np.random.default_rng([7, seed])
    delta = np.concatenate([rng.normal(0.0, s, n) for s, n in zip(_SPREAD, (12, 6, 6), strict=True)])
    delta[7:9] = 0.0  # d2 and d3 act along parallel axes, like d4: one of the three is enough
    wanted, scale, q = rng.uniform(*CALIBRATION_RANGE), 1.0, workspace_joints(nominal)
    for _ in range(6):  # the miss is almost linear in the scale
        scale *= wanted / float(tcp_miss(_perturbed(nominal, delta * scale), nominal, q).max())
    return _perturbed(nominal, delta * scale)


def tcp_miss(dh: Dh, nominal: Dh, q: ArrayLike) -> NDArray[np.float64]:
    """Distance (n,) [m] between the TCPs of an arm and of the nominal arm at joint angles (n, 6) [rad]."""
    tip = np.array([0.0, 0.0, c.GRIPPER_TCP_Z, 1.0])
    return np.linalg.norm((UrKinematics(dh).forward(q) - UrKinematics(nominal).forward(q)) @ tip, axis=-1)


def workspace_joints(nominal: Dh) -> NDArray[np.float64]:
    """Joint angles (n, 6) [rad] of the nominal arm, tool down over heap and tote, at several heights and yaws."""
    arm, found = UrKinematics(nominal), []
    down = Rotation.from_euler("x", np.pi)
    for x, y in [(0.5, -0.15), (0.5, 0.15), (0.65, 0.0), (0.8, -0.15), (0.8, 0.15), (0.0, -0.65)]:
        for z in (0.17, 0.45):
            for yaw in (-1.0, 0.5):
                T = transform((Rotation.from_euler("z", yaw) * down).as_matrix(), (x, y, z))
                found += arm.inverse(T)
    return np.array(found)


def _perturbed(nominal: Dh, delta: NDArray[np.float64]) -> Dh:
    rows = (nominal.a, nominal.d, nominal.alpha, nominal.theta)
    a, d, alpha, theta = (np.array(row) + part for row, part in zip(rows, delta.reshape(4, 6), strict=True))
    return Dh(tuple(a.tolist()), tuple(d.tolist()), tuple(alpha.tolist()), tuple(theta.tolist()))


def _constant(dh: Dh, i: int) -> Transform:
    """Tz(d) Tx(a) Rx(alpha) of link i."""
    return transform(Rotation.from_euler("x", dh.alpha[i]).as_matrix(), (dh.a[i], 0.0, dh.d[i]))


def _turn_z(angle: float) -> Transform:
    return transform(Rotation.from_euler("z", angle).as_matrix(), (0.0, 0.0, 0.0))


def _place(body: mujoco.MjsBody, T: Transform) -> None:
    body.pos = T[:3, 3].tolist()
    body.quat = Rotation.from_matrix(T[:3, :3]).as_quat()[[3, 0, 1, 2]].tolist()


def _add_joint(spec: mujoco.MjSpec, body: mujoco.MjsBody, i: int) -> None:
    joint = body.add_joint(name=ARM_JOINTS[i], type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0.0, 0.0, 1.0])
    joint.limited = True
    joint.range = list(c.UR10_JOINT_RANGE)
    joint.armature = ARMATURE[i]
    joint.damping = [JOINT_DAMPING, 0.0, 0.0]  # linear in speed; MuJoCo 4 also knows higher orders
    drive = spec.add_actuator(name=DRIVES[i], target=ARM_JOINTS[i])
    drive.trntype = mujoco.mjtTrn.mjTRN_JOINT
    drive.set_to_position(kp=DRIVE_KP[i], kv=DRIVE_KV[i])
    drive.forcelimited = True
    drive.forcerange = [-c.UR10_TORQUE_MAX[i], c.UR10_TORQUE_MAX[i]]


def _add_inertia(body: mujoco.MjsBody, dh: Dh, i: int, T_link_next: Transform) -> None:
    """Mass and centre of mass of the manufacturer; inertia of a rod of the link's length."""
    length = max(abs(dh.a[i]), abs(dh.d[i]), 0.1)
    along = c.UR10_LINK_MASS[i] * 0.05**2
    across = c.UR10_LINK_MASS[i] * length**2 / 12 + along / 2
    body.explicitinertial = True
    body.mass = c.UR10_LINK_MASS[i]
    body.ipos = (T_link_next @ [*c.UR10_LINK_COM[i], 1.0])[:3].tolist()
    body.inertia = [along, across, across] if abs(dh.a[i]) > 0.1 else [across, across, along]


def _add_tube(body: mujoco.MjsBody, tube: Tube) -> None:
    geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, mass=0.0)
    geom.fromto = [*tube.start, *tube.end]
    geom.size = [tube.radius, 0.0, 0.0]
    geom.rgba = [*(_BLUE if tube.dark else _GREY), 1.0]
    _links_touch(geom)


def _links_touch(geom: mujoco.MjsGeom) -> None:
    geom.contype, geom.conaffinity = _CONTYPE, _CONAFFINITY
    geom.condim = c.CONDIM
    geom.solref, geom.solimp = list(c.OBJECT_SOLREF), list(c.OBJECT_SOLIMP)
