"""The picking loop with a fake arm and gripper, eyes that show one box, and notes of all that it says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from support.scenes import CELL, sight

from gpnet_ros.cell import Cell, HandEye, load_hand_eye
from gpnet_ros.devices.fake import FakeArm, FakeGripper
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.loop import PickingLoop
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.record import DecisionBasis, PickRecord

PATIENCE = 20.0


class Scene:
    """Eyes that show the box until it was taken; `spoil` changes what they show."""

    def __init__(self, gripper: FakeGripper) -> None:
        self.gripper, self.taken, self.spoil = gripper, 0, lambda s: s
        self.boxes = 1
        self.silent = False

    def newest(self, timeout: float) -> Sight | None:
        if self.silent:
            time.sleep(0.01)
            return None
        closed = sum(width == 0.0 for width in self.gripper.commands)
        left = self.boxes - (closed if self.gripper.object_width is not None else 0)
        return self.spoil(sight(time.time(), 0.05 if left > 0 else 0.0))

    def why_none(self) -> str:
        return "Nobody publishes."


class Notes:
    """What the loop said."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.reasons: list[str] = []
        self.decisions: list[Decision] = []
        self.bases: list[DecisionBasis] = []
        self.results: list[dict[str, Any]] = []
        self.news = threading.Condition()

    def _note(self, kept: list[Any], what: Any) -> None:
        with self.news:
            kept.append(what)
            self.news.notify_all()

    def state(self, state: str) -> None:
        self._note(self.states, state)

    def refused(self, reason: str) -> None:
        self._note(self.reasons, reason)

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        self._note(self.bases, basis)
        self._note(self.decisions, decision)

    def result(self, record: PickRecord) -> None:
        self._note(self.results, json.loads(json.dumps(record.to_dict())))

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(condition, PATIENCE), (self.states, self.reasons, self.results)


class Bench:
    """A loop with its fakes."""

    def __init__(
        self, settings: LoopSettings, object_width: float | None, hand_eye: HandEye | None = None, cell: Cell = CELL
    ) -> None:
        self.arm = FakeArm(cell, auto_resume=settings.auto_resume)
        self.gripper = FakeGripper(object_width=object_width)
        self.eyes, self.notes = Scene(self.gripper), Notes()
        self.loop = PickingLoop(
            self.arm, self.gripper, cell, hand_eye or load_hand_eye(), self.eyes, self.notes, settings
        )

    def until_state(self, state: str) -> None:
        self.notes.wait(lambda: self.loop.state == state)

    def result(self, number: int = 0) -> dict[str, Any]:
        self.notes.wait(lambda: len(self.notes.results) > number)
        return self.notes.results[number]

    def names(self) -> list[str]:
        return [move.name for move in self.arm.moves]


@contextmanager
def bench(
    mode: str = "run",
    auto: bool = True,
    object_width: float | None = 0.03,
    hand_eye: HandEye | None = None,
    cell: Cell = CELL,
    **more: Any,
) -> Iterator[Bench]:
    settings = LoopSettings(mode=mode, auto_resume=auto, look_timeout=more.pop("look_timeout", 5.0), **more)
    made = Bench(settings, object_width, hand_eye, cell)
    made.loop.open()
    try:
        yield made
    finally:
        made.loop.close()
