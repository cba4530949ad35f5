"""Which models there are in a folder: what each is, how it did on the test sets, and whether its files are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import CARD, Card
from gpnet_ros.network.checkpoint import WEIGHTS
from gpnet_ros.sim.scenes.recipe import TEST_SETS

#: All shipped models together, weights and cards [bytes].
BYTES_MAX = 25_000_000
_ARCHITECTURES = {
    **{"gpnet": "GP-Net", "ggcnn": "GG-CNN", "ggcnn2": "GG-CNN2"},
    **{"grconvnet": "GR-ConvNet", "orange": "ORANGE"},
}


@dataclass(frozen=True)
class ListedModel:
    """A model's folder, looked into.

    Attributes:
        name: of the folder; size: of all its files [bytes].
        card: of the model; None if it was refused.
        refused: sentence with which loading refused it; None if it computes its golden outputs.
    """

    name: str
    size: int
    card: Card | None = None
    refused: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON has it; what the card does not say is null."""
        values: dict[str, Any] = {"name": self.name, "bytes": self.size, "ok": self.card is not None}
        values["refused"] = self.refused
        if self.card is None:
            return values
        card = self.card
        return {
            **values,
            **{"what": what(card), "channels": card.channels, "parameters": card.parameters},
            **{"normalisation": card.normalisation, "sha256": card.sha256, "licence": card.licence},
            **{"commit": card.commit, "data": card.data, "notes": card.notes, "minutes": card.recipe.get("minutes")},
            **{"figures": {name: card.metric.get(name) for name in TEST_SETS}, "missing": missing(card)},
        }


def list_models(models: Path) -> list[ListedModel]:
    """Every model of a folder, loaded, so that each is known to be whole or refused.

    Raises:
        BadInput: there is none.
    """
    if not models.is_dir() or not model_folders(models):
        raise BadInput(f"There are no models in {models}: give a folder of which each folder is a model.")
    return [look_into(folder) for folder in model_folders(models)]


def model_folders(models: Path) -> list[Path]:
    """Folders that hold a model, or the remains of one."""
    return sorted(p for p in models.iterdir() if p.is_dir() and any((p / name).exists() for name in (CARD, WEIGHTS)))


def look_into(folder: Path) -> ListedModel:
    """Load the model of a folder and read its card."""
    size = sum(p.stat().st_size for p in folder.iterdir())
    try:
        _, card = checkpoint.load(folder)
    except ModelRefused as error:
        return ListedModel(folder.name, size, refused=str(error))
    return ListedModel(folder.name, size, card)


def what(card: Card) -> str:
    """Architecture of a model, with its size or backbone."""
    size = card.recipe.get("size") if card.architecture == "gpnet" else card.kwargs.get("backbone")
    return _ARCHITECTURES.get(card.architecture, card.architecture) + (f" {size}" if size else "")


def missing(card: Card) -> list[str]:
    """Names of all that the card of a shipped model has to say and this one does not."""
    wanted = {
        "data seeds": "first_scene" in card.data,
        "generator version": "generator" in card.data,
        "recipe": bool(card.recipe),
        "commit": bool(card.commit),
        "licence": bool(card.licence),
        "what it is not good for": "not good for" in card.notes.lower(),
        **{f"figures on {name}": name in card.metric for name in TEST_SETS},
    }
    return [name for name, there in wanted.items() if not there]


def models_table(models: Sequence[ListedModel]) -> str:
    """A table for a person with one line per model."""
    width = max([len(model.name) for model in models], default=4) + 2
    sets = "".join(f"{name:>13}" for name in TEST_SETS)
    heading = f"{'name':{width}}{'what':18}{'input':7}{'weights':>10}{'MB':>7}{sets}"
    lines = [heading + "   (lift of a top-level object [%], simulated)"]
    for model in models:
        card = model.card
        if card is None:
            lines.append(f"{model.name:{width}}refused: {model.refused}")
            continue
        about = f"{what(card):18}{card.channels:7}{card.parameters:>10,}{model.size / 1e6:>7.2f}"
        figures = "".join(f"{_lift(card.metric.get(name)):>13}" for name in TEST_SETS)
        lines.append(f"{model.name:{width}}{about}{figures}")
        if missing(card):
            lines.append(f"{'':{width}}its card lacks: {', '.join(missing(card))}")
    total = sum(model.size for model in models)
    return "\n".join([*lines, f"{len(models)} models, {total / 1e6:.1f} MB of at most {BYTES_MAX / 1e6:.0f} MB"])


def _lift(figures: Any) -> str:
    lift = figures.get("lift") if isinstance(figures, dict) else None
    rate = lift.get("rate") if isinstance(lift, dict) else None
    return f"{100 * rate:.1f}" if isinstance(rate, int | float) else "-"
