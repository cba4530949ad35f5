"""Search for the sizes of the multi-task network on generated pictures, within its bars of size, cost and latency.

    gpnet search --data data/train --out runs/search --profile smoke      # does it work? a few minutes
    gpnet search --data data/train --out runs/search --profile minutes    # networks of the shipped size, half an hour
    gpnet train --data ... --out models/mine --config graspnext --set network=runs/search/winner.json

OUT gets log.jsonl, latency.json (measured on this machine), winner.json and page.html with pareto.png. The same seed,
data and latency table (--latency) give the same log, whatever --workers is; after a kill the same line with --resume
continues it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gpnet_ros.commands.extra import graspnext_packages
from gpnet_ros.errors import BadInput
from gpnet_ros.workers import in_processes, on_ray

_EXECUTORS = {"process": in_processes, "ray": on_ray}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `gpnet search`."""
    add = parser.add_argument
    add("--data", type=Path, nargs="+", required=True, help="folders of `gpnet generate --labels all`")
    add("--out", type=Path, required=True, help="folder of the search")
    add("--profile", default="minutes", help="smoke, minutes, day, or the path of a file (default minutes)")
    add("--seed", type=int, help="in place of the profile's")
    add("--resume", action="store_true", help="go on with an interrupted search of the same arguments")
    add("--latency", type=Path, help="latency.json of an earlier search, in place of measuring")
    add("--workers", type=int, default=1, help="points tried at a time (default 1: in this process)")
    add("--executor", choices=_EXECUTORS, default="process", help="ray: on the cluster of RAY_ADDRESS, else here")
    add("--json", action="store_true", help="print one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Search, and say what was found."""
    if not 1 <= args.workers <= 10_000:
        raise BadInput(f"--workers is {args.workers}; it must be 1 to 10000.")
    with graspnext_packages("The search"):
        from gpnet_ros.training.search.run import WINNER, SearchOptions, search_folders
        from gpnet_ros.training.search.settings import load_profile
        from gpnet_ros.training.search.trials import in_this_process
    settings = load_profile(args.profile, **({} if args.seed is None else {"seed": args.seed}))
    alone = args.executor == "process" and args.workers == 1
    executor = in_this_process if alone else _EXECUTORS[args.executor]
    options = SearchOptions(args.out, args.profile, args.resume, args.latency, executor, args.workers)
    found = search_folders(args.data, settings, options, lambda line: print(line, flush=True))
    said = found.log.lines[-1]["winner"]
    print(
        f"The winner has {said['millions']:.2f} million parameters, {said['gmac']:.1f} GMAC and an estimated "
        f"{said['milliseconds']:.0f} ms; score {said['score']:.2f}. See {args.out / 'page.html'}."
    )
    if args.json:
        answer = {"winner": str(args.out / WINNER), "log_sha256": found.log.digest, **said}
        print(json.dumps(answer | {"trust": found.log.lines[-1]["trust"]}))
    return 0
