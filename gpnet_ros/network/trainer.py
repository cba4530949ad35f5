"""What a training run carries from step to step, and how it survives being killed.

The state on disk is tensors and numbers only (safetensors and JSON), written beside the old one and then
put in its place, so that a run killed at any instant resumes from a whole state.
"""

from __future__ import annotations

import copy
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gpnet_ros.errors import BadInput, GpnetError
from gpnet_ros.network.bfloat16 import quick_in_bfloat16
from gpnet_ros.network.joined import JoinedNet
from gpnet_ros.network.loss import loss_parts
from gpnet_ros.network.ranks import Ranks

STATE = "state.safetensors"
OPTIMISERS = ("adamw", "adam", "sgd")
#: one_cycle: a linear rise, then half a cosine down to almost nothing. exponential: evenly down to a tenth, in the
#: logarithm. constant: the same throughout. steps: a linear rise, then a tenth after 67 % and a hundredth after 92 %.
SCHEDULES = ("one_cycle", "exponential", "constant", "steps")
#: Shares of the run after which `steps` divides the rate by ten: epochs 8 and 11 of 12, the field's "1x" schedule.
RATE_DROPS = (0.67, 0.92)
#: Momentum of sgd.
MOMENTUM = 0.9
#: Learning rate at the very start and at the end of one_cycle, as shares of the highest.
RATE_START = 0.05
RATE_END = 0.005
#: Learning rate at the end of exponential: 1e-3 to 1e-4 in the paper of GP-Net.
EXPONENTIAL_END = 0.1
#: The exponential mean of the weights warms up over this many steps, or it would remember the random start.
EMA_WARMUP = 20.0
#: Gradients are scaled down to this norm: a single odd batch must not throw the weights.
GRADIENT_NORM = 5.0


@dataclass(frozen=True)
class Method:
    """How the weights of a network are found: loss, optimiser, schedule and mean.

    Attributes:
        loss, shrink_width: see `loss_parts`.
        optimiser: of `OPTIMISERS`. schedule: of `SCHEDULES`.
        rate: highest learning rate. warmup: share of the run in which it rises, in (0, 1).
        weight_decay: as the optimiser takes it.
        ema_decay: decay per step of the mean of the weights; 0 keeps none.
        fine_rate: rate of a joined network's GP-Net, as a share of the rate, in [0, 1]; 0: it is kept as it is.
        mixed: the network computes in bfloat16 where that is quick; weights, loss and optimiser stay float32.
    """

    loss: str = "suppress"
    shrink_width: bool = False
    optimiser: str = "adamw"
    schedule: str = "one_cycle"
    rate: float = 0.004
    warmup: float = 0.08
    weight_decay: float = 1e-4
    ema_decay: float = 0.998
    fine_rate: float = 1.0
    mixed: bool = False


