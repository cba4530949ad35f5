"""The network's input: relief over the plane under the heap, colour without its mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput
from gpnet_ros.normalise import (
    COLOR_GAIN,
    RELIEF_LIMIT,
    RELIEF_SCALE,
    VERSIONS,
    channel_count,
    normalise,
    relief,
)


def _scene(slope: tuple[float, float] = (0.1, -0.25), height: float = 0.05) -> NDArray[np.float32]:
    """A tilted table with two boxes on it; 1/z of a plane is affine in the pixel."""
    v, u = np.mgrid[0:224, 0:224] / 224
    depth = 1.0 / (1.25 + slope[0] * u + slope[1] * v)
    depth[60:120, 70:150] -= height
    depth[130:170, 90:120] -= 2 * height
    return depth.astype(np.float32)


@settings(deadline=None, max_examples=20)
@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(0.01, 0.08))
def test_heights_are_right_under_any_tilt(a: float, b: float, height: float) -> None:
    r = relief(_scene((a, b), height)) * RELIEF_SCALE
    assert np.abs(r[:40]).max() < 0.001
    assert r[90, 100] == pytest.approx(height, abs=0.001)
    assert r[150, 100] == pytest.approx(2 * height, abs=0.001)


def test_holes_of_forty_percent_and_noise_change_little() -> None:
    rng = np.random.default_rng(0)
    clean = _scene()
    broken = clean + rng.normal(0, 0.002, clean.shape).astype(np.float32)
    broken[rng.random(clean.shape) < 0.25] = np.nan
    broken[:, :45] = np.nan
    broken[100:112, 100:120] = np.nan
    assert np.isnan(broken).mean() > 0.38
    difference = np.abs(relief(broken) - relief(clean)) * RELIEF_SCALE
    assert np.median(difference) < 0.003
    assert difference[104:108, 105:115].max() < 0.01, "a dark patch on an object is no pit"


def test_the_fit_is_not_fooled_by_a_heap_that_hides_most_of_the_table() -> None:
    depth = _scene()
    depth[30:200, 40:200] -= 0.06
    assert abs(float(np.median(relief(depth)[:25])) * RELIEF_SCALE) < 0.005


def test_a_table_whose_horizon_lies_in_the_picture_is_still_the_support() -> None:
    v, u = np.mgrid[0:224, 0:224] / 224
    inverse = 2.4 * v + 0.1 * u - 0.3
    depth = np.where(inverse > 0.75, 1.0 / np.maximum(inverse, 0.1), np.nan).astype(np.float32)
    depth[150:180, 80:120] -= 0.05
    known = np.isfinite(depth)
    assert 0.4 < known.mean() < 0.7
    heights = relief(depth) * RELIEF_SCALE
    assert heights[165, 100] == pytest.approx(0.05, abs=0.002)
    assert np.abs(heights[190:]).max() < 0.002, "the table rises nowhere"
    near = np.where(known, depth, np.nanmin(depth)).astype(np.float32)  # something near was read above the horizon
    assert np.abs(relief(near)[190:] * RELIEF_SCALE).max() > 0.1, "no plane holds: the median is the level"


def test_depth_scale_cancels_but_relief_does_not_depend_on_distance() -> None:
    near, far = _scene(), _scene() + np.float32(0.0)
    v, u = np.mgrid[0:224, 0:224] / 224
    far = (1.0 / (0.8 + 0.02 * u)).astype(np.float32)
    far[60:120, 70:150] -= 0.05
    assert relief(near)[90, 100] == pytest.approx(relief(far)[90, 100], abs=0.02)


def test_input_is_finite_and_bounded_whatever_comes() -> None:
    rng = np.random.default_rng(1)
    color = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    depths = [
        np.full((64, 64), np.nan, np.float32),
        np.zeros((64, 64), np.float32),
        rng.uniform(0.1, 50, (64, 64)).astype(np.float32),
        np.full((64, 64), np.inf, np.float32),
    ]
    lonely = depths[0].copy()
    lonely[3, 3] = 0.5
    for depth in [*depths, lonely]:
        x = normalise(color, depth, "rgbd")
        assert x.shape == (4, 64, 64) and x.dtype == np.float32 and np.isfinite(x).all()
        assert np.abs(x[3]).max() <= RELIEF_LIMIT


def test_colour_loses_exposure_but_not_hue() -> None:
    rng = np.random.default_rng(2)
    color = rng.integers(50, 150, (8, 8, 3), dtype=np.uint8)
    x = normalise(color, None, "rgb")
    np.testing.assert_allclose(normalise(color + np.uint8(60), None, "rgb"), x, atol=1e-5)
    assert abs(x.mean()) < 1e-6
    assert x[0, 0, 0] - x[1, 0, 0] == pytest.approx(
        (int(color[0, 0, 0]) - int(color[0, 0, 1])) * COLOR_GAIN / 255, abs=1e-5
    )


def test_a_missing_modality_of_rgbd_is_zeros_and_the_other_unchanged() -> None:
    color = np.full((8, 8, 3), 9, np.uint8)
    color[2] = 200
    depth = _scene()[:8, :8]
    both = normalise(color, depth, "rgbd")
    np.testing.assert_array_equal(normalise(color, None, "rgbd")[:3], both[:3])
    assert not normalise(color, None, "rgbd")[3].any() and not normalise(None, depth, "rgbd")[:3].any()
    np.testing.assert_array_equal(normalise(None, depth, "depth")[0], both[3])


def test_what_cannot_be_used_is_refused() -> None:
    color, depth = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), np.float32)
    for bad in (
        lambda: normalise(color, None, "depth"),
        lambda: normalise(None, depth, "rgb"),
        lambda: normalise(None, None, "rgbd"),
        lambda: normalise(color, depth, "bgr"),
        lambda: normalise(color, depth[:4], "rgbd"),
    ):
        with pytest.raises(BadInput):
            bad()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("channels", ["rgb", "depth", "rgbd"])
def test_every_version_gives_as_many_finite_planes_as_it_says(channels: str, version: str) -> None:
    color, depth = np.full((8, 8, 3), 9, np.uint8), _scene()[:8, :8].copy()
    depth[2:4] = np.nan
    for d in (depth, np.full_like(depth, np.nan)):
        x = normalise(color, d, channels, version)
        assert x.shape == (channel_count(channels, version), 8, 8) and np.isfinite(x).all()


def test_validity_is_one_more_plane_and_changes_no_other() -> None:
    color, depth = np.random.default_rng(3).integers(0, 255, (224, 224, 3), dtype=np.uint8), _scene()
    depth[50:90, 20:60] = np.nan
    plain, valid = normalise(color, depth), normalise(color, depth, "rgbd", "relief-valid-1")
    np.testing.assert_array_equal(valid[:4], plain)
    np.testing.assert_array_equal(valid[4], np.isfinite(depth))
    assert not normalise(color, None, "rgbd", "relief-valid-1")[3:].any(), "no depth is not valid depth"
    alone = normalise(None, depth, "depth", "relief-valid-1")
    np.testing.assert_array_equal(alone, valid[3:])


def test_published_input_is_metres_and_parts_of_one_without_their_means() -> None:
    color, depth = np.random.default_rng(3).integers(0, 255, (224, 224, 3), dtype=np.uint8), _scene()
    x = normalise(color, depth, "rgbd", "published-1").astype(float)
    np.testing.assert_allclose(x[:3], color.transpose(2, 0, 1) / 255 - (color / 255).mean(), atol=1e-6)
    np.testing.assert_allclose(x[3], depth - depth.astype(float).mean(), atol=1e-6)
    depth[:20, :20] = 9.0
    far = normalise(None, depth, "depth", "published-1")[0]
    assert far.max() == 1.0, "clipped at a metre"
    depth[:20, :20] = np.nan
    holes = normalise(None, depth, "depth", "published-1")[0]
    assert holes[5, 5] in holes[20:22, :22] or holes[5, 5] in holes[:22, 20:22], "a hole is its nearest neighbour"


def test_doubled_normalisation_all_but_removes_colour() -> None:
    color, depth = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8), _scene()[:64, :64]
    once, twice = (normalise(color, depth, "rgbd", v) for v in ("published-1", "published-doubled-1"))
    assert np.abs(once[:3]).max() > 0.4 and np.abs(twice[:3]).max() < 0.0021
    np.testing.assert_array_equal(once[3], twice[3])


def test_unknown_versions_are_refused() -> None:
    with pytest.raises(BadInput, match="'metres-0' is unknown; allowed: relief-1"):
        normalise(np.zeros((8, 8, 3), np.uint8), None, "rgb", "metres-0")
    with pytest.raises(BadInput, match="'bgr' is unknown"):
        channel_count("bgr")
