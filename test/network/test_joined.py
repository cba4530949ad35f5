"""GP-Net joined with a coarse branch: it begins as GP-Net, and only its P sees what the branch sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.bars import Bars
from torch import Tensor, nn

from gpnet_ros.data.batches import Batches, BatchSettings
from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.network.card import Card
from gpnet_ros.network.checkpoint import build, load, save
from gpnet_ros.network.detector import fold
from gpnet_ros.network.gpnet import GPNet
from gpnet_ros.network.graspnext import lite
from gpnet_ros.network.graspnext.lite import LiteTrunk
from gpnet_ros.network.joined import JoinedNet, twice
from gpnet_ros.network.loss import Targets
from gpnet_ros.network.trainer import Trainer
from gpnet_ros.training.origin import first_weights
from gpnet_ros.training.recipe import Budget, TrainSettings, load_recipe
from gpnet_ros.training.run import RunOptions, train

WIDTHS = (8, 16, 32)
ARGUMENTS = {"widths": list(WIDTHS), "probabilities": True}
#: The smallest that a recipe makes.
SMALL = load_recipe("joined", size="s", modules=1, latent=1, trunk="random", batch=2, threads=1, small_crop=64)


def joined(**arguments) -> JoinedNet:
    torch.manual_seed(0)
    return JoinedNet(**{"widths": WIDTHS, "probabilities": True, **arguments}).eval()


def awake(net: JoinedNet) -> JoinedNet:
    """With a branch that has learned something: its last layer is not zero any more."""
    nn.init.normal_(net.coarse.last.weight, std=0.5)
    return net


def pictures(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Random weights under the names of the package with ImageNet's, in its place."""
    torch.manual_seed(3)
    trunk = LiteTrunk()
    given = {f"_conv_stem.{k}": v for k, v in trunk.stem[0].state_dict().items()}
    given |= {f"_bn0.{k}": v for k, v in trunk.stem[1].state_dict().items()}
    for number, block in trunk._blocks:
        given |= {f"_blocks.{number}.{k}": v for k, v in block.state_dict().items()}
    monkeypatch.setattr(lite, "_published_weights", lambda: given)
    return given


@pytest.mark.parametrize(("channels", "height", "width"), [(4, 224, 224), (3, 64, 100), (1, 36, 132), (5, 64, 64)])
def test_five_maps_of_the_size_of_the_input_whatever_the_coarsest_stride(
    channels: int, height: int, width: int
) -> None:
    with torch.no_grad():
        maps = awake(joined(channels=channels))(pictures(2, channels, height, width))
    assert maps.shape == (2, 5, height, width)
    assert ((maps[:, [0, 4]] >= 0) & (maps[:, [0, 4]] <= 1)).all()


def test_a_side_that_is_not_divisible_by_4_is_refused() -> None:
    with pytest.raises(BadInput, match="divisible by 4"):
        joined()(torch.zeros(1, 4, 64, 66))


@pytest.mark.parametrize(
    "wrong", [{"widths": [8, 16]}, {"modules": 0}, {"context": "wide"}, {"gpp": False}, {"pyramid": 7}]
)
def test_a_card_with_sizes_that_are_none_is_refused(wrong: dict) -> None:
    with pytest.raises(ModelRefused, match="cannot be built"):
        build(Card("joined", ARGUMENTS | wrong, "rgbd"))


def test_it_begins_with_the_maps_of_the_gpnet_that_it_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(monkeypatch)
    recipe = replace(SMALL, trunk="auto")
    torch.manual_seed(5)
    start = build(replace(recipe, architecture="gpnet", fine_rate=1.0).blank_card())
    for layer in start.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()  # as training leaves it
    card = save(start, replace(recipe, architecture="gpnet", fine_rate=1.0).blank_card(), tmp_path / "m")
    net, said = first_weights(recipe.blank_card(), tmp_path / "m", recipe.trunk)
    assert isinstance(net, JoinedNet) and said["init"]["sha256"] == card.sha256 and "imagenet" in said
    x = pictures(2, 4, 96, 64)
    with torch.no_grad():
        assert torch.equal(net.eval()(x), start.eval()(x))
        assert not torch.equal(awake(net)(x)[:, 4], start(x)[:, 4])
        assert torch.equal(net(x)[:, :4], start(x)[:, :4]), "the branch adds to P, to nothing else"
    other = replace(recipe, modules=2)
    with pytest.raises(BadInput, match="give the same"):
        first_weights(other.blank_card(), tmp_path / "m", "random")


