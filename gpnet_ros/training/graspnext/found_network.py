"""Networks by name, or by the file that a search wrote of its winner."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from gpnet_ros.errors import BadInput, SettingsError
from gpnet_ros.network.graspnext.architecture import NETWORKS, Architecture


@lru_cache
def named_or_found(network: str) -> tuple[Architecture, dict[str, Any]]:
    """Sizes of a network, and by which search it was found: empty for one of `NETWORKS`.

    Args:
        network: its name, or the path of a winner.json of `gpnet search`.

    Raises:
        BadInput: no such name, no such file, or one that was edited.
    """
    if network in NETWORKS:
        return NETWORKS[network], {}
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


def sizes_digest(sizes: dict[str, Any]) -> str:
    """The sha256 of `Architecture.as_json`."""
    return hashlib.sha256(json.dumps(sizes, sort_keys=True).encode()).hexdigest()
