"""What the seven terms ask for: right answers cost less than wrong ones, and zeros never win."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("torchvision")

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.losses import bell_radius, mass_bells, mass_loss, occlusion_loss, suction_loss
from gpnet_ros.network.graspnext.network import ImageTruth


def truth(centers: list[list[float]], boxes: list[list[float]], side: int = 64) -> ImageTruth:
    n = len(centers)
    masks = torch.zeros(n, side, side, dtype=torch.uint8)
    return ImageTruth(
        torch.tensor(boxes).reshape(n, 4),
        masks,
        masks,
        torch.zeros(n),
        torch.tensor(centers).reshape(n, 2),
        torch.zeros(side // 4, side // 4),
    )


def test_a_bell_peaks_in_the_cell_of_the_centre_of_mass_and_a_centre_outside_has_none() -> None:
    heat = mass_bells(truth([[21.0, 42.5], [-3.0, 5.0]], [[10, 30, 32, 54], [0, 0, 8, 8]]), (16, 16))
    assert heat[10, 5] == 1.0
    assert int((heat == 1.0).sum()) == 1
    assert heat[0].max() < 1e-3


def test_bells_do_not_add_up_where_they_overlap() -> None:
    heat = mass_bells(truth([[20.0, 20.0], [28.0, 20.0]], [[0, 0, 60, 60]] * 2), (16, 16))
    assert heat.max() == 1.0


@pytest.mark.parametrize("size", [(20.0, 20.0), (8.0, 40.0)])
def test_a_box_moved_by_the_bell_s_radius_overlaps_by_seven_tenths(size: tuple[float, float]) -> None:
    w, h = size
    r = float(bell_radius(torch.tensor([size])))
    common = (w - r) * (h - r)
    assert common / (2 * w * h - common) == pytest.approx(0.7, rel=1e-4)


def test_mass_is_cheapest_where_it_is_and_misplaced_peaks_cost() -> None:
    heat = mass_bells(truth([[21.0, 42.5]], [[10, 30, 32, 54]]), (16, 16))[None]
    right, wrong = torch.full((1, 16, 16), -6.0), torch.full((1, 16, 16), -6.0)
    right[0, 10, 5], wrong[0, 2, 12] = 6.0, 6.0
    nothing = torch.full((1, 16, 16), -6.0)
    assert mass_loss(right, heat) < 0.1 * mass_loss(nothing, heat)
    assert mass_loss(wrong, heat) > mass_loss(nothing, heat)


def test_the_rarer_answer_of_occlusion_weighs_more_and_no_region_costs_nothing() -> None:
    hidden = torch.tensor([0.5] + [0.0] * 9)
    all_free = torch.full((10,), -2.0)
    one_missed = occlusion_loss(all_free, hidden)
    assert one_missed > torch.nn.functional.binary_cross_entropy_with_logits(all_free, (hidden >= 0.05).float())
    assert occlusion_loss(torch.zeros(0), torch.zeros(0)) == 0
    assert torch.isfinite(occlusion_loss(all_free, torch.zeros(10)))


def test_a_map_of_zeros_does_not_win_the_graded_loss_of_suction() -> None:
    wanted = torch.zeros(1, 32, 32)
    wanted[0, 10:13, 10:13] = 0.8
    zeros, right = torch.full_like(wanted, -6.0), torch.where(wanted > 0, 1.4, -6.0)
    everywhere = torch.full_like(wanted, 1.4)
    assert suction_loss(right, wanted, "graded") < 0.05 * suction_loss(zeros, wanted, "graded")
    assert suction_loss(right, wanted, "graded") < suction_loss(everywhere, wanted, "graded")
    assert suction_loss(zeros, wanted, "squared") < suction_loss(everywhere, wanted, "squared")


def test_an_unknown_suction_loss_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="'cubed' is unknown; allowed: squared, graded"):
        suction_loss(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), "cubed")
