"""Examine the ROS domain: who is on it beside us, and would disturb.

`python -m gpnet_ros.nodes.doctor.domain SECONDS NAMESPACE` is the child that joins the domain and listens.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping

from gpnet_ros.child_python import ask_python
from gpnet_ros.computer import short
from gpnet_ros.finding import Finding, Trouble, well
from gpnet_ros.nodes.arriving.arrivals import CAMERA_INFO, COLOR, DEPTH

DOMAIN_CLOSED = Trouble(
    "domain", "domain_closed", "fault", "no node can be made",
    "See that a network interface is up (ip link), that no firewall drops UDP of 7400 and above, and that the Fast DDS "
    "profile is one.",
)  # fmt: skip
DOMAIN_OURS = Trouble(
    "domain", "domain_ours", "fault", "nodes of this package run already",
    "End them ({nodes}), give this cell a namespace, or leave these parts out of the examination.",
)  # fmt: skip
DOMAIN_DRIVER = Trouble(
    "domain", "domain_driver", "fault", "ur_robot_driver is on the domain: two would lead one arm",
    "End {nodes}, or let it lead another robot; both claim the controller's registers.",
)  # fmt: skip
DOMAIN_CAMERAS = Trouble(
    "domain", "domain_cameras", "fault", "several publishers send on a topic that our nodes read",
    "Leave one camera on {topics}: end the others, or give them another namespace or prefix.",
)  # fmt: skip
DOMAIN_OTHERS = Trouble(
    "domain", "domain_others", "warning", "nodes of others are on the domain, and may call our services",
    "If they are not of this cell, choose another ROS_DOMAIN_ID (0 to 101), or set "
    "ROS_AUTOMATIC_DISCOVERY_RANGE to LOCALHOST.",
)  # fmt: skip

#: Nodes that move or decide, of which one cell has one each.
OURS = ("camera_node", "inference_node", "planner_node", "clock_node", "oracle_node", "replay_node")
_DRIVER = re.compile(
    r"ur_ros2_control_node|controller_manager|io_and_status_controller|ur_tool_communication|dashboard_client"
    r"|urscript_interface|scaled_joint_trajectory_controller|ur_robot_state_helper"
)
#: Nodes of a cell that only show or see.
_HARMLESS = re.compile(r"rviz|robot_state_publisher|static_transform_publisher|^camera$|realsense|launch_ros|_ros2cli")
#: Time that discovery takes on a quiet network [s].
LISTEN = 5.0


def examine_domain(
    namespace: str = "", listen: float = LISTEN, environment: Mapping[str, str] | None = None
) -> list[Finding]:
    """Join the domain and tell who is there.

    Args:
        namespace: of our nodes.
        listen: how long to wait for others [s].
        environment: of the child; None for that of this process.
    """
    answer = ask_python(("-m", "gpnet_ros.nodes.doctor.domain", str(listen), namespace), environment)
    try:
        heard = json.loads(answer.lines[-1])
    except (IndexError, ValueError):
        return [DOMAIN_CLOSED.found(f"No node can be made ({short(answer.error or 'it says nothing')}).")]
    return judge_domain(heard["nodes"], heard["publishers"], namespace)


def judge_domain(nodes: list[str], publishers: Mapping[str, int], namespace: str = "") -> list[Finding]:
    """Who of the nodes, by full name, would disturb a cell of this namespace; publishers: how many, by topic."""
    found, own = [], f"/{namespace.strip('/')}".rstrip("/")
    ours = [name for name in nodes if name in [f"{own}/{node}" for node in OURS]]
    driver = [name for name in nodes if _DRIVER.search(name.rpartition("/")[2])]
    crowded = [topic for topic, count in publishers.items() if count > 1]
    others = [name for name in nodes if name not in ours + driver and not _HARMLESS.search(name.rpartition("/")[2])]
    if ours:
        found.append(DOMAIN_OURS.found(f"On the domain runs {_named(ours)} already.", nodes=_named(ours)))
    if driver:
        found.append(DOMAIN_DRIVER.found(f"On the domain is {_named(driver)}.", nodes=_named(driver)))
    if crowded:
        says = ", ".join(f"{publishers[topic]} publish on {topic}" for topic in crowded) + "."
        found.append(DOMAIN_CAMERAS.found(says[0].upper() + says[1:], topics=", ".join(crowded)))
    if others:
        found.append(DOMAIN_OTHERS.found(f"{len(others)} nodes of others are on the domain: {_named(others)}."))
    beside = f"beside {_named(nodes)}" if nodes else "nobody is"
    return found or [well("domain", f"Of those who would disturb nobody is on the domain ({beside}).")]


def _named(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more


def main() -> None:
    """Listen, and print one JSON object: names of all other nodes, and publishers on our topics."""
    import rclpy

    listen, namespace = float(sys.argv[1]), sys.argv[2].strip("/")
    rclpy.init(args=[])
    node = rclpy.create_node("gpnet_doctor", start_parameter_services=False)
    end = time.monotonic() + listen
    while time.monotonic() < end:
        time.sleep(0.1)
    names = [f"{space.rstrip('/')}/{name}" for name, space in node.get_node_names_and_namespaces()]
    own = node.get_fully_qualified_name()
    names = [name for name in names if name != own]
    topics = [f"{'/' + namespace if namespace else ''}/{topic}" for topic in (COLOR, DEPTH, CAMERA_INFO)]
    publishers = {topic: node.count_publishers(topic) for topic in topics}
    print(json.dumps({"nodes": names, "publishers": publishers}), flush=True)
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
