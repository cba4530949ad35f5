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
import dataclasses
import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from gpnet_ros.data.shards.index import read_index
from gpnet_ros.errors import BadInput
from gpnet_ros.network.trainer import STATE
from gpnet_ros.paper.rows import (
    AblationRow,
    choose_rows,
    decisive_settings,
    first_equals,
    is_trained,
    model_folder,
    other_recipe,
    read_ablation_rows,
    refusal,
)
from gpnet_ros.training.recipe import Budget, TrainSettings
from gpnet_ros.training.run import LAST

#: Files of a model's folder that are not of the model: its recipe, its run, and the mark that somebody works on it.
RECIPE, RUN, LOCK = "recipe.yaml", "run", "lock"


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        row: what; seed: with which dice.
        folder: where the model goes.
        state: "finished", "begun", "to do", or "cannot run".
        reason: why it cannot run.
    """

    row: AblationRow
    seed: int
    folder: Path
    state: str
    reason: str = ""


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
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="as of gpnet train (auto)")
    parser.add_argument("--list", action="store_true", help="say what is finished and what is left, train nothing")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Train what is left; 1 when a training failed."""
    if args.seeds < 1:
        raise BadInput(f"--seeds is {args.seeds}; allowed: 1 or more, 3 for the tables.")
    rows = read_ablation_rows(args.config)
    if args.minutes is not None and args.epochs is not None:
        raise BadInput("Give either --minutes or --epochs: the budget that every row gets.")
    told = args.minutes is not None or args.epochs is not None
    if not (args.list or told or all(_budgeted(row) for row in rows if row.trained)):
        raise BadInput("Give --minutes or --epochs, or `common: {epochs: ...}` in the file: the budget of every row.")
    if told:
        Budget.of(TrainSettings(), 1, args.minutes, args.epochs)
    for folder in [] if args.list else [*args.data, *([args.val] if args.val else [])]:
        read_index(folder)  # refused once, not for every row
    chosen = tuple(row for row in choose_rows(rows, args.rows) if row.trained)
    jobs = plan(rows, chosen, args.out, args.seeds)
    for line in same_rows(rows, chosen):
        print(line)
    failed: list[str] = []
    if not args.list:
        failed = _train_all(jobs, args)
        jobs = plan(rows, chosen, args.out, args.seeds)
    _show(jobs, args.minutes)
    if args.json:
        print(json.dumps(_as_values(jobs, failed)))
    return 1 if failed else 0


def _budgeted(row: AblationRow) -> bool:
    """Whether the file of rows says how long this one is trained; what its recipe says was meant for longer runs."""
    return bool({"epochs", "minutes"} & set(row.settings))


def plan(rows: tuple[AblationRow, ...], chosen: tuple[AblationRow, ...], out: Path, seeds: int) -> list[Job]:
    """All trainings in the order in which they are made: first the first seed of every row.

    Args:
        rows: all rows; one that comes out equal to an earlier one of them is trained as that one.
        chosen: those that are asked for.
        out: folder of all models.
        seeds: trainings per row.
    """
    twins = first_equals(rows)
    wanted = dict.fromkeys(twins.get(row.name, row).name for row in chosen)
    by_name = {row.name: row for row in rows}
    return [_job(by_name[name], seed, out, name in twins) for seed in range(seeds) for name in wanted]


def _job(row: AblationRow, seed: int, out: Path, can_run: bool) -> Job:
    folder = model_folder(out, row, seed)
    if not can_run:
        return Job(row, seed, folder, "cannot run", refusal(row))
    if is_trained(folder):
        other = other_recipe(folder, row)
        why = f"{folder} was trained with another recipe ({other}): remove it, or choose another --out"
        return Job(row, seed, folder, "cannot run", why) if other else Job(row, seed, folder, "finished")
    return Job(row, seed, folder, "begun" if (folder / RUN / STATE).is_file() else "to do")


def same_rows(rows: tuple[AblationRow, ...], chosen: tuple[AblationRow, ...]) -> list[str]:
    """One sentence for each chosen row that comes out equal to an earlier one."""
    twins = first_equals(rows)
    pairs = [(row.name, twins[row.name].name) for row in chosen if row.name in twins]
    return [f"{name} = {twin}: same settings, trained once" for name, twin in pairs if twin != name]


