"""Messages of one exposure: brought together, also after stamps jump back; else topic, reason and remedy are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from support.scenes import CAMERA

from gpnet_ros.errors import FrameRefused
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving import arrivals
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH
from gpnet_ros.nodes.arriving.gatherer import Exposure, Gatherer


def at(seconds: float) -> Any:
    return SimpleNamespace(header=SimpleNamespace(stamp=convert.to_time(seconds)))


class Time:
    """A monotonic clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(arrivals, "time", time)
    return time


def test_stamps_that_jump_back_begin_anew_and_are_told_in_one_line() -> None:
    told: list[str] = []
    gatherer = Gatherer((COLOR, DEPTH), tell=told.append)
    for t in range(1000, 1030):  # their depth was lost
        gatherer.add(COLOR, at(t))
    assert gatherer.newest(0.0) is None
    for t in range(100, 200):
        for topic in (COLOR, DEPTH):
            gatherer.add(topic, at(t))
        exposure = gatherer.newest(0.0)
        assert exposure is not None and exposure.messages[COLOR].header.stamp.sec == t
    assert len(told) == 1
    assert "929.000 s" in told[0] and COLOR in told[0]


def test_a_late_message_of_an_older_frame_is_no_jump() -> None:
    told: list[str] = []
    gatherer = Gatherer((COLOR, DEPTH), tell=told.append)
    for t in (1, 2):
        gatherer.add(COLOR, at(t))
    for t in (1, 2):
        gatherer.add(DEPTH, at(t))
        assert gatherer.newest(0.0) is not None
    assert not told


def test_messages_in_flight_when_a_bag_begins_anew_do_not_blind() -> None:
    gatherer = Gatherer((COLOR, DEPTH), keep=3)
    for t in range(50, 60):
        gatherer.add(COLOR, at(t))
    gatherer.add(COLOR, at(1))
    for t in range(50, 60):
        gatherer.add(DEPTH, at(t))
    gatherer.add(COLOR, at(2))
    gatherer.add(DEPTH, at(2))
    assert gatherer.newest(0.0) is not None


@pytest.mark.parametrize("first", [True, False])
def test_a_camera_model_that_came_once_is_enough(first: bool) -> None:
    gatherer = Gatherer((COLOR, DEPTH, CAMERA_INFO))
    if first:
        gatherer.add(CAMERA_INFO, at(0))
    for t in range(5, 50):
        gatherer.add(COLOR, at(t))
        gatherer.add(DEPTH, at(t))
        if not first and t == 5:
            assert gatherer.newest(0.0) is None
            gatherer.add(CAMERA_INFO, at(5))
        exposure = gatherer.newest(0.0)
        assert exposure is not None and CAMERA_INFO in exposure.messages


def feed(gatherer: Gatherer, clock: Time, topics: dict[str, float], seconds: float) -> None:
    """Frames 10 times a second on some topics, each with its own shift of the stamps [s]."""
    for _ in range(round(seconds * 10)):
        clock.now += 0.1
        for topic, shift in topics.items():
            gatherer.add(topic, at(clock.now + shift))


@pytest.mark.parametrize(
    ("topics", "words"),
    [
        ({COLOR: 0.0, DEPTH: 0.013, CAMERA_INFO: 0.0}, [f"/c/{COLOR}", f"/c/{DEPTH}", "13.0 ms", "enable_sync"]),
        ({COLOR: 0.0, DEPTH: 0.0}, [f"/c/{CAMERA_INFO}", "nothing comes", "once is enough"]),
        ({COLOR: 0.0, CAMERA_INFO: 0.0}, [f"/c/{DEPTH}", "align_depth.enable"]),
        ({DEPTH: 0.0, CAMERA_INFO: 0.0}, [f"/c/{COLOR}", "enable_color"]),
    ],
    ids=["stamps", "no model", "no depth", "no colour"],
)
def test_what_does_not_come_together_is_told_within_two_seconds(
    clock: Time, topics: dict[str, float], words: list[str]
) -> None:
    gatherer = Gatherer((COLOR, DEPTH, CAMERA_INFO))
    gatherer.arrivals.names = {topic: f"/c/{topic}" for topic in gatherer.wanted}
    feed(gatherer, clock, topics, 0.5)
    assert gatherer.fault() == ""
    feed(gatherer, clock, topics, 1.5)
    told = gatherer.fault()
    assert all(word in told for word in words), told
    clock.now += 10.0
    assert gatherer.fault() == ""  # nothing comes at all: that is not for this warning


def test_nothing_is_told_of_frames_that_are_complete(clock: Time) -> None:
    gatherer = Gatherer((COLOR, DEPTH, CAMERA_INFO))
    gatherer.add(CAMERA_INFO, at(1))
    feed(gatherer, clock, {COLOR: 0.0, DEPTH: 0.0}, 5.0)
    assert gatherer.fault() == ""


def test_in_a_slow_stream_the_first_message_of_a_set_is_no_fault_of_the_others(clock: Time) -> None:
    gatherer = Gatherer((COLOR, DEPTH, CAMERA_INFO))
    for t in range(5):
        for topic in (CAMERA_INFO, COLOR, DEPTH):
            assert gatherer.fault() == ""
            gatherer.add(topic, at(t))
        clock.now += 3.0


