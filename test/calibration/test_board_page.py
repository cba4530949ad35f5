"""The printed page: true size, rulers, settings; and the command that writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.pdf_pictures import boxes, page_size, painted

from gpnet_ros import cli
from gpnet_ros.board import Board, find_board
from gpnet_ros.calibration.board_page import BOARDS, PAPERS, board_pdf
from gpnet_ros.settings import load_settings


@pytest.mark.parametrize("paper", PAPERS)
def test_board_and_rulers_have_their_true_size_on_every_sheet(paper: str) -> None:
    board, data = BOARDS[paper], board_pdf(BOARDS[paper], paper)
    np.testing.assert_allclose(page_size(data), PAPERS[paper], atol=0.01)
    found = boxes(data)
    squares = found[np.abs(found[:, 2:] - 1000 * board.square).max(axis=1) < 0.01]
    assert len(squares) == (board.columns * board.rows + 1) // 2
    span = np.ptp(squares[:, :2], axis=0) + 1000 * board.square
    np.testing.assert_allclose(span, 1000 * np.array(board.size), atol=0.01)
    rulers = found[found[:, 2:].max(axis=1) > 99.0]
    np.testing.assert_allclose(np.sort(rulers[:, 2:].max(axis=1)), [100.0, 100.0], atol=0.01)
    inside = (found[:, :2] > 4.0).all() and (found[:, :2] + found[:, 2:] < np.array(PAPERS[paper]) - 4.0).all()
    assert inside, "a printer's margin"
    assert board.told.encode() in data
    assert len(find_board(painted(data, 3.0), board).points) == (board.columns - 1) * (board.rows - 1)


def test_the_file_is_a_pdf_whose_table_points_at_its_objects() -> None:
    data = board_pdf(Board(), "a4")
    start = int(data.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert data.startswith(b"%PDF-") and data[start:].startswith(b"xref\n0 6\n")
    for number, line in enumerate(data[start:].split(b"\n")[3:8], 1):
        assert data[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)
    length = int(data.split(b"/Length ")[1].split(b" ")[0])
    assert len(data.split(b">>\nstream\n")[1].split(b"\nendstream")[0]) == length


def test_the_command_writes_page_and_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "plate.pdf"
    given = ["--columns", "6", "--rows", "4", "--square", "40", "--marker", "30"]
    assert cli.main(["board", "--out", str(out), *given]) == 0
    assert load_settings(Board, out.with_suffix(".yaml")) == Board(6, 4, 0.04, 0.03)
    page = out.read_bytes()
    assert cli.main(["board", "--out", str(out), *given[:4], "--square", "39.6", "--keep-pdf"]) == 0
    assert out.read_bytes() == page and load_settings(Board, out.with_suffix(".yaml")).square == 0.0396
    assert "100 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [(["--square", "60", "--marker", "45"], "does not fit on a4"), (["--marker", "33"], "marker is")],
)
def test_the_command_refuses_what_cannot_be_printed(
    given: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["board", "--out", str(tmp_path / "b.pdf"), *given]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "b.pdf").exists()
