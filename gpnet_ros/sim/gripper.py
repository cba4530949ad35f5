"""The parallel gripper as bodies, joints and drives, for whoever carries it (an arm or a free hand)."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco

from gpnet_ros.sim import constants as c

#: Names in every model that has the gripper.
PALM, FINGERS = "gripper", ("finger_right", "finger_left")
#: Drives of the two fingers; each takes the distance of its pad from the middle [m].
FINGER_DRIVES = tuple(f"{name}_drive" for name in FINGERS)
#: Travel of each finger [m].
FINGER_TRAVEL = c.GRIPPER_STROKE / 2
#: Geoms of arm and gripper collide with objects, table and tote (bit 1), not with each other.
TOOL_CONTYPE, TOOL_CONAFFINITY = 2, 1
#: Diameter of coupling and upper housing; Robotiq 2F manual, drawing of the coupling [m].
HOUSING_RADIUS = 0.0375


@dataclass(frozen=True)
class Block:
    """A box of the gripper, in the frame of its body: `tcp` for the palm, the closed pad for a finger.

    Attributes:
        centre: [m].
        size: full edge lengths [m].
        is_pad: rubber that grips, else hard.
    """

    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    is_pad: bool = False


def palm_blocks() -> tuple[Block, ...]:
    """Palm with the linkages, in the frame of the TCP (z along the approach)."""
    return (Block((0.0, 0.0, -c.FINGER_LENGTH - c.PALM_SIZE[2] / 2), c.PALM_SIZE),)


def finger_blocks(side: int) -> tuple[Block, ...]:
    """Finger with its pad, in the frame of the TCP when closed; side +1 is the finger at positive x.

    The pad is cut in two along z: two boxes carry up to eight contact points on a flat face.
    """
    half, bone = c.PAD_HEIGHT / 2, c.FINGER_THICKNESS - c.PAD_THICKNESS
    pads = [
        Block((side * c.PAD_THICKNESS / 2, 0.0, z), (c.PAD_THICKNESS, c.PAD_WIDTH, half), is_pad=True)
        for z in (-half / 2, -1.5 * half)
    ]
    x = side * (c.PAD_THICKNESS + bone / 2)
    return (*pads, Block((x, 0.0, -c.FINGER_LENGTH / 2), (bone, c.PAD_WIDTH, c.FINGER_LENGTH)))


def add_gripper(spec: mujoco.MjSpec, carrier: mujoco.MjsBody, tcp_z: float = c.GRIPPER_TCP_Z) -> mujoco.MjsBody:
    """Mount the gripper on a body; its TCP lies `tcp_z` along the carrier's z [m].

    Returns:
        The palm's body, whose frame is the TCP.
    """
    palm = carrier.add_body(name=PALM, pos=[0.0, 0.0, tcp_z], gravcomp=1.0)
    mass = c.GRIPPER_MASS - 2 * c.FINGER_MASS
    _inertia(palm, mass, (0.0, 0.0, -0.6 * tcp_z), 0.05)
    for block in palm_blocks():
        _add_geom(palm, block)
    housing = palm.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, mass=0.0)
    top, low = -tcp_z, -c.FINGER_LENGTH - c.PALM_SIZE[2]
    if low > top:
        housing.size = [HOUSING_RADIUS, (low - top) / 2, 0.0]
        housing.pos = [0.0, 0.0, (low + top) / 2]
        _as_tool(housing)
    for name, side in zip(FINGERS, (1, -1), strict=True):
        _add_finger(spec, palm, name, side)
    together = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, name1=FINGERS[0], name2=FINGERS[1])
    data = [0.0] * len(together.data)
    data[1] = 1.0  # both fingers always stand equally far from the middle, as the linkage makes them
    together.data = data
    together.objtype = mujoco.mjtObj.mjOBJ_JOINT
    return palm


def _add_finger(spec: mujoco.MjSpec, palm: mujoco.MjsBody, name: str, side: int) -> None:
    finger = palm.add_body(name=name, gravcomp=1.0)
    _inertia(finger, c.FINGER_MASS, (side * c.FINGER_THICKNESS / 2, 0.0, -c.FINGER_LENGTH / 2), 0.02)
    joint = finger.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[side, 0.0, 0.0])
    joint.limited = True
    joint.range = [0.0, FINGER_TRAVEL]
    joint.armature = c.FINGER_ARMATURE
    joint.damping = [c.FINGER_DAMPING, 0.0, 0.0]  # linear in speed; MuJoCo 4 also knows higher orders
    for block in finger_blocks(side):
        _add_geom(finger, block)
    drive = spec.add_actuator(name=f"{name}_drive", target=name)
    drive.trntype = mujoco.mjtTrn.mjTRN_JOINT
    drive.set_to_position(kp=c.FINGER_KP, kv=c.FINGER_KV)
    drive.forcelimited = True
    drive.forcerange = [-c.GRIPPER_FORCE, c.GRIPPER_FORCE]


def _add_geom(body: mujoco.MjsBody, block: Block) -> None:
    geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, mass=0.0)
    geom.pos = list(block.centre)
    geom.size = [edge / 2 for edge in block.size]
    _as_tool(geom)
    if block.is_pad:
        geom.friction = list(c.PAD_FRICTION)
        geom.priority = c.PAD_PRIORITY
        geom.solref, geom.solimp = list(c.PAD_SOLREF), list(c.PAD_SOLIMP)


def _as_tool(geom: mujoco.MjsGeom) -> None:
    geom.contype, geom.conaffinity = TOOL_CONTYPE, TOOL_CONAFFINITY
    geom.condim = c.CONDIM
    geom.friction = [c.TABLE_FRICTION, c.OBJECT_TORSION, c.OBJECT_ROLLING]
    geom.solref, geom.solimp = list(c.OBJECT_SOLREF), list(c.OBJECT_SOLIMP)


def _inertia(body: mujoco.MjsBody, mass: float, centre: tuple[float, float, float], gyration: float) -> None:
    """Mass [kg], centre of mass [m] and radius of gyration [m]: the inertia of a compact housing."""
    body.explicitinertial = True
    body.mass = mass
    body.ipos = list(centre)
    body.inertia = [mass * gyration**2] * 3
