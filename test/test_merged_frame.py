"""Several exposures become one: what flickers goes, what stays stays, and what does not belong together is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gpnet_ros.data.noise import DepthNoise, d435_depth, d435_exposures
from gpnet_ros.errors import FrameRefused
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.merged_frame import merged, merged_depth

CAMERA = Intrinsics(160, 120, 160.0, 160.0, 80.0, 60.0)
FLAT = np.full((120, 160), 0.8, np.float32)
QUIET = DepthNoise(window=0, ragged=0, step=0, edge_band=0, blobs=0, bland=0, dazzled=0, specks=0, unit=0, wave=0)


def exposures(noise: DepthNoise, count: int, seed: int = 0) -> list[np.ndarray]:
    return d435_exposures(FLAT, CAMERA, noise, np.random.default_rng(seed), count)


def spread(noise: DepthNoise, count: int) -> float:
    return float(np.mean([np.std(merged_depth(exposures(noise, count, seed))) for seed in range(4)]))


def test_what_flickers_falls_with_the_number_of_exposures_and_what_stays_does_not() -> None:
    all_of_it, half, nothing = (replace(QUIET, flicker=share) for share in (1.0, 0.5, 0.0))
    one = spread(all_of_it, 1)
    assert spread(all_of_it, 9) == pytest.approx(one * (np.pi / 18) ** 0.5, rel=0.15), "the median of nine"
    assert spread(half, 9) == pytest.approx(one * (0.5 + 0.5 * np.pi / 18) ** 0.5, rel=0.15)
    assert spread(nothing, 9) == pytest.approx(one, rel=0.1)
    assert np.array_equal(*exposures(nothing, 2)) and not np.array_equal(*exposures(half, 2))


def test_one_exposure_is_the_frame_of_before_and_each_of_several_is_as_noisy() -> None:
    noise = DepthNoise()
    before = d435_depth(FLAT, CAMERA, noise, np.random.default_rng(3))
    np.testing.assert_array_equal(exposures(noise, 1, seed=3)[0], before)
    np.testing.assert_array_equal(merged_depth([before]), before)
    several = [np.nanstd(depth) for depth in exposures(noise, 8)]
    assert np.mean(several) == pytest.approx(np.mean([np.nanstd(exposures(noise, 1, k)[0]) for k in range(8)]), rel=0.3)


def test_holes_stay_where_most_exposures_have_one_and_a_stray_reading_changes_nothing() -> None:
    depths = [FLAT.copy() for _ in range(5)]
    for depth in depths[:3]:
        depth[0, 0] = np.nan
    for depth in depths[:2]:
        depth[0, 1] = np.nan
    depths[4][0, 2] = 0.3
    for order in (depths, depths[::-1]):
        whole = merged_depth(order)
        assert np.isnan(whole[0, 0]) and np.isfinite(whole).sum() == FLAT.size - 1
        assert np.nanmax(np.abs(whole - FLAT)) == 0 and whole.dtype == np.float32


def test_the_newest_frame_is_what_the_merged_one_is_of() -> None:
    color = np.zeros((120, 160, 3), np.uint8)
    frames = [Frame(color + k, FLAT + np.float32(0.1 * k), CAMERA, stamp=float(k)) for k in range(3)]
    found = merged(frames)
    assert found.stamp == 2.0 and found.color is not None and (found.color == 2).all()
    assert found.depth is not None and np.allclose(found.depth, 0.9)
    assert merged(frames[:1]) is frames[0]
    assert merged([Frame(color, None)] * 2).depth is None


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([], "one exposure at least"),
        ([Frame(None, FLAT, CAMERA), Frame(None, FLAT, replace(CAMERA, fx=200.0))], "give exposures of one camera"),
        ([Frame(None, FLAT), Frame(None, FLAT[:60])], "give exposures of one camera"),
        ([Frame(None, FLAT, frame_id="a"), Frame(None, FLAT, frame_id="b")], "give exposures of one camera"),
        ([Frame(np.zeros((120, 160, 3), np.uint8), None), Frame(None, FLAT)], "1 of 2 exposures have depth"),
    ],
)
def test_what_does_not_belong_together_is_refused(frames: list[Frame], said: str) -> None:
    with pytest.raises(FrameRefused, match=said):
        merged(frames)
