"""planner_node with a suction cup: it decides by detections alone, and without them nothing moves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.planner_world import PATIENCE, World, detected, one_pick, picked, planner  # noqa: E402
from support.scenes import CENTRE, HEIGHT, SIZE  # noqa: E402

from gpnet_ros.cell import load_cell  # noqa: E402
from gpnet_ros.devices.robots import make_robot  # noqa: E402
from gpnet_ros.errors import SettingsError  # noqa: E402
from gpnet_ros.picking.attention import Sight  # noqa: E402
from gpnet_ros.settings import config_dir  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 97


@pytest.fixture(scope="module")
def cup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("cup") / "log"
    file = str(config_dir() / "cell_suction.yaml")
    with planner(DOMAIN, log, gripper="suction", cell_file=file, look_timeout=6.0), World(DOMAIN) as world:
        world.with_maps, world.period = False, 0.6
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        yield world


def test_a_cup_takes_what_lies_free_by_detections_alone(cup: World) -> None:
    cup.show = detected
    result = picked(cup)
    assert result["by_detections"] and result["object"] == 0
    np.testing.assert_allclose(np.array(result["T_base_grasp"])[:2, 3], CENTRE, atol=SIZE[1] / 2)
    assert result["T_base_grasp"][2][3] == pytest.approx(HEIGHT, abs=0.004)


def hardly_an_object(seen: Sight) -> Sight:
    told = detected(seen).detections
    assert told is not None
    return replace(seen, detections=replace(told, scores=np.full_like(told.scores, 0.1)))


def test_what_is_hardly_an_object_is_left_and_without_detections_no_cup_moves(cup: World) -> None:
    cup.show = hardly_an_object
    end = time.monotonic() + PATIENCE
    while (result := one_pick(cup))["status"] != "nothing_graspable":  # what was shown before may be picked from
        assert result["status"] in ("picked", "no_frame") and time.monotonic() < end, result
    assert {lost["reason"] for lost in result["rejected"]} >= {"low_quality"}
    cup.show = lambda s: s
    end = time.monotonic() + PATIENCE
    while (result := one_pick(cup))["status"] != "no_frame":
        assert result["status"] == "nothing_graspable" and time.monotonic() < end, result
    assert "no detections of them" in result["message"]


def test_a_planner_of_jaws_refuses_a_cup_and_the_other_way_round() -> None:
    for file, gripper in ((None, "suction"), (config_dir() / "cell_suction.yaml", "robotiq")):
        with pytest.raises(SettingsError, match="does not go with tool"):
            make_robot("fake", "", gripper, "", False, load_cell(file))
