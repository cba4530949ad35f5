"""The second network's thread: the newest frame, at most so often, and no frame of its own makes the maps wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from support.fake_topics import FakeNode
from support.scenes import sight
from support.tiny_graspnext import seen_by_hand

from gpnet_ros.detections import Detections
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.nodes.arriving.arrivals import Arrivals
from gpnet_ros.nodes.detection_messages import BEGUN, OBJECTS
from gpnet_ros.nodes.health.parts import Level
from gpnet_ros.nodes.scene_worker import SceneWorker
from gpnet_ros.nodes.showing.detection_outputs import DetectionOutputs

PATIENCE = 30.0
FRAME = sight(0.0).frame


def frame(stamp: float) -> Frame:
    return replace(FRAME, stamp=stamp)


class Bench(FakeNode):
    """A node with the worker's topics, a detector that can be held up, and what was logged."""

    def __init__(self) -> None:
        super().__init__((OBJECTS,))
        self.log: list[str] = []
        self.free, self.begun = threading.Event(), threading.Event()
        self.fault: Exception | None = None
        self.free.set()

    def get_logger(self) -> Any:
        return SimpleNamespace(error=self.log.append, warning=lambda text, **_: self.log.append(text))

    def detect(self, frame: Frame) -> Detections:
        self.begun.set()
        assert self.free.wait(PATIENCE)
        if self.fault is not None:
            raise self.fault
        return seen_by_hand(frame.shape, 1, frame.stamp)

    def sent(self, topic: str = OBJECTS) -> list[int]:
        return [getattr(m, "header", m).stamp.sec for m in self.topics[topic].sent]


def until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


@contextmanager
def working(rate: float = 1e6) -> Iterator[tuple[Bench, SceneWorker]]:
    bench = Bench()
    worker = SceneWorker(bench, DetectionOutputs(bench), bench.detect, lambda: rate)
    try:
        yield bench, worker
    finally:
        bench.free.set()
        worker.halt(PATIENCE)
        assert not worker._thread.is_alive()


def test_of_the_frames_that_came_meanwhile_the_newest_is_seen_and_offering_never_waits() -> None:
    with working() as (bench, worker):
        bench.free.clear()
        worker.offer(frame(1.0))
        assert bench.begun.wait(PATIENCE)
        for stamp in (2.0, 3.0, 4.0):
            worker.offer(frame(stamp))  # though the network is at work: or this would hang
        assert bench.sent(BEGUN) == [1] and bench.sent() == []
        bench.free.set()
        until(lambda: len(bench.sent()) == 2)
        assert bench.sent() == bench.sent(BEGUN) == [1, 4]


def test_no_more_often_than_asked_and_told_to_end_it_ends_at_once() -> None:
    with working(rate=1e-3) as (bench, worker):
        worker.offer(frame(1.0))
        until(lambda: bench.sent() == [1])
        worker.offer(frame(2.0))
        worker.halt(PATIENCE)
        assert bench.sent(BEGUN) == [1]


def test_a_frame_that_cannot_be_used_is_told_and_the_next_is_seen() -> None:
    with working() as (bench, worker):
        bench.fault = BadInput("The frame has no colour.")
        worker.offer(frame(1.0))
        until(lambda: bench.log)
        assert bench.log == ["No detections: The frame has no colour."]
        said = worker.health(Arrivals(), {"model": "m"}, "cpu")
        assert (said.part, said.level, said.hardware_id) == ("detections", Level.WARN, "cpu")
        assert "no colour" in said.message and said.values["refused"] == 1
        bench.fault = None
        worker.offer(frame(2.0))
        until(lambda: bench.sent() == [2])
        until(lambda: worker.health(Arrivals(), {}, "cpu").level == Level.OK)
        assert not worker.failure


def test_a_defect_of_the_network_is_a_failure_with_its_reason() -> None:
    with working() as (bench, worker):
        bench.fault = RuntimeError("out of memory")
        worker.offer(frame(1.0))
        until(lambda: worker.failure)
        assert worker.failure == "The thread of the second network died: RuntimeError: out of memory"
        assert "Traceback" in bench.log[0]
