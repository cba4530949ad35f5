"""The tables as pictures: bars with the spread of the seeds and the interval over scenes, and curves over K."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.paper.paper_figures import TABLE3, PaperFigure
from gpnet_ros.paper.pictures import MeasuredLine
from gpnet_ros.paper.table3 import TABLE3_COUNTS, ClearedLine

#: Columns that are drawn side by side.
_PANELS = ("lift", "rectangle, top-level", "rectangle, any")


def draw_bars(path: Path, title: str, measured: Sequence[MeasuredLine], paper: Mapping[str, PaperFigure]) -> bool:
    """One panel per figure, one bar per line that has it; the paper's figure is a hollow diamond.

    Returns:
        Whether there was anything to draw.
    """
    panels = [column for column in _PANELS if any(column in m.figures for m in measured)]
    shown = [m for m in measured if m.figures]
    if not panels:
        return False
    plt = _pyplot()
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.5 + 4 * len(panels), 1.4 + 0.34 * len(shown)), sharey=True, squeeze=False
    )
    for axis, column in zip(axes[0], panels, strict=True):
        for place, entry in enumerate(shown):
            _bar(axis, place, entry, column)
            known = paper.get(entry.line.row.paper)
            if known is not None and column != "lift":
                axis.plot(known.percent, place, "D", mfc="none", mec="tab:red", ms=5)
        axis.set_xlim(0, 100)
        axis.set_xlabel(f"{column} [%]")
        axis.grid(axis="x", alpha=0.3)
    axes[0, 0].set_yticks(range(len(shown)), [m.line.title for m in shown], fontsize=8)
    axes[0, 0].invert_yaxis()
    figure.suptitle(
        f"{title}\nsimulated; dots: seeds, bars: interval over scenes, red: the paper's own data", fontsize=9
    )
    return _save(figure, path)


def _bar(axis: Any, place: int, entry: MeasuredLine, column: str) -> None:
    outcomes = entry.figures.get(column)
    if outcomes is None:
        return
    low, high = outcomes.interval
    error = 100 * np.array([[max(outcomes.mean - low, 0.0)], [max(high - outcomes.mean, 0.0)]])
    axis.barh(place, 100 * outcomes.mean, color="tab:blue" if len(outcomes.rates) > 1 else "lightsteelblue", height=0.6)
    axis.errorbar(100 * outcomes.mean, place, xerr=error, color="black", capsize=2, lw=0.8)
    axis.plot(100 * outcomes.rates, [place] * len(outcomes.rates), ".", color="black", ms=4)


def draw_clearing(path: Path, found: Sequence[ClearedLine]) -> bool:
    """Rounds all right over K, one curve per line with Wilson's intervals.

    Returns:
        Whether there was anything to draw.
    """
    shown = [c for c in found if c.outcomes]
    if not shown:
        return False
    figure, axis = _pyplot().subplots(figsize=(12, 6))
    pairs = _pyplot().get_cmap("tab20").colors  # dark, light, dark, ...
    colours = (*pairs[::2], *pairs[1::2])
    for place, entry in enumerate(shown):
        counts = [k for k in TABLE3_COUNTS if k in entry.outcomes]
        rates = np.array([entry.outcomes[k].mean for k in counts])
        limits = np.array([entry.outcomes[k].interval for k in counts]).T
        error = 100 * np.clip(np.stack([rates - limits[0], limits[1] - rates]), 0.0, None)
        shift = 0.04 * (place - len(shown) / 2)
        look = {"color": colours[place % len(colours)], "marker": "os^v"[place % 4], "ms": 4, "capsize": 2, "lw": 1}
        axis.errorbar(np.array(counts) + shift, 100 * rates, error, label=entry.title, **look)
    axis.plot(list(TABLE3), list(TABLE3.values()), "D--", mfc="none", color="black", label="the paper's UR10")
    axis.set(xlabel="objects in the heap", ylabel="rounds all right [%]", ylim=(-2, 102), xticks=TABLE3_COUNTS)
    axis.set_title("closed loop on frozen heaps, simulated", fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))  # beside it: the curves fill it
    return _save(figure, path)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> bool:
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    _pyplot().close(figure)
    return True
