"""ORANGE's labels and loss: one bin per grasp, derived from dense targets."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gpnet_ros.errors import BadInput
from gpnet_ros.maps import WIDTH_SCALE
from gpnet_ros.network.baselines.orange import best_bin, bin_mask, orange_loss
from gpnet_ros.network.loss import Targets, grasp_loss


def _targets(degrees: list[float]) -> Targets:
    """One grasp per column at these angles; the last row has none."""
    theta = torch.tensor(degrees).deg2rad().repeat(3, 1)[None]
    some = torch.ones_like(theta)
    some[:, -1] = 0
    return Targets(0.95 * some, some * (2 * theta).cos(), some * (2 * theta).sin(), 0.3 * some, some)


def _answer(t: Targets, bins: int) -> Tensor:
    """Raw maps that say exactly what the targets ask for."""
    mask = bin_mask(t.quality, t.cos2, t.sin2, bins)
    cos2 = torch.where(mask > 0, t.cos2[:, None], torch.ones_like(mask))
    planes = [mask * (0.9 + 0.1 * t.quality[:, None]), cos2, mask * t.sin2[:, None], mask * t.width[:, None]]
    logit = 40.0 * (2 * mask - 1)
    return torch.cat([*planes, logit, logit.amax(1, keepdim=True)], dim=1)


def test_bins_are_a_third_of_a_half_turn_and_begin_at_minus_ninety_degrees() -> None:
    t = _targets([-90.0, -89.0, -31.0, -29.0, 0.0, 29.0, 31.0, 89.0])
    mask = bin_mask(t.quality, t.cos2, t.sin2, 3)
    assert mask[0, :, 0].argmax(0).tolist()[1:] == [0, 0, 1, 1, 1, 2, 2]
    assert int(mask[0, :, 0, 0].argmax()) in (0, 2), "-90 degrees is +90 degrees"
    assert (mask[0, :, :2].sum(0) == 1).all() and not mask[0, :, 2].any()


def test_what_a_blurred_rim_leaves_is_no_label() -> None:
    t = _targets([0.0, 45.0])
    assert not bin_mask(0.09 * t.quality, t.cos2, t.sin2, 3).any()


@pytest.mark.parametrize("bins", [1, 3, 6])
def test_the_right_answer_costs_nothing_and_is_decoded_as_the_targets(bins: int) -> None:
    t = _targets([-75.0, -10.0, 40.0, 80.0])
    raw = _answer(t, bins)
    assert float(grasp_loss(raw, t, "orange")) == pytest.approx(0.0, abs=1e-6)
    maps, some = best_bin(raw), t.quality > 0
    label = 0.9 + 0.1 * t.quality
    for plane, wanted in zip(maps.unbind(1), (label, t.cos2, t.sin2, t.width), strict=True):
        torch.testing.assert_close(plane[some], wanted[some])
    assert (maps[:, 0][~some] < 1e-6).all()


@pytest.mark.parametrize("channel", range(16))
def test_every_map_has_a_term(channel: int) -> None:
    t = _targets([-75.0, -10.0, 40.0, 80.0])
    wrong = _answer(t, 3)
    wrong[:, channel, 0] = 0.4 if channel < 12 else -wrong[:, channel, 0]
    assert float(grasp_loss(wrong, t, "orange")) > 1e-3


def test_labels_of_grasps_lie_between_nine_tenths_and_one_in_the_order_of_their_quality() -> None:
    t = _targets([10.0, 20.0])

    def gradient(value: float, quality: float) -> float:
        weak = Targets(t.quality * quality / 0.95, t.cos2, t.sin2, t.width, t.priority)
        raw = _answer(t, 3)
        raw[:, :3, 0] = torch.where(raw[:, :3, 0] > 0, value, 0.0)
        raw.requires_grad_()
        grasp_loss(raw, weak, "orange").backward()
        assert raw.grad is not None
        return float(raw.grad[:, :3, 0].sum())

    for quality, label in ((0.2, 0.92), (0.5, 0.95), (1.0, 1.0)):
        assert gradient(label - 0.01, quality) < 0 < gradient(label + 0.01, quality)


def test_quality_is_asked_for_alone_and_under_the_attention_of_its_bin() -> None:
    t = _targets([10.0, 20.0])
    raw = _answer(t, 3)
    raw[:, 12:15] = 0.0  # a bin that is half sure halves Q, which is then asked to be larger than its label
    raw.requires_grad_()
    grasp_loss(raw, t, "orange").backward()
    assert raw.grad is not None
    labelled = raw[:, :3] > 0
    assert (raw.grad[:, :3][labelled] < 0).all() and not raw.grad[:, :3][~labelled].any()


def test_widths_are_seen_in_units_of_150_px() -> None:
    t = _targets([10.0, 20.0])
    raw = _answer(t, 3)
    raw[:, 9:12] += 15.0 / WIDTH_SCALE
    assert float(grasp_loss(raw, t, "orange")) == pytest.approx(3 * 0.01, rel=1e-3)


def test_maps_of_other_networks_are_refused() -> None:
    t = _targets([0.0])
    for count in (1, 4, 5, 15):
        with pytest.raises(BadInput, match=f"{count} maps"):
            orange_loss(torch.zeros(1, count, 3, 1), t.quality, t.cos2, t.sin2, t.width)