def test_a_joined_network_goes_on_from_all_of_another_ones_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite, "_published_weights", lambda: pytest.fail("its trunk has learned more than ImageNet's"))
    torch.manual_seed(5)
    start = build(SMALL.blank_card())
    assert isinstance(start, JoinedNet)
    save(awake(start), SMALL.blank_card(), tmp_path / "j")
    net, said = first_weights(SMALL.blank_card(), tmp_path / "j", "imagenet")
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), start.parameters(), strict=True))
    assert set(said) == {"init"}
    with pytest.raises(BadInput, match="give the same"):  # and GP-Net alone takes nothing of it
        first_weights(replace(SMALL, architecture="gpnet", fine_rate=1.0).blank_card(), tmp_path / "j")


def test_colour_enters_as_imagenet_knows_it_and_relief_adds_nothing_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    given = published(monkeypatch)["_conv_stem.weight"]

    def stem(planes: int) -> Tensor:
        trunk = LiteTrunk(planes=planes)
        trunk.start_from_imagenet()
        return trunk.stem[0].weight

    for planes in (3, 5):
        assert torch.equal(stem(planes)[:, :3], given) and not stem(planes)[:, 3:].any()
    torch.testing.assert_close(stem(2)[:, :1], given.sum(1, keepdim=True))  # without colour relief is a gray picture
    assert not stem(2)[:, 1:].any()
    trunk = LiteTrunk(planes=4)
    trunk.start_from_imagenet()
    x = pictures(1, 4, 64, 64)
    trunk(x)["3"].square().sum().backward()
    assert float(trunk.stem[0].weight.grad[:, 3].abs().min()) > 0, "zero is no dead end"


def _trained(steps: int, **chosen) -> tuple[JoinedNet, JoinedNet]:
    """A network before and after some steps."""
    recipe = replace(SMALL, **chosen)
    torch.manual_seed(7)
    before, net = (build(recipe.blank_card()) for _ in range(2))
    net.load_state_dict(before.state_dict())
    trainer = Trainer(net, recipe.method())
    source = Batches(Bars(4), BatchSettings(0, 2, 64, "rgbd", 0.0))
    for step in range(steps):
        x, planes = source[step]
        trainer.update(x, Targets(*planes), 0.5)
    assert isinstance(before, JoinedNet) and isinstance(trainer.net, JoinedNet)
    return before.to(memory_format=torch.channels_last).eval(), trainer.net.eval()  # type: ignore[call-overload]


def _moved(before: nn.Module, after: nn.Module) -> float:
    """Share of the weights that are others."""
    pairs = list(zip(before.parameters(), after.parameters(), strict=True))
    return sum(int((a != b).sum()) for a, b in pairs) / sum(a.numel() for a, _ in pairs)


def test_both_parts_learn_and_the_fine_part_as_fast_as_the_recipe_says() -> None:
    def way(rate: float) -> float:
        before, after = _trained(2, fine_rate=rate, weight_decay=0.0)
        # The last layer starts at zero: what lies before it learns from the second step on.
        assert _moved(before.coarse, after.coarse) > 0.9
        pairs = zip(before.fine.parameters(), after.fine.parameters(), strict=True)
        return sum(float((a - b).detach().abs().sum()) for a, b in pairs)

    slow, fast = way(0.1), way(1.0)
    assert 0 < slow < 0.3 * fast


def test_a_fine_part_that_is_kept_stays_to_the_last_digit_while_the_branch_learns() -> None:
    before, after = _trained(2, fine_rate=0.0)
    assert all(torch.equal(a, after.fine.state_dict()[k]) for k, a in before.fine.state_dict().items())
    assert _moved(before.coarse, after.coarse) > 0.9
    x = pictures(1, 4, 64, 64)
    with torch.no_grad():
        assert torch.equal(before(x)[:, :4], after(x)[:, :4])
        assert not torch.equal(before(x)[:, 4], after(x)[:, 4])


