"""Laws of a measured cell: what was touched comes out again, and what cannot be is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.boxes import D435, T_CAMERA, see

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.cell_measure import (
    agreed,
    home_fault,
    measured_box,
    measured_tote,
    seen_table,
    table_plane,
    with_measured,
)
from gpnet_ros.cell_picture import KEEP_OUT, OFF, TOTE, WORKSPACE, draw_cell, table_off
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.settings import from_dict

CELL = load_cell()
CORNERS = np.array([[0.5, -0.15], [0.8, -0.15], [0.8, 0.15], [0.5, 0.15]])


def tilted(z: float, degrees: float, bump: float = 0.0) -> np.ndarray:
    heights = z + np.tan(np.deg2rad(degrees)) * (CORNERS[:, 0] - 0.65)
    heights[0] += bump
    return np.column_stack([CORNERS, heights])


def test_a_plane_gives_height_and_tilt_and_what_is_off_or_tilted_is_refused() -> None:
    plane = table_plane(tilted(-0.004, 0.5), CELL.workspace)
    assert plane.z == pytest.approx(-0.004, abs=1e-9) and np.rad2deg(plane.tilt) == pytest.approx(0.5, abs=1e-6)
    assert plane.refusal == ""
    assert "tilted" in table_plane(tilted(0.0, 1.2), CELL.workspace).refusal
    assert "off one plane" in table_plane(tilted(0.0, 0.0, bump=0.02), CELL.workspace).refusal
    line = np.column_stack([np.linspace(0.5, 0.8, 4), np.zeros(4), np.zeros(4)])
    for bad, word in ((line, "one line"), (tilted(0, 0)[:2], "three are needed"), (tilted(np.nan, 0), "three")):
        with pytest.raises(BadInput, match=word):
            table_plane(bad, CELL.workspace)


def test_the_table_is_seen_where_it_is_and_a_full_one_is_refused() -> None:
    frame = see([], noise=0.001)
    assert frame.depth is not None
    seen = table_plane(seen_table(frame.depth, D435, T_CAMERA, CELL.workspace), CELL.workspace)
    assert abs(seen.z) < 1e-3
    assert agreed(replace(seen, z=0.007), seen) == "" and "allowed" in agreed(replace(seen, z=0.012), seen)
    full = see([((0.55, -0.1, 0.0), (0.75, 0.1, 0.06))])
    assert full.depth is not None
    with pytest.raises(BadInput, match="clear the table"):
        seen_table(full.depth, D435, T_CAMERA, CELL.workspace)
    with pytest.raises(BadInput, match="pixels of the table"):
        seen_table(full.depth * np.float32(np.nan), D435, T_CAMERA, CELL.workspace)


def rim(turn: float = 0.0, dz: float = 0.0) -> np.ndarray:
    (cx, cy), (ix, iy) = CELL.tote.centre, CELL.tote.inner
    flat = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * (ix / 2, iy / 2)
    c, s = np.cos(turn), np.sin(turn)
    flat = flat @ np.array([[c, s], [-s, c]]) + (cx, cy)
    return np.column_stack([flat, 0.13 + np.array([dz, 0, 0, 0])])


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1], [3, 2, 1, 0]])
def test_the_tote_comes_out_of_its_corners_in_any_order(order: list[int]) -> None:
    tote = measured_tote(rim()[order], 0.01, CELL.tote)
    assert np.allclose(tote.centre, CELL.tote.centre) and np.allclose(tote.inner, CELL.tote.inner, atol=1e-4)
    assert (tote.height, tote.floor_z, tote.wall) == (pytest.approx(0.12), 0.01, CELL.tote.wall)


def test_a_tote_that_is_turned_uneven_or_upside_down_is_refused() -> None:
    slightly = measured_tote(rim(np.deg2rad(2.0)), 0.0, CELL.tote)
    assert all(a < b for a, b in zip(slightly.inner, CELL.tote.inner, strict=True))  # what lies inside of it
    for corners, floor, word in (
        (rim(np.deg2rad(4.0)), 0.0, "turned"),
        (rim(dz=0.02), 0.0, "level rectangle"),
        (rim(), 0.2, "above its rim"),
        (rim()[:3], 0.0, "four inner"),
        (rim() * np.nan, 0.0, "four inner"),
    ):
        with pytest.raises(BadInput, match=word):
            measured_tote(corners, floor, CELL.tote)


def test_a_box_holds_all_that_was_touched_and_stands_on_the_table() -> None:
    points = np.array([[1.1, -0.03, 0.5], [1.2, 0.05, 0.9]])
    box = measured_box("mast", points, -0.01)
    assert (points > box.low).all() and (points < box.high).all() and box.low[2] == -0.01
    assert np.allclose(np.subtract(box.high[:2], points.max(axis=0)[:2]), 0.02)
    with pytest.raises(BadInput, match="two opposite"):
        measured_box("mast", points[:1], 0.0)


def test_home_is_taken_where_it_may_be_and_refused_in_view_tilted_or_beside_the_tote() -> None:
    home = np.array(CELL.home)
    assert home_fault(home, CELL, T_CAMERA, D435) == ""
    faults = {
        "leans": home + [0, 0, 0, 0.06, 0, 0],
        "not over the tote": home + [-0.4, 0, 0, 0, 0, 0],
        "cannot have its home": home + [0, 0.6, 0, 0, 0, 0],
    }
    for word, q in faults.items():
        assert word in home_fault(q, CELL, None, None), word
    from support.boxes import down
    from support.judged_plans import joints_at

    over = joints_at(down(0.65, 0.0, 0.4), 1.4)
    assert "between camera and workspace" in home_fault(over, CELL, T_CAMERA, D435)


def test_a_written_cell_is_read_as_it_was_measured_and_keeps_all_else() -> None:
    tote = measured_tote(rim(), 0.01, CELL.tote)
    box = measured_box("mast", np.array([[1.1, 0.0, 0.2], [1.2, 0.1, 0.9]]), 0.0)
    cell = replace(CELL, tote=tote, keep_out=(box,), workspace=replace(CELL.workspace, table_z=-0.003))
    before = {"arm": "ur10", "limits": {"held_hang": 0.2}, "workspace": {"side": 0.32}}
    read = from_dict(Cell, with_measured(before, cell, {"table", "tote", "keep_out", "home"}))
    assert (read.tote, read.keep_out, read.workspace, read.home) == (tote, (box,), cell.workspace, CELL.home)
    assert read.limits.held_hang == 0.2
    assert with_measured(before, cell, set()) == before


def test_the_picture_shows_what_is_believed_and_where_the_depth_contradicts_it() -> None:
    depth = see([]).depth
    assert depth is not None
    frame = Frame(np.zeros((480, 640, 3), np.uint8), depth, D435)
    nearer = replace(
        CELL, tote=replace(CELL.tote, centre=(0.65, 0.0)), keep_out=(measured_box("x", [[0.6, 0, 0.1]] * 2, 0),)
    )
    image = draw_cell(frame, nearer, T_CAMERA)
    for color in (WORKSPACE, TOTE, KEEP_OUT):
        assert (image == color).all(axis=-1).any()
    assert not table_off(frame, CELL, T_CAMERA).any()
    lower = replace(CELL, workspace=replace(CELL.workspace, table_z=-0.02))
    assert table_off(frame, lower, T_CAMERA).sum() > 10_000
    assert (draw_cell(frame, lower, T_CAMERA) == np.array(OFF) // 2).all(axis=-1).any()
