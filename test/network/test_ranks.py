"""Several processes train one network: they agree on its weights, and one of them writes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gpnet_ros.data.batches import Batches, BatchSettings
from gpnet_ros.network.ranks import Ranks

SCRIPT = """
import sys; sys.path[:0] = [sys.argv[2], sys.argv[3]]
from dataclasses import replace
from pathlib import Path
from support.bars import Bars, TINY
from gpnet_ros.commands import train as command
from gpnet_ros.training.recipe import Budget
from safetensors.torch import save_file
folder, steps = Path(sys.argv[1]), int(sys.argv[4])
made = []
original = command.Trainer
command.Trainer = lambda *args: made.append(original(*args)) or made[-1]
recipe = replace(TINY, small_share=1.0, batch=4)
out = {"out": folder / "m", "folder": folder / "run"}
card = command.train(Bars(6), None, recipe, Budget(1e9, steps), resume=steps > 2, **out)
import os
rank = int(os.environ.get("RANK", "0"))
assert (card is not None) == (rank == 0)
weights = {k: v.detach().contiguous().clone() for k, v in made[0].net.named_parameters()}
save_file(weights, folder / f"rank{rank}.safetensors")
"""


def _together(folder: Path, world: int, steps: int) -> None:
    """Train in `world` processes and wait for them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = Path(__file__).parents[1]
    words = [sys.executable, "-c", SCRIPT, str(folder), str(here), str(here.parent), str(steps)]
    processes = []
    for rank in range(world):
        names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_PORT": port}
        environment = {**os.environ, **{k: str(v) for k, v in names.items()}, "OMP_NUM_THREADS": "1"}
        environment["MASTER_ADDR"] = "127.0.0.1"
        processes.append(subprocess.Popen(words, env=environment))
    try:
        assert [process.wait(timeout=240) for process in processes] == [0] * world
    finally:
        for process in processes:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_agree_on_the_weights_and_go_on_from_one_state(tmp_path: Path) -> None:
    _together(tmp_path, 2, 2)
    _together(tmp_path, 2, 4)
    first, second = (load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert (tmp_path / "m" / "weights.safetensors").is_file()
    own = tmp_path / "alone"
    _together(own, 1, 2)  # a single process sees other views, so it must not agree
    alone = load_file(own / "rank0.safetensors")
    assert any((value != alone[name]).any() for name, value in first.items())


def test_processes_share_a_batch_and_see_different_views() -> None:
    class Numbers:
        """A data set whose views tell which picture they are of."""

        def __len__(self) -> int:
            return 1000

        def sample(self, index, rng, *, crop, augment, channels):  # type: ignore[no-untyped-def]
            names = ("quality", "cos2", "sin2", "width", "priority")
            plane = np.zeros((crop, crop), dtype=np.float32)
            return np.full((4, crop, crop), index, dtype=np.float32), dict.fromkeys(names, plane)

    def seen(rank: int, world: int) -> list[int]:
        settings = BatchSettings(3, 8, 64, "rgbd", 0.0, rank, world)
        return Batches(Numbers(), settings)[5][0][:, 0, 0, 0].int().tolist()

    whole = seen(0, 1)
    assert len(whole) == 8
    first, second = seen(0, 2), seen(1, 2)
    assert len(first) == len(second) == 4
    assert set(first).isdisjoint(second)
    assert first == seen(0, 2)


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    ranks = Ranks.join(torch.device("cpu"))
    assert (ranks.rank, ranks.world, ranks.first) == (0, 1, True)
    assert ranks.agreed(1.5) == 1.5
    ranks.leave()
