"""The UR arm through the real ur_rtde client against the simulated controller, with every fault in mid-move."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from support.controller_process import Running, controller
from support.moving_arm import CB3, E_SERIES, PATIENCE, STOPPED, joint, planner, robot, runtime, until

from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import ArmState, MoveResult, MoveStatus
from gpnet_ros.devices.robotiq import RobotiqGripper, RobotiqSettings
from gpnet_ros.devices.robots import make_robot
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.child import FRESH_MOVING, STALE_MOVING
from gpnet_ros.devices.ur.dashboard import ask
from gpnet_ros.devices.ur.messages import (
    EMERGENCY,
    PLAYING,
    PROTECTIVE,
    SAFEGUARD,
    ChildReport,
    in_words,
    modes_of,
    safety_stop,
)
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.devices.ur.start import agreement
from gpnet_ros.errors import DeviceError, RobotStopped
from gpnet_ros.motion import Move
from gpnet_ros.picking.payload import Payload
from gpnet_ros.pose import distance, to_rotvec
from gpnet_ros.settings import GripperGeometry

CELL = Cell()
SLOW = 0.25  # rad/s: the long move below would take 10 s
LONG = 2.5  # rad
SCRIPT_PORT = 30003


@contextmanager
def connected(running: Running, **settings: Any) -> Iterator[UrArm]:
    arm = UrArm(UrSettings(robot_ip=running.ip, **settings), CELL)
    arm.connect()
    try:
        yield arm
    finally:
        arm.disconnect()


def never() -> bool:
    return False


def lifted(state: ArmState, by: float, speed: float = 0.3) -> Move:
    T = state.T_base_tcp.copy()
    T[2, 3] += by
    return Move("lift", "linear", speed, 0.8, T_base_tcp=T)


def long_move(state: ArmState) -> Move:
    return Move("long", "joint", SLOW, 1.0, q=state.q - np.array([LONG, 0, 0, 0, 0, 0]))


class Moving:
    """A long move under way in its own thread."""

    def __init__(self, arm: UrArm, cancelled: Callable[[], bool] = never) -> None:
        self.start = arm.state().q
        self.result: MoveResult | None = None
        move = long_move(arm.state())
        self._thread = threading.Thread(target=lambda: self._run(arm, move, cancelled), daemon=True)
        self._thread.start()
        begun = until(lambda: self.result is not None or abs(arm.state().q[0] - self.start[0]) > 0.05)
        moved = abs(arm.state().q[0] - self.start[0]) > 0.05
        assert begun and moved, f"the move did not begin: {self.result}; {arm.state()}"

    def _run(self, arm: UrArm, move: Move, cancelled: Callable[[], bool]) -> None:
        self.result = arm.move(move, cancelled)

    def end(self) -> MoveResult:
        self._thread.join(PATIENCE)
        assert self.result is not None, "the move did not come back"
        return self.result


def assert_stopped_early(running: Running, start: float) -> None:
    """At rest, program ended, most of the way not travelled."""
    assert until(lambda: running.admin("state")["runtime_state"] == STOPPED)
    assert until(lambda: max(map(abs, running.admin("state")["qd"])) < 1e-6)
    assert abs(running.admin("state")["q"][0] - start) < LONG / 2


# --- the healthy arm ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def one_cell() -> Iterator[tuple[Running, UrArm]]:
    with controller("--contact-height", "0.2") as running, connected(running, digital_outputs=True) as arm:
        assert running.admin("state")["runtime_state"] == STOPPED  # connecting starts nothing
        assert arm.state().status == "needs_resume"
        refused = arm.move(lifted(arm.state(), 0.02), never)
        assert refused.status is MoveStatus.REFUSED and "resume" in refused.message
        arm.resume()
        yield running, arm


@pytest.fixture
def healthy(one_cell: tuple[Running, UrArm]) -> tuple[Running, UrArm]:
    """The one cell of these tests, ready: where this machine stood still during a test, that test alone fails."""
    if one_cell[1].state().status != "ready":
        one_cell[1].resume()
    return one_cell


def test_resume_makes_ready_with_watchdog_and_agreement(healthy: tuple[Running, UrArm]) -> None:
    running, arm = healthy
    state = arm.state()
    assert (state.status, state.message, state.model) == ("ready", "", "UR10 3.15.8")
    assert (state.serial, state.modes["robot mode"], state.modes["safety"]) == ("20200000001", "running", "normal")
    seen = running.admin("state")
    assert seen["runtime_state"] == PLAYING and seen["watchdog"]
    expected = CELL.kinematics.forward(state.q) @ CELL.T_flange_tcp
    assert max(distance(state.T_base_tcp, expected)) < 1e-6


def test_payload_is_set_after_the_upload_and_on_demand(healthy: tuple[Running, UrArm]) -> None:
    running, arm = healthy
    ask = "r = receive(); until(r.getPayload); done(mass=r.getPayload())"
    assert running.client(ask)["mass"] == pytest.approx(CELL.gripper.mass)
    arm.set_payload(1.4, (0.0, 0.01, 0.08))
    assert until(lambda: running.client(ask)["mass"] == pytest.approx(1.4))


def test_the_payload_outlives_a_program_that_ended(healthy: tuple[Running, UrArm]) -> None:
    running, arm = healthy
    ask = "r = receive(); until(r.getPayload); done(mass=r.getPayload(), cog=r.getPayloadCog())"
    arm.set_payload(1.1, (0.0, 0.01, 0.09))
    assert until(lambda: running.client(ask)["mass"] == pytest.approx(1.1))
    with socket.create_connection((running.ip, SCRIPT_PORT), timeout=10) as link:
        link.sendall(b"set_payload(0.2, [0.0, 0.0, 0.01])\n")  # a program of its own: it ends ours
        assert until(lambda: arm.state().status == "needs_resume")
    assert until(lambda: running.client(ask)["mass"] == pytest.approx(0.2))
    arm.resume()
    seen = running.client(ask)
    assert (seen["mass"], seen["cog"]) == (pytest.approx(1.1), pytest.approx([0.0, 0.01, 0.09]))


def test_the_cell_file_reaches_the_arm() -> None:
    gripper = GripperGeometry(mass=1.7, centre_of_gravity=(0.01, -0.02, 0.05))
    cell = Cell(gripper=gripper, arm_tolerance=0.004, arm_tolerance_angle=0.01)
    arm, _ = make_robot("ur", "127.0.0.1", "robotiq", "", False, cell)
    assert isinstance(arm, UrArm)
    settings = arm.settings
    assert (settings.payload_cog, settings.tolerance, settings.tolerance_angle) == ((0.01, -0.02, 0.05), 0.004, 0.01)
    with controller() as running:
        arm, _ = make_robot("sim", running.ip, "robotiq", "", False, cell)
        arm.connect()
        try:
            arm.resume()
            ask = "r = receive(); until(r.getPayload); done(mass=r.getPayload(), cog=r.getPayloadCog())"
            seen = running.client(ask)
        finally:
            arm.disconnect()
    assert (seen["mass"], seen["cog"]) == (pytest.approx(1.7), pytest.approx([0.01, -0.02, 0.05]))


@pytest.mark.parametrize(
    ("model", "weighed"),
    [("ur10e", 0.7), pytest.param("ur10-cb3", CELL.gripper.held_mass, marks=pytest.mark.slow)],
)
def test_what_is_lifted_is_weighed_where_the_arm_has_a_force_sensor(model: str, weighed: float) -> None:
    options = ("--model", model, "--tool-mass", "0.925", "--held-mass", "0.7", "--object-position", "120")
    cell = Cell(arm="ur10e" if model == "ur10e" else "ur10")
    with controller(*options, factor=0.5) as running:
        arm, _ = make_robot("sim", running.ip, "robotiq", "", False, cell)
        gripper = RobotiqGripper(RobotiqSettings(running.ip, activation_timeout=60.0))
        arm.connect()
        try:
            arm.resume()
            gripper.activate()
            payload = Payload(arm, cell)
            payload.tell(False)
            payload.before_descent()
            assert gripper.move(0.0, 0.1, 40.0).object_detected
            payload.tell(True)
            assert arm.move(lifted(arm.state(), 0.04), never).status is MoveStatus.ARRIVED
            payload.after_lift()
            ask = (
                f"r = receive(); until(lambda: abs(r.getPayload() - {0.925 + weighed}) < 0.02); done(m=r.getPayload())"
            )
            assert running.client(ask)["m"] == pytest.approx(0.925 + weighed, abs=0.02)
        finally:
            gripper.close()
            arm.disconnect()


def test_a_wrong_payload_does_not_move_the_contact_of_a_descent() -> None:
    depths = []
    for mass in (0.925, 4.0):
        with controller("--contact-height", "0.2", "--tool-mass", "0.925") as running, connected(running) as arm:
            arm.resume()
            arm.set_payload(mass, (0.0, 0.0, 0.06))
            above = arm.state().T_base_tcp.copy()
            above[2, 3] = 0.24
            assert arm.move(Move("above", "linear", 0.3, 0.8, T_base_tcp=above), never).ok
            below = above.copy()
            below[2, 3] = 0.18
            found = arm.move(Move("down", "descend", 0.05, 0.3, T_base_tcp=below, force_limit=30.0), never)
            assert found.status is MoveStatus.CONTACT
            depths.append(found.T_base_tcp[2, 3])
    assert abs(depths[0] - depths[1]) < 0.004


def test_linear_and_joint_moves_arrive(healthy: tuple[Running, UrArm]) -> None:
    _, arm = healthy
    before = arm.state()
    up = lifted(before, 0.04)
    result = arm.move(up, never)
    assert result.status is MoveStatus.ARRIVED and result.ok
    assert distance(result.T_base_tcp, up.T_base_tcp)[0] < 1e-3
    back = arm.move(Move("back", "joint", 1.0, 2.0, q=before.q), never)
    assert back.status is MoveStatus.ARRIVED
    assert np.abs(arm.state().q - before.q).max() < 2e-3


def test_descent_stops_at_contact_and_only_there(healthy: tuple[Running, UrArm]) -> None:
    _, arm = healthy
    high = arm.state().T_base_tcp.copy()
    high[2, 3] = 0.24
    assert arm.move(Move("above", "linear", 0.3, 0.8, T_base_tcp=high), never).ok
    free, deep = high.copy(), high.copy()
    free[2, 3], deep[2, 3] = 0.21, 0.12
    result = arm.move(Move("free", "descend", 0.05, 0.3, T_base_tcp=free, force_limit=30.0), never)
    assert result.status is MoveStatus.ARRIVED and result.force_peak < 1.0
    result = arm.move(Move("down", "descend", 0.05, 0.3, T_base_tcp=deep, force_limit=30.0), never)
    assert result.status is MoveStatus.CONTACT and result.ok
    assert 30.0 < result.force_peak < 150.0
    assert 0.19 < result.T_base_tcp[2, 3] < 0.2
    assert arm.move(lifted(arm.state(), 0.2), never).ok  # the arm is usable at once


@pytest.mark.parametrize("where", ["callback", "another thread"])
def test_cancel_in_the_middle_of_a_move(healthy: tuple[Running, UrArm], where: str) -> None:
    running, arm = healthy
    now = threading.Event()
    moving = Moving(arm, now.is_set)
    now.set() if where == "callback" else arm.cancel()
    result = moving.end()
    assert result.status is MoveStatus.CANCELLED
    assert abs(arm.state().q[0] - moving.start[0]) < LONG / 2
    assert arm.state().status == "ready" and running.admin("state")["runtime_state"] == PLAYING
    assert arm.move(Move("back", "joint", 1.0, 2.0, q=moving.start), never).ok


def test_second_move_at_a_time_is_refused(healthy: tuple[Running, UrArm]) -> None:
    _, arm = healthy
    moving = Moving(arm)
    assert arm.move(lifted(arm.state(), 0.01), never).status is MoveStatus.REFUSED
    arm.cancel()
    assert moving.end().status is MoveStatus.CANCELLED
    assert arm.move(Move("back", "joint", 1.0, 2.0, q=moving.start), never).ok


@pytest.mark.parametrize(
    "change",
    [
        {"q": np.full(6, np.nan)},
        {"speed": float("nan")},
        {"speed": -0.1},
        {"acceleration": float("inf")},
        {"kind": "descend", "T_base_tcp": np.eye(4), "force_limit": None},
        {"kind": "linear", "T_base_tcp": None},
    ],
)
def test_unusable_move_is_refused_and_nothing_moves(healthy: tuple[Running, UrArm], change: dict[str, Any]) -> None:
    running, arm = healthy
    try:
        move = replace(long_move(arm.state()), **change)
    except Exception:
        pytest.skip("Move itself refuses this")
    before = running.admin("state")["q"]
    result = arm.move(move, never)
    assert result.status is MoveStatus.REFUSED and "nothing was sent" in result.message
    assert running.admin("state")["q"] == before


def pause_of_the_planner(healthy: tuple[Running, UrArm], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says at rest, for longer than a move may go on without it, that the planner lives: until it orders one.

    The first beat after the order is held back, too: the order itself must say that its caller lives.
    """
    link = healthy[1]._link
    assert link is not None
    paused, send = time.monotonic(), link.send
    ordered, held = threading.Event(), threading.Event()

    def held_back(*message: Any) -> None:
        if threading.current_thread() is not link._listener:
            send(*message)
            if message[0] == "move":
                ordered.set()
        elif held.is_set():
            send(*message)
        elif ordered.is_set():
            held.set()

    monkeypatch.setattr(link, "send", held_back)
    assert until(lambda: time.monotonic() > paused + 1.8 * FRESH_MOVING)


