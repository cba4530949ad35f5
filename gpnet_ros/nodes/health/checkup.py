"""The planner's own health: what it knows of arm, loop, frames and inference, brought together once a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray

from gpnet_ros.nodes.arriving.exposures import Exposures
from gpnet_ros.nodes.arriving.sights import MAPS_INFO
from gpnet_ros.nodes.detection_messages import OBJECTS
from gpnet_ros.nodes.health.inference_watch import DETECTIONS_SILENT, InferenceWatch
from gpnet_ros.nodes.health.parts import Health, InputHealth, Level, arm_health, loop_health
from gpnet_ros.nodes.processes.start import qos
from gpnet_ros.nodes.showing.planner_outputs import Outputs
from gpnet_ros.picking.loop import PickingLoop

#: All nodes of a graph speak on /diagnostics, some of them at one time.
_HEARD_QOS = qos(20, reliable=True)


@dataclass
class _Watched:
    """A network that the planner waits for: its part, what it makes, on which topic, and what was missed of it last."""

    part: str
    what: str
    topic: str
    watch: InferenceWatch
    missed: str = ""


class Checkup:
    """Gathers the parts of the planner's health."""

    def __init__(self, node: Any, loop: PickingLoop, exposures: Exposures, outputs: Outputs) -> None:
        """Listen to the diagnostics of who makes the maps and the detections, as far as they are waited for."""
        self._node, self._loop, self._exposures, self._outputs = node, loop, exposures, outputs
        self._input = InputHealth()
        watched = [
            _Watched("inference", "maps", MAPS_INFO, InferenceWatch()),
            _Watched("detections", "detections", OBJECTS, InferenceWatch(None, "detections", DETECTIONS_SILENT)),
        ]
        self._watched = [w for w in watched if w.topic in (*exposures.wanted, *exposures.later)]
        node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, _HEARD_QOS)

    def _hear(self, message: DiagnosticArray) -> None:
        for name in {status.name.partition(":")[0] for status in message.status}:
            for each in self._watched:
                each.watch.beat(name)

    def parts(self) -> list[Health]:
        """How arm, loop, input and inference are."""
        arrivals = self._exposures.arrivals
        return [
            arm_health(self._loop.attention.arm_state(), time.time()),
            loop_health(self._loop.state, self._counts()),
            self._input.judge(arrivals, self._exposures.fault(), self._exposures.lost_shares()),
            *(self._judged(each) for each in self._watched),
        ]

    def _judged(self, each: _Watched) -> Health:
        publishers = self._publishers(self._node.resolve_topic_name(each.topic))
        found = each.watch.judge(self._exposures.arrivals, each.topic, publishers)
        self._tell(each, found)
        return replace(found, part=each.part)

    def _publishers(self, topic: str) -> Iterator[str]:
        """Full names of the nodes that publish a topic."""
        for info in self._node.get_publishers_info_by_topic(topic):
            yield f"{info.node_namespace.rstrip('/')}/{info.node_name}"

    def _tell(self, each: _Watched, found: Health) -> None:
        """Log that a network has gone, and that it is back; once each. A network that still loads has not gone."""
        missed = found.message if found.level != Level.OK else ""
        log = self._node.get_logger()
        if not self._exposures.arrivals.meter(each.topic).count:
            return
        if missed and not each.missed:
            log.warning(missed)
        elif each.missed and not missed:
            log.info(f"{each.what} come again")
        each.missed = missed

    def _counts(self) -> dict[str, Any]:
        """The loop's mode, counts and times."""
        loop, tally = self._loop, self._loop.picker.tally
        return {
            "state": loop.state, "mode": loop.settings.mode, "auto resume": loop.settings.auto_resume,
            "picks": tally.picks, "failures in a row": tally.failures, "placed": tally.placed,
            "last refusal": self._outputs.last_refusal, **self._outputs.times.medians(),
        }  # fmt: skip
