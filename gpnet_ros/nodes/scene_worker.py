"""The second network beside the first: a thread that sees what is in the newest frame, at a pace of its own."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from gpnet_ros.detections import Detections
from gpnet_ros.errors import GpnetError
from gpnet_ros.frame import Frame
from gpnet_ros.nodes.arriving.arrivals import Arrivals
from gpnet_ros.nodes.health.inference_watch import DETECTIONS_SILENT
from gpnet_ros.nodes.health.parts import AnswerHealth, Health
from gpnet_ros.nodes.showing.detection_outputs import DetectionOutputs


class SceneWorker:
    """Runs a detector of scenes on the newest frame that was offered; the maps never wait for it.

    Attributes:
        answers: what became of the frames.
        failure: why its thread has died; empty when it has not.
    """

    def __init__(
        self, node: Any, outputs: DetectionOutputs, detect: Callable[[Frame], Detections], rate: Callable[[], float]
    ) -> None:
        """Begin to work.

        Args:
            node: whose log is written to. outputs: where detections go.
            detect: the detector.
            rate: most frames per second [1/s], asked before each.
        """
        self._node, self._outputs, self._detect, self._rate = node, outputs, detect, rate
        self.answers, self.failure = AnswerHealth(), ""
        self._newest: Frame | None = None
        self._running, self._changed = True, threading.Condition()
        self._thread = threading.Thread(target=self._to_the_end, daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        """See what is in this frame, unless a newer one comes first."""
        with self._changed:
            self._newest = frame
            self._changed.notify_all()

    def health(self, arrivals: Arrivals, about: Mapping[str, Any], hardware_id: str) -> Health:
        """The part `detections`: arrivals of the frames, what a person wants to know beside, and on what it runs."""
        taken = self.answers.answers.count + self.answers.refusals.count
        return self.answers.judge("detections", arrivals, taken, about, hardware_id, DETECTIONS_SILENT)

    def halt(self, patience: float) -> None:
        """End the thread, and wait for it at most so long [s]."""
        with self._changed:
            self._running = False
            self._changed.notify_all()
        self._thread.join(patience)

    def _to_the_end(self) -> None:
        try:
            while (frame := self._next()) is not None:
                began = time.monotonic()
                self._see(frame)
                with self._changed:
                    rest = began + 1.0 / self._rate() - time.monotonic()
                    self._changed.wait_for(lambda: not self._running, max(rest, 0.0))
        except Exception as error:
            self._node.get_logger().error(traceback.format_exc())
            self.failure = f"The thread of the second network died: {type(error).__name__}: {error}"

    def _next(self) -> Frame | None:
        """The newest frame, once; None when told to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or not self._running)
            frame, self._newest = self._newest, None
            return frame if self._running else None

    def _see(self, frame: Frame) -> None:
        """Publish the detections of a frame, or warn of why there are none."""
        try:
            self.answers.times.begin()
            self._outputs.begin(frame)
            seen = self._detect(frame)
            self.answers.times.lap("detections")
            self._outputs.publish(frame, seen)
            self.answers.times.lap("publish")
            self.answers.answered()
        except GpnetError as error:
            self.answers.refused(str(error))
            self._node.get_logger().warning(f"No detections: {error}", throttle_duration_sec=2.0)
