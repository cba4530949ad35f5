"""The grippers: Robotiq over its socket, and one on digital outputs through the arm's child."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.controller_process import Running, controller

from gpnet_ros.cell import Cell
from gpnet_ros.devices import robotiq
from gpnet_ros.devices.digital_gripper import DigitalGripper, DigitalGripperSettings
from gpnet_ros.devices.gripper import GripStatus
from gpnet_ros.devices.robotiq import RobotiqGripper, RobotiqSettings
from gpnet_ros.devices.ur.arm import UrArm
from gpnet_ros.devices.ur.settings import UrSettings
from gpnet_ros.errors import DeviceError, LinkLost, SettingsError

STEP = 0.085 / 228  # opening of one unit [m]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def gripper(*arguments: str, active: bool = True) -> Iterator[tuple[Running, RobotiqGripper]]:
    with controller(*arguments, factor=3.0) as running:
        device = RobotiqGripper(RobotiqSettings(robot_ip=running.ip))
        if active:
            device.activate()
        yield running, device
        device.close()


def test_width_and_position_are_inverse_and_clipped() -> None:
    settings = RobotiqSettings()
    for position in range(0, 229):
        assert settings.position(settings.width(position)) == position
    assert settings.width(0) == 0.085 and settings.width(228) == settings.width(255) == 0.0
    assert settings.position(1.0) == 0 and settings.position(0.0) == 228
    shifted = RobotiqSettings(open_position=3, closed_position=230)
    assert shifted.width(3) == 0.085 and shifted.width(230) == 0.0


def test_calibration_out_of_bounds_is_refused() -> None:
    with pytest.raises(SettingsError, match="closed_position"):
        RobotiqSettings(closed_position=300)


def test_nothing_moves_before_a_person_activates() -> None:
    with gripper("--object-position", "120", active=False) as (_, device):
        assert not device.is_active
        result = device.move(0.0, 0.1, 40.0)
        assert result.status is GripStatus.REFUSED and "activate" in result.message
        assert device.state().width == 0.085 and not device.state().is_active
        device.activate()
        assert device.is_active and device.state().is_active
        closed = device.move(0.0, 0.1, 40.0)
        assert closed.ok and closed.object_detected
        device.activate()  # active already: must not open, or what is held would fall
        assert device.state().object_detected


def test_fingers_stop_at_an_object_and_only_there() -> None:
    with gripper("--object-position", "120") as (running, device):
        opened = device.move(0.06, 0.15, 40.0)
        assert opened.ok and not opened.object_detected
        assert opened.width == pytest.approx(0.06, abs=STEP)
        closed = device.move(0.0, 0.15, 40.0)
        assert closed.ok and closed.object_detected
        assert closed.width == pytest.approx(0.085 * (1 - 120 / 228), abs=2 * STEP)
        assert device.state().object_detected
        assert device.move(0.085, 0.15, 40.0).width == pytest.approx(0.085, abs=STEP)
        running.admin("grip", result="fail")
        assert not device.move(0.0, 0.15, 40.0).object_detected
        running.admin("grip", result="hold", position=200)
        held = device.move(0.0, 0.15, 40.0)
        assert held.object_detected and held.width == pytest.approx(0.085 * 28 / 228, abs=STEP)


def test_empty_close_is_no_object() -> None:
    with gripper() as (_, device):
        result = device.move(0.0, 0.15, 40.0)
        assert result.ok and not result.object_detected and result.width < 2 * STEP


@pytest.mark.parametrize("values", [(float("nan"), 0.1, 40.0), (0.05, -0.1, 40.0), (0.05, 0.1, float("inf"))])
def test_unusable_values_are_refused(values: tuple[float, float, float]) -> None:
    device = RobotiqGripper(RobotiqSettings(robot_ip="127.0.0.252"))  # nobody is there: nothing may be sent
    assert device.move(*values).status is GripStatus.REFUSED


def test_lost_link_is_a_result_and_opens_again_without_activation() -> None:
    with gripper("--object-position", "120") as (running, device):
        assert device.move(0.0, 0.15, 40.0).object_detected
        running.admin("drop", refuse=0.5)
        assert device.move(0.085, 0.15, 40.0).status is GripStatus.LINK_LOST
        assert not device.is_active  # not reachable
        assert until(lambda: device.is_active)
        assert device.state().object_detected  # it went on holding
        assert device.move(0.085, 0.15, 40.0).ok


def test_emergency_stop_is_a_fault() -> None:
    with gripper() as (running, device):
        running.admin("estop")
        assert device.move(0.0, 0.15, 40.0).status is GripStatus.FAULT
        with pytest.raises(DeviceError, match="emergency stop"):
            device.state()


def test_absent_gripper_is_told() -> None:
    device = RobotiqGripper(RobotiqSettings(robot_ip="127.0.0.252"))
    assert not device.is_active
    with pytest.raises(LinkLost, match=r"127\.0\.0\.252:63352"):
        device.activate()


@contextmanager
def scripted(answers: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[RobotiqGripper]:
    """A gripper server that says exactly this, and to anything else nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(robotiq, "URCAP_PORT", server.getsockname()[1])

        def serve() -> None:
            link, _ = server.accept()
            with link:
                while data := link.recv(256):
                    link.sendall(answers.get(data.decode().split()[1], b""))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        device = RobotiqGripper(RobotiqSettings(timeout=0.2))
        yield device
        device.close()
        thread.join(5)


