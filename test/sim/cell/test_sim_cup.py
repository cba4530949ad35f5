"""The simulated cell with the suction tool: valve and vacuum switch, what it weighs, what the truth says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.devices.digital_gripper import BANKS
from gpnet_ros.pose import invert, transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.cell.arm import FLANGE, calibrated_dh
from gpnet_ros.sim.cell.plant import CellPlant
from gpnet_ros.sim.cell.scenery import Scenery, body_pose
from gpnet_ros.sim.cell.truth import Truth
from gpnet_ros.sim.cell.vacuum import SWITCH, VALVE
from gpnet_ros.sim.cell.world import machine_bodies
from gpnet_ros.sim.heap.heap import Heap
from gpnet_ros.sim.objects.model import make_object
from gpnet_ros.ur_controller.model import find_model
from gpnet_ros.ur_controller.robot import Robot
from gpnet_ros.ur_controller.signals import OUTPUTS, Snapshot

DT = 0.008
CELL: Cell = replace(load_cell(), tool="suction")
TCP = CELL.T_flange_tcp
BOX = make_object("box", 0)
AT = (0.65, 0.0)


def heap() -> Heap:
    return Heap((BOX,), transform(np.eye(3), [*AT, BOX.extent[2] / 2 - 2e-5])[None])


class Arm:
    """Moves the plant behind a controller, whose lines are those that RTDE tells."""

    def __init__(self) -> None:
        self.plant = CellPlant(heap(), CELL, calibrated_dh(4))
        self.truth = Truth(self.plant)
        self.robot = Robot(self.plant, find_model("ur10-cb3"))
        self.q = np.array(self.plant.q)

    @property
    def switch(self) -> bool:
        bits = OUTPUTS["actual_digital_input_bits"][1](Snapshot(self.robot))
        return bool(bits >> BANKS["tool"] & 1)

    def valve(self, on: bool) -> None:
        self.robot.receive_inputs({"tool_digital_output_mask": 1, "tool_digital_output": int(on)})

    def hold(self, seconds: float) -> None:
        for _ in range(round(seconds / DT)):
            self.plant.step(DT, self.q, np.zeros(6))

    def to(self, x: float, y: float, z: float, seconds: float = 1.0) -> None:
        """Bring the lip straight to a place [m], tool down."""
        start = (self.plant.forward(self.q) @ TCP)[:3, 3]
        for s in np.linspace(0.0, 1.0, round(seconds / DT) + 1)[1:]:
            place = start + (np.array([x, y, z]) - start) * s * s * (3 - 2 * s)
            q = self.plant.inverse(transform(np.diag([1.0, -1.0, -1.0]), place) @ invert(TCP), self.q)
            assert q is not None
            self.plant.step(DT, q, (q - self.q) / DT)
            self.q = q


@pytest.fixture
def arm() -> Arm:
    arm = Arm()
    top = BOX.extent[2]
    goal = arm.plant.inverse(transform(np.diag([1.0, -1.0, -1.0]), [*AT, top + 0.05]) @ invert(TCP), arm.q)
    assert goal is not None
    arm.plant.put_arm(goal)
    arm.q = goal
    arm.hold(0.2)
    return arm


def test_what_the_lip_seals_on_is_carried_weighed_and_put_where_the_valve_shuts(arm: Arm) -> None:
    top = BOX.extent[2]
    assert not arm.switch and VALVE == SWITCH == 1 << BANKS["tool"]
    arm.to(*AT, top - CELL.cup.press)
    assert 0.5 < arm.plant.wrench(TCP)[2] < 8.0  # the bellows press, softly
    arm.hold(0.3)
    assert not arm.switch  # the lip lies on it, but the valve is shut
    arm.valve(True)
    arm.hold(0.4)
    assert arm.switch
    arm.to(*AT, top + 0.15, 1.5)
    arm.hold(0.5)
    assert arm.switch
    assert arm.truth.report().objects[0].place == "held"
    assert arm.plant.wrench(TCP)[2] == pytest.approx(-BOX.mass * c.GRAVITY, abs=0.1)
    arm.to(*AT, top + 0.002, 1.5)
    arm.valve(False)
    arm.hold(0.5)
    assert not arm.switch
    report = arm.truth.report()
    grip = report.grips[-1]
    assert report.objects[0].place == "table" and len(report.grips) == 1
    assert (grip.objects, grip.lifted, grip.top_level_before, grip.took_top_level) == ((0,), (0,), (0,), True)


def test_a_valve_that_opens_in_the_air_tells_of_no_vacuum_and_of_no_grip(arm: Arm) -> None:
    arm.valve(True)
    arm.hold(0.5)
    assert not arm.switch and arm.truth.report().grips == ()
    arm.to(*AT, BOX.extent[2] - CELL.cup.press)
    arm.hold(0.4)
    assert arm.switch


def test_another_heap_comes_while_the_tool_waits(arm: Arm) -> None:
    arm.valve(True)
    arm.plant.load_heap(heap())
    arm.hold(0.2)
    assert arm.plant.outputs == VALVE and not arm.switch
    arm.to(*AT, BOX.extent[2] - CELL.cup.press)
    arm.hold(0.3)
    assert arm.switch  # the valve is open still


def test_the_camera_sees_the_tool_and_finds_the_flange_whatever_hangs_there(arm: Arm) -> None:
    assert len(machine_bodies("suction")) == len(machine_bodies("jaw"))
    poses = arm.plant.poses_now()
    assert len(Scenery(heap(), CELL).place(poses)) > 0
    assert body_pose(poses, FLANGE) == pytest.approx(arm.plant.forward(np.array(arm.plant.q)), abs=1e-6)
