"""replay_node: the frames of a bag on the topics of a camera, with the bag's time as /clock."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from gpnet_ros.camera_info import is_rectified, lens_of
from gpnet_ros.data.bags.bag import Bag, BagMessage, with_stamp
from gpnet_ros.data.bags.frames import BagFrame, BagFrames
from gpnet_ros.data.bags.topics import COMPRESSED
from gpnet_ros.errors import FrameRefused, SettingsError
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH
from gpnet_ros.nodes.bags.playback import Playback
from gpnet_ros.nodes.health.meters import Meter
from gpnet_ros.nodes.health.parts import Health, StillHealth, rate
from gpnet_ros.nodes.parameters.declared import ReplaySettings
from gpnet_ros.nodes.processes import start
from gpnet_ros.nodes.processes.readiness import Readiness

#: A clock is for those that come later, too, and some of them want it reliable.
_CLOCK_QOS = start.qos(10, reliable=True)


class ReplayNode(start.WorkerNode[ReplaySettings]):
    """Publishes a bag as camera_node would; raw images go out as they were recorded, packed ones are unpacked."""

    def __init__(self) -> None:
        super().__init__("replay_node", ReplaySettings)
        self.bag: Bag | None = None
        self._readiness: Readiness | None = None
        self.time, self.shown, self.refused = StillHealth(), Meter(), Meter()

    def configure(self) -> None:
        """Create the topics."""
        super().configure()
        kinds: dict[str, type] = {COLOR: Image, DEPTH: Image, CAMERA_INFO: CameraInfo}
        self.outputs: dict[str, Any] = {t: self.create_publisher(k, t, start.PUBLISH_QOS) for t, k in kinds.items()}
        self.clock: Any = self.create_publisher(Clock, "/clock", _CLOCK_QOS) if self.settings.clock else None

    def activate(self) -> None:
        """Open the bag and play it.

        Raises:
            BagRefused: it cannot be read, or holds no frame.
        """
        s = self.settings
        if not s.bag_file:
            raise SettingsError("replay_node: bag_file is empty; name the bag to play, a folder, .mcap or .db3.")
        self.bag = Bag(Path(s.bag_file)).__enter__()
        frames = BagFrames(self.bag, s.prefix or None, s.tolerance, s.image_transport)
        self.playback = Playback(frames, s.rate, s.start_offset)
        colors = len(frames.stamps[frames.topics.color])
        self.get_logger().info(
            f"plays {len(self.playback.numbers)} frames of {s.bag_file}, {len(frames.pairs)} of its {colors} colour "
            f"images have depth: {frames.topics.color} and {frames.topics.depth}"
        )
        super().activate()

    def halt(self) -> None:
        """Stop playing and close the bag."""
        super().halt()
        if self.bag is not None:
            self.bag.__exit__(None, None, None)
            self.bag = None

    def work(self) -> None:
        """Play until the end, or again and again; then end the process, as `ros2 bag play` does."""
        self._wait_for_someone()
        while self.running.is_set() and self.playback.play(self.show, self.tell_time, self._wait):
            if not self.settings.loop:
                self.get_logger().info("the bag has ended")
                os.kill(os.getpid(), signal.SIGTERM)
                break
        while not self._wait(0.2):
            pass

    def show(self, frame: BagFrame) -> None:
        """Publish one exposure; all its messages carry the stamp of the colour image."""
        try:
            messages = {CAMERA_INFO: self._info(frame)}
            messages[COLOR] = self._image(frame, frame.color)
            messages[DEPTH] = self._image(frame, frame.depth)
        except FrameRefused as error:
            self.refused.note()
            self.get_logger().warning(str(error), throttle_duration_sec=2.0)
            return
        self.shown.note()
        for topic, message in messages.items():
            self.outputs[topic].publish(message)

    def _info(self, frame: BagFrame) -> Any:
        """The camera model as it was recorded; of pictures that were made straight, without their old distortion."""
        assert self.bag is not None
        color_topic = self.playback.frames.topics.color
        if not is_rectified(color_topic):
            return with_stamp(frame.info.raw, frame.stamp)
        recorded = self.bag.read(frame.info)
        message = convert.to_camera_info(lens_of(recorded, color_topic).camera, 0.0, recorded.header.frame_id)
        seconds, rest = divmod(frame.stamp, 10**9)
        message.header.stamp = convert.Time(sec=seconds, nanosec=rest)
        return message

    def tell_time(self, nanoseconds: int) -> None:
        """Publish the bag's time [ns]."""
        self.time.tell(nanoseconds * 1e-9)
        if self.clock is not None:
            seconds, rest = divmod(nanoseconds, 10**9)
            self.clock.publish(Clock(clock=convert.Time(sec=seconds, nanosec=rest)))

    def health(self) -> list[Health]:
        """Whether the bag plays, and what of it."""
        time = self.time.judge("bag", "the bag")
        more = {"frames [1/s]": rate(self.shown), "frames": self.shown.count, "refused": self.refused.count}
        return [replace(time, values={**time.values, **more, "file": self.settings.bag_file})]

    def _image(self, frame: BagFrame, message: BagMessage) -> Any:
        """An image as it was recorded, or unpacked."""
        assert self.bag is not None
        if self.bag.topics[message.topic].type != COMPRESSED:
            return with_stamp(message.raw, frame.stamp)
        encoding = "rgb8" if message is frame.color else "32FC1"
        values = self.playback.frames.picture(message)
        image = convert.to_image(values, encoding, 0.0, self.bag.read(message).header.frame_id)
        seconds, rest = divmod(frame.stamp, 10**9)
        image.header.stamp = convert.Time(sec=seconds, nanosec=rest)  # to the nanosecond
        return image

    def _wait_for_someone(self) -> None:
        """Wait until somebody listens: what is published before is lost."""
        end, color = time.monotonic() + self.settings.wait, self.outputs[COLOR]
        while not (self._is_awaited() and color.get_subscription_count()):
            if time.monotonic() > end:
                what = "is not active" if color.get_subscription_count() else f"listens to {color.topic_name}"
                who = self.settings.wait_for if color.get_subscription_count() else "nobody"
                self.get_logger().warning(f"{who} {what}; plays all the same")
                return
            if self._wait(0.05):
                return

    def _is_awaited(self) -> bool:
        """Whether the node that the parameter names is active, if it names one."""
        if not self.settings.wait_for:
            return True
        self._readiness = self._readiness or Readiness(self, self.settings.wait_for)
        return self._readiness.is_active()

    def _wait(self, seconds: float) -> bool:
        """Wait so long [s]; whether the node halts."""
        if seconds > 0:
            time.sleep(seconds)
        return not self.running.is_set()


def main() -> None:
    """Run replay_node until the bag has ended, or until it is told to end."""
    start.run(ReplayNode)


if __name__ == "__main__":
    main()
