"""What a training run carries from step to step, and how it survives being killed.

The state on disk is tensors and numbers only (safetensors and JSON), written beside the old one and then
put in its place, so that a run killed at any instant resumes from a whole state.
"""

from __future__ import annotations

import copy
import json
import math
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.network.loss import Targets, grasp_loss

STATE = "state.safetensors"
#: Learning rate at the very start and at the end, as shares of the highest.
RATE_START = 0.05
RATE_END = 0.005
#: The exponential mean of the weights warms up over this many steps, or it would remember the random start.
EMA_WARMUP = 20.0
#: Gradients are scaled down to this norm: a single odd batch must not throw the weights.
GRADIENT_NORM = 5.0


class Trainer:
    """Network, exponential mean of its weights, optimiser, and how far the run is.

    Attributes:
        net: the network in training mode; ema: its mean, which is what gets saved and judged.
        step: steps done; elapsed: seconds spent in steps so far, over all resumptions.
    """

    def __init__(self, net: nn.Module, *, rate: float, weight_decay: float, ema_decay: float) -> None:
        self.net = net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.ema = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=weight_decay)
        self.step = 0
        self.elapsed = 0.0
        self._rate = rate
        self._ema_decay = ema_decay

    def update(
        self, x: Tensor, target: Targets, progress: float, *, mode: str, shrink_width: bool, warmup: float
    ) -> float:
        """One step.

        Args:
            x: (B, C, h, w) float32; target: of the same batch.
            progress: share of the run that is done, in [0, 1]; sets the learning rate.
            mode, shrink_width: see `grasp_loss`.
            warmup: share of the run in which the rate rises.

        Returns:
            The loss.

        Raises:
            GpnetError: the loss is not finite.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate * one_cycle(progress, warmup)
        self.optimiser.zero_grad(set_to_none=True)
        output = self.net(x.contiguous(memory_format=torch.channels_last))
        loss = grasp_loss(output, target, mode, shrink_width=shrink_width)
        loss.backward()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise GpnetError(f"The loss became {value} at step {self.step}: lower the learning rate, then --resume.")
        nn.utils.clip_grad_norm_(self.net.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self.step += 1
        self._follow()
        return value

    def save(self, folder: Path) -> None:
        """Write the whole state into one file of the run's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v for k, v in moments.items()}
        plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        meta = {"run": json.dumps({"step": self.step, "elapsed": self.elapsed})}
        draft = folder / (STATE + ".new")
        save_file(plain, draft, metadata=meta)
        os.replace(draft, folder / STATE)

    def restore(self, folder: Path) -> None:
        """Continue from a saved state.

        Raises:
            BadInput: there is none, or it is of another network.
        """
        path = folder / STATE
        if not path.is_file():
            raise BadInput(f"There is no {path} to resume from: start the run without --resume.")
        with safe_open(path, framework="pt") as file:
            run = json.loads(file.metadata()["run"])
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a dict)
        try:
            self.net.load_state_dict(_under(tensors, "net."))
            self.ema.load_state_dict(_under(tensors, "ema."))
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(tensors, "optimiser.").items():
                index, name = key.split(".", 1)
                moments.setdefault(int(index), {})[name] = value
            state = self.optimiser.state_dict()
            self.optimiser.load_state_dict({"state": moments, "param_groups": state["param_groups"]})
        except (RuntimeError, ValueError) as error:
            raise BadInput(
                f"{path} is of another network or recipe: resume with the same one, or start anew."
            ) from error
        self.step, self.elapsed = int(run["step"]), float(run["elapsed"])

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self._ema_decay, (1.0 + self.step) / (EMA_WARMUP + self.step))
        for mean, value in zip(self.ema.state_dict().values(), self.net.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1.0 - decay)
            else:
                mean.copy_(value)


def one_cycle(progress: float, warmup: float) -> float:
    """Learning rate as a share of the highest: a linear rise, then a half cosine down to almost nothing.

    Args:
        progress: share of the run that is done, in [0, 1].
        warmup: share of the run in which the rate rises, in (0, 1).
    """
    if progress < warmup:
        return RATE_START + (1.0 - RATE_START) * progress / warmup
    fall = min(1.0, (progress - warmup) / (1.0 - warmup))
    return RATE_END + (1.0 - RATE_END) * 0.5 * (1.0 + math.cos(math.pi * fall))


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
