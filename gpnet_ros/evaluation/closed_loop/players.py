"""Who picks in the closed loop, and what a row keeps of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

from gpnet_ros.evaluation.code_sum import code_sum
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.settings import config_dir
from gpnet_ros.sim.clearing.injected import Errors


@dataclass(frozen=True)
class PlayedBy:
    """Who played a round, in the plain values of its row; a log holds rounds of one only.

    Attributes:
        path, priority: those of the `Policy`.
        model: its name; None for the oracle.
        weights: SHA-256 of its weights; None for the oracle.
        errors: injected errors that are not zero, by name [m], [rad].
        min_quality: smallest Q* of a grasp; None for the oracle, and in older logs, which do not tell.
        code: `played_code` of what played; empty in older logs, which do not tell.
    """

    path: str
    priority: str
    model: str | None = None
    weights: str | None = None
    errors: Mapping[str, float] = field(default_factory=dict)
    min_quality: float | None = None
    code: str = ""


@dataclass(frozen=True)
class Policy:
    """Who picks in a round: path, priority, model, errors and threshold.

    Attributes:
        path: "core" or "ros".
        priority: "learned", "height", "none", or "oracle", which has no model.
        model: name or path; None for the oracle.
        errors: put into the cell.
        min_quality: smallest Q* of a grasp, see `threshold`.
    """

    path: str = "core"
    priority: str = "learned"
    model: str | None = "gpnet"
    errors: Errors = field(default_factory=Errors)
    min_quality: float = SelectSettings.quality_min

    @property
    def is_oracle(self) -> bool:
        """Whether the policy plans from the truth."""
        return self.priority == "oracle" or self.model is None

    @property
    def threshold(self) -> float | None:
        """Smallest Q* of a grasp in [0, 1]; None for the oracle, which has its own."""
        return None if self.is_oracle else self.min_quality

    def played_by(self, code: str) -> PlayedBy:
        """The policy as a row tells it.

        Args:
            code: `played_code` of what plays.

        Raises:
            ModelRefused: there is no such model.
        """
        from gpnet_ros.network import checkpoint

        card = None if self.is_oracle else checkpoint.vouched_card(str(self.model))
        return PlayedBy(
            path=self.path,
            priority=self.priority,
            model=None if self.is_oracle else Path(str(self.model)).name,
            weights=None if card is None else card.sha256,
            errors={k: v for k, v in asdict(self.errors).items() if v},
            min_quality=self.threshold,
            code=code,
        )


def played_code(modules: Sequence[str], settings: Sequence[str]) -> str:
    """Sum of the code and of the settings that decide a round, beside its policy.

    Args:
        modules: entries of `code_sum`.
        settings: names of files in `config/`, without their ending.

    Returns:
        16 hexadecimal digits.
    """
    values = [yaml.safe_load((config_dir() / f"{name}.yaml").read_text(encoding="utf-8")) for name in settings]
    return hashlib.sha256(json.dumps([code_sum(*modules), values]).encode()).hexdigest()[:16]
