"""List the models in models/: what each is, how it did on the test sets, and whether its files are whole.

Every model is loaded and computes its golden outputs; one that was edited, damaged or is no safetensors file is shown
as refused, with the reason. What a card does not say yet is named. Exit status 1 when a model is refused.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import CARD, Card
from gpnet_ros.network.checkpoint import WEIGHTS
from gpnet_ros.settings import resource_dir

#: Sets that a card tells figures of.
SETS = ("table-test", "stack-test", "unseen-test")
#: All shipped models together, weights and cards [bytes].
BYTES_MAX = 25_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet models`."""
    parser.add_argument("--folder", type=Path, help="other models than those of the package")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")


def run(args: argparse.Namespace) -> int:
    """List; 1 when one is refused."""
    models: Path = args.folder or resource_dir("models")
    if not models.is_dir() or not folders(models):
        raise BadInput(f"There are no models in {models}: give a folder of which each folder is a model.")
    found = [describe(folder) for folder in folders(models)]
    total = sum(model["bytes"] for model in found)
    answer = {"models": found, "bytes": total, "bytes_max": BYTES_MAX, "ok": all(model["ok"] for model in found)}
    print(json.dumps(answer) if args.json else table(found, total))
    return 0 if answer["ok"] else 1


def folders(models: Path) -> list[Path]:
    """Folders that hold a model, or the remains of one."""
    return sorted(p for p in models.iterdir() if p.is_dir() and any((p / name).exists() for name in (CARD, WEIGHTS)))


def describe(folder: Path) -> dict[str, Any]:
    """One model as plain values; what the card does not say is null."""
    values: dict[str, Any] = {"name": folder.name, "bytes": sum(p.stat().st_size for p in folder.iterdir())}
    try:
        _, card = checkpoint.load(folder)
    except ModelRefused as error:
        return {**values, "ok": False, "refused": str(error)}
    return {
        **values,
        **{"ok": True, "refused": None, "what": what(card), "channels": card.channels, "parameters": card.parameters},
        **{"normalisation": card.normalisation, "sha256": card.sha256, "licence": card.licence, "commit": card.commit},
        **{"data": card.data, "notes": card.notes, "minutes": card.recipe.get("minutes")},
        **{"figures": {name: card.metric.get(name) for name in SETS}, "missing": missing(card)},
    }


def what(card: Card) -> str:
    """Architecture and what is special about it."""
    parts = {"gpnet": "GP-Net", "ggcnn": "GG-CNN", "ggcnn2": "GG-CNN2", "grconvnet": "GR-ConvNet", "orange": "ORANGE"}
    size = card.recipe.get("size") if card.architecture == "gpnet" else card.kwargs.get("backbone")
    return parts.get(card.architecture, card.architecture) + (f" {size}" if size else "")


def missing(card: Card) -> list[str]:
    """What a card of a shipped model has to say and does not."""
    wanted = {
        "data seeds": "first_scene" in card.data,
        "generator version": "generator" in card.data,
        "recipe": bool(card.recipe),
        "commit": bool(card.commit),
        "licence": bool(card.licence),
        "what it is not good for": "not good for" in card.notes.lower(),
        **{f"figures on {name}": name in card.metric for name in SETS},
    }
    return [name for name, there in wanted.items() if not there]


def table(found: list[dict[str, Any]], total: int) -> str:
    """For a person."""
    width = max([len(model["name"]) for model in found], default=4) + 2
    sets = "".join(f"{name:>13}" for name in SETS)
    heading = f"{'name':{width}}{'what':18}{'input':7}{'weights':>10}{'MB':>7}{sets}"
    lines = [heading + "   (lift of a top-level object [%], simulated)"]
    for model in found:
        if not model["ok"]:
            lines.append(f"{model['name']:{width}}refused: {model['refused']}")
            continue
        figures = "".join(f"{_lift(model['figures'][name]):>13}" for name in SETS)
        about = f"{model['what']:18}{model['channels']:7}{model['parameters']:>10,}{model['bytes'] / 1e6:>7.2f}"
        lines.append(f"{model['name']:{width}}{about}{figures}")
        if model["missing"]:
            lines.append(f"{'':{width}}its card lacks: {', '.join(model['missing'])}")
    return "\n".join([*lines, f"{len(found)} models, {total / 1e6:.1f} MB of at most {BYTES_MAX / 1e6:.0f} MB"])


def _lift(figures: Any) -> str:
    lift = figures.get("lift") if isinstance(figures, dict) else None
    rate = lift.get("rate") if isinstance(lift, dict) else None
    return f"{100 * rate:.1f}" if isinstance(rate, int | float) else "-"