def test_answers_without_a_line_feed_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted({"STA": b"STA 3", "FLT": b"FLT 0", "POS": b"POS 3", "OBJ": b"OBJ 3"}, monkeypatch) as device:
        assert device.is_active and device.state().width > 0.08


def test_silence_ends_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted({}, monkeypatch) as device, pytest.raises(LinkLost, match="does not answer"):
        device.state()


def test_answer_to_another_question_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted({"FLT": b"POS 3\n"}, monkeypatch) as device, pytest.raises(LinkLost, match="GET FLT"):
        device.state()


def test_fault_is_told_with_its_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    says = {"STA": b"STA 3\n", "FLT": b"FLT 14\n", "POS": b"ack", "PRE": b"PRE 0\n", "OBJ": b"OBJ 0\n"}
    with scripted(says, monkeypatch) as device:
        result = device.move(0.085, 0.1, 40.0)
        assert result.status is GripStatus.FAULT and "too much current" in result.message


# --- on digital outputs ---------------------------------------------------------------------------------
def test_digital_gripper_works_through_the_arms_child() -> None:
    settings = DigitalGripperSettings(bank="standard", close_pin=2, open_pin=3, held_pin=1, travel_time=0.0)
    with controller() as running:
        arm = UrArm(UrSettings(robot_ip=running.ip, digital_outputs=True), Cell())
        device = DigitalGripper(arm, settings)
        assert not device.is_active
        arm.connect()
        try:
            assert device.move(0.0, 0.1, 40.0).status is GripStatus.REFUSED  # before resume
            arm.resume()
            empty = device.move(0.0, 0.1, 40.0)
            assert empty.ok and not empty.object_detected
            assert arm.digital_bits()[1] & 0b1100 == 0b0100
            running.admin("input", index=1)
            assert until(lambda: bool(arm.digital_bits()[0] & 0b10))
            assert device.move(0.0, 0.1, 40.0).object_detected
            assert arm._link is not None
            arm._link.process.kill()
            arm._link.process.wait()
            assert device.move(0.085, 0.1, 40.0).status in (GripStatus.LINK_LOST, GripStatus.REFUSED)
            assert until(lambda: arm.state().status == "needs_resume")
            assert arm.digital_bits()[1] & 0b1100 == 0b0100  # the grip was held
            arm.resume()
            assert arm.digital_bits()[1] & 0b1100 == 0b0100
            opened = device.move(0.085, 0.1, 40.0)
            assert opened.ok and opened.width == settings.stroke and not opened.object_detected
        finally:
            arm.disconnect()


def test_digital_lines_are_needed() -> None:
    arm = UrArm(UrSettings(), Cell())
    device = DigitalGripper(arm, DigitalGripperSettings())
    with pytest.raises(LinkLost):
        device.activate()
    assert device.move(float("nan"), 0.1, 40.0).status is GripStatus.REFUSED


@pytest.mark.parametrize("code", [8, 14])
def test_fault_is_cleared_by_a_new_activation_and_by_nothing_else(code: int) -> None:
    with gripper() as (running, device):
        running.admin("gripper_fault", code=code)
        assert device.move(0.02, 0.1, 40.0).status is GripStatus.FAULT
        assert not device.is_active and device.state().fault
        device.activate()
        assert device.is_active and not device.state().fault
        assert device.move(0.02, 0.1, 40.0).status is GripStatus.DONE


def test_fault_that_stays_is_told_by_the_activation() -> None:
    with gripper() as (running, device):
        running.admin("gripper_fault", code=8, stays=True)
        with pytest.raises(DeviceError, match=r"fault 8 .too hot"):
            device.activate()
        assert not device.is_active


