"""The planner's own health: what it knows of arm, loop, frames and inference, brought together once a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray

from gpnet_ros.nodes.arriving.exposures import Exposures
from gpnet_ros.nodes.arriving.sights import MAPS_INFO
from gpnet_ros.nodes.health.parts import Health, InferenceWatch, InputHealth, Level, arm_health, loop_health
from gpnet_ros.nodes.processes.start import qos
from gpnet_ros.nodes.showing.planner_outputs import Outputs
from gpnet_ros.picking.loop import PickingLoop

#: All nodes of a graph speak on /diagnostics, some of them at one time.
_HEARD_QOS = qos(20, reliable=True)


class Checkup:
    """Gathers the parts of the planner's health."""

    def __init__(self, node: Any, loop: PickingLoop, exposures: Exposures, outputs: Outputs) -> None:
        """Listen to the diagnostics of who makes the maps."""
        self._node, self._loop, self._exposures, self._outputs = node, loop, exposures, outputs
        self._input, self._inference = InputHealth(), InferenceWatch()
        self._missed = ""
        self._maps = node.resolve_topic_name(MAPS_INFO)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, _HEARD_QOS)

    def _hear(self, message: DiagnosticArray) -> None:
        for name in {status.name.partition(":")[0] for status in message.status}:
            self._inference.beat(name)

    def parts(self) -> list[Health]:
        """How arm, loop, input and inference are."""
        arrivals = self._exposures.arrivals
        inference = self._inference.judge(arrivals, MAPS_INFO, self._publishers())
        self._tell(inference)
        return [
            arm_health(self._loop.attention.arm_state(), time.time()),
            loop_health(self._loop.state, self._counts()),
            self._input.judge(arrivals, self._exposures.fault(), self._exposures.lost_shares()),
            inference,
        ]

    def _publishers(self) -> Iterator[str]:
        """Full names of the nodes that publish maps."""
        for info in self._node.get_publishers_info_by_topic(self._maps):
            yield f"{info.node_namespace.rstrip('/')}/{info.node_name}"

    def _tell(self, inference: Health) -> None:
        """Log that inference has gone, and that it is back; once each. A network that still loads has not gone."""
        missed = inference.message if inference.level != Level.OK else ""
        log = self._node.get_logger()
        if not self._exposures.arrivals.meter(MAPS_INFO).count:
            return
        if missed and not self._missed:
            log.warning(missed)
        elif self._missed and not missed:
            log.info("maps come again")
        self._missed = missed

    def _counts(self) -> dict[str, Any]:
        """The loop's mode, counts and times."""
        loop, tally = self._loop, self._loop.picker.tally
        return {
            "state": loop.state, "mode": loop.settings.mode, "auto resume": loop.settings.auto_resume,
            "picks": tally.picks, "failures in a row": tally.failures, "placed": tally.placed,
            "last refusal": self._outputs.last_refusal, **self._outputs.times.medians(),
        }  # fmt: skip
