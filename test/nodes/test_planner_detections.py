"""planner_node with priority graspnext: it decides by detections of the very frame, and without them nothing moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.exposures import exposure_of  # noqa: E402
from support.planner_world import PATIENCE, World, detected, one_pick, picked, planner, refused_pick  # noqa: E402
from support.scenes import sight  # noqa: E402

from gpnet_ros.errors import FrameRefused  # noqa: E402
from gpnet_ros.free_objects import free_chance  # noqa: E402
from gpnet_ros.nodes.arriving.sights import to_sight  # noqa: E402
from gpnet_ros.picking.attention import Sight  # noqa: E402

#: Each file of test/nodes has its own domains.
DOMAIN = 96


def changed(seen: Sight, **values: object) -> Sight:
    found = detected(seen)
    assert found.detections is not None
    return replace(found, detections=replace(found.detections, **values))  # type: ignore[arg-type]


def halved(seen: Sight) -> Sight:
    """Detections of a picture of half the size."""
    found = detected(seen).detections
    assert found is not None
    small = {name: getattr(found, name)[..., ::2, ::2] for name in ("visible", "amodal", "mass", "suction")}
    return replace(seen, detections=replace(found, **small))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("planner") / "log"
    with planner(DOMAIN, log, priority="graspnext", look_timeout=4.0), World(DOMAIN) as world:
        world.wait_until(lambda: world.state == "idle", PATIENCE, "the planner")
        yield world


@pytest.fixture
def world(running: World) -> World:
    running.show, running.period = detected, 0.6
    running.wait_until(lambda: running.state == "idle", PATIENCE, "idle")
    return running


def test_what_the_second_network_finds_free_is_picked(world: World) -> None:
    result = picked(world)
    assert result["by_detections"]
    assert result["priority"] == pytest.approx(told(0.1), abs=0.03)


@pytest.mark.parametrize(
    ("show", "word"),
    [
        (lambda s: s, "Frames come, but no detections of them"),
        (lambda s: changed(s, stamp=s.frame.stamp - 0.001), "Frames come, but no detections of them"),
    ],
    ids=["none", "of another exposure"],
)
def test_without_detections_of_the_frame_nothing_moves_and_one_sentence_says_why(
    world: World, show: object, word: str
) -> None:
    world.show = show  # type: ignore[assignment]
    refused_pick(world, word)  # which may have picked from what was shown before
    world.wait_until(lambda: bool(world._joints) and world.quiet() > 0.3, PATIENCE, "rest")
    before = world._moved
    refused_pick(world, word)
    assert world._moved == before
    world.show = detected
    picked(world)


@pytest.mark.parametrize(
    ("show", "word"),
    [
        (halved, "do not belong to a frame of .480, 640."),
        (lambda s: changed(s, scores=np.array([np.nan])), "Detections hold NaN"),
    ],
    ids=["of another size", "no numbers"],
)
def test_detections_that_cannot_be_of_the_frame_are_refused(show: Callable[[Sight], Sight], word: str) -> None:
    seen = detected(sight())
    assert to_sight(exposure_of(seen)).detections is not None
    with pytest.raises(FrameRefused, match=word):
        to_sight(exposure_of(show(sight())))


def told(occluded: float) -> float:
    """What `free_first` says of the box with this chance of being occluded."""
    seen = detected(sight(), occluded).detections
    assert seen is not None
    return float(free_chance(seen)[seen.visible[0]].max())


def test_a_chance_that_everything_is_occluded_still_picks_but_says_so(world: World) -> None:
    assert told(0.95) < 0.3 < told(0.1)
    world.show = lambda s: detected(s, 0.95)
    end = time.monotonic() + PATIENCE
    while (result := one_pick(world)).get("priority", 1.0) > 0.3:
        assert time.monotonic() < end, result
    assert result["by_detections"]
    assert result["priority"] == pytest.approx(told(0.95), abs=0.03)
