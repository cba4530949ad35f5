"""The whole network: shapes, bad sizes, that every term teaches every part, and that images do not mix."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("torchvision")

from gpnet_ros.errors import BadInput, ModelRefused
from gpnet_ros.network import checkpoint
from gpnet_ros.network.card import Card
from gpnet_ros.network.detector import Detector
from gpnet_ros.network.graspnext.architecture import NETWORKS, SLIM, Architecture, HeadSizes, TrunkStage
from gpnet_ros.network.graspnext.blocks import BlurPool
from gpnet_ros.network.graspnext.losses import TermWeights, graspnext_losses
from gpnet_ros.network.graspnext.network import GraspNeXt, ImageTruth, Sampling

TINY = Architecture(
    stem=8,
    stages=tuple(TrunkStage(width, 1, 1, fused=True, condenser_every=1) for width in (8, 8, 16, 16)),
    heads=HeadSizes(16, 32, 0, (16,), (16,), (16,), (16,), (16,)),
)
SIDE = 96


def scene(*corners: tuple[int, int]) -> ImageTruth:
    """Squares of 32 px with these upper left corners; the first is hidden by half."""
    boxes = torch.tensor([[u, v, u + 32, v + 32] for u, v in corners], dtype=torch.float32).reshape(-1, 4)
    amodal = torch.zeros(len(boxes), SIDE, SIDE, dtype=torch.uint8)
    for mask, (u, v) in zip(amodal, corners, strict=True):
        mask[v : v + 32, u : u + 32] = 1
    visible = amodal.clone()
    if corners:
        visible[0, :, : corners[0][0] + 16] = 0
    suction = torch.zeros(SIDE // 4, SIDE // 4)
    for u, v in corners:
        suction[(v + 16) // 4, (u + 16) // 4] = 0.9
    hidden = torch.tensor([0.5] + [0.0] * (len(corners) - 1)) if corners else torch.zeros(0)
    return ImageTruth(boxes, visible, amodal, hidden, (boxes[:, :2] + boxes[:, 2:]) / 2, suction)


def network() -> GraspNeXt:
    torch.manual_seed(0)
    return GraspNeXt(TINY, SIDE, Sampling(proposals=20, before=40, detections=5, score_min=0.0, regions=16))


def test_what_is_seen_has_the_shapes_of_its_description() -> None:
    seen = network().eval().see(torch.rand(2, 3, SIDE, SIDE))
    assert len(seen) == 2
    for one in seen:
        m = len(one.boxes)
        assert 0 < m <= 5
        assert one.boxes.shape == (m, 4) and one.scores.shape == (m,) and one.occluded.shape == (m,)
        assert one.visible.shape == one.amodal.shape == (m, 28, 28)
        assert one.mass.shape == one.suction.shape == (SIDE // 4, SIDE // 4)
        for chances in (one.scores, one.visible, one.amodal, one.occluded, one.mass, one.suction):
            assert float(chances.min()) >= 0.0 and float(chances.max()) <= 1.0


def test_an_image_is_seen_alike_alone_and_beside_another() -> None:
    net, images = network().eval(), torch.rand(2, 3, SIDE, SIDE)
    together, alone = net.see(images)[1], net.see(images[1:])[0]
    assert torch.allclose(together.boxes, alone.boxes, atol=1e-2)
    assert torch.allclose(together.suction, alone.suction, atol=1e-5)


def test_an_image_of_another_size_than_a_multiple_of_32_is_refused() -> None:
    with pytest.raises(BadInput, match="100x96 px is no multiple of 32: pad it"):
        network().eval().see(torch.rand(1, 3, 96, 100))


def test_each_term_is_finite_and_together_they_teach_every_weight() -> None:
    net = network().train()
    truths = [scene((8, 8), (50, 40)), scene((20, 30))]
    losses = graspnext_losses(net(torch.rand(2, 3, SIDE, SIDE), truths), truths, TermWeights(), "graded")
    assert set(losses) == {"proposals", "boxes", "visible", "amodal", "occlusion", "mass", "suction"}
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()  # type: ignore[union-attr]
    untaught = [name for name, weight in net.named_parameters() if weight.grad is None]
    assert untaught == []


def test_places_stay_float32_where_the_network_computes_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    net, places = network().train(), []
    chosen = net.boxes.select_training_samples

    def seen(proposals: list[torch.Tensor], targets: list[dict[str, torch.Tensor]]) -> tuple[object, ...]:
        found = chosen(proposals, targets)
        places.extend([*proposals, *found[0], *found[3]])
        return found  # type: ignore[no-any-return]

    monkeypatch.setattr(net.boxes, "select_training_samples", seen)
    with torch.autocast("cpu", torch.bfloat16):
        output = net(torch.rand(1, 3, SIDE, SIDE), [scene((8, 8))])
        assert output.mass.dtype == torch.bfloat16, "it does compute in bfloat16"
    assert {each.dtype for each in places} == {torch.float32}


def test_pictures_without_an_object_teach_too() -> None:
    net, truths = network().train(), [scene(), scene()]
    losses = graspnext_losses(net(torch.rand(2, 3, SIDE, SIDE), truths), truths, TermWeights(), "graded")
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert losses["visible"] == losses["amodal"] == losses["occlusion"] == 0
    sum(losses.values()).backward()  # type: ignore[union-attr]


def test_every_stride_of_the_searched_trunk_is_a_blur() -> None:
    net = GraspNeXt(SLIM, SIDE)
    windows = [m for m in net.trunk.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d)]
    assert [m for m in windows if m.stride not in (1, (1, 1))] == []
    assert sum(isinstance(m, BlurPool) for m in net.trunk.modules()) == 5


@pytest.mark.parametrize("name", NETWORKS)
def test_an_architecture_survives_its_json(name: str) -> None:
    assert Architecture.from_json(NETWORKS[name].as_json()) == NETWORKS[name]


def test_a_damaged_description_is_refused() -> None:
    said = SLIM.as_json() | {"stages": [{"width": 3}]}
    with pytest.raises(BadInput, match="describes no GraspNeXt network"):
        Architecture.from_json(said)
    with pytest.raises(BadInput, match="'vgg' is unknown; allowed: searched, resnet50"):
        Architecture("vgg")


def test_a_model_comes_back_the_same_and_is_no_grasp_network(tmp_path: Path) -> None:
    net = network().eval()
    card = checkpoint.save(net, Card("graspnext", {"sizes": TINY.as_json(), "side": SIDE}, "rgb"), tmp_path)
    again, read = checkpoint.load(tmp_path)
    image = torch.rand(1, 3, SIDE, SIDE)
    assert isinstance(again, GraspNeXt)
    again.work_on(net.sampling)
    for one, other in zip(net.see(image), again.see(image), strict=True):
        assert torch.equal(one.boxes, other.boxes) and torch.equal(one.amodal, other.amodal)
    assert read == card and len(card.golden) == 7
    with pytest.raises(ModelRefused, match="is a multi-task network"):
        Detector(tmp_path, "cpu")


def test_half_precision_sees_the_same_and_the_card_says_it(tmp_path: Path) -> None:
    net = network().eval()
    card = Card("graspnext", {"sizes": TINY.as_json(), "side": SIDE}, "rgb")
    whole, half = checkpoint.save(net, card, tmp_path / "a"), checkpoint.save(net, card, tmp_path / "b", half=True)
    sizes = [(tmp_path / name / checkpoint.WEIGHTS).stat().st_size for name in "ab"]
    assert sizes[1] < 0.7 * sizes[0] and whole.parameters == half.parameters
    assert half.recipe == {"stored": "float16"} and whole.recipe == {}
    again, _ = checkpoint.load(tmp_path / "b")
    assert isinstance(again, GraspNeXt) and all(w.dtype == torch.float32 for w in again.parameters())
    image = torch.rand(1, 3, SIDE, SIDE)
    one, other = (n.golden_maps(image) for n in (net, again))
    spread = one.amax((0, 2, 3)) - one.amin((0, 2, 3))
    assert ((one - other).abs().amax((0, 2, 3)) <= (0.02 * spread).clamp(min=0.01)).all()
    assert checkpoint.save(again, half, tmp_path / "c").recipe == {}, "written as float32 again, and said so"


def test_weights_that_half_precision_cannot_hold_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    net = network().eval()
    with torch.no_grad():
        net.mass.output.weight[0, 0] = 1e6
    card = Card("graspnext", {"sizes": TINY.as_json(), "side": SIDE}, "rgb")
    with pytest.raises(ModelRefused, match="In half precision the network computes other maps"):
        checkpoint.save(net, card, tmp_path / "model", half=True)
    assert not (tmp_path / "model").exists()


def test_one_changed_weight_of_any_part_is_found_by_the_golden_outputs(tmp_path: Path) -> None:
    net = network().eval()
    card = checkpoint.save(net, Card("graspnext", {"sizes": TINY.as_json(), "side": SIDE}, "rgb"), tmp_path)
    checkpoint.self_test(net, card)
    for part in (net.trunk, net.neck, net.proposals, net.boxes, net.regions, net.mass, net.suction):
        broken = copy.deepcopy(net)
        name = next(name for name, module in net.named_modules() if module is part)
        for weight in broken.get_submodule(name).parameters():
            weight.data.mul_(1.5)
        with pytest.raises(ModelRefused, match="golden outputs"):
            checkpoint.self_test(broken, card)


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_norms_have_forgotten_what_they_began_with_after_a_hundred_steps(name: str) -> None:
    """Else a net that has learned sees nothing in `eval` mode; torchvision's own MobileNet keeps a third."""
    with torch.device("meta"):
        net = GraspNeXt(NETWORKS[name], 64)
    kept = [(1.0 - layer.momentum) ** 100 for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert kept and max(kept) < 0.01
