"""A person at the planner, as a program: calls its services, waits for its results."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gpnet_ros.errors import DeviceError
from gpnet_ros.nodes.processes.start import LATCHED_QOS, PUBLISH_QOS

SERVICES = ("start", "stop", "pause", "resume", "pick")
#: An arm at rest seems to move less than this in any joint [rad].
_MOVED = 5e-4


class PlannerClient:
    """Follows state and results of one planner_node in a thread of its own; use it as a context manager.

    Attributes:
        node: its rclpy node, for further subscriptions.
        results: all results since it was opened, oldest first; the latched one of before too.
        state: newest state of the planner, empty before the first.
        proposals: how often it has begun to wait for a person's word on a grasp.
        refused: newest reason for which a frame or a wish was refused.
    """

    def __init__(self, domain_id: int | None = None, namespace: str = "", planner: str = "planner_node") -> None:
        """Join the ROS graph; domain_id None takes that of the environment."""
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node: Any = rclpy.create_node("gpnet_client", namespace=namespace, context=self._context)
        self.results: list[dict[str, Any]] = []
        self.state, self.refused, self.proposals = "", "", 0
        self._changed = threading.Condition()
        self._joints: list[float] = []
        self._moved = -math.inf
        self.node.create_subscription(JointState, "joint_states", self._take_joints, PUBLISH_QOS)
        for topic, take in (("state", self._take_state), ("result", self._take_result), ("refused", self._take_reason)):
            self.node.create_subscription(String, f"{planner}/{topic}", take, LATCHED_QOS)
        self._services = {name: self.node.create_client(Trigger, f"{planner}/{name}") for name in SERVICES}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._closed: Any = Future()
        self._thread = threading.Thread(target=self._spin, name="gpnet_client", daemon=True)
        self._thread.start()

    def __enter__(self) -> PlannerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the ROS graph and end the thread."""
        self._closed.set_result(None)
        self._thread.join(timeout=5.0)  # before its handles are taken away
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def offers(self, service: str) -> bool:
        """Whether a planner offers this service now."""
        return bool(self._services[service].service_is_ready())

    def call(self, service: str, timeout: float = 10.0) -> str:
        """Call `start`, `stop`, `pause`, `resume` or `pick`; the answer's text.

        Raises:
            DeviceError: the planner is not there, does not answer in time [s], or refuses.
        """
        done, told = self.ask(service, timeout)
        if not done:
            raise DeviceError(f"The planner refuses {service!r}: {told}")
        return told

    def ask(self, service: str, timeout: float = 10.0) -> tuple[bool, str]:
        """Call a service as `call` does; whether it was granted, and the answer's text.

        Raises:
            DeviceError: the planner is not there, or does not answer in time [s].
        """
        client = self._services[service]
        if not client.wait_for_service(timeout):
            raise DeviceError(f"Service {client.srv_name} is not there: does planner_node run in this ROS_DOMAIN_ID?")
        answered = threading.Event()
        future = client.call_async(Trigger.Request())
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(timeout):
            raise DeviceError(f"Service {client.srv_name} did not answer in {timeout:.0f} s; see the planner's log.")
        answer = future.result()
        return bool(answer.success), str(answer.message)

    def wait_until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait until something holds; it is asked whenever a message arrives.

        Raises:
            DeviceError: it did not hold, and the arm did not move, for timeout [s]: with the speed slider low a
                pick takes as long as it takes.
        """
        began = time.monotonic()
        with self._changed:
            while not condition():
                left = timeout - min(time.monotonic() - began, self.quiet())
                if left <= 0:
                    found = f"state {self.state!r}, last reason {self.refused!r}"
                    raise DeviceError(f"Waited {timeout:.0f} s in vain for {what}; {found}.")
                self._changed.wait(min(left, 0.5))

    def next_result(self, seen: int, timeout: float) -> dict[str, Any]:
        """Result number `seen` (counted from 0 in `results`), waiting for it.

        Raises:
            DeviceError: it did not come, and the arm did not move, for timeout [s].
        """
        self.wait_until(lambda: len(self.results) > seen, timeout, f"result {seen + 1}")
        return self.results[seen]

    def quiet(self) -> float:
        """For how long the arm has not moved [s]; inf where it never did."""
        return time.monotonic() - self._moved

    def _take_joints(self, message: JointState) -> None:
        now = list(message.position)
        if not self._joints:
            self._joints = now
        elif max(abs(a - b) for a, b in zip(now, self._joints)) > _MOVED:
            self._joints, self._moved = now, time.monotonic()

    def _take_state(self, message: String) -> None:
        with self._changed:
            self.state = message.data
            self.proposals += message.data == "awaiting_approval"
            self._changed.notify_all()

    def _take_result(self, message: String) -> None:
        with self._changed:
            self.results.append(json.loads(message.data))
            self._changed.notify_all()

    def _take_reason(self, message: String) -> None:
        with self._changed:
            self.refused = message.data
            self._changed.notify_all()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin_until_future_complete(self._closed)
