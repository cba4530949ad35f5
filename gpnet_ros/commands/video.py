"""Render the recorded states of a run of the simulated cell into a video.

Reads the states that `gpnet sim` or `gpnet demo` left in a run folder and writes an H.264 file. It takes
about 0.2 s per picture and core; idle time is cut out.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.video import write_video


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet video`."""
    parser.add_argument("run_dir", type=Path, help="run folder with the recorded states")
    parser.add_argument("--out", type=Path, help="video file; default RUN_DIR/cell.mp4")
    parser.add_argument("--fps", type=int, default=12, help="pictures per second of the video")
    parser.add_argument("--speed", type=float, default=3.0, help="simulated seconds per second of the video")
    parser.add_argument("--width", type=int, default=512, help="width [px]; the height is 9/16 of it")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that render")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def run(arguments: argparse.Namespace) -> int:
    """Render a recorded run and write the video."""
    if not (1 <= arguments.fps <= 60 and 0.1 <= arguments.speed <= 100 and 160 <= arguments.width <= 1920):
        raise BadInput(
            f"--fps {arguments.fps}, --speed {arguments.speed}, --width {arguments.width} cannot be used: allowed "
            "are 1 to 60 pictures per second, a speed of 0.1 to 100 and a width of 160 to 1920 px."
        )
    out = arguments.out or arguments.run_dir / "cell.mp4"
    count = write_video(
        arguments.run_dir, out, arguments.fps, arguments.speed, arguments.width, max(1, arguments.workers)
    )
    answer = {"video": str(out), "pictures": count, "seconds": count / arguments.fps}
    print(json.dumps(answer) if arguments.json else f"{out}: {count} pictures, {count / arguments.fps:.1f} s")
    return 0
