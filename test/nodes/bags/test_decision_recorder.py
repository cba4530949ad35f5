"""record:=true: the planner's bag holds what a decision depends on, and gives the same grasps to the last bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from support.bag_files import TYPES
from support.exposures import exposure_of
from support.full_disk import full_disk
from support.scenes import CELL, T_BASE_CAMERA, sight, table_and_box
from support.tiny_graspnext import require_same, seen_where

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.cli import main
from gpnet_ros.data.bags.bag import Bag
from gpnet_ros.data.bags.decisions import read_decisions, read_setup
from gpnet_ros.errors import BagRefused
from gpnet_ros.evaluation.replay_testing.decided_again import decide_all_again, stored_cell
from gpnet_ros.fit import Memory
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.nodes.arriving.exposures import Exposure
from gpnet_ros.nodes.arriving.sights import to_sight
from gpnet_ros.nodes.bags.decision_recorder import DecisionRecorder, setup_values
from gpnet_ros.pick import decide
from gpnet_ros.picking.attention import Sight
from gpnet_ros.picking.record import DecisionBasis, PickRecord, Turn

SELECT = SelectSettings(quality_min=0.02)


class Told:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def state(self, state: str) -> None:
        self.heard.append(("state", state))

    def refused(self, reason: str) -> None:
        self.heard.append(("refused", reason))

    def decided(self, decision: Any, seen: Sight, basis: DecisionBasis) -> None:
        self.heard.append(("decided", decision))

    def result(self, record: PickRecord) -> None:
        self.heard.append(("result", record))


class Cell:
    """A planner's recorder and the decisions that are made before it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told, self.warned = folder, Told(), list[str]()
        self.newest: Exposure | None = None
        setup = setup_values(CELL, load_hand_eye())
        self.recorder = DecisionRecorder(self.told, lambda: self.newest, folder, setup, self.warned.append)
        self.memory = Memory()

    def decide(
        self,
        stamp: float,
        spot: int = 0,
        bends: float = 0.0,
        height: float = 0.05,
        cell: Any = CELL,
        occluded: float | None = None,
    ) -> dict[str, Any]:
        """One turn as the loop has it: arm a little beside home, a decision, a failed pick that is remembered.

        With a chance of being occluded the box is detected, too, and decided by that.
        """
        shown = sight(stamp, height)
        if occluded is not None:
            assert shown.frame.depth is not None
            box = table_and_box(0.0) - shown.frame.depth > 0.01
            shown = replace(shown, detections=seen_where(shown.frame, box, occluded))
        self.newest = exposure_of(shown)
        seen = to_sight(self.newest)
        q = np.array(CELL.home) + bends
        basis = DecisionBasis(q, T_BASE_CAMERA, tuple(self.memory.failed), spot, select=SELECT, cell=cell)
        assert seen.maps is not None
        decision = decide(
            seen.frame, seen.maps, T_BASE_CAMERA, cell, q,
            memory=self.memory, select=SELECT, spot=spot, detections=seen.detections,
        )  # fmt: skip
        self.recorder.decided(decision, seen, basis)
        turn = Turn("dry_run", "", {}, seen, decision, basis=basis)
        record = PickRecord(turn, "dry_run", 1, 0, spot, None)
        self.recorder.result(record)
        if decision.T_base_tcp is not None:
            self.memory.remember(decision.T_base_tcp)
        return record.to_dict()

    def bag(self) -> Path:
        self.recorder.state("idle")
        return sorted(self.folder.iterdir())[-1]


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return Cell(tmp_path / "decisions")


def test_what_was_decided_is_decided_again_to_the_last_bit(cell: Cell, capsys: pytest.CaptureFixture[str]) -> None:
    made = [cell.decide(1.5), cell.decide(2.25, spot=1, bends=1e-3), cell.decide(3.125, height=0.0)]
    # The second time the first grasp is remembered as failed: another one, or none.
    assert made[0]["pixel"] != made[1].get("pixel")
    bag = cell.bag()
    again = list(decide_all_again(bag))
    assert [one.stamp for one in again] == [1.5, 2.25, 3.125]
    assert not any(one.differs for one in again)
    assert main(["bag", "check", str(bag)]) == 0
    assert "3 decisions made again, 0 differ" in capsys.readouterr().out


def test_a_bag_of_before_holes_were_felt_for_is_decided_again_without() -> None:
    stored = json.loads(json.dumps(setup_values(CELL, load_hand_eye())))["cell"]
    assert stored_cell(stored, "bag") == CELL and CELL.limits.felt_width > 0.0
    del stored["limits"]["felt_width"]
    assert stored_cell(stored, "bag") == replace(CELL, limits=replace(CELL.limits, felt_width=0.0))


def test_frame_maps_basis_and_setup_come_back_as_they_were(cell: Cell) -> None:
    cell.decide(1.5)
    made = cell.decide(2.5, bends=0.01)
    seen = to_sight(exposure_of(sight(2.5)))
    with Bag(cell.bag()) as bag:
        assert read_setup(bag) == json.loads(json.dumps(setup_values(CELL, load_hand_eye())))
        _, one = read_decisions(bag)
    assert one.record == json.loads(json.dumps(made))
    assert one.record["basis"]["q_start"] == (np.array(CELL.home) + 0.01).tolist()
    np.testing.assert_array_equal(one.frame.color, seen.frame.color)
    np.testing.assert_array_equal(one.frame.depth, seen.frame.depth)
    for name in ("quality", "priority", "cos2", "sin2", "width"):
        np.testing.assert_array_equal(getattr(one.maps, name), getattr(seen.maps, name))


