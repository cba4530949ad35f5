"""Print the calibration board: a ChArUco board as a PDF in true size, with rulers that check the print.

Writes BOARD.pdf and, beside it, BOARD.yaml with the board's settings, which `gpnet hand-eye` reads. Measure the print:
where its squares are not as large as they should be, give what they measure by --square and --marker with --keep-pdf.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpnet_ros.board import DICTIONARIES
from gpnet_ros.calibration.board_page import BOARDS, board_pdf, board_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `gpnet board`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("board.pdf"), help="the PDF file (board.pdf); its settings go beside it")
    add("--paper", choices=tuple(BOARDS), default="a4", help="sheet, lying across (a4)")
    add("--columns", type=int, help="squares along the long side")
    add("--rows", type=int, help="squares along the short side")
    add("--square", type=float, metavar="MM", help="side of a square [mm]")
    add("--marker", type=float, metavar="MM", help="side of a marker [mm]")
    add("--dictionary", choices=DICTIONARIES, metavar="NAME", help=f"of the markers ({DICTIONARIES[0]}, ...)")
    add("--keep-pdf", action="store_true", help="write the settings only: of a print that measures otherwise")


def run(args: argparse.Namespace) -> int:
    """Write page and settings."""
    given: dict[str, Any] = {name: getattr(args, name) for name in ("columns", "rows", "dictionary")}
    given |= {name: getattr(args, name) and getattr(args, name) / 1000 for name in ("square", "marker")}
    if given["square"] and not given["marker"]:
        given["marker"] = round(given["square"] * BOARDS[args.paper].marker / BOARDS[args.paper].square, 6)
    board = replace(BOARDS[args.paper], **{name: value for name, value in given.items() if value is not None})
    settings = args.out.with_suffix(".yaml")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if not args.keep_pdf:
        args.out.write_bytes(board_pdf(board, args.paper))
        print(f"{args.out}: {board.told}, for {args.paper}; print it at 100 % and check both rulers")
    settings.write_text(board_yaml(board), encoding="utf-8")
    print(f"{settings}: the board's settings, for gpnet hand-eye --board")
    return 0
