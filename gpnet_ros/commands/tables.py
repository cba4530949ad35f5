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

Models come from `gpnet ablate` (--models), three seeds each; where there are none yet, the shipped model stands in,
and the rest is named below its table with the command that trains it. Beside ours stand the paper's figures, measured
on other data.
Whatever was judged or played is kept in runs/, so that an interrupted call goes on and a second one is quick. Figures
of what must hold that a call does not measure stay as they were, in targets.json beside the page (or in --out).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gpnet_ros.data.loaders.sets import LOADERS
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.code_sum import code_sum
from gpnet_ros.evaluation.judging.evaluation import EVALUATIONS, Results, evaluate
from gpnet_ros.evaluation.judging.judge import JudgeSettings
from gpnet_ros.evaluation.judging.judged_pictures import Pictures, open_pictures
from gpnet_ros.network.checkpoint import vouched_card
from gpnet_ros.paper import paper_figures
from gpnet_ros.paper.lines import Line, table_lines
from gpnet_ros.paper.pages import Table, fill
from gpnet_ros.paper.pictures import MeasuredLine, measure_line, picture_table
from gpnet_ros.paper.plots import draw_bars, draw_clearing
from gpnet_ros.paper.rows import TABLES, AblationRow, read_ablation_rows
from gpnet_ros.paper.table3 import ClearedLine, clear_line, clearing_table, line_of_rounds
from gpnet_ros.paper.targets import TargetSources, read_errors, targets_table

