"""The motion generator: laws of its moves, without sockets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpnet_ros.kinematics import UR10, UrKinematics
from gpnet_ros.pose import distance, from_rotvec, transform
from gpnet_ros.ur_controller.arm import JOINT_RANGE, Trapezoid
from gpnet_ros.ur_controller.dashboard import DashboardService
from gpnet_ros.ur_controller.kinematic import KinematicPlant
from gpnet_ros.ur_controller.model import find_model
from gpnet_ros.ur_controller.program import Program
from gpnet_ros.ur_controller.robot import UNLOCK_AFTER, Robot, RuntimeState, SafetyMode
from gpnet_ros.ur_controller.script_port import ScriptService

DT = 0.008
# An arm whose links differ by millimetres and fractions of a degree from the data sheet, as any real one does.
CALIBRATED = replace(
    UR10,
    a=(3e-4, -0.6128, -0.5715, 2e-4, -1e-4, 0.0),
    d=(0.1281, 2e-3, -1.5e-3, 0.1642, 0.1159, 0.0921),
    alpha=tuple(np.array(UR10.alpha) + [1e-3, -5e-4, 8e-4, -6e-4, 4e-4, 0.0]),
    theta=(2e-4, -1e-3, 1.2e-3, -3e-4, 2e-4, 1e-4),
)


# A line to the other side of the base: it enters the cylinder that the shoulder's offset keeps out of reach.
THROUGH_THE_AXIS = """def p():
  here = get_target_tcp_pose()
  movel(p[-here[0], -here[1], here[2], here[3], here[4], here[5]], a=2, v=0.5)
end
"""


def make(**arguments) -> Robot:
    return Robot(KinematicPlant(**arguments), find_model("ur10-cb3"))


def record(robot: Robot, text: str, limit: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Joint angles (N, 6) and TCP positions (N, 3) until the program ends or stops."""
    ScriptService(robot).receive(text)
    assert robot.runtime == RuntimeState.PLAYING, robot.reason
    q, positions = [np.array(robot.plant.q)], [robot.arm.tcp(robot.plant.q)[:3, 3]]
    for _ in range(limit):
        robot.cycle()
        q.append(np.array(robot.plant.q))
        positions.append(robot.arm.tcp(robot.plant.q)[:3, 3])
        if robot.runtime != RuntimeState.PLAYING and not robot.arm.moving:
            return np.array(q), np.array(positions)
    raise AssertionError("the program does not end")


@given(st.floats(1e-6, 5), st.floats(1e-3, 3), st.floats(1e-2, 40))
@settings(max_examples=60, deadline=None)
def test_trapezoid_keeps_speed_and_acceleration_and_arrives_at_rest(length, v, a):
    profile = Trapezoid(length, v, a)
    t = np.linspace(0, profile.duration, 401)
    s = np.array([profile.at(x) for x in t])
    speed = np.diff(s) / np.diff(t)
    assert s[0] == 0 and abs(s[-1] - length) < 1e-9 * max(1, length) and (np.diff(s) >= -1e-12).all()
    assert speed.max() <= v * (1 + 1e-6) and np.abs(np.diff(speed) / np.diff(t)[1:]).max() <= a * (1 + 1e-2)
    assert profile.at(profile.duration * 2) == length
    assert abs(profile.at(profile.duration / 2) - length / 2) < 1e-9 * max(1, length)


def test_movej_keeps_all_joints_together_and_within_their_speeds():
    robot = make()
    goal = robot.plant.q + [2.0, 0.2, -0.4, 0.3, -0.1, 1.0]
    q, _ = record(robot, f"movej({goal.tolist()}, a=2, v=9)\n")
    assert np.allclose(q[-1], goal, atol=1e-12)
    share = (q - q[0]) / (goal - q[0])
    assert np.ptp(share, axis=1).max() < 1e-9
    assert (np.abs(np.diff(q, axis=0)) / DT).max(axis=0)[0] <= robot.arm.joint_speed[0] * (1 + 1e-9)
    assert np.abs(np.diff(q, n=2, axis=0)).max() / DT**2 < 2 * 1.01


@pytest.mark.parametrize("dh", [UR10, CALIBRATED])
def test_movel_is_straight_and_turns_evenly_and_arrives_with_the_true_kinematics(dh):
    robot = make(dh=dh)
    ScriptService(robot).receive("set_tcp(p[0, 0, 0.17, 0, 0, 0.3])\n")
    robot.cycle()
    T = robot.arm.tcp(robot.plant.q)
    T_goal = T @ from_rotvec([0.08, -0.1, 0.12, 0.1, 0.2, 0.5])
    step = "movel(pose_trans(get_target_tcp_pose(), p[0.08, -0.1, 0.12, 0.1, 0.2, 0.5]), a=1, v=0.25)\n"
    q, positions = record(robot, step)
    assert max(distance(robot.arm.tcp(q[-1]), T_goal)) < 1e-7
    way = T_goal[:3, 3] - T[:3, 3]
    along = (positions - positions[0]) @ way / (way @ way)
    assert np.abs(positions - positions[0] - along[:, None] * way).max() < 1e-8
    assert (np.diff(along) > -1e-9).all()
    turned = [distance(T, robot.arm.tcp(x))[1] for x in q]
    assert np.allclose(turned, np.array(turned[-1]) * along, atol=1e-6)
    assert np.linalg.norm(np.diff(positions, axis=0), axis=1).max() / DT <= 0.25 * (1 + 1e-6)
    if dh is CALIBRATED:  # the twin: a client that trusts the data sheet sees another place
        assert distance(UrKinematics(UR10).forward(q[-1]) @ robot.arm.T_flange_tcp, T_goal)[0] > 1e-3


