"""The shift that planner_node keeps: its head says at which speed, by which check, and of what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.scenes import CELL

from gpnet_ros.devices.fake import FakeArm
from gpnet_ros.nodes.bags.shift_record import shift_log
from gpnet_ros.nodes.parameters.declared import PlannerSettings
from gpnet_ros.picking.record import PickRecord, Turn
from gpnet_ros.picking.shift.lines import PAGE, check_name, read_lines
from gpnet_ros.picking.shift.session import News


def test_the_planner_keeps_a_shift_of_its_own_and_hands_everything_on(tmp_path: Path) -> None:
    check, told = tmp_path / "check.yaml", list[str]()
    check.write_text("as gpnet check wrote it")
    settings = PlannerSettings(
        robot="fake", mode="hover", shift_dir=str(tmp_path / "s"), calibration_check_file=str(check)
    )
    slow = replace(CELL, motion=replace(CELL.motion, joint_speed=0.5 * CELL.motion.joint_speed))
    log = shift_log(settings, News(told.append), FakeArm(CELL), slow, told.append)
    log.state("looking")
    log.result(PickRecord(Turn("nothing_left", "The workspace is empty."), "hover", 0, 0, 0, "nothing_left"))
    log.state("idle")
    assert any("The workspace is empty." in line for line in told)
    (folder,) = (tmp_path / "s").iterdir()
    head, *lines = read_lines(folder)
    assert (head["mode"], head["simulated"], head["speed"]) == ("hover", True, 0.5)
    assert head["check"] == check_name(str(check)) != ""
    (turn,) = (line for line in lines if line["kind"] == "turn")
    assert turn["status"] == "nothing_left" and turn["speed"] is None, "a fake arm has no slider"
    assert (folder / PAGE).is_file()
