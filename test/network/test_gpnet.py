"""GP-Net: sizes, counts and a geometry without spatial bias."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gpnet_ros.errors import BadInput
from gpnet_ros.network.gpnet import WIDTHS, CalibratedGlobalContext, GPNet


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({}, 388_630),
        ({"widths": WIDTHS["s"]}, 99_598),
        ({"widths": WIDTHS["l"]}, 1_502_022),
        ({"context": "none"}, 238_437),
        ({"context": "plain"}, 238_437 + 128 * 128 * 9 + 2 * 128),
        ({"gpp": False}, 388_597),
        ({"channels": 1}, 382_486),
        ({"channels": 3}, 386_582),
    ],
)
def test_parameter_counts(arguments: dict, count: int) -> None:
    assert parameters(GPNet(**arguments)) == count


@pytest.mark.parametrize("side", [224, 64, 100, 300])
def test_maps_have_the_size_of_the_input_and_the_stages_those_of_the_paper(side: int) -> None:
    net = GPNet(widths=WIDTHS["s"]).eval()
    x = torch.randn(1, 4, side, side)
    features = net.extraction(x)
    assert features.shape[-2:] == (side // 4, side // 4)
    assert net.context(features).shape == features.shape
    assert net(x).shape == (1, 5, side, side)
    assert GPNet(widths=WIDTHS["s"], gpp=False)(x).shape == (1, 4, side, side)


def test_an_input_that_is_not_divisible_is_refused() -> None:
    with pytest.raises(BadInput, match="divisible by 4"):
        GPNet(widths=WIDTHS["s"])(torch.zeros(1, 4, 222, 224))


def make_mirror_symmetric(net: nn.Module) -> nn.Module:
    """Every kernel equal to its own mirror image in both axes."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            w = layer.weight.data
            layer.weight.data = (w + w.flip(-1) + w.flip(-2) + w.flip(-1, -2)) / 4
    return net.eval()


def mirror_error(net: nn.Module) -> float:
    """Largest relative difference between the mirrored output and the output of the mirrored input."""
    x = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        y = net(x)
        return max(float((net(x.flip(a)).flip(a) - y).abs().max() / y.abs().max()) for a in (-1, -2))


def test_zero_spatial_bias() -> None:
    """With mirror-symmetric kernels, a net whose windows are centred commutes with mirroring; exactly."""
    assert mirror_error(make_mirror_symmetric(GPNet())) < 1e-4


def test_the_test_of_spatial_bias_finds_odd_strided_kernels() -> None:
    net = GPNet()
    old = net.extraction[0][0]
    net.extraction[0][0] = nn.Conv2d(4, old.out_channels, 9, stride=2, padding=4, bias=False)
    assert net(torch.zeros(1, 4, 64, 64)).shape[-1] == 64
    assert mirror_error(make_mirror_symmetric(net)) > 1e-2


def test_a_shift_by_the_stride_shifts_the_maps() -> None:
    """Away from the border; without the context module, whose softmax sees the whole image."""
    net = GPNet(widths=WIDTHS["s"], context="none").eval()
    x = torch.randn(1, 4, 128, 128)
    with torch.no_grad():
        moved, still = net(x.roll((4, 8), (-2, -1))), net(x).roll((4, 8), (-2, -1))
    torch.testing.assert_close(moved[..., 40:88, 40:88], still[..., 40:88, 40:88])


def test_global_context_begins_as_the_identity_and_sees_the_whole_image() -> None:
    net = GPNet(widths=WIDTHS["s"]).eval()
    assert isinstance(net.context, CalibratedGlobalContext)
    attention = net.context.attention
    x = torch.randn(1, 32, 16, 16)
    torch.testing.assert_close(attention(x), x)
    nn.init.normal_(attention.expand.weight)
    far = x.clone()
    far[..., 15, 15] += 5.0
    assert (attention(far) - attention(x))[..., 0, 0].abs().max() > 1e-4
    change = (attention(x) - x)[0]
    torch.testing.assert_close(change, change[:, :1, :1].expand_as(change), msg="one vector for all pixels")


def test_every_weight_of_the_network_learns() -> None:
    net = GPNet(widths=WIDTHS["s"])
    nn.init.normal_(net.context.attention.expand.weight)  # type: ignore[union-attr]
    net(torch.randn(2, 4, 32, 32)).square().mean().backward()
    # A bias before a softmax over pixels cancels: the mask's bias alone has no gradient.
    dead = [n for n, p in net.named_parameters() if p.grad is None or float(p.grad.abs().max()) < 1e-12]
    assert [n for n in dead if n != "context.attention.mask.bias"] == []


def test_more_modules_and_a_deeper_latent_branch_see_further() -> None:
    def reach(net: GPNet) -> int:
        """Columns of the input that a priority in the middle of the map depends on by more than global context."""
        net = net.eval()
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d) and layer.out_channels == 1:
                nn.init.zeros_(layer.weight)  # an even softmax: the same share of every place
        x = torch.randn(1, 4, 224, 224, requires_grad=True)
        net(x)[0, 4, 112, 112].backward()
        assert x.grad is not None
        return int((x.grad[0].abs().sum(dim=(0, 1)) > 0).sum())

    published = reach(GPNet(widths=WIDTHS["s"]))
    deeper = reach(GPNet(widths=WIDTHS["s"], latent=3))
    assert published < deeper < reach(GPNet(widths=WIDTHS["s"], modules=2, latent=3))
    assert deeper - published >= 64
    for arguments in ({"modules": 0}, {"latent": 0}):
        with pytest.raises(BadInput, match="1 or more"):
            GPNet(**arguments)


def test_probabilities_lie_between_0_and_1_and_only_quality_and_priority_are_some() -> None:
    torch.manual_seed(0)
    net = GPNet(widths=WIDTHS["s"], probabilities=True).eval()
    net.heads.weight.data *= 50
    maps = net(torch.randn(1, 4, 64, 64))[0]
    assert ((maps[[0, 4]] >= 0) & (maps[[0, 4]] <= 1)).all()
    assert (maps[1:4].abs() > 1).any()


@pytest.mark.parametrize("probabilities", [False, True])
def test_mirrored_priority_is_the_same_from_both_sides_and_all_else_as_without(probabilities: bool) -> None:
    torch.manual_seed(0)
    once = GPNet(widths=WIDTHS["s"], probabilities=probabilities)
    mirrored = GPNet(widths=WIDTHS["s"], probabilities=probabilities, mirrored=True)
    mirrored.load_state_dict(once.state_dict())
    x = torch.randn(2, 4, 64, 96)
    torch.testing.assert_close(mirrored.train()(x), once.train()(x), msg="it is no matter of training")
    plain, maps = once.eval()(x), mirrored.eval()(x)
    plain_of_mirror, of_mirror = once(x.flip(-2)), mirrored(x.flip(-2))
    torch.testing.assert_close(maps[:, :4], plain[:, :4], rtol=0, atol=0)
    torch.testing.assert_close(of_mirror[:, 4].flip(-2), maps[:, 4])
    assert not torch.allclose(plain_of_mirror[:, 4].flip(-2), plain[:, 4], atol=1e-3)
    low, high = torch.stack([plain[:, 4], plain_of_mirror[:, 4].flip(-2)]).aminmax(dim=0)
    assert ((maps[:, 4] >= low - 1e-6) & (maps[:, 4] <= high + 1e-6)).all(), "a mean lies between"


def test_without_priority_nothing_is_mirrored() -> None:
    with pytest.raises(BadInput, match="mirrored"):
        GPNet(gpp=False, mirrored=True)
