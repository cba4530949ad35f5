"""Starting a lifecycle node as a process: autostart, a clean end, and one sentence when it cannot start."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.service import Service
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from std_msgs.msg import Header

from gpnet_ros.errors import GpnetError
from gpnet_ros.nodes.health.parts import Health, Level
from gpnet_ros.nodes.parameters import qos_overrides
from gpnet_ros.nodes.parameters.declared import NodeSettings
from gpnet_ros.nodes.processes.shared_memory import remove_dead_memory
from gpnet_ros.nodes.settings_node import SettingsNode
from gpnet_ros.parent import end_with_parent
from gpnet_ros.scheduling import change_niceness

_S = TypeVar("_S", bound=NodeSettings)


def qos(depth: int, reliable: bool, latched: bool = False) -> QoSProfile:
    """Quality of service that keeps the last `depth` messages; latched, also for those who subscribe later."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


#: Nice values of who leads the arm, and of who sees for it. The planner's heartbeat, without which the arm stops, must
#: not wait for pictures; nor may pictures wait for everything else on a busy machine: a pick without them never ends.
LEADS, SEES = -10, -5
#: Sensor data: the newest frame or none; a queue only makes frames old.
SENSOR_QOS = qos(1, reliable=False)
#: Sensor data where lost messages have to be sent again.
RESENT_QOS = qos(5, reliable=True)
#: What publishers of sensor data offer, so that reliable subscribers are served too.
PUBLISH_QOS = qos(1, reliable=True)
#: Results that a late subscriber wants to see.
LATCHED_QOS = qos(1, reliable=True, latched=True)


#: How often a node says how it is [s].
HEALTH_PERIOD = 1.0


def to_status(node: Any, health: Health) -> DiagnosticStatus:
    """Health of a part as a message, named as diagnostic_updater does: the node's full name, so that cells differ."""
    status = DiagnosticStatus(name=f"{node.get_fully_qualified_name()}: {health.part}", message=health.message)
    status.level, status.hardware_id = bytes([health.level]), health.hardware_id
    status.values = [KeyValue(key=key, value=str(value)) for key, value in health.values.items()]
    return status


class ManagedNode(SettingsNode[_S]):
    """A lifecycle node with its settings as parameters, which ends its threads while ROS still lives.

    What a transition raises as `GpnetError` is logged in one sentence, and the transition fails. From configure on it
    says once a second on /diagnostics how it is.

    Attributes:
        is_active: whether the lifecycle says so.
        failure: why what worked beside the executor has died; empty when it has not.
    """

    def __init__(self, name: str, settings: type[_S]) -> None:
        super().__init__(name, settings)
        self.is_active, self.failure = False, ""
        self._kept = {id(entity) for entity in self._entities()}

    def seconds(self) -> float:
        """The time of the node's own clock [s], which may be that of a bag."""
        return float(self.get_clock().now().nanoseconds * 1e-9)

    def configure(self) -> None:
        """Create topics and whatever does not work yet."""

    def activate(self) -> None:
        """Begin the work of the active node."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure by `configure`; its error is logged."""
        if not self._works(self.configure):
            return TransitionCallbackReturn.FAILURE
        self._diagnostics: Any = self.create_publisher(DiagnosticArray, "/diagnostics", PUBLISH_QOS)
        self.create_timer(HEALTH_PERIOD, self.watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        if unused := qos_overrides.unused(self):
            self.get_logger().warning(unused)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate by `activate`; its error is logged."""
        self.failure = ""
        self.is_active = self._works(self.activate)
        return super().on_activate(state) if self.is_active else TransitionCallbackReturn.FAILURE

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate by `halt`."""
        self.is_active = False
        self.halt()
        return super().on_deactivate(state)

    def _works(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except GpnetError as error:
            self.get_logger().error(str(error))
            return False
        except Exception:  # rclpy would make of a defect a failed transition without a word
            self.get_logger().error(traceback.format_exc())
            raise
        return True

    def watch(self) -> None:
        """Publish the node's health; what has died takes the node out of `active`."""
        if self.failure and self.is_active:
            self.get_logger().error(f"{self.failure} The node is inactive now; activate it again or restart it.")
            self.trigger_deactivate()
        parts = [self._lifecycle(), *(self._parts() if self.is_active else [])]
        header = Header(stamp=self.get_clock().now().to_msg())
        status = [to_status(self, health) for health in parts]
        self._diagnostics.publish(DiagnosticArray(header=header, status=status))

    def _parts(self) -> list[Health]:
        """What `health` says; a defect in judging must never end who leads an arm."""
        try:
            return self.health()
        except Exception as error:
            self.get_logger().error(traceback.format_exc(), throttle_duration_sec=60.0)
            return [Health("health", Level.ERROR, f"A defect keeps it from telling: {type(error).__name__}: {error}")]

    def _lifecycle(self) -> Health:
        """The part `lifecycle`, which every node has."""
        if self.failure:
            return Health("lifecycle", Level.ERROR, self.failure)
        return Health("lifecycle", message="active" if self.is_active else "inactive")

    def health(self) -> list[Health]:
        """How the parts of the active node are."""
        return []

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
        self.is_active = False
        self.halt()
        for entity in self._entities():
            if id(entity) in self._kept:
                continue
            if isinstance(entity, Publisher):
                self.destroy_publisher(entity)
            elif isinstance(entity, Subscription):
                if entity.topic_name != self.resolve_topic_name("/clock"):  # use_sim_time was switched on meanwhile
                    self.destroy_subscription(entity)
            elif isinstance(entity, Service):
                self.destroy_service(entity)
            else:
                self.destroy_timer(entity)
        return then(state)

    def _entities(self) -> list[Any]:
        return [*self.publishers, *self.subscriptions, *self.services, *self.timers]


class WorkerNode(ManagedNode[_S]):
    """A node that works in a thread of its own while it is active, so that the executor never waits for it.

    A thread that dies takes the node out of `active`; the reason is logged and stays in the diagnostics.

    Attributes:
        running: cleared when `work` has to end.
        patience: longest wait for that [s].
    """

    patience = 5.0

    def __init__(self, name: str, settings: type[_S]) -> None:
        super().__init__(name, settings)
        self.worker: threading.Thread | None = None
        self.running = threading.Event()

    def work(self) -> None:
        """Work until `running` is cleared."""
        raise NotImplementedError

    def activate(self) -> None:
        """Start the thread of `work`."""
        self.running.set()
        self.worker = threading.Thread(target=self._work_to_the_end, daemon=True)
        self.worker.start()

    def _work_to_the_end(self) -> None:
        try:
            self.work()
            if self.running.is_set():
                self.failure = "The worker thread ended by itself; that is a defect."
        except Exception as error:
            self.get_logger().error(traceback.format_exc())
            self.failure = f"The worker thread died: {type(error).__name__}: {error}"

    def halt(self) -> None:
        """End the thread of `work` and wait for it."""
        self.running.clear()
        if self.worker is not None:
            self.worker.join(timeout=self.patience)


def run(make: Callable[[], ManagedNode[Any]], nice: int = 0) -> None:
    """Make the node, bring it to active when its parameter `autostart` says so, and spin until told to end.

    Args:
        make: the node's class.
        nice: change of the process's nice value where the user may, `LEADS` or `SEES`.

    It ends with its parent, so that no launch leaves an arm behind.

    Exits with 2 and one sentence when the node refuses its settings or cannot become active.
    """
    change_niceness(nice)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    end_with_parent()
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
        remove_dead_memory()  # of a launch that was killed, or a node
