"""Train a network on generated scenes and write it, annealed and with its card, under models/.

    gpnet train --data data/train --val data/val --out models/gpnet --minutes 60

The run lives in runs/<name> (state, log); after a crash or kill the same line with --resume continues it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpnet_ros import settings as setting_files
from gpnet_ros.data.batches import TARGETS, BatchSettings, Samples, batches
from gpnet_ros.data.dataset import Dataset
from gpnet_ros.data.device_set import DeviceSet
from gpnet_ros.errors import BadInput
from gpnet_ros.maps import NETWORK_SIDE
from gpnet_ros.network import checkpoint, score
from gpnet_ros.network.gpnet import WIDTHS
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.trainer import Trainer
from gpnet_ros.settings import setting, validate

#: Scenes that are judged while the run goes on; the end is judged on all.
QUICK_SCENES = 60


@dataclass(frozen=True)
class TrainSettings:
    """The recipe: what of a run may be chosen. `config/train.yaml` overrides these defaults."""

    architecture: str = setting("gpnet", "Network.", choices=tuple(checkpoint.ARCHITECTURES))
    size: str = setting("m", "Width of GP-Net.", choices=tuple(WIDTHS))
    channels: str = setting("rgbd", "Input.", choices=("rgb", "depth", "rgbd"))
    loss: str = setting("suppress", "See network/loss.py.", choices=("literal", "suppress", "ggcnn"))
    shrink_width: bool = setting(False, "Pull the width map to 0 where no grasp is.")
    batch: int = setting(16, "Views per step.", low=2, high=1024)
    rate: float = setting(0.004, "Highest learning rate (AdamW, one cycle).", low=1e-6, high=1.0)
    weight_decay: float = setting(1e-4, "Weight decay of AdamW.", low=0.0, high=1.0)
    ema_decay: float = setting(0.998, "Decay per step of the mean of the weights.", low=0.0, high=0.99999)
    warmup: float = setting(0.08, "Share of the run in which the rate rises.", low=0.001, high=0.5)
    modality_dropout: float = setting(0.15, "Share of views without colour, and without depth.", low=0.0, high=0.45)
    small_crop: int = setting(128, "Side of the crops at first; a multiple of 4.", unit="px", low=64, high=224)
    small_share: float = setting(0.7, "Share of the run on small crops; the rest on 224.", low=0.0, high=1.0)
    threads: int = setting(2, "CPU threads.", low=1, high=256)
    checkpoint_seconds: float = setting(180.0, "Time between states on disk.", unit="s", low=1.0, high=3600.0)
    seed: int = setting(0, "Of weights and augmentation.", low=0, high=2**31)

    def __post_init__(self) -> None:
        validate(self)
        if self.small_crop % 4:
            raise BadInput(f"small_crop is {self.small_crop}; it must be a multiple of 4.")


@dataclass(frozen=True)
class Budget:
    """When a run ends: after `seconds` of steps, or after `steps`, whichever comes first."""

    seconds: float
    steps: float

    def progress(self, trainer: Trainer) -> float:
        """Share of the run that is done, in [0, 1]."""
        return min(1.0, max(trainer.elapsed / self.seconds, trainer.step / self.steps))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `gpnet train`."""
    parser.add_argument("--data", type=Path, required=True, help="folder of `gpnet generate` to train on")
    parser.add_argument("--val", type=Path, help="folder to judge on; without it the card has no metric")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model, for example models/gpnet")
    parser.add_argument("--config", type=Path, help="recipe; default config/train.yaml")
    parser.add_argument("--run", type=Path, help="folder of state and log; default runs/<name of --out>")
    parser.add_argument("--epochs", type=float, help="end after so many passes over the data")
    parser.add_argument("--minutes", type=float, help="end after so much time; the schedule is fitted to it")
    parser.add_argument("--resume", action="store_true", help="continue the run from its last state")
    parser.add_argument("--size", choices=tuple(WIDTHS), help="width of GP-Net, in place of the recipe's")
    parser.add_argument("--architecture", choices=tuple(checkpoint.ARCHITECTURES), help="in place of the recipe's")
    parser.add_argument("--channels", choices=("rgb", "depth", "rgbd"), help="in place of the recipe's")
    parser.add_argument("--loss", choices=("literal", "suppress", "ggcnn"), help="in place of the recipe's")
    parser.add_argument("--crop", type=int, dest="small_crop", help="side of the small crops, in place of the recipe's")
    parser.add_argument("--threads", type=int, help="CPU threads, in place of the recipe's")
    parser.add_argument("--seed", type=int, help="in place of the recipe's")
    parser.add_argument("--init", help="start from the weights of this model: a name in models/, or a folder")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if there is one"
    )
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Train as asked."""
    names = ("size", "architecture", "channels", "loss", "small_crop", "threads", "seed")
    chosen = {n: getattr(args, n) for n in names if getattr(args, n) is not None}
    config = args.config or setting_files.config_dir() / "train.yaml"
    recipe = replace(setting_files.load(TrainSettings, config), **chosen)
    if args.minutes is None and args.epochs is None:
        raise BadInput("Neither --minutes nor --epochs is given: give one of them, it sets the schedule.")
    training = Dataset.load(args.data)
    validation = Dataset.load(args.val) if args.val else None
    steps = float("inf") if args.epochs is None else max(1.0, args.epochs * len(training) / recipe.batch)
    seconds = float("inf") if args.minutes is None else 60.0 * args.minutes
    if not (steps > 0 and seconds > 0):
        raise BadInput(f"--minutes {args.minutes} and --epochs {args.epochs} must be positive.")
    folder = args.run or Path("runs") / args.out.resolve().name
    make_folders(args.out, folder)
    budget = Budget(seconds, steps)
    device = training_device(args.device)
    where: dict[str, Any] = {"out": args.out, "folder": folder, "resume": args.resume}
    card = train(training, validation, recipe, budget, **where, device=device, init=args.init)
    if args.json:
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


def make_folders(*folders: Path) -> None:
    """Make them now, not after hours of training.

    Raises:
        BadInput: one cannot be made or written.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise BadInput(
                f"The folder {folder} cannot be written ({error.strerror}); choose another --out or --run."
            ) from error


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
) -> checkpoint.Card:
    """One run, from fresh weights or a saved state to a model with its card.

    Args:
        training, validation: scenes to learn from and to judge on.
        recipe: how. budget: how long.
        out: folder of the model. folder: of the run's state and log.
        resume: continue from the state in `folder`.
        device: that trains, the CPU by default; on a GPU the pictures live and are augmented there.
        init: model whose weights the run starts from; fresh ones without it.

    Returns:
        The card that was written.
    """
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    blank = blank_card(recipe)
    net, origin = first_weights(blank, init)
    trainer = Trainer(
        net.to(device or "cpu"),
        rate=recipe.rate,
        weight_decay=recipe.weight_decay,
        ema_decay=recipe.ema_decay,
    )
    folder.mkdir(parents=True, exist_ok=True)
    if resume:
        trainer.restore(folder)
    else:
        (folder / "log.jsonl").unlink(missing_ok=True)
    device_set = None
    if device is not None and device.type != "cpu" and isinstance(training, Dataset):
        device_set = DeviceSet(training, device)
    while (progress := budget.progress(trainer)) < 1.0:
        small = progress < recipe.small_share
        crop, until = (recipe.small_crop, recipe.small_share) if small else (NETWORK_SIDE, 1.0)
        settings = BatchSettings(recipe.seed, recipe.batch, crop, recipe.channels, recipe.modality_dropout)
        source = batches(training, device_set, settings, trainer.step)
        _phase(trainer, source, validation, recipe, budget, crop=crop, until=until, folder=folder)
    trainer.ema.cpu()
    verdicts = judge_all(trainer.ema, validation, recipe.channels)
    data = {"views": len(training), **describe(training), **origin}
    how = asdict(recipe) | {"steps": trainer.step, "minutes": round(trainer.elapsed / 60, 1)}
    card = replace(blank, data=data, recipe=how, metric=score.summary(verdicts), commit=_commit())
    card = checkpoint.save(trainer.ema, card, out)
    print(f"{out}: {card.parameters} weights, {trainer.step} steps, {json.dumps(card.metric)}", flush=True)
    return card


