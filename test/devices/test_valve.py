"""A suction cup on digital lines: the vacuum is waited for with a deadline, and believed while its switch says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gpnet_ros.cell import load_cell
from gpnet_ros.devices.digital_gripper import BANKS, DigitalGripper, DigitalGripperSettings, ValveSettings
from gpnet_ros.devices.gripper import GripStatus
from gpnet_ros.devices.robots import GRIPPERS, make_robot
from gpnet_ros.errors import LinkLost, SettingsError

TOOL = BANKS["tool"]
#: Never waited for where the switch obeys; long, for a busy machine.
PATIENT = ValveSettings(travel_time=0.0, held_within=10.0)
#: How long is waited for a switch that never comes.
SHORT = ValveSettings(travel_time=0.0, held_within=0.05)


class Lines:
    """Lines of a robot with a cup: the switch follows the valve after so many questions, if something is at the lip."""

    def __init__(self, holds: bool = True, late: int = 3) -> None:
        self.outputs, self.holds, self.late = 0, holds, late
        self.set: list[tuple[int, bool]] = []
        self.stuck = self.lost = False
        self._asked = 0

    def set_output(self, bank: str, pin: int, value: bool) -> None:
        self.set.append((pin, value))
        bit = 1 << (BANKS[bank] + pin)
        self.outputs = self.outputs | bit if value else self.outputs & ~bit
        self._asked = 0

    def digital_bits(self) -> tuple[int, int]:
        if self.lost:
            raise LinkLost("The cable is out.")
        self._asked += 1
        open_valve = bool(self.outputs >> TOOL & 1)
        follows = open_valve if self._asked > self.late else not open_valve
        vacuum = self.stuck or (self.holds and follows)
        return int(vacuum) << TOOL, self.outputs


def test_the_vacuum_is_waited_for_until_the_switch_tells_of_it() -> None:
    lines = Lines(late=6)
    taken = DigitalGripper(lines, PATIENT).move(0.0, 0.1, 40.0)
    assert taken.ok and taken.object_detected and taken.width == 0.0
    assert lines.set == [(0, True)]
    gone = DigitalGripper(lines, PATIENT).move(0.085, 0.1, 40.0)
    assert gone.ok and not gone.object_detected and gone.width == PATIENT.stroke
    assert lines.set == [(0, True), (0, False)]


def test_a_cup_that_took_nothing_is_vented_after_the_deadline() -> None:
    lines = Lines(holds=False)
    missed = DigitalGripper(lines, SHORT).move(0.0, 0.1, 40.0)
    assert missed.ok and not missed.object_detected and "0.05 s" in missed.message
    assert lines.set == [(0, True), (0, False)], "nothing may be taken later that nobody knows of"
    keeps = Lines(holds=False)
    DigitalGripper(keeps, replace(SHORT, lets_go=False)).move(0.0, 0.1, 40.0)
    assert keeps.set == [(0, True)]


def test_a_vacuum_that_breaks_off_at_once_is_told_apart_from_none() -> None:
    class Brief(Lines):
        def digital_bits(self) -> tuple[int, int]:
            inputs, outputs = super().digital_bits()
            self.holds = self.holds and not inputs  # from the next question on it is gone
            return inputs, outputs

    lines = Brief()
    lost = DigitalGripper(lines, replace(PATIENT, travel_time=0.001)).move(0.0, 0.1, 40.0)
    assert lost.ok and not lost.object_detected and "for less than 0.001 s" in lost.message
    assert lines.set == [(0, True), (0, False)]


def test_a_lost_vacuum_is_seen_while_the_valve_is_on() -> None:
    lines = Lines()
    device = DigitalGripper(lines, PATIENT)
    device.move(0.0, 0.1, 40.0)
    assert device.state().object_detected
    lines.holds = False
    state = device.state()
    assert not state.object_detected and state.width == 0.0 and "does not tell" in state.message


def test_an_object_that_does_not_come_off_is_told() -> None:
    lines = Lines()
    device = DigitalGripper(lines, SHORT)
    device.move(0.0, 0.1, 40.0)
    lines.stuck = True
    stuck = device.move(0.085, 0.1, 40.0)
    assert stuck.status is GripStatus.TIMEOUT and "not let go" in stuck.message
    lines.stuck = False
    assert device.move(0.085, 0.1, 40.0).ok


@pytest.mark.parametrize("inverted", [False, True])
def test_the_second_coil_blows_off_for_a_moment(inverted: bool) -> None:
    lines = Lines(late=0)
    settings = replace(PATIENT, open_pin=1, pulse=0.001, inverted=inverted, held_within=0.05)
    device = DigitalGripper(lines, settings)
    lines.holds = not inverted  # the switch of this fake follows the first output
    device.move(0.085, 0.1, 40.0)
    assert [value for pin, value in lines.set if pin == 1] == [not inverted, inverted]


def test_a_lost_link_is_a_status() -> None:
    lines = Lines()
    lines.lost = True
    device = DigitalGripper(lines, PATIENT)
    assert device.move(0.0, 0.1, 40.0).status is GripStatus.LINK_LOST and not device.is_active


def test_jaws_without_an_input_are_as_they_were() -> None:
    jaws = DigitalGripper(Lines(holds=False), DigitalGripperSettings(travel_time=0.0))
    assert jaws.move(0.0, 0.1, 40.0).object_detected
    assert jaws.move(0.085, 0.1, 40.0).ok


def test_a_cup_needs_its_switch() -> None:
    with pytest.raises(SettingsError, match="held_pin"):
        ValveSettings(held_pin=-1)
    with pytest.raises(SettingsError, match="held_within"):
        ValveSettings(held_within=0.0)


@pytest.mark.parametrize("gripper", GRIPPERS)
@pytest.mark.parametrize("tool", ["jaw", "suction"])
def test_driver_and_tool_belong_together(gripper: str, tool: str) -> None:
    def make() -> Callable[..., object]:
        return make_robot("ur", "192.168.0.1", gripper, "", False, replace(load_cell(), tool=tool))[1]  # type: ignore

    if (gripper == "suction") != (tool == "suction"):
        with pytest.raises(SettingsError, match="does not go with tool"):
            make()
        return
    made = make()
    if gripper == "suction":
        assert isinstance(made, DigitalGripper) and isinstance(made.settings, ValveSettings)
        assert made.settings.stroke == load_cell().gripper.stroke
