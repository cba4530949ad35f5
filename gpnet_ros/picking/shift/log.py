"""Listener of the loop that keeps a shift: lines as things happen, pictures of failures, and the page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from gpnet_ros.devices.arm import Arm
from gpnet_ros.devices.ur.messages import SLIDER
from gpnet_ros.drift import Drift
from gpnet_ros.errors import DeviceError
from gpnet_ros.overlay import base_image, draw_overlay
from gpnet_ros.pick import Decision
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.record import DecisionBasis, LoopListener, PickRecord
from gpnet_ros.picking.shift.lines import LINES, PAGE, PICTURES, ShiftHead, earlier_figures, turn_line
from gpnet_ros.picking.shift.page import shift_html
from gpnet_ros.picking.shift.summary import ShiftSummary, summarise

#: The page is written when the loop rests, and after so many turns.
_PAGE_TURNS = 10
#: A refusal that is said again and again is a line each so many seconds [s].
_REPEATED = 10.0
#: Pictures of a shift, and turns of which one is made.
_PICTURES_MAX = 200
_PICTURED = ("missed", "slipped", "collision", "stopped", "nothing_graspable", "not_seen")
_REST = ("idle", "needs_resume", "paused")


class ShiftLog:
    """Implements `LoopListener`: hands everything on, and writes it into the folder of a shift.

    The folder is made with the first turn. What cannot be written costs the record, never a pick.

    Attributes:
        drift: of all picks since the check of the calibration that the head names.
        lines: of this shift so far.
    """

    def __init__(
        self,
        listener: LoopListener | None,
        folder: Path,
        head: ShiftHead,
        slider: Callable[[], float | None],
        warn: Callable[[str], object],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin a shift.

        Args:
            listener: told everything, too.
            folder: of this shift, within that of all shifts.
            head: what all turns have in common.
            slider: asked for the share of the speed slider after each pick; None where nobody tells.
            warn: told when something drifts, and what cannot be written.
            now: the time [s].
        """
        self.folder, self.head, self.drift = folder, head, Drift(head.tool)
        self._listener, self._slider, self._warn, self._now = listener, slider, warn, now
        self._sight: tuple[Decision, Sight] | None = None
        self._pictures, self._broken, self._written = 0, "", 0
        self._refused: tuple[str, float] = ("", 0.0)
        self._untold = 0  # of what is refused now, since its last line
        for figures in earlier_figures(folder.parent, head.check):
            self.drift.note(figures)
        self.lines: list[dict[str, Any]] = []
        self._add(head.line())
        if self.drift.sentence:
            self._drifts(self.drift.sentence)

    def state(self, state: str) -> None:
        """The loop has a new state; in rest the page is written."""
        self._add({"kind": "state", "state": state})
        if state in _REST:
            self.write_page()
        if self._listener is not None:
            self._listener.state(state)

    def refused(self, reason: str) -> None:
        """A frame was not used, or a wish not granted; what is said all the time is a line now and then."""
        last, at = self._refused
        if reason != last:
            self._tell_refused()
        self._untold += 1
        if reason != last or self._now() - at > _REPEATED:
            self._refused = reason, self._now()
            self._tell_refused()
        if self._listener is not None:
            self._listener.refused(reason)

    def decided(self, decision: Decision, sight: Sight, basis: DecisionBasis) -> None:
        """Keep what was decided on until it is known what came of it."""
        self._sight = decision, sight
        if self._listener is not None:
            self._listener.decided(decision, sight, basis)

    def result(self, record: PickRecord) -> None:
        """A turn has ended: a line, a picture if it failed, and what it says of drift."""
        status = record.turn.status
        picture = self._picture() if status in _PICTURED and self._pictures < _PICTURES_MAX else ""
        line = turn_line(record, self._now(), self._slider(), picture)
        self._sight = None
        self._add(line)
        if told := self.drift.note(line["drift"]):
            self._drifts(told)
        if sum(line["kind"] == "turn" for line in self.lines) % _PAGE_TURNS == 0:
            self.write_page()
        if self._listener is not None:
            self._listener.result(record)

    def summary(self) -> ShiftSummary:
        """What the shift came to so far."""
        return summarise(self.lines)

    def close(self) -> None:
        """Write the page for the last time; harmless when it was."""
        if self.lines[-1]["kind"] == "end":
            return
        self._tell_refused()
        self._add({"kind": "end"})
        self.write_page()

    def write_page(self) -> None:
        """Write the page as things stand, once there is a turn to tell of."""
        self._tell_refused()
        if self._has_turn:
            self._keep(lambda: self._put(PAGE, shift_html(self.summary(), self.folder, self.drift.tests)))

    def _tell_refused(self) -> None:
        """A line of what was refused, with how often since the last one."""
        if self._untold:
            count, self._untold = self._untold, 0
            self._add({"kind": "refused", "reason": self._refused[0], "count": count})

    def _drifts(self, sentence: str) -> None:
        self._add({"kind": "drift", "sentence": sentence})
        self._warn(sentence)

    def _add(self, line: dict[str, Any]) -> None:
        line = {**line, "at": line.get("at", round(self._now(), 3))}
        self.lines.append(line)

        def write() -> None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / LINES).open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in self.lines[self._written :]))
            self._written = len(self.lines)

        if self._has_turn:
            self._keep(write)

    @property
    def _has_turn(self) -> bool:
        return self._written > 0 or any(line["kind"] == "turn" for line in self.lines)

    def _put(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        fresh = self.folder / f"{name}.new"
        try:
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.folder / name)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise

    def _keep(self, write: Callable[[], object]) -> bool:
        """Write something; whether that worked. A person is told once for each reason."""
        try:
            write()
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self._broken:
                self._broken = reason
                self._warn(f"The shift is not kept: {self.folder} cannot be written ({reason}); make room there.")
            return False
        return True

    def _picture(self) -> str:
        """Write a picture of what was decided on; its name in the folder, empty when there is none."""
        if self._sight is None:
            return ""
        decision, sight = self._sight
        image = base_image(sight.frame)
        if sight.maps is not None:
            image = draw_overlay(sight.frame, sight.maps, decision.grasp, list(decision.rejected))
        name = f"{PICTURES}/{self._pictures + 1:03d}.jpg"
        _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])

        def write() -> None:
            (self.folder / PICTURES).mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data.tobytes())

        self._pictures += 1
        return name if self._keep(write) else ""


def slider_of(arm: Arm) -> float | None:
    """Share of the speed slider; None where the arm does not tell."""
    try:
        return float(arm.state().modes[SLIDER])
    except (DeviceError, KeyError, ValueError):
        return None
