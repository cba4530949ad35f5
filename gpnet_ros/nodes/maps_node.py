"""A node that answers frames with maps: what inference_node and oracle_node have in common."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from gpnet_ros.errors import GpnetError
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps
from gpnet_ros.nodes.arriving.exposures import Exposures
from gpnet_ros.nodes.arriving.gatherer import Exposure
from gpnet_ros.nodes.health.parts import AnswerHealth, Health, InputHealth
from gpnet_ros.nodes.parameters.declared import ReaderSettings
from gpnet_ros.nodes.processes.start import WorkerNode
from gpnet_ros.nodes.showing.map_outputs import MapOutputs

_S = TypeVar("_S", bound=ReaderSettings)


class MapsNode(WorkerNode[_S]):
    """Answers the newest frame, again and again; a bad frame is a warning with its reason.

    Workspace and thresholds that the planner has too are the planner's: it is asked before they change here.
    """

    shares_with, follows = ("planner_node",), "planner_node"

    def configure(self) -> None:
        """Create the topics that come in and go out."""
        super().configure()
        self.outputs, s = MapOutputs(self), self.settings
        self.exposures = Exposures(self, s.image_qos, image_transport=s.image_transport, pair_within=s.pair_within)
        self.input, self.answers = InputHealth(), AnswerHealth()

    def answer(self, frame: Frame) -> Maps | None:
        """The maps of a frame; None when there are none for it.

        Raises:
            GpnetError: the frame cannot be used.
        """
        raise NotImplementedError

    def also(self, frame: Frame) -> None:
        """Begin what else is to be done with a frame that could be used, without holding up the next maps."""

    def work(self) -> None:
        """Publish the maps of the newest frame until halted."""
        while self.running.is_set():
            exposure = self.exposures.newest(timeout=0.2)
            if exposure is None:
                fault = self.exposures.fault()
                if fault:
                    self.get_logger().warning(fault, throttle_duration_sec=5.0)
                continue
            self.respond(exposure)

    def respond(self, exposure: Exposure) -> None:
        """Publish the maps of one exposure, or warn of why there are none."""
        try:
            self.answers.times.begin()
            frame = exposure.frame(need_camera=True)
            self._note(frame)
            maps = self.answer(frame)
            self.answers.times.lap("maps")
            if maps is not None:
                self.outputs.publish(frame, maps)
                self.answers.times.lap("publish")
                self.answers.answered()
            self.also(frame)
        except GpnetError as error:
            self.answers.refused(str(error))
            self.get_logger().warning(str(error), throttle_duration_sec=2.0)

    def _note(self, frame: Frame) -> None:
        self.answers.times.lap("unpack")
        self.input.take(self.seconds() - frame.stamp)
        if frame.depth is not None:
            self.answers.valid.note(float(np.isfinite(frame.depth).mean()))

    def health(self) -> list[Health]:
        """What comes in, and what is made of it."""
        arrivals, taken = self.exposures.arrivals, self.input.taken.count
        return [
            self.input.judge(arrivals, self.exposures.fault(), self.exposures.lost_shares()),
            self.answers.judge("maps", arrivals, taken, self.about(), self.hardware()),
        ]

    def about(self) -> dict[str, Any]:
        """What a person wants to know of how the maps are made, by name."""
        return {}

    def hardware(self) -> str:
        """On what they are made; empty where that is nothing special."""
        return ""
