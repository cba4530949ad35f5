"""Does Q* mean what it says? Predicted scores against what came true, in bins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.intervals import share_of

BINS = 10


def reliability(scores: Sequence[float], outcomes: Sequence[bool], bins: int = BINS) -> dict[str, Any]:
    """The reliability curve and the expected calibration error (Guo et al., ICML 2017, section 2).

    Args:
        scores: n predicted, in [0, 1]; a bin holds its lower edge, the last one also 1.
        outcomes: n, what came true.
        bins: of equal width.

    Returns:
        `bins`: for each that is not empty: low and high edge, mean score, rate with Wilson's interval and n; `error`:
        mean distance of score and rate, weighted by n; None where n is 0.

    Raises:
        BadInput: different lengths, or a score outside [0, 1].
    """
    values, came = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=bool)
    if values.shape != came.shape or not ((values >= 0) & (values <= 1)).all():
        raise BadInput(
            f"{len(values)} scores and {len(came)} outcomes cannot be compared: give one outcome per score in [0, 1]."
        )
    place = np.minimum((values * bins).astype(int), bins - 1)
    rows, error = [], 0.0
    for k in np.unique(place).tolist():
        inside = place == k
        mean = float(values[inside].mean())
        error += float(inside.mean()) * abs(mean - float(came[inside].mean()))
        rows.append(
            {"from": k / bins, "to": (k + 1) / bins, "score": round(mean, 4), **share_of(came[inside].tolist())}
        )
    return {"bins": rows, "error": round(error, 4) if rows else None}


def save_reliability(path: Path, curves: dict[str, dict[str, Any]], score: str, outcome: str) -> None:
    """Draw the curves, by name, as PNG.

    Args:
        path: file to write.
        curves: as of `reliability`.
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
        rows = curve["bins"]
        x, y = np.array([row["score"] for row in rows]), np.array([row["rate"] for row in rows])
        spread = [y - [row["low"] for row in rows], np.array([row["high"] for row in rows]) - y]
        error = "-" if curve["error"] is None else f"{curve['error']:.3f}"
        axis.errorbar(x, y, np.maximum(spread, 0), marker="o", capsize=3, label=f"{name}, error {error}")
        places = [row["from"] + (k + 0.5) / BINS / len(curves) for row in rows]
        below.bar(places, [row["n"] for row in rows], width=0.9 / BINS / len(curves))
    axis.set(xlim=(0, 1), ylim=(-0.03, 1.03), ylabel=f"share of {outcome}")
    axis.legend(loc="lower right", fontsize=8)
    below.set(xlabel=score, ylabel="pictures")
    figure.savefig(path, dpi=90)
    plt.close(figure)
