"""Who picks in the closed loop, and what a row keeps of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import yaml

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.evaluation.code_sum import code_sum
from gpnet_ros.evaluation.second_network import weights_of
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.settings import config_dir
from gpnet_ros.sim.clearing.injected import Errors

#: How the arm may move.
PACES = ("careful", "fast")


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
        scene_model: name of the second network's model, or "truth"; None without one.
        scene_weights: SHA-256 of its weights; None without one, and for the truth.
        gripper: tool of the cell; older logs are of the jaw.
        pace: how the arm moves; older logs are careful.
        exposures: of the camera for each look; older logs are of one.
    """

    path: str
    priority: str
    model: str | None = None
    weights: str | None = None
    errors: Mapping[str, float] = field(default_factory=dict)
    min_quality: float | None = None
    code: str = ""
    scene_model: str | None = None
    scene_weights: str | None = None
    gripper: str = "jaw"
    pace: str = "careful"
    exposures: int = 1


@dataclass(frozen=True)
class Policy:
    """Who picks in a round: path, priority, models, errors and threshold.

    Attributes:
        path: "core" or "ros".
        priority: one of `free_objects.PRIORITIES`, or "oracle", which has no model.
        model: name or path; None for the oracle.
        errors: put into the cell.
        min_quality: smallest Q* of a grasp, see `threshold`; for a cup, worth of a place.
        scene_model: of the second network, or "truth", for priority "graspnext"; see `second_network.second_model`.
        gripper: tool of the cell, "jaw" or "suction"; a cup has no model but the second network.
        pace: how the arm moves, by `config/cell.yaml` ("careful") or `config/cell_fast.yaml` ("fast").
        exposures: of the camera for each look, merged; path core only.
    """

    path: str = "core"
    priority: str = "learned"
    model: str | None = "gpnet"
    errors: Errors = field(default_factory=Errors)
    min_quality: float = SelectSettings.quality_min
    scene_model: str | None = None
    gripper: str = "jaw"
    pace: str = "careful"
    exposures: int = 1

    @property
    def is_oracle(self) -> bool:
        """Whether the policy plans from the truth."""
        return self.priority == "oracle" or (self.scene_model if self.gripper == "suction" else self.model) is None

    @property
    def cell(self) -> Cell:
        """The cell of this pace, with the tool of this policy."""
        return replace(load_cell(self.cell_file), tool=self.gripper)

    @property
    def cell_file(self) -> Path:
        """The cell file of this pace."""
        return config_dir() / ("cell_fast.yaml" if self.pace == "fast" else "cell.yaml")

    @property
    def threshold(self) -> float | None:
        """Smallest Q* of a grasp in [0, 1]; None for the oracle, which has its own."""
        return None if self.is_oracle else self.min_quality

    def played_by(self, code: str) -> PlayedBy:
        """The policy as a row tells it.

        Args:
            code: `played_code` of what plays.

        Raises:
            ModelRefused, BadInput: there is no such model.
        """
        from gpnet_ros.network import checkpoint

        card = None if self.is_oracle or self.model is None else checkpoint.vouched_card(str(self.model))
        return PlayedBy(
            path=self.path,
            priority=self.priority,
            model=None if card is None else Path(str(self.model)).name,
            weights=None if card is None else card.sha256,
            errors={k: v for k, v in asdict(self.errors).items() if v},
            min_quality=self.threshold,
            code=code,
            scene_model=None if self.scene_model is None else Path(self.scene_model).name,
            scene_weights=weights_of(self.scene_model),
            gripper=self.gripper,
            pace=self.pace,
            exposures=self.exposures,
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
