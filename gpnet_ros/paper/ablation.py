"""A series of trainings, one per row and seed, that skips what is finished and goes on with what was begun."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from gpnet_ros import settings as setting_files
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.shards.index import read_index
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.network.trainer import STATE
from gpnet_ros.paper.rows import (
    AblationRow,
    decisive_settings,
    first_equals,
    is_trained,
    model_folder,
    other_recipe,
    refusal,
)
from gpnet_ros.training.recipe import Budget, TrainSettings, without_gone
from gpnet_ros.training.run import LAST, RunOptions, train_folders

#: Files of a model's folder that are not of the model: its recipe, its run, and the mark that somebody works on it.
_RECIPE, _RUN, _LOCK = "recipe.yaml", "run", "lock"
_STATES = ("finished", "begun", "to do", "cannot run")


@dataclass(frozen=True)
class SeriesOptions:
    """What all trainings of a series have in common.

    Attributes:
        out: folder of all models.
        data: folders of shards to train on.
        validation: folder to judge on while training; None judges nothing.
        seeds: trainings per row.
        minutes: length of each training [min]; epochs: passes over the data of each. Without both the rows say.
        threads: CPU threads of each training; None takes the recipe's.
        device: see `RunOptions`.
    """

    out: Path
    data: tuple[Path, ...] = ()
    validation: Path | None = None
    seeds: int = 3
    minutes: float | None = None
    epochs: float | None = None
    threads: int | None = None
    device: str = "auto"


@dataclass(frozen=True)
class AblationJob:
    """One training of a series.

    Attributes:
        row: what is trained.
        seed: of weights and augmentation.
        folder: where the model goes.
        state: "finished", "begun", "to do" or "cannot run".
        reason: why it cannot run; "" if it can.
    """

    row: AblationRow
    seed: int
    folder: Path
    state: str
    reason: str = ""

    @property
    def is_left(self) -> bool:
        """Whether there is something to train."""
        return self.state in ("begun", "to do")


def refuse_series(rows: Sequence[AblationRow], options: SeriesOptions, *, only_list: bool) -> None:
    """Refuse a series once, before its first training, not for every row.

    Args:
        rows: all rows of the file.
        options: of the series.
        only_list: nothing will be trained, so that neither a length nor data are needed.

    Raises:
        BadInput: no seeds, no length or two of them, or data that cannot be read.
    """
    if options.seeds < 1:
        raise BadInput(f"--seeds is {options.seeds}; allowed: 1 or more, 3 for the tables.")
    if options.minutes is not None and options.epochs is not None:
        raise BadInput("Give either --minutes or --epochs: the budget that every row gets.")
    given = options.minutes is not None or options.epochs is not None
    # What a recipe says of its length was meant for other runs: only the file of rows counts.
    in_file = all({"epochs", "minutes"} & set(row.settings) for row in rows if row.trained)
    if not (only_list or given or in_file):
        raise BadInput("Give --minutes or --epochs, or `common: {epochs: ...}` in the file: the budget of every row.")
    if given:
        Budget.of(TrainSettings(), 1, options.minutes, options.epochs)
    if not only_list:
        for folder in (*options.data, *([options.validation] if options.validation else [])):
            read_index(folder)


def plan(
    rows: tuple[AblationRow, ...], chosen: tuple[AblationRow, ...], options: SeriesOptions
) -> tuple[AblationJob, ...]:
    """The trainings of a series in their order: the first seed of every row comes before the second of any.

    Args:
        rows: all rows; one that comes out equal to an earlier one of them is trained as that one.
        chosen: the rows that are asked for.
        options: of the series.
    """
    twins = first_equals(rows)
    wanted = dict.fromkeys(twins.get(row.name, row).name for row in chosen)
    by_name = {row.name: row for row in rows}
    pairs = ((seed, name) for seed in range(options.seeds) for name in wanted)
    return tuple(_job(by_name[name], seed, options.out, name in twins) for seed, name in pairs)


def _job(row: AblationRow, seed: int, out: Path, can_run: bool) -> AblationJob:
    folder = model_folder(out, row, seed)
    if not can_run:
        return AblationJob(row, seed, folder, "cannot run", refusal(row))
    if is_trained(folder):
        other = other_recipe(folder, row)
        why = f"{folder} was trained with another recipe ({other}): remove it, or choose another --out"
        return (
            AblationJob(row, seed, folder, "cannot run", why) if other else AblationJob(row, seed, folder, "finished")
        )
    return AblationJob(row, seed, folder, "begun" if (folder / _RUN / STATE).is_file() else "to do")


def same_rows(rows: tuple[AblationRow, ...], chosen: tuple[AblationRow, ...]) -> list[str]:
    """One sentence for each chosen row that comes out equal to an earlier one."""
    twins = first_equals(rows)
    pairs = [(row.name, twins[row.name].name) for row in chosen if row.name in twins]
    return [f"{name} = {twin}: same settings, trained once" for name, twin in pairs if twin != name]


def train_left(jobs: Sequence[AblationJob], options: SeriesOptions) -> list[str]:
    """Train what is left of a series, leaving alone what another process works on.

    Returns:
        Names of the trainings that failed; their reasons were printed.
    """
    failed, read = [], ReadOnce()
    for job in (j for j in jobs if j.is_left):
        with _alone(job.folder) as free:
            if not free:
                print(f"{job.folder}: another gpnet ablate works on it", flush=True)
            elif not is_trained(job.folder):  # finished by another one in the meantime
                left = sum(not is_trained(j.folder) for j in jobs if j.is_left)
                print(f"{job.row.name}, seed {job.seed}: {_left(left, options.minutes)}", flush=True)
                if not _train(job, options, read):
                    failed.append(f"{job.row.name}/seed{job.seed}")
    return failed


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this process has the folder for itself; the system lets go of it however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


class ReadOnce:
    """Reads folders for trainings that follow one another: their pictures are in memory once, whatever views are drawn.

    Reading them again for each training takes time, and memory grows until the system ends the series.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, ...], Dataset] = {}

    def __call__(self, folders: Sequence[Path], views: ViewSettings) -> Dataset:
        """The pictures of folders, see `Dataset.load`."""
        key = tuple(folders)
        if key in self._kept and views.quality == "gaussian" and self._kept[key].views.quality != "gaussian":
            del self._kept[key]  # read without bells; never two of them in memory
        if key not in self._kept:
            self._kept[key] = Dataset.load(folders, views)
        return self._kept[key].with_views(views)


