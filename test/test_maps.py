"""Maps: the affine grid, the encodings, and the laws of the decoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.maps import NETWORK_SIDE, WIDTH_SCALE, Grid, Maps, encode_angle, encode_width, height_priority
from gpnet_ros.pose import look_at

CAMERA = Intrinsics(640, 480, 615.0, 615.0, 320.0, 240.0)
T_BASE_CAMERA = look_at((0.85, 0.0, 0.85), (0.65, 0.0, 0.0))
GRIDS = {
    "640x480": Grid.whole_frame(640, 480),
    "1280x720": Grid.whole_frame(1280, 720),
    "workspace": Grid.workspace(CAMERA, T_BASE_CAMERA, (0.65, 0.0), 0.32),
}


def maps_with_peak(row: int, column: int, angle: float, grid: Grid | None = None, width: float = 0.3) -> Maps:
    grid = grid or Grid(NETWORK_SIDE, NETWORK_SIDE, 1.0, (0.0, 0.0))
    v, u = np.mgrid[0 : grid.height, 0 : grid.width]
    bump = np.exp(-((u - column) ** 2 + (v - row) ** 2) / 18).astype(np.float32)
    cos2, sin2 = (np.full_like(bump, x) for x in encode_angle(angle))
    return Maps(bump, cos2, sin2, np.full_like(bump, width), np.ones_like(bump), grid)


@pytest.mark.parametrize("name", GRIDS)
@given(u=st.floats(-0.5, 639.5), v=st.floats(-0.5, 479.5))
def test_round_trip_is_exact(name: str, u: float, v: float) -> None:
    grid = GRIDS[name]
    assert np.allclose(grid.to_image(grid.to_grid((u, v))), (u, v), atol=1e-6)


@pytest.mark.parametrize("name", ["640x480", "1280x720"])
def test_a_dot_in_the_image_is_found_within_half_a_network_pixel(name: str) -> None:
    w, h = (int(n) for n in name.split("x"))
    for u, v in ((0.3 * w, 0.4 * h), (0.81 * w, 0.2 * h), (30, h - 31)):
        image = np.zeros((h, w, 3), np.uint8)
        image[round(v) - 4 : round(v) + 5, round(u) - 4 : round(u) + 5] = 255
        seen = GRIDS[name].warp_color(image)[..., 0].astype(float)
        rows, columns = np.mgrid[0 : seen.shape[0], 0 : seen.shape[1]]
        centre = np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()
        assert np.abs(centre - GRIDS[name].to_grid((round(u), round(v)))).max() < 0.25


def test_whole_frame_is_isotropic_with_short_side_224_and_holds_the_whole_image() -> None:
    for name in ("640x480", "1280x720"):
        w, h = (int(n) for n in name.split("x"))
        grid = GRIDS[name]
        assert min(grid.width, grid.height) == NETWORK_SIDE
        assert grid.width % 4 == grid.height % 4 == 0
        assert np.allclose(grid.to_grid((-0.5, -0.5)), (-0.5, -0.5))
        right, bottom = grid.to_grid((w - 0.5, h - 0.5))
        assert right <= grid.width - 0.5 + 1e-9
        assert bottom == pytest.approx(grid.height - 0.5)


def test_workspace_grid_has_its_scale_and_its_own_camera_model() -> None:
    grid = GRIDS["workspace"]
    assert (grid.width, grid.height) == (224, 224)
    camera = grid.intrinsics(CAMERA)
    distance = np.linalg.norm(np.array([0.85, 0, 0.85]) - [0.65, 0, 0])
    assert 0.001 < distance / camera.fx < 0.0015
    point = np.array([0.03, -0.05, 0.8])
    assert np.allclose(camera.project(point), grid.to_grid(CAMERA.project(point)))


def test_camera_that_looks_elsewhere_is_refused() -> None:
    with pytest.raises(BadInput, match="in front"):
        Grid.workspace(CAMERA, look_at((0.85, 0, 0.85), (0.85, 0.1, 2.0)), (0.65, 0.0), 0.32)
    with pytest.raises(BadInput, match="outside the image"):
        Grid.workspace(CAMERA, T_BASE_CAMERA, (0.65, 0.9), 0.32)


def test_depth_is_never_mixed_and_stays_nan_outside() -> None:
    depth = np.where(np.arange(640)[None, :] < 320, 0.6, 0.9).repeat(480, axis=0).reshape(480, 640).astype(np.float32)
    depth = np.broadcast_to(np.where(np.arange(640) < 320, 0.6, 0.9).astype(np.float32), (480, 640)).copy()
    warped = GRIDS["640x480"].warp_depth(depth)
    values = np.unique(warped[np.isfinite(warped)])
    assert np.allclose(values, [0.6, 0.9])
    assert np.isnan(Grid(224, 224, 1.0, (600.0, 0.0)).warp_depth(depth)[:, 100:]).all()


@pytest.mark.parametrize("degrees", [-90, -89, -45, 0, 30, 44.9, 60, 89])
def test_encoded_angle_is_decoded(degrees: float) -> None:
    maps = maps_with_peak(100, 80, np.radians(degrees))
    error = maps.angle_at(100, 80, maps.q_star) - np.radians(degrees)
    assert abs((error + np.pi / 2) % np.pi - np.pi / 2) < 1e-5


def test_angle_map_lies_in_minus_90_to_90_degrees_without_90() -> None:
    maps = maps_with_peak(100, 80, 0.0)
    for sin2 in (0.0, -0.0, 1e-9, -1e-9):
        edge = replace(maps, cos2=np.full_like(maps.cos2, -1.0), sin2=np.full_like(maps.sin2, sin2))
        assert edge.angle.dtype == np.float32
        assert np.all(edge.angle >= -np.float32(np.pi / 2)) and np.all(edge.angle < np.float32(np.pi / 2))
    near = maps_with_peak(100, 80, float(np.radians(89.0)))
    np.testing.assert_allclose(np.degrees(near.angle), 89.0, atol=1e-4)


def test_angles_on_both_sides_of_the_wrap_average_to_the_wrap_not_to_zero() -> None:
    maps = maps_with_peak(100, 80, 0.0)
    cos2, sin2 = encode_angle(np.radians(np.where(np.arange(224) % 2, 89.0, -89.0)))
    shape = maps.quality.shape
    maps = Maps(
        maps.quality, np.broadcast_to(cos2, shape), np.broadcast_to(sin2, shape), maps.width, maps.priority, maps.grid
    )
    assert abs(abs(np.degrees(maps.angle_at(100, 80, maps.q_star))) - 90) < 1.0


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_rotating_the_maps_rotates_the_grasp(quarter_turns: int) -> None:
    row, column, angle = 60, 150, np.radians(25.0)
    maps = maps_with_peak(row, column, angle)
    turned_angle = angle - quarter_turns * np.pi / 2  # np.rot90 turns counter-clockwise, θ runs clockwise (u to v)
    cos2, sin2 = encode_angle(turned_angle)
    turned = Maps(
        np.rot90(maps.quality, quarter_turns).copy(),
        np.full_like(maps.cos2, cos2),
        np.full_like(maps.sin2, sin2),
        maps.width,
        maps.priority,
        maps.grid,
    )
    where = np.unravel_index(int(np.argmax(turned.q_star)), turned.q_star.shape)
    expected = (row, column)
    for _ in range(quarter_turns):
        expected = (223 - expected[1], expected[0])
    assert tuple(int(i) for i in where) == expected
    error = turned.angle_at(*expected, turned.q_star) - turned_angle
    assert abs((error + np.pi / 2) % np.pi - np.pi / 2) < 1e-5


def test_two_negatives_do_not_make_a_grasp() -> None:
    maps = maps_with_peak(100, 100, 0.0)
    negative = Maps(-maps.quality, maps.cos2, maps.sin2, maps.width, -maps.priority, maps.grid)
    assert negative.q_star.max() == 0.0
    assert maps.q_star.max() > 0.3


@pytest.mark.parametrize("at", [(100, 100), (0, 0), (223, 120)])
def test_priority_is_that_of_the_place_not_of_one_pixel(at: tuple[int, int]) -> None:
    maps = maps_with_peak(*at, 0.0)
    area = (slice(max(at[0] - 6, 0), at[0] + 7), slice(max(at[1] - 6, 0), at[1] + 7))
    one_pixel, place = (np.full_like(maps.quality, 0.2) for _ in range(2))
    one_pixel[at], place[area] = 1.0, 5.0  # clamped, too
    assert maps.with_priority(place).priority_at(*at) == pytest.approx(1.0)
    assert 0.2 < maps.with_priority(one_pixel).priority_at(*at) < 0.22


def test_width_label_and_decoder_share_one_scale() -> None:
    z, width, fx = 0.83, 0.047, 601.0
    maps = maps_with_peak(50, 50, 0.0, width=float(encode_width(width, z, fx)))
    assert maps.width_px_at(50, 50, maps.q_star) * z / fx == pytest.approx(width, rel=1e-5)
    assert encode_width(10.0, z, fx) == 1.0
    assert maps_with_peak(50, 50, 0.0, width=2.0).width_px_at(50, 50, maps.q_star) == pytest.approx(WIDTH_SCALE)


def test_broken_network_output_is_refused() -> None:
    maps = maps_with_peak(10, 10, 0.0)
    bad = maps.quality.copy()
    bad[3, 3] = np.nan
    with pytest.raises(BadInput, match="NaN"):
        Maps(bad, maps.cos2, maps.sin2, maps.width, maps.priority, maps.grid)
    with pytest.raises(BadInput, match="shape"):
        Maps(bad[:50], maps.cos2, maps.sin2, maps.width, maps.priority, maps.grid)


def test_height_priority_prefers_the_higher_object() -> None:
    depth = np.full((480, 640), 0.85, np.float32)
    depth[100:140, 200:240], depth[300:340, 400:440] = 0.80, 0.72
    grid = GRIDS["640x480"]
    priority = height_priority(Frame(None, depth, CAMERA), grid, None)
    low, high = (grid.to_grid(p).round().astype(int) for p in ((220, 120), (420, 320)))
    assert priority[high[1], high[0]] > priority[low[1], low[0]] > priority[5, 5]
    with pytest.raises(BadInput, match="height"):
        height_priority(Frame(np.zeros((480, 640, 3), np.uint8), None), grid, None)
