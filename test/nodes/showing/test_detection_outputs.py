"""Detections on topics: made while somebody subscribes, in the frame's name; occluded objects blue, free ones red."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.fake_topics import FakeNode  # noqa: E402
from support.scenes import sight  # noqa: E402
from support.tiny_graspnext import require_same, seen_by_hand  # noqa: E402
from visualization_msgs.msg import Marker  # noqa: E402

from gpnet_ros.nodes.detection_messages import BEGUN, DETECTION_TOPICS, from_messages  # noqa: E402
from gpnet_ros.nodes.showing import detection_markers  # noqa: E402
from gpnet_ros.nodes.showing.detection_outputs import (  # noqa: E402
    BOXES,
    LABELS,
    MARKERS,
    OVERLAY,
    PICTURES,
    DetectionOutputs,
)

STAND_INS = str(Path(__file__).parents[2] / "support" / "stand_ins")
FRAME = sight(7.5).frame
SEEN = replace(seen_by_hand(FRAME.shape, 2, 7.5), occluded=np.array([0.9, 0.1]), frame_id=FRAME.frame_id)
IMAGES = (*DETECTION_TOPICS, LABELS, *PICTURES)


def published(*watched: str) -> dict[str, Any]:
    node = FakeNode(watched)
    outputs = DetectionOutputs(node)
    outputs.begin(FRAME)
    outputs.publish(FRAME, SEEN)
    return node.first


def pixels(message: Any) -> np.ndarray:
    kind = np.uint16 if message.encoding == "16UC1" else np.uint8
    return np.frombuffer(message.data, kind).reshape(message.height, message.width, -1)


def test_nobody_subscribes_and_nothing_is_made_but_the_word_that_it_will_be() -> None:
    sent = published()
    assert set(sent) == {BEGUN}
    assert (sent[BEGUN].stamp.sec, sent[BEGUN].stamp.nanosec) == (7, 500_000_000)


@pytest.mark.parametrize("name", IMAGES)
def test_each_is_made_for_who_subscribes_in_the_name_of_the_frame(name: str) -> None:
    sent = published(name)
    assert set(sent) == {BEGUN, name}
    header = sent[name].header
    assert (header.stamp.sec, header.stamp.nanosec, header.frame_id) == (7, 500_000_000, FRAME.frame_id)


def test_who_listens_to_what_the_planner_needs_gets_the_detections() -> None:
    require_same(from_messages(published(*DETECTION_TOPICS)), SEEN)


def test_occluded_objects_are_blue_and_free_ones_red() -> None:
    overlay = pixels(published(OVERLAY)[OVERLAY]).astype(int)
    only = [SEEN.visible[k] & ~SEEN.visible[1 - k] for k in (0, 1)]
    blue, red = (overlay[mask].mean(axis=0) for mask in only)
    assert np.argmax(blue) == 2 and np.argmax(red) == 0
    assert (overlay[~SEEN.visible.any(axis=0)] == 120).all(), "the picture itself, elsewhere"


def test_a_label_is_the_row_of_the_object_and_the_surer_one_has_the_pixel() -> None:
    labels = pixels(published(LABELS)[LABELS])[..., 0]
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels[SEEN.visible[0]] == 1).all()
    assert (labels[SEEN.visible[1] & ~SEEN.visible[0]] == 2).all()
    assert (labels[~SEEN.visible.any(axis=0)] == 0).all()


def test_markers_outline_each_object_where_it_lies() -> None:
    found = published(MARKERS)[MARKERS].markers
    assert found[0].action == Marker.DELETEALL
    lines = {m.ns: m for m in found if m.type == Marker.LINE_STRIP}
    assert set(lines) == {"free", "occluded"}
    assert lines["free"].color.r > lines["free"].color.b and lines["occluded"].color.b > lines["occluded"].color.r
    assert {m.header.frame_id for m in found} == {FRAME.frame_id}
    assert FRAME.depth is not None
    depths = [p.z for p in lines["free"].points]
    assert np.nanmin(FRAME.depth) - 1e-6 <= min(depths) and max(depths) <= np.nanmax(FRAME.depth) + 1e-6


def test_without_depth_there_is_no_marker_in_space() -> None:
    blind = replace(FRAME, depth=np.full(FRAME.shape, np.nan, np.float32))
    assert len(detection_markers.detection_markers(blind, SEEN).markers) == 1
    assert len(detection_markers.detection_markers(FRAME, replace(SEEN, scores=np.array([0.4, 0.3]))).markers) == 1


@pytest.fixture
def vision_msgs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(STAND_INS)
    importlib.reload(detection_markers)
    yield
    monkeypatch.undo()
    for name in [n for n in sys.modules if n.split(".")[0] == "vision_msgs"]:
        del sys.modules[name]
    importlib.reload(detection_markers)


def test_boxes_are_messages_of_vision_msgs_where_it_is_installed(vision_msgs: None) -> None:
    one, other = published(BOXES)[BOXES].detections
    assert [d.results[0].hypothesis.class_id for d in (one, other)] == ["occluded", "free"]
    assert (one.id, other.results[0].hypothesis.score) == ("1", SEEN.scores[1])
    u0, _, u1, _ = SEEN.boxes[0]
    assert one.bbox.size_x == u1 - u0 and np.isclose(one.bbox.center.position.x, (u0 + u1 - 1) / 2)


def test_without_vision_msgs_there_is_no_such_topic() -> None:
    if detection_markers.Detection2DArray is not None:
        pytest.skip("vision_msgs is installed here")
    node = FakeNode([])
    DetectionOutputs(node)
    assert BOXES not in node.topics and MARKERS in node.topics
