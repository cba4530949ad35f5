"""Frames that the planner must refuse, shown to one that waits for a better one for a second only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus
from support.planner_world import PATIENCE, World, picked, planner, refused_pick

from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.exposures import DEPTH
from gpnet_ros.picking.attention import Sight

#: Each file of test/nodes has its own domains.
DOMAIN = 98


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("planner") / "log"
    with planner(DOMAIN, log, look_timeout=1.0), World(DOMAIN) as world:
        yield world


@pytest.fixture
def world(running: World) -> World:
    running.show, running.leave_out = (lambda s: s), ()
    running.wait_until(lambda: running.state == "idle", PATIENCE, "idle")
    return running


def with_depth(values: Callable[[np.ndarray], np.ndarray]) -> Callable[[Sight], Sight]:
    def change(s: Sight) -> Sight:
        assert s.frame.depth is not None
        return replace(s, frame=replace(s.frame, depth=values(s.frame.depth).astype(np.float32)))

    return change


@pytest.mark.parametrize(
    ("show", "leave_out", "word"),
    [
        pytest.param(with_depth(np.zeros_like), (), "valid", marks=pytest.mark.slow),
        (with_depth(lambda d: np.full_like(d, np.nan)), (), "valid"),
        (with_depth(lambda d: d * 1000), (), "unit"),
        (lambda s: s, (DEPTH,), "aligned_depth"),
        (lambda s: None, (), ""),
    ],
    ids=["zeros", "nan", "unit", "no depth", "nothing"],
)
def test_a_bad_frame_is_refused_with_its_reason_and_nothing_moves(
    world: World, show: Callable[[Sight], Sight | None], leave_out: tuple[str, ...], word: str
) -> None:
    world.show, world.leave_out = show, leave_out
    world.wait_until(lambda: bool(world.heard["joint_states"]), PATIENCE, "joint states")
    joints = world.heard["joint_states"][-1].position
    refused_pick(world, word)
    assert world.refused
    assert world.heard["joint_states"][-1].position == joints


def test_a_frame_of_another_size_is_refused(world: World) -> None:
    def half(s: Sight) -> Sight:
        world.outputs[DEPTH].publish(
            convert.to_image(s.frame.depth[::2, ::2].copy(), "32FC1", s.frame.stamp, s.frame.frame_id)  # type: ignore[index]
        )
        return s

    world.show, world.leave_out = half, (DEPTH,)
    refused_pick(world, "align_depth.enable")


def test_a_turn_without_a_pick_is_no_ok(world: World) -> None:
    world.show = lambda s: None
    refused_pick(world, "")
    told = world.heard["planner_node/result_status"]
    world.wait_until(lambda: told[-1].message.startswith("no_frame"), PATIENCE, "the typed result")
    assert told[-1].level == DiagnosticStatus.WARN


def test_after_bad_frames_a_good_one_is_picked_from(world: World) -> None:
    picked(world)
