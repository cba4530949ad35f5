"""The doctor at an OnRobot gripper: read, never moved; each fault by its name."""

from __future__ import annotations

from support.onrobot_box import onrobot_box

from gpnet_ros.devices.doctor.gripper import examine_onrobot
from gpnet_ros.devices.onrobot import OnRobotSettings


def test_it_reads_the_gripper_and_moves_nothing() -> None:
    with onrobot_box() as (box, port):
        settings = OnRobotSettings("127.0.0.1", port)
        assert [(found.state, found.name) for found in examine_onrobot(settings)] == [("ok", "")]
        box.safety = 1 << 3
        assert [found.name for found in examine_onrobot(settings)] == ["fingers_stopped"]
        box.silent = True
        assert [found.name for found in examine_onrobot(settings)] == ["box_silent"]
        assert box.targets == []
