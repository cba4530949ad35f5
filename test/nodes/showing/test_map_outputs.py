"""Images are made and published only while somebody subscribes to them; the maps' camera model always."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from support.fake_topics import FakeNode  # noqa: E402
from support.scenes import sight  # noqa: E402

from gpnet_ros.nodes.showing.map_outputs import MAP_TOPICS, MapOutputs  # noqa: E402

MAPS = [f"maps/{name}" for name in MAP_TOPICS]
FOR_THE_EYE = [*(f"maps/{name}/color" for name in MAP_TOPICS), "overlay", "maps/points"]


def published(watched: list[str]) -> dict[str, Any]:
    node, s = FakeNode(watched), sight(7.5)
    MapOutputs(node).publish(s.frame, s.maps)
    return node.first


def test_nobody_subscribes_and_no_image_is_made() -> None:
    assert set(published([])) == {"maps/camera_info"}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_published_for_who_subscribes_to_it_and_no_other(name: str) -> None:
    assert set(published([name])) == {name, "maps/camera_info"}
    assert published([name])[name].encoding == "32FC1"


@pytest.mark.parametrize("name", FOR_THE_EYE)
def test_what_is_looked_at_comes_with_the_stamp_and_the_frame_of_the_picture(name: str) -> None:
    sent = published([name])
    assert set(sent) == {name, "maps/camera_info"}
    header = sent[name].header
    assert (header.stamp.sec, header.stamp.nanosec) == (7, 500_000_000)
    assert header.frame_id == sight().frame.frame_id


def test_pictures_are_of_the_size_of_the_maps() -> None:
    sent = published(FOR_THE_EYE)
    image, grid = sent["maps/q_star/color"], sight().maps.grid
    assert (image.encoding, image.height, image.width) == ("rgb8", grid.height, grid.width)
    assert np.frombuffer(image.data, np.uint8).reshape(grid.height, grid.width, 3).max() > 200
