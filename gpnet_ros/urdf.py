"""The cell as a robot description (URDF): arm, gripper, table, tote, keep-out boxes and camera in simple shapes.

Everything comes from the constants that planning and safety use, so what RViz shows is what the planner believes.
Joints and links bear ur_description's names, and every joint turns as there; a link's frame is that of our
Denavit-Hartenberg table, which may lie elsewhere along the joint's axis than ur_description's.
"""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.collision import Capsule, capsules
from gpnet_ros.frame import CAMERA_FRAME
from gpnet_ros.kinematics import JOINT_LIMIT, Dh
from gpnet_ros.pose import T_BASE_LINK_BASE, Transform, transform
from gpnet_ros.settings import Box

#: Joints in the controller's order, with the link that each turns and its greatest speed [rad/s] and torque [Nm]
#: (ur_description, config/ur10/joint_limits.yaml).
JOINTS = (
    ("shoulder_pan_joint", "shoulder_link", 2.0944, 330.0),
    ("shoulder_lift_joint", "upper_arm_link", 2.0944, 330.0),
    ("elbow_joint", "forearm_link", 3.1416, 150.0),
    ("wrist_1_joint", "wrist_1_link", 3.1416, 56.0),
    ("wrist_2_joint", "wrist_2_link", 3.1416, 56.0),
    ("wrist_3_joint", "wrist_3_link", 3.1416, 56.0),
)
#: Housing of a D435 in its colour optical frame, width, height and depth [m] (data sheet: 90 x 25 x 25 mm).
_CAMERA_SIZE = (0.090, 0.025, 0.025)
#: Table top: how far it reaches around the workspace's centre, and how thick it is drawn [m].
_TABLE_SIDE, _TABLE_THICKNESS = 0.8, 0.02
_COLORS = {
    "arm": "0.65 0.70 0.75 1", "gripper": "0.20 0.22 0.25 1", "table": "0.75 0.68 0.58 1",
    "tote": "0.25 0.45 0.75 0.6", "keep_out": "0.85 0.35 0.25 0.35", "camera": "0.15 0.15 0.15 1",
}  # fmt: skip


def urdf(cell: Cell, hand_eye: HandEye, camera_frame: str = CAMERA_FRAME) -> str:
    """Robot description of a cell, as text that `robot_state_publisher` takes.

    The root is `base_link`; `base`, the controller's frame, hangs on it turned by 180 degrees about z; the flange is
    `tool0`, the point between the closed fingertips `tcp`, the camera `camera_frame`.

    Args:
        cell: arm, gripper and what stands around; lengths in [m].
        hand_eye: where the camera is: under `base`, or under `tool0` if it is on the flange.
        camera_frame: name of its colour optical frame.
    """
    robot = ET.Element("robot", name=f"gpnet_{cell.arm}")
    for name, rgba in _COLORS.items():
        ET.SubElement(ET.SubElement(robot, "material", name=name), "color", rgba=rgba)
    ET.SubElement(robot, "link", name="base_link")
    scenery = [*_boxes(cell.keep_out, "keep_out"), *_boxes(cell.tote.walls, "tote"), _table(cell)]
    _fixed(robot, "base_link", "base", T_BASE_LINK_BASE, scenery)
    _arm(robot, cell)
    _fixed(robot, "tool0", "tcp", cell.T_flange_tcp)
    body = _box(_CAMERA_SIZE, transform(np.eye(3), (0.0, 0.0, -_CAMERA_SIZE[2] / 2)), "camera")
    _fixed(robot, "tool0" if hand_eye.mount == "flange" else "base", camera_frame, hand_eye.T_parent_camera, [body])
    ET.indent(robot)
    return '<?xml version="1.0"?>\n' + ET.tostring(robot, encoding="unicode") + "\n"


def _arm(robot: ET.Element, cell: Cell) -> None:
    """The six joints and links, and the flange with the gripper, its jaws open."""
    dh = cell.kinematics.dh
    bodies = capsules(cell, cell.gripper.stroke)
    parent, T_parent_joint = "base", np.eye(4)
    for k, (joint, link, speed, torque) in enumerate(JOINTS):
        turned = T_parent_joint @ transform(Rotation.from_euler("z", dh.theta[k]).as_matrix(), np.zeros(3))
        made = _joint(robot, joint, "revolute", parent, link, turned)
        ET.SubElement(made, "axis", xyz="0 0 1")
        limits = {"lower": -JOINT_LIMIT, "upper": JOINT_LIMIT, "velocity": speed, "effort": torque}
        ET.SubElement(made, "limit", {name: _text(value) for name, value in limits.items()})
        T_parent_joint = _after_turn(dh, k)
        # Frame k + 1 of the table is this link's frame moved on to the next joint.
        shapes = [s for c in bodies if c.frame == k + 1 and c.frame < 6 for s in _capsule(c, T_parent_joint, "arm")]
        _link(robot, link, shapes)
        parent = link
    _fixed(robot, parent, "tool0", T_parent_joint, [s for c in bodies if c.frame == 6 for s in _capsule(c, np.eye(4))])