def test_a_topic_that_came_before_is_not_told_to_be_switched_on(clock: Time) -> None:
    gatherer = Gatherer((COLOR, DEPTH, CAMERA_INFO))
    feed(gatherer, clock, {COLOR: 0.0, DEPTH: 0.0, CAMERA_INFO: 0.0}, 1.0)
    feed(gatherer, clock, {COLOR: 0.0, CAMERA_INFO: 0.0}, 2.0)
    told = gatherer.fault()
    assert DEPTH in told and "came before" in told and "align_depth" not in told


@pytest.mark.parametrize("part", [COLOR, DEPTH, CAMERA_INFO])
def test_another_resolution_is_refused_with_topics_and_remedy(part: str) -> None:
    color = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    depth = np.full((CAMERA.height, CAMERA.width), 0.8, np.float32)
    messages: dict[str, Any] = {
        COLOR: convert.to_image(color[::2].copy() if part == COLOR else color, "rgb8", 1.0, "c"),
        DEPTH: convert.to_image(depth[::2].copy() if part == DEPTH else depth, "32FC1", 1.0, "c"),
        CAMERA_INFO: convert.to_camera_info(CAMERA, 1.0, "c"),
    }
    if part == CAMERA_INFO:
        messages[CAMERA_INFO].height //= 2
    with pytest.raises(FrameRefused, match=r"align_depth\.enable") as refusal:
        Exposure(messages).frame(need_camera=True)
    assert all(topic in str(refusal.value) for topic in messages)


MAP = "maps/quality"


@pytest.mark.parametrize("skew", [-0.009, 0.009])
def test_images_of_near_stamps_are_one_exposure_with_the_stamp_of_colour(skew: float) -> None:
    gatherer = Gatherer((COLOR, DEPTH, MAP), pair_within=0.02)
    complete = []
    for t in np.arange(1.0, 3.0, 0.033):
        for topic, shift in ((COLOR, 0.0), (DEPTH, skew), (MAP, 0.0)):  # maps carry the stamp of colour
            gatherer.add(topic, at(float(t) + shift))
            if (exposure := gatherer.newest(0.0)) is not None:
                complete.append(exposure)
    assert len(complete) == 60  # all but the last, which waits for what comes next
    for exposure in complete:
        color, depth, quality = (convert.from_time(exposure.messages[t].header.stamp) for t in (COLOR, DEPTH, MAP))
        assert color == quality and depth == pytest.approx(color + skew, abs=1e-6)
        assert exposure.depth_lead == pytest.approx(max(-skew, 0.0), abs=1e-6)


def test_without_the_parameter_or_beyond_it_near_stamps_are_none() -> None:
    for within, skew in ((0.0, 0.009), (0.005, 0.009)):
        gatherer = Gatherer((COLOR, DEPTH), pair_within=within)
        for t in range(1, 60):
            gatherer.add(COLOR, at(t * 0.033))
            gatherer.add(DEPTH, at(t * 0.033 + skew))
        assert gatherer.newest(0.0) is None


def test_equal_stamps_wait_for_nothing_and_no_message_is_in_two_exposures() -> None:
    gatherer = Gatherer((COLOR, DEPTH), pair_within=0.02)
    used: list[Any] = []
    for k in range(40):  # each third exposure has lost its depth, and the depth between is early
        color, depth = at(k * 0.033), at(k * 0.033 - (0.012 if k % 3 == 1 else 0.0))
        for topic, message in ((DEPTH, depth), (COLOR, color)) if k % 3 else ((COLOR, color),):
            gatherer.add(topic, message)
        exposure = gatherer.newest(0.0)
        if k % 3 == 2:
            assert exposure is not None and exposure.messages[COLOR] is color and exposure.messages[DEPTH] is depth
        if exposure is not None:
            used += [exposure.messages[COLOR], exposure.messages[DEPTH]]
    assert len(used) == len({id(message) for message in used}) >= 2 * 13


def test_pairs_begin_anew_when_stamps_jump_back() -> None:
    gatherer = Gatherer((COLOR, DEPTH), pair_within=0.02)
    for start in (100.0, 1.0):
        for k in range(10):
            gatherer.add(DEPTH, at(start + k * 0.033 - 0.004))
            gatherer.add(COLOR, at(start + k * 0.033))
        exposure = gatherer.newest(0.0)
        assert exposure is not None
        assert convert.from_time(exposure.messages[COLOR].header.stamp) == pytest.approx(start + 8 * 0.033)


def test_depth_that_is_seen_before_colour_makes_the_exposure_as_old_as_depth() -> None:
    color, depth = at(10.0), at(9.985)
    assert Exposure({COLOR: color, DEPTH: depth}).depth_lead == pytest.approx(0.015)
    assert Exposure({COLOR: depth, DEPTH: color}).depth_lead == 0.0
    assert Exposure({COLOR: color}).depth_lead == 0.0


