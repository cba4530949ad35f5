"""A round on a person's own cell: the loop picks, the person says after each pick what was true of it.

In place of the simulated cell's truth stands what the person saw; all else, from the rules to the counts, is that of
`ros_round`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from gpnet_ros.evaluation.closed_loop.layout import Layout
from gpnet_ros.evaluation.closed_loop.ros_round import RosRound
from gpnet_ros.evaluation.run_folder.picks import Judgement, RosPick
from gpnet_ros.picking.record import PickRecord
from gpnet_ros.sim.clearing.rounds import EXTRA_PICKS

#: Ends of a task that say nothing of the picks: the camera or its calibration.
_BROKEN = ("no_frame", "hand_eye", "defect")


class Witness(Protocol):
    """Somebody who lays things and sees what becomes of them."""

    def word(self, what: str) -> bool:
        """Whether this may happen now, or is done."""

    def tell(self, what: str) -> None:
        """Say something."""

    def ask(self, question: str) -> str:
        """Ask for a line of text; lower case, without blanks around it."""


class Left(Exception):
    """A person has left; the round does not count."""


def judged_round(turns: Iterable[PickRecord], layout: Layout, person: Witness) -> RosRound:
    """One round.

    Args:
        turns: of one task; the loop rests between two of them.
        layout: what lies there.
        person: asked after each turn in which the arm moved.

    Returns:
        The round; its time [s] is that of the turns, without the answers.

    Raises:
        Left: the person ends it; nothing of it counts.
    """
    count, picks, removed = len(layout.things), list[RosPick](), set[int]()
    ended, seconds, grips = "stopped", 0.0, 0
    began = time.monotonic()
    for record in turns:
        took = time.monotonic() - began
        seconds += took
        pick = RosPick(len([p for p in picks if p.executed]) + int(record.turn.result is not None), record.to_dict(),
                       Judgement(grips=grips), took)  # fmt: skip
        if pick.executed:
            truth, inside = _asked(layout, removed, person)
            pick, removed = replace(pick, truth=truth), removed | inside
        picks.append(pick)
        ended = record.finished or ended
        if pick.number >= count + EXTRA_PICKS:
            ended = "max_picks"
            break
        began = time.monotonic()
    return RosRound(count, tuple(sorted(removed)), tuple(picks), ended, ended in _BROKEN, seconds)


def _asked(layout: Layout, removed: set[int], person: Witness) -> tuple[Judgement, set[int]]:
    """What a person saw of a pick, and what lies in the tote since."""
    left = [k for k in range(len(layout.things)) if k not in removed]
    up = _numbers("Which came up with the gripper", left, layout, person)
    if not up:
        return Judgement(), set()
    inside = _numbers("Which of these lie in the tote now", up, layout, person)
    top = _yes("Before the pick, did nothing lie on it (of several: on none of them)", person)
    return Judgement(tuple(up), tuple(layout.things[k].name for k in up), bool(inside), top), set(inside)


def _numbers(question: str, allowed: list[int], layout: Layout, person: Witness) -> list[int]:
    """Indices that a person names by their numbers from 1; asked until they can be."""
    names = ", ".join(f"{k + 1} {layout.things[k].name}" for k in allowed)
    while True:
        words = re.findall(r"[^\s,]+", _answer(f"{question}? Numbers, or 0 for none ({names})", person))
        if words == ["0"]:
            return []
        if words and all(word.isdecimal() and int(word) - 1 in allowed for word in words):
            return sorted({int(word) - 1 for word in words})
        person.tell(f"Allowed are 0 and {', '.join(str(k + 1) for k in allowed)}.")


def _yes(question: str, person: Witness) -> bool:
    while (answer := _answer(f"{question}? y or n", person)) not in ("y", "yes", "n", "no"):
        person.tell(f"{answer!r} is neither y nor n.")
    return answer.startswith("y")


def _answer(question: str, person: Witness) -> str:
    answer = person.ask(question)
    if answer in ("q", "quit"):
        raise Left
    return answer
