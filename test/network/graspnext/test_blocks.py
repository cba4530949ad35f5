"""Layers of the searched trunk: what they keep, and what they filter."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from gpnet_ros.network.graspnext.blocks import AttentionCondenser, BlurPool, ResidualBlock


def test_a_blur_keeps_constants_and_halves_the_size() -> None:
    x = torch.full((1, 3, 9, 12), 2.5)
    assert torch.allclose(BlurPool(3)(x), torch.full((1, 3, 5, 6), 2.5))


def test_a_blur_hardly_sees_the_finest_pattern_which_a_stride_takes_for_a_plane() -> None:
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1.0
    blurred = BlurPool(1)(board[None, None])
    assert blurred[..., 1:-1, 1:-1].abs().max() < 1e-6
    assert board[::2, ::2].abs().min() == 1.0  # the twin: without the filter the pattern becomes a constant


def test_a_shift_by_two_pixels_shifts_what_follows_by_one() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 2, 32, 32)
    blur = BlurPool(2)
    moved = blur(functional.pad(x, (2, 0, 2, 0))[..., :32, :32])
    assert torch.allclose(moved[..., 2:, 2:], blur(x)[..., 1:-1, 1:-1], atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 4)])
def test_a_condenser_keeps_the_size_of_any_map(size: tuple[int, int]) -> None:
    x = torch.rand(2, 16, *size)
    assert AttentionCondenser(16).eval()(x).shape == x.shape


def test_a_condenser_without_scale_is_the_identity_and_with_it_is_not() -> None:
    condenser, x = AttentionCondenser(16).eval(), torch.rand(1, 16, 8, 8)
    assert not torch.allclose(condenser(x), x)
    torch.nn.init.zeros_(condenser.scale)
    assert torch.equal(condenser(x), x)


@pytest.mark.parametrize(("expansion", "fused"), [(1, True), (2, True), (4, False)])
def test_a_residual_block_keeps_the_shape(expansion: int, fused: bool) -> None:
    x = torch.rand(2, 8, 6, 7)
    assert ResidualBlock(8, expansion, 5, fused)(x).shape == x.shape