# --- where the fingers really end -----------------------------------------------------------------------
def test_an_activation_measures_where_empty_fingers_end() -> None:
    with gripper(active=False) as (running, device):
        running.admin("grip", result="fail", position=222)  # they meet there, and the gripper feels nothing
        assert device.ends is None
        device.activate()
        assert device.ends == (0, 222)
        assert device.state().width == 0.085  # it ends open
        empty = device.move(0.0, 0.15, 40.0)
        assert not empty.object_detected and empty.width == 0.0


def test_fingers_that_meet_are_nothing_and_a_thin_object_is_held() -> None:
    with gripper(active=False) as (running, device):
        running.admin("grip", result="hold", position=222)  # thicker pads: the gripper feels them as an object
        device.activate()
        assert not device.move(0.0, 0.15, 40.0).object_detected
        assert not device.state().object_detected
        device.move(0.085, 0.15, 40.0)
        running.admin("grip", result="hold", position=219)  # 1.1 mm
        assert device.move(0.0, 0.15, 40.0).object_detected
        assert device.state().object_detected


def test_what_lies_between_the_jaws_at_the_activation_is_not_learnt() -> None:
    with gripper("--object-position", "120", active=False) as (_, device):
        device.activate()
        assert device.ends is None
        assert device.move(0.0, 0.15, 40.0).object_detected


def test_thin_thing_at_the_activation_is_forgotten_at_the_first_deeper_closing() -> None:
    with gripper(active=False) as (running, device):
        running.admin("grip", result="hold", position=220)  # 3 mm: it might as well be the pads
        device.activate()
        assert device.ends == (0, 220)
        running.admin("grip", result="ok")
        assert not device.move(0.0, 0.15, 40.0).object_detected
        device.move(0.085, 0.15, 40.0)
        running.admin("grip", result="hold", position=220)
        assert device.move(0.0, 0.15, 40.0).object_detected


def test_gripper_that_was_active_already_is_measured_by_its_first_empty_closing_only() -> None:
    with gripper() as (running, device):
        again = RobotiqGripper(RobotiqSettings(robot_ip=running.ip))
        again.activate()
        assert again.ends is None
        running.admin("grip", result="hold", position=224)
        assert again.move(0.0, 0.15, 40.0).object_detected and again.ends is None
        again.move(0.085, 0.15, 40.0)
        running.admin("grip", result="fail", position=224)
        assert not again.move(0.0, 0.15, 40.0).object_detected and again.ends == (0, 224)
        again.close()
        assert device.ends == (0, 228)


def test_position_that_no_gripper_ends_at_is_not_learnt() -> None:
    with gripper(active=False) as (running, device):
        running.admin("grip", result="fail", position=60)
        device.activate()
        assert device.ends is None


# --- lost power -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["estop", "gripper_power"])
def test_gripper_without_power_holds_and_opens_by_a_new_activation_only(fault: str) -> None:
    with gripper("--object-position", "120") as (running, device):
        assert device.move(0.0, 0.15, 40.0).object_detected
        running.admin(fault, on=False)
        assert not device.is_active
        with pytest.raises(DeviceError, match="power"):
            device.state()
        assert device.move(0.085, 0.15, 40.0).status is GripStatus.FAULT
        power_returns(running, fault)
        assert not device.is_active and device.move(0.085, 0.15, 40.0).status is GripStatus.REFUSED
        assert device.state().width == pytest.approx(0.085 * (1 - 120 / 228), abs=2 * STEP)
        device.activate()
        assert device.is_active and device.state().width == 0.085


def test_fingers_that_move_stand_when_the_power_goes() -> None:
    with gripper() as (running, device):
        mover = threading.Thread(target=lambda: device.move(0.0, 0.02, 20.0))
        mover.start()
        watcher = RobotiqGripper(RobotiqSettings(robot_ip=running.ip))
        assert until(lambda: watcher.state().width < 0.07)
        running.admin("gripper_power", on=False)
        running.admin("gripper_power", on=True)
        mover.join(20)
        stands = watcher.state().width
        began = running.admin("state")["time"]
        assert until(lambda: running.admin("state")["time"] > began + 1.0)
        assert watcher.state().width == stands > 0.0
        watcher.close()


def power_returns(running: Running, fault: str) -> None:
    if fault == "gripper_power":
        running.admin("gripper_power", on=True)
        return
    running.admin("release")
    assert until(lambda: running.admin("state")["safety_mode"] == 1)
    with socket.create_connection((running.ip, 29999), timeout=10) as link:
        stream = link.makefile("rw")
        for command in ("power on", "brake release"):
            stream.readline()
            stream.write(command + "\n")
            stream.flush()
        stream.readline()
    assert until(lambda: running.admin("state")["robot_mode"] == 7)
