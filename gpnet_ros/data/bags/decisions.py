"""The decisions of a bag that the planner or `gpnet demo` has written: frame, maps and what was made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gpnet_ros.camera_info import camera_of, lens_of
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.decision_bag import RESULT_TOPIC, SETUP_TOPIC
from gpnet_ros.detection_encoding import detections_of
from gpnet_ros.detections import Detections
from gpnet_ros.encodings import color_of, depth_of, map_of
from gpnet_ros.errors import BagRefused
from gpnet_ros.frame import Frame
from gpnet_ros.lens import straight_frame
from gpnet_ros.maps import Grid, Maps

_COLOR, _DEPTH, _INFO = "/color/image_raw", "/aligned_depth_to_color/image_raw", "/color/camera_info"
_MAPS = ("/maps/quality", "/maps/priority", "/maps/angle", "/maps/width")
_MAPS_INFO = "/maps/camera_info"
_FRAME, _OF_MAPS = (_COLOR, _DEPTH, _INFO), (*_MAPS, _MAPS_INFO)
_DETECTIONS = ("/detections/objects", "/detections/masks", "/detections/mass", "/detections/suction")


@dataclass(frozen=True, eq=False)
class RecordedDecision:
    """One decision: the planner's record of it, and frame, maps and detections as the planner had them.

    `maps` are None where a cup was decided on, `detections` where nobody decided by them.
    """

    record: dict[str, Any]
    frame: Frame
    maps: Maps | None
    detections: Detections | None = None


def read_setup(bag: Bag) -> dict[str, Any]:
    """Cell and hand-eye of all decisions as plain values; empty where the bag does not hold them."""
    said = next(iter(bag.messages([f"/{SETUP_TOPIC}"])), None)
    return {} if said is None else _json(bag, said.topic, bag.read(said).data)


def read_decisions(bag: Bag) -> Iterator[RecordedDecision]:
    """The decisions of an open bag, in their order.

    Raises:
        BagRefused: the bag holds none, or one without its basis, as those of older versions.
    """
    seen = [group for group in (_OF_MAPS, _DETECTIONS) if set(group) <= set(bag.topics)] or [_OF_MAPS]
    needed = tuple(topic for group in (_FRAME, *seen) for topic in group)
    missing = [topic for topic in (f"/{RESULT_TOPIC}", *needed) if topic not in bag.topics]
    if missing:
        raise BagRefused(
            f"Bag {bag.path} holds no decisions, {missing[0]} is missing: take one that the planner wrote "
            "(record:=true), or the bag of a run folder of gpnet demo."
        )
    results: dict[int, list[dict[str, Any]]] = {}
    for said in bag.messages([f"/{RESULT_TOPIC}"]):
        results.setdefault(said.time, []).append(_json(bag, said.topic, bag.read(said).data))
    parts: dict[int, dict[str, Any]] = {}
    for message in bag.messages(needed):
        if message.time not in results:
            continue
        found = parts.setdefault(message.time, {})
        found[message.topic] = message
        if len(found) == len(needed):
            read = {topic: bag.read(one) for topic, one in parts.pop(message.time).items()}
            for record in results[message.time]:
                if record.get("by_detections") and _DETECTIONS not in seen:
                    raise BagRefused(f"Bag {bag.path} lacks {_DETECTIONS[0]}, by which was decided: record it again.")
                if "basis" not in record:
                    raise BagRefused(
                        f"Bag {bag.path}: the record of {record.get('stamp')} s lacks joints and remembered failures, "
                        "it is of an older version: record it again."
                    )
                yield _decision(record, read)


def _decision(record: dict[str, Any], read: dict[str, Any]) -> RecordedDecision:
    header = read[_COLOR].header
    lens = lens_of(read[_INFO])
    stamp = float(header.stamp.sec + header.stamp.nanosec * 1e-9)
    frame = straight_frame(color_of(read[_COLOR]), depth_of(read[_DEPTH]), lens, stamp, header.frame_id)
    maps = None
    if _MAPS_INFO in read:
        grid = Grid.of_camera(camera_of(read[_MAPS_INFO]), lens.camera)
        quality, priority, angle, width = (map_of(read[topic]) for topic in _MAPS)
        maps = Maps.from_published(frame, grid, quality, priority, angle, width)
    detections = None
    if record.get("by_detections"):
        objects, masks, mass, suction = (read[topic] for topic in _DETECTIONS)
        detections = detections_of(objects, masks, mass, suction, stamp, header.frame_id)
    return RecordedDecision(record, frame, maps, detections)


def _json(bag: Bag, topic: str, text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise BagRefused(
            f"Bag {bag.path}: a message of {topic} is no JSON object ({error}); record it again."
        ) from error
