"""What docs/ros.md says of topics and services, and what a running graph has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gpnet_ros.settings import config_dir

#: What every node of ROS has by itself, and so no table names.
OF_ROS = ("/rosout", "/parameter_events")
_OF_LIFECYCLE = "transition_event"


@dataclass(frozen=True)
class Row:
    """One topic of the table: its type, whether it is latched, which node publishes it, and whether it always does."""

    kind: str
    latched: bool
    node: str
    always: bool


def documented_topics() -> dict[str, Row]:
    """The table of topics in docs/ros.md, by absolute name; the cells of a row are read as they stand."""
    page = (config_dir().parent / "docs" / "ros.md").read_text("utf-8")
    (table,) = re.findall(r"\n\| topic \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)", page)
    found = {}
    for line in table.splitlines():
        names, kind, quality, source = (cell.strip() for cell in line.strip("|").split(" | "))
        for name in re.findall(r"`([^`]+)`", names.split(": ")[0]):
            node, _, condition = source.partition(",")
            row = Row(kind.split()[0], quality.startswith("latched"), node, not condition.strip().startswith("where"))
            found["/" + name.strip("/")] = row
    return found


def documented_services() -> set[str]:
    """The services of planner_node in docs/ros.md."""
    page = (config_dir().parent / "docs" / "ros.md").read_text("utf-8")
    (sentence,) = re.findall(r"\nServices of planner_node,.*?\n\n", page, re.S)
    return set(re.findall(r"`~/(\w+)`", sentence))


def running_topics(node: Any, publishers: list[str]) -> dict[str, Row]:
    """The topics that these nodes publish now, as a client sees them.

    Args:
        node: the client's rclpy node.
        publishers: names of the nodes, in the root namespace.

    Raises:
        ValueError: two nodes have one name, and ROS tells of one of them only.
    """
    from rclpy.qos import DurabilityPolicy

    found, names = {}, node.get_node_names()
    for publisher in publishers:
        if names.count(publisher) > 1:
            raise ValueError(f"{names.count(publisher)} nodes of this domain are named {publisher}")
        for topic, _ in node.get_publisher_names_and_types_by_node(publisher, "/"):
            if topic in OF_ROS or topic.endswith(_OF_LIFECYCLE):
                continue
            (end, *_) = [e for e in node.get_publishers_info_by_topic(topic) if e.node_name == publisher]
            latched = end.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
            found[topic] = Row(end.topic_type.rpartition("/")[2], latched, publisher, True)
    return found


def differences(documented: dict[str, Row], running: dict[str, Row], publishers: list[str]) -> list[str]:
    """Where the table and the running nodes do not agree, one sentence each."""
    told = []
    for topic, row in running.items():
        if topic not in documented:
            told.append(f"{row.node} publishes {topic} ({row.kind}), which docs/ros.md does not name")
            continue
        page = documented[topic]
        if (page.kind, page.latched) != (row.kind, row.latched):
            told.append(f"{topic} is {row}, docs/ros.md says {page}")
        if page.node not in (row.node, "all"):
            told.append(f"{topic} comes from {row.node}, docs/ros.md says {page.node}")
    for topic, page in documented.items():
        if page.always and page.node in (*publishers, "all") and topic not in running:
            told.append(f"docs/ros.md names {topic}, which {page.node} does not publish")
    return told
