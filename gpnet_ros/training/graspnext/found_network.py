"""Networks by name, or by the file that a search wrote of its winner."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput, SettingsError
from gpnet_ros.network.card import read_card
from gpnet_ros.network.checkpoint import SCENE
from gpnet_ros.network.graspnext.architecture import NETWORKS, Architecture
from gpnet_ros.settings import resource_dir

#: The search that found `fast-graspnext`: docs/search/imagenet.
FOUND_BY = {
    "profile": "imagenet",
    "seed": 0,
    "log_sha256": "731421f86c95ce8c2f7812e6ce7c954488b109cdfa72319498a82f45bf59d289",
    "data_sha256": "e7605090f644356b37ce8bfdf95891dbaa22370d15fbaeac0867da16248b8688",
    "commit": "383863c646ff",
}


def named_or_found(network: str) -> tuple[Architecture, dict[str, Any]]:
    """Sizes of a network, and by which search it was found: empty for those that no search found.

    Args:
        network: its name, or the path of a winner.json of `gpnet search`.

    Raises:
        BadInput: no such name, no such file, or one that was edited.
    """
    if network in NETWORKS:
        return NETWORKS[network], dict(FOUND_BY) if network == "fast-graspnext" else {}
    path = Path(network)
    if path.suffix != ".json":
        known = ", ".join(NETWORKS)
        raise SettingsError(f"network is {network!r}; allowed: {known}, or a winner.json of gpnet search.", "network")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        sizes, found_by, wanted = said["architecture"], dict(said["found_by"]), said["architecture_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} cannot be used as a network ({error}): give a winner.json of gpnet search.") from error
    if sizes_digest(sizes) != wanted:
        raise BadInput(f"The sizes in {path} are not those that its search found: take the file as it was written.")
    return Architecture.from_json(sizes), found_by


def chosen_networks(chosen: Iterable[str]) -> dict[str, Architecture]:
    """Sizes of networks by name: a model in models/ or of a folder as it was trained, else as `named_or_found` says.

    A path is called by the name of its folder.

    Raises:
        BadInput: there is none of that name, or a model is no multi-task network.
    """
    found: dict[str, Architecture] = {}
    for network in chosen:
        name, sizes = _called(network)
        if name in found:
            raise BadInput(f"Two networks are called {name}: give folders of different names.")
        found[name] = sizes
    return found


def _called(network: str) -> tuple[str, Architecture]:
    path = Path(network)
    if path.suffix == ".json":
        return path.resolve().parent.name, named_or_found(network)[0]
    folder = path if path.is_dir() else resource_dir("models") / network
    if not folder.is_dir():
        return network, named_or_found(network)[0]
    card = read_card(folder)
    if card.architecture != SCENE:
        raise BadInput(f"{network} is a grasp network ({card.architecture}), not a multi-task one.")
    return folder.resolve().name, Architecture.from_json(card.kwargs["sizes"])


def sizes_digest(sizes: dict[str, Any]) -> str:
    """The sha256 of `Architecture.as_json`."""
    return hashlib.sha256(json.dumps(sizes, sort_keys=True).encode()).hexdigest()
