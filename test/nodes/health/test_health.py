"""Each part of a node's health: what is well, what is told in which words, and that it recovers; by a hand's clock."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from support.hand_clock import HandClock

from gpnet_ros.devices.arm import ArmState
from gpnet_ros.nodes.arriving import arrivals as arrivals_module
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH, Arrivals
from gpnet_ros.nodes.health import meters
from gpnet_ros.nodes.health.inference_watch import BEAT_SILENT, DETECTIONS_SILENT, InferenceWatch
from gpnet_ros.nodes.health.parts import (
    LATE,
    LINK_LATE,
    MAPS_SILENT,
    OTHER_CLOCK,
    SILENT,
    AnswerHealth,
    CameraHealth,
    Health,
    InputHealth,
    Level,
    StillHealth,
    arm_health,
    loop_health,
)

MAPS, OBJECTS, NODE = "maps/camera_info", "detections/objects", "/cell_a/inference_node"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The time of everything."""
    clock = HandClock()
    for module in (arrivals_module, meters):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
    return clock


def play(arrivals: Arrivals, clock: HandClock, seconds: float, *topics: str, complete: bool = True) -> None:
    """Messages ten times a second."""
    for _ in range(round(seconds * 10)):
        clock.now += 0.1
        for topic in topics:
            arrivals.note(topic, divmod(round(clock.now * 1e9), 10**9))
        if complete and topics:
            arrivals.note_complete()


def is_well(health: Health) -> bool:
    return health.level == Level.OK


def is_told(health: Health, *words: str) -> bool:
    return health.level == Level.WARN and all(word in health.message for word in words)


# --- camera -------------------------------------------------------------------------------------------------
def test_a_camera_without_frames_is_told_until_they_come(clock: HandClock) -> None:
    camera = CameraHealth(clock)
    camera.begin()
    assert is_well(camera.judge("123")), "it has only been opened"
    clock.now += SILENT + 1
    assert is_told(camera.judge("123"), "No frame for 4 s", "unplugged")
    camera.delivered(0.9)
    told = camera.judge("123")
    assert is_well(told)
    assert told.hardware_id == "123"
    assert told.values["frames"] == 1
    clock.now += SILENT + 1
    assert is_told(camera.judge("123"), "No frame")


def test_a_camera_that_fails_is_told_by_its_own_words_at_once(clock: HandClock) -> None:
    camera = CameraHealth(clock)
    camera.begin()
    camera.failed("connected are none")
    assert is_told(camera.judge(""), "connected are none")
    assert camera.judge("").values["failures"] == 1
    camera.delivered(0.9)
    assert is_well(camera.judge(""))


@pytest.mark.parametrize(("share", "well"), [(0.29, False), (0.31, True)])
def test_a_camera_that_sees_too_little_depth_is_told(clock: HandClock, share: float, well: bool) -> None:
    camera = CameraHealth(clock)
    for _ in range(3):
        camera.delivered(share)
    assert is_well(camera.judge("")) is well
    assert camera.judge("").values["p50 valid depth [share]"] == f"{share:.3f}"


# --- input and answers ----------------------------------------------------------------------------------------
def test_input_that_stops_is_told_until_it_comes_again(clock: HandClock) -> None:
    arrivals, input_ = Arrivals(), InputHealth(clock)
    assert is_told(input_.judge(arrivals, "", {}), "No frame arrives", "active")
    play(arrivals, clock, 12, COLOR, DEPTH, CAMERA_INFO)
    told = input_.judge(arrivals, "", {})
    assert is_well(told)
    assert float(told.values[f"rate {DEPTH} [1/s]"]) == pytest.approx(10, abs=0.5)
    clock.now += SILENT + 1
    assert is_told(input_.judge(arrivals, "", {}), "No frame has arrived for 4 s")
    play(arrivals, clock, 1, COLOR, DEPTH, CAMERA_INFO)
    assert is_well(input_.judge(arrivals, "", {}))


