"""A node that answers frames with maps: what inference_node and oracle_node have in common."""

from __future__ import annotations

from typing import TypeVar

from gpnet_ros.errors import GpnetError
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps
from gpnet_ros.nodes.exposures import Exposures
from gpnet_ros.nodes.map_outputs import MapOutputs
from gpnet_ros.nodes.parameters import ReaderSettings
from gpnet_ros.nodes.start import WorkerNode

_S = TypeVar("_S", bound=ReaderSettings)


class MapsNode(WorkerNode[_S]):
    """Answers the newest frame, again and again; a bad frame is a warning with its reason."""

    def configure(self) -> None:
        """Create the topics that come in and go out."""
        super().configure()
        self.outputs, s = MapOutputs(self), self.settings
        self.exposures = Exposures(self, s.image_qos, image_transport=s.image_transport, pair_within=s.pair_within)

    def answer(self, frame: Frame) -> Maps | None:
        """The maps of a frame; None when there are none for it.

        Raises:
            GpnetError: the frame cannot be used.
        """
        raise NotImplementedError

    def work(self) -> None:
        """Publish the maps of the newest frame until halted."""
        while self.running.is_set():
            exposure = self.exposures.newest(timeout=0.2)
            if exposure is None:
                fault = self.exposures.fault()
                if fault:
                    self.get_logger().warning(fault, throttle_duration_sec=5.0)
                continue
            try:
                frame = exposure.frame(need_camera=True)
                maps = self.answer(frame)
                if maps is not None:
                    self.outputs.publish(frame, maps)
            except GpnetError as error:
                self.get_logger().warning(str(error), throttle_duration_sec=2.0)