def test_what_was_decided_by_detections_is_decided_again_by_them(cell: Cell) -> None:
    free, hidden, plain = cell.decide(1.5, occluded=0.125), cell.decide(2.5, occluded=0.75), cell.decide(3.5)
    assert (free["by_detections"], hidden["by_detections"], plain["by_detections"]) == (True, True, False)
    assert free["priority"] > 0.8
    bag = cell.bag()
    with Bag(bag) as opened:
        one, *_ = read_decisions(opened)
    assert one.detections is not None and cell.newest is not None
    shown = sight(1.5)
    assert shown.frame.depth is not None
    require_same(one.detections, seen_where(shown.frame, table_and_box(0.0) - shown.frame.depth > 0.01, 0.125))
    again = list(decide_all_again(bag))
    assert [each.stamp for each in again][:2] == [1.5, 2.5]
    assert not any(each.differs for each in again)


def test_a_record_that_says_so_without_detections_is_refused(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    cell.decide(1.5)
    before = json.loads
    said = type("Json", (), {"loads": staticmethod(lambda text: {**before(text), "by_detections": True})})
    monkeypatch.setattr("gpnet_ros.data.bags.decisions.json", said)
    with pytest.raises(BagRefused, match="lacks /detections/objects, by which was decided: record it again"):
        list(decide_all_again(cell.bag()))


@pytest.mark.parametrize("lost", ["remembered", "T_base_camera"])
def test_the_basis_matters(cell: Cell, lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twin: what is not recorded would give another decision."""
    cell.decide(1.5)
    cell.decide(2.5)
    other = {"remembered": [], "T_base_camera": (T_BASE_CAMERA + np.eye(4)[:, [3]] * [[0, 0, 0, 0.01]]).tolist()}[lost]
    before = json.loads
    monkeypatch.setattr(
        "gpnet_ros.data.bags.decisions.json",
        type("Json", (), {"loads": staticmethod(lambda text: _changed(before(text), lost, other))}),
    )
    assert any(one.differs for one in decide_all_again(cell.bag()))


def _changed(record: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    if "basis" in record:
        record["basis"][name] = value
    return record


def test_each_task_has_a_bag_of_its_own_and_all_is_handed_on(cell: Cell) -> None:
    cell.decide(1.0)
    first = cell.bag()
    cell.decide(2.0)
    assert cell.bag() != first and len(list(cell.folder.iterdir())) == 2
    assert [kind for kind, _ in cell.told.heard] == ["decided", "result", "state"] * 2


def test_a_cell_that_changes_within_a_task_begins_another_bag_with_it(cell: Cell) -> None:
    slower = replace(CELL, motion=replace(CELL.motion, joint_speed=0.5), workspace=replace(CELL.workspace, side=0.2))
    cell.decide(1.0)
    cell.decide(2.0, cell=slower)
    cell.decide(3.0, cell=slower)
    cell.bag()
    first, second = sorted(cell.folder.iterdir())
    assert [one.stamp for one in decide_all_again(first)] == [1.0]
    again = list(decide_all_again(second))
    assert [one.stamp for one in again] == [2.0, 3.0]
    assert not any(one.differs for one in again)
    with Bag(second) as bag:
        assert read_setup(bag)["cell"]["workspace"]["side"] == 0.2


def test_turns_without_a_decision_leave_no_bag(cell: Cell) -> None:
    cell.recorder.result(PickRecord(Turn("no_frame", "Nothing came."), "dry_run", 0, 0, 0, "no_frame"))
    cell.recorder.state("idle")
    assert not cell.folder.exists()


def test_a_folder_that_cannot_be_written_costs_the_record_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cell = Cell(tmp_path / "file" / "decisions")
    cell.decide(1.0)
    assert ("result" in dict(cell.told.heard)) and "cannot be written" in cell.warned[0]
    cell.recorder.close()


def test_a_disk_that_fills_up_before_the_bag_is_closed_is_told(cell: Cell, capsys: pytest.CaptureFixture[str]) -> None:
    cell.decide(1.0)
    with full_disk():
        cell.recorder.state("idle")
    assert "not whole" in cell.warned[0] and "cannot be written" in cell.warned[0]
    assert cell.told.heard[-1][0] == "state"


def test_a_bag_of_a_camera_or_of_an_older_version_is_one_sentence(cell: Cell, tmp_path: Path) -> None:
    from rosbags.rosbag2 import Reader, Writer
    from support.bag_files import small_frames, write_bag

    with pytest.raises(BagRefused, match="holds no decisions"):
        list(decide_all_again(write_bag(tmp_path / "camera", small_frames(1))))
    cell.decide(1.0)
    with Reader(cell.bag()) as reader, Writer(tmp_path / "old", version=9) as writer:
        known = {c.id: writer.add_connection(c.topic, c.msgtype, typestore=TYPES) for c in reader.connections}
        for connection, time, raw in reader.messages():
            if connection.topic.endswith("result"):
                said = json.loads(TYPES.deserialize_cdr(raw, connection.msgtype).data)
                said.pop("basis")
                text = TYPES.types["std_msgs/msg/String"](json.dumps(said))
                raw = bytes(TYPES.serialize_cdr(text, connection.msgtype))
            writer.write(known[connection.id], time, raw)
    with pytest.raises(BagRefused, match="older version"):
        list(decide_all_again(tmp_path / "old"))