def pause_of_the_controller(healthy: tuple[Running, UrArm], monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller stands still for longer than a move may go on without a new state, until after one is ordered."""
    link, process, paused = healthy[1]._link, healthy[0].process, time.monotonic()
    assert link is not None
    send = link.send

    def sent(*message: Any) -> None:
        send(*message)
        if message[0] == "move":
            threading.Timer(STALE_MOVING / 2, process.send_signal, [signal.SIGCONT]).start()

    monkeypatch.setattr(link, "send", sent)
    process.send_signal(signal.SIGSTOP)
    assert until(lambda: time.monotonic() > paused + 1.5 * STALE_MOVING)


@pytest.mark.parametrize("pause", [pause_of_the_planner, pause_of_the_controller])
def test_a_pause_at_rest_does_not_stop_the_move_after_it(
    healthy: tuple[Running, UrArm], pause: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, arm = healthy
    before = arm.state()
    try:
        pause(healthy, monkeypatch)
        for move in (lifted(before, 0.02), Move("back", "joint", 1.0, 2.0, q=before.q)):
            result = arm.move(move, never)
            assert result.status is MoveStatus.ARRIVED, result
    finally:  # where no move was ordered, the controller still stands
        healthy[0].process.send_signal(signal.SIGCONT)


def test_resume_of_a_ready_arm_changes_nothing(healthy: tuple[Running, UrArm]) -> None:
    _, arm = healthy
    before = arm._link
    arm.resume()
    assert arm._link is before


def test_caller_that_does_not_ask_any_more_stops_the_arm() -> None:
    with controller() as running, connected(running) as arm:
        arm.resume()
        hang, wake = threading.Event(), threading.Event()

        def stuck() -> bool:  # a planner's thread that hangs in mid-move, in a process that lives on
            return hang.is_set() and not wake.wait(PATIENCE)

        moving = Moving(arm, stuck)
        hang.set()
        assert_stopped_early(running, moving.start[0])
        wake.set()
        result = moving.end()
        assert result.status is MoveStatus.STOPPED and "heartbeat" in result.message
        assert arm.state().status == "needs_resume"


def test_a_move_whose_caller_leaves_by_an_error_stops() -> None:
    with controller() as running, connected(running) as arm:
        arm.resume()
        start = arm.state().q

        def breaks() -> bool:
            if abs(arm.state().q[0] - start[0]) > 0.05:
                raise KeyboardInterrupt  # whatever it is
            return False

        with pytest.raises(KeyboardInterrupt):
            arm.move(long_move(arm.state()), breaks)
        assert until(lambda: arm.state().status == "ready" and arm.state().is_still)
        assert abs(arm.state().q[0] - start[0]) < LONG / 2
        assert arm.move(Move("back", "joint", 1.0, 2.0, q=start), never).ok


# --- faults in the middle of a move ---------------------------------------------------------------------
def kill_child(_: Running, arm: UrArm) -> None:
    assert arm._link is not None
    os.kill(arm._link.process.pid, signal.SIGKILL)


def freeze_child(_: Running, arm: UrArm) -> None:
    assert arm._link is not None
    os.kill(arm._link.process.pid, signal.SIGSTOP)


def pull_link(running: Running, _: UrArm) -> None:
    running.admin("drop")


def reset_link(running: Running, _: UrArm) -> None:
    running.admin("drop", reset=True, refuse=1.0)


def freeze_link(running: Running, _: UrArm) -> None:
    running.admin("freeze", seconds=3)


@pytest.mark.parametrize(
    "fault",
    [
        kill_child,
        pull_link,
        freeze_child,
        pytest.param(reset_link, marks=pytest.mark.slow),
        pytest.param(freeze_link, marks=pytest.mark.slow),
    ],
)
def test_lost_link_stops_the_arm_and_waits_for_a_person(fault: Callable[[Running, UrArm], None]) -> None:
    with controller() as running, connected(running) as arm:
        arm.resume()
        moving = Moving(arm)
        fault(running, arm)
        assert moving.end().status is MoveStatus.LINK_LOST
        assert_stopped_early(running, moving.start[0])
        assert until(lambda: arm.state().status == "needs_resume")  # the child was replaced ...
        assert running.admin("state")["runtime_state"] == STOPPED  # ... and nothing started by itself
        where = running.admin("state")["q"]
        assert arm.move(lifted(arm.state(), 0.02), never).status is MoveStatus.REFUSED
        assert running.admin("state")["q"] == where
        arm.resume()
        assert arm.move(lifted(arm.state(), 0.02), never).status is MoveStatus.ARRIVED


def test_words_of_the_child_that_cannot_be_read_are_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    with controller() as running, connected(running) as arm:
        arm.resume()
        moving = Moving(arm)

        def spoilt(message: tuple[Any, ...]) -> None:
            raise TypeError("a defect")

        assert arm._link is not None
        monkeypatch.setattr(arm._link, "_take", spoilt)
        result = moving.end()
        assert result.status is MoveStatus.LINK_LOST and "a defect" in result.message
        assert_stopped_early(running, moving.start[0])
        assert until(lambda: arm.state().status == "needs_resume")


@pytest.mark.parametrize("model", [CB3, E_SERIES])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_killed_or_frozen_planner_stops_the_arm(number: signal.Signals, model: str) -> None:
    with robot(model) as running:
        start = joint(running)
        with planner(running, model, LONG, SLOW) as leader:
            leader.process.send_signal(number)
            assert_stopped_early(running, start)
            if number == signal.SIGSTOP:
                leader.process.send_signal(signal.SIGCONT)
                assert leader.result() == ["stopped", "needs_resume"]
                assert leader.leave() == 0
            assert until(lambda: not os.path.exists(f"/proc/{leader.child}"))
            assert runtime(running) == STOPPED


# --- stops of the robot ---------------------------------------------------------------------------------
def test_protective_stop_is_left_by_a_person_only() -> None:
    with controller(factor=3.0) as running, connected(running) as arm:
        arm.resume()
        moving = Moving(arm)
        running.admin("pstop")
        result = moving.end()
        assert result.status is MoveStatus.STOPPED and "protective" in result.message
        assert arm.state().status == "protective_stop"
        assert_stopped_early(running, moving.start[0])  # ended, not paused: nothing is left to go on
        assert arm.move(lifted(arm.state(), 0.02), never).status is MoveStatus.REFUSED
        arm.resume()  # waits until the controller unlocks, 5 s after the stop
        assert arm.move(lifted(arm.state(), 0.02), never).ok


def test_safeguard_and_emergency_stop_need_their_release_first() -> None:
    with controller() as running, connected(running) as arm:
        arm.resume()
        for fault in ("safeguard", "estop"):
            moving = Moving(arm)
            running.admin(fault)
            assert moving.end().status is MoveStatus.STOPPED
            assert until(lambda: arm.state().status in ("safeguard_stop", "emergency_stop"))
            with pytest.raises(RobotStopped, match="release it"):
                arm.resume()
            running.admin("release")
            assert until(lambda: arm.state().status == "needs_resume")
            assert_stopped_early(running, moving.start[0])
            arm.resume()
            assert arm.move(Move("back", "joint", 1.0, 2.0, q=moving.start), never).ok


def test_no_stop_of_ours_is_on_its_way_when_a_new_program_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[threading.Thread] = []

    def slow(ip: str) -> bool:  # a dashboard server that takes a stop, and does it when the next program runs
        def stop() -> None:
            assert until(lambda: arm.state().status == "ready")
            ask(ip, "stop")

        late.append(threading.Thread(target=stop))
        late[-1].start()
        return False

    with controller() as running, connected(running) as arm:
        arm.resume()
        running.admin("pendant", button="stop")
        assert until(lambda: arm.state().status == "needs_resume")
        monkeypatch.setattr("gpnet_ros.devices.ur.ending.dashboard_stop", slow)
        arm.resume()
        for thread in late:
            thread.join()
        result = arm.move(lifted(arm.state(), 0.02), never)
        assert result.status is MoveStatus.ARRIVED, result
        monkeypatch.undo()


def test_a_stop_that_was_sent_is_waited_for() -> None:
    with socket.create_server(("127.0.0.251", 29999)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link, link.makefile("rwb") as lines:
                lines.write(b"Connected: Universal Robots Dashboard Server\n")
                lines.flush()
                assert lines.readline() == b"stop\n"
                threading.Event().wait(0.3)  # longer than the server's other answers may take here
                lines.write(b"Stopped\n")

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        assert ask("127.0.0.251", "stop", timeout=0.1, patience=30.0) == "Stopped"
        serving.join()


def test_simulation_resumes_by_itself() -> None:
    with controller(factor=3.0) as running, connected(running, auto_resume=True) as arm:
        assert arm.state().status == "ready"
        running.admin("pstop")
        assert until(lambda: arm.state().status == "protective_stop")
        assert until(lambda: arm.state().status == "ready")
        running.admin("drop")
        assert until(lambda: arm.state().status != "ready")
        assert until(lambda: arm.state().status == "ready")
        assert arm.move(lifted(arm.state(), 0.02), never).ok


# --- the wrong robot ------------------------------------------------------------------------------------
def test_other_arm_than_configured_is_refused_with_figures() -> None:
    with controller() as running:
        arm = UrArm(UrSettings(robot_ip=running.ip), replace(CELL, arm="ur10e"))
        arm.connect()
        try:
            with pytest.raises(DeviceError, match=r"UR10 3\.15\.8.*ur10e"):
                arm.resume()
            assert arm.state().status == "not_ready"
            result = arm.move(lifted(arm.state(), 0.02), never)
            assert result.status is MoveStatus.REFUSED and "ur10e" in result.message
            assert until(lambda: running.admin("state")["runtime_state"] == STOPPED)
        finally:
            arm.disconnect()


@pytest.mark.parametrize(("offset", "word"), [(0.0, ""), (0.01, ""), (0.02, "20.0 mm")])
def test_pose_that_disagrees_with_the_joints_is_told_with_figures(offset: float, word: str) -> None:
    q = np.array(CELL.home)
    T = CELL.kinematics.forward(q) @ CELL.T_flange_tcp
    T[0, 3] += offset
    report: Any = SimpleNamespace(q=q.tolist(), tcp=to_rotvec(T).tolist())
    link: Any = SimpleNamespace(
        armed_offset=to_rotvec(CELL.T_flange_tcp).tolist(), report=report, is_alive=True, wait=lambda _: None
    )
    text = agreement(link, "UR10 3.15.8", UrSettings(), CELL)
    assert word in text and bool(text) == bool(word)


def test_other_tcp_offset_is_told() -> None:
    link: Any = SimpleNamespace(armed_offset=[0.0, 0.0, 0.17, 0.0, 0.0, 0.0])
    assert "7.20 mm" in agreement(link, "UR10 3.15.8", UrSettings(), CELL)


def test_absent_controller_is_a_device_error() -> None:
    arm = UrArm(UrSettings(robot_ip="127.0.0.253", start_timeout=10.0), CELL)
    with pytest.raises(DeviceError, match=r"127\.0\.0\.253"):
        arm.connect()
    arm.disconnect()


def test_who_disconnects_ends_the_wait_for_a_controller_that_takes_a_call_and_never_answers() -> None:
    ip, told = "127.0.0.252", threading.Event()
    arm = UrArm(UrSettings(robot_ip=ip, start_timeout=60.0), CELL)

    def connect() -> None:
        with pytest.raises(DeviceError, match="Check its address"):
            arm.connect()
        told.set()

    with socket.create_server((ip, 30004)) as server:
        waiting = threading.Thread(target=connect)
        waiting.start()
        server.settimeout(30.0)
        link, _ = server.accept()
        arm.disconnect()
        waiting.join(45.0)  # it would have waited for longer
        assert told.is_set()
        link.close()


class SlowLink:
    """A child that may have its program on the controller already, and has not reported yet."""

    made: ClassVar[list[SlowLink]] = []

    def __init__(self, config: Any) -> None:
        self.report, self.armed_offset, self.is_alive, self.failure = None, None, True, ""
        self.waits, self.closed = 0, False
        self.made.append(self)

    def wait(self, seconds: float) -> None:
        self.waits += 1
        threading.Event().wait(0.005)

    def close(self, orderly: bool = False) -> None:
        self.closed, self.is_alive = True, False


@pytest.mark.parametrize("armed", [True, False])
def test_who_may_have_a_program_on_the_controller_is_not_cut_off_by_a_disconnect(
    monkeypatch: pytest.MonkeyPatch, armed: bool
) -> None:
    monkeypatch.setattr("gpnet_ros.devices.ur.arm.UrLink", SlowLink)
    monkeypatch.setattr(SlowLink, "made", [])
    arm, ended = UrArm(UrSettings(robot_ip="127.0.0.252", start_timeout=60.0), CELL), threading.Event()

    def begin() -> None:
        with contextlib.suppress(DeviceError):
            arm._replace_link(armed)
        ended.set()

    waiting = threading.Thread(target=begin)
    waiting.start()
    assert until(lambda: bool(SlowLink.made) and SlowLink.made[0].waits > 1)
    (link,) = SlowLink.made
    arm._closing.set()
    if armed:
        waits = link.waits
        assert until(lambda: link.waits > waits + 5)
        link.report = object()  # type: ignore[assignment]
    assert ended.wait(45.0)
    assert link.closed == (not armed)
    with pytest.raises(RobotStopped, match="Not armed"):
        arm._replace_link(armed=True)
    assert len(SlowLink.made) == 1
    waiting.join()


def test_register_in_use_is_told_and_then_forgotten() -> None:
    with controller() as running, connected(running) as arm:
        running.admin("busy", variable="input_double_register_3")
        with pytest.raises(DeviceError, match="in use"):
            arm.resume()
        running.admin("busy", variable="input_double_register_3", on=False)
        assert until(lambda: arm.state().status == "needs_resume")
        arm.resume()
        assert arm.state().status == "ready"


@pytest.mark.slow
def test_e_series_moves_too() -> None:
    cell = replace(CELL, arm="ur10e")
    with controller("--model", "ur10e") as running:
        arm = UrArm(UrSettings(robot_ip=running.ip), cell)
        arm.connect()
        arm.resume()
        assert arm.move(lifted(arm.state(), 0.02), never).ok
        arm.disconnect()
        assert running.admin("state")["runtime_state"] == STOPPED


def test_safety_bits_have_names() -> None:
    assert [safety_stop(bits) for bits in (1, PROTECTIVE, SAFEGUARD, EMERGENCY, 1 << 7 | PROTECTIVE)] == [
        "", "protective_stop", "safeguard_stop", "emergency_stop", "emergency_stop",
    ]  # fmt: skip


def test_stops_are_told_with_their_article() -> None:
    assert [in_words(stop) for stop in ("protective_stop", "emergency_stop")] == [
        "a protective stop",
        "an emergency stop",
    ]


# --- what a person reads of it ---------------------------------------------------------------------------
def test_modes_are_in_words_and_unknown_ones_in_numbers() -> None:
    report = ChildReport(0.0, [0.0] * 6, [0.0] * 6, [0.0] * 6, [0.0] * 6, 7, 0b1, 1, 0, 0, 0.5, 0.25)
    assert modes_of(report) == {
        "robot mode": "running", "safety": "normal",
        "speed slider [share]": "0.50", "speed scaling [share]": "0.25",
    }  # fmt: skip
    assert modes_of(report._replace(robot_mode=3))["robot mode"] == "power_off"
    assert modes_of(report._replace(robot_mode=99))["robot mode"] == "99"
    assert modes_of(report._replace(robot_mode=-1))["robot mode"] == "no_controller"
    assert modes_of(report._replace(safety_bits=0b101))["safety"] == "normal, protective_stop"
    assert modes_of(report._replace(safety_bits=0))["safety"] == "none"
