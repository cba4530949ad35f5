"""Tables of single pictures: Table 1, parts of GP-Net, Fig. 5, Table 2 and the ingredients of recipe best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging.evaluation import Results
from gpnet_ros.evaluation.judging.judgement import Decode, Metric
from gpnet_ros.network.card import Card
from gpnet_ros.paper.cells import Difference, Outcomes, cell, difference, difference_cell
from gpnet_ros.paper.lines import Line, untrained
from gpnet_ros.paper.pages import Table
from gpnet_ros.paper.paper_figures import PaperFigure

#: (model folder, priority) -> what the model made of the set.
JudgeModel = Callable[[Path, str], Results]
#: Column -> what it counts. The headline comes first.
FIGURES: dict[str, tuple[Metric, Decode]] = {
    "lift": ("lift", "cell"),
    "lift of the argmax": ("lift", "argmax"),
    "rectangle, top-level": ("top", "argmax"),
    "the same, IoU 0.5": ("top50", "argmax"),
    "rectangle, any": ("any", "argmax"),
    "rectangle, its object": ("object", "argmax"),
}
#: Two budgets that differ by more are named under the table.
_BUDGET_RATIO = 1.25
SIMULATED = "All of ours is simulated."
CELLS = "Cells: mean ± standard deviation of the seeds [Wilson's 95 % interval over scenes], %."
RULE = (
    "Differences are paired, scene by scene [95 %]; one whose seeds' ranges touch is called inside the spread, "
    "one whose interval holds 0 inside the interval."
)


@dataclass(frozen=True, eq=False)
class MeasuredLine:
    """A line with what was measured of it.

    Attributes:
        line: which.
        figures: column of `FIGURES` -> outcomes; without those that the set cannot tell.
        times: median of the models' times by stage [ms].
        cards: of the models.
        refused: why it has no figures; "".
    """

    line: Line
    figures: Mapping[str, Outcomes]
    times: Mapping[str, float]
    cards: tuple[Card, ...] = ()
    refused: str = ""


def measure_line(line: Line, judge: JudgeModel) -> MeasuredLine:
    """Judge all models of a line; a model that is refused does not stop the table."""
    if not line.models:
        return MeasuredLine(line, {}, {})
    try:
        results = [judge(folder, line.priority) for folder in line.models]
        cards = tuple(line.cards())
    except BadInput as error:
        return MeasuredLine(line, {}, {}, refused=str(error))
    names = tuple(row.name for row in results[0].rows)
    figures = {}
    for column, (metric, decode) in FIGURES.items():
        try:
            figures[column] = Outcomes(np.array([r.won(metric, decode) for r in results]), names)
        except BadInput:  # the set cannot tell
            continue
    times = [r.time_ms() for r in results]
    return MeasuredLine(
        line, figures, {stage: float(np.median([t[stage] for t in times])) for stage in times[0]}, cards
    )


def picture_table(
    name: str,
    title: str,
    measured: Sequence[MeasuredLine],
    models: Path,
    paper: Mapping[str, PaperFigure],
    *,
    against: str = "",
    simulated: bool = True,
    notes: Sequence[str] = (),
) -> Table:
    """A table of lines that were measured on one set.

    Args:
        name, title: of the table.
        measured: its lines.
        models: folder of `gpnet ablate`, for the commands of missing lines.
        paper: the paper's own figures by `AblationRow.paper`.
        against: key of the line that all others are compared with; the first without.
        simulated: the pictures are ours, not a public set's.
        notes: sentences of this table.
    """
    reference = next((m for m in measured if m.line.key == against), measured[0] if measured else None)
    compared = [c for c in ("lift", "rectangle, top-level", "rectangle, any") if reference and c in reference.figures]
    compared = [c for c in compared if c != "rectangle, any" or len(compared) == 1]
    columns = ["method", "input", "seeds", *FIGURES]
    columns += [_less(c, reference) for c in compared] if reference else []
    columns += ["net [ms]", "frame to grasp [ms]", "paper [%]", "paper [ms]"]
    rows, values = [], []
    missing = [entry.line for entry in measured if not entry.line.models]
    for entry in measured:
        gaps = {c: _gap(entry, reference, c) for c in compared}
        values += _numbers(entry, gaps, paper)
        if entry.line.models or entry.line.row.paper in paper:
            shown = {_less(c, reference): difference_cell(g) for c, g in gaps.items()}
            rows.append(_texts(entry, paper) | shown)
    cells = f"{SIMULATED} {CELLS}" if simulated else CELLS
    about = (cells, RULE, *notes, *_budget(measured), *untrained(missing, models))
    return Table(name, title, tuple(columns), tuple(rows), tuple(values), about)


def _less(column: str, reference: MeasuredLine | None) -> str:
    return f"{column}, less {reference.line.key if reference else ''}"


def _gap(entry: MeasuredLine, reference: MeasuredLine | None, column: str) -> Difference | None:
    if reference is None or entry is reference or column not in entry.figures or column not in reference.figures:
        return None
    if entry.line.models == reference.line.models and entry.line.priority == reference.line.priority:
        return None
    return difference(entry.figures[column], reference.figures[column])


def _texts(entry: MeasuredLine, paper: Mapping[str, PaperFigure]) -> dict[str, str]:
    line = entry.line
    known = paper.get(line.row.paper)
    texts = {"method": line.title}
    if known is not None:
        texts |= {"paper [%]": f"{known.percent:.1f}", "paper [ms]": "" if known.ms is None else f"{known.ms:.0f}"}
    if entry.refused:
        return texts | {"seeds": f"refused: {entry.refused}"}
    if not line.models:
        return texts | {"seeds": "not trained"}
    times = {"net [ms]": "net", "frame to grasp [ms]": "path"}
    return {
        **texts,
        "input": entry.cards[0].channels,
        "seeds": ("1 (shipped)" if line.shipped else str(len(line.models)))
        + (f", = {line.trained_as}" if line.trained_as not in ("", line.row.name) else ""),
        **{column: cell(entry.figures.get(column)) for column in FIGURES},
        **{column: f"{entry.times[stage]:.1f}" for column, stage in times.items() if stage in entry.times},
    }


def _numbers(
    entry: MeasuredLine, gaps: Mapping[str, Difference | None], paper: Mapping[str, PaperFigure]
) -> list[dict[str, Any]]:
    """One entry per figure; one without figures for a line that is not there."""
    line = entry.line
    known = paper.get(line.row.paper)
    about = {"method": line.key, "title": line.title, "seeds": len(line.models), "shipped": line.shipped}
    theirs = {"paper_percent": None if known is None else known.percent}
    found: list[dict[str, Any]] = []
    for column, outcomes in entry.figures.items():
        metric, decode = FIGURES[column]
        low, high = outcomes.interval
        gap = gaps.get(column)
        found.append({
            **about, "metric": metric, "decode": decode, "rate": round(outcomes.mean, 4),
            "deviation": outcomes.deviation, "low": low, "high": high, "n": len(outcomes.names),
            "rates": " ".join(f"{rate:.4f}" for rate in outcomes.rates),
            "difference": None if gap is None else round(gap.rate, 4),
            "difference_low": None if gap is None else round(gap.low, 4),
            "difference_high": None if gap is None else round(gap.high, 4),
            "p": None if gap is None else gap.p, "verdict": None if gap is None else gap.verdict, **theirs,
        })  # fmt: skip
    return found or [{**about, "metric": None, **theirs}]


def _budget(measured: Sequence[MeasuredLine]) -> list[str]:
    """A sentence if the models of a table were not trained equally."""
    seen = {m.line.key: float(np.mean([card.views_seen for card in m.cards])) for m in measured if m.cards}
    views = {c.data.get("views") for m in measured for c in m.cards}
    found = []
    if seen and max(seen.values()) > _BUDGET_RATIO * min(seen.values()):
        least, most = (choose(seen, key=lambda k: seen[k]) for choose in (min, max))
        found.append(
            f"Budgets differ: {seen[least]:.0f} views ({least}) to {seen[most]:.0f} views ({most}) in training."
        )
    if len(views) > 1:
        found.append(f"Training data differ: {', '.join(str(v) for v in sorted(views, key=str))} views.")
    return found
