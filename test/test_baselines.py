"""The baselines have the published sizes and an output on the input's grid."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gpnet_ros.network.ggcnn import GgCnn, GgCnn2
from gpnet_ros.network.grconvnet import GrConvNet


@pytest.mark.parametrize(
    ("net", "count"),
    [
        (GgCnn(), 70_196),
        (GgCnn(1), 62_420),
        (GgCnn2(), 72_484),
        (GgCnn2(1), 66_676),
        (GrConvNet(), 1_900_900),
        (GrConvNet(width=16), 479_156),
        (GgCnn(fused=True), 70_196),
    ],
)
def test_parameter_counts(net: nn.Module, count: int) -> None:
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("net", [GgCnn(), GgCnn2(), GrConvNet(width=4)])
@pytest.mark.parametrize("side", [224, 228, 64])
def test_four_maps_of_the_size_of_the_input(net: nn.Module, side: int) -> None:
    with torch.no_grad():
        assert net.eval()(torch.zeros(1, 4, side, side)).shape == (1, 4, side, side)


@pytest.mark.parametrize("kind", [GgCnn, GgCnn2, GrConvNet])
def test_fused_heads_are_the_same_function(kind: type) -> None:
    plain, fused = kind(4).eval(), kind(4, fused=True).eval()
    state = plain.state_dict()
    for name in ("weight", "bias"):
        state[f"heads.layers.0.{name}"] = torch.cat([state.pop(f"heads.layers.{i}.{name}") for i in range(4)])
    fused.load_state_dict(state)
    x = torch.randn(1, 4, 60, 60)
    with torch.no_grad():
        torch.testing.assert_close(fused(x), plain(x), rtol=1e-4, atol=1e-5)


def test_ggcnn_maps_lie_on_the_input() -> None:
    """The response to a dot, averaged over the stride's phases and networks, is centred on the dot."""
    offsets = []
    for seed in range(6):
        torch.manual_seed(seed)
        net = GgCnn().eval()
        for p in net.parameters():
            p.data = p.data.abs()  # so that no response is cut by a ReLU
        with torch.no_grad():
            silent = net(torch.zeros(1, 4, 96, 96))
            for phase in range(0, 12, 2):
                x = torch.zeros(1, 4, 96, 96)
                x[..., 42 + phase, 42 + phase] = 1.0
                response = (net(x) - silent)[0].sum(0).clamp(min=0)
                rows = torch.arange(96.0)
                offsets.append(float((response.sum(1) * rows).sum() / response.sum()) - 42 - phase)
    assert abs(sum(offsets) / len(offsets)) < 1.0  # a centre crop would give 2, a resize 1 to 2
