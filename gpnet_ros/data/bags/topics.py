"""Which topics of a bag are the camera's: found by prefix, or by type and name alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpnet_ros.data.bags.bag import BagTopic

IMAGE, COMPRESSED, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"
#: Ends of topic names, best first, as realsense2_camera, Azure Kinect, Orbbec and OpenNI call them.
_COLOR = ("color/image_raw", "color/image_rect_raw", "color/image_rect_color", "rgb/image_raw", "rgb/image_rect_color")
_DEPTH = (
    "aligned_depth_to_color/image_raw", "aligned_depth_to_color/image_rect_raw", "depth_to_color/image_raw",
    "depth_registered/image_raw", "depth_registered/image_rect", "depth_to_rgb/image_raw",
)  # fmt: skip
#: Depth in the depth camera's own view: colour and depth do not show the same pixel.
_UNALIGNED = ("depth/image_rect_raw", "depth/image_raw")
#: Which images of a bag are taken; auto: raw ones where there are any.
BAG_TRANSPORTS = ("auto", "raw", "compressed")
#: Name behind a topic, by its image transport.
_COLOR_TRANSPORTS = {"": IMAGE, "/compressed": COMPRESSED}
_DEPTH_TRANSPORTS = {"": IMAGE, "/compressedDepth": COMPRESSED, "/compressed": COMPRESSED}


@dataclass(frozen=True)
class CameraTopics:
    """Topics of one camera; empty where there is none.

    Attributes:
        color, depth: images, depth aligned to colour.
        info: camera model of the colour image.
        missing: one sentence for each that is needed and not there.
    """

    color: str = ""
    depth: str = ""
    info: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    prefix: str
    rank: int
    topic: BagTopic


def find_camera(topics: Iterable[BagTopic], prefix: str | None = None, transport: str = "auto") -> CameraTopics:
    """The camera's topics among all of a bag.

    Args:
        topics: of the bag.
        prefix: what their names begin with, such as /camera/camera; None: the only camera that is there.
        transport: one of `BAG_TRANSPORTS`.
    """
    given = list(topics)
    if not any(topic.count for topic in given):
        return CameraTopics(missing=("The bag is empty, not one message was recorded: record it again.",))
    known = [t for t in given if prefix is None or t.name.startswith(_clean(prefix) + "/")]
    if prefix is not None and not known:
        begins = ", ".join(sorted({_first_words(t.name) for t in given})) or "nothing"
        return CameraTopics(missing=(f"No topic begins with {prefix!r}; those of the bag begin with {begins}.",))
    color_transports, depth_transports = (_allowed(t, transport) for t in (_COLOR_TRANSPORTS, _DEPTH_TRANSPORTS))
    colors, depths = _ending(known, _COLOR, color_transports), _ending(known, _DEPTH, depth_transports)
    prefixes = sorted({f.prefix for f in colors} & {f.prefix for f in depths} or {f.prefix for f in [*colors, *depths]})
    if len(prefixes) > 1:
        names = ", ".join(name or "/" for name in prefixes)
        return CameraTopics(missing=(f"The bag holds {len(prefixes)} cameras, {names}: give one of them as --prefix.",))
    color, depth = (_best(found, prefixes) for found in (colors, depths))
    info = _info_of(known, color, depth)
    missing = [_no_color(known), _no_depth(known), _no_info(known, color)]
    return CameraTopics(color, depth, info, tuple(m for t, m in zip((color, depth, info), missing) if not t))


def _allowed(transports: dict[str, str], transport: str) -> dict[str, str]:
    wanted = {"auto": (IMAGE, COMPRESSED), "raw": (IMAGE,), "compressed": (COMPRESSED,)}[transport]
    return {end: kind for end, kind in transports.items() if kind in wanted}


def _ending(topics: list[BagTopic], ends: tuple[str, ...], transports: dict[str, str]) -> list[_Found]:
    found = []
    for topic in topics:
        for rank, (transport, end) in enumerate((t, e) for t in transports for e in ends):
            if topic.name.endswith("/" + end + transport) and topic.type == transports[transport] and topic.count:
                found.append(_Found(topic.name.removesuffix("/" + end + transport), rank, topic))
                break
    return found


def _best(found: list[_Found], prefixes: list[str]) -> str:
    ranked = sorted((f for f in found if f.prefix in prefixes), key=lambda f: f.rank)
    return ranked[0].topic.name if ranked else ""


def _info_of(topics: list[BagTopic], color: str, depth: str) -> str:
    """camera_info beside the colour image; aligned depth has the same model."""
    there = {t.name for t in topics if t.type == INFO and t.count}
    beside = [_folder_of(name) + "/camera_info" for name in (color, depth) if name]
    return next((name for name in beside if name in there), "")


def _folder_of(topic: str) -> str:
    for transport in _DEPTH_TRANSPORTS:
        if transport:
            topic = topic.removesuffix(transport)
    return topic.rsplit("/", 1)[0]


def _no_color(topics: list[BagTopic]) -> str:
    return f"No colour image: no topic ends with {_COLOR[0]}{_instead(topics, _COLOR)}; record it, or give --prefix."


def _no_depth(topics: list[BagTopic]) -> str:
    unaligned = [t.name for t in topics if t.type == IMAGE and t.name.endswith(tuple("/" + u for u in _UNALIGNED))]
    if unaligned:
        return (
            f"No aligned depth: {unaligned[0]} is in the depth camera's own view; record with align_depth.enable:=true "
            f"the topic {_DEPTH[0]}."
        )
    return (
        f"No aligned depth: no topic ends with {_DEPTH[0]}{_instead(topics, _DEPTH)}; record it "
        "(align_depth.enable:=true), or give --prefix."
    )


def _no_info(topics: list[BagTopic], color: str) -> str:
    name = (_folder_of(color) if color else "color") + "/camera_info"
    return f"No camera model: {name} is not in the bag{_instead(topics, ('camera_info',))}; record it, once is enough."


def _instead(topics: list[BagTopic], ends: tuple[str, ...]) -> str:
    """What has the right name and cannot be used."""
    for topic in topics:
        if any(topic.name.endswith("/" + end) for end in ends):
            if not topic.count:
                return f" with a message ({topic.name} has none)"
            if topic.type not in (IMAGE, COMPRESSED, INFO):
                return f" with a type that is known ({topic.name} is a {topic.type})"
    return ""


def _clean(prefix: str) -> str:
    stripped = prefix.strip("/")
    return "/" + stripped if stripped else ""


def _first_words(name: str) -> str:
    return "/".join(name.split("/")[:3])
