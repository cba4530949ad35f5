"""A script in a person's place at `gpnet bringup`: reads what is asked, and does in the simulated cell what hands do.

It knows no more than a person who stands there: where the tips stand beside a corner (to half a millimetre), where the
tote is, when to lay the board, the cylinder or a heap. `support.ladder_bench` climbs once by hand.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.cell import load_cell
from gpnet_ros.pose import from_rotvec, invert
from gpnet_ros.sim.cell.door import CellDoor

#: Where a line that is not ended waits for an answer.
PROMPT = re.compile(r"(> |q to end |0 0\): |no more\): )$")
FIRST = np.deg2rad([142.0, -77.0, 90.0, -79.0, -63.0, -29.0])
ABOVE = 0.001  # tips are held so far above what they are led onto [m]


class LadderPerson:
    """Answers one bringup of a simulated cell."""

    def __init__(self, door: CellDoor, heaps: Sequence[tuple[int, int]], leave_at: str = "", patience: int = 8) -> None:
        """Nothing is asked yet.

        Args:
            door: of the simulated cell.
            heaps: seed and objects of those that are laid.
            leave_at: words of the question at which it leaves.
            patience: how often in all it tries again what failed.
        """
        self.door, self.heaps, self.leave_at, self.patience = door, list(heaps), leave_at, patience
        self.asked: list[str] = []
        self.truths: list[Any] = []
        self._said, self._driven, self._tries = "", 0, 0

    def answer(self, question: str) -> str:
        """What this person types."""
        self.asked.append(question)
        if self.leave_at and self.leave_at in question:
            return "q"
        for words, act in self._acts().items():
            if words in question:
                return act(question)
        return ""

    def _acts(self) -> dict[str, Callable[[str], str]]:
        return {
            "Lay another heap": self._lay_another,
            "a goes on all the same": lambda _: "a",
            "tries again": self._again,
            "see to its cause": lambda _: self._once_more(),
            "hand-eye: Enter": self._board_up,
            "views> ": self._view,
            "yes drives": lambda _: self._say("yes"),
            "cell: Enter": lambda _: self._put("nothing"),
            "inner upper corner": self._corner,
            "the tote's floor": self._floor,
            "Lead the arm home": self._home,
            "check: Enter": lambda _: self._put("board_and_cylinder"),
            "middle between the tips beside": self._read,
            "run: Enter": self._lay,  # dry_run and run
        }

    def _say(self, word: str) -> str:
        self._said = word
        return word

    def _once_more(self) -> str:
        """Enter, a few times in all."""
        self._tries += 1
        return "q" if self._tries > self.patience else ""

    def _again(self, question: str) -> str:
        """Once more, a few times in all, with something on the table; then it leaves."""
        if self._once_more():
            return "q"
        mode = question.startswith(("run", "step", "dry_run", "hover"))
        return self._lay(question) if mode and not self.door.truth().on_table else ""

    def _put(self, what: str) -> str:
        self.door.ask("stage", put=what)
        return ""

    def _board_up(self, _: str) -> str:
        self._put("board_on_flange")
        self._lead(joints=FIRST.tolist())
        return ""

    def _lead(self, **where: Any) -> None:
        """Lead the arm there, and hold it until the controller has told so for a second."""
        self.door.ask("lead", **where)
        end = self.door.ask("where")["time"] + 1.0
        while self.door.ask("where")["time"] < end:
            pass

    def _view(self, question: str) -> str:
        count, wanted = (int(word) for word in re.findall(r"\d+", question)[-2:])
        self._driven += 1
        if count >= wanted or self._driven > 6 * wanted:
            return "q"
        if count == 0 or self._said == "yes":
            return self._say("")
        return self._say("s" if self._said == "d" else "d")

    def _tote(self) -> dict[str, Any]:
        return self.door.ask("where")["tote"]

    def _corner(self, question: str) -> str:
        tote, number = self._tote(), int(re.findall(r"corner (\d)", question)[0])
        sx, sy = ((-1, -1), (1, -1), (1, 1), (-1, 1))[number - 1]
        x, y = (c + s * i / 2 for c, s, i in zip(tote["centre"], (sx, sy), tote["inner"], strict=True))
        self._lead(tips=[x, y, tote["rim"] + ABOVE])
        return ""

    def _floor(self, _: str) -> str:
        tote = self._tote()
        self._lead(tips=[*tote["centre"], tote["floor"] + ABOVE])
        return ""

    def _home(self, _: str) -> str:
        self._lead(joints=list(load_cell().home))
        return ""

    def _read(self, question: str) -> str:
        """Where the true tips stand beside the true corner, to half a millimetre."""
        x, y = (int(v) / 1e3 for v in re.findall(r"(\d+) mm along", question))
        there = self.door.ask("where")
        T = invert(from_rotvec(there["stage"]["board"]["pose"])) @ from_rotvec(there["tips"])
        read = np.round((T[:2, 3] - [x, y]) * 2e3) / 2
        return f"{read[0]:g} {read[1]:g}"

    def _lay(self, _: str) -> str:
        seed, objects = self.heaps[0]
        self.door.load_heap(seed, objects, 120.0)
        return ""

    def _lay_another(self, question: str) -> str:
        self.truths.append(self.door.truth_at_rest(10.0))
        self.heaps.pop(0)
        return self._lay(question) if self.heaps else "q"


def climb(arguments: Sequence[str], person: LadderPerson, limit: float, log: Path) -> tuple[int, str]:
    """Run `gpnet` with arguments, answered by a person; exit status and all that was printed."""
    command = [sys.executable, "-u", "-m", "gpnet_ros.cli", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdin is not None and process.stdout is not None
    text, end = "", time.monotonic() + limit
    with log.open("a", encoding="utf-8") as kept:
        while time.monotonic() < end:
            if not select.select([process.stdout], [], [], 1.0)[0]:
                continue
            piece = os.read(process.stdout.fileno(), 65536).decode(errors="replace")
            if not piece:
                return process.wait(30), text
            text += piece
            line = text.rsplit("\n", 1)[-1]
            answer = ""
            if PROMPT.search(line):
                answer = person.answer(line) + "\n"
                process.stdin.write(answer.encode())
                process.stdin.flush()
                text += answer
            kept.write(piece + answer)
            kept.flush()
    process.kill()
    process.wait(30)
    raise AssertionError(f"bringup did not end in {limit:.0f} s: {text[-2000:]}")
