"""Figures of what must hold, as the shipped model's card and the files of the benchmarks tell them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.compare import compare_picks, compare_rounds
from gpnet_ros.evaluation.closed_loop.heaps import first_frozen
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.evaluation.closed_loop.rows import RoundRow, read_rounds
from gpnet_ros.evaluation.intervals import share_of
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import vouched_card
from gpnet_ros.paper.cells import percent
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES

NOT_YET = "not measured yet"
#: (least K, greatest K), heaps of each: of the rounds, of those through ROS, of those with errors.
CLEARING_HEAPS, ROS_HEAPS, ERROR_HEAPS = ((3, 7), 50), ((5, 5), 40), ((3, 7), 50)
REAL_FRAMES, CORES = 16, 2


@dataclass(frozen=True)
class TargetFigure:
    """What is known of a measure, and whether it reaches what is asked.

    Attributes:
        text: the figure; "" where it was not measured.
        met: whether it reaches what is asked at least; None where nothing is asked.
        n: of how many pictures, heaps or frames; 0 of none; of: how many are asked for.
        sure: its whole interval lies on one side of what is asked, so that fewer are enough to say.
    """

    text: str = ""
    met: bool | None = None
    n: int = 0
    of: int = 0
    sure: bool = False

    def __str__(self) -> str:
        if not self.text:
            return NOT_YET
        verdict = {None: "", True: ": met", False: ": not met"}[self.met]
        if self.n < self.of:
            said = verdict if self.sure and verdict else ": too few to say"
            return f"{self.text}, on {self.n} of {self.of}{said}"
        return f"{self.text}{f', n = {self.n}' if self.n and verdict else ''}{verdict}"


@dataclass(frozen=True)
class ShippedFiles:
    """What was measured of the shipped model: its card, and the files that benchmarks left.

    Attributes:
        runs: folder of these files.
        model: name or path of the shipped model.
        left_out: a sentence for each file that tells of something else than this model as it is shipped, or that
            cannot be compared.
    """

    runs: Path = Path("runs")
    model: str = "gpnet"
    left_out: list[str] = field(default_factory=list)

    @cached_property
    def card(self) -> Card:
        """The card of the model.

        Raises:
            ModelRefused: there is no such model, or it was edited.
        """
        return vouched_card(self.model)

    def rounds(self, name: str, policy: Policy) -> list[RoundRow]:
        """Rounds of the log of this name that a policy played with this model; none where there are no such.

        Raises:
            BadInput: the file is no log.
        """
        log = self.runs / name
        rows = read_rounds(log) if log.is_file() else []
        wanted = replace(policy, model=self.model).played_by("")
        for row in rows:
            if replace(row.by, model=wanted.model, code="") != wanted:  # a folder of another name may hold the weights
                other = {key: value for key, value in asdict(row.by).items() if value != getattr(wanted, key)}
                self.left_out.append(f"{log} is left out: its rounds are not of {self.model} as shipped, but {other}.")
                return []
        return rows

    def rounds_beside(self, others: Sequence[RoundRow], name: str, policy: Policy) -> list[RoundRow]:
        """Rounds as `rounds` gives them, to be compared with others; none unless one code decided all of them.

        Raises:
            BadInput: the file is no log.
        """
        rows = self.rounds(name, policy)
        if rows and len({row.by.code for row in (*rows, *others)}) > 1:
            self.left_out.append(
                f"{self.runs / name} is left out: not one code decided its rounds and those they are compared with. "
                "Play the older ones again."
            )
            return []
        return rows

    def answer(self, name: str, *keys: str) -> dict[str, Any] | None:
        """The JSON object in the last line of what a command with --json wrote; None where there is none of this model.

        Args:
            name: of the file.
            keys: that it must have, beside "weights".

        Raises:
            BadInput: the file holds something else.
        """
        path = self.runs / name
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise BadInput(f"{path} cannot be read ({error}): remove it, and measure again.") from error
        if not isinstance(found, dict) or not {"weights", *keys} <= set(found):
            raise BadInput(f"{path} does not tell weights, {', '.join(keys)}: remove it, and measure again.")
        if found["weights"] != self.card.sha256:
            self.left_out.append(f"{path} is left out: it is of other weights than those of {self.model}.")
            return None
        return found


def one_side(interval: tuple[float, float], least: float) -> bool:
    """A whole interval reaches what is asked, or falls short of it."""
    return not interval[0] < least <= interval[1]


def card_figure(card: Card, data: str, metric: str, decode: str, least: float) -> TargetFigure:
    """A rate of the card; none where it does not tell it, or of another decode."""
    told = card.metric.get(data, {}).get(metric)
    return TargetFigure() if told is None or told["decode"] != decode else _rate(told, least, TEST_SET_SCENES)


def rounds_figure(rows: Sequence[RoundRow], least: float) -> TargetFigure:
    """Rounds all right, of the frozen heaps that are asked for."""
    rows = [row for row in _on(rows, CLEARING_HEAPS) if not row.failed]
    return _rate(share_of([row.all_right for row in rows]), least, _count(CLEARING_HEAPS)) if rows else TargetFigure()


def priorities_figure(learned: Sequence[RoundRow], others: Mapping[str, Sequence[RoundRow]]) -> TargetFigure:
    """The learned priority less others, by their names: met if it is ahead of each outside the interval."""
    gaps = {name: _paired(rows, learned, CLEARING_HEAPS) for name, rows in others.items()}
    known = {name: gap for name, gap in gaps.items() if gap is not None}
    if len(known) < len(gaps):
        return TargetFigure()
    text = "; ".join(f"over {name}: {_points(gap)}" for name, gap in known.items())
    met, behind = (all(gap["low"] > 0 for gap in known.values()), any(gap["high"] <= 0 for gap in known.values()))
    return TargetFigure(text, met, min(gap["n"] for gap in known.values()), _count(CLEARING_HEAPS), met or behind)


def ros_figure(core: Sequence[RoundRow], ros: Sequence[RoundRow]) -> TargetFigure:
    """Rounds all right through ROS less those of the core path: met if the interval holds 0."""
    gap = _paired(core, ros, ROS_HEAPS)
    if gap is None:
        return TargetFigure()
    met = gap["low"] <= 0 <= gap["high"]
    return TargetFigure(_points(gap), met, gap["n"], _count(ROS_HEAPS), not met)


def errors_figure(exact: Sequence[RoundRow], wrong: Sequence[RoundRow], least: float) -> TargetFigure:
    """Picks that brought an object with an error, less those without."""
    try:
        gap = compare_picks(_on(exact, ERROR_HEAPS), _on(wrong, ERROR_HEAPS))
    except BadInput:
        return TargetFigure()
    text = f"{_points(gap)}, {percent(gap['second'])} % for {percent(gap['first'])} % without"
    sure = one_side((gap["low"], gap["high"]), least)
    return TargetFigure(text, gap["difference"] >= least, gap["n"], _count(ERROR_HEAPS), sure)


def real_figure(told: Mapping[str, Any] | None, least: int) -> TargetFigure:
    """Hits in real frames, of the decision and of the argmax: met if both are enough."""
    if told is None:
        return TargetFigure()
    hits, n = [told[name]["hits"] for name in ("decision", "argmax")], told["decision"]["n"]
    return TargetFigure(f"decision {hits[0]}, argmax {hits[1]}", min(hits) >= least, n, REAL_FRAMES)


def latency_figure(told: Mapping[str, Any] | None, most: Mapping[str, float]) -> TargetFigure:
    """Frame to grasp in float32 on two cores, by the runtimes for which something is asked.

    Args:
        told: what `gpnet bench latency --json` tells.
        most: longest time of each runtime [ms].
    """
    if told is None or (told["threads"], told["device"]) != (CORES, "cpu"):  # of another machine than is asked about
        return TargetFigure()
    rows = [(*row["told"].split(), row["frame_to_grasp_ms"]["total"]) for row in told["runtimes"]]
    took = {row[0]: row[-1] for row in rows if row[-2] == "float32"}
    text = ", ".join(f"{name} {took[name]:.1f} ms" if name in took else f"{name} {NOT_YET}" for name in most)
    return TargetFigure(text, all(took[name] <= most[name] for name in most) if set(most) <= set(took) else None)


def _on(rows: Sequence[RoundRow], heaps: tuple[tuple[int, int], int]) -> list[RoundRow]:
    """The rounds of the first frozen heaps of each K."""
    keys = {heap.key for heap in first_frozen(*heaps)}
    return [row for row in rows if row.key in keys]


def _count(heaps: tuple[tuple[int, int], int]) -> int:
    (least, most), each = heaps
    return (most - least + 1) * each


def _rate(told: Mapping[str, Any], least: float, of: int) -> TargetFigure:
    low, high = (percent(told[name], 0) for name in ("low", "high"))
    sure = one_side((told["low"], told["high"]), least)
    return TargetFigure(f"{percent(told['rate'])} [{low}, {high}]", told["rate"] >= least, told["n"], of, sure)


def _paired(
    first: Sequence[RoundRow], second: Sequence[RoundRow], heaps: tuple[tuple[int, int], int]
) -> dict[str, Any] | None:
    """The difference of `compare_rounds` on these heaps; None where they share none."""
    try:
        found: dict[str, Any] = compare_rounds(_on(first, heaps), _on(second, heaps))["all"]
    except BadInput:
        return None
    return found


def _points(gap: Mapping[str, Any]) -> str:
    return f"{100 * gap['difference']:+.1f} [{100 * gap['low']:+.1f}, {100 * gap['high']:+.1f}]"
