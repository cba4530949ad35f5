"""A node is awaited until its own service says that it is active."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState

from gpnet_ros.nodes.processes.readiness import Readiness


class SlowService:
    """A client of a node that answers when it is told to."""

    def __init__(self) -> None:
        self.is_there, self.asked = False, 0
        self.state: int | None = None

    def create_client(self, kind: type, name: str) -> SlowService:
        assert (kind, name) == (GetState, "inference_node/get_state")
        return self

    def service_is_ready(self) -> bool:
        return self.is_there

    def call_async(self, _: Any) -> Any:
        self.asked += 1
        answer = GetState.Response
        return SimpleNamespace(
            done=lambda: self.state is not None, result=lambda: answer(current_state=State(id=self.state))
        )


def test_it_is_asked_once_at_a_time_until_it_says_active() -> None:
    other = SlowService()
    readiness = Readiness(other, "inference_node")
    assert not readiness.is_active() and not other.asked
    other.is_there = True
    assert not any(readiness.is_active() for _ in range(3)) and other.asked == 1
    other.state = State.PRIMARY_STATE_INACTIVE
    assert not any(readiness.is_active() for _ in range(4)) and other.asked == 3
    other.state = State.PRIMARY_STATE_ACTIVE
    assert any(readiness.is_active() for _ in range(2))
