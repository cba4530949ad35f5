"""Figures of a judged model in its card, where they travel with the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput
from gpnet_ros.evaluation.judging.evaluation import Results
from gpnet_ros.evaluation.judging.judgement import Decode, Metric
from gpnet_ros.network.card import write_card
from gpnet_ros.network.checkpoint import vouched_card

#: What a card tells of each set, and in which decode.
CARD_METRICS: dict[Metric, Decode] = {
    **{"lift": "cell", "lift_any": "cell"},
    **{"top": "argmax", "top50": "argmax", "any": "argmax", "object": "argmax"},
    "on_top": "cell",
}


def card_figures(results: Results) -> dict[str, Any]:
    """Figures on one set: each metric that it can tell, and times."""
    found: dict[str, Any] = {}
    for metric, decode in CARD_METRICS.items():
        try:
            found[metric] = {"decode": decode, **results.rate(metric, decode)}
        except BadInput:  # the set cannot tell
            continue
    return {**found, "time_ms": results.time_ms()}


def write_figures(folder: Path, figures: dict[str, dict[str, Any]], notes: str | None = None) -> None:
    """Put figures into the card of a model; its other fields and the weights stay as they are.

    Args:
        folder: of the model.
        figures: those of `card_figures`, by the name of the set.
        notes: what the model is not good for; None leaves what is there.

    Raises:
        ModelRefused: the model was edited.
    """
    card = vouched_card(folder)
    card = replace(card, metric={**card.metric, **figures}, notes=card.notes if notes is None else notes)
    write_card(card, folder)


def figures_sentence(figures: dict[str, Any]) -> str:
    """The rates of one set in one line for a person."""
    rates = {metric: found for metric, found in figures.items() if metric != "time_ms"}
    return ", ".join(
        f"{m} {100 * f['rate']:.1f} % [{100 * f['low']:.1f}, {100 * f['high']:.1f}]" for m, f in rates.items()
    )