def test_slider_slows_a_move_in_proportion():
    length = {}
    for fraction in (1.0, 0.5):
        robot = make()
        robot.receive_inputs({"speed_slider_mask": 1, "speed_slider_fraction": fraction})
        q, _ = record(robot, "movej([3.5, -1.5, 1.7, -1.7, -1.5, 0], a=1, v=0.5)\n")
        length[fraction] = len(q)
    assert abs(length[0.5] / length[1.0] - 2) < 0.05


@pytest.mark.parametrize("stop", ["stopj(2)", "stopl(0.5)"])
def test_stops_brake_without_a_jump(stop):
    robot = make()
    text = f"""def p():
      thread go():
        movel(pose_trans(get_target_tcp_pose(), p[0, 0, 0.4, 0, 0, 0]), a=1, v=0.25)
      end
      handle = run go()
      sleep(0.6)
      kill handle
      {stop}
    end
    """
    q, positions = record(robot, text)
    assert robot.reason == "the program ended" and not robot.arm.moving
    speed = np.linalg.norm(np.diff(positions, axis=0), axis=1) / DT
    assert 0.2 < speed.max() < 0.251 and speed[-1] < 0.01
    assert (np.diff(speed[len(speed) // 2 + 20 :]) < 1e-6).all()
    assert np.abs(np.diff(q, n=2, axis=0)).max() / DT**2 < 6.5
    assert 0.1 < positions[0, 2] - positions[-1, 2] < 0.3


def test_speedl_reaches_its_velocity_at_its_acceleration():
    robot = make()
    _, positions = record(robot, "speedl([0.03, 0, -0.04, 0, 0, 0], a=0.2, t=0.5)\n")
    velocity = np.diff(positions, axis=0) / DT
    assert np.allclose(velocity[40], [0.03, 0, -0.04], atol=1e-6)
    assert abs(np.linalg.norm(velocity[10]) - 0.2 * 11 * DT) < 1e-3
    # Nothing commands the arm after the line has ended: it brakes.
    assert np.linalg.norm(velocity[-1]) < 1e-2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("movel(p[-3, 0, 0.3, 0, 3.14159, 0], a=1, v=0.25)\n", ""),
        ("speedj([0, 0, 0, 0, 0, 2.5], 5, 60)\n", "range"),
        (THROUGH_THE_AXIS, ""),
        ("protective_stop()\n", "program asked"),
    ],
)
def test_moves_that_cannot_be_made_trip_a_protective_stop(text, reason):
    robot = make()
    q, _ = record(robot, text)
    assert robot.safety == SafetyMode.PROTECTIVE_STOP and reason in robot.reason
    assert (np.abs(np.diff(q, axis=0)) / DT <= robot.arm.joint_speed * 1.01).all()
    assert np.abs(q).max() <= JOINT_RANGE


def test_paused_move_goes_on_to_its_goal_after_play_only():
    robot = make()
    goal = robot.plant.q + [0.8, 0, 0, 0, 0, 0.2]
    ScriptService(robot).receive(f"movej({goal.tolist()}, a=1, v=0.5)\n")
    for _ in range(60):
        robot.cycle()
    assert robot.pause() and robot.runtime == RuntimeState.PAUSED
    for _ in range(200):
        robot.cycle()
    held = np.array(robot.plant.q)
    assert not robot.arm.moving and np.abs(held - goal).max() > 0.1
    assert robot.play()
    for _ in range(400):
        robot.cycle()
    assert np.allclose(robot.plant.q, goal, atol=1e-9) and robot.runtime == RuntimeState.STOPPED


def test_protective_stop_can_be_unlocked_after_five_seconds_only():
    robot = make()
    ScriptService(robot).receive("sleep(100)\n")
    robot.protective_stop("test")
    assert (
        robot.runtime == RuntimeState.PAUSED and "5s" in robot.unlock() and robot.safety == SafetyMode.PROTECTIVE_STOP
    )
    assert not robot.play()
    for _ in range(round(UNLOCK_AFTER / DT) + 1):
        robot.cycle()
    assert robot.unlock() == "" and robot.runtime == RuntimeState.PAUSED and robot.play()


def test_contact_beyond_the_limit_stops_the_arm_and_below_it_does_not():
    for limit, stopped in ((60.0, True), (1000.0, False)):
        plant = KinematicPlant(contact_height=0.0)
        plant.contact_height = float(plant.forward(plant.q)[2, 3]) - 0.05
        robot = Robot(plant, find_model("ur10-cb3"), force_limit=limit)
        record(robot, "movel(pose_trans(get_target_tcp_pose(), p[0, 0, 0.06, 0, 0, 0]), a=1, v=0.05)\n")
        assert (robot.safety == SafetyMode.PROTECTIVE_STOP) is stopped
        pressed = plant.contact_height - plant.forward(plant.q)[2, 3]
        assert bool(pressed < 0.006) is stopped


def test_an_arm_that_still_presses_can_move_away_but_not_deeper():
    plant = KinematicPlant(contact_height=0.0)
    plant.contact_height = float(plant.forward(plant.q)[2, 3]) - 0.02
    robot = Robot(plant, find_model("ur10-cb3"), force_limit=60.0)
    move = "movel(pose_trans(get_target_tcp_pose(), p[0, 0, {}, 0, 0, 0]), a=1, v=0.05)\n"
    record(robot, move.format(0.04))
    assert robot.safety == SafetyMode.PROTECTIVE_STOP
    for _ in range(round(UNLOCK_AFTER / DT) + 1):
        robot.cycle()
    assert robot.unlock() == ""
    record(robot, move.format(0.02))
    assert robot.safety == SafetyMode.PROTECTIVE_STOP, "deeper is refused"
    for _ in range(round(UNLOCK_AFTER / DT) + 1):
        robot.cycle()
    assert robot.unlock() == ""
    record(robot, move.format(-0.03))
    assert robot.safety != SafetyMode.PROTECTIVE_STOP and robot.arm.wrench()[2] == 0
    record(robot, move.format(0.04))
    assert robot.safety == SafetyMode.PROTECTIVE_STOP and "60 N" in robot.reason, (
        "free again, the limit is the first one"
    )


def test_force_mode_presses_with_the_force_that_was_asked_for():
    plant = KinematicPlant(contact_height=0.0)
    plant.contact_height = float(plant.forward(plant.q)[2, 3]) - 0.01
    robot = Robot(plant, find_model("ur10-cb3"))
    ScriptService(robot).receive("""def p():
      while True:
        force_mode(p[0,0,0,0,0,0], [0,0,1,0,0,0], [0,0,-30,0,0,0], 2, [0.1,0.1,0.05,1,1,1])
        sync()
      end
    end
    """)
    start = robot.arm.tcp(plant.q)
    for _ in range(500):
        robot.cycle()
    assert abs(robot.arm.wrench()[2] - 30) < 1.0
    assert np.abs((robot.arm.tcp(plant.q) - start)[:2, 3]).max() < 1e-9
    robot.stop_program("test")
    before = np.array(plant.q)
    for _ in range(50):
        robot.cycle()
    assert np.abs(plant.q - before).max() < 1e-3


@pytest.mark.parametrize("dh", [UR10, CALIBRATED])
def test_plant_inverts_itself(dh):
    plant = KinematicPlant(dh)
    rng = np.random.default_rng(0)
    for _ in range(20):
        q = plant.q + rng.uniform(-0.3, 0.3, 6)
        solved = plant.inverse(plant.forward(q), q + rng.uniform(-0.02, 0.02, 6))
        assert solved is not None and np.abs(solved - q).max() < 1e-6
    assert plant.inverse(transform(np.eye(3), [3, 0, 0]), plant.q) is None


def robot_that_plays() -> Robot:
    robot = Robot(KinematicPlant(UR10), find_model("ur10-cb3"))
    program = Program("p", "")

    def main():
        while True:
            yield

    program.start(main)
    robot.start_program(program)
    return robot


def test_automatic_reset_resumes_the_program_and_a_plain_release_does_not() -> None:
    robot = robot_that_plays()
    robot.safeguard_stop()
    robot.release()
    assert robot.unstopped and robot.runtime == RuntimeState.PAUSED
    robot.play()
    robot.safeguard_stop()
    assert not robot.unstopped and robot.runtime == RuntimeState.PAUSED
    robot.release(resumes=True)
    assert robot.unstopped and robot.runtime == RuntimeState.PLAYING


def test_reduced_mode_lasts_over_a_stop_and_stops_nothing() -> None:
    robot = robot_that_plays()
    robot.set_reduced(True)
    assert robot.safety == SafetyMode.REDUCED and robot.runtime == RuntimeState.PLAYING and robot.accepts_programs
    robot.safeguard_stop()
    robot.set_reduced(True)
    assert robot.safety == SafetyMode.SAFEGUARD_STOP
    robot.release()
    assert robot.safety == SafetyMode.REDUCED
    robot.set_reduced(False)
    assert robot.safety == SafetyMode.NORMAL


def test_local_mode_refuses_what_moves_or_stops_at_the_dashboard_and_still_answers() -> None:
    robot = robot_that_plays()
    service = DashboardService(robot)
    robot.remote = False
    assert service._reply("stop") == service._reply("play") == "Command is not allowed due to safety reasons"
    assert robot.runtime == RuntimeState.PLAYING and service._reply("running") == "Program running: true"
    robot.remote = True
    assert service._reply("stop") == "Stopped" and robot.runtime == RuntimeState.STOPPED
