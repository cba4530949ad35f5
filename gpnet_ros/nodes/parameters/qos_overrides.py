"""qos_overrides: parameters by which a person changes the quality of service of a node's topics at its start.

Names are those of rclcpp and rclpy: `qos_overrides./color/image_raw.publisher.reliability`, with the whole name of
the topic. Publishers show theirs by `ros2 param list`; of subscriptions only what was given is there, for image
topics are subscribed to otherwise when their publisher asks for it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from gpnet_ros.errors import SettingsError

_PREFIX = "qos_overrides."
_WORDS = ("publisher", "subscription")
_KINDS = {k.name.lower(): k for k in (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
                                      QoSPolicyKind.DURABILITY)}  # fmt: skip
_CHOICES = {
    name: tuple(choice.name.lower() for choice in kind if choice.name != "UNKNOWN")
    for name, kind in (("history", HistoryPolicy), ("reliability", ReliabilityPolicy), ("durability", DurabilityPolicy))
}
#: Greatest depth of a queue: an image each, and every one is older than the next.
_DEPTH_MAX = 1000


@dataclass(frozen=True)
class Override:
    """One policy of one end of a topic, as a person gave it."""

    topic: str
    end: str
    policy: str

    @property
    def name(self) -> str:
        """The parameter's name."""
        return f"{_PREFIX}{self.topic}.{self.end}.{self.policy}"


def given(node: Any) -> Iterator[tuple[Override, Any]]:
    """What a person gave for a node, with its value."""
    for name, parameter in node._parameter_overrides.items():
        if name.startswith(_PREFIX):
            topic, end, policy = (["", "", "", *name.removeprefix(_PREFIX).rsplit(".", 2)])[-3:]
            yield Override(topic, end, policy), parameter.value


def require_valid(node: Any) -> None:
    """Refuse what can be true of no node.

    Raises:
        SettingsError: names the parameter, its value and what is allowed.
    """
    for override, value in given(node):
        fault = _fault(override, value)
        if fault:
            raise SettingsError(f"{node.get_name()}: {override.name} {fault}", override.name)


def _fault(override: Override, value: Any) -> str:
    if not override.topic.startswith("/") or override.end not in _WORDS or override.policy not in _KINDS:
        return (
            f"names no policy; write {_PREFIX}/WHOLE/TOPIC.{' or '.join(_WORDS)}.POLICY with one of: "
            f"{', '.join(_KINDS)}."
        )
    if override.policy == "depth":
        is_depth = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _DEPTH_MAX
        return "" if is_depth else f"is {value!r}; allowed: 1 to {_DEPTH_MAX}."
    choices = _CHOICES[override.policy]
    return "" if str(value).lower() in choices else f"is {value!r}; allowed: {', '.join(choices)}."


def overridden(node: Any, end: str, topic: str, qos: QoSProfile | int) -> tuple[QoSProfile | int, QoSOverridingOptions]:
    """Profile and options to create one end of a topic with; the profile is a copy, for rclpy changes it."""
    whole = node.resolve_topic_name(topic)
    names = list(_KINDS)
    if end == "subscription":
        names = [override.policy for override, _ in given(node) if (override.topic, override.end) == (whole, end)]
    return copy.copy(qos), QoSOverridingOptions([_KINDS[name] for name in names])


def is_given(node: Any, end: str, topic: str, policy: str) -> bool:
    """Whether a person chose a policy for one end of a topic."""
    wanted = Override(node.resolve_topic_name(topic), end, policy)
    return any(override == wanted for override, _ in given(node))


def unused(node: Any) -> str:
    """What a person gave for topics that a configured node does not have, in one sentence; empty when all is used."""
    ends = {
        "publisher": sorted({p.topic_name for p in node.publishers}),
        "subscription": sorted({s.topic_name for s in node.subscriptions}),
    }
    wrong = {f"{o.topic} ({o.end})": o.end for o, _ in given(node) if o.topic not in ends[o.end]}
    if not wrong:
        return ""
    have = "; ".join(f"{end}: {', '.join(ends[end]) or 'none'}" for end in sorted(set(wrong.values())))
    return (
        f"qos_overrides: {', '.join(wrong)} is no topic of {node.get_name()}, and nothing of it takes effect here "
        f"(another node may have it). It has {have}."
    )
