"""Starting a lifecycle node as a process: autostart, a clean end, and one sentence when it cannot start."""

from __future__ import annotations

import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

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
    """A lifecycle node that can be told to end its threads, also when a signal has ended ROS before it."""

    def halt(self) -> None:
        """Stop and join whatever works beside the executor; harmless when nothing does."""


def run(make: Callable[[], ManagedNode]) -> None:
    """Make the node, bring it to active when its parameter `autostart` says so, and spin until told to end.

    Exits with 2 and one sentence when the node refuses its settings or cannot become active.
    """
    rclpy.init()
    node = None
    try:
        node = make()
        if node.get_parameter("autostart").value:
            for transition in (node.trigger_configure, node.trigger_activate):
                if transition() != TransitionCallbackReturn.SUCCESS:
                    raise GpnetError(f"{node.get_name()} could not start; its log above says why.")
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except GpnetError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    finally:
        if node is not None:
            node.halt()
            node.destroy_node()
        rclpy.try_shutdown()
