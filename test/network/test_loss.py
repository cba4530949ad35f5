"""What each loss asks for, seen in its gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gpnet_ros.errors import BadInput
from gpnet_ros.maps import WIDTH_SCALE
from gpnet_ros.network.loss import ANGLE_WEIGHT, POSMASK_WEIGHT, WIDTH_WEIGHT, Targets, grasp_loss, loss_parts

THETA = slice(1, 4)  # cos 2θ, sin 2θ, W


def _targets() -> Targets:
    """Left third a top-level object with a grasp in its upper half, middle third a covered one, right third table."""
    shape = (2, 6, 6)
    priority, quality = torch.zeros(shape), torch.zeros(shape)
    priority[..., :2], priority[..., 2:4] = 1.0, 0.5
    quality[:, :3, :4] = 0.8
    grasp = (quality > 0).float()
    return Targets(quality, 0.6 * grasp, 0.8 * grasp, 0.3 * grasp, priority)


def _gradient(mode: str, output: Tensor, **kwargs: bool) -> Tensor:
    output = output.clone().requires_grad_()
    grasp_loss(output, _targets(), mode, **kwargs).backward()
    assert output.grad is not None
    return output.grad


def _perfect(top_only: bool) -> Tensor:
    t = _targets()
    mask = (t.priority >= 1).float() if top_only else torch.ones_like(t.priority)
    return torch.stack([t.quality, mask * t.cos2, mask * t.sin2, mask * t.width, t.priority], dim=1)


def test_literal_gives_no_gradient_to_angle_and_width_outside_the_priority() -> None:
    gradient = _gradient("literal", torch.randn(2, 5, 6, 6))
    assert not gradient[:, THETA, :, 2:].any()
    assert (gradient[:, THETA, :, :2] != 0).all()
    assert (gradient[:, [0, 4]] != 0).all(), "Q and P are asked for everywhere"


def test_suppress_pushes_angle_and_width_to_zero_outside() -> None:
    output = torch.randn(2, 5, 6, 6)
    gradient = _gradient("suppress", output)
    outside = gradient[:, THETA, :, 2:] * output[:, THETA, :, 2:]
    assert (outside > 0).all(), "descending the gradient shrinks the values"


def test_suppress_can_leave_the_width_alone_where_no_grasp_is() -> None:
    gradient = _gradient("suppress", torch.randn(2, 5, 6, 6), shrink_width=False)
    assert not gradient[:, 3, 3:].any() and not gradient[:, 3, :, 2:].any()
    assert (gradient[:, 3, :3, :2] != 0).all()
    assert (gradient[:, 1:3] != 0).all()


def test_ggcnn_asks_everywhere_and_calls_the_background_zero_degrees() -> None:
    output = torch.zeros(2, 5, 6, 6)
    gradient = _gradient("ggcnn", output)
    assert (gradient[:, 1, :, 4:] < 0).all(), "cos is pulled to 1 on the table"
    output[:, 1] = 1.0
    assert not _gradient("ggcnn", output)[:, 1, :, 4:].any()


@pytest.mark.parametrize(("mode", "top_only"), [("literal", False), ("literal", True), ("suppress", True)])
def test_the_loss_of_the_right_answer_is_zero_and_of_others_is_not(mode: str, top_only: bool) -> None:
    answer = _perfect(top_only)
    assert float(grasp_loss(answer, _targets(), mode)) == pytest.approx(0.0, abs=1e-12)
    for channel in range(5):
        wrong = answer.clone()
        wrong[:, channel, 0, 0] += 0.5
        assert float(grasp_loss(wrong, _targets(), mode)) > 1e-4


def test_ggcnn_has_its_zero_too() -> None:
    answer = _perfect(False)
    answer[:, 1] += (_targets().quality == 0).float()
    assert float(grasp_loss(answer, _targets(), "ggcnn")) == pytest.approx(0.0, abs=1e-12)


def test_without_a_priority_head_the_other_terms_stay() -> None:
    output = torch.randn(2, 5, 6, 6)
    t = _targets()
    with_head = float(grasp_loss(output, t, "suppress"))
    without = float(grasp_loss(output[:, :4], t, "suppress"))
    assert with_head - without == pytest.approx(float((output[:, 4] - t.priority).square().mean()), rel=1e-5)


@pytest.mark.parametrize("mode", ["literal", "suppress", "posmask", "likelihood", "ggcnn", "grconvnet"])
def test_the_parts_are_those_of_the_maps_and_add_up(mode: str) -> None:
    torch.manual_seed(1)
    output = torch.rand(2, 5, 6, 6)
    parts = loss_parts(output, _targets(), mode)
    angle = {"angle"} if mode == "likelihood" else {"cos2", "sin2"}
    assert set(parts) == {"quality", "width", "priority"} | angle
    assert float(sum(parts.values())) == pytest.approx(float(grasp_loss(output, _targets(), mode)))
    worse = output.clone()
    worse[:, 4] = 1.0 - _targets().priority  # wrong everywhere
    changed = loss_parts(worse, _targets(), mode)
    assert [name for name in parts if not torch.equal(parts[name], changed[name])] == ["priority"]


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(BadInput, match="allowed: literal, suppress, posmask, likelihood, ggcnn"):
        grasp_loss(torch.zeros(1, 5, 6, 6), _targets(), "best")


def test_posmask_asks_for_angle_and_width_only_where_a_top_level_grasp_is() -> None:
    gradient = _gradient("posmask", torch.randn(2, 5, 6, 6))
    assert not gradient[:, THETA, 3:].any() and not gradient[:, THETA, :, 2:].any()
    assert (gradient[:, THETA, :3, :2] != 0).all() and (gradient[:, [0, 4]] != 0).all()
    assert float(grasp_loss(_perfect(False), _targets(), "posmask")) == pytest.approx(0.0, abs=1e-12)


def test_posmask_weighs_a_grasp_by_the_number_of_grasps_and_survives_a_picture_without_any() -> None:
    t = _targets()
    off = torch.zeros(2, 5, 6, 6)
    off[:, 1] = 0.5
    few = replace(t, width=t.width.clone())
    few.width[:, :2] = 0
    angle = [float(grasp_loss(_perfect(False) + off, target, "posmask")) for target in (t, few)]
    width = float((few.width - t.width).square().mean())
    assert angle[0] == pytest.approx(POSMASK_WEIGHT * 0.25, rel=1e-5)
    assert angle[1] == pytest.approx(POSMASK_WEIGHT * 0.25, rel=1e-5), f"not the mean over all pixels ({width})"
    nothing = Targets(*(torch.zeros(2, 6, 6) for _ in range(5)))
    assert float(grasp_loss(torch.zeros(2, 5, 6, 6), nothing, "posmask")) == 0.0


def test_grconvnet_is_linear_in_large_errors_and_quadratic_in_small_ones() -> None:
    answer = _perfect(False)
    answer[:, 1] += (_targets().quality == 0).float()
    assert float(grasp_loss(answer, _targets(), "grconvnet")) == pytest.approx(0.0, abs=1e-12)

    def loss(error: float) -> float:
        wrong = answer.clone()
        wrong[:, 0] += error
        return float(grasp_loss(wrong, _targets(), "grconvnet"))

    assert loss(0.4) == pytest.approx(0.5 * 0.16, rel=1e-4)
    assert loss(4.0) - loss(3.0) == pytest.approx(1.0, rel=1e-4)


def test_ggcnn_sees_widths_in_its_own_unit() -> None:
    answer = _perfect(False)
    answer[:, 1] += (_targets().quality == 0).float()
    answer[:, 3] += 15.0 / WIDTH_SCALE  # 15 px too wide everywhere: a tenth of GG-CNN's unit
    assert float(grasp_loss(answer, _targets(), "ggcnn")) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("mode", ["literal", "suppress", "posmask", "ggcnn", "grconvnet"])
def test_maps_that_are_no_grasp_maps_are_refused(mode: str) -> None:
    with pytest.raises(BadInput, match="16 maps"):
        grasp_loss(torch.zeros(1, 16, 6, 6), _targets(), mode)


def test_likelihood_is_least_where_quality_and_priority_are_the_chances_of_their_targets() -> None:
    targets, right = _targets(), _perfect(top_only=True)
    least = grasp_loss(right, targets, "likelihood")
    for channel in (0, 4):
        for step in (-0.05, 0.05):
            other = right.clone()
            other[:, channel] = (other[:, channel] + step).clamp(0, 1)
            assert grasp_loss(other, targets, "likelihood") > least


def test_likelihood_asks_for_angle_and_width_wherever_a_grasp_is_as_a_mean() -> None:
    gradient = _gradient("likelihood", torch.randn(2, 5, 6, 6))[:, THETA]
    assert (gradient[..., :3, :4] != 0).all(), "on topmost and on covered objects"
    assert not gradient[..., 3:, :].any() and not gradient[..., 4:].any()
    wrong = _perfect(top_only=False)
    wrong[:, THETA] += 0.1
    loss = grasp_loss(wrong, _targets(), "likelihood") - grasp_loss(_perfect(top_only=False), _targets(), "likelihood")
    assert loss.item() == pytest.approx(0.1**2 * (2 * ANGLE_WEIGHT + WIDTH_WEIGHT), rel=1e-3), "whatever their share"


def test_likelihood_survives_certainty_that_is_wrong_and_views_without_a_grasp() -> None:
    assert torch.isfinite(grasp_loss(1.0 - _perfect(top_only=True).round(), _targets(), "likelihood"))
    nothing = Targets(*torch.zeros(5, 2, 6, 6))
    assert torch.isfinite(grasp_loss(torch.rand(2, 5, 6, 6), nothing, "likelihood"))