def test_input_is_told_with_its_fault_its_losses_and_its_age(clock: HandClock) -> None:
    arrivals, input_ = Arrivals(), InputHealth(clock)
    play(arrivals, clock, 1, COLOR, DEPTH)
    assert is_told(input_.judge(arrivals, "nothing comes on depth", {}), "nothing comes on depth")
    assert is_told(input_.judge(arrivals, "", {"/depth": 0.3, "/color": 0.0}), "30%", "/depth")
    assert is_well(input_.judge(arrivals, "", {"/depth": 0.05}))
    input_.take(LATE / 2)
    assert is_well(input_.judge(arrivals, "", {}))
    for _ in range(2):
        input_.take(LATE * 2)
    assert is_told(input_.judge(arrivals, "", {}), "4.0 s old")


def test_stamps_of_another_clock_have_no_age(clock: HandClock) -> None:
    arrivals, input_ = Arrivals(), InputHealth(clock)
    play(arrivals, clock, 1, COLOR, DEPTH)
    input_.take(OTHER_CLOCK * 10)
    assert is_well(input_.judge(arrivals, "", {}))
    assert input_.taken.count == 1


def test_frames_that_are_refused_or_take_for_ever_are_told(clock: HandClock) -> None:
    arrivals, answers = Arrivals(), AnswerHealth(clock)
    play(arrivals, clock, 1, COLOR, DEPTH)
    assert is_well(answers.judge("maps", arrivals, 1, {}, "cpu")), "the first answer may take its time"
    answers.refused("Only 10% of the depth pixels are valid")
    assert is_told(answers.judge("maps", arrivals, 1, {}, "cpu"), "Only 10%")
    answers.answered()
    told = answers.judge("maps", arrivals, 3, {"model": "gpnet"}, "cpu")
    assert is_well(told)
    assert (told.hardware_id, told.values["model"], told.values["skipped"]) == ("cpu", "gpnet", 7)
    play(arrivals, clock, MAPS_SILENT + 1, COLOR, DEPTH)
    assert is_told(answers.judge("maps", arrivals, 3, {}, "cpu"), "No maps for 6 s")
    clock.now += SILENT + 1  # no frames: then there is nothing to answer
    assert is_well(answers.judge("maps", arrivals, 3, {}, "cpu"))


# --- inference, seen by the planner -----------------------------------------------------------------------------
def test_inference_that_answers_is_well_and_one_that_never_was_is_told(clock: HandClock) -> None:
    arrivals, watch = Arrivals(), InferenceWatch(clock)
    assert is_told(watch.judge(arrivals, MAPS, []), "Nobody publishes maps")
    play(arrivals, clock, 10, COLOR, DEPTH, MAPS)
    told = watch.judge(arrivals, MAPS, [NODE])
    assert is_well(told)
    assert told.values["publisher"] == NODE


def test_inference_that_has_died_while_frames_come_is_told_and_recovers(clock: HandClock) -> None:
    arrivals, watch = Arrivals(), InferenceWatch(clock)
    play(arrivals, clock, 10, COLOR, DEPTH, MAPS)
    play(arrivals, clock, MAPS_SILENT - 1, COLOR, DEPTH, complete=False)
    assert is_well(watch.judge(arrivals, MAPS, [NODE])), "a slow network is none that has died"
    play(arrivals, clock, 2, COLOR, DEPTH, complete=False)
    assert is_told(watch.judge(arrivals, MAPS, [NODE]), "no maps", "6 s ago", NODE)
    assert is_told(watch.judge(arrivals, MAPS, []), "Nobody publishes maps")
    play(arrivals, clock, 1, COLOR, DEPTH, MAPS)
    assert is_well(watch.judge(arrivals, MAPS, [NODE]))