def test_a_run_writes_a_model_that_computes_the_same_and_goes_on_where_it_was(tmp_path: Path) -> None:
    recipe = replace(SMALL, small_share=1.0, fine_rate=0.2)
    options = RunOptions(tmp_path / "m", tmp_path / "run", workers=0)
    train(Bars(4), None, recipe, Budget(1e9, 1), options)
    card = train(Bars(4), None, recipe, Budget(1e9, 2), replace(options, resume=True))
    assert card is not None and card.architecture == "joined" and card.recipe["steps"] == 2
    net, again = load(tmp_path / "m")
    assert again == card
    x = pictures(1, 4, 96, 64)
    with torch.no_grad():
        wanted = net(x)
        torch.testing.assert_close(fold(net)(x), wanted, rtol=1e-3, atol=1e-4)
    left = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert left == [], "every norm is folded, those of the trunk too"


def test_bfloat16_computes_nearly_the_same_maps() -> None:
    net, x = awake(joined(modules=2, latent=2)).train(), pictures(2, 4, 128, 128)
    with torch.no_grad():
        net(x)
    net.eval()
    wanted = net(x).detach()
    with torch.autocast("cpu", torch.bfloat16):
        found = net(x).detach()
    assert found.dtype == torch.float32 and torch.isfinite(found).all()
    spread = wanted.std(dim=(0, 2, 3))
    assert ((found - wanted).abs().mean(dim=(0, 2, 3)) < 0.05 * spread).all()


def test_the_branch_shows_priority_the_whole_picture_and_quality_what_gpnet_saw() -> None:
    net = awake(joined(probabilities=False))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.out_channels == 1:
            nn.init.zeros_(layer.weight)  # GP-Net's global context with an even softmax: the same share of every place

    def reach(of: Callable[[Tensor], Tensor]) -> tuple[int, int]:
        """Rows and columns of the input on which the middle of a map hangs."""
        x = pictures(1, 4, 224, 224).requires_grad_()
        of(x)[112, 112].backward()
        assert x.grad is not None
        seen = (x.grad[0] != 0).any(0)
        return int(seen.any(1).sum()), int(seen.any(0).sum())

    priority, quality = reach(lambda x: net(x)[0, 4]), reach(lambda x: net(x)[0, 0])
    alone = reach(lambda x: net.fine(x)[0, 4])
    assert min(priority) >= 220
    assert max(*quality, *alone) <= 120
    nn.init.zeros_(net.coarse.last.weight)
    assert reach(lambda x: net(x)[0, 4]) == alone, "as long as the branch says nothing"


def test_maps_of_odd_kernels_are_doubled_where_they_lie() -> None:
    """A ramp over pixels 0, 2, 4, ... is the same ramp over all pixels, also on an odd grid."""
    for height, width in ((8, 12), (7, 9)):
        fine = torch.arange(float(width)).expand(1, 1, height, width)
        torch.testing.assert_close(
            twice(fine[..., ::2, ::2], (height, width))[..., : width - 1], fine[..., : width - 1]
        )
    shifted = nn.functional.interpolate(fine[..., ::2, ::2], size=(height, width), mode="bilinear")
    assert float((shifted - fine)[..., 1:-1].abs().max()) > 0.2, "as if each covered two pixels: half a pixel off"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"priority_head": False}, "branch for priority"),
        ({"architecture": "gpnet"}, "fine_rate 0.2 is of joined only"),
        ({"mix": (0.0, 0.0)}, "one part must be above 0"),
        ({"trunk": "mobilenet"}, "allowed: auto, imagenet, random"),
        ({"fine_rate": 1.5}, "allowed: 0.0 to 1.0"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises((BadInput, ValueError), match=sentence):
        replace(SMALL, **wrong)


def test_the_recipe_makes_the_network_whose_gpnet_is_that_of_gpnet_m() -> None:
    recipe = load_recipe("joined")
    alone = replace(recipe, architecture="gpnet", fine_rate=1.0).blank_card()
    assert recipe.blank_card() == replace(alone, architecture="joined")
    assert isinstance(build(alone), GPNet) and isinstance(build(recipe.blank_card()), JoinedNet)
    assert TrainSettings().mix == () and np.isclose(TrainSettings().fine_rate, 1.0)
