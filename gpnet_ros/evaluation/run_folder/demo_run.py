"""One round of `gpnet demo`: followed on the terminal, written into its run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, Literal

from gpnet_ros.data.bags.decision_bag import DecisionBag
from gpnet_ros.errors import GpnetError
from gpnet_ros.evaluation.closed_loop.ros_round import PlannerReport, PlayableCell, RosRound, play_round
from gpnet_ros.evaluation.run_folder.folder import BAG, VIDEO, RunFolder, draw_decision
from gpnet_ros.evaluation.run_folder.picks import RosPick
from gpnet_ros.evaluation.video import write_video

#: The video: pictures per second, simulated seconds per second, width [px]. A round costs about half a minute.
_FPS, _SPEED, _WIDTH = 10, 4.0, 512
#: How a run ended: the round came to its end, something broke before, or Ctrl-C.
RunEnd = Literal["ended", "broke", "interrupted"]
Say = Callable[[str], None]


class DemoRun:
    """One run, told line by line and written into its folder; a full disk costs what is written, not the run.

    Attributes:
        not_kept: what could not be written, and why; told on the terminal too.
    """

    def __init__(self, folder: RunFolder, tell: Say) -> None:
        """Nothing runs yet.

        Args:
            folder: that the run fills.
            tell: takes each line for the person who watches.
        """
        self.folder, self.tell, self.began = folder, tell, time.monotonic()
        self.first_pick: float | None = None
        self.not_kept: list[str] = []
        self._bag_is_broken = False

    def say(self, text: str) -> None:
        """Tell one line, with the minutes since the start."""
        seconds = int(time.monotonic() - self.began)
        self.tell(f"{seconds // 60:2d}:{seconds % 60:02d}  {text}")

    def play(self, open_cell: Callable[[Say], AbstractContextManager[PlayableCell]]) -> RunEnd:
        """Start everything, follow the round, and note in the folder how it ended.

        Args:
            open_cell: starts cell and nodes over the heap; told where to say what is waited for.
        """
        outcome = self.folder.outcome
        try:
            with open_cell(self.say) as cell:
                self.say("the planner picks")
                done = self._recorded_round(cell)
        except KeyboardInterrupt:
            outcome.ended = "interrupted by Ctrl-C"
            return "interrupted"
        except GpnetError as error:
            outcome.ended = str(error)
            return "broke"
        outcome.seconds, self.folder.picks = done.seconds, list(done.picks)
        outcome.ended = done.ended if done.failed else done.ended.replace("_", " ")
        outcome.removed = len(done.removed)
        return "broke" if done.failed else "ended"

    def keep(self, what: str, write: Callable[[], object]) -> bool:
        """Write something; whether that worked. Where it did not, the run goes on and says what is missing."""
        try:
            write()
        except OSError as error:
            self._lost(what, error.strerror or str(error))
            return False
        return True

    def _lost(self, what: str, why: str) -> None:
        self.not_kept.append(f"{what}: {why}")
        self.say(f"not kept: {what} ({why}). The run goes on; make room on the disk of {self.folder.path}.")

    def _recorded_round(self, cell: PlayableCell) -> RosRound:
        bag = DecisionBag(self.folder.path / BAG)
        with ExitStack() as stack:
            opened = self.keep("the bag", lambda: stack.enter_context(bag))
            done = self._round(cell, bag if opened else None)
        if bag.failure and not self._bag_is_broken:
            self._lost("the end of the bag", bag.failure)
        return done

    def _round(self, cell: PlayableCell, bag: DecisionBag | None) -> RosRound:
        """Play and record one round."""
        began = time.monotonic()

        def note(pick: RosPick, report: PlannerReport) -> RosPick:
            if pick.executed and self.first_pick is None:
                self.first_pick = round(time.monotonic() - self.began, 1)
            self.say(pick.line())
            self._store(bag, pick, report)
            self.folder.outcome.seconds = time.monotonic() - began
            self.folder.outcome.removed = (self.folder.outcome.removed or 0) + int(pick.ok)
            kept = replace(pick, picture=self._picture(pick, report))
            self.keep("tables and summary", lambda: self.folder.add(kept))
            return kept

        return play_round(cell, note)

    def _store(self, bag: DecisionBag | None, pick: RosPick, report: PlannerReport) -> None:
        """Into the bag, as long as that can be written."""
        if bag is not None and not self._bag_is_broken:
            what = f"the bag, from look {len(self.folder.picks) + 1} on"
            self._bag_is_broken = not self.keep(what, lambda: bag.add(report.messages, report.record))

    def _picture(self, pick: RosPick, report: PlannerReport) -> str:
        """Draw what was decided on; the file's name, empty when that was lost."""
        try:
            sight = report.sight()
        except GpnetError as error:
            self.say(f"no picture: {error}")
            return ""
        if sight is None or sight.maps is None:
            return ""
        name = self.folder.picture_name(pick)
        title = "simulated: " + " ".join(pick.line().split())
        path, frame, maps = self.folder.path / name, sight.frame, sight.maps
        return name if self.keep(name, lambda: draw_decision(path, frame, maps, pick.record, title)) else ""

    def video(self) -> None:
        """Render the recorded states into the folder's video."""
        self.say("the summary is there; renders the video (Ctrl-C leaves it out)")
        path = self.folder.path / VIDEO
        try:
            write_video(self.folder.path / "cell", path, _FPS, _SPEED, _WIDTH, workers=os.cpu_count() or 1)
        except (GpnetError, OSError) as error:
            self.say(f"no video: {error}")
        except KeyboardInterrupt:
            path.unlink(missing_ok=True)
            self.say(f"no video; `gpnet video {self.folder.path / 'cell'}` makes one")

    def answer(self) -> dict[str, Any]:
        """The outcome in plain values."""
        o, done = self.folder.outcome, [p for p in self.folder.picks if p.executed]
        return {
            "simulated": True,
            "run_folder": str(self.folder.path),
            "objects": o.objects,
            "objects_removed": o.removed,
            "cleared": o.removed == o.objects,
            "ended": o.ended,
            "picks": len(done),
            "picks_ok": sum(p.ok for p in done),
            "picks_topmost": sum(p.topmost for p in done),
            "seconds": round(o.seconds, 1),
            "seconds_to_first_pick": self.first_pick,
            "not_kept": self.not_kept,
        }
