"""The log of a training run: a bar, lines in log.jsonl, curves.png, examples.png, and TensorBoard where it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import tqdm

from gpnet_ros.data.batches import TARGETS, Samples
from gpnet_ros.network.trainer import Trainer
from gpnet_ros.rectangle import Rectangles
from gpnet_ros.training.validation import JudgedView, judge_views, mean_map_errors, views_summary

LOG, CURVES, EXAMPLES, BOARD = "log.jsonl", "curves.png", "examples.png", "tensorboard"
#: Scenes that are judged while the run goes on; the end is judged on all.
QUICK_SCENES = 60
#: Of them, so many are shown.
SHOWN = 6


@dataclass(frozen=True)
class Panel:
    """One of the pictures in `draw_curves`: its title, the names of its lines, and whether they are shares."""

    title: str
    names: tuple[str, ...]
    share: bool = False


#: Curves of a grasp network beside those of the loss.
GRASP_PANELS = (
    Panel("squared error on validation views", tuple(f"error_{name}" for name in TARGETS)),
    Panel("share of validation views", ("top1_top_level", "top1_any", "on_object"), True),
)


class TrainingLog:
    """The log of one training run: a bar, lines, curves and examples in the folder of the run."""

    def __init__(self, folder: Path, validation: Samples | None, channels: str, resume: bool) -> None:
        """Begin a log, or go on with it.

        Args:
            folder: folder of the run.
            validation: pictures to judge on; None judges nothing.
            channels: input of the network, "rgb", "depth" or "rgbd".
            resume: keep the lines that are there.
        """
        self._folder, self._validation, self._channels = folder, validation, channels
        folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            (folder / LOG).unlink(missing_ok=True)
            shutil.rmtree(folder / BOARD, ignore_errors=True)
        # None: no bar where nobody watches; lines follow in any case.
        self._bar = tqdm(total=100.0, disable=None, bar_format="{percentage:3.0f}%|{bar}| {postfix}")
        self._board = _board(folder / BOARD, resume)

    def tick(self, progress: float, elapsed: float, rate: float, loss: float) -> None:
        """Move the bar.

        Args:
            progress: share of the run that is done, in [0, 1].
            elapsed: time that it took [s].
            rate: learning rate.
            loss: mean of the last steps.
        """
        left = elapsed / max(progress, 1e-6) * (1.0 - progress)
        self._bar.n = 100.0 * progress
        self._bar.set_postfix_str(f"loss {loss:.4f}, rate {rate:.1e}, {tqdm.format_interval(int(left))} left")

    def report(self, trainer: Trainer, progress: float, crop: int, loss: float) -> dict[str, float | None]:
        """Judge the network, and write line, curves, examples and TensorBoard.

        Args:
            trainer: with the network.
            progress: share of the run that is done, in [0, 1].
            crop: side of the training views [px].
            loss: mean since the last report.

        Returns:
            What `views_summary` says of some validation views.
        """
        judged = judge_views(trainer.ema, self._validation, self._channels, QUICK_SCENES)
        metric = views_summary(judged)
        line: dict[str, Any] = {
            "step": trainer.step,
            "progress": round(progress, 4),
            "minutes": round(trainer.elapsed / 60, 2),
            "crop": crop,
            "loss": round(loss, 5),
            "rate": float(f"{trainer.rate:.4g}"),
            **metric,
            **{f"loss_{name}": float(f"{value:.4g}") for name, value in trainer.parts().items()},
            **{name: float(f"{value:.4g}") for name, value in mean_map_errors(judged).items()},
        }
        with (self._folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        self._bar.clear()
        print(json.dumps(line), flush=True)
        draw_curves(read_log(self._folder / LOG), self._folder / CURVES)
        if judged:
            draw_examples(judged[:SHOWN], self._folder / EXAMPLES)
        if self._board is not None:
            for name, value in line.items():
                if name != "step" and value is not None and np.isfinite(value):
                    self._board.add_scalar(name, value, trainer.step)
            self._board.flush()
        return metric

    def close(self) -> None:
        """Close the bar and TensorBoard."""
        self._bar.close()
        if self._board is not None:
            self._board.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; one that a kill cut short is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def draw_curves(lines: list[dict[str, Any]], path: Path, panels: Sequence[Panel] = GRASP_PANELS) -> None:
    """Loss with its parts and rate, and the figures of each panel, over the steps of a run, as PNG."""
    parts = sorted({name for line in lines for name in line if name.startswith("loss_")})
    drawn = [Panel("loss and its parts", ("loss", *parts)), *panels]
    figure = Figure(figsize=(4 * len(drawn), 4.2), layout="constrained")
    axes: list[Axes] = list(figure.subplots(1, len(drawn)))
    for axis, panel in zip(axes, drawn, strict=True):
        for name in panel.names:
            points = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
            if points:
                axis.plot(
                    *zip(*points, strict=True), label=name.removeprefix("error_").removeprefix("loss_"), marker="."
                )
        axis.set(title=panel.title, xlabel="step")
        if panel.share:
            axis.set_ylim(0, 1)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
    if axes[0].lines:
        axes[0].set_yscale("log")  # parts differ by powers of ten
    rates = [(line["step"], line["rate"]) for line in lines if line.get("rate") is not None]
    if rates:
        second = axes[0].twinx()
        second.plot(*zip(*rates, strict=True), color="grey", linestyle=":")
        second.set_ylabel("rate")
    figure.savefig(path, dpi=110)


def draw_examples(judged: list[JudgedView], path: Path) -> None:
    """One row per view, as PNG: input, Q*, true Q P, and on the input the chosen rectangle, green if it is right."""
    figure = Figure(figsize=(8.4, 2.2 * len(judged)), layout="constrained")
    grid = figure.subplots(len(judged), 4, squeeze=False)
    for axes, one in zip(grid, judged, strict=True):
        picture = _shown(one.x)
        q_star = one.maps.q_star
        panels = (picture, q_star, one.target[0] * one.target[4], picture)
        titles = ("input", f"Q*, best {one.scored.score:.2f}", "true Q·P", _said(one))
        for axis, panel, title in zip(axes, panels, titles, strict=True):
            axis.imshow(panel, vmin=0, vmax=1)
            axis.set_title(title, fontsize="small")
            axis.set_axis_off()
        row, column = (int(k) for k in np.unravel_index(int(np.argmax(q_star)), q_star.shape))
        width = max(one.maps.width_px_at(row, column, q_star), 1.0)
        angle = one.maps.angle_at(row, column, q_star)
        chosen = (np.array(values, dtype=np.float64) for values in ([[column, row]], [angle], [width], [width / 2]))
        corners = Rectangles(*chosen).corners()[0]  # type: ignore[arg-type]
        axes[3].fill(*corners.T, fill=False, color="lime" if one.scored.top else "red")
    figure.savefig(path, dpi=90)


def _said(one: JudgedView) -> str:
    scored = one.scored
    return "right" if scored.top else "right, but not on top" if scored.any else "wrong"


def _shown(x: np.ndarray) -> np.ndarray:
    """Colour (h, w, 3) or depth (h, w) of a network's input, stretched to [0, 1]."""
    picture = x[:3].transpose(1, 2, 0) if len(x) >= 3 else x[0]
    return (picture - picture.min()) / max(float(np.ptp(picture)), 1e-6)


def _board(folder: Path, resume: bool) -> Any:
    """A writer for TensorBoard, or None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        if not resume:
            print(f"TensorBoard is not installed; see {folder.parent / CURVES}, or pip install gpnet_ros[train].")
        return None
    return SummaryWriter(str(folder))  # type: ignore[no-untyped-call]
