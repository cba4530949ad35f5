"""Starting a lifecycle node as a process: autostart, a clean end, and one sentence when it cannot start."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.service import Service
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription

from gpnet_ros.errors import GpnetError

#: Sensor data: the newest frame or none; a queue only makes frames old.
SENSOR_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
#: What publishers of sensor data offer, so that reliable subscribers are served too.
PUBLISH_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)
#: Results that a late subscriber wants to see.
LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class ManagedNode(LifecycleNode):
    """A lifecycle node that can be told to end its threads while ROS still lives."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._kept = {id(entity) for entity in self._entities()}

    def halt(self) -> None:
        """Stop and join whatever works beside the executor; harmless when nothing does."""

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo configure, so that the next one does not create everything twice."""
        return self._end(super().on_cleanup, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Halt first: ROS does not deactivate an active node that is shut down."""
        return self._end(super().on_shutdown, state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Halt, and be as before configure."""
        return self._end(super().on_error, state)

    def _end(
        self, then: Callable[[LifecycleState], TransitionCallbackReturn], state: LifecycleState
    ) -> TransitionCallbackReturn:
        """Halt, and destroy what configure and activate made; what the node itself came with stays."""
        self.halt()
        for entity in self._entities():
            if id(entity) in self._kept:
                continue
            if isinstance(entity, Publisher):
                self.destroy_publisher(entity)
            elif isinstance(entity, Subscription):
                if entity.topic_name != "/clock":  # use_sim_time was switched on meanwhile
                    self.destroy_subscription(entity)
            elif isinstance(entity, Service):
                self.destroy_service(entity)
            else:
                self.destroy_timer(entity)
        return then(state)

    def _entities(self) -> list[Any]:
        return [*self.publishers, *self.subscriptions, *self.services, *self.timers]


def run(make: Callable[[], ManagedNode], nice: int = 0) -> None:
    """Make the node, bring it to active when its parameter `autostart` says so, and spin until told to end.

    Args:
        make: the node's class.
        nice: change of the process's nice value; the planner's heartbeat, without which the arm stops, must
            not wait for pictures. A negative one needs root and is left out without.

    Exits with 2 and one sentence when the node refuses its settings or cannot become active.
    """
    with contextlib.suppress(OSError):
        os.nice(nice)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # With rclpy's own handlers ROS would end before the threads that publish and before the arm has stopped.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = None
    try:
        node = make()
        if node.get_parameter("autostart").value:
            for transition in (node.trigger_configure, node.trigger_activate):
                if transition() != TransitionCallbackReturn.SUCCESS:
                    raise GpnetError(f"{node.get_name()} could not start; its log above says why.")
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.2)
    except GpnetError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    finally:
        if node is not None:
            node.halt()
            node.destroy_node()
        rclpy.try_shutdown()
