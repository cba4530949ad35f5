"""The baselines have the published sizes and an output on the input's grid."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gpnet_ros.network.baselines.ggcnn import GgCnn, GgCnn2
from gpnet_ros.network.baselines.grconvnet import GrConvNet
from gpnet_ros.network.baselines.orange import Orange, best_bin


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (GgCnn(), 70_196),
        (GgCnn(1), 62_420),
        (GgCnn2(), 72_484),
        (GgCnn2(1), 66_676),
        (GrConvNet(), 1_900_900),
        (GrConvNet(width=16), 479_156),
        (GrConvNet(inverted=True), 120_652),
        (GrConvNet(gpp=True), 1_900_900 + 129),
        (GgCnn(fused=True), 70_196),
        (Orange(1, "ggcnn2"), 66_880),
        (Orange(4, "ggcnn2"), 72_688),
        (Orange(1), 14_788_752),
        (Orange(4), 14_790_480),
    ],
)
def test_parameter_counts(net: nn.Module, count: int) -> None:
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("net", [GgCnn(), GgCnn2(), GrConvNet(width=4), Orange(4, "ggcnn2"), Orange(4, width=4)])
@pytest.mark.parametrize("side", [224, 228, 64])
def test_four_maps_of_the_size_of_the_input(net: nn.Module, side: int) -> None:
    with torch.no_grad():
        assert net.eval()(torch.zeros(1, 4, side, side)).shape == (1, 4, side, side)


@pytest.mark.parametrize("net", [GgCnn(4), GgCnn2(4), GrConvNet(4, 4), GrConvNet(4, 4, gpp=True)])
def test_fused_heads_are_the_same_function(net: nn.Module) -> None:
    x = torch.randn(1, 4, 48, 48)
    with torch.no_grad():
        before = net.eval()(x)
        net.heads.fuse()
        torch.testing.assert_close(net(x), before, rtol=1e-4, atol=1e-5)
    assert len(net.heads.layers) == 1
    fused = type(net)(4, fused=True) if isinstance(net, (GgCnn, GgCnn2)) else GrConvNet(4, 4, True, len(before[0]) == 5)
    fused.load_state_dict(net.state_dict())  # as a network that was made so


def test_a_priority_head_is_one_map_more_and_dropout_is_for_training_only() -> None:
    net, x = GrConvNet(4, 4, gpp=True, dropout=0.5).eval(), torch.randn(1, 4, 32, 32)
    with torch.no_grad():
        assert net(x).shape == (1, 5, 32, 32)
        torch.testing.assert_close(net(x), net(x), rtol=0, atol=0)
        features = net.decoder(net.residuals(net.encoder(x)))
        net.heads.train()
        assert not torch.equal(net.heads(features), net.heads(features))


def _offset(answer: Callable[[Tensor], Tensor], side: int) -> float:
    """By how many rows the response to a dot lies below the dot, averaged over the phases of a stride of 12."""
    rows, dots = torch.arange(float(side)), side // 2 + torch.arange(12)
    x = torch.zeros(13, 4, side, side)  # the last without a dot
    x[torch.arange(12), :, dots, dots] = 1.0
    with torch.no_grad():
        answers = answer(x)
    response = (answers[:12] - answers[12]).sum(1).clamp(min=0).sum(2)  # (12, rows)
    return float(((response * rows).sum(1) / response.sum(1) - dots).mean())


def _without_signs(net: nn.Module) -> nn.Module:
    """The network with positive weights, so that no response is cut by a ReLU."""
    for p in net.parameters():
        p.data = p.data.abs()
    return net.eval()


def test_ggcnn_maps_lie_on_the_input() -> None:
    """Cropped at the bottom and right the maps are not shifted; a crop in the middle would shift them by 2 px."""
    torch.manual_seed(0)
    net = _without_signs(GgCnn())
    assert isinstance(net, GgCnn)
    bias = _offset(net, 104)
    assert abs(bias) < 0.7
    assert _offset(lambda x: net.uncropped(x)[..., 2:106, 2:106], 104) < bias - 1.5
    with torch.no_grad():
        assert net.uncropped(torch.zeros(1, 4, 224, 224)).shape == (1, 4, 228, 228)


@pytest.mark.parametrize("backbone", ["ggcnn2", "unet"])
def test_orange_gives_its_own_maps_in_training_and_grasps_in_evaluation(backbone: str) -> None:
    net, x = Orange(4, backbone, bins=4, width=4), torch.randn(2, 4, 36, 52)
    with torch.no_grad():
        assert net(x).shape == (2, 21, 36, 52)
        torch.testing.assert_close(net.eval()(x), best_bin(net.raw(x)), rtol=0, atol=0)


def test_a_pixel_takes_the_grasp_of_its_best_bin() -> None:
    raw = torch.randn(2, 21, 6, 7)
    attended = raw[:, :4] * raw[:, 16:20].sigmoid() * raw[:, 20:].sigmoid()
    maps, best = best_bin(raw), attended.argmax(1)
    torch.testing.assert_close(maps[:, 0], attended.amax(1))
    for kind in (1, 2, 3):
        for b in range(4):
            here = best == b
            assert here.any() and torch.equal(maps[:, kind][here], raw[:, 4 * kind + b][here])


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(ValueError, match="ggcnn2 and unet"):
        Orange(4, "resnet")
