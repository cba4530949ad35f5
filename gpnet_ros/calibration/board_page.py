"""The page to print: the board in true size, two rulers that tell whether it was printed so, and its settings."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import yaml

from gpnet_ros.board import Board, black_cells
from gpnet_ros.calibration.pdf import PdfPage
from gpnet_ros.errors import BadInput

#: Width and height of sheets that lie across [mm]: ISO 216, and ANSI/ASME Y14.1.
PAPERS = {"a4": (297.0, 210.0), "a3": (420.0, 297.0), "letter": (279.4, 215.9)}
#: The boards that fit, with a white border that detection needs.
BOARDS = {
    "a4": Board(),
    "a3": Board(9, 6, 0.042, 0.032),
    "letter": Board(8, 5, 0.031, 0.023),
}
#: Length of a ruler, and what is kept free on the left, at the other three sides and at the foot [mm].
RULER = 100.0
_LEFT, _SIDE, _FOOT = 22.0, 8.0, 26.0


def board_pdf(board: Board, paper: str) -> bytes:
    """The PDF file of a board on a sheet.

    Raises:
        BadInput: no such paper, or the board does not fit on it.
    """
    if paper not in PAPERS:
        raise BadInput(f"--paper is {paper!r}; allowed: {', '.join(PAPERS)}.")
    width, height = PAPERS[paper]
    w, h = (1000.0 * side for side in board.size)
    room = (width - _LEFT - _SIDE, height - _SIDE - _FOOT)
    if w > room[0] or h > room[1]:
        raise BadInput(
            f"A board of {w:.1f} x {h:.1f} mm does not fit on {paper}, which has room for {room[0]:.0f} x "
            f"{room[1]:.0f} mm: take smaller or fewer squares, or --paper a3."
        )
    page = PdfPage(width, height)
    left, top = _LEFT + (room[0] - w) / 2, _SIDE + (room[1] - h) / 2
    page.fill((left + x, top + y, a, b) for x, y, a, b in (1000.0 * black_cells(board)).tolist())
    foot = height - _FOOT + 6.0
    page.fill(_ruler(left, foot, across=True))
    page.fill(_ruler(10.0, top, across=False))
    page.write(left + RULER + 4.0, foot + 3.0, f"both rulers must measure {RULER:.0f} mm, else print again at 100 %")
    page.write(left, foot + 9.0, f"gpnet board: {board.told}")
    page.write(
        left,
        foot + 13.5,
        "print at 100 % (no 'fit to page'), stick it to a flat, stiff plate, measure it: gpnet board --square",
    )
    return page.data()


def _ruler(x: float, y: float, across: bool) -> list[tuple[float, float, float, float]]:
    """A line of 100 mm from x, y [mm] with a tick every 10 mm, whose outer edges are 100 mm apart, as boxes [mm]."""
    thin = 0.25
    marks = np.linspace(0.0, RULER - thin, 11).tolist()
    lengths = [4.0 if k % 5 == 0 else 2.5 for k in range(11)]
    boxes = [(0.0, 0.0, RULER, thin), *((at, 0.0, thin, long) for at, long in zip(marks, lengths, strict=True))]
    return [(x + a, y + b, c, d) if across else (x + b, y + a, d, c) for a, b, c, d in boxes]


def board_yaml(board: Board) -> str:
    """The board's settings, as `board.yaml` holds them."""
    head = "# The ChArUco board of `gpnet board`: square and marker as measured on the print, in metres.\n"
    return head + yaml.safe_dump(asdict(board), sort_keys=False)
