"""Everything that the planner publishes; nothing here decides anything."""

from __future__ import annotations

import json
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from gpnet_ros import urdf
from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import ArmState
from gpnet_ros.nodes import convert
from gpnet_ros.nodes.health.meters import Stopwatch
from gpnet_ros.nodes.health.result_status import decision_health, result_health
from gpnet_ros.nodes.processes.start import LATCHED_QOS, PUBLISH_QOS, to_status
from gpnet_ros.nodes.showing.frames import Frames
from gpnet_ros.nodes.showing.planner_markers import markers
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.record import DecisionBasis, PickRecord, rejected_reasons
from gpnet_ros.pose import invert

#: Joint names of ur_description, in the controller's order.
JOINTS = [joint for joint, *_ in urdf.JOINTS]
#: Stages of a turn are told by their median over so long [s]: a turn takes half a minute.
TURNS = 600.0
#: Topic -> type and QoS. `~` is the node's own name.
TOPICS: dict[str, tuple[type, Any]] = {
    "joint_states": (JointState, PUBLISH_QOS),
    "~/tool0": (PoseStamped, PUBLISH_QOS),
    "~/grasp": (PoseStamped, LATCHED_QOS),
    "~/markers": (MarkerArray, LATCHED_QOS),
    "~/rejected": (String, LATCHED_QOS),
    "~/refused": (String, LATCHED_QOS),
    "~/state": (String, LATCHED_QOS),
    "~/result": (String, LATCHED_QOS),
    "~/result_status": (DiagnosticStatus, LATCHED_QOS),
    "~/decision_status": (DiagnosticStatus, LATCHED_QOS),
}


class Outputs:
    """Implements the loop's `LoopListener` on topics; every method may be called from any thread."""

    def __init__(self, node: Any, cell: Cell, frames: Frames) -> None:
        self.node, self.cell = node, cell
        self.topics: dict[str, Any] = {t: node.create_publisher(k, t, qos) for t, (k, qos) in TOPICS.items()}
        self.frames = frames
        self.last_state, self.last_refusal = "idle", ""
        self.times = Stopwatch(span=TURNS)

    def _publish(self, topic: str, message: Any) -> None:
        self.topics[topic].publish(message)

    def state(self, state: str) -> None:
        """Publish a new state of the loop."""
        self.last_state = state
        self._publish("~/state", String(data=state))

    def refused(self, reason: str) -> None:
        """Publish why a frame was not used or a wish not granted."""
        self.last_refusal = reason
        self._publish("~/refused", String(data=reason))
        self.node.get_logger().warning(reason, throttle_duration_sec=2.0)

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        """Publish the chosen grasp, why the others lost, both as markers, and the decision as a status."""
        self.last_refusal = ""
        lost = {"stamp": sight.frame.stamp, "rejected": rejected_reasons(decision)}
        self._publish("~/rejected", String(data=json.dumps(lost)))
        if decision.T_base_grasp is not None:
            pose = convert.to_pose_in_base_link(decision.T_base_grasp, sight.frame.stamp)
            self._publish("~/grasp", pose)
        self._publish("~/markers", markers(decision, sight, basis.T_base_camera, self.cell))
        self._publish("~/decision_status", to_status(self.node, decision_health(decision, sight)))

    def result(self, record: PickRecord) -> None:
        """Publish how a turn of the loop ended, as JSON and as a status with the same values."""
        for stage, seconds in record.turn.times.items():
            self.times.note(stage, seconds)
        self._publish("~/result", String(data=json.dumps(record.to_dict())))
        self._publish("~/result_status", to_status(self.node, result_health(record)))
        finished = f"; finished: {record.finished}" if record.finished else ""
        self.node.get_logger().info(f"pick {record.pick}: {record.turn.status} {record.turn.message}{finished}")

    def arm(self, state: ArmState, stamp: float) -> None:
        """Publish joints and flange with a stamp [s]."""
        header = convert.header(stamp, "")
        joints = JointState(header=header, name=JOINTS, position=state.q.tolist(), velocity=state.qd.tolist())
        self._publish("joint_states", joints)
        tool0 = convert.to_pose_in_base_link(state.T_base_tcp @ invert(self.cell.T_flange_tcp), stamp)
        self._publish("~/tool0", tool0)
        self.frames.flange(tool0)
