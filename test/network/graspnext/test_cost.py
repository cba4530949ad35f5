"""Size and cost of the four networks, at the paper's image and numbers of regions."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torchvision")

from gpnet_ros.network.graspnext.architecture import NETWORKS, SLIM
from gpnet_ros.network.graspnext.cost import network_cost

#: Paper's Table 1: millions of parameters, and what it calls GFLOPs, which are multiply-adds.
PAPER = {
    "resnet-graspnext": (92.1, 1314.0),
    "efficientnet-graspnext": (72.0, 1183.0),
    "mobilenet-graspnext": (70.9, 1189.0),
}


@pytest.mark.parametrize("name", PAPER)
def test_a_reference_has_the_size_and_the_cost_of_the_paper(name: str) -> None:
    cost = network_cost(NETWORKS[name])
    assert (cost.millions, cost.gmac) == pytest.approx(PAPER[name], rel=0.02)


def test_the_fast_one_keeps_the_paper_s_size_and_cost() -> None:
    for net in (NETWORKS["fast-graspnext"], SLIM):
        cost = network_cost(net)
        assert cost.millions <= 17.8
        assert cost.gmac <= 259.0


def test_the_heads_of_all_references_are_the_same() -> None:
    heads = [network_cost(NETWORKS[name]).parameters for name in PAPER]
    for part in ("proposals", "boxes", "regions", "mass", "suction"):
        assert len({cost[part] for cost in heads}) == 1


def test_a_wider_head_costs_more_where_it_is_wider_and_nowhere_else() -> None:
    wider = replace(SLIM, heads=replace(SLIM.heads, suction=(256,) * 3))
    before, after = network_cost(SLIM), network_cost(wider)
    assert after.multiply_adds["suction"] > 2 * before.multiply_adds["suction"]
    assert {k: v for k, v in after.parameters.items() if k != "suction"} == {
        k: v for k, v in before.parameters.items() if k != "suction"
    }


def test_regions_cost_in_proportion_and_pixels_too() -> None:
    hundred, ten = network_cost(SLIM, 512), network_cost(SLIM, 512, detections=10)
    assert ten.multiply_adds["regions"] == pytest.approx(hundred.multiply_adds["regions"] / 10)
    assert network_cost(SLIM, 1024).multiply_adds["mass"] == pytest.approx(4 * hundred.multiply_adds["mass"])
