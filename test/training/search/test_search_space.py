"""Points and what they cost: the sum of the pieces is the network, and the cached sum counts nothing again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

pytest.importorskip("torchvision")

from gpnet_ros.errors import BadInput
from gpnet_ros.network.graspnext.architecture import SLIM, Architecture, LiteSizes
from gpnet_ros.network.graspnext.blocks import BlurPool
from gpnet_ros.network.graspnext.cost import network_cost
from gpnet_ros.network.graspnext.trunk import build_trunk
from gpnet_ros.training.search import cost
from gpnet_ros.training.search.cost import component_cost
from gpnet_ros.training.search.latency import space_pieces
from gpnet_ros.training.search.pieces import pieces
from gpnet_ros.training.search.space import BY_HAND, IMAGENET, LITE_WHOLE, TINY, Point, Space

SPACE = Space()


def some_points(count: int, space: Space = SPACE, seed: int = 0) -> list[Point]:
    rng = np.random.default_rng(seed)
    return [tuple(int(rng.integers(len(v.values))) for v in space.variables) for _ in range(count)]


def test_the_hand_drawn_net_is_a_point_of_the_space() -> None:
    assert SPACE.architecture(SPACE.point(BY_HAND)) == SLIM
    assert SPACE.values(SPACE.point(BY_HAND)) == BY_HAND
    assert SPACE.size > 1e12


def test_what_is_no_point_is_refused() -> None:
    start = SPACE.point(BY_HAND)
    for wrong in (start[:-1], (99, *start[1:]), (-1, *start[1:])):
        with pytest.raises(BadInput, match="no point"):
            SPACE.architecture(wrong)
    with pytest.raises(BadInput, match="not in the space"):
        SPACE.point(BY_HAND | {"neck": 145})
    with pytest.raises(BadInput, match="no variable"):
        Space.narrowed({"necks": (16,)})


@pytest.mark.parametrize("number", range(5))
def test_the_sum_of_the_pieces_is_the_network(number: int) -> None:
    around_lite = [IMAGENET.architecture(p) for p in some_points(2, IMAGENET, seed=4)]
    architecture = [SLIM, *(SPACE.architecture(p) for p in some_points(2, seed=3)), *around_lite][number]
    whole, summed = network_cost(architecture), component_cost(architecture)
    assert sum(whole.parameters.values()) == sum(summed.parameters.values())
    assert sum(whole.multiply_adds.values()) == sum(summed.multiply_adds.values())
    other = component_cost(replace(architecture, heads=replace(architecture.heads, box=architecture.heads.box + 2)))
    assert sum(whole.parameters.values()) != sum(other.parameters.values())
    for part in ("mass", "suction"):
        assert whole.multiply_adds[part] == summed.multiply_adds[part]


def test_the_space_around_imagenet_has_its_widths_and_blurs() -> None:
    whole = IMAGENET.architecture(IMAGENET.point(BY_HAND | LITE_WHOLE))
    assert whole.lite == LiteSizes(condensers=(0, 1, 2, 3), antialiased=True)
    assert whole.heads == SLIM.heads
    assert all(IMAGENET.architecture(point).lite.antialiased for point in some_points(20, IMAGENET))


def test_known_pieces_are_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    points = some_points(3, TINY)
    before = [component_cost(TINY.architecture(point)) for point in points]

    def count_again(*_: object) -> float:
        raise AssertionError("counted again")

    monkeypatch.setattr(cost, "counted", count_again)
    assert [component_cost(TINY.architecture(point)) for point in points] == before
    with pytest.raises(AssertionError, match="counted again"):
        component_cost(replace(TINY.architecture(points[0]), stem=10))


@pytest.mark.parametrize("space", [SPACE, IMAGENET], ids=["full", "imagenet"])
def test_every_piece_of_every_point_is_in_the_list_of_a_space(space: Space) -> None:
    listed = space_pieces(space)
    for point in some_points(300, space):
        needed = {piece for of in pieces(space.architecture(point)).values() for piece in of}
        assert needed <= listed
    foreign = pieces(replace(SLIM, stem=30))
    assert not {piece for of in foreign.values() for piece in of} <= listed


def strides(architecture: Architecture) -> tuple[int, int]:
    """How many layers of a trunk halve by blurring, and how many by anything else."""
    modules = list(build_trunk(architecture).modules())
    other = [m for m in modules if isinstance(m, nn.Conv2d | nn.MaxPool2d) and m.stride not in (1, (1, 1))]
    return sum(isinstance(m, BlurPool) for m in modules), len(other)


def test_a_point_halves_by_blurpool_only_and_a_reference_does_not() -> None:
    for point in some_points(2, TINY):
        assert strides(TINY.architecture(point)) == (5, 0)
    blurred, other = strides(Architecture("mobilenet_v3_large"))
    assert blurred == 0 and other > 0
