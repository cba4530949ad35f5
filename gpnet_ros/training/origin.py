"""What a model comes from, as its card will say: first weights, scenes, the commit of the code."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import torch

from gpnet_ros.data.batches import Samples
from gpnet_ros.errors import BadInput
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card


def first_weights(blank: Card, init: str | Path | None) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The network that a run starts from, and what the card will say of where its weights came from.

    Raises:
        BadInput: the model to start from is another network.
    """
    net = checkpoint.build(blank)
    if init is None:
        return net, {}
    start, card = checkpoint.load(init)
    ours, theirs = ((c.architecture, _same_weights(c), c.channels, c.normalisation) for c in (blank, card))
    if ours != theirs:
        raise BadInput(
            f"--init {init} is {theirs[0]} {theirs[1]} on {theirs[2]} ({theirs[3]}), this run makes {ours[0]} "
            f"{ours[1]} on {ours[2]} ({ours[3]}): give the same --architecture, --size, --channels and normalisation."
        )
    net.load_state_dict(start.state_dict())
    return net, {"init": {"model": str(init), "sha256": card.sha256, "data": card.data}}


def _same_weights(card: Card) -> dict[str, Any]:
    """Arguments of a network without the side of its images, which no weight depends on."""
    return {name: value for name, value in card.kwargs.items() if name != "side"}


def data_origin(samples: Samples) -> dict[str, Any]:
    """The scenes of a data set and what made them, so that it can be generated again; empty without records."""
    names = sorted({r.scene for r in getattr(samples, "records", ())})
    known = {"scenes": len(names), "first_scene": names[0], "last_scene": names[-1]} if names else {}
    return known | getattr(samples, "made", {})


def code_commit() -> str:
    """The commit of the working tree, or nothing where there is no git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
