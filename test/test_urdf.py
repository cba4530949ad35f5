"""The robot description: the same kinematics as planning, the same shapes as safety, one tree."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gpnet_ros.cell import Cell, load_cell, load_hand_eye
from gpnet_ros.cli import main
from gpnet_ros.collision import spheres
from gpnet_ros.frame import CAMERA_FRAME
from gpnet_ros.kinematics import ARMS
from gpnet_ros.pose import Transform, transform
from gpnet_ros.settings import config_dir
from gpnet_ros.urdf import JOINTS, urdf

HALF_TURN = transform(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))


class Description:
    """A URDF read by its specification alone: origins, axes and joint angles."""

    def __init__(self, text: str) -> None:
        self.robot = ET.fromstring(text.encode())
        self.joints = {self._end(j, "child"): j for j in self.robot.findall("joint")}

    @staticmethod
    def _end(joint: ET.Element, name: str) -> str:
        found = joint.find(name)
        assert found is not None
        return found.attrib["link"]

    def pose(self, link: str, q: dict[str, float]) -> Transform:
        """Pose (4, 4) [m] of a link in the root."""
        if link not in self.joints:
            return np.eye(4)
        joint = self.joints[link]
        axis = joint.find("axis")
        turn = np.zeros(3) if axis is None else numbers(axis.attrib["xyz"]) * q[joint.attrib["name"]]
        turned = transform(Rotation.from_rotvec(turn).as_matrix(), np.zeros(3))
        return self.pose(self._end(joint, "parent"), q) @ origin(joint) @ turned

    def balls(self, q: dict[str, float]) -> np.ndarray:
        """Centre in the root and radius (n, 4) [m] of all spheres that are collided with."""
        found = []
        for link in self.robot.findall("link"):
            for shape in link.findall("collision"):
                ball = shape.find("geometry/sphere")
                if ball is not None:
                    T = self.pose(link.attrib["name"], q) @ origin(shape)
                    found.append([*T[:3, 3], float(ball.attrib["radius"])])
        return np.array(found)


def numbers(text: str) -> np.ndarray:
    return np.array([float(word) for word in text.split()])


def origin(element: ET.Element) -> Transform:
    found = element.find("origin")
    assert found is not None
    roll, pitch, yaw = numbers(found.attrib["rpy"])
    R = Rotation.from_euler("z", yaw) * Rotation.from_euler("y", pitch) * Rotation.from_euler("x", roll)
    return transform(R.as_matrix(), numbers(found.attrib["xyz"]))


def cell_with(arm: str) -> Cell:
    return replace(load_cell(), arm=arm)


def angles(q: np.ndarray) -> dict[str, float]:
    return {joint: float(angle) for (joint, *_), angle in zip(JOINTS, q, strict=True)}


@pytest.mark.parametrize("arm", ARMS)
def test_flange_and_tcp_are_where_kinematics_puts_them(arm: str) -> None:
    cell, rng = cell_with(arm), np.random.default_rng(7)
    described = Description(urdf(cell, load_hand_eye()))
    for q in rng.uniform(-2 * np.pi, 2 * np.pi, (20, 6)):
        T_base_flange = cell.kinematics.forward(q)
        np.testing.assert_allclose(described.pose("tool0", angles(q)), HALF_TURN @ T_base_flange, atol=1e-8)
        np.testing.assert_allclose(
            described.pose("tcp", angles(q)), HALF_TURN @ T_base_flange @ cell.T_flange_tcp, atol=1e-8
        )


@pytest.mark.parametrize("arm", ARMS)
def test_the_shapes_are_those_that_safety_judges(arm: str) -> None:
    cell = cell_with(arm)
    described = Description(urdf(cell, load_hand_eye()))
    for q in np.random.default_rng(8).uniform(-np.pi, np.pi, (5, 6)):
        drawn = described.balls(angles(q))
        body = spheres(cell.kinematics.link_frames(q)[None], cell, cell.gripper.stroke)
        judged = np.column_stack([body.centres[0] @ HALF_TURN[:3, :3].T, body.radii])
        for ball in drawn:  # the ends of each capsule are among the judged spheres
            assert np.abs(judged - ball).max(axis=1).min() < 1e-7


def test_a_wrong_length_would_be_seen() -> None:
    cell = cell_with("ur10")
    q = np.array(cell.home)
    other = Description(urdf(cell_with("ur10e"), load_hand_eye())).pose("tool0", angles(q))
    assert np.abs(other - HALF_TURN @ cell.kinematics.forward(q)).max() > 0.01


def test_every_link_has_one_parent_and_the_root_is_base_link() -> None:
    robot = Description(urdf(load_cell(), load_hand_eye())).robot
    links = [link.attrib["name"] for link in robot.findall("link")]
    children = [child.attrib["link"] for child in robot.findall("joint/child")]
    assert len(set(links)) == len(links)
    assert len(set(children)) == len(children)
    assert set(links) - set(children) == {"base_link"}
    assert set(children) <= set(links)
    materials = {m.attrib["name"] for m in robot.findall("material")}
    assert {m.attrib["name"] for m in robot.findall("link/visual/material")} <= materials


def test_the_camera_hangs_where_the_hand_eye_says() -> None:
    cell, rest = load_cell(), angles(np.zeros(6))
    fixed = load_hand_eye()
    T = Description(urdf(cell, fixed)).pose(CAMERA_FRAME, rest)
    np.testing.assert_allclose(T, HALF_TURN @ fixed.T_parent_camera, atol=1e-8)
    flange = load_hand_eye(config_dir() / "hand_eye_flange.yaml")
    described = Description(urdf(cell, flange))
    moved = angles(np.array(cell.home))
    expected = HALF_TURN @ flange.T_base_camera(cell.kinematics.forward(np.array(cell.home)))
    np.testing.assert_allclose(described.pose(CAMERA_FRAME, moved), expected, atol=1e-8)


@pytest.mark.parametrize("arm", ["ur10", "ur10e"])
def test_the_shipped_descriptions_are_what_the_command_prints(arm: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["urdf", "--arm", arm]) == 0
    shipped = (config_dir().parent / "urdf" / f"{arm}.urdf").read_text("utf-8")
    assert capsys.readouterr().out == shipped, f"run gpnet urdf --arm {arm} --out urdf/{arm}.urdf"
