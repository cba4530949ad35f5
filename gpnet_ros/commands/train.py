"""Train a network on generated scenes and write it, annealed and with its card, under models/.

    gpnet train --data data/train --val data/val --out models/mine                     # recipe best, 50 epochs
    gpnet train --data data/train --val data/val --out models/mine --config small      # 75 minutes without a GPU
    torchrun --nproc-per-node 4 -m gpnet_ros.cli train --data ... --out models/mine    # four GPUs, or four CPU cores

The run lives in runs/<name>: its state, its log as lines and curves, examples, and last/, a model that can be used.
After a crash or kill the same line with --resume continues it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpnet_ros.data.batches import BatchSettings, Samples, batches, worker_count
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.view_settings import ViewSettings
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.ranks import Ranks
from gpnet_ros.network.trainer import STATE, Trainer
from gpnet_ros.training import profile as train_profile
from gpnet_ros.training.curves import TrainingLog
from gpnet_ros.training.origin import code_commit, data_origin, first_weights
from gpnet_ros.training.recipe import Budget, TrainSettings, load_recipe, overrides
from gpnet_ros.training.runs import EARLIER_STATE, enter_run, make_folders
from gpnet_ros.training.validation import judge_views, views_summary

#: Folder of a run in which its last state lies as a model.
LAST = "last"
#: The first state is due after so many seconds, if not earlier: a run that ends early shall not have been for nothing.
FIRST_STATE = 30.0
#: Steps between two looks at the loss: reading it makes a GPU wait.
LOOK = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `gpnet train`."""
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders of `gpnet generate` to train on, one or several"
    )
    parser.add_argument("--val", type=Path, help="folder to judge on; without it the card has no metric")
    parser.add_argument("--out", type=Path, help="folder of the model, for example models/mine")
    parser.add_argument("--config", help="recipe: a name in config/train, or the path of a file; default best")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings in place of the recipe's")
    # torchrun takes --run for an abbreviation of its own --run-path, so that there is a second name.
    parser.add_argument(
        "--run", "--run-folder", type=Path, help="folder of state and log; default runs/<name of --out>"
    )
    parser.add_argument("--epochs", type=float, help="end after so many passes over the data")
    parser.add_argument("--minutes", type=float, help="end after so much time; the schedule is fitted to it")
    parser.add_argument("--resume", action="store_true", help="continue the run from its last state")
    for name in ("size", "architecture", "channels", "loss"):
        parser.add_argument(f"--{name}", help="in place of the recipe's")
    parser.add_argument("--crop", type=int, dest="small_crop", help="side of the small crops, in place of the recipe's")
    parser.add_argument("--threads", type=int, help="CPU threads, in place of the recipe's")
    parser.add_argument("--workers", type=int, help="processes that make views ahead (1; for a GPU one per core)")
    parser.add_argument("--seed", type=int, help="in place of the recipe's")
    parser.add_argument("--init", help="start from the weights of this model: a name in models/, or a folder")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if there is one"
    )
    parser.add_argument(
        "--profile", type=int, nargs="?", const=20, metavar="STEPS", help="say where a step's time goes, train nothing"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Train as asked."""
    names = ("size", "architecture", "channels", "loss", "small_crop", "threads", "seed")
    flags = {n: getattr(args, n) for n in names if getattr(args, n) is not None}
    recipe = load_recipe(args.config, **(overrides(args.set) | flags))
    device = training_device(args.device)
    if args.profile is not None:
        profiled = train_profile.profile(Dataset.load(args.data, recipe.views()), recipe, device, args.profile)
        for one in profiled:
            print("\n".join(train_profile.table(one)))
        if args.json:
            print(json.dumps({"profile": [train_profile.answer(one) for one in profiled]}))
        return 0
    if args.out is None:
        raise BadInput("--out is missing: give the folder of the model, for example --out models/mine.")
    Budget.of(recipe, 1, args.minutes, args.epochs)  # refused before minutes of reading
    folder = args.run or Path("runs") / args.out.resolve().name
    make_folders(args.out, folder)
    training = Dataset.load(args.data, recipe.views())
    refuse_unseen(training, recipe)
    validation = Dataset.load(args.val, validation_views(recipe)) if args.val else None
    budget = Budget.of(recipe, len(training), args.minutes, args.epochs)
    where: dict[str, Any] = {"out": args.out, "folder": folder, "resume": args.resume, "workers": args.workers}
    card = train(training, validation, recipe, budget, **where, device=device, init=args.init)
    if args.json and card is not None:
        print(json.dumps({"model": str(args.out), "metric": card.metric, "recipe": card.recipe}))
    return 0


def training_device(asked: str) -> torch.device:
    """The device that was asked for; with "auto" a GPU if there is one.

    Raises:
        BadInput: there is no such device.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch sees no GPU here; use --device cpu, or install torch with CUDA.")
    return torch.device("cuda" if asked != "cpu" and torch.cuda.is_available() else "cpu")


def refuse_unseen(training: Samples, recipe: TrainSettings) -> None:
    """A network learns nothing of depth from pictures without any.

    Raises:
        BadInput: the recipe's input needs depth and no picture has some.
    """
    records = getattr(training, "records", ())
    if recipe.channels != "rgb" and records and not any(record.depth.any() for record in records):
        raise BadInput(f"channels is {recipe.channels!r}, but no picture of --data has depth: add --channels rgb.")


def validation_views(recipe: TrainSettings) -> ViewSettings:
    """Of the views that a network is judged on: all recipes' grasps are labelled alike, priority as the recipe does."""
    return ViewSettings(normalisation=recipe.normalisation, priority=recipe.priority)


def train(
    training: Samples,
    validation: Samples | None,
    recipe: TrainSettings,
    budget: Budget,
    *,
    out: Path,
    folder: Path,
    resume: bool = False,
    device: torch.device | None = None,
    init: str | Path | None = None,
    workers: int | None = None,
) -> Card | None:
    """One run, from fresh weights or a saved state to a model with its card.

    Args:
        training, validation: scenes to learn from and to judge on.
        recipe: how. budget: how long.
        out: folder of the model. folder: of the run's state and log.
        resume: continue from the state in `folder`.
        device: that trains, the CPU by default.
        init: model whose weights the run starts from; fresh ones without it.
        workers: processes that make views ahead; see `worker_count` for what None means.

    Returns:
        The card that was written; None in the processes of `torchrun` that do not write.
    """
    ranks = Ranks.join(device or torch.device("cpu"))
    torch.set_num_threads(max(1, recipe.threads // ranks.world))
    torch.manual_seed(recipe.seed)
    blank = recipe.blank_card()
    net, start = first_weights(blank, init)
    source = Source(training, recipe, ranks, workers)
    origin = {"views": len(training), **data_origin(training), **start}
    enter_run(folder, recipe, origin, resume)
    trainer = Trainer(together(net, ranks), recipe.method(), ranks)
    if resume and (folder / STATE).is_file():
        trainer.restore(folder)
    elif resume and ranks.first:
        kept = f" The state of the run before it is {EARLIER_STATE}." if (folder / EARLIER_STATE).is_file() else ""
        print(f"{folder} has no state yet: the run was killed before its first one, and starts anew.{kept}")
    card = replace(blank, data=origin, recipe=asdict(recipe), commit=code_commit())
    log = TrainingLog(folder, validation, recipe.channels, resume) if ranks.first else None
    while (progress := budget.progress(trainer)) < 1.0:
        small = progress < recipe.small_share
        crop, until = (recipe.small_crop, recipe.small_share) if small else (NETWORK_SIDE, 1.0)
        for losses in _phase(trainer, source.batches(crop, trainer.step), budget, until, recipe, ranks, log):
            mean = trainer.finite(losses)
            if log is not None:
                trainer.save(folder)
                metric = log.report(trainer, budget.progress(trainer), crop, mean)
                checkpoint.save(trainer.ema, finished(card, trainer, metric), folder / LAST)
    ranks.leave()
    if log is None:
        return None
    log.close()
    trainer.ema.cpu()
    metric = views_summary(judge_views(trainer.ema, validation, recipe.channels))
    card = checkpoint.save(trainer.ema, finished(card, trainer, metric), out)
    print(f"{out}: {card.parameters} weights, {trainer.step} steps, {json.dumps(card.metric)}", flush=True)
    return card


def _phase(
    trainer: Trainer,
    source: Iterator[tuple[Tensor, Tensor]],
    budget: Budget,
    until: float,
    recipe: TrainSettings,
    ranks: Ranks,
    log: TrainingLog | None,
) -> Iterator[list[Tensor]]:
    """Steps at one size of crop, until that share of the run is done; the losses since it last gave some.

    It gives them whenever a state is due: after `checkpoint_seconds`, the first one of a run sooner, and at the end.
    """
    begin = saved = time.monotonic()
    wait = recipe.checkpoint_seconds if trainer.step else min(FIRST_STATE, recipe.checkpoint_seconds)
    losses: list[Tensor] = []
    while (progress := budget.progress(trainer)) < until:
        # Timed together with the step, so that the schedule follows real time.
        x, planes = next(source)
        x, planes = (tensor.to(ranks.device, non_blocking=True) for tensor in (x, planes))
        losses.append(trainer.update(x, Targets(*planes), progress))
        if log is not None and trainer.step % LOOK == 0:
            log.tick(budget.progress(trainer), trainer.elapsed, trainer.rate, trainer.finite(losses[-LOOK:]))
        now = time.monotonic()
        trainer.elapsed += now - begin
        if budget.seconds < float("inf"):
            trainer.elapsed = ranks.agreed(trainer.elapsed)  # or some would stop while others wait for them
        begin = now
        if now - saved > wait:
            yield losses
            saved, losses, wait = time.monotonic(), [], recipe.checkpoint_seconds
    if losses:
        yield losses


class Source:
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
        """Batches of views with a side of `crop` [px] from step `start` on."""
        r, ranks = self._recipe, self._ranks
        wanted = BatchSettings(r.seed, r.batch, crop, r.channels, r.modality_dropout, ranks.rank, ranks.world)
        return batches(self._training, wanted, start, self._workers, pinned=ranks.device.type == "cuda")


def together(net: torch.nn.Module, ranks: Ranks) -> torch.nn.Module:
    """The network on its device; on several GPUs its batch norms see the whole batch."""
    if ranks.device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # two sizes of crop only: the search pays
        if ranks.world > 1:
            net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)
    return net.to(ranks.device)


def finished(card: Card, trainer: Trainer, metric: dict[str, Any]) -> Card:
    """The card with what became of the run."""
    how = card.recipe | {"steps": trainer.step, "minutes": round(trainer.elapsed / 60, 1)}
    return replace(card, recipe=how, metric=metric)