def _train_all(jobs: list[Job], args: argparse.Namespace) -> list[str]:
    """Names of the trainings that failed; their reasons were printed."""
    failed = []
    for job in (j for j in jobs if j.state in ("begun", "to do")):
        with _alone(job.folder) as free:
            if not free:
                print(f"{job.folder}: another gpnet ablate works on it", flush=True)
            elif not is_trained(job.folder):  # finished by another one in the meantime
                left = sum(not is_trained(j.folder) for j in jobs if j.state in ("begun", "to do"))
                print(f"{job.row.name}, seed {job.seed}: {_left(left, args.minutes)}", flush=True)
                if _train(job, args) != 0:
                    failed.append(f"{job.row.name}/seed{job.seed}")
    return failed


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this process has the folder for itself; the system lets go of it however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _train(job: Job, args: argparse.Namespace) -> int:
    """One training by `gpnet train`, from the start or from its last state; its exit status."""
    from gpnet_ros.cli import main

    settings = dataclasses.replace(job.row.train_settings(), seed=job.seed)
    begun = (job.folder / RUN / STATE).is_file()
    recipe = job.folder / RECIPE
    if begun and not _same(recipe, settings):
        print(f"{job.folder} was begun with another recipe: remove it, or choose another --out", flush=True)
        return 2
    recipe.write_text(yaml.safe_dump(_plain(settings), sort_keys=False), encoding="utf-8")
    words = ["train", "--config", str(recipe), "--data", *map(str, args.data), "--out", str(job.folder)]
    words += ["--run", str(job.folder / RUN), "--device", args.device, "--seed", str(job.seed)]
    words += ["--val", str(args.val)] if args.val else []
    for option, value in (("--minutes", args.minutes), ("--epochs", args.epochs)):  # without both the recipe says
        words += [option, str(value)] if value is not None else []
    words += ["--threads", str(args.threads)] if args.threads else []
    status = main(words + (["--resume"] if begun else []))
    if status == 0:  # a hundred states would fill the disk; log and curves stay
        (job.folder / RUN / STATE).unlink(missing_ok=True)
        shutil.rmtree(job.folder / RUN / LAST, ignore_errors=True)
    return status


def _plain(settings: TrainSettings) -> dict[str, object]:
    """Settings as YAML has them: lists for tuples."""
    values: dict[str, object] = json.loads(json.dumps(dataclasses.asdict(settings)))
    return values


def _same(recipe: Path, settings: TrainSettings) -> bool:
    """The recipe that a run was begun with is this one; settings that came later had their defaults then."""
    from gpnet_ros.settings import load_settings

    try:
        return decisive_settings(load_settings(TrainSettings, recipe)) == decisive_settings(settings)
    except BadInput:
        return False


def _left(count: int, minutes: float | None) -> str:
    if minutes is None:
        return f"{count} left"
    return f"{count} left, about {_duration(count * minutes)}"


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _show(jobs: list[Job], minutes: float | None) -> None:
    """One line per row with the state of each seed, then what is left."""
    for name in dict.fromkeys(job.row.name for job in jobs):
        own = [job for job in jobs if job.row.name == name]
        reason = next((job.reason for job in own if job.reason), "")
        states = own[0].state if len({job.state for job in own}) == 1 else ", ".join(job.state for job in own)
        print(f"{name:22}{states}" + (f": {reason}" if reason else ""))
    done = sum(job.state == "finished" for job in jobs)
    left = sum(job.state in ("begun", "to do") for job in jobs)
    print(f"{done} trainings finished, {_left(left, minutes)}, {len(jobs) - done - left} cannot run")


def _as_values(jobs: list[Job], failed: list[str]) -> dict[str, object]:
    rows = [
        {"row": j.row.name, "seed": j.seed, "state": j.state, "model": str(j.folder), "reason": j.reason or None}
        for j in jobs
    ]
    counts = {state: sum(j.state == state for j in jobs) for state in ("finished", "begun", "to do", "cannot run")}
    return {**{state.replace(" ", "_"): n for state, n in counts.items()}, "failed": failed, "rows": rows}
