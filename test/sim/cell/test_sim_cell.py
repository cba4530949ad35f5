"""The simulated cell: it follows, feels, grips, keeps the score, and its arm is not its data sheet."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gpnet_ros.cell import load_cell
from gpnet_ros.kinematics import UR10, UrKinematics
from gpnet_ros.pose import from_xyz_quat, invert, transform
from gpnet_ros.sim import constants as c
from gpnet_ros.sim.cell.arm import calibrated_dh
from gpnet_ros.sim.cell.plant import CellPlant
from gpnet_ros.sim.cell.report import GripReport, TruthReport
from gpnet_ros.sim.cell.scenery import body_pose
from gpnet_ros.sim.cell.truth import Truth
from gpnet_ros.sim.cell.world import in_tote, over_table
from gpnet_ros.sim.heap.heap import Heap, stack_heap
from gpnet_ros.sim.objects.model import GRASPABLE, make_object
from gpnet_ros.ur_controller.plant import AT_TARGET, GRIPPER_CLOSED, MOVING, STOPPED_CLOSING

DT = 0.008
CELL = load_cell()
HOME = np.array(CELL.home)
TCP = CELL.T_flange_tcp
NOTHING = Heap((), np.zeros((0, 4, 4)))


def lone_box(width_max=0.07):
    """A box whose narrowest horizontal side fits the jaw, lying on its largest face at the heap's centre."""
    for seed in range(200):
        model = make_object("box", seed)
        order = np.argsort(model.extent)  # thinnest upwards, longest along y
        if 0.02 < model.extent[order[1]] < width_max and model.extent[order[0]] > 0.02:
            break
    R = np.zeros((3, 3))
    R[0, order[1]], R[1, order[2]], R[2, order[0]] = 1.0, 1.0, 1.0
    R[0] *= np.linalg.det(R)
    z = -float((model.vertices @ R.T)[:, 2].min())
    return Heap((model,), transform(R, (*c.HEAP_CENTRE, z))[None]), float(model.extent[order[1]])


def down(x, y, z):
    """TCP pose with the tool straight down, fingers opening along x."""
    return transform(np.diag([1.0, -1.0, -1.0]), (x, y, z))


class Mover:
    """Commands a plant as the controller does: one joint target per period."""

    def __init__(self, plant):
        self.plant, self.q, self.peak = plant, np.array(plant.q), 0.0

    def hold(self, seconds):
        for _ in range(round(seconds / DT)):
            self.plant.step(DT, self.q, np.zeros(6))

    def joints(self, goal, seconds=1.5):
        start, count = self.q, round(seconds / DT)
        for k in range(1, count + 1):
            s = k / count
            q = start + (goal - start) * s * s * (3 - 2 * s)
            self.plant.step(DT, q, (q - self.q) / DT)
            self.q = q

    def line(self, T_base_tcp, seconds=1.0, force_max=np.inf):
        start, count = self.plant.forward(self.q) @ TCP, round(seconds / DT)
        for k in range(1, count + 1):
            s = k / count
            T = T_base_tcp.copy()
            T[:3, 3] = start[:3, 3] + (T_base_tcp[:3, 3] - start[:3, 3]) * s * s * (3 - 2 * s)
            q = self.plant.inverse(T @ invert(TCP), self.q)
            self.plant.step(DT, q, (q - self.q) / DT)
            self.q = q
            self.peak = max(self.peak, float(np.linalg.norm(self.plant.wrench(TCP)[:3])))
            if self.peak > force_max:
                return

    def grip(self, position, force=24):
        self.plant.set_gripper(position, 255, force)
        for _ in range(400):
            self.plant.step(DT, self.q, np.zeros(6))
            if self.plant.gripper_object != MOVING:
                return


@pytest.fixture(scope="module")
def empty():
    return CellPlant(NOTHING, CELL, calibrated_dh(4))


@pytest.fixture
def arm(empty):
    empty.put_arm(HOME)
    empty.set_gripper(0, 255, 24)
    mover = Mover(empty)
    mover.hold(0.4)
    return mover


def test_cartesian_pose_is_met_in_spite_of_the_hidden_calibration(arm):
    wrong = UrKinematics(UR10)
    for x, y, z in [(0.55, -0.12, 0.1), (0.75, 0.12, 0.15), (0.65, 0.0, 0.05)]:
        goal = down(x, y, z)
        above = arm.plant.inverse(down(x, y, z + 0.15) @ invert(TCP), arm.q)
        arm.joints(above)
        arm.line(goal)
        arm.hold(0.3)
        # What the mechanism does is read from the bodies, not from the plant's own formula.
        reached = body_pose(arm.plant.poses_now(), "flange") @ TCP
        assert np.linalg.norm(reached[:3, 3] - goal[:3, 3]) < 5e-4
        assert np.linalg.norm((wrong.forward(arm.plant.q) @ TCP)[:3, 3] - goal[:3, 3]) > 1e-3