class Trainer:
    """Network, exponential mean of its weights, optimiser, and how far the run is.

    Attributes:
        net: the network in training mode; ema: its mean, which is what gets saved and judged.
        step: steps done; elapsed: seconds spent in steps so far, over all resumptions.
    """

    def __init__(self, net: nn.Module, method: Method, ranks: Ranks | None = None) -> None:
        """Take a network that is on its device.

        Args:
            net: fresh, or with the weights to start from.
            method: how to train it.
            ranks: the processes that train it together; this one alone without it.
        """
        self.net = net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        if isinstance(net, JoinedNet) and method.fine_rate == 0.0:
            net.keep_fine()
        self.ema = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.method = method
        self.optimiser = _optimiser(self.net, method)
        self.step = 0
        self.elapsed = 0.0
        self._parts, self._part_count = torch.zeros(0), 0
        self._part_names: tuple[str, ...] = ()
        self._together = self.net
        if ranks is not None and ranks.world > 1:
            self._together = DistributedDataParallel(self.net)
        pairs = list(zip(self.ema.state_dict().values(), self.net.state_dict().values(), strict=True))
        self._following = [pair for pair in pairs if pair[0].is_floating_point()]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    def update(self, x: Tensor, target: Any, progress: float) -> Tensor:
        """Take one training step.

        Args:
            x: (B, C, h, w) float32; target: of the same batch; both on the network's device.
            progress: share of the run that is done, in [0, 1]; sets the learning rate.

        Returns:
            The loss, still on its device: reading it would make a GPU wait; see `finite`.
        """
        self.set_rate(progress)
        loss = self.forward(x, target)
        self.backward(loss)
        self.apply()
        return loss.detach()

    def set_rate(self, progress: float) -> None:
        """Set the learning rate for a share of the run that is done, in [0, 1]."""
        for group in self.optimiser.param_groups:
            share = group.get("share", 1.0) * rate_share(self.method.schedule, progress, self.method.warmup)
            group["lr"] = self.method.rate * share

    @property
    def rate(self) -> float:
        """Learning rate of the last step, in the unit of `Method.rate`."""
        return float(self.optimiser.param_groups[0]["lr"])

    def forward(self, x: Tensor, target: Any) -> Tensor:
        """The loss of a batch, of shape (); see `update` for shapes."""
        parts = self.losses(x.contiguous(memory_format=torch.channels_last), target)
        values = torch.stack(list(parts.values()))
        self._part_names = tuple(parts)
        self._parts = self._parts + values.detach() if self._part_count else values.detach()
        self._part_count += 1
        return values.sum()

    def losses(self, x: Tensor, target: Any) -> dict[str, Tensor]:
        """The parts of the loss of a batch, each of shape (); see `update` for shapes."""
        with self.computing(x.device):
            output = self._together(x)
        return loss_parts(output.float(), target, self.method.loss, shrink_width=self.method.shrink_width)

    def computing(self, device: torch.device) -> torch.autocast:
        """The context in which the network computes: bfloat16 if the method says so and the device is quick in it."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.method.mixed and quick_in_bfloat16(device))

    def parts(self) -> dict[str, float]:
        """Mean of each part of the loss since the last call, without unit, by the map that it is about."""
        count, self._part_count = self._part_count, 0
        return dict(zip(self._part_names, (self._parts / count).tolist(), strict=True)) if count else {}

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of a loss, of shape (); their mean over all processes."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()

    def apply(self) -> None:
        """Change the weights by the gradients, and their mean by the weights."""
        nn.utils.clip_grad_norm_(self.net.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self.step += 1
        self._follow()

    def finite(self, losses: list[Tensor]) -> float:
        """The mean of some losses, each of shape (); call it before each `save`.

        Raises:
            GpnetError: it is not finite.
        """
        value = float(torch.stack(losses).mean())
        if not math.isfinite(value):
            raise GpnetError(
                f"The loss became {value} before step {self.step}: start again with a lower "
                "learning rate (--set rate=...), from the last good weights if you like (--init RUN/last)."
            )
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
            BadInput: there is none, it is damaged, or it is of another network.
        """
        path = folder / STATE
        if not path.is_file():
            raise BadInput(f"There is no {path} to resume from: start the run without --resume.")
        try:
            with safe_open(path, framework="pt") as file:
                run = json.loads(file.metadata()["run"])
                tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a dict)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"{path} is damaged ({error}): start anew, from the run's last model with --init {folder / 'last'}."
            ) from error
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
        decay = min(self.method.ema_decay, (1.0 + self.step) / (EMA_WARMUP + self.step))
        means, values = ([pair[k] for pair in self._following] for k in (0, 1))
        torch._foreach_lerp_(means, values, 1.0 - decay)  # one kernel for all, as torch.optim.swa_utils does it
        for mean, value in self._copied:
            mean.copy_(value)


def _optimiser(net: nn.Module, method: Method) -> torch.optim.Optimizer:
    groups = _rate_groups(net, method)
    if method.optimiser == "sgd":
        return torch.optim.SGD(groups, method.rate, MOMENTUM, weight_decay=method.weight_decay)
    # Not fused: those kernels take weights and moments for equally laid out, which resumed moments are not.
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[method.optimiser]
    return kind(groups, lr=method.rate, weight_decay=method.weight_decay)


def _rate_groups(net: nn.Module, method: Method) -> list[dict[str, Any]]:
    """The weights that learn; those of a joined network's GP-Net apart where they have another rate."""
    fine = set(net.fine.parameters()) if isinstance(net, JoinedNet) and method.fine_rate != 1.0 else ()
    groups: list[dict[str, Any]] = [{"params": [p for p in net.parameters() if p not in fine]}]
    if method.fine_rate > 0.0 and fine:
        groups.append({"params": [p for p in net.parameters() if p in fine], "share": method.fine_rate})
    return groups


def rate_share(schedule: str, progress: float, warmup: float) -> float:
    """Learning rate as a share of the highest.

    Args:
        schedule: of `SCHEDULES`.
        progress: share of the run that is done, in [0, 1].
        warmup: share of the run in which the rate rises, for one_cycle.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "steps":
        return min(1.0, RATE_START + progress / warmup) * 0.1 ** sum(progress >= drop for drop in RATE_DROPS)
    return EXPONENTIAL_END**progress if schedule == "exponential" else one_cycle(progress, warmup)


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
