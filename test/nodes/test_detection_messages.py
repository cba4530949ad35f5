"""Detections over a topic and out of a bag are those of the detector, to the last bit."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_typestore
from support.tiny_graspnext import require_same, seen_by_hand

from gpnet_ros.errors import FrameRefused
from gpnet_ros.nodes.detection_messages import DETECTION_TOPICS, MASKS, OBJECTS, from_messages, to_messages


@pytest.mark.parametrize("count", [0, 1, 9])
def test_over_the_wire_and_out_of_a_bag_they_are_the_same(count: int) -> None:
    seen = seen_by_hand(count=count, stamp=1764471640.123456)
    raw = {topic: bytes(serialize_message(message)) for topic, message in to_messages(seen).items()}
    require_same(from_messages({t: deserialize_message(raw[t], kind) for t, kind in DETECTION_TOPICS.items()}), seen)
    types = get_typestore(Stores.ROS2_JAZZY)
    names = {topic: f"sensor_msgs/msg/{kind.__name__}" for topic, kind in DETECTION_TOPICS.items()}
    require_same(from_messages({topic: types.deserialize_cdr(raw[topic], names[topic]) for topic in raw}), seen)


def test_each_message_carries_stamp_and_frame_of_the_exposure() -> None:
    for message in to_messages(seen_by_hand(stamp=7.5)).values():
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (7, 500_000_000)
        assert message.header.frame_id == "camera"


def test_messages_of_two_frames_are_refused() -> None:
    one, other = to_messages(seen_by_hand(count=3)), to_messages(seen_by_hand(count=2))
    for topic in (OBJECTS, MASKS):
        with pytest.raises(FrameRefused, match="of another frame"):
            from_messages({**one, topic: other[topic]})
