"""Which models there are in a folder: what each is, how it did on the test sets, and whether its files are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import CARD, Card
from gpnet_ros.network.checkpoint import SCENE, WEIGHTS
from gpnet_ros.sim.scenes.recipe import TEST_SETS

#: All shipped grasp networks together, and the multi-task network, weights and cards [bytes].
BYTES_MAX, SCENE_BYTES_MAX = 25_000_000, 40_000_000
_ARCHITECTURES = {
    **{"gpnet": "GP-Net", "joined": "GP-Net joined", "ggcnn": "GG-CNN", "ggcnn2": "GG-CNN2"},
    **{"grconvnet": "GR-ConvNet", "orange": "ORANGE", SCENE: "GraspNeXt"},
}
#: Figures that the card of a multi-task network has.
_TASKS = ("boxes", "visible", "amodal", "occlusion", "mass", "suction")


@dataclass(frozen=True)
class ListedModel:
    """A model's folder, looked into.

    Attributes:
        name: of the folder; size: of all its files [bytes].
        card: of the model; None if it was refused.
        refused: sentence with which loading refused it; None if it computes its golden outputs.
        unloaded: sentence that says what has to be installed to load it; its files are whole, no more is known.
    """

    name: str
    size: int
    card: Card | None = None
    refused: str | None = None
    unloaded: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON has it; what the card does not say is null."""
        values: dict[str, Any] = {"name": self.name, "bytes": self.size, "ok": self.card is not None}
        values |= {"refused": self.refused, "unloaded": self.unloaded}
        if self.card is None:
            return values
        card = self.card
        return {
            **values,
            **{"what": what(card), "channels": card.channels, "parameters": card.parameters},
            **{"normalisation": card.normalisation, "sha256": card.sha256, "licence": card.licence},
            **{"commit": card.commit, "data": card.data, "notes": card.notes, "minutes": card.recipe.get("minutes")},
            **{
                "figures": {
                    name: card.metric.get(name) for name in (_TASKS if card.architecture == SCENE else TEST_SETS)
                },
                "missing": missing(card),
            },
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
        if isinstance(error.__cause__, ImportError):  # an extra is not installed; the model is none the worse
            return ListedModel(folder.name, size, checkpoint.vouched_card(folder), unloaded=str(error))
        return ListedModel(folder.name, size, refused=str(error))
    return ListedModel(folder.name, size, card)


def what(card: Card) -> str:
    """Architecture of a model, with its size, backbone or trunk."""
    sizes = {**dict.fromkeys(("gpnet", "joined"), card.recipe.get("size")), SCENE: card.recipe.get("network")}
    size = str(sizes.get(card.architecture, card.kwargs.get("backbone")) or "").removesuffix("-graspnext")
    if card.architecture == SCENE and "found_by" in card.data:
        size = "searched"
    return _ARCHITECTURES.get(card.architecture, card.architecture) + (f" {size}" if size else "")


def missing(card: Card) -> list[str]:
    """Names of all that the card of a shipped model has to say and this one does not."""
    scene = card.architecture == SCENE
    figures = _TASKS if scene else TEST_SETS
    wanted = {
        "data seeds": ("arguments" if scene else "first_scene") in card.data,
        "generator version": "generator" in card.data,
        "recipe": bool(card.recipe),
        "commit": bool(card.commit),
        "licence": bool(card.licence),
        "what it is not good for": "not good for" in card.notes.lower(),
        **{f"figures {'of' if scene else 'on'} {name}": name in card.metric for name in figures},
    }
    return [name for name, there in wanted.items() if not there]


def oversize(models: Sequence[ListedModel]) -> list[str]:
    """Sentences about models that are larger than what is shipped may be; empty if none is."""
    scene = {m.name: m.size for m in models if m.card is not None and m.card.architecture == SCENE}
    grasp = sum(m.size for m in models if m.name not in scene)
    said = [f"{name} has {size / 1e6:.1f} MB" for name, size in scene.items() if size > SCENE_BYTES_MAX]
    said = [f"{text}; allowed are {SCENE_BYTES_MAX / 1e6:.0f} MB: gpnet models halve" for text in said]
    if grasp > BYTES_MAX:
        said.append(f"The grasp networks have {grasp / 1e6:.1f} MB together; allowed are {BYTES_MAX / 1e6:.0f} MB")
    return said


def models_table(models: Sequence[ListedModel]) -> str:
    """A table for a person with one line per model."""
    width = max([len(model.name) for model in models], default=4) + 2
    sets = "".join(f"{name:>13}" for name in TEST_SETS)
    heading = f"{'name':{width}}{'what':20}{'input':7}{'weights':>10}{'MB':>7}{sets}"
    lines = [heading + "   (lift of a top-level object [%], simulated)"]
    for model in models:
        card = model.card
        if card is None:
            lines.append(f"{model.name:{width}}refused: {model.refused}")
            continue
        about = f"{what(card):20}{card.channels:7}{card.parameters:>10,}{model.size / 1e6:>7.2f}"
        lines.append(f"{model.name:{width}}{about}{_figures(card)}")
        if model.unloaded:
            lines.append(f"{'':{width}}not loaded: {model.unloaded}")
        if missing(card):
            lines.append(f"{'':{width}}its card lacks: {', '.join(missing(card))}")
    total = sum(model.size for model in models)
    return "\n".join([*lines, f"{len(models)} models, {total / 1e6:.1f} MB", *oversize(models)])


def _figures(card: Card) -> str:
    if card.architecture != SCENE:
        return "".join(f"{_lift(card.metric.get(name)):>13}" for name in TEST_SETS)
    told = {name: value for name in _TASKS if (value := _number(card.metric.get(name))) is not None}
    return "   " + ", ".join(f"{name} {100 * value:.0f} %" for name, value in told.items())


def _number(figure: Any) -> float | None:
    """The headline of a task: a number, or one among what `gpnet models judge` wrote."""
    if isinstance(figure, dict):
        figure = next((figure[k] for k in ("AP50", "rate", "value") if k in figure), None)
    return float(figure) if isinstance(figure, int | float) else None


def _lift(figures: Any) -> str:
    lift = figures.get("lift") if isinstance(figures, dict) else None
    rate = lift.get("rate") if isinstance(lift, dict) else None
    return f"{100 * rate:.1f}" if isinstance(rate, int | float) else "-"
