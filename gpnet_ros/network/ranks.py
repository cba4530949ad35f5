"""Several processes that train one network, started by `torchrun`: which of them this one is."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Ranks:
    """The place of this process among those that train together; it is alone without `torchrun`.

    Attributes:
        rank: of this process, from 0; the first one writes.
        world: number of processes.
        device: on which this one computes.
    """

    rank: int
    world: int
    device: torch.device

    @classmethod
    def join(cls, device: torch.device) -> Ranks:
        """Meet the other processes that `torchrun` names in the environment: NCCL on GPUs, Gloo on CPUs."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1 or "RANK" not in os.environ:
            return cls(0, 1, device)
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if device.type == "cuda":
            device = torch.device("cuda", local)
            torch.cuda.set_device(device)
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(distributed.get_rank(), distributed.get_world_size(), device)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0

    def agreed(self, value: float) -> float:
        """The number that the first process passed, for what all must decide alike; all must call it."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared.item())

    def leave(self) -> None:
        """Wait for the other processes, and leave their group."""
        if self.world > 1 and distributed.is_initialized():
            distributed.barrier()
            distributed.destroy_process_group()
