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


def test_the_best_answer_of_entropy_is_the_mean_of_what_may_be_true_and_that_of_graded_lies_above() -> None:
    wanted = torch.tensor([0.9] + [0.0] * 9).reshape(1, 1, 10)  # one view in ten has a good place here

    def rest(kind: str) -> float:
        """The chance that a descent of the loss comes to."""
        logit = torch.zeros(1, requires_grad=True)
        descent = torch.optim.Adam([logit], lr=0.05)
        for _ in range(300):
            descent.zero_grad()
            suction_loss(logit.expand_as(wanted), wanted, kind).backward()
            descent.step()
        return float(logit.detach().sigmoid())

    assert rest("entropy") == pytest.approx(0.09, abs=0.01)
    assert rest("graded") == pytest.approx(0.29, abs=0.02)


def test_an_unknown_suction_loss_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="'cubed' is unknown; allowed: squared, graded, entropy"):
        suction_loss(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), "cubed")


def test_what_nobody_knows_neither_costs_nor_teaches() -> None:
    nan = torch.nan
    hidden, logits = torch.tensor([0.5, nan, 0.0]), torch.tensor([1.0, 9.0, -1.0], requires_grad=True)
    assert occlusion_loss(logits, hidden) == occlusion_loss(logits[[0, 2]], hidden[[0, 2]])
    wanted = torch.zeros(2, 8, 8)
    wanted[0, 3, 3] = 0.8
    partly = torch.cat([wanted[:1], torch.full((1, 8, 8), nan)])
    said = torch.randn(2, 8, 8, requires_grad=True)
    for kind in ("squared", "graded", "entropy"):
        assert suction_loss(said, partly, kind).item() == pytest.approx(suction_loss(said[:1], wanted[:1], kind).item())
        nothing = suction_loss(said, torch.full((2, 8, 8), nan), kind)
        nothing.backward()
        assert nothing.item() == 0.0 and said.grad is not None and not said.grad.any()


def test_only_the_box_of_an_object_without_a_centre_is_unknown() -> None:
    heat = mass_bells(truth([[nan := float("nan"), nan], [50.0, 50.0]], [[8, 8, 24, 20], [44, 44, 56, 56]]), (16, 16))
    assert torch.argwhere(heat.isnan()).amin(0).tolist() == [2, 2]
    assert torch.argwhere(heat.isnan()).amax(0).tolist() == [4, 5]
    assert heat[12, 12] == 1.0 and heat[0, 0] < 1e-3
    peak = torch.full((1, 16, 16), -6.0)
    before = mass_loss(peak, heat[None])
    peak[0, 3, 3] = 6.0  # may be right
    assert mass_loss(peak, heat[None]) == before
    peak[0, 9, 9] = 6.0  # is wrong
    assert mass_loss(peak, heat[None]) > before
    alone = mass_bells(truth([[nan, nan]], [[8, 8, 24, 20]]), (16, 16))
    assert int(alone.isnan().sum()) == 12 and float(alone.nan_to_num().max()) == 0.0
