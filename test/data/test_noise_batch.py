"""The D435's noise for batches obeys the same laws and makes the same statistics as the noise for one picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gpnet_ros.data.noise import BASELINE, COLOR_OFFSET, DepthNoise, d435_depth
from gpnet_ros.data.noise_batch import (
    BatchNoise,
    blurred,
    color_noise_batch,
    d435_depth_batch,
    field,
    random_cameras,
)
from gpnet_ros.data.noise_statistics import NoiseStatistics, noise_statistics
from gpnet_ros.frame import Intrinsics

CAMERA = Intrinsics(320, 240, 615.0, 615.0, 160.0, 120.0)
CPU = torch.device("cpu")
PERFECT = DepthNoise(
    subpixel=0, wave=0, window=0, ragged=0, step=0, edge_band=0, blobs=0, bland=0, dazzled=0, specks=0, unit=0
)


def heap(seed: int = 0) -> np.ndarray:
    """Blocks of several heights on a slightly tilted table."""
    rng = np.random.default_rng(seed)
    depth = 0.85 + np.indices((240, 320))[1] * 2e-5
    for _ in range(6):
        row, column, high, wide = *rng.integers(50, 190, 1), *rng.integers(60, 260, 1), *rng.integers(15, 35, 2)
        depth[row - high : row + high, column - wide : column + wide] = 0.74 + 0.04 * rng.random()
    return depth.astype(np.float32)


def batch(depths: np.ndarray, noises: list[DepthNoise], seed: int = 0) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    focal = torch.full((len(depths),), CAMERA.fx)
    return d435_depth_batch(torch.from_numpy(depths), focal, BatchNoise.of(noises, CPU), generator).numpy()


def test_without_noise_both_versions_agree_exactly() -> None:
    depths = np.stack([heap(0), heap(1)])
    depths[0, :5] = np.nan
    seen = batch(depths, [PERFECT, PERFECT])
    for depth, one in zip(depths, seen, strict=True):
        expected = d435_depth(depth, CAMERA, PERFECT, np.random.default_rng(0))
        np.testing.assert_array_equal(np.isnan(one), np.isnan(expected))
        np.testing.assert_allclose(one[np.isfinite(one)], expected[np.isfinite(expected)], rtol=1e-5)
    assert np.isnan(seen[0, :5]).all()
    band = np.isnan(seen[1]).sum()
    assert band > 0, "occlusion needs no noise"


def test_the_band_is_as_wide_as_the_geometry_says() -> None:
    depth = np.full((1, 240, 320), 0.85, dtype=np.float32)
    depth[0, 80:160, 160:240] = 0.6
    row = np.isnan(batch(depth, [PERFECT])[0, 120])
    assert row.sum() == pytest.approx(CAMERA.fx * (BASELINE + COLOR_OFFSET) * (1 / 0.6 - 1 / 0.85), abs=2.0)
    assert row[160 - row.sum() : 160].all()


def test_statistics_are_those_of_the_single_version() -> None:
    depths = np.stack([heap(k) for k in range(4)])
    ours = [noise_statistics(z, CAMERA) for z in batch(depths, [DepthNoise()] * 4)]
    rng = np.random.default_rng(0)
    theirs = [noise_statistics(d435_depth(z, CAMERA, DepthNoise(), rng), CAMERA) for z in depths]

    def mean(found: list[NoiseStatistics], name: str) -> float:
        return float(np.mean([getattr(s, name) for s in found]))

    for name, tolerance in (("hole_share", 0.2), ("edge_hole_px", 0.2), ("plane_residual_px", 0.15)):
        assert mean(ours, name) == pytest.approx(mean(theirs, name), rel=tolerance), name
    quiet = batch(depths, [replace(DepthNoise(), subpixel=0.02, wave=0.0)] * 4)
    assert mean([noise_statistics(z, CAMERA) for z in quiet], "plane_residual_px") < 0.7 * mean(
        theirs, "plane_residual_px"
    ), "the comparison can tell cameras apart"


def test_each_picture_has_its_own_camera() -> None:
    noises = [replace(PERFECT, specks=0.0), replace(PERFECT, specks=0.3), replace(PERFECT, edge_band=9.0)]
    plain, specked, banded = (np.isnan(z).mean() for z in batch(np.stack([heap()] * 3), noises))
    assert specked == pytest.approx(0.3, abs=0.1)
    assert plain < banded < 0.5
    assert plain < 0.1


def test_fields_have_unit_deviation_and_the_length_that_was_asked_for() -> None:
    like = torch.zeros((3, 200, 200))
    made = field(like, torch.tensor([2.0, 6.0, 20.0]).reshape(3, 1, 1), torch.Generator().manual_seed(0)).numpy()
    alike = []
    for image in made:
        assert image.std() == pytest.approx(1.0, abs=0.25)
        centred = image - image.mean()
        lags = [(centred[:, k:] * centred[:, : 200 - k]).mean() / centred.var() for k in range(60)]
        alike.append(next(k for k, value in enumerate(lags) if value < 0.5))
    assert alike[0] < alike[1] < alike[2]
    assert alike[2] == pytest.approx(20.0 * alike[1] / 6.0, rel=0.5)


def test_blur_keeps_the_mean_and_each_image_has_its_own_radius() -> None:
    images = torch.zeros((2, 41, 41))
    images[:, 20, 20] = 1.0
    soft = blurred(images, torch.tensor([1.0, 3.0]).reshape(2, 1, 1))
    assert torch.allclose(soft.sum(dim=(1, 2)), torch.ones(2), atol=1e-4)
    assert soft[0, 20, 20] == pytest.approx(1 / (2 * np.pi), rel=0.05)
    assert soft[1, 20, 20] == pytest.approx(1 / (2 * np.pi * 9), rel=0.05)


def test_exposures_differ_and_seeds_repeat() -> None:
    depths = heap()[None]
    one, same, other = (batch(depths, [DepthNoise()], seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other, equal_nan=True)
    assert len({c.subpixel for c in random_cameras(np.random.default_rng(0), 5)}) == 5


def test_colours_stay_in_range_keep_the_scene_and_differ_between_pictures() -> None:
    scene = torch.zeros((4, 3, 48, 48))
    scene[:, 0, :, :24], scene[:, 2, :, 24:] = 0.7, 0.6
    seen = color_noise_batch(scene, np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert 0.0 <= float(seen.min()) <= float(seen.max()) <= 1.0
    assert (seen[:, 0, :, :20].mean(dim=(1, 2)) > seen[:, 2, :, :20].mean(dim=(1, 2)) + 0.2).all(), "red stays red"
    means = seen.mean(dim=(1, 2, 3))
    assert float(means.std()) > 0.005
