"""What is known of a model: the card beside its weights, sealed so that nobody edits it unseen."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gpnet_ros import normalise
from gpnet_ros.errors import BadInput, ModelRefused

CARD = "card.json"
#: What the fields of a card are.
_KINDS: dict[str, type] = {
    **dict.fromkeys(("architecture", "channels", "normalisation", "commit", "licence", "notes", "sha256", "seal"), str),
    **dict.fromkeys(("kwargs", "data", "recipe", "metric"), dict),
    **{"parameters": int, "golden": list},
}


@dataclass(frozen=True)
class Card:
    """The card of a model: what it is, what it was trained on, how good it is, and the seal on all of that.

    Attributes:
        architecture: key of `ARCHITECTURES`; kwargs: arguments of its constructor.
        channels: "rgb", "depth" or "rgbd"; normalisation: which of `normalise.VERSIONS` it was trained with.
        data: what it was trained on; recipe: how; metric: how well it did there.
        commit: of the code that trained it; licence; notes: what it is not good for.
        parameters: number of weights; sha256: of the weights file.
        golden: GOLDEN_SAMPLES values of each map for the golden input.
        seal: `sealed` of this card as it was written.
    """

    architecture: str
    kwargs: dict[str, Any]
    channels: str
    normalisation: str = normalise.DEFAULT_VERSION
    data: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    metric: dict[str, Any] = field(default_factory=dict)
    commit: str = ""
    licence: str = "Apache-2.0"
    notes: str = ""
    parameters: int = 0
    sha256: str = ""
    golden: list[list[float]] = field(default_factory=list)
    seal: str = ""

    @property
    def sealed(self) -> str:
        """Sum of all else in the card: golden outputs cannot tell another normalisation, say, nor another figure."""
        said = {name: value for name, value in asdict(self).items() if name != "seal"}
        return hashlib.sha256(json.dumps(_known(said), sort_keys=True).encode()).hexdigest()

    @property
    def views_seen(self) -> int:
        """Training views of the run that ended in this model, without those of what it began with; 0 if untold."""
        return int(self.recipe.get("steps") or 0) * int(self.recipe.get("batch") or 0)

    @property
    def planes(self) -> int:
        """Number of input planes.

        Raises:
            ModelRefused: unknown channels or normalisation.
        """
        try:
            return normalise.channel_count(self.channels, self.normalisation)
        except BadInput as error:
            raise ModelRefused(f"{error} Use the package version that the model came with, or train anew.") from error


def read_card(folder: Path) -> Card:
    """The card in a model's folder.

    Raises:
        ModelRefused: missing, not JSON, unknown, missing or damaged fields.
    """
    path = folder / CARD
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelRefused(f"{path} cannot be read ({error}): restore it beside the weights.") from error
    known = {f.name for f in fields(Card)}
    if not isinstance(values, dict) or not {"architecture", "kwargs", "channels", "sha256", "golden"} <= set(values):
        raise ModelRefused(f"{path} is not a model card: architecture, kwargs, channels, sha256, golden are needed.")
    if set(values) - known:
        raise ModelRefused(f"{path} holds unknown fields {sorted(set(values) - known)}: update the package.")
    for name, kind in _KINDS.items():
        if not isinstance(values.get(name, kind()), kind) or isinstance(values.get(name), bool):
            word = {str: "a text", dict: "an object", list: "a list", int: "a whole number"}[kind]
            raise ModelRefused(f"{path} is damaged: {name} must be {word}; restore it beside the weights.")
    return Card(**values)


def check_seal(card: Card, folder: Path) -> None:
    """A card that was edited is refused; call it after all other checks, whose sentences say more.

    Raises:
        ModelRefused: the seal is broken or missing.
    """
    if card.seal != card.sealed:
        raise ModelRefused(
            f"{folder / CARD} was edited: it does not say what it was written with (its seal differs); restore it "
            "beside the weights. Notes and figures are changed by gpnet models judge."
        )


def write_card(card: Card, folder: Path) -> Card:
    """Seal a card and write it, in one step; what is not known is null.

    Returns:
        The card as written.
    """
    values = _known(asdict(replace(card, seal=card.sealed)))
    draft = folder / (CARD + ".new")
    draft.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, folder / CARD)
    return Card(**values)


def _known(value: Any) -> Any:
    """A value without NaN and infinity, which JSON has no words for: None in their place."""
    if isinstance(value, dict):
        return {key: _known(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
