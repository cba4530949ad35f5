"""A node whose publishers only keep what is published, some of them watched by subscribers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


class FakeTopic:
    def __init__(self, is_watched: bool) -> None:
        self.is_watched, self.sent = is_watched, []

    def get_subscription_count(self) -> int:
        return int(self.is_watched)

    def publish(self, message: Any) -> None:
        self.sent.append(message)


class FakeNode:
    """Topics by name; those in `watched` have a subscriber."""

    def __init__(self, watched: Collection[str]) -> None:
        self.watched, self.topics = watched, {}

    def create_publisher(self, kind: type, name: str, qos: Any) -> FakeTopic:
        return self.topics.setdefault(name, FakeTopic(name in self.watched))

    def get_fully_qualified_name(self) -> str:
        return "/fake_node"

    @property
    def first(self) -> dict[str, Any]:
        """The first message of each topic on which something was published."""
        return {name: topic.sent[0] for name, topic in self.topics.items() if topic.sent}
