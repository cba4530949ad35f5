"""The maps for the eye: the same place, the same order, and a hue that comes round as a jaw does."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.scenes import CELL, CENTRE, HEIGHT, T_BASE_CAMERA, sight

from gpnet_ros.errors import BadInput
from gpnet_ros.map_pictures import colored_surface, false_colors
from gpnet_ros.maps import encode_angle


def brightness(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(int)


def test_every_map_has_its_picture_on_the_grid() -> None:
    maps = sight().maps
    pictures = false_colors(maps)
    assert set(pictures) == {"quality", "priority", "q_star", "angle", "width"}
    assert {p.shape for p in pictures.values()} == {(maps.grid.height, maps.grid.width, 3)}
    assert {p.dtype for p in pictures.values()} == {np.dtype(np.uint8)}


def test_more_is_brighter_and_beyond_the_ends_is_the_end() -> None:
    maps = sight().maps
    steps = np.linspace(-1.0, 2.0, maps.grid.width, dtype=np.float32)
    ramp = np.tile(steps, (maps.grid.height, 1))
    row = brightness(false_colors(replace(maps, priority=ramp))["priority"])[0]
    assert (np.diff(row) >= 0).all()
    assert row[0] == row[steps <= 0].max()
    assert row[-1] == row[steps >= 1].min()
    assert row[-1] > row[0] + 100


def test_half_a_turn_is_the_same_hue_and_a_quarter_turn_is_another() -> None:
    maps = sight().maps
    flat = np.ones_like(maps.quality)

    def seen(angle: float) -> np.ndarray:
        cos2, sin2 = (float(x) * flat for x in encode_angle(angle))
        return false_colors(replace(maps, quality=flat, cos2=cos2, sin2=sin2))["angle"][100, 100].astype(int)

    assert np.abs(seen(0.3) - seen(0.3 + np.pi)).max() <= 6
    assert np.abs(seen(-np.pi / 2 + 0.001) - seen(np.pi / 2 - 0.001)).max() <= 12
    assert np.abs(seen(0.3) - seen(0.3 + np.pi / 2)).max() > 100


def test_the_surface_lies_where_the_box_is_and_is_coloured_by_q_star() -> None:
    s = sight()
    points, colors = colored_surface(s.frame, s.maps)
    assert len(points) == len(colors) > 0.9 * s.maps.quality.size
    at_base = points @ T_BASE_CAMERA[:3, :3].T + T_BASE_CAMERA[:3, 3]
    aside = np.abs(at_base[:, :2] - CENTRE).max(axis=1)
    on_box = aside < 0.01
    np.testing.assert_allclose(at_base[on_box, 2], HEIGHT, atol=0.003)
    far = aside > 0.1
    np.testing.assert_allclose(at_base[far, 2], CELL.workspace.table_z, atol=0.003)
    assert np.ptp(colors[far].astype(int), axis=1).mean() < 0.6 * np.ptp(colors[on_box].astype(int), axis=1).mean()


def test_unknown_depth_gives_no_point() -> None:
    s = sight()
    depth = np.array(s.frame.depth)
    depth[:, :320] = np.nan
    points, _ = colored_surface(replace(s.frame, depth=depth), s.maps)
    assert np.isfinite(points).all()
    assert len(points) < 0.6 * s.maps.quality.size
    with pytest.raises(BadInput, match="RGB-D"):
        colored_surface(replace(s.frame, depth=None), s.maps)