def test_motors_follow_a_fast_move_closely(arm):
    worst = 0.0
    start, count, goal = arm.q, 150, HOME + [1.0, 0.2, -0.4, 0.3, 0.3, 1.2]
    for k in range(1, count + 1):
        s = k / count
        q = start + (goal - start) * s * s * (3 - 2 * s)
        arm.plant.step(DT, q, (q - arm.q) / DT)
        arm.q = q
        worst = max(worst, float(np.abs(arm.plant.q - q).max()))
    assert worst < 0.01
    arm.hold(0.4)
    np.testing.assert_allclose(arm.plant.q, goal, atol=2e-4)
    assert np.abs(arm.plant.qd).max() < 1e-3


def test_a_jump_is_not_followed_faster_than_the_motors_can(arm):
    arm.plant.step(DT, HOME + 0.5, np.zeros(6))
    assert np.abs(arm.plant.q - HOME).max() < 0.1


def test_time_advances_by_the_periods(arm):
    before = arm.plant.time
    arm.hold(80 * DT)
    assert arm.plant.time - before == pytest.approx(80 * DT, abs=1e-6)  # a double of today's time resolves 0.2 us


def test_pressing_on_the_table_is_felt_upwards_and_in_the_air_nothing(arm):
    above = arm.plant.inverse(down(0.6, 0.1, 0.05) @ invert(TCP), HOME)
    arm.plant.put_arm(above)
    arm.q = above
    arm.grip(255)
    arm.line(down(0.6, 0.1, 0.01), 0.5)
    assert arm.peak == 0.0
    arm.line(down(0.6, 0.1, -0.02), 0.6, force_max=40.0)
    force = arm.plant.wrench(TCP)
    assert force[2] > 40.0 and np.abs(force[:2]).max() < 0.5 * force[2]
    tip = (arm.plant.forward(arm.plant.q) @ TCP)[2, 3]
    assert tip > -0.004  # the table holds


def test_wrench_moves_with_the_point_it_is_asked_for(arm):
    above = arm.plant.inverse(down(0.6, 0.1, 0.02) @ invert(TCP), HOME)
    arm.plant.put_arm(above)
    arm.q = above
    arm.line(down(0.6, 0.1, -0.01), 0.5, force_max=30.0)
    at_flange, at_tcp = arm.plant.wrench(np.eye(4)), arm.plant.wrench(TCP)
    np.testing.assert_allclose(at_flange[:3], at_tcp[:3])
    lever = arm.plant.forward(arm.plant.q)[:3, :3] @ TCP[:3, 3]
    np.testing.assert_allclose(at_flange[3:] - at_tcp[3:], np.cross(lever, at_tcp[:3]), atol=1e-9)
    assert np.linalg.norm(at_tcp[:3]) > 10.0


def test_empty_fingers_reach_where_they_are_sent(arm):
    for position in (120, 255, 0):
        arm.grip(position)
        assert arm.plant.gripper_object == AT_TARGET
        assert abs(arm.plant.gripper_position - min(position, GRIPPER_CLOSED)) <= 2


def test_fingers_keep_to_their_speed(arm):
    arm.plant.set_gripper(255, 0, 24)
    arm.hold(0.5)
    slow = arm.plant.tool.opening
    assert 0.085 - 0.5 * 0.020 - 0.002 < slow < 0.085 - 0.5 * 0.020 + 0.004