def _after_turn(dh: Dh, k: int) -> Transform:
    """Pose (4, 4) [m] of frame k + 1 of the table in the link that joint k turns: Tz(d) Tx(a) Rx(alpha)."""
    return transform(Rotation.from_euler("x", dh.alpha[k]).as_matrix(), (dh.a[k], 0.0, dh.d[k]))


def _table(cell: Cell) -> list[ET.Element]:
    x, y = cell.workspace.centre
    centre = transform(np.eye(3), (x, y, cell.workspace.table_z - _TABLE_THICKNESS / 2))
    return _box((_TABLE_SIDE, _TABLE_SIDE, _TABLE_THICKNESS), centre, "table")


def _boxes(boxes: Iterable[Box], color: str) -> list[list[ET.Element]]:
    found = []
    for box in boxes:
        low, high = np.array(box.low), np.array(box.high)
        found.append(_box(high - low, transform(np.eye(3), (low + high) / 2), color))
    return found


def _box(size: ArrayLike, T_link_box: Transform, color: str) -> list[ET.Element]:
    return _shape(ET.Element("box", size=_numbers(size)), T_link_box, color)


def _capsule(capsule: Capsule, T_link_frame: Transform, color: str = "gripper") -> list[list[ET.Element]]:
    """A cylinder and the balls at its ends, which is what a capsule is."""
    start, end = np.array(capsule.start, dtype=np.float64), np.array(capsule.end, dtype=np.float64)
    length = float(np.linalg.norm(end - start))
    ends = [transform(np.eye(3), point) for point in ((start, end) if length else (start,))]
    radius = _text(capsule.radius)
    found = [_shape(ET.Element("sphere", radius=radius), T_link_frame @ T, color) for T in ends]
    if length:
        along = Rotation.align_vectors([(end - start) / length], [[0.0, 0.0, 1.0]])[0].as_matrix()
        cylinder = ET.Element("cylinder", radius=radius, length=_text(length))
        found.append(_shape(cylinder, T_link_frame @ transform(along, (start + end) / 2), color))
    return found


def _shape(geometry: ET.Element, T_link_shape: Transform, color: str) -> list[ET.Element]:
    """What is seen and what is collided with: the same shape."""
    found = []
    for kind in ("visual", "collision"):
        made = ET.Element(kind)
        made.append(_origin(T_link_shape))
        ET.SubElement(made, "geometry").append(geometry)
        if kind == "visual":
            ET.SubElement(made, "material", name=color)
        found.append(made)
    return found


def _link(robot: ET.Element, name: str, shapes: Iterable[list[ET.Element]] = ()) -> None:
    link = ET.SubElement(robot, "link", name=name)
    for shape in shapes:
        link.extend(shape)


def _fixed(
    robot: ET.Element, parent: str, child: str, T_parent_child: Transform, shapes: Iterable[list[ET.Element]] = ()
) -> None:
    _joint(robot, f"{parent}-{child}", "fixed", parent, child, T_parent_child)
    _link(robot, child, shapes)


def _joint(robot: ET.Element, name: str, kind: str, parent: str, child: str, T_parent_child: Transform) -> ET.Element:
    joint = ET.SubElement(robot, "joint", name=name, type=kind)
    joint.append(_origin(T_parent_child))
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link=child)
    return joint


def _origin(T: Transform) -> ET.Element:
    """URDF's rpy are fixed axes x, y, z: Rz(yaw) Ry(pitch) Rx(roll)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # at a pitch of 90 degrees one of many answers is as good as any
        rpy = Rotation.from_matrix(T[:3, :3]).as_euler("xyz")
    return ET.Element("origin", xyz=_numbers(T[:3, 3]), rpy=_numbers(rpy))


def _numbers(values: ArrayLike) -> str:
    return " ".join(_text(float(v)) for v in np.asarray(values).reshape(-1))


def _text(value: float) -> str:
    return f"{round(value, 9) + 0.0:.9g}"  # + 0.0: never "-0"
