"""One run of `gpnet train`: from first weights or a saved state to a model with its card."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gpnet_ros.data.batches import BatchSettings, Samples, batches, worker_count
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.record import QUALITY
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.ranks import Ranks
from gpnet_ros.network.trainer import Trainer
from gpnet_ros.training.curves import TrainingLog
from gpnet_ros.training.origin import code_commit, data_origin, first_weights
from gpnet_ros.training.profile import StepTimes, step_times
from gpnet_ros.training.recipe import Budget, TrainSettings
from gpnet_ros.training.runs import FIRST_STATE, enter_run, finished_card, go_on, make_folders
from gpnet_ros.training.validation import judge_views, views_summary

#: Folder of a run in which its last state lies as a model.
LAST = "last"
#: Steps between two looks at the loss: reading it makes a GPU wait.
_LOOK = 20
#: Reads the pictures of folders for the views that a training draws of them.
Reader = Callable[[Sequence[Path], ViewSettings], Dataset]


@dataclass(frozen=True)
class RunOptions:
    """Where a run lies, what it starts from and what computes it.

    Attributes:
        out: folder of the model.
        folder: folder of the run's state and log.
        resume: continue from the state in `folder`.
        init: name or folder of a model whose weights the run starts from; None begins with fresh ones.
        device: "cpu", "cuda" or "auto", which takes a GPU if there is one.
        workers: processes that make views ahead; see `worker_count` for what None means.
    """

    out: Path
    folder: Path
    resume: bool = False
    init: str | Path | None = None
    device: str = "cpu"
    workers: int | None = None


def training_device(asked: str) -> torch.device:
    """The device "cpu" or "cuda" that was asked for; with "auto" a GPU if there is one.

    Raises:
        BadInput: there is no such device.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch sees no GPU here; use --device cpu, or install torch with CUDA.")
    return torch.device("cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu")


def profile_folders(data: Sequence[Path], recipe: TrainSettings, device: str, steps: int) -> list[StepTimes]:
    """`step_times` on the pictures of folders; `device` as in `RunOptions`.

    Raises:
        BadInput: no shards there, no such device, or fewer than one step.
    """
    where = training_device(device)
    return step_times(_learned(data, recipe, Dataset.load), recipe, where, steps)


def _learned(data: Sequence[Path], recipe: TrainSettings, read: Reader) -> Dataset:
    pictures = read(data, recipe.views())
    return pictures.mixed(recipe.mix) if recipe.mix else pictures


def train_folders(
    data: Sequence[Path],
    validation: Sequence[Path],
    recipe: TrainSettings,
    options: RunOptions,
    *,
    minutes: float | None = None,
    epochs: float | None = None,
    read: Reader | None = None,
) -> Card | None:
    """Train on the pictures of folders; what can be refused is refused before the run begins.

    Args:
        data: folders of shards to learn from.
        validation: folders to judge on; without any the card has no metric.
        recipe: network, views and method.
        options: where the run lies and what computes it.
        minutes: length of the run [min]; epochs: passes over the data. Without both the recipe says.
        read: what reads the pictures, in place of `Dataset.load`.

    Returns:
        The card of the model, see `train`.

    Raises:
        BadInput: a folder cannot be read or written, a device is not there, nobody says how long, or data and recipe
            do not fit.
    """
    training_device(options.device)
    Budget.of(recipe, 1, minutes, epochs)  # refused before minutes of reading
    make_folders(options.out, options.folder)
    read = read or Dataset.load
    training = _learned(data, recipe, read)
    refuse_unseen(training, recipe)
    refuse_graspless(training, "--data")
    # All recipes are judged on the same grasps, with priority as their own says.
    seen = ViewSettings(normalisation=recipe.normalisation, priority=recipe.priority)
    judged_on = read(validation, seen) if validation else None
    if judged_on is not None:
        refuse_graspless(judged_on, "--val")
    return train(training, judged_on, recipe, Budget.of(recipe, len(training), minutes, epochs), options)


def refuse_unseen(training: Samples, recipe: TrainSettings) -> None:
    """A network learns nothing of depth from pictures without any.

    Raises:
        BadInput: the recipe's input needs depth and no picture has some.
    """
    records = getattr(training, "records", ())
    if recipe.channels != "rgb" and records and not any(record.depth.any() for record in records):
        raise BadInput(f"channels is {recipe.channels!r}, but no picture of --data has depth: add --channels rgb.")


def refuse_graspless(pictures: Samples, option: str) -> None:
    """Pictures without any grasp teach that there is none anywhere, and judge nothing.

    Raises:
        BadInput: no picture of the folders that `option` names has a grasp.
    """
    records = getattr(pictures, "records", ())
    if records and not any(record.grasps[..., QUALITY].any() for record in records):
        raise BadInput(
            f"None of the {len(pictures)} pictures of {option} has a grasp: look at the labels with gpnet data check, "
            "which says how many rectangles were left out and why, and give other data."
        )


