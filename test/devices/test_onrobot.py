"""The OnRobot driver against a box that speaks Modbus TCP, and breaks it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from support.onrobot_box import Box, onrobot_box

from gpnet_ros.cell import load_cell
from gpnet_ros.devices.gripper import GripStatus
from gpnet_ros.devices.onrobot import GRIP_WITH_OFFSET, MODELS, OnRobotGripper, OnRobotSettings
from gpnet_ros.devices.robots import make_robot
from gpnet_ros.errors import DeviceError, LinkLost, SettingsError

Pair = tuple[Box, OnRobotGripper]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with onrobot_box() as (box, port):
        gripper = OnRobotGripper(OnRobotSettings("127.0.0.1", port, timeout=10.0, motion_timeout=10.0))
        yield box, gripper
        gripper.close()


def test_it_grips_what_lies_between_and_lets_go(pair: Pair) -> None:
    box, gripper = pair
    assert gripper.is_active
    gripper.activate()
    assert box.targets == [], "to be active it needs no motion"
    opened = gripper.move(0.06, 0.1, 20.0)
    assert (opened.status, opened.width, opened.object_detected) == (GripStatus.DONE, pytest.approx(0.06), False)
    box.thing = 312
    held = gripper.move(0.0, 0.1, 20.0)
    assert (held.ok, held.width, held.object_detected) == (True, pytest.approx(0.0312), True)
    assert gripper.state().object_detected
    box.held = False  # somebody takes it away
    assert not gripper.state().object_detected
    box.thing = None
    empty = gripper.move(0.0, 0.1, 20.0)
    assert (empty.ok, empty.width, empty.object_detected, empty.message) == (True, 0.0, False, "")
    assert box.targets == [(200, 600, GRIP_WITH_OFFSET), (200, 0, GRIP_WITH_OFFSET), (200, 0, GRIP_WITH_OFFSET)]


def test_width_and_force_stay_within_what_the_gripper_can(pair: Pair) -> None:
    box, gripper = pair
    most, weakest, strongest = MODELS["rg2"]
    for force, wanted in ((0.0, weakest), (500.0, strongest)):
        gripper.move(1.0, 0.1, force)
        assert box.targets[-1] == (round(wanted * 10), round(most * 1e4), GRIP_WITH_OFFSET)
    count = len(box.targets)
    for width, force in ((-0.01, 20.0), (math.nan, 20.0), (0.05, math.nan), (0.05, -1.0), (0.05, math.inf)):
        assert gripper.move(width, 0.1, force).status is GripStatus.REFUSED
    assert len(box.targets) == count


def test_a_motion_that_is_over_before_it_is_asked_about_counts(pair: Pair) -> None:
    box, gripper = pair
    box.asked = 0
    assert gripper.move(0.05, 0.1, 20.0).ok


def test_a_width_below_zero_by_its_offset_is_closed(pair: Pair) -> None:
    box, gripper = pair
    box.width = -40
    assert gripper.state().width == 0.0


@pytest.mark.parametrize("bit", [3, 5, 6])
def test_a_safety_switch_stops_it_until_its_power_was_off(pair: Pair, bit: int) -> None:
    box, gripper = pair
    box.safety = 1 << bit
    assert not gripper.is_active
    with pytest.raises(DeviceError, match="off and on"):
        gripper.activate()
    assert gripper.move(0.05, 0.1, 20.0).status is GripStatus.FAULT
    assert "off and on" in gripper.state().fault
    assert box.targets == []
    box.safety = 1 << 2  # pushed, and nothing has come of it
    assert gripper.is_active


def test_fingers_that_never_rest_are_a_timeout_and_get_no_command(pair: Pair) -> None:
    box, _ = pair
    box.stuck = True
    gripper = OnRobotGripper(OnRobotSettings("127.0.0.1", pair[1].settings.port, timeout=10.0, motion_timeout=0.5))
    result = gripper.move(0.05, 0.1, 20.0)
    assert result.status is GripStatus.TIMEOUT and "still move" in result.message
    assert box.targets == []


@pytest.mark.parametrize("fault", ["silent", "foreign"])
def test_a_link_that_breaks_is_a_status_and_comes_back(pair: Pair, fault: str) -> None:
    box, gripper = pair
    assert gripper.is_active
    setattr(box, fault, True)
    result = gripper.move(0.05, 0.1, 20.0)
    assert result.status is GripStatus.LINK_LOST and "check its power" in result.message
    assert not gripper.is_active
    with pytest.raises(LinkLost):
        gripper.state()
    setattr(box, fault, False)
    assert gripper.move(0.05, 0.1, 20.0).ok


@pytest.mark.parametrize(("code", "word"), [(2, "unknown register"), (6, "busy"), (99, "code 99")])
def test_a_refusal_of_the_box_is_told(pair: Pair, code: int, word: str) -> None:
    box, gripper = pair
    box.refuse = code
    result = gripper.move(0.05, 0.1, 20.0)
    assert result.status is GripStatus.REFUSED and word in result.message


def test_it_is_chosen_by_name_and_its_settings_have_bounds() -> None:
    _, gripper = make_robot("ur", "192.0.2.1", "onrobot", "", False, load_cell())
    assert isinstance(gripper, OnRobotGripper) and gripper.settings.box_ip == "192.168.1.1"
    for wrong in ({"model": "rg3"}, {"port": 0}, {"motion_timeout": math.nan}):
        with pytest.raises(SettingsError):
            OnRobotSettings(**wrong)  # type: ignore[arg-type]
