"""How well does P tell objects that may be taken first from those that must wait? Models side by side, without grasps.

    gpnet generate --out data/val --scenes 100 --seed 2199 --profile stack --views 2
    gpnet bench ranking gpnet gpnet-s runs/mine/last --data data/val

Per model: the chance that of a topmost and another object, of all pictures together, P is higher on the topmost one
(0.5: by chance), the share of objects whose mean P is on the right side of 0.5, the cross entropy of P on objects, and
how often the argmax of Q* lies on a topmost object; last the same with P times its own mean over each true mask, what a
perfect grouping would give. Models are compared with the first in pairs; intervals take pictures for independent, two
views of one heap too. All pictures are seen through an average D435, so that this is quick and fit to follow a
training; what is lifted, `gpnet evaluate` says. Exit status: 0 done, 2 bad input.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import paired
from gpnet_ros.evaluation.object_ranking import RankedPicture, rank_pictures, ranking_figures
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet bench ranking`."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="names in models/ or paths of model folders")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of gpnet generate, of other seeds")
    parser.add_argument("--scenes", type=int, help="only the first pictures of them all (all)")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Rank, print a line per model, and compare each with the first."""
    if args.scenes is not None and args.scenes < 1:
        raise BadInput(f"--scenes is {args.scenes}; it must be 1 or more.")
    loaded = [checkpoint.load(model) for model in args.models]
    for model, (_, card) in zip(args.models, loaded, strict=True):
        _refuse_without_priority(model, card)
    pictures = Dataset.load(args.data)
    print(f"{'model':24} weights  its last run's views  ranking  told  entropy  argmax topmost      by true masks")
    answers: list[dict[str, Any]] = []
    first: Sequence[RankedPicture] = ()
    for model, (net, card) in zip(args.models, loaded, strict=True):
        seen = Dataset(pictures.records[: args.scenes], ViewSettings(normalisation=card.normalisation))
        found = rank_pictures(net, seen, card.channels)
        first = first or found
        figures = ranking_figures(found) | {
            "model": str(model),
            "weights": card.parameters,
            "views": card.views_seen or None,
        }
        figures["over_first"] = paired([(a.on_top, b.on_top) for a, b in zip(first, found, strict=True)])
        print(_line(figures), flush=True)
        answers.append(figures)
    if args.json:
        print(json.dumps({"data": [str(folder) for folder in args.data], "models": answers}))
    return 0


def _refuse_without_priority(model: str, card: Card) -> None:
    if card.architecture == checkpoint.SCENE or len(card.golden) != 5:
        raise BadInput(f"{model} has no map of priority: give GP-Nets, or others that have one.")


def _line(figures: dict[str, Any]) -> str:
    def number(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    on_top, by_object, over = figures["on_top"], figures["on_top_by_object"], figures["over_first"]
    views = "-" if figures["views"] is None else f"{figures['views']:,}"
    head = f"{Path(figures['model']).name:24} {figures['weights'] / 1e6:5.2f} M {views:>21} "
    said = f"{number(figures['ranking'], 3):>8} {number(figures['told'], 3):>5} {number(figures['entropy'], 3):>8}  "
    hits = f"{100 * on_top['rate']:.1f} % [{100 * on_top['low']:.0f}, {100 * on_top['high']:.0f}]  "
    beside = f"{100 * over['difference']:+.1f} [{100 * over['low']:+.1f}, {100 * over['high']:+.1f}]"
    return f"{head}{said}{hits}{100 * by_object['rate']:.1f} %   over the first {beside}"
