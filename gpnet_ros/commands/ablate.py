"""Train every row of the tables, one after the other, with three seeds each, and survive being killed.

    gpnet ablate --out runs/ablations --data data/train --val data/val --rows table1
    gpnet ablate --out runs/ablations --data data/train --epochs 50 --list

The rows stand in config/ablations.yaml. All get the same data and the same budget, which that file or the line says.
The first seed of every row comes before the second of any, so that the tables are whole early. The same line again
skips what is finished and goes on with what was begun, also after kill -9; two of them may work in one folder at once,
each on models of its own. A row that this version cannot train is named and left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.paper.ablation import (
    SeriesOptions,
    plan,
    refuse_series,
    same_rows,
    series_answer,
    series_lines,
    train_left,
)
from gpnet_ros.paper.rows import choose_rows, read_ablation_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `gpnet ablate`."""
    parser.add_argument(
        "--out", type=Path, default=Path("runs/ablations"), help="folder of all models (runs/ablations)"
    )
    parser.add_argument(
        "--data", type=Path, nargs="+", default=[Path("data/train")], help="folders to train on (data/train)"
    )
    parser.add_argument("--val", type=Path, help="folder to judge on while training")
    parser.add_argument("--rows", nargs="+", help="names of rows or of tables (all rows)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings per row (3)")
    parser.add_argument("--minutes", type=float, help="time of each training")
    parser.add_argument("--epochs", type=float, help="passes over the data of each training, in place of --minutes")
    parser.add_argument("--config", type=Path, help="other rows than those of config/ablations.yaml")
    parser.add_argument("--threads", type=int, help="CPU threads of a training, in place of the recipe's")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="see gpnet train (auto)")
    parser.add_argument("--list", action="store_true", help="say what is finished and what is left, train nothing")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Train what is left of the rows; 1 when a training failed."""
    options = SeriesOptions(
        args.out, tuple(args.data), args.val, args.seeds, args.minutes, args.epochs, args.threads, args.device
    )
    rows = read_ablation_rows(args.config)
    refuse_series(rows, options, only_list=args.list)
    chosen = tuple(row for row in choose_rows(rows, args.rows) if row.trained)
    jobs = plan(rows, chosen, options)
    for line in same_rows(rows, chosen):
        print(line)
    failed: list[str] = []
    if not args.list:
        failed = train_left(jobs, options)
        jobs = plan(rows, chosen, options)
    for line in series_lines(jobs, args.minutes):
        print(line)
    if args.json:
        print(json.dumps(series_answer(jobs, failed)))
    return 1 if failed else 0
