"""Whether another lifecycle node is active: its own service says so, and answers only when it has loaded."""

from __future__ import annotations

from typing import Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState


class Readiness:
    """Asks another node, again and again, without waiting for its answer."""

    def __init__(self, node: Any, other: str) -> None:
        """Args: other is the node's name, relative to the namespace of `node`, which spins elsewhere."""
        self._client: Any = node.create_client(GetState, f"{other}/get_state")
        self._asked: Any = None

    def is_active(self) -> bool:
        """Whether it has said that it is active; a question that is open is not asked again."""
        if self._asked is None:
            if self._client.service_is_ready():
                self._asked = self._client.call_async(GetState.Request())
        elif self._asked.done():
            answer, self._asked = self._asked.result(), None
            return answer is not None and answer.current_state.id == State.PRIMARY_STATE_ACTIVE
        return False
