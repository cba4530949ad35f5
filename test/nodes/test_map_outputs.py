"""What is for the eye is published only while somebody looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.fake_topics import FakeNode  # noqa: E402
from support.scenes import sight  # noqa: E402

from gpnet_ros.nodes.map_outputs import MAP_TOPICS, MapOutputs  # noqa: E402

FOR_THE_EYE = [*(f"maps/{name}/color" for name in MAP_TOPICS), "overlay", "maps/points"]


def published(watched: list[str]) -> dict[str, Any]:
    node, s = FakeNode(watched), sight(7.5)
    MapOutputs(node).publish(s.frame, s.maps)
    return node.first


def test_nobody_looks_and_only_the_maps_are_published() -> None:
    assert set(published([])) == {*(f"maps/{name}" for name in MAP_TOPICS), "maps/camera_info"}


@pytest.mark.parametrize("name", FOR_THE_EYE)
def test_what_is_looked_at_comes_with_the_stamp_and_the_frame_of_the_picture(name: str) -> None:
    sent = published([name])
    assert set(sent) & set(FOR_THE_EYE) == {name}
    header = sent[name].header
    assert (header.stamp.sec, header.stamp.nanosec) == (7, 500_000_000)
    assert header.frame_id == sight().frame.frame_id


def test_pictures_are_of_the_size_of_the_maps() -> None:
    sent = published(FOR_THE_EYE)
    image, grid = sent["maps/q_star/color"], sight().maps.grid
    assert (image.encoding, image.height, image.width) == ("rgb8", grid.height, grid.width)
    assert np.frombuffer(image.data, np.uint8).reshape(grid.height, grid.width, 3).max() > 200
