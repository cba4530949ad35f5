"""Recorded decisions made again from what they depended on, and what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.cup import CupSelect
from gpnet_ros.cup_pick import decide_cup
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.decisions import RecordedDecision, read_decisions, read_setup
from gpnet_ros.errors import BagRefused
from gpnet_ros.fit import Memory
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.maps import Grid, Maps, workspace_grid
from gpnet_ros.network.detector import Detector, cell_threads
from gpnet_ros.pick import Decision, decide
from gpnet_ros.picking.record import decision_values
from gpnet_ros.settings import from_dict


@dataclass(frozen=True)
class DecidedAgain:
    """A decision that was made again: its stamp [s] and status as recorded, and what differs, as (recorded, again)."""

    stamp: float
    status: str
    differs: dict[str, tuple[Any, Any]]


def decide_all_again(path: Path, cell_file: Path | None = None, model: str | None = None) -> Iterator[DecidedAgain]:
    """Make every decision of a bag again.

    Args:
        path: of the bag.
        cell_file: in place of the cell in the bag; needed where the bag holds none and it was not the package's.
        model: to make the maps again, too; None takes those of the bag.

    Raises:
        BagRefused: the bag holds no decisions that can be made again.
    """
    with Bag(path) as bag:
        stored = read_setup(bag).get("cell")
        cell = stored_cell(stored, str(path)) if stored and cell_file is None else load_cell(cell_file)
        network = None if model is None else _Network(model, cell)
        for recorded in read_decisions(bag):
            maps = recorded.maps if network is None else network.maps(recorded)
            yield decide_again(recorded, maps, cell)


def stored_cell(stored: Mapping[str, Any], where: str) -> Cell:
    """The cell of a bag, by which no hole was felt for where it does not know of that.

    Args:
        stored: plain values.
        where: it stands, for messages.
    """
    limits = {"felt_width": 0.0, **stored.get("limits", {})}
    return from_dict(Cell, {**stored, "limits": limits}, where)


def decide_again(recorded: RecordedDecision, maps: Maps | None, cell: Cell) -> DecidedAgain:
    """Make one decision again from its frame, its basis, maps, and its detections where it was decided by them.

    Raises:
        BagRefused: what the cell's tool is decided by is not there.
    """
    decision = _decided(recorded, maps, cell)
    again = json.loads(json.dumps(decision_values(decision)))
    known = {"pixel", "angle_deg", "score", "width_m", "T_base_grasp", "T_base_tcp", "insertion_m", "felt", *again}
    pairs = {key: (recorded.record.get(key), again.get(key)) for key in sorted(known)}
    differs = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    return DecidedAgain(recorded.frame.stamp, str(recorded.record["status"]), differs)


def _decided(recorded: RecordedDecision, maps: Maps | None, cell: Cell) -> Decision:
    basis, memory, frame, seen = recorded.record["basis"], Memory(), recorded.frame, recorded.detections
    for T in basis["remembered"]:
        memory.remember(np.array(T))
    if "standing" in basis:
        memory.standing = tuple((float(x), float(y)) for x, y in basis["standing"])
    of = (np.array(basis["T_base_camera"]), cell, np.array(basis["q_start"]))
    hover, spot = bool(basis["hover"]), int(basis["spot"])
    if cell.tool == "suction" and seen is not None:
        cup = from_dict(CupSelect, basis.get("select_cup", {}), "basis")
        return decide_cup(frame, seen, *of, memory=memory, select=cup, hover=hover, spot=spot)
    if cell.tool == "suction" or maps is None:
        raise BagRefused(
            f"The decision of {frame.stamp} s lacks what a tool {cell.tool!r} is decided by: give the cell file of the "
            "bag's cell."
        )
    select = from_dict(SelectSettings, basis["select"], "basis")
    return decide(frame, maps, *of, memory=memory, select=select, hover=hover, spot=spot, detections=seen)


class _Network:
    """Makes the maps of recorded frames again."""

    def __init__(self, model: str, cell: Cell) -> None:
        self._workspace, self._T_base_camera = cell.workspace, np.eye(4)
        self._detector = Detector(model, device="cpu", grid=self._grid, threads=cell_threads(), runtime="auto")

    def _grid(self, frame: Frame) -> Grid:
        return workspace_grid(frame, self._T_base_camera, self._workspace)

    def maps(self, recorded: RecordedDecision) -> Maps:
        """The maps of a frame as the planner gets them by topics."""
        self._T_base_camera = np.array(recorded.record["basis"]["T_base_camera"])
        frame = recorded.frame
        assert frame.intrinsics is not None
        maps = self._detector(frame)
        seen = Grid.of_camera(maps.grid.intrinsics(frame.intrinsics), frame.intrinsics)
        width = maps.published_width(frame)
        return Maps.from_published(frame, seen, maps.quality, maps.priority, maps.angle, width)
