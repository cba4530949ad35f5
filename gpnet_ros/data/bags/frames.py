"""The frames of a bag: colour, aligned depth and camera model of one exposure, as bytes or as `Frame`."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpnet_ros.camera_info import lens_of, require_aligned
from gpnet_ros.data.bags.bag import Bag, BagMessage, stamp_of
from gpnet_ros.data.bags.topics import COMPRESSED, CameraTopics, find_camera
from gpnet_ros.encodings import color_of, color_of_compressed, depth_of, depth_of_compressed
from gpnet_ros.errors import BagRefused, FrameRefused
from gpnet_ros.frame import Frame
from gpnet_ros.lens import straight_frame
from gpnet_ros.pairing import TOLERANCE, StampPair, pair_stamps


@dataclass(frozen=True)
class BagFrame:
    """The messages of one exposure.

    Attributes:
        number: among the pairs of the bag, from 0.
        pair: of the images.
        stamp: of the colour image [ns].
        color, depth: images; info: camera model that was valid then.
    """

    number: int
    pair: StampPair
    stamp: int
    color: BagMessage
    depth: BagMessage
    info: BagMessage


class BagFrames:
    """All pairs of a camera in an open bag.

    Attributes:
        bag: that holds them.
        topics: of the camera.
        tolerance: within which images without a partner of their own stamp are paired [s].
    """

    def __init__(
        self, bag: Bag, prefix: str | None = None, tolerance: float = TOLERANCE, transport: str = "auto"
    ) -> None:
        """Look for the camera; nothing is read yet. tolerance in seconds [s]; prefix, transport as of `find_camera`."""
        self.bag, self.tolerance = bag, tolerance
        self.topics: CameraTopics = find_camera(bag.topics.values(), prefix, transport)

    @cached_property
    def stamps(self) -> dict[str, list[int]]:
        """Stamps [ns] of all colour and depth images by topic, in the order of recording."""
        found: dict[str, list[int]] = {name: [] for name in (self.topics.color, self.topics.depth) if name}
        for message in self.bag.messages(tuple(found)):
            found[message.topic].append(_nanoseconds(message))
        return found

    @cached_property
    def pairs(self) -> list[StampPair]:
        """Pairs of colour and depth, in the order of recording."""
        colors, depths = (self.stamps.get(name, []) for name in (self.topics.color, self.topics.depth))
        return pair_stamps(colors, depths, round(self.tolerance * 1e9))

    @cached_property
    def infos(self) -> list[BagMessage]:
        """Camera models, in the order of recording."""
        return list(self.bag.messages((self.topics.info,))) if self.topics.info else []

    def require(self) -> None:
        """Refuse a bag of which no frame could be made.

        Raises:
            BagRefused: a topic is missing, or no two images belong together.
        """
        if self.topics.missing:
            raise BagRefused(f"Bag {self.bag.path}: {self.topics.missing[0]}")
        if not self.pairs:
            raise BagRefused(
                f"Bag {self.bag.path}: no image of {self.topics.color} has a partner in {self.topics.depth}: "
                f"{nearest_sentence(self)}"
            )

    def messages(self, numbers: Collection[int] | None = None) -> Iterator[BagFrame]:
        """Frames by their numbers, all without, as messages; in the order of the colour images.

        Raises:
            BagRefused: see `require`.
        """
        self.require()
        wanted = {n: p for n, p in enumerate(self.pairs) if numbers is None or n in numbers}
        of_color, of_depth = ({getattr(p, k): n for n, p in wanted.items()} for k in ("color", "depth"))
        halves: dict[int, dict[str, BagMessage]] = {}
        counts = {self.topics.color: 0, self.topics.depth: 0}
        order = iter(sorted(wanted))
        due = next(order, None)
        for message in self.bag.messages(tuple(counts)):
            number = (of_color if message.topic == self.topics.color else of_depth).get(counts[message.topic])
            counts[message.topic] += 1
            if number is not None:
                halves.setdefault(number, {})[message.topic] = message
            while due is not None and len(halves.get(due, {})) == 2:
                yield self._frame(due, halves.pop(due))
                due = next(order, None)

    def frames(self, numbers: Collection[int] | None = None) -> Iterator[tuple[BagFrame, Frame]]:
        """Messages and the frame that they make.

        Raises:
            BagRefused: see `require`; FrameRefused: an encoding that is not read, or images that do not fit together.
        """
        for messages in self.messages(numbers):
            yield messages, self.frame(messages)

    def frame(self, messages: BagFrame) -> Frame:
        """The frame of one exposure, without distortion; stamp and frame_id are those of the colour image.

        Raises:
            FrameRefused: an encoding that is not read, or images that do not fit together.
        """
        color, depth, info = (self.bag.read(m) for m in (messages.color, messages.depth, messages.info))
        try:
            require_aligned(color.header.frame_id, depth.header.frame_id)
            return straight_frame(
                self._color(messages.color, color),
                self._depth(messages.depth, depth),
                lens_of(info, self.topics.color),
                float(color.header.stamp.sec + color.header.stamp.nanosec * 1e-9),
                color.header.frame_id,
            )
        except FrameRefused as error:
            raise FrameRefused(f"Bag {self.bag.path}, frame {messages.number}: {error}") from error

    def picture(self, message: BagMessage) -> NDArray[Any]:
        """The pixels of one image as it was taken: colour (H, W, 3) uint8 RGB, or depth (H, W) float32 [m].

        Raises:
            FrameRefused: an encoding that is not read.
        """
        read = self._color if message.topic == self.topics.color else self._depth
        return read(message, self.bag.read(message))

    def _color(self, message: BagMessage, image: Any) -> NDArray[np.uint8]:
        return (color_of_compressed if self._is_packed(message) else color_of)(image)

    def _depth(self, message: BagMessage, image: Any) -> NDArray[np.float32]:
        return (depth_of_compressed if self._is_packed(message) else depth_of)(image)

    def _is_packed(self, message: BagMessage) -> bool:
        return self.bag.topics[message.topic].type == COMPRESSED

    def _frame(self, number: int, halves: dict[str, BagMessage]) -> BagFrame:
        color, depth = halves[self.topics.color], halves[self.topics.depth]
        # A latched model may have been recorded long before; one that comes late holds for the images before it too.
        at = bisect.bisect([m.time for m in self.infos], color.time)
        return BagFrame(number, self.pairs[number], _nanoseconds(color), color, depth, self.infos[max(at - 1, 0)])


def nearest_sentence(frames: BagFrames) -> str:
    """How far colour and depth are apart at best, and what helps."""
    colors, depths = (sorted(frames.stamps.get(n, [])) for n in (frames.topics.color, frames.topics.depth))
    if not colors or not depths:
        return "one of them has no image."
    near = min(abs(d - c) for c in colors for d in depths[max(bisect.bisect(depths, c) - 1, 0) :][:2])
    return (
        f"the nearest stamps are {near * 1e-6:.1f} ms apart, {frames.tolerance * 1e3:.1f} ms are allowed; let the "
        "camera synchronise its streams (enable_sync:=true), or give a greater --tolerance."
    )


def _nanoseconds(message: BagMessage) -> int:
    seconds, nanoseconds = stamp_of(message.raw)
    return seconds * 10**9 + nanoseconds
