"""Height map: it sees what stands on the table, where it stands, and takes no shadow for an object."""

from __future__ import annotations

import numpy as np
import pytest
from support.boxes import CELL, D435, T_CAMERA, box, flat, see

from gpnet_ros.cell import Cell
from gpnet_ros.errors import FrameRefused, NoDepth
from gpnet_ros.frame import Frame
from gpnet_ros.height_map import height_map


def test_height_map_measures_boxes_and_table() -> None:
    heights = height_map(see([box(0.65, 0.05, (0.06, 0.04, 0.08))]), T_CAMERA, CELL)
    assert heights.at((0.65, 0.05)) == pytest.approx(0.08, abs=1e-3)
    assert heights.at((0.60, -0.10)) == pytest.approx(0.0, abs=1e-3)
    assert heights.top == pytest.approx(0.08, abs=2e-3)


def test_height_map_is_where_the_box_is() -> None:
    heights = height_map(see([box(0.70, -0.08, (0.05, 0.03, 0.05))]), T_CAMERA, CELL)
    rows, columns = np.nonzero(heights.z > 0.045)
    centre = np.array(heights.origin) + heights.side * np.array([columns.mean(), rows.mean()])
    np.testing.assert_allclose(centre, (0.70, -0.08), atol=2e-3)


def test_a_shadow_is_not_as_high_as_what_casts_it() -> None:
    # The camera stands at larger x, so the shadow lies on the side of smaller x.
    heights = height_map(see([box(0.55, 0.0, (0.04, 0.10, 0.10))]), T_CAMERA, CELL)
    shadow = heights.at(np.stack([np.full(20, 0.53 - 0.012), np.linspace(-0.04, 0.04, 20)], axis=-1))
    assert np.isfinite(shadow).all()
    assert (shadow < 0.075).all()


def test_a_hole_on_an_object_is_filled_at_its_height() -> None:
    frame = see([box(0.65, 0.0, (0.08, 0.08, 0.06))])
    assert frame.depth is not None
    depth = frame.depth.copy()
    u, v = D435.project(np.linalg.inv(T_CAMERA)[:3] @ [0.65, 0.0, 0.06, 1.0]).round().astype(int)
    depth[v - 6 : v + 7, u - 6 : u + 7] = np.nan
    heights = height_map(Frame(None, depth, D435), T_CAMERA, CELL)
    assert heights.at((0.65, 0.0)) == pytest.approx(0.06, abs=2e-3)


def test_a_frame_without_depth_or_model_is_refused() -> None:
    color = np.zeros((480, 640, 3), np.uint8)
    with pytest.raises(FrameRefused):
        height_map(Frame(color, None, D435), T_CAMERA, Cell())
    with pytest.raises(FrameRefused):
        height_map(Frame(None, np.ones((480, 640), np.float32)), T_CAMERA, Cell())


def test_an_empty_map_has_no_top() -> None:
    with pytest.raises(NoDepth):
        _ = flat(float("nan")).top
    assert np.isnan(flat().at((9.0, 9.0)))