def test_inference_without_a_sign_of_life_is_told_though_no_frames_come(clock: HandClock) -> None:
    arrivals, watch = Arrivals(), InferenceWatch(clock)
    watch.beat(NODE)
    watch.beat("/cell_b/inference_node")
    assert is_well(watch.judge(arrivals, MAPS, [NODE])), "no camera is no fault of inference"
    clock.now += BEAT_SILENT + 1
    watch.beat("/cell_b/inference_node")  # of the other cell
    assert is_told(watch.judge(arrivals, MAPS, [NODE]), NODE, "no sign of life for 7 s")
    watch.beat(NODE)
    assert is_well(watch.judge(arrivals, MAPS, [NODE]))
    assert is_well(watch.judge(arrivals, MAPS, ["/somebody_elses"])), "who never speaks is not asked to"


def test_a_second_network_may_be_slower_and_is_told_by_what_it_makes(clock: HandClock) -> None:
    arrivals, watch = Arrivals(), InferenceWatch(clock, "detections", DETECTIONS_SILENT)
    assert is_told(watch.judge(arrivals, OBJECTS, []), "Nobody publishes detections")
    play(arrivals, clock, 1, COLOR, DEPTH, OBJECTS)
    play(arrivals, clock, DETECTIONS_SILENT - 1, COLOR, DEPTH)
    assert is_well(watch.judge(arrivals, OBJECTS, [NODE]))
    play(arrivals, clock, 2, COLOR, DEPTH)
    assert is_told(watch.judge(arrivals, OBJECTS, [NODE]), "Frames come, but no detections of them")


# --- arm, loop, clock -----------------------------------------------------------------------------------------------
READY = ArmState(5.0, 100.0, np.zeros(6), np.zeros(6), np.eye(4), np.zeros(6), "ready", model="UR10 3.15.8")


def test_an_arm_is_well_while_it_reports_and_may_move() -> None:
    told = arm_health(replace(READY, serial="2020", modes={"robot mode": "running"}), 100.1)
    assert is_well(told)
    assert (told.hardware_id, told.values["robot mode"], told.values["link age [s]"]) == ("2020", "running", "0.100")
    assert arm_health(READY, 100.0).hardware_id == "UR10 3.15.8"


def test_an_arm_that_is_not_there_is_late_or_stopped_is_told() -> None:
    assert is_told(arm_health(None, 0.0), "not connected")
    assert is_told(arm_health(READY, 100.0 + 2 * LINK_LATE), "1.0 s old")
    assert is_told(arm_health(replace(READY, status="needs_resume", message="Call resume."), 100.0), "Call resume.")
    for status in ("protective_stop", "emergency_stop", "safeguard_stop", "link_lost"):
        told = arm_health(replace(READY, status=status, message="Stopped."), 100.0)  # type: ignore[arg-type]
        assert (told.level, told.message) == (Level.ERROR, "Stopped.")


def test_a_loop_that_waits_for_a_person_is_told() -> None:
    assert is_well(loop_health("idle", {"picks": 1}))
    assert is_well(loop_health("moving", {}))
    assert is_told(loop_health("needs_resume", {}), "~/resume")
    assert is_told(loop_health("waiting", {}), "slider")


def test_a_time_that_stands_still_is_told_until_it_goes_on(clock: HandClock) -> None:
    still = StillHealth(clock)
    for k in range(100):
        clock.now += 0.1
        still.tell(k * 0.1)
    assert is_well(still.judge("clock", "the cell"))
    for _ in range(50):
        clock.now += 0.1
        still.tell(9.9)
    assert is_told(still.judge("clock", "the cell"), "the cell stands still at 9.900 s")
    still.tell(10.0)
    assert is_well(still.judge("clock", "the cell"))


def test_all_values_can_be_shown() -> None:
    told = CameraHealth().judge("")
    assert all(str(value) for value in told.values.values())
    assert told.hardware_id == "none"
    assert math.isinf(CameraHealth().frames.age)