def test_what_image_proc_made_straight_is_kept_and_recorded_as_straight() -> None:
    color = np.random.default_rng(3).integers(0, 255, (CAMERA.height, CAMERA.width, 3), dtype=np.uint8)
    info = convert.to_camera_info(CAMERA, 1.0, "c")
    info.d = [-0.3, 0.1, 0.0, 0.0, 0.0]
    messages = {
        COLOR: convert.to_image(color, "rgb8", 1.0, "c"),
        DEPTH: convert.to_image(np.full(color.shape[:2], 0.8, np.float32), "32FC1", 1.0, "c"),
        CAMERA_INFO: info,
    }
    rectified = Exposure(messages, "/camera/color/image_rect_color")
    np.testing.assert_array_equal(rectified.frame().color, color)
    np.testing.assert_array_equal(Exposure(rectified.unpacked()).frame().color, color)
    bent = Exposure(messages, "/camera/color/image_raw")
    assert not np.array_equal(bent.frame().color, color)  # type: ignore[arg-type]
    np.testing.assert_array_equal(Exposure(bent.unpacked()).frame().color, bent.frame().color)


# --- what comes later, of some exposures ----------------------------------------------------------------------------
def names(exposure: Exposure | None) -> set[str]:
    return set() if exposure is None else set(exposure.messages)


def later(keep: int = 3) -> Gatherer:
    return Gatherer((COLOR, DEPTH), keep=keep, later=("objects", "masks"))


def show(gatherer: Gatherer, *seconds: float, topics: tuple[str, ...] = (COLOR, DEPTH)) -> None:
    for t in seconds:
        for topic in topics:
            gatherer.add(topic, at(t))


def test_a_set_is_handed_out_when_what_comes_later_has_come_too() -> None:
    gatherer = later()
    show(gatherer, 1, 2)
    assert gatherer.newest(0.0) is None
    assert gatherer.waits_for() == ("objects", "masks")
    gatherer.add("objects", at(1))
    assert gatherer.newest(0.0) is None
    gatherer.add("masks", at(1))
    assert names(gatherer.newest(0.0)) == {COLOR, DEPTH, "objects", "masks"}


def test_detections_that_come_before_their_frame_are_of_it_too() -> None:
    gatherer = later()
    show(gatherer, 1, topics=("masks", "objects"))
    assert gatherer.waits_for() == ()
    show(gatherer, 1)
    assert names(gatherer.newest(0.0)) == {COLOR, DEPTH, "objects", "masks"}


def test_a_set_of_which_detections_are_announced_is_kept_however_slow_they_are() -> None:
    gatherer = later(keep=3)
    gatherer.expect(at(1).header)
    show(gatherer, *range(1, 50))
    show(gatherer, 1, topics=("objects", "masks"))
    exposure = gatherer.newest(0.0)
    assert exposure is not None and exposure.messages[COLOR].header.stamp.sec == 1


def test_without_the_word_a_slow_one_is_gone_and_memory_stays_small() -> None:
    gatherer = later(keep=3)
    show(gatherer, *range(1, 50))
    show(gatherer, 1, topics=("objects", "masks"))
    assert gatherer.newest(0.0) is None
    gatherer.expect(at(2).header)
    gatherer.expect(at(3).header)
    show(gatherer, *range(50, 200))
    assert len(gatherer.pending) <= 3 + 2


def test_frames_of_which_there_are_no_detections_are_no_silence_of_a_topic(clock: Time) -> None:
    gatherer = later()
    for k in range(10):
        clock.now += 1.0
        show(gatherer, k)
        assert gatherer.fault() == ""
    assert gatherer.arrivals.complete.count == 10
    show(gatherer, 9, topics=("objects", "masks"))
    assert gatherer.arrivals.complete.count == 10, "each set counts once"


def test_a_jump_back_forgets_what_was_announced() -> None:
    gatherer = later(keep=3)
    gatherer.expect(at(90).header)
    show(gatherer, 90, 1, 2, 3, 4, 5)
    show(gatherer, 90, topics=("objects", "masks"))
    assert gatherer.newest(0.0) is None


# --- stamps to the nanosecond ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("nanoseconds", [123_456_789, 1, 999_999_999, 500_000_000])
def test_what_is_made_of_a_frame_belongs_to_it_whatever_its_nanoseconds(nanoseconds: int) -> None:
    """A frame's time is a float: of today's seconds it knows every 240th nanosecond only."""
    gatherer = Gatherer((COLOR, DEPTH, "maps"))
    stamp = convert.Time(sec=1_796_008_403, nanosec=nanoseconds)
    for topic in (COLOR, DEPTH):
        gatherer.add(topic, SimpleNamespace(header=SimpleNamespace(stamp=stamp)))
    gatherer.add("maps", at(convert.from_time(stamp)))
    assert gatherer.newest(0.0) is not None


def test_exposures_of_two_milliseconds_are_two() -> None:
    gatherer = Gatherer((COLOR, "maps"))
    gatherer.add(COLOR, at(1_796_008_403.123))
    gatherer.add("maps", at(1_796_008_403.124))
    assert gatherer.newest(0.0) is None
