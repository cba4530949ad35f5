"""The tables of the paper, with our networks, in one command: from trained weights to Markdown, CSV and pictures.

    gpnet tables --out runs/tables
    gpnet tables --out runs/tables --tables table1 losses --scenes 100
    gpnet tables --out runs/tables --page docs/results.md

  table1       all methods on stack-test: lift in physics and the rectangle rule
  rgb, depth   the same with colour alone and with depth alone (rows of the paper's Table 1)
  parts        the paper's GP-Net without one of its parts: context, priority (its ablations of Table 1)
  losses       the losses alone (the paper's Fig. 5)
  table2       colour only, on data never trained on: unseen-test, and public sets given with --public
  table3       closed loop on frozen heaps, 3 to 7 objects, per priority and network, beside the oracle
  ingredients  what recipe best owes to each of its parts
  equal        every network in its own size and batch, all with the same views
  graspnext    the multi-task networks on equal images and at equal core-hours, beside the paper's Table 1
  targets      what must hold: every call makes it, from the shipped model's card and what the commands that stand in
               its lines left in --runs; alone it measures nothing

Models come from `gpnet ablate` (--models), three seeds each; where there are none yet, the shipped model stands in,
and the rest is named below its table with the command that trains it. Beside ours stand the paper's figures, measured
on other data.
Whatever was judged or played is kept in runs/, so that an interrupted call goes on and a second one is quick. Figures
of what must hold that a call does not find stay as they were, in targets.json beside the page (or in --out).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.data.loaders.sets import LOADERS
from gpnet_ros.paper.rows import TABLES, read_ablation_rows
from gpnet_ros.paper.tables import SCENES, TARGETS, TablesRequest, make_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet tables`."""
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for tables.md, one CSV and one picture per table")
    add("--models", type=Path, default=Path("runs/ablations"), help="folder of gpnet ablate (runs/ablations)")
    names = [*TABLES, SCENES, TARGETS]
    add("--tables", nargs="+", choices=names, default=names, help="only these, and targets (all)")
    add("--data", default="stack-test", help="set of all tables of pictures but table2 (stack-test)")
    add("--public", nargs="+", default=[], metavar="NAME=FOLDER", help=f"public sets of table2: {', '.join(LOADERS)}")
    add("--scenes", type=int, help="only the first pictures of each set (all)")
    add(
        "--rounds",
        type=int,
        default=100,
        help="frozen heaps of each K in table3, and more of a line that has more already (100)",
    )
    add("--config", type=Path, help="other rows than those of config/ablations.yaml")
    add("--page", type=Path, help="fill the generated parts of this page too, as docs/results.md")
    add("--runs", type=Path, default=Path("runs"), help="folder of what the targets are read from (runs)")
    add("--graspnext", type=Path, default=Path("runs/graspnext"), help="folder of gpnet ablate graspnext (%(default)s)")
    add("--latency", type=Path, default=Path("runs/latency.json"), help="of gpnet bench graspnext --out (%(default)s)")
    add("--workers", type=int, default=0, help="processes (number of cores)")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure and write the tables that are asked for, and print the names of their files."""
    public = tuple((name, folder) for name, _, folder in (text.partition("=") for text in args.public))
    request = TablesRequest(
        out=args.out,
        models=args.models,
        tables=tuple(args.tables),
        data=args.data,
        public=public,
        scenes=args.scenes,
        rounds=args.rounds,
        page=args.page,
        runs=args.runs,
        graspnext=args.graspnext,
        latency=args.latency,
        workers=args.workers,
    )
    found, files = make_tables(read_ablation_rows(args.config), request)
    names = [str(file) for file in files]
    print(json.dumps({"tables": [t.name for t in found], "files": names}) if args.json else f"wrote {', '.join(names)}")
    return 0