def _phase(
    trainer: Trainer,
    source: Iterator[tuple[Tensor, Tensor]],
    validation: Samples | None,
    recipe: TrainSettings,
    budget: Budget,
    *,
    crop: int,
    until: float,
    folder: Path,
) -> None:
    """Steps at one size of crop, until that share of the run is done."""
    begin = saved = time.monotonic()
    losses: list[float] = []
    while (progress := budget.progress(trainer)) < until:
        # Timed together with the step, so that the schedule follows real time.
        x, planes = next(source)
        losses.append(
            trainer.update(
                x,
                Targets(*planes),
                progress,
                mode=recipe.loss,
                shrink_width=recipe.shrink_width,
                warmup=recipe.warmup,
            )
        )
        now = time.monotonic()
        trainer.elapsed += now - begin
        begin = now
        if now - saved > recipe.checkpoint_seconds:
            _report(trainer, validation, recipe, budget, losses, crop, folder)
            saved, losses = time.monotonic(), []
    _report(trainer, validation, recipe, budget, losses, crop, folder)


def _report(
    trainer: Trainer,
    validation: Samples | None,
    recipe: TrainSettings,
    budget: Budget,
    losses: list[float],
    crop: int,
    folder: Path,
) -> None:
    """State on disk, one line of log, one line on the screen."""
    trainer.save(folder)
    metric = score.summary(judge_all(trainer.ema, validation, recipe.channels, QUICK_SCENES))
    line: dict[str, Any] = {
        "step": trainer.step,
        "progress": round(budget.progress(trainer), 4),
        "minutes": round(trainer.elapsed / 60, 2),
        "crop": crop,
        "loss": round(float(np.mean(losses)), 5) if losses else None,
        **metric,
    }
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def judge_all(
    net: torch.nn.Module, samples: Samples | None, channels: str, count: int | None = None
) -> list[score.Verdict]:
    """The verdict on the argmax of each validation scene, as seen without augmentation."""
    total = 0 if samples is None else len(samples) if count is None else min(count, len(samples))
    verdicts = []
    device = next(net.parameters()).device
    for index in range(total):
        assert samples is not None
        rng = np.random.default_rng([index])
        x, target = samples.sample(index, rng, crop=NETWORK_SIDE, augment=False, channels=channels)
        with torch.inference_mode():
            output = net(torch.from_numpy(x)[None].to(device))[0].cpu().numpy()
        verdicts.append(score.judge(score.as_maps(output), np.stack([target[name] for name in TARGETS])))
    return verdicts


