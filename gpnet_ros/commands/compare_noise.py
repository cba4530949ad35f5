"""Compare the simulated D435's depth noise with real frames, in figures.

For every folder with depth.png and camera.json (see test/data/real_frames) the table is found, a simulated camera
is put over a table in the same pose, and the same statistics are printed of both depth images.

Exit status: 0 at least one frame was compared, 1 none could be, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields
from pathlib import Path

from gpnet_ros.data.noise_statistics import NoiseStatistics, noise_statistics
from gpnet_ros.errors import BadInput, NoDepth
from gpnet_ros.evaluation.depth_noise import read_frame_depth, simulated_twin, write_pair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet compare-noise`."""
    parser.add_argument("--frames", type=Path, required=True, help="folder of frame folders: depth.png, camera.json")
    parser.add_argument("--seed", type=int, default=0, help="of the simulated twins (0)")
    parser.add_argument("--out", type=Path, help="folder for one picture per pair")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the figures of every real frame and of its simulated twin; frames without figures are named."""
    folders = sorted(p.parent for p in args.frames.glob("*/depth.png"))
    if not folders:
        raise BadInput(f"There is no frame in {args.frames}: folders with depth.png and camera.json are needed.")
    if args.seed < 0:
        raise BadInput(f"--seed is {args.seed}; allowed: 0 or more.")
    if args.out is not None:
        _make(args.out)
    rows, skipped = {}, {}
    for folder in folders:
        depth, intrinsics = read_frame_depth(folder)
        try:
            view, twin = simulated_twin(depth, intrinsics, args.seed)
            rows[folder.name] = {
                "real": asdict(noise_statistics(depth, intrinsics)),
                "simulated": asdict(noise_statistics(twin, intrinsics)),
            }
        except NoDepth as error:
            skipped[folder.name] = str(error)
            print(f"{folder.name}: {error}")
            continue
        print(_table(folder.name, rows[folder.name]))
        if args.out is not None:
            write_pair(args.out, folder, depth, view, twin)
    if args.json:
        print(json.dumps({"frames": rows, "skipped": skipped}))
    return 0 if rows else 1


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The folder {out} cannot be made ({error.strerror}); choose another --out.") from error


def _table(name: str, row: dict[str, dict[str, float]]) -> str:
    lines = [f"{name:32s}{'real':>10s}{'simulated':>12s}"]
    for key in (field.name for field in fields(NoiseStatistics)):
        lines.append(f"  {key:30s}{row['real'][key]:10.3f}{row['simulated'][key]:12.3f}")
    return "\n".join(lines)
