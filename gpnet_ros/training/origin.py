"""What a model comes from, as its card will say: first weights, scenes, the commit of the code."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gpnet_ros.data.batches import Samples
from gpnet_ros.errors import BadInput
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card, read_card
from gpnet_ros.network.gpnet import GPNet
from gpnet_ros.network.joined import JoinedNet
from gpnet_ros.training.learning_settings import IMAGENET

#: Least share of a network's weights that another one must have in the same shapes to be a start.
FITTING_MIN = 0.05


def first_weights(
    blank: Card, init: str | Path | None, trunk: str = "random"
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The network that a run starts from, and what the card will say of where its weights came from.

    A multi-task network takes from another one what fits; a joined network its GP-Net from one alone.

    Args:
        blank: card of the network.
        init: name or folder of the model to start from, or None.
        trunk: first weights of a joined network's trunk, of `TRUNK_STARTS`, where the model to start from has none.

    Raises:
        BadInput: the model to start from is another network, or ImageNet's weights are not installed.
    """
    net = checkpoint.build(blank)
    said: dict[str, Any] = {}
    if isinstance(net, JoinedNet) and trunk != "random" and not (init and _is_joined(init)):
        net.coarse.trunk.start_from_imagenet()
        said = dict(IMAGENET)
    if init is None:
        return net, said
    start, card = checkpoint.load(init)
    if isinstance(net, JoinedNet) and isinstance(start, GPNet):
        blank = replace(blank, architecture="gpnet")
    ours, theirs = ((c.architecture, _same_weights(c), c.channels, c.normalisation) for c in (blank, card))
    said["init"] = {"model": str(init), "sha256": card.sha256, "data": card.data}
    if ours != theirs and blank.architecture == card.architecture == "graspnext":
        said["init"]["not_taken"] = take_what_fits(net, start, str(init))
        return net, said
    if ours != theirs:
        raise BadInput(
            f"--init {init} is {theirs[0]} {theirs[1]} on {theirs[2]} ({theirs[3]}), this run makes {ours[0]} "
            f"{ours[1]} on {ours[2]} ({ours[3]}): give the same --architecture, --size, --channels and normalisation."
        )
    taker = net.fine if isinstance(net, JoinedNet) and isinstance(start, GPNet) else net
    taker.load_state_dict(start.state_dict())
    return net, said


def _is_joined(init: str | Path) -> bool:
    return read_card(checkpoint.find(init)).architecture == "joined"


def take_what_fits(net: torch.nn.Module, start: torch.nn.Module, name: str) -> dict[str, str]:
    """Take the weights of another network, layer by layer, where names and shapes are the same, and print what is left.

    Args:
        net: that takes. start: that gives. name: of what gives, for people.

    Returns:
        Of each part of `net` that did not get all: how many of its layers it did not get, as "3 of 12".

    Raises:
        BadInput: less than `FITTING_MIN` of the weights fit.
    """
    ours, theirs = _layers(net), _layers(start)
    fits = {at for at, layer in ours.items() if at in theirs and _shapes(layer) == _shapes(theirs[at])}
    taken, whole = (sum(v.numel() for at in some for v in ours[at].values()) for some in (fits, ours))
    if taken < FITTING_MIN * whole:
        raise BadInput(f"--init {name}: hardly a layer fits this network: start from another model, or without --init.")
    net.load_state_dict({f"{at}.{key}": value for at in fits for key, value in theirs[at].items()}, strict=False)
    left: dict[str, str] = {}
    for part in dict.fromkeys(at.split(".")[0] for at in ours):
        inside = [at for at in ours if at.split(".")[0] == part]
        missing = sum(at not in fits for at in inside)
        if missing:
            left[part] = f"{missing} of {len(inside)}"
    rest = "; ".join(f"{part}, {count}" for part, count in left.items())
    print(f"--init {name}: {taken / whole:.0%} of the weights taken; layers that are others there, and so new: {rest}.")
    return left


def _layers(net: torch.nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """Weights by layer and then by their name in it: a layer is taken as a whole or not at all."""
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for path, value in net.state_dict().items():
        at, _, key = path.rpartition(".")
        layers.setdefault(at, {})[key] = value
    return layers


def _shapes(layer: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in layer.items()}


def _same_weights(card: Card) -> dict[str, Any]:
    """Arguments of a network without the side of its images and the mirror image, which no weight depends on."""
    kept = {name: value for name, value in card.kwargs.items() if name not in ("side", "mirrored")}
    plain: dict[str, Any] = json.loads(json.dumps(kept))  # a card that was read has lists for tuples
    return plain


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
