"""The planner's own record: a bag per task with what it decided on, from which the decisions can be made again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rclpy.serialization import serialize_message

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.data.bags.decision_bag import DecisionBag
from gpnet_ros.nodes.arriving.gatherer import Exposure
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.record import DecisionBasis, LoopListener, PickRecord


class DecisionRecorder:
    """Implements `LoopListener`: hands everything on, and writes decisions with their frame, maps and basis.

    A bag begins with the first decision of a task and can be read when the task has ended. What cannot be written
    costs the record, never the task.
    """

    def __init__(
        self,
        listener: LoopListener,
        exposure: Callable[[], Exposure | None],
        folder: Path,
        setup: dict[str, Any],
        warn: Callable[[str], object],
    ) -> None:
        """Record.

        Args:
            listener: told everything.
            exposure: the messages of the sight that was handed out last.
            folder: of the bags; made when needed.
            setup: what all decisions depend on, see `setup_values`; the cell of their basis goes before its own.
            warn: told what cannot be written.
        """
        self._listener, self._exposure, self._folder = listener, exposure, folder
        self._setup, self._warn = setup, warn
        self._messages: dict[str, bytes] = {}
        self._bag: DecisionBag | None = None
        self._bag_setup: dict[str, Any] = {}

    def state(self, state: str) -> None:
        """The loop has a new state; in rest the bag of the task is closed."""
        if state in ("idle", "needs_resume"):
            self.close()
        self._listener.state(state)

    def refused(self, reason: str) -> None:
        """A frame was not used, or a wish not granted."""
        self._listener.refused(reason)

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        """Keep the messages of the frame on which was decided."""
        exposure = self._exposure()
        found = {} if exposure is None else exposure.unpacked()
        self._messages = {topic: bytes(serialize_message(message)) for topic, message in found.items()}
        self._listener.decided(decision, sight, basis)

    def result(self, record: PickRecord) -> None:
        """Tell the result, then write it with what was decided on."""
        self._listener.result(record)
        messages, self._messages = self._messages, {}
        if record.turn.sight is None or not messages:
            return
        try:
            basis = record.turn.basis
            own = {} if basis is None or basis.cell is None else {"cell": asdict(basis.cell)}
            self._open(record.turn.sight.frame.stamp, self._setup | own).add(messages, record.to_dict())
        except OSError as error:
            self._bag = None
            self._warn(f"The record of this decision is lost, {self._folder} cannot be written ({error.strerror}).")

    def close(self) -> None:
        """Close the bag: only now it can be read. Harmless when none is open."""
        bag, self._bag = self._bag, None
        if bag is None:
            return
        bag.__exit__(None, None, None)
        if bag.failure:
            self._warn(f"The bag of the task is not whole, {self._folder} cannot be written ({bag.failure}).")

    def _open(self, stamp: float, setup: dict[str, Any]) -> DecisionBag:
        """The bag of this task, or of its part since the setup last changed; stamp of its first decision [s]."""
        if self._bag is not None and setup != self._bag_setup:
            self.close()
        if self._bag is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = time.strftime("%Y%m%d-%H%M%S")  # of the wall: a simulation's time begins anew
            free = next(p for k in range(1000) if not (p := self._folder / f"{name}-{k}").exists())
            self._bag = DecisionBag(free).__enter__()
            self._bag_setup = setup
            self._bag.add_setup(setup, stamp)
        return self._bag


def setup_values(cell: Cell, hand_eye: HandEye) -> dict[str, Any]:
    """Cell and hand-eye as plain values."""
    return {"cell": asdict(cell), "hand_eye": asdict(hand_eye)}
