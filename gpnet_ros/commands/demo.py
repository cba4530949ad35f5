"""Watch a simulated UR10 clear a heap, driven by the real ROS 2 nodes, network and ur_rtde client.

Prints one line per pick and leaves a run folder: summary.html, a table, a picture per pick, a video, a bag.
Camera, arm, gripper and objects are simulated; Ctrl-C ends everything, and the folder is readable all the same.

Exit status: 0 the round came to its end, 1 something broke before, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gpnet_ros.commands.bench_clearing import OBJECTS_RANGE
from gpnet_ros.commands.video import write_video
from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.evaluation.closed_loop.ros_round import RosRound, play_round
from gpnet_ros.evaluation.run_folder.decision_bag import DecisionBag
from gpnet_ros.evaluation.run_folder.folder import BAG, SUMMARY, VIDEO, RunFolder, draw_decision
from gpnet_ros.evaluation.run_folder.picks import RosPick
from gpnet_ros.network import checkpoint
from gpnet_ros.nodes.running_cell import RunningCell, open_cell, round_parameters
from gpnet_ros.nodes.table import RunSettings

#: The video: pictures per second, simulated seconds per second, width [px]. A round costs about half a minute.
FPS, SPEED, WIDTH = 10, 4.0, 512


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet demo`."""
    parser.add_argument("--objects", type=int, default=5, help="objects in the heap (5)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the heap (1)")
    parser.add_argument("--factor", type=float, default=1.0, help="simulated seconds per second (1)")
    parser.add_argument("--model", default="gpnet", help="name in models/ or path of a model folder (gpnet)")
    parser.add_argument("--out", type=Path, help="run folder (runs/demo-DATE-TIME)")
    parser.add_argument("--no-video", action="store_true", help="render no video at the end")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """One round; 0 when it came to its end."""
    low, high = OBJECTS_RANGE
    if not low <= args.objects <= high:
        raise BadInput(f"--objects is {args.objects}; allowed: {low} to {high}.")
    checkpoint.vouched_card(args.model)  # before a folder or a process is there
    settings = RunSettings(sim=True, model=args.model, seed=args.seed, objects=args.objects, factor=args.factor)
    title = f"gpnet demo: UR10 over a heap of {args.objects} objects, seed {args.seed}, model {args.model}"
    title += f", time x {args.factor:g}" if args.factor != 1.0 else ""
    folder = RunFolder.create(args.out, title, args.objects, told(settings))
    show = Demo(folder)
    show.say(f"{title} (all simulated)")
    show.say(f"run folder {folder.path}")
    status = show.play(settings)
    folder.write()
    if not args.no_video and status != 130:
        show.video()
    folder.write()
    show.say(f"{folder.headline()} {folder.details()}")
    show.say(f"open {folder.path / SUMMARY}")
    if args.json:
        print(json.dumps(show.answer()), flush=True)
    return status


def told(settings: RunSettings) -> dict[str, Any]:
    """What settings.yaml says: everything that is needed to run this again."""
    packages = ("gpnet_ros", "torch", "numpy", "ur_rtde", "mujoco-core")
    return {
        "simulated": True,
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "run": asdict(settings),
        "planner_node": round_parameters(settings.objects),
        "versions": {name: version(name) for name in packages if _is_installed(name)},
    }


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


class Demo:
    """One run, told on the terminal and written into its folder."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.began = folder, time.monotonic()
        self.first_pick: float | None = None

    def say(self, text: str) -> None:
        """One line, with the minutes since the start."""
        seconds = int(time.monotonic() - self.began)
        print(f"{seconds // 60:2d}:{seconds % 60:02d}  {text}", flush=True)

    def play(self, settings: RunSettings) -> int:
        """Start everything, follow the round, note how it ended; the exit status."""
        outcome = self.folder.outcome
        try:
            with (
                open_cell(settings, self.folder.path, round_parameters(outcome.objects), self.say) as session,
                DecisionBag(self.folder.path / BAG) as bag,
            ):
                self.say("the planner picks")
                done = self.round(session, bag)
        except KeyboardInterrupt:
            self.end("interrupted by Ctrl-C", self.folder.outcome.removed)
            return 130
        except GpnetError as error:
            self.end(str(error), self.folder.outcome.removed)
            return 1
        outcome.seconds, self.folder.picks = done.seconds, list(done.picks)
        self.end(done.ended if done.failed else done.ended.replace("_", " "), len(done.removed))
        return 1 if done.failed else 0

    def round(self, session: RunningCell, bag: DecisionBag) -> RosRound:
        """Play and record one round."""
        began = time.monotonic()

        def keep(pick: RosPick, report: Any) -> RosPick:
            if pick.executed and self.first_pick is None:
                self.first_pick = round(time.monotonic() - self.began, 1)
            self.say(pick.line())
            bag.add(report.messages, report.record)
            self.folder.outcome.seconds = time.monotonic() - began
            self.folder.outcome.removed = (self.folder.outcome.removed or 0) + int(pick.ok)
            kept = replace(pick, picture=self.picture(pick, report))
            self.folder.add(kept)
            return kept

        return play_round(session.start, session.recording, session.door, session.check, keep)

    def picture(self, pick: RosPick, report: Any) -> str:
        """Draw what was decided on; the file's name, empty when that was lost."""
        try:
            sight = report.sight()
        except GpnetError as error:
            self.say(f"no picture: {error}")
            return ""
        if sight is None:
            return ""
        name = self.folder.picture_name(pick)
        title = "simulated: " + " ".join(pick.line().split())
        draw_decision(self.folder.path / name, sight.frame, sight.maps, pick.record, title)
        return name

    def end(self, why: str, removed: int | None) -> None:
        """The round is over."""
        self.folder.outcome.ended, self.folder.outcome.removed = why, removed

    def video(self) -> None:
        """Render the recorded states."""
        self.say("the summary is there; renders the video (Ctrl-C leaves it out)")
        path = self.folder.path / VIDEO
        try:
            write_video(self.folder.path / "cell", path, FPS, SPEED, WIDTH, workers=os.cpu_count() or 1)
        except GpnetError as error:
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
        }
