"""The whole ladder in the simulated cell, from an empty folder to cleared heaps: a script in a person's place.

    cd test && PYTHONPATH=..:. python -m support.ladder_bench --hidden 3 --out /tmp/ladder3

prints one JSON line: how far `gpnet bringup` came, how far the hand-eye that it found is off, what lies in the tote of
each heap, and how often it was stopped. Camera, arm, tips and table are elsewhere than the files say, by `--hidden`.
The folder must be new. Takes a quarter of an hour on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from support.controller_process import CELL, controller
from support.ladder_person import LadderPerson, climb

from gpnet_ros.cell import HandEye, load_cell, load_hand_eye
from gpnet_ros.picking.bringup.progress import STEPS, Progress
from gpnet_ros.settings import config_dir
from gpnet_ros.sim.cell.door import CellDoor
from gpnet_ros.sim.cell.stage import hidden_truth

#: The middle of the workspace's table in base [m].
MIDDLE = np.array([0.65, 0.0, 0.0, 1.0])
#: How a line says that a move did not come to its end: of a drive, of a touch, of the planner.
STOP = re.compile(r"^(?:The arm did not arrive \(|The touch ended with |)(stopped|link_lost|timeout)\b", re.MULTILINE)


def off_at_workspace(found: HandEye, hidden: int) -> float:
    """How far [m] a hand-eye has the middle of the workspace from where it truly is."""
    truth = hidden_truth(hidden, load_hand_eye()).hand_eye.T_base_camera()
    return float(np.linalg.norm((found.T_base_camera() @ np.linalg.inv(truth) @ MIDDLE - MIDDLE)[:3]))


def settings_of(folder: Path, hidden: int) -> Path:
    """Settings file of a cell whose arm differs from its data sheet by a seed, too; nothing is recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "sim.yaml"
    file.write_text(f"calibration: {hidden}\nrecord_rate: 0.0\n", encoding="utf-8")
    return file


def climbed(out: Path, hidden: int, heaps: list[tuple[int, int]], views: int, limit: float) -> dict[str, Any]:
    """Climb once; what came of it in plain values.

    Args:
        out: new folder for the cell's folder, the run and the log of all that was said.
        hidden: seed of the truths.
        heaps: seed and number of objects of each.
        views: of the board.
        limit: of the whole climb [s].
    """
    run, folder, began = out / "run", out / "cell", time.monotonic()
    more = ("--settings", str(settings_of(out, hidden)), "--run-dir", str(run))
    with controller("--objects", "0", "--hidden", str(hidden), *more, program=CELL) as running:
        person = LadderPerson(CellDoor(running.ip), heaps, patience=4 + 2 * len(heaps))
        words = ["bringup", str(folder), "--robot-ip", running.ip, "--camera-serial", "SIM1", "--run-dir", str(run)]
        words += ["--hand-eye", str(config_dir() / "hand_eye.yaml"), "--views", str(views)]
        status, text = climb(words, person, limit, out / "log.txt")
    done = Progress(folder)
    eye, cell = folder / "hand_eye.yaml", folder / "cell.yaml"
    table = load_cell(cell).workspace.table_z if cell.is_file() else float("nan")
    off = off_at_workspace(load_hand_eye(eye), hidden) if eye.is_file() else float("nan")
    return {
        "hidden": hidden,
        "status": status,
        "steps": sum(name in done.attempts and done.attempts[name].ok for name in STEPS),
        "next": done.next(),
        "hand_eye_off_mm": round(off * 1e3, 2),
        "table_off_mm": round((table - hidden_truth(hidden, load_hand_eye()).table_z) * 1e3, 2),
        "check_mean_mm": next(iter(re.findall(r"^  mean, without.*$", text, re.MULTILINE)[-1:]), "").split()[-3:],
        "in_tote": [len(truth.in_tote) for truth in person.truths],
        "objects": [len(truth.objects) for truth in person.truths],
        "stops": dict(Counter(STOP.findall(text))),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }


def main() -> int:
    """Climb, print the line; 0 when all heaps were cleared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=3, help="seed of the truths (3)")
    parser.add_argument("--heaps", default="11,12,13,14,15", help="their seeds, five objects each (11,12,13,14,15)")
    parser.add_argument("--views", type=int, default=9, help="of the board (9)")
    parser.add_argument("--limit", type=float, default=5400.0, help="of the whole climb [s] (5400)")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    args = parser.parse_args()
    heaps = [(int(seed), 5) for seed in args.heaps.split(",")]
    told = climbed(args.out, args.hidden, heaps, args.views, args.limit)
    print(json.dumps(told))
    return (
        0 if told["next"] is None and told["in_tote"] == told["objects"] and len(told["in_tote"]) == len(heaps) else 1
    )


if __name__ == "__main__":
    sys.exit(main())