def train(
    training: Samples, validation: Samples | None, recipe: TrainSettings, budget: Budget, options: RunOptions
) -> Card | None:
    """Train a network and write it with its card, and the run's state and log while it goes on.

    Args:
        training: pictures to learn from.
        validation: pictures to judge on; None gives the card no metric.
        recipe: network, views and method.
        budget: how long.
        options: where the run lies, what it starts from and what computes it.

    Returns:
        The card that was written; None in the processes of `torchrun` that do not write.

    Raises:
        BadInput: there is no run to resume, or recipe, data and options do not fit each other.
        GpnetError: the loss is not finite any more.
    """
    ranks = Ranks.join(training_device(options.device))
    torch.set_num_threads(max(1, recipe.threads // ranks.world))
    torch.manual_seed(recipe.seed)
    blank = recipe.blank_card()
    net, start = first_weights(blank, options.init, recipe.trunk)
    source = ViewSource(training, recipe, ranks, options.workers)
    origin = {"views": len(training), **data_origin(training), **start}
    enter_run(options.folder, recipe, origin, options.resume)
    trainer = Trainer(_on_device(net, ranks), recipe.method(), ranks)
    if options.resume:
        go_on(trainer, options.folder, speak=ranks.first)
    card = replace(blank, data=origin, recipe=asdict(recipe), commit=code_commit())
    log = TrainingLog(options.folder, validation, recipe.channels, options.resume) if ranks.first else None
    for crop, losses in _Steps(trainer, source, recipe, budget, ranks, log):
        mean = trainer.finite(losses)
        if log is not None:
            trainer.save(options.folder)
            metric = log.report(trainer, budget.progress(trainer), crop, mean)
            checkpoint.save(trainer.ema, finished_card(card, trainer, metric), options.folder / LAST)
    ranks.leave()
    if log is None:
        return None
    log.close()
    trainer.ema.cpu()
    metric = views_summary(judge_views(trainer.ema, validation, recipe.channels))
    card = checkpoint.save(trainer.ema, finished_card(card, trainer, metric), options.out)
    print(f"{options.out}: {card.parameters} weights, {trainer.step} steps, {json.dumps(card.metric)}", flush=True)
    return card


class ViewSource:
    """Where the batches of a run come from."""

    def __init__(self, training: Samples, recipe: TrainSettings, ranks: Ranks, workers: int | None = None) -> None:
        """Say what is drawn from, and by how many processes; see `worker_count` for None.

        Raises:
            BadInput: the processes cannot share the recipe's batch evenly, two views each or more; workers below 0.
        """
        if workers is not None and workers < 0:
            raise BadInput(f"--workers is {workers}; allowed: 0 or more.")
        if recipe.batch % ranks.world or recipe.batch < 2 * ranks.world:
            raise BadInput(
                f"batch is {recipe.batch}, which {ranks.world} processes cannot share evenly, two views each or more: "
                f"give --set batch= a multiple of {ranks.world} from {2 * ranks.world} on."
            )
        self._training, self._recipe, self._ranks = training, recipe, ranks
        self._workers = worker_count(ranks.device.type, ranks.world) if workers is None else workers

    def batches(self, crop: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of views with a side of `crop` [px] from step `start` on; see `data.batches.batches` for shapes."""
        r, ranks = self._recipe, self._ranks
        wanted = BatchSettings(r.seed, r.batch, crop, r.channels, r.modality_dropout, ranks.rank, ranks.world)
        return batches(self._training, wanted, start, self._workers, pinned=ranks.device.type == "cuda")


@dataclass(frozen=True)
class _Steps:
    """The steps of a run: side of the crops [px] and losses since the last state, whenever a state is due.

    One is due after `checkpoint_seconds`, the first one of a run sooner, and at the end of each size of crop.
    """

    trainer: Trainer
    source: ViewSource
    recipe: TrainSettings
    budget: Budget
    ranks: Ranks
    log: TrainingLog | None

    def __iter__(self) -> Iterator[tuple[int, list[Tensor]]]:
        recipe = self.recipe
        while (progress := self.budget.progress(self.trainer)) < 1.0:
            small = progress < recipe.small_share
            crop, until = (recipe.small_crop, recipe.small_share) if small else (NETWORK_SIDE, 1.0)
            for losses in self._until(until, self.source.batches(crop, self.trainer.step)):
                yield crop, losses

    def _until(self, share: float, source: Iterator[tuple[Tensor, Tensor]]) -> Iterator[list[Tensor]]:
        """Steps until that share of the run is done."""
        trainer, recipe = self.trainer, self.recipe
        begin = saved = time.monotonic()
        wait = recipe.checkpoint_seconds if trainer.step else min(FIRST_STATE, recipe.checkpoint_seconds)
        losses: list[Tensor] = []
        while (progress := self.budget.progress(trainer)) < share:
            losses.append(self._step(next(source), progress))
            if self.log is not None and trainer.step % _LOOK == 0:
                done = self.budget.progress(trainer)
                self.log.tick(done, trainer.elapsed, trainer.rate, trainer.finite(losses[-_LOOK:]))
            now = time.monotonic()
            trainer.elapsed += now - begin  # making views counts, so that the schedule follows real time
            if self.budget.seconds < float("inf"):
                trainer.elapsed = self.ranks.agreed(trainer.elapsed)  # or some would stop while others wait for them
            begin = now
            if now - saved > wait:
                yield losses
                saved, losses, wait = time.monotonic(), [], recipe.checkpoint_seconds
        if losses:
            yield losses

    def _step(self, batch: tuple[Tensor, Tensor], progress: float) -> Tensor:
        x, planes = (tensor.to(self.ranks.device, non_blocking=True) for tensor in batch)
        return self.trainer.update(x, Targets(*planes), progress)


def _on_device(net: torch.nn.Module, ranks: Ranks) -> torch.nn.Module:
    """The network on its device; on several GPUs its batch norms see the whole batch."""
    if ranks.device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # two sizes of crop only: the search pays
        if ranks.world > 1:
            net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    return net.to(ranks.device)
