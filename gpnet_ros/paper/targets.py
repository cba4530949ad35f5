"""What must hold: each measure with its command, what is asked, and our figure as soon as there is one."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.closed_loop.players import Policy
from gpnet_ros.paper.cells import Outcomes, difference, difference_cell
from gpnet_ros.paper.pages import Table
from gpnet_ros.paper.pictures import MeasuredLine
from gpnet_ros.paper.target_figures import (
    NOT_YET,
    ShippedFiles,
    TargetFigure,
    card_figure,
    errors_figure,
    latency_figure,
    one_side,
    priorities_figure,
    real_figure,
    ros_figure,
    rounds_figure,
)
from gpnet_ros.sim.clearing.injected import Errors
from gpnet_ros.sim.scenes.recipe import TEST_SET_SCENES

#: Lines of Table 1 that the targets name: those that were trained with one budget.
_EQUAL, _RIVAL, _RIVAL_TOP, _RIVAL_PRIORITY = "best", "grconvnet", "grconvnet-top", "grconvnet-priority"
#: A file of targets keeps so many digits of a sum of weights.
_DIGITS = 12


@dataclass(frozen=True)
class Target:
    """One line of what must hold.

    Attributes:
        measure: what is measured.
        least: what is asked at least now.
        aim: what we aim at.
        figure: what is known.
        command: how it is measured.
        shipped: it is measured of the shipped model, not of models that were trained with one budget.
    """

    measure: str
    least: str
    aim: str
    figure: TargetFigure
    command: str
    shipped: bool = True


@dataclass(frozen=True)
class _Remembered:
    """A figure of a file of targets: its words, its day, of how many, and of which weights; "" of trained rows."""

    text: str
    day: str
    n: int
    weights: str

    def told(self, weights: str) -> str:
        """The figure for the page, where these weights are shipped."""
        other = f", of weights {self.weights}, not of those shipped" if self.weights not in ("", weights) else ""
        return f"{self.text} ({self.day}{other})"


def targets_table(shipped: ShippedFiles, stack: Mapping[str, MeasuredLine], kept: Path | None = None) -> Table:
    """The table of what must hold.

    Args:
        shipped: what was measured of the shipped model.
        stack: what this call measured on stack-test (Table 1), by key of the line.
        kept: JSON file of figures with their day; one that this call does not know is read from there.
    """
    asked = (*_by_card(shipped), *_by_rounds(shipped), *_by_answers(shipped), *_by_rivals(stack))
    weights = shipped.card.sha256[:_DIGITS]
    known = {t.measure: str(t.figure) for t in asked} if kept is None else _remembered(asked, weights, kept)
    heading = ("measure", "at least now", "we aim at", "our figure", "command")
    rows = tuple(
        dict(zip(heading, (t.measure, t.least, t.aim, known[t.measure], t.command), strict=True)) for t in asked
    )
    note = (
        "All simulated but the real frames. Rates in % [95 % interval], differences in points, paired; met = at least "
        "now. The day is that on which a figure was first read."
    )
    return Table("targets", "What must hold", heading, rows, tuple(dict(row) for row in rows), (note,))


def _by_card(shipped: ShippedFiles) -> list[Target]:
    """Lines of single pictures, which the card of the model tells."""
    judge = f"`gpnet models judge {shipped.model}`"
    found = []
    for measure, data, metric, decode, least, aim in (
        ("lift of a topmost object, first try, stack-test", "stack-test", "lift", "cell", 93, 97),
        ("the same, unseen-test (families never trained on)", "unseen-test", "lift", "cell", 94, 97),
        ("the same, table-test", "table-test", "lift", "cell", 93, 97),
        ("centre on a topmost object, stack-test, as the cell chooses", "stack-test", "on_top", "cell", 96, 98),
        ("rectangle rule, topmost, stack-test", "stack-test", "top", "argmax", 88, 95),
    ):
        figure = card_figure(shipped.card, data, metric, decode, least / 100)
        found.append(Target(measure, f"{least} %", f"{aim} %", figure, judge))
    return found


def _by_rounds(shipped: ShippedFiles) -> list[Target]:
    """Lines of the closed loop, which logs of rounds tell."""
    learned = shipped.rounds("clearing/learned.jsonl", Policy())
    height, none = (
        shipped.rounds_beside(learned, f"clearing/{name}.jsonl", Policy(priority=name)) for name in ("height", "none")
    )
    ros = shipped.rounds("clearing/ros.jsonl", Policy("ros", pace="fast"))
    exact = shipped.rounds("errors/none.jsonl", Policy())
    wrong = shipped.rounds_beside(exact, "errors/hand_eye_3mm.jsonl", Policy(errors=Errors(hand_eye=3e-3)))
    loop = "`gpnet bench clearing {} --heaps frozen --objects {} --rounds {} --log {}/clearing/{}.jsonl --resume`"
    every = "3-7", "50", shipped.runs
    return [Target(*words) for words in (
        ("rounds all right, 50 frozen heaps of each K = 3..7, path core", "70 %", "90 %",
         rounds_figure(learned, 0.70), loop.format("--path core", *every, "learned")),
        ("learned priority over height and over none, closed loop, same heaps", "ahead of both, outside the interval",
         "+10 points", priorities_figure(learned, {"height": height, "none": none}),
         f"{loop.format('--priority height', *every, 'height')}, {loop.format('--priority none', *every, 'none')}"),
        ("rounds all right through the nodes less those of path core, 40 of the same heaps, K = 5", "interval holds 0",
         "interval holds 0", ros_figure(learned, ros), loop.format("--path ros", "5", "40", shipped.runs, "ros")),
        ("picks that bring an object at 3 mm of hand-eye error, less those without, same heaps",
         "within 3 points", "within 1", errors_figure(exact, wrong, -0.03),
         f"`gpnet bench errors --kinds hand_eye --sizes 3 --objects 3-7 --rounds 50 --out {shipped.runs}/errors`"),
    )]  # fmt: skip


def _by_answers(shipped: ShippedFiles) -> list[Target]:
    """Lines that the answer of a command tells, kept in a file."""
    real = shipped.answer("real.json", "decision", "argmax")
    latency = shipped.answer("frame_to_grasp.json", "runtimes", "threads", "device")
    return [
        Target(
            "real frames with the centre on an object that may be taken, 16 outlined: decision, argmax",
            "15 each", "16", real_figure(real, 15), f"`gpnet bench real --json > {shipped.runs}/real.json`",
        ),
        Target(
            "frame to grasp on two cores", "40 ms with torch, 20 ms by OpenVINO", "10 ms",
            latency_figure(latency, {"torch": 40.0, "openvino": 20.0}),
            f"`gpnet bench latency --threads 2 --json > {shipped.runs}/frame_to_grasp.json`",
        ),
    ]  # fmt: skip


def _by_rivals(stack: Mapping[str, MeasuredLine]) -> list[Target]:
    """Lines of GP-Net beside GR-ConvNet, from models that were trained with one budget."""
    ablate = "`gpnet ablate --rows best {}`, `gpnet tables --tables table1 --out runs/tables`"
    return [
        Target("GP-Net over GR-ConvNet as published (same data, same budget), top-level", "+10 points", "+15",
               _ahead(stack, _RIVAL, 0.10), ablate.format(_RIVAL), shipped=False),
        Target("GP-Net against GR-ConvNet trained on top-level grasps, and with a priority head",
               "reported with interval", "ahead", _both(stack), ablate.format(f"{_RIVAL_TOP} {_RIVAL_PRIORITY}"),
               shipped=False),
    ]  # fmt: skip


def _remembered(asked: Sequence[Target], weights: str, kept: Path) -> dict[str, str]:
    """Texts of the figures, of earlier calls where those saw more of the same weights; all are kept for later ones."""
    earlier = _read_remembered(kept)
    today = datetime.date.today().isoformat()
    found: dict[str, _Remembered] = {}
    for target in asked:
        before = earlier.get(target.measure)
        now = _Remembered(str(target.figure), today, target.figure.n, weights if target.shipped else "")
        same = before is not None and before.weights == now.weights and (before.n > now.n or before.text == now.text)
        if target.figure.text and not same:
            found[target.measure] = now
        elif before is not None:
            found[target.measure] = before
    written = {name: asdict(entry) for name, entry in found.items()}
    kept.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return {t.measure: found[t.measure].told(weights) if t.measure in found else NOT_YET for t in asked}


def _read_remembered(kept: Path) -> dict[str, _Remembered]:
    """What earlier calls found, by measure; entries of earlier versions, without day and weights, are passed over."""
    names = {each.name for each in fields(_Remembered)}
    try:
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        return {name: _Remembered(**entry) for name, entry in known.items() if names <= set(entry.keys())}
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{kept} cannot be read ({error!r}): remove it, and measure again.") from error


def refuse_targets(shipped: ShippedFiles, kept: Path) -> None:
    """Read all that the table of targets is made of, before hours of measuring.

    Raises:
        BadInput: a file is not what it must be.
        ModelRefused: there is no shipped model, or it was edited.
    """
    _read_remembered(kept)
    targets_table(shipped, {}, None)


def _ahead(measured: Mapping[str, MeasuredLine], rival: str, least: float | None = None) -> TargetFigure:
    ours, theirs = (_outcomes(measured, key) for key in (_EQUAL, rival))
    if ours is None or theirs is None:
        return TargetFigure()
    found = difference(ours, theirs)
    met = None if least is None else found.rate >= least
    sure = least is not None and one_side((found.low, found.high), least)
    return TargetFigure(difference_cell(found), met, len(ours.names), TEST_SET_SCENES, sure)


def _outcomes(measured: Mapping[str, MeasuredLine], key: str) -> Outcomes | None:
    return measured[key].figures.get("rectangle, top-level") if key in measured else None


def _both(measured: Mapping[str, MeasuredLine]) -> TargetFigure:
    found = {"top-level grasps only": _RIVAL_TOP, "priority head": _RIVAL_PRIORITY}
    parts = {name: _ahead(measured, rival) for name, rival in found.items()}
    if not any(part.text for part in parts.values()):
        return TargetFigure()
    text = "; ".join(f"{name}: {part.text or NOT_YET}" for name, part in parts.items())
    return TargetFigure(text, None, max(part.n for part in parts.values()), TEST_SET_SCENES)