@pytest.mark.parametrize("offset", [0.0, 0.12], ids=["on the box", "beside it"])
def test_a_lone_box_is_picked_and_what_is_beside_it_is_not(offset):
    heap, width = lone_box()
    plant = CellPlant(heap, CELL, calibrated_dh(2))
    truth, mover = Truth(plant), Mover(plant)
    x, y, top = *c.HEAP_CENTRE, 2 * heap.T_base_object[0, 2, 3]
    mover.joints(plant.inverse(down(x, y + offset, top + 0.1) @ invert(TCP), HOME))
    mover.line(down(x, y + offset, max(top - 0.02, 0.004)))
    mover.grip(255)
    assert (plant.gripper_object == STOPPED_CLOSING) == (offset == 0.0)
    mover.line(down(x, y, top + 0.2))
    mover.hold(0.5)
    if offset:
        assert truth.report().on_table == (0,) and truth.report().grips == ()
        return
    assert abs(plant.tool.opening - width) < 2e-3
    assert plant.world.heap_now().T_base_object[0, 2, 3] > 0.15
    assert truth.report().objects[0].place == "held"
    weight = heap.objects[0].mass * c.GRAVITY
    assert plant.wrench(TCP)[2] == pytest.approx(-weight, rel=0.1)
    mover.joints(HOME)
    mover.grip(0)
    mover.hold(1.0)
    report = truth.report()
    assert report.in_tote == (0,) and report.on_table == () and report.at_rest
    (grip,) = report.grips
    assert grip.lifted == (0,) and grip.took_top_level and grip.places == {"0": "tote"}


def test_a_lost_object_is_noticed_by_the_fingers():
    heap, _ = lone_box()
    plant = CellPlant(heap, CELL, UR10)
    mover = Mover(plant)
    x, y, top = *c.HEAP_CENTRE, 2 * heap.T_base_object[0, 2, 3]
    mover.joints(plant.inverse(down(x, y, top + 0.1) @ invert(TCP), HOME))
    mover.line(down(x, y, max(top - 0.02, 0.004)))
    mover.grip(255)
    assert plant.gripper_object == STOPPED_CLOSING
    plant.world.data.joint("object_0").qpos[:3] = (0.4, 0.3, 0.2)  # as if it had slipped out
    mover.hold(0.6)
    assert plant.gripper_object == AT_TARGET and plant.gripper_position == GRIPPER_CLOSED


def test_another_heap_leaves_the_arm_where_it_is():
    plant = CellPlant(stack_heap(1, 3), CELL, calibrated_dh(1))
    truth, mover = Truth(plant), Mover(plant)
    mover.joints(HOME + [0.3, -0.1, 0.0, 0.0, 0.0, 0.2], 0.8)
    mover.grip(150)
    mover.hold(0.3)
    q, opening = np.array(plant.q), plant.tool.opening
    plant.load_heap(stack_heap(2, 5))
    mover.hold(0.3)
    np.testing.assert_allclose(plant.q, q, atol=1e-4)
    assert abs(plant.tool.opening - opening) < 1e-4
    report = truth.report()
    assert plant.version == report.version == 2
    assert report.on_table == (0, 1, 2, 3, 4) and report.at_rest
    assert 1 <= len(report.top_level) < 5


def test_heaps_stay_as_they_were_stored():
    for seed in (1, 2):
        heap = stack_heap(seed, 5)
        plant = CellPlant(heap, CELL, UR10)
        Mover(plant).hold(1.0)
        moved = plant.world.heap_now().T_base_object[:, :3, 3] - heap.T_base_object[:, :3, 3]
        assert np.linalg.norm(moved, axis=1).max() < 3e-3


def test_places():
    inside = [[0.0, -0.65, 0.03], [0.17, -0.52, 0.1]]
    outside = [[0.0, -0.65, 0.3], [0.65, 0.0, 0.02], [0.19, -0.65, 0.05]]
    assert in_tote(CELL, inside).all() and not in_tote(CELL, outside).any()
    assert over_table(outside).all() and not over_table([[0.65, 0.0, -0.5], [3.0, 0.0, 0.1]]).any()


def test_grips_are_told_in_plain_values_and_an_answer_without_a_field_is_refused():
    grip = GripReport(1.0, 2.0, (0, 1), (1,), (1,), True, {"0": "table", "1": "held"})
    answer = json.loads(json.dumps(TruthReport(3.0, 1, (), (), (), (), True, (grip,)).to_dict()))
    assert TruthReport.from_dict({"ok": True, **answer}).grips == (grip,)
    del answer["grips"][0]["lifted"]
    with pytest.raises(TypeError, match="lifted"):
        TruthReport.from_dict(answer)


def test_truth_speaks_plain_values():
    heap = stack_heap(4, 4, families=GRASPABLE)
    report = Truth(CellPlant(heap, CELL, UR10)).report()
    assert TruthReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    for entry, model, T in zip(report.objects, heap.objects, heap.T_base_object, strict=True):
        assert (entry.family, entry.seed) == (model.family, model.seed)
        assert np.linalg.norm(from_xyz_quat(entry.position, entry.quaternion)[:3, 3] - T[:3, 3]) < 3e-3
