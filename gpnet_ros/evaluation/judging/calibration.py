"""Does Q* mean what it says? Predicted scores against what came true, in bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import share_of

BINS = 10


@dataclass(frozen=True)
class ScoreBin:
    """Pictures whose scores lie between two edges.

    Attributes:
        edge: the lower one, in [0, 1]; the width is that of all bins.
        score: mean score of the pictures.
        rate: share of them that came true; low, high: Wilson's 95 % interval of it.
        n: number of pictures.
    """

    edge: float
    score: float
    rate: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Reliability:
    """How often predicted scores came true, by score: a reliability curve.

    Attributes:
        bins: those that are not empty, by score.
        error: expected calibration error, the mean distance of score and rate over all pictures; None without any.
    """

    bins: tuple[ScoreBin, ...]
    error: float | None


def reliability(scores: Sequence[float], outcomes: Sequence[bool], bins: int = BINS) -> Reliability:
    """The reliability curve and the expected calibration error (Guo et al., ICML 2017, section 2).

    Args:
        scores: n predicted probabilities in [0, 1]; a bin holds its lower edge, the last one also 1.
        outcomes: n, whether each came true.
        bins: number of bins of equal width.

    Raises:
        BadInput: different lengths, or a score outside [0, 1].
    """
    values, came = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=bool)
    if values.shape != came.shape or not ((values >= 0) & (values <= 1)).all():
        raise BadInput(
            f"{len(values)} scores and {len(came)} outcomes cannot be compared: give one outcome per score in [0, 1]."
        )
    bin_of = np.minimum((values * bins).astype(int), bins - 1)
    found, error = [], 0.0
    for k in np.unique(bin_of).tolist():
        inside = bin_of == k
        mean = float(values[inside].mean())
        error += float(inside.mean()) * abs(mean - float(came[inside].mean()))
        share = share_of(came[inside].tolist())
        found.append(ScoreBin(k / bins, round(mean, 4), **share))  # type: ignore[arg-type]
    return Reliability(tuple(found), round(error, 4) if found else None)


def save_reliability(path: Path, curves: Mapping[str, Reliability], score: str, outcome: str) -> None:
    """Draw reliability curves as PNG.

    Args:
        path: file to write.
        curves: those of `reliability`, by name.
        score, outcome: names of the axes.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (axis, below) = plt.subplots(
        2, 1, figsize=(5.2, 6), height_ratios=(3, 1), sharex=True, layout="constrained"
    )
    axis.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
    for k, (name, curve) in enumerate(curves.items()):
        x, y, low, high = np.array([(b.score, b.rate, b.low, b.high) for b in curve.bins]).reshape(-1, 4).T
        spread = [y - low, high - y]
        error = "-" if curve.error is None else f"{curve.error:.3f}"
        axis.errorbar(x, y, np.maximum(spread, 0), marker="o", capsize=3, label=f"{name}, error {error}")
        left = [b.edge + (k + 0.5) / BINS / len(curves) for b in curve.bins]
        below.bar(left, [b.n for b in curve.bins], width=0.9 / BINS / len(curves))
    axis.set(xlim=(0, 1), ylim=(-0.03, 1.03), ylabel=f"share of {outcome}")
    axis.legend(loc="lower right", fontsize=8)
    below.set(xlabel=score, ylabel="pictures")
    figure.savefig(path, dpi=90)
    plt.close(figure)