#: Rounds of the closed loop are kept here, one file per policy.
ROUNDS = Path("runs/clearing")
TITLES = {
    "table1": "Table 1: all methods, {}",
    "rgb": "Table 1, colour alone, {}",
    "depth": "Table 1, depth alone, {}",
    "parts": "Parts of GP-Net: what the recipe of the paper owes to each, {}",
    "losses": "Fig. 5: the loss alone, {}",
    "table2": "Table 2: colour only, {}",
    "ingredients": "What recipe best owes to its parts, {}",
}
#: Line that the others of a table are compared with.
REFERENCE = {
    "table1": "best",
    "rgb": "gpnet-rgb",
    "depth": "gpnet-depth",
    "parts": "gpnet-paper",
    "losses": "gpnet-paper",
    "table2": "gpnet-rgb",
    "ingredients": "best",
}
PAPER = {**dict.fromkeys(("table1", "rgb", "depth", "parts"), paper_figures.TABLE1), "table2": paper_figures.TABLE2}
_REGRAD = "The paper's figures: REGRAD, rectangle rule, a GTX 1080 Ti; not all inputs of its baselines are stated."
NOTES = {
    **dict.fromkeys(("table1", "rgb", "depth"), _REGRAD),
    "losses": paper_figures.FIGURE5,
    "table2": "The paper's figures: networks trained on REGRAD, judged on VMRD.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet tables`."""
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for tables.md, one CSV and one picture per table")
    add("--models", type=Path, default=Path("runs/ablations"), help="folder of gpnet ablate (runs/ablations)")
    add("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="only these (all)")
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
    add("--errors", type=Path, default=Path("runs/errors/errors.json"), help="of gpnet bench errors, for the targets")
    add("--ros", type=Path, default=ROUNDS / "ros.jsonl", help="log of bench clearing --path ros, for the targets")
    add("--workers", type=int, default=0, help="processes (number of cores)")
    add("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure what is asked and write it."""
    for name, least in (("scenes", 1), ("rounds", 1), ("workers", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise BadInput(f"--{name} is {value}; it must be {least} or more.")
    rows = read_ablation_rows(args.config)
    public = [_public(text) for text in args.public]
    args.out.mkdir(parents=True, exist_ok=True)
    found: list[Table] = []
    by_set: dict[str, dict[str, MeasuredLine]] = {}
    for name in (t for t in args.tables if t != "table3"):
        for source, data in _sets(name, args, public):
            table, measured = _picture_table(name, rows, args, source, data)
            found.append(table)
            by_set.setdefault(data, {}).update({m.line.key: m for m in measured})
            draw_bars(args.out / f"{table.name}.png", table.title, measured, PAPER.get(name, {}))
    clearing: list[ClearedLine] = []
    if "table3" in args.tables:
        clearing = _clearing(rows, args)
        found.append(clearing_table(clearing, "gpnet", args.models))
        draw_clearing(args.out / "table3.png", clearing)
    kept = (args.out if args.page is None else args.page.parent) / "targets.json"
    found.insert(0, targets_table(_sources(by_set, clearing, rows, args), kept))
    files = write(args.out, found, args.page)
    print(json.dumps({"tables": [t.name for t in found], "files": files}) if args.json else f"wrote {', '.join(files)}")
    return 0


def _sets(name: str, args: argparse.Namespace, public: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(source, data) of every set of a table, as of `open_pictures`."""
    return [("own", "unseen-test"), *public] if name == "table2" else [("own", args.data)]


def _public(text: str) -> tuple[str, str]:
    name, equals, folder = text.partition("=")
    if not equals or name not in LOADERS or not Path(folder).is_dir():
        raise BadInput(
            f"--public {text!r} must be NAME=FOLDER with a folder that exists, as vmrd=/data/VMRD; names: "
            f"{', '.join(LOADERS)}."
        )
    return name, folder


def _picture_table(
    name: str, rows: tuple[AblationRow, ...], args: argparse.Namespace, source: str, data: str
) -> tuple[Table, list[MeasuredLine]]:
    pictures = open_pictures(data, source)
    judge = partial(judged, pictures=pictures, scenes=args.scenes, workers=args.workers)
    measured = [measure_line(line, judge) for line in table_lines(name, rows, args.models)]
    part = f" (first {args.scenes} pictures)" if args.scenes else ""
    table = picture_table(
        name if name != "table2" else f"table2-{pictures.name}",
        TITLES[name].format(pictures.name) + part,
        measured,
        args.models,
        PAPER.get(name, {}),
        against=REFERENCE[name],
        simulated=source == "own",
        notes=[NOTES[name]] if name in NOTES else [],
    )
    return table, measured


def judged(model: Path, priority: str, *, pictures: Pictures, scenes: int | None = None, workers: int = 0) -> Results:
    """What a model made of the pictures, read from runs/evaluations if it was judged before."""
    published = priority == "published"
    settings = JudgeSettings(priority="learned" if published else priority, as_published=published)
    return evaluate(model, pictures, settings, most=scenes, workers=workers, cache=EVALUATIONS)


def _clearing(rows: tuple[AblationRow, ...], args: argparse.Namespace) -> list[ClearedLine]:
    """The oracle, then every line."""
    clear = partial(played, rounds=args.rounds, workers=args.workers)
    oracle = line_of_rounds("oracle", "oracle (plans from the truth)", clear(None, "oracle"))
    return [oracle, *(clear_line(line, clear) for line in table_lines("table3", rows, args.models))]


def played(
    model: Path | None, priority: str, *, rounds: int, also: Collection[tuple[int, str]] = (), workers: int = 0
) -> list[dict[str, Any]]:
    """Rounds of a policy on the first frozen heaps of each K, on those after them that were played before, and others.

    `also` names the others by `HeapName.key`. All are kept in `ROUNDS`, under a name that hashes the code that decides.
    """
    from gpnet_ros.evaluation.closed_loop.core import clear_heaps
    from gpnet_ros.evaluation.closed_loop.rows import HeapName, Policy, heap_key, read_rounds
    from gpnet_ros.sim.heap import frozen

    frozen.require(frozen.COUNTS[0], rounds)
    ROUNDS.mkdir(parents=True, exist_ok=True)
    weights = "oracle" if model is None else f"{model.name}-{vouched_card(model).sha256[:12]}"
    log = ROUNDS / f"{weights}-{priority}-{code_sum(clear_heaps.__module__)}.jsonl"  # other code, other rounds
    there = {heap_key(row) for row in read_rounds(log)} if log.is_file() else set()
    heaps: list[HeapName] = []
    whole = True
    for number in range(frozen.HEAPS):
        block = [HeapName(count, number=number) for count in frozen.COUNTS]
        whole = whole and (number < rounds or all(heap.key in there for heap in block))
        heaps += block if whole else [heap for heap in block if heap.key in also]
    return clear_heaps(heaps, Policy("core", priority, None if model is None else str(model)), log, True, workers)


def _sources(
    by_set: Mapping[str, Mapping[str, MeasuredLine]],
    clearing: Sequence[ClearedLine],
    rows: tuple[AblationRow, ...],
    args: argparse.Namespace,
) -> TargetSources:
    """What the targets are read from; the default model is judged on unseen-test, too."""
    from gpnet_ros.evaluation.closed_loop.rows import heap_key, read_rounds

    unseen: dict[str, MeasuredLine] = {}
    ours: Line | None = next((line for line in table_lines("table1", rows, args.models) if line.key == "gpnet"), None)
    if ours is not None and ours.models and "stack-test" in by_set and "table1" in args.tables:
        pictures = open_pictures("unseen-test")
        unseen["gpnet"] = measure_line(
            ours, partial(judged, pictures=pictures, scenes=args.scenes, workers=args.workers)
        )
    ros = read_rounds(args.ros) if clearing and args.ros.is_file() else []
    heaps = {heap_key(row) for row in ros}
    model = ours.models[0] if ours and ours.models else None
    core = played(model, "learned", rounds=0, also=heaps, workers=args.workers) if heaps and model else []
    by_key = {c.key: c for c in clearing}
    card = ours.cards()[0].metric if ours and ours.models else {}
    return TargetSources(by_set.get("stack-test", {}), unseen, by_key, ros, core, read_errors(args.errors), card)


def write(out: Path, found: Sequence[Table], page: Path | None = None) -> list[str]:
    """Write all tables as Markdown and CSV, and fill a page's generated parts.

    Returns:
        The files written.
    """
    (out / "tables.md").write_text("\n".join(t.markdown() for t in found), encoding="utf-8")
    for table in found:
        (out / f"{table.name}.csv").write_text(table.csv(), encoding="utf-8")
    files = [str(out / "tables.md"), *(str(out / f"{t.name}.csv") for t in found)]
    files += [str(p) for t in found if (p := out / f"{t.name}.png").is_file()]
    if page is not None:
        for name in fill(page, {t.name: t.markdown() for t in found}):
            print(f"{page} has no part for {name}: it stands in {out / 'tables.md'} only.")
        files.append(str(page))
    return files
