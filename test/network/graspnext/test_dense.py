"""Dense pretraining: what it learns, what it leaves alone, and what it throws away."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

pytest.importorskip("torchvision")

from gpnet_ros.network.graspnext.architecture import Architecture, HeadSizes, TrunkStage
from gpnet_ros.network.graspnext.dense import SURFACE, DenseTrainer, relative_depth, surface_losses
from gpnet_ros.network.graspnext.network import GraspNeXt, ImageTruth, Sampling
from gpnet_ros.network.graspnext.trainer import SceneMethod

SIDE = 64
TINY = Architecture(
    stem=8,
    stages=tuple(TrunkStage(width, 1, 1, fused=True, condenser_every=1) for width in (8, 8, 16, 16)),
    heads=HeadSizes(16, 32, 0, (16,), (16,), (16,), (16,), (16,)),
)


def square() -> tuple[torch.Tensor, ImageTruth]:
    """A bright square of 32 px on a dark table, 3 cm high, and an unknown corner."""
    image, mask = torch.full((3, SIDE, SIDE), 0.2), torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    image[:, 16:48, 16:48] = 0.9
    mask[0, 16:48, 16:48] = 1
    surface = torch.zeros(3, SIDE // 4, SIDE // 4)
    surface[0, 4:12, 4:12], surface[2] = 1.0, 0.8
    surface[1, 3:13, 3:13] = 1.0
    surface[1, 5:11, 5:11] = 0.0
    surface[2, 4:12, 4:12] = 0.77
    surface[2, 0, 0] = torch.nan
    box, center = torch.tensor([[16.0, 16.0, 48.0, 48.0]]), torch.tensor([[32.0, 32.0]])
    suction = torch.zeros(SIDE // 4, SIDE // 4)
    suction[8, 8] = 0.9
    return image, ImageTruth(box, mask, mask, torch.zeros(1), center, suction, surface)


def trainer(surface: bool = True) -> DenseTrainer:
    torch.manual_seed(0)
    net = GraspNeXt(TINY, SIDE, Sampling(proposals=20, before=40, regions=16))
    return DenseTrainer(net, SceneMethod(rate=0.01, ema_decay=0.0), surface)


def test_every_term_of_one_picture_falls_and_the_regional_heads_stay_as_they_were() -> None:
    dense, (image, truth) = trainer(), square()
    batch, truths = torch.stack([image, image]), [truth, truth]
    before = {name: value.clone() for name, value in dense.learned.state_dict().items()}
    first = {name: loss.item() for name, loss in dense.losses(batch, truths).items()}
    assert set(first) == {"proposals", "mass", "suction", *SURFACE}
    for _ in range(30):
        dense.update(batch, truths, 0.3)
    last = {name: loss.item() for name, loss in dense.losses(batch, truths).items()}
    for name, loss in first.items():
        assert last[name] < 0.8 * loss, name
    after = dense.learned.state_dict()
    assert set(after) == set(before), "the head of the three maps is no part of the network"
    for name, value in after.items():
        if name.startswith(("regions.", "boxes.")):
            assert torch.equal(value, before[name]), name
    assert not torch.equal(after["suction.output.weight"], before["suction.output.weight"])


def test_without_the_three_maps_there_are_three_terms() -> None:
    image, truth = square()
    assert set(trainer(surface=False).losses(torch.stack([image, image]), [truth, truth])) == {
        "proposals",
        "mass",
        "suction",
    }


def test_the_truth_costs_nothing_and_what_is_unknown_teaches_nothing() -> None:
    _, truth = square()
    assert truth.surface is not None
    said = torch.stack(
        [(truth.surface[0] - 0.5) * 200, (truth.surface[1] - 0.5) * 200, relative_depth(truth.surface[2])]
    )
    said[2, 0, 0] = 3.0
    assert all(float(loss) < 1e-6 for loss in surface_losses(said[None], [truth]).values())
    wrong = said.clone()
    wrong[2, 6, 6] += 1.0
    assert float(surface_losses(wrong[None], [truth])["depth"]) > 1e-4
    nothing = replace(truth, surface=None)
    said.requires_grad_()
    losses = surface_losses(said[None], [nothing])
    assert all(loss.item() == 0.0 for loss in losses.values())
    sum(losses.values()).backward()  # type: ignore[union-attr]


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (2.5, 0.3)])
def test_relative_depth_is_the_same_however_far_the_camera(scale: float, shift: float) -> None:
    depth = torch.tensor([[0.8, 0.8, 0.7], [0.8, 0.75, torch.nan]])
    there = relative_depth(scale * depth + shift)
    torch.testing.assert_close(there, relative_depth(depth), equal_nan=True)
    assert float(there[0, 0]) == 0.0 and there[1, 2].isnan()


def test_a_flat_view_has_no_depth_and_a_spike_has_a_bound() -> None:
    flat = relative_depth(torch.full((4, 4), 0.8) + torch.randn(4, 4) * 1e-5)
    assert float(flat.abs().max()) < 0.02
    spike = torch.full((8, 8), 0.8)
    spike[0, 0] = 0.1
    assert float(relative_depth(spike).min()) == -4.0
    assert relative_depth(torch.full((2, 2), torch.nan)).isnan().all()