def _train(job: AblationJob, options: SeriesOptions, read: ReadOnce) -> bool:
    """One training, from the start or from its last state; whether it came to its end."""
    settings = dataclasses.replace(job.row.train_settings(), seed=job.seed)
    run, recipe = job.folder / _RUN, job.folder / _RECIPE
    begun = (run / STATE).is_file()
    if begun and not _same(recipe, settings):
        print(f"{job.folder} was begun with another recipe: remove it, or choose another --out", flush=True)
        return False
    recipe.write_text(yaml.safe_dump(_plain(settings), sort_keys=False), encoding="utf-8")
    if options.threads:
        settings = dataclasses.replace(settings, threads=options.threads)
    how = RunOptions(job.folder, run, resume=begun, device=options.device)
    try:
        judged_on = [options.validation] if options.validation else []
        minutes, epochs = options.minutes, options.epochs
        train_folders(options.data, judged_on, settings, how, minutes=minutes, epochs=epochs, read=read)
    except (GpnetError, OSError) as error:
        print(f"{job.folder}: {error}", file=sys.stderr)
        return False
    (run / STATE).unlink(missing_ok=True)  # a hundred states would fill the disk; log and curves stay
    shutil.rmtree(run / LAST, ignore_errors=True)
    return True


def _plain(settings: TrainSettings) -> dict[str, object]:
    """Settings as YAML has them: lists for tuples."""
    values: dict[str, object] = json.loads(json.dumps(dataclasses.asdict(settings)))
    return values


def _same(recipe: Path, settings: TrainSettings) -> bool:
    """The recipe that a run was begun with is this one; settings that came later had their defaults then."""
    try:
        values = without_gone(yaml.safe_load(recipe.read_text(encoding="utf-8")))
        before = setting_files.from_dict(TrainSettings, values, str(recipe))
    except (BadInput, OSError, ValueError, AttributeError, yaml.YAMLError):
        return False
    return decisive_settings(before) == decisive_settings(settings)


def _left(count: int, minutes: float | None) -> str:
    if minutes is None:
        return f"{count} left"
    total = count * minutes
    return f"{count} left, about " + (f"{total:.0f} min" if total < 120 else f"{total / 60:.1f} h")


def series_lines(jobs: Sequence[AblationJob], minutes: float | None) -> list[str]:
    """One line per row with the state of each seed, then what is left; `minutes` [min] of each training."""
    lines = []
    for name in dict.fromkeys(job.row.name for job in jobs):
        own = [job for job in jobs if job.row.name == name]
        reason = next((job.reason for job in own if job.reason), "")
        states = own[0].state if len({job.state for job in own}) == 1 else ", ".join(job.state for job in own)
        lines.append(f"{name:22}{states}" + (f": {reason}" if reason else ""))
    done, left = sum(job.state == "finished" for job in jobs), sum(job.is_left for job in jobs)
    lines.append(f"{done} trainings finished, {_left(left, minutes)}, {len(jobs) - done - left} cannot run")
    return lines


def series_answer(jobs: Sequence[AblationJob], failed: list[str]) -> dict[str, object]:
    """Plain values of a series for `--json`; `failed` as `train_left` returns it."""
    rows = [
        {"row": j.row.name, "seed": j.seed, "state": j.state, "model": str(j.folder), "reason": j.reason or None}
        for j in jobs
    ]
    counts = {state.replace(" ", "_"): sum(j.state == state for j in jobs) for state in _STATES}
    return {**counts, "failed": failed, "rows": rows}
