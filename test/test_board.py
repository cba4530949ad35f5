"""The board is found where it is; another, a mirrored or a missing one is named."""

from __future__ import annotations

import numpy as np
import pytest
from support.pdf_pictures import painted

from gpnet_ros.board import Board, find_board
from gpnet_ros.calibration.board_page import BOARDS, board_pdf
from gpnet_ros.errors import BoardNotSeen, SettingsError

PRINT = painted(board_pdf(BOARDS["a4"], "a4"), per_mm=3.0)


def test_corners_are_found_and_numbered_as_the_board_has_them() -> None:
    board = BOARDS["a4"]
    corners = find_board(PRINT, board)
    assert len(corners.points) == (board.columns - 1) * (board.rows - 1)
    A = np.column_stack([corners.points[:, :2], np.ones(len(corners.points))])
    fit, *_ = np.linalg.lstsq(A, corners.pixels, rcond=None)
    np.testing.assert_allclose(fit[:2], 3000.0 * np.eye(2), atol=6.0)  # x right, y down, 3 px per millimetre
    assert np.abs(A @ fit - corners.pixels).max() < 0.6


@pytest.mark.parametrize(
    ("picture", "board", "said"),
    [
        (PRINT[:, ::-1], Board(), "mirrored"),
        (PRINT, Board(dictionary="5X5_100"), "of dictionary 4X4_50"),
        (PRINT, Board(columns=9, rows=6), "lie otherwise"),
        (PRINT, Board(columns=6, rows=5), r"Marker 1\d is seen, but 15"),
        (np.full_like(PRINT, 128), Board(), "Only 0 corners"),
        (PRINT[:, : PRINT.shape[1] // 4], Board(), "corners of the board are seen"),
    ],
)
def test_what_is_not_the_board_is_named(picture: np.ndarray, board: Board, said: str) -> None:
    with pytest.raises(BoardNotSeen, match=said):
        find_board(picture, board)


@pytest.mark.parametrize(
    ("values", "setting"),
    [({"marker": 0.033}, "marker"), ({"columns": 2}, "columns"), ({"columns": 20, "rows": 20}, "dictionary")],
)
def test_a_board_that_cannot_be_is_refused(values: dict, setting: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Board(**values)
    assert refusal.value.setting == setting
