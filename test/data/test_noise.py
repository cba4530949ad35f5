"""The D435 noise model: its laws, and its likeness to real frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.data.noise import BASELINE, STEREO_FOCAL, DepthNoise, color_noise, d435_depth, random_depth_noise
from gpnet_ros.data.noise_statistics import noise_statistics, table_plane
from gpnet_ros.errors import BadInput, NoDepth
from gpnet_ros.evaluation.depth_noise import read_frame_depth, simulated_twin
from gpnet_ros.frame import Intrinsics

CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)
REAL = Path(__file__).parents[1] / "data" / "real_frames"

#: No error of any kind: what is left is a change of unit and back.
PERFECT = DepthNoise(
    subpixel=0, wave=0, window=0, ragged=0, step=0, edge_band=0, blobs=0, bland=0, dazzled=0, specks=0, unit=0
)


def slab(near: float = 0.6, far: float = 0.85) -> np.ndarray:
    """A near square before a far wall."""
    depth = np.full((480, 640), far, dtype=np.float32)
    depth[160:320, 240:400] = near
    return depth


def flat(z: float) -> np.ndarray:
    return np.full((480, 640), z, dtype=np.float32)


def test_without_noise_depth_comes_back_but_for_what_the_second_imager_cannot_see() -> None:
    depth = slab()
    seen = d435_depth(depth, CAMERA, PERFECT, np.random.default_rng(0))
    known = np.isfinite(seen)
    np.testing.assert_allclose(seen[known], depth[known], rtol=1e-5)
    assert np.isfinite(d435_depth(flat(0.7), CAMERA, PERFECT, np.random.default_rng(0))).all()


def test_occlusion_is_a_band_on_the_left_of_the_width_that_the_geometry_says() -> None:
    seen = d435_depth(slab(0.6, 0.85), CAMERA, PERFECT, np.random.default_rng(0))
    row = np.isnan(seen[240])
    width = CAMERA.fx * (BASELINE + 0.015) * (1 / 0.6 - 1 / 0.85)
    assert row.sum() == pytest.approx(width, abs=2.0)
    assert row[240 - row.sum() : 240].all(), "the band ends where the near surface begins"
    assert not np.isnan(seen[:, 400:]).any(), "there is none on the right"


def test_noise_grows_with_the_square_of_the_distance() -> None:
    noise = replace(PERFECT, subpixel=0.06, correlation=1.5)
    spread = {}
    for z in (0.5, 1.0):
        seen = d435_depth(flat(z), CAMERA, noise, np.random.default_rng(1))
        spread[z] = np.nanstd(seen)
        assert spread[z] == pytest.approx(z**2 * 0.06 / (STEREO_FOCAL * BASELINE), rel=0.2)
        assert np.nanmean(seen) == pytest.approx(z, abs=0.001), "no bias"
    assert spread[1.0] / spread[0.5] == pytest.approx(4.0, rel=0.2)


def test_same_seed_is_the_same_exposure_and_another_seed_is_not() -> None:
    one, same, other = (d435_depth(slab(), CAMERA, DepthNoise(), np.random.default_rng(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other, equal_nan=True)


def test_readings_are_whole_millimetres() -> None:
    seen = d435_depth(slab(), CAMERA, DepthNoise(), np.random.default_rng(0)) * 1e3
    known = seen[np.isfinite(seen)]
    np.testing.assert_allclose(known, np.round(known), atol=1e-3)


def test_silhouettes_lose_a_band_and_small_steps_do_not() -> None:
    noise = replace(PERFECT, edge_band=8.0)
    high = d435_depth(slab(0.6, 0.85), CAMERA, noise, np.random.default_rng(0))
    low = d435_depth(slab(0.845, 0.85), CAMERA, noise, np.random.default_rng(0))
    band = 8.0 * CAMERA.fx / STEREO_FOCAL
    right = np.isnan(high[240, 320:480]).sum()
    assert right == pytest.approx(band, abs=2.5)
    assert not np.isnan(low).any()


def test_bland_and_burnt_out_places_lose_more_than_textured_ones() -> None:
    noise = replace(PERFECT, bland=0.4, dazzled=0.5)
    rng = np.random.default_rng(0)
    color = rng.integers(40, 200, (480, 640, 3), dtype=np.uint8)
    color[:, 200:400] = 120
    color[:, 400:] = 255
    holes = np.isnan(d435_depth(flat(0.7), CAMERA, noise, rng, color))
    textured, bland, burnt = holes[:, :190].mean(), holes[:, 210:390].mean(), holes[:, 410:].mean()
    assert textured < 0.01
    assert bland == pytest.approx(0.4, abs=0.1)
    assert burnt > bland + 0.2


def test_nothing_and_what_is_out_of_range_is_never_given_a_depth() -> None:
    depth = slab()
    depth[:100] = np.nan
    depth[100:120] = 0.1
    depth[460:] = 20.0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        seen = d435_depth(depth, CAMERA, random_depth_noise(rng), rng)
        assert np.isnan(seen[:120]).all()
        assert np.isnan(seen[460:]).all()
        known = seen[np.isfinite(seen)]
        assert known.min() > 0.5
        assert known.max() < 1.0
        assert seen.dtype == np.float32


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput, match="does not fit"):
        d435_depth(slab()[:100], CAMERA, DepthNoise(), np.random.default_rng(0))
    with pytest.raises(BadInput, match="not usable"):
        DepthNoise(subpixel=-1)
    with pytest.raises(BadInput, match="not usable"):
        DepthNoise(blobs=float("nan"))


def test_random_sensors_differ_and_stay_plausible() -> None:
    rng = np.random.default_rng(0)
    sensors = [random_depth_noise(rng) for _ in range(8)]
    assert len(set(sensors)) == 8
    for sensor in sensors:
        seen = d435_depth(slab(), CAMERA, sensor, rng)
        assert np.isnan(seen).mean() < 0.2
        assert abs(np.nanmedian(seen[200:280, 280:360]) - 0.6) < 0.004


def test_color_noise_changes_the_picture_but_not_what_it_shows() -> None:
    rng = np.random.default_rng(0)
    color = np.full((120, 160, 3), 90, dtype=np.uint8)
    color[40:80, 60:100] = (200, 60, 40)
    for _ in range(5):
        other = color_noise(color, rng)
        assert other.shape == color.shape
        assert other.dtype == np.uint8
        assert not np.array_equal(other, color)
        red, grey = other[50:70, 70:90].mean((0, 1)), other[:30].mean((0, 1))
        assert red[0] - red[1] > 40, "red stays red"
        assert abs(grey[0] - grey[1]) < 40


@pytest.mark.parametrize("name", ["d435_cleargrasp_080_opaque", "d435_cleargrasp_130_opaque"])
def test_simulated_noise_has_the_statistics_of_a_real_d435(name: str) -> None:
    depth, camera = read_frame_depth(REAL / name)
    _, twin = simulated_twin(depth, camera, seed=0)
    real, simulated = noise_statistics(depth, camera), noise_statistics(twin, camera)
    assert 1 / 1.35 < simulated.edge_hole_px / real.edge_hole_px < 1.35
    assert 1 / 1.35 < simulated.plane_residual_px / real.plane_residual_px < 1.35
    assert 1 / 1.6 < simulated.correlation_px / real.correlation_px < 1.6
    assert simulated.left_extra_px > 0 < real.left_extra_px, "both lose more on the left of things"
    # The real rooms have walls and background that no camera reads; the twins have only a table.
    assert 1 / 6 < simulated.hole_share / real.hole_share < 1.5


def test_the_comparison_notices_a_sensor_that_is_not_a_d435() -> None:
    depth, camera = read_frame_depth(REAL / "d435_cleargrasp_130_opaque")
    real = noise_statistics(depth, camera)
    wrong = replace(DepthNoise(), subpixel=0.2, edge_band=2.0)
    _, twin = simulated_twin(depth, camera, seed=0, noise=wrong)
    simulated = noise_statistics(twin, camera)
    assert simulated.plane_residual_px > 2 * real.plane_residual_px
    assert simulated.edge_hole_px < real.edge_hole_px / 1.35


def test_statistics_find_what_was_put_in_and_refuse_what_shows_nothing() -> None:
    rng = np.random.default_rng(2)
    noise = replace(PERFECT, subpixel=0.05, correlation=1.0, edge_band=8.0)
    found = noise_statistics(d435_depth(slab(), CAMERA, noise, rng), CAMERA)
    assert found.edge_hole_px == pytest.approx(8.0, abs=1.5)
    assert found.plane_residual_px == pytest.approx(0.05, rel=0.25)
    with pytest.raises(NoDepth, match="too few"):
        noise_statistics(flat(0.7), CAMERA)


def test_the_table_of_a_real_frame_is_a_plane_below_the_camera() -> None:
    depth, camera = read_frame_depth(REAL / "d435_cleargrasp_130_opaque")
    plane = table_plane(depth, camera)
    assert np.linalg.norm(plane[:3]) == pytest.approx(1.0)
    assert 0.2 < plane[3] < 0.8, "camera height over the table"
    v, u = np.nonzero(np.isfinite(depth))
    points = camera.deproject(np.column_stack([u, v]), depth[v, u])
    assert (np.abs(points @ plane[:3] + plane[3]) < 0.006).mean() > 0.3
    with pytest.raises(NoDepth, match="at least 1000"):
        table_plane(np.full_like(depth, np.nan), camera)
