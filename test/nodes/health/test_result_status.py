"""The typed twin of the JSON: every value of it, and the level that its status asks for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.scenes import sight

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.cup import CupGrasp
from gpnet_ros.nodes.health.parts import Level
from gpnet_ros.nodes.health.result_status import decision_health, flat, result_health, result_level
from gpnet_ros.pick import Decision, decide
from gpnet_ros.picking.record import PickRecord, Turn
from gpnet_ros.picking.runner import PickResult, PickStatus


def leaves(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """All that stands in nested values, by names with dots."""
    found = {}
    for name, value in values.items():
        found |= leaves(value, f"{before}{name}.") if isinstance(value, dict) and value else {before + name: value}
    return found


@pytest.fixture(scope="module")
def decision() -> Decision:
    seen, cell = sight(), load_cell()
    return decide(seen.frame, seen.maps, load_hand_eye().T_base_camera(), cell, np.array(cell.home))


def record(decision: Decision, status: str, halt: str = "") -> PickRecord:
    result = PickResult(PickStatus.PICKED, "", "release", True, 3.2, {"close": 0.031})
    turn = Turn(status, "Told.", {"look": 0.5, "decide": 0.25}, sight(), decision, result, halt=halt)
    return PickRecord(turn, "run", 3, 0, 2, None)


def test_every_value_of_the_json_is_in_the_status(decision: Decision) -> None:
    wanted = leaves(record(decision, "picked").to_dict())
    told = result_health(record(decision, "picked")).values
    assert set(told) == set(wanted)
    for name, value in wanted.items():
        assert told[name] == (value if isinstance(value, str) else json.dumps(value))
        assert isinstance(value, str) or json.loads(told[name]) == value
    assert {"stamp", "width_m", "time_s.look", "widths_m.close", "T_base_tcp", "finished"} <= set(told)


def test_a_value_that_is_left_out_is_seen() -> None:
    assert flat({"a": 1, "b": {"c": None}}) == {"a": "1", "b.c": "null"}
    assert flat({"a": {}, "b": "text"}) == {"a": "{}", "b": "text"}


@pytest.mark.parametrize(
    ("status", "level"),
    [("picked", Level.OK), ("dry_run", Level.OK), ("nothing_left", Level.OK), ("missed", Level.WARN),
     ("nothing_graspable", Level.WARN), ("not_seen", Level.WARN), ("no_frame", Level.WARN), ("link_lost", Level.ERROR),
     ("stopped", Level.ERROR), ("refused", Level.ERROR), ("defect", Level.ERROR), ("hand_eye", Level.ERROR)],
)  # fmt: skip
def test_the_level_follows_from_the_status(decision: Decision, status: str, level: Level) -> None:
    told = result_health(record(decision, status))
    assert told.level == level
    assert told.message == f"{status}: Told."


def test_what_halts_is_an_error_whatever_it_is_called(decision: Decision) -> None:
    for status in (each.value for each in PickStatus):
        assert result_level(status, True) == Level.ERROR
        assert result_level(status, False) in Level
    assert result_health(record(decision, "cancelled", halt="Stopped by a person.")).level == Level.ERROR


def test_a_decision_tells_what_was_chosen_and_why_the_others_lost(decision: Decision) -> None:
    assert decision.grasp is not None
    told = decision_health(decision, sight())
    assert (told.level, told.message) == (Level.OK, "grasp")
    assert float(told.values["score"]) == pytest.approx(decision.grasp.score, abs=1e-4)
    assert int(told.values["candidates_rejected"]) == len(decision.rejected)
    counts = [int(n) for name, n in told.values.items() if name.startswith("rejected_")]
    assert sum(counts) == len(decision.rejected)


def test_a_place_for_the_cup_is_well_decided_too() -> None:
    up = np.array([0.0, 0.0, -1.0])
    cup = CupGrasp((40.0, 30.0), 0.0, 0.8, up, 0.001, score=0.7, suction=0.8, arm=0.01, index=0, rises=0.0)
    assert decision_health(Decision("grasp", cup=cup), sight()).level == Level.OK


@pytest.mark.parametrize(("status", "level"), [("nothing_left", Level.OK), ("nothing_graspable", Level.WARN)])
def test_a_decision_without_a_grasp_is_told_as_such(status: Any, level: Level) -> None:
    told = decision_health(Decision(status), sight())
    assert (told.level, told.message) == (level, status)
    assert "T_base_grasp" not in told.values
    assert told.values["status"] == status
