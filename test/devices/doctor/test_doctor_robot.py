"""The doctor at a simulated robot, through the clients that the arm uses: each fault is planted, and found by name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.controller_process import Running, controller
from support.doctor_cell import install, names

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.devices.digital_gripper import DigitalGripperSettings
from gpnet_ros.devices.doctor import gripper, reach
from gpnet_ros.devices.doctor.reach import CONTROL_INPUTS, QUESTIONS, RobotFacts, reach_robot
from gpnet_ros.devices.doctor.registers import judge_registers
from gpnet_ros.devices.doctor.robot import judge_robot
from gpnet_ros.devices.robotiq import RobotiqSettings
from gpnet_ros.devices.ur.link import UrLink
from gpnet_ros.devices.ur.messages import ChildConfig
from gpnet_ros.errors import RobotStopped
from gpnet_ros.finding import Finding

CELL = load_cell()
E_CELL = replace(CELL, arm="ur10e")


@pytest.fixture(scope="module")
def robot() -> Iterator[Running]:
    with controller() as running:
        install(running, CELL)
        yield running


@pytest.fixture(scope="module")
def e_series() -> Iterator[Running]:
    with controller("--model", "ur10e") as running:
        install(running, E_CELL)
        yield running


def facts_of(robot: Running, cell: Cell = CELL) -> RobotFacts:
    found = reach_robot(robot.ip, cell, timeout=20.0)
    assert isinstance(found, RobotFacts), found
    return found


def examine(robot: Running, cell: Cell = CELL, digital: bool = False) -> list[Finding]:
    facts = facts_of(robot, cell)
    return [*facts.findings, *judge_robot(facts, cell), *judge_registers(facts, digital)]


@pytest.mark.parametrize("cell", [CELL, E_CELL])
def test_a_healthy_robot_raises_no_alarm_and_is_left_as_it_was(cell: Cell, robot: Running, e_series: Running) -> None:
    running = robot if cell is CELL else e_series
    before = running.admin("state")
    found = [*examine(running, cell), *gripper.examine_robotiq(RobotiqSettings(robot_ip=running.ip, timeout=5.0))]
    assert {finding.state for finding in found} == {"ok"}
    parts = ["rtde", "model", "polyscope", "remote", "safety", "payload", "tcp", "registers", "gripper"]
    assert [finding.part for finding in found] == parts
    after = running.admin("state")
    assert after["written"] == [] and after["q"] == before["q"] and not any(after["qd"])
    assert after["runtime_state"] == before["runtime_state"] == 1 and not after["reason"]


#: What is judged without another look: the facts of a healthy robot, and how they are changed.
def _report(**values: Any) -> Any:
    def change(facts: RobotFacts) -> RobotFacts:
        assert facts.report is not None
        return replace(facts, report=facts.report._replace(**values))

    return change


def _told(question: str, answer: str) -> Any:
    return lambda facts: replace(facts, answers={**facts.answers, question: answer})


def _version(*numbers: int) -> Any:
    return lambda facts: replace(facts, version=(*numbers, 0, 0)[:4])


def _output(**values: tuple[float, ...]) -> Any:
    return lambda facts: replace(facts, outputs={**facts.outputs, **values})


def _input(name: str, answer: str) -> Any:
    return lambda facts: replace(facts, inputs={**facts.inputs, name: answer})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model_other", _told("get robot model", "UR5")),
        ("model_generation", _version(5, 12)),
        ("model_kinematics", _output(actual_TCP_pose=(0.6, 0.0, 0.4, 0.0, 3.14, 0.0))),
        ("polyscope_old", _version(3, 3)),
        ("polyscope_old", _version(1, 8)),
        ("polyscope_untried", _version(3, 14)),
        ("stop_emergency", _report(safety_bits=0x4C0)),
        ("stop_safeguard", _report(safety_bits=0x410)),
        ("stop_protective", _report(safety_bits=0x404)),
        ("safety_fault", _report(safety_bits=0x100)),
        ("safety_fault", _report(safety_bits=0x200)),
        ("safety_recovery", _report(safety_bits=0x8)),
        ("safety_reduced", _report(safety_bits=0x2)),
        ("power_off", _report(robot_mode=3)),
        ("power_off", _report(robot_mode=5)),
        ("not_ready", _report(robot_mode=1)),
        ("slider_low", _report(slider=0.0)),
        ("payload_unset", _output(payload=(0.0,))),
        ("payload_other", _output(payload=(1.4,))),
        ("payload_centre", _output(payload_cog=(0.0, 0.0, 0.0))),
        ("tcp_unset", _output(tcp_offset=(0.0,) * 6)),
        ("registers_held", _input("input_int_register_3", "IN_USE")),
        ("registers_held", _input("external_force_torque", "IN_USE")),
        ("registers_unknown", _input("external_force_torque", "NOT_FOUND")),
        ("program_runs", _output(runtime_state=(2,))),
        ("program_paused", _output(runtime_state=(4,))),
    ],
)
def test_each_trouble_is_judged_by_its_name(name: str, change: Any, healthy: RobotFacts) -> None:
    facts = change(healthy)
    found = names([*judge_robot(facts, CELL), *judge_registers(facts, digital=False)])
    assert name in found
    assert set(found) - {name} <= {"model_kinematics"}  # another TCP offset shows in the kinematics, too


@pytest.fixture(scope="module")
def healthy(robot: Running) -> RobotFacts:
    return facts_of(robot)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("polyscope_old", _version(5, 3)),
        ("polyscope_untried", _version(5, 8)),
        ("polyscope_untried", _version(5, 25)),
        ("polyscope_x", _version(10, 7)),
        ("remote_local", _told("is in remote control", "false")),
        ("remote_untold", _told("is in remote control", "could not understand: 'is in remote control'")),
        ("model_other", _told("get robot model", "UR5")),
    ],
)
def test_each_trouble_of_an_e_series_is_judged_by_its_name(name: str, change: Any, e_series: Running) -> None:
    facts = change(_e_facts(e_series))
    assert name in names(judge_robot(facts, E_CELL))
    assert not names(judge_robot(_e_facts(e_series), E_CELL))


_KEPT: dict[str, RobotFacts] = {}


def _e_facts(e_series: Running) -> RobotFacts:
    if e_series.ip not in _KEPT:
        _KEPT[e_series.ip] = facts_of(e_series, E_CELL)
    return _KEPT[e_series.ip]


def test_faults_planted_in_the_controller_are_found_through_the_clients() -> None:
    with controller() as robot:
        install(robot, CELL, payload=1.5, tcp=[0.0, 0.0, 0.12, 0.0, 0.0, 0.0])
        robot.admin("busy", variable="input_int_register_7")
        robot.admin("busy", variable="tool_digital_output")
        robot.admin("untrue", question="get robot model", value="UR5")
        robot.admin("safeguard")
        found = names(examine(robot, digital=True))
        told = ["model_other", "stop_safeguard", "payload_other", "tcp_other", "registers_held", "outputs_held"]
        assert found == told
        assert "outputs_held" not in names(examine(robot))  # a gripper behind a URCap needs none
        robot.admin("release")
        robot.admin("estop")
        robot.admin("untrue", variable="external_force_torque")
        robot.admin("untrue", variable="tcp_offset")
        robot.admin("version", software=[3, 9, 1, 0])
        found = names(examine(robot))
        assert {"stop_emergency", "registers_unknown", "polyscope_untried", "tcp_other"} <= set(found)
        robot.admin("service", port=29999)
        assert "dashboard_closed" in names(examine(robot))
        assert robot.admin("state")["written"] == []


def test_an_e_series_in_local_mode_is_told_and_a_planner_that_leads_it_is_another_client(e_series: Running) -> None:
    hand = E_CELL.hand
    link = UrLink(ChildConfig(0, e_series.ip, True, True, 4.0, (0, 0, 0.1628, 0, 0, 0), hand.mass, (0.0, 0.0, 0.06)))
    try:
        while link.armed_offset is None and link.is_alive:
            link.wait(0.1)
        assert link.is_alive, link.failure
        found = names(examine(e_series, E_CELL, digital=True))
        assert {"registers_held", "outputs_held", "program_runs"} <= set(found)
        assert link.is_alive and link.report is not None and link.report.armed  # it was not disturbed
    finally:
        link.close(orderly=True)
    e_series.admin("remote", on=False)
    try:
        assert "remote_local" in names(examine(e_series, E_CELL))
    finally:
        e_series.admin("remote", on=True)


# --- reaching it --------------------------------------------------------------------------------------------
def test_an_old_controller_that_tells_less_is_no_false_alarm(healthy: RobotFacts) -> None:
    untold = "could not understand: 'get robot model'"
    facts = _told("get robot model", untold)(healthy)
    assert names(judge_robot(facts, CELL)) == []
    without = {name: value for name, value in facts.outputs.items() if name not in ("tcp_offset", "payload")}
    found = judge_robot(replace(facts, outputs=without), CELL)
    assert names(found) == []
    assert {f.part: f.state for f in found if f.state != "ok"} == {"model": "skipped", "payload": "skipped"}


def unreached(ip: str, timeout: float = 0.5) -> list[str]:
    found = reach_robot(ip, CELL, timeout)
    assert isinstance(found, Finding)
    return names([found])


def test_a_robot_that_is_not_there_is_told_from_one_without_rtde(robot: Running) -> None:
    assert unreached("127.250.250.250") == ["rtde_closed"]
    assert unreached("no-such-robot.invalid") == ["rtde_unreachable"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "create_connection", _times_out)
        assert unreached("10.255.255.1") == ["rtde_unreachable"]
    assert isinstance(reach_robot(robot.ip, CELL, 20.0), RobotFacts)


def _times_out(*_: Any, **__: Any) -> Any:
    raise TimeoutError("timed out")


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n"])
def test_another_service_on_the_port_is_no_rtde(greeting: bytes) -> None:
    with socket.create_server(("127.251.1.1", reach.RTDE_PORT)) as server:
        links = []

        def serve() -> None:
            link, _ = server.accept()
            links.append(link)
            link.sendall(greeting)

        thread = threading.Thread(target=serve)
        thread.start()
        assert unreached("127.251.1.1") == ["rtde_silent"]
        thread.join(10)
        links[0].close()


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        ("The arm cannot be reached: No module named 'rtde_receive'.", "ur_rtde_missing"),
        ("The process that talks to the arm froze.", "ur_rtde_fails"),
    ],
)
def test_a_client_that_fails_beside_a_good_link_is_told(
    failure: str, name: str, robot: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "_watch", lambda ip, cell: (None, failure))
    facts = facts_of(robot)
    assert names(facts.findings) == [name]
    assert [f.state for f in judge_robot(facts, CELL) if f.part == "safety"] == ["skipped"]


def test_the_dashboard_hears_questions_only() -> None:
    moving = ("play", "stop", "pause", "power", "brake", "unlock", "close", "restart", "load", "popup", "shutdown")
    assert not [question for question in QUESTIONS if question.lower().startswith(moving)]
    assert "input_int_register_0" in CONTROL_INPUTS


# --- gripper ------------------------------------------------------------------------------------------------
def robotiq(robot: Running) -> list[str]:
    return names(gripper.examine_robotiq(RobotiqSettings(robot_ip=robot.ip, timeout=5.0)))


def test_faults_of_a_robotiq_are_found_and_nothing_is_activated() -> None:
    with controller(factor=20.0) as robot:
        assert robotiq(robot) == []
        active = (
            "from gpnet_ros.devices.robotiq import *; RobotiqGripper(RobotiqSettings(robot_ip=ip)).activate(); done()"
        )
        robot.client(active)
        assert robotiq(robot) == []
        robot.admin("gripper_fault", code=14)
        assert robotiq(robot) == ["gripper_fault"]
        robot.admin("gripper_fault", code=8)
        assert robotiq(robot) == ["gripper_fault"]
        robot.admin("gripper_power", on=False)
        assert robotiq(robot) == ["gripper_dark"]
        robot.admin("service", port=63352)
        assert robotiq(robot) == ["gripper_closed"]


def test_another_gripper_behind_the_port_is_told() -> None:
    with socket.create_server(("127.251.1.2", 63352)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link:
                link.sendall(b"who are you?\n")
                link.recv(64)

        thread = threading.Thread(target=serve)
        thread.start()
        found = gripper.examine_robotiq(RobotiqSettings(robot_ip="127.251.1.2", timeout=5.0))
        thread.join(10)
        assert names(found) == ["gripper_other"]


@pytest.mark.parametrize(
    ("name", "settings", "inputs", "outputs"),
    [
        ("", DigitalGripperSettings(), 0, 0),
        ("", DigitalGripperSettings(held_pin=1), 1 << 17, 1 << 16),
        ("line_missing", DigitalGripperSettings(close_pin=4), 0, 0),
        ("line_missing", DigitalGripperSettings(held_pin=2), 0, 0),
        ("lines_opposed", DigitalGripperSettings(open_pin=1), 0, 0b11 << 16),
        ("switch_stuck", DigitalGripperSettings(held_pin=0), 1 << 16, 0),
        ("switch_stuck", DigitalGripperSettings(bank="standard", held_pin=3, inverted=True), 1 << 3, 1),
    ],
)
def test_lines_that_contradict_each_other_are_told(
    name: str, settings: DigitalGripperSettings, inputs: int, outputs: int
) -> None:
    assert names(gripper.examine_digital(settings, inputs, outputs)) == ([name] if name else [])


def test_the_doctor_sets_no_output() -> None:
    with pytest.raises(RobotStopped):
        gripper.ReadLines(0, 0).set_output("tool", 0, True)
    assert np.all(np.array(gripper.ReadLines(1, 2).digital_bits()) == (1, 2))
