"""Stands in for tf2_ros, which PyPI does not carry: the same two classes, a transform a message on tf and tf_static."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile


class TransformBroadcaster:
    topic, durability = "tf", DurabilityPolicy.VOLATILE

    def __init__(self, node: Any) -> None:
        self._publisher = node.create_publisher(
            TransformStamped, self.topic, QoSProfile(depth=100, durability=self.durability)
        )

    def sendTransform(self, transform: TransformStamped) -> None:
        self._publisher.publish(transform)


class StaticTransformBroadcaster(TransformBroadcaster):
    topic, durability = "tf_static", DurabilityPolicy.TRANSIENT_LOCAL
