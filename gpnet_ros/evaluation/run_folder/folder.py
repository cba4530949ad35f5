"""The folder that a run leaves: table of picks, one picture per pick, bag, logs, settings, video, summary.

Everything is written as soon as it is known, so that a run that was cut short is readable too.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gpnet_ros.errors import BadInput, NoDepth
from gpnet_ros.evaluation.run_folder.picks import RosPick, csv_row
from gpnet_ros.evaluation.run_folder.pictures import save_overview
from gpnet_ros.evaluation.run_folder.summary_page import summary_html
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import Grasp, Rejected, surface_depth
from gpnet_ros.maps import Maps

#: Files of a run folder.
CSV, JSON, SUMMARY, VIDEO, SETTINGS, BAG, LOGS = (
    "picks.csv",
    "picks.json",
    "summary.html",
    "video.mp4",
    "settings.yaml",
    "decisions",
    "logs",
)


@dataclass
class RunOutcome:
    """How the round of a run stands.

    Attributes:
        objects: in the heap at the start.
        removed: in the tote now; None where there is no truth to ask.
        ended: why the round ended; empty while it runs.
        seconds: wall time from the start of picking.
    """

    objects: int
    removed: int | None = None
    ended: str = ""
    seconds: float = 0.0


@dataclass
class RunFolder:
    """Folder that a run fills: tables, pictures, bag, settings, video and summary.

    Attributes:
        path: the folder.
        title: what ran, for the head of the summary.
        outcome: how the round stands.
        picks: so far.
    """

    path: Path
    title: str
    outcome: RunOutcome
    picks: list[RosPick] = field(default_factory=list)

    @staticmethod
    def create(path: Path | None, title: str, objects: int, settings: dict[str, Any]) -> RunFolder:
        """Make the folder of a run.

        Args:
            path: where; None makes `runs/demo-<date>-<time>`. It must not hold a run already.
            title: what runs.
            objects: in the heap.
            settings: written to settings.yaml.

        Raises:
            BadInput: the folder holds another run, or cannot be made.
        """
        folder = path or Path("runs") / datetime.now().strftime("demo-%Y%m%d-%H%M%S")
        if (folder / JSON).exists():
            raise BadInput(f"The folder {folder} holds a run already; give --out another one.")
        try:
            (folder / LOGS).mkdir(parents=True, exist_ok=True)
            (folder / SETTINGS).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
            run = RunFolder(folder, title, RunOutcome(objects))
            run.write()
        except OSError as error:
            raise BadInput(
                f"The folder {folder} cannot be written ({error.strerror}); choose another --out."
            ) from error
        return run

    def picture_name(self, pick: RosPick) -> str:
        """File name of a pick's picture."""
        if pick.executed:
            return f"pick_{pick.number:02d}.png"
        return f"look_{sum(not p.executed for p in self.picks) + 1:02d}.png"

    def add(self, pick: RosPick) -> None:
        """Append a pick and write the tables.

        Raises:
            OSError: they cannot be written, as on a full disk; the pick is in the next that can.
        """
        self.picks.append(pick)
        self.write()

    def write(self) -> None:
        """Write tables and summary as things stand.

        Raises:
            OSError: one cannot be written, as on a full disk; what stood there before is still there.
        """
        rows = [pick.row() for pick in self.picks]
        head = {
            "simulated": True,
            "title": self.title,
            "headline": self.headline(),
            "objects": self.outcome.objects,
            "objects_removed": self.outcome.removed,
            "ended": self.outcome.ended,
            "seconds": round(self.outcome.seconds, 1),
        }
        self._put(JSON, json.dumps({**head, "picks": rows}, indent=1))
        self._put(CSV, _table(rows))
        links = [name for name in (VIDEO, CSV, JSON, BAG, SETTINGS, LOGS) if (self.path / name).exists()]
        text = summary_html(self.title, self.headline(), self.details(), self.picks, links)
        self._put(SUMMARY, text)

    def _put(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        fresh = self.path / f"{name}.new"
        try:
            fresh.write_text(text, encoding="utf-8", newline="")
            fresh.replace(self.path / name)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise

    def headline(self) -> str:
        """The outcome of the run in one sentence."""
        o = self.outcome
        if not o.ended:
            return f"Still running: {len(self.picks)} looks so far."
        if o.removed is None:
            return f"Ended before the first pick: {o.ended.rstrip('.')}."
        return f"{o.removed} of {o.objects} objects are in the tote."

    def details(self) -> str:
        """The counts of the run, for the lines below the headline."""
        done = [p for p in self.picks if p.executed]
        brought = [p for p in done if p.ok]
        top = sum(p.topmost for p in brought)
        named = {i for p in brought if p.truth is not None for i in p.truth.objects}
        along = max((self.outcome.removed or 0) - len(named), 0) if named else 0
        more = f" {along} more came along with another object." if along else ""
        return (
            f"{len(done)} picks in {self.outcome.seconds:.0f} s: {len(brought)} brought an object into the tote, "
            f"{top} of these a topmost one.{more} The round ended: {(self.outcome.ended or 'not yet').rstrip('.')}."
        )


def _table(rows: list[dict[str, Any]]) -> str:
    """The picks as text of a CSV file."""
    text, flat = io.StringIO(), [csv_row(row) for row in rows]
    writer = csv.DictWriter(text, list(flat[0]) if flat else ["pick"])
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def draw_decision(path: Path, frame: Frame, maps: Maps, record: dict[str, Any], title: str) -> None:
    """Draw the page of one decision as PNG; see `pictures.save_overview`."""
    rejected = [Rejected((r["pixel"][0], r["pixel"][1]), r["reason"], r["detail"]) for r in record.get("rejected", [])]
    save_overview(path, frame, maps, grasp_of(record, frame, maps), rejected, title)


def grasp_of(record: dict[str, Any], frame: Frame, maps: Maps) -> Grasp | None:
    """The chosen grasp in the image, with the opening that was commanded; None when nothing was chosen."""
    if "pixel" not in record or frame.intrinsics is None:
        return None
    u, v = record["pixel"]
    try:
        depth = surface_depth(frame, (u, v))
    except NoDepth:
        return None
    width = float(record["width_m"])
    return Grasp(
        pixel=(u, v),
        angle=float(np.radians(record["angle_deg"])),
        width_px=width * frame.intrinsics.fx * maps.grid.scale / depth,
        width=width,
        depth=depth,
        score=record["score"],
        quality=record["quality"],
        priority=record["priority"],
    )