def first_weights(blank: checkpoint.Card, init: str | Path | None) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The network that a run starts from, and what the card will say of where its weights came from.

    Raises:
        BadInput: the model to start from is another network.
    """
    net = checkpoint.build(blank)
    if init is None:
        return net, {}
    start, card = checkpoint.load(init)
    ours, theirs = ((c.architecture, c.kwargs, c.channels) for c in (blank, card))
    if ours != theirs:
        raise BadInput(
            f"--init {init} is {theirs[0]} {theirs[1]} on {theirs[2]}, "
            f"this run makes {ours[0]} {ours[1]} on {ours[2]}: give the same --architecture, --size and --channels."
        )
    net.load_state_dict(start.state_dict())
    return net, {"init": {"model": str(init), "sha256": card.sha256, "data": card.data}}


def describe(samples: Samples) -> dict[str, Any]:
    """Of what scenes a data set is, so that it can be generated again; nothing for a set without records."""
    names = sorted({r.scene for r in getattr(samples, "records", ())})
    return {"scenes": len(names), "first_scene": names[0], "last_scene": names[-1]} if names else {}


def blank_card(recipe: TrainSettings) -> checkpoint.Card:
    """The card of a network that is not trained yet."""
    kwargs = {"widths": list(WIDTHS[recipe.size])} if recipe.architecture == "gpnet" else {}
    return checkpoint.Card(architecture=recipe.architecture, kwargs=kwargs, channels=recipe.channels)


def _commit() -> str:
    """The commit of the working tree, or nothing where there is no git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
