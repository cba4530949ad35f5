"""What plans are judged by changes while the loop runs: no plan of before begins after it, none under way changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.loop_bench import PATIENCE, Bench, bench
from support.scenes import CELL

from gpnet_ros import pick
from gpnet_ros.cell import Cell
from gpnet_ros.devices.arm import MoveResult
from gpnet_ros.frame import Frame
from gpnet_ros.grasp import SelectSettings
from gpnet_ros.motion import Move
from gpnet_ros.pick import decide
from gpnet_ros.picking import picker
from gpnet_ros.picking.rest import Outdated, Rest

SLOW = replace(CELL, motion=replace(CELL.motion, joint_speed=0.5, linear_speed=0.1, descent_speed=0.02))
#: The box lies at (0.66, 0.03) m: not in this square, which the camera sees, too.
ELSEWHERE = replace(CELL, workspace=replace(CELL.workspace, centre=(0.58, -0.08), side=0.10))
STRICT = SelectSettings(quality_min=0.999)


def use_cell(b: Bench, cell: Cell) -> str:
    """As planner_node does; the reason when it is refused."""
    reason = b.loop.rest.hold()
    if not reason:
        b.loop.picker.use_cell(cell)
        b.loop.rest.let_go()
    return reason


def held_at(b: Bench, name: str) -> tuple[threading.Event, threading.Event]:
    """Events: the arm is in the move of this name; it may go on."""
    there, on, move = threading.Event(), threading.Event(), b.arm.move

    def waits(step: Move, cancelled: Callable[[], bool]) -> MoveResult:
        if step.name == name:
            there.set()
            assert on.wait(PATIENCE)
        return move(step, cancelled)

    b.arm.move = waits  # type: ignore[method-assign]
    return there, on


def after_first_decision(monkeypatch: pytest.MonkeyPatch, do: Callable[[], Any]) -> None:
    """Do something when the first decision has been made, before it is carried out."""
    first = iter((do,))

    def decides(*args: Any, **more: Any) -> Any:
        decision = decide(*args, **more)
        next(first, lambda: None)()
        return decision

    monkeypatch.setattr(picker, "decide", decides)


def test_a_pick_under_other_speeds_moves_by_them() -> None:
    speeds: dict[str, list[tuple[str, float]]] = {}
    for name, cell in (("before", CELL), ("after", SLOW)):
        with bench() as b:
            b.until_state("idle")
            assert use_cell(b, cell) == ""
            b.loop.pick()
            assert b.result()["status"] == "picked"
            speeds[name] = [(m.kind, m.speed) for m in b.arm.moves]
    assert max(v for kind, v in speeds["after"] if kind == "joint") <= 0.5
    assert max(v for kind, v in speeds["after"] if kind != "joint") <= 0.1
    assert max(v for kind, v in speeds["before"] if kind == "joint") > 0.5


def test_another_workspace_is_that_of_the_very_next_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Cell] = []
    check = pick.check
    monkeypatch.setattr(pick, "check", lambda plan, cell, *rest: judged.append(cell) or check(plan, cell, *rest))
    wider = replace(CELL, workspace=replace(CELL.workspace, side=0.30))
    with bench() as b:
        b.eyes.boxes = 3
        b.until_state("idle")
        for k, (cell, status) in enumerate([(CELL, "picked"), (wider, "picked"), (ELSEWHERE, "nothing_left")]):
            assert use_cell(b, cell) == ""
            b.loop.pick()
            assert b.result(k)["status"] == status
            b.until_state("idle")
    assert [c.workspace.side for c in judged] == [CELL.workspace.side, 0.30]


@pytest.mark.parametrize("what", ["workspace", "speeds", "threshold", "nothing"])
def test_a_plan_that_was_judged_before_a_change_never_moves_after_it(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with bench() as b:
        changes: dict[str, Callable[[], Any]] = {
            "workspace": lambda: use_cell(b, ELSEWHERE),
            "speeds": lambda: use_cell(b, SLOW),
            "threshold": lambda: b.loop.picker.use(replace(STRICT, quality_min=0.2), 0.3),
            "nothing": lambda: None,
        }
        b.until_state("idle")
        after_first_decision(monkeypatch, changes[what])
        b.loop.pick()
        result = b.result()
        b.until_state("idle")
        decisions, moved = len(b.notes.decisions), [m.speed for m in b.arm.moves if m.kind == "joint"]
        told = any("changed since" in reason for reason in b.notes.reasons)
    assert decisions == (1 if what == "nothing" else 2)
    assert told == (what != "nothing")
    assert result["status"] == ("nothing_left" if what == "workspace" else "picked")
    assert bool(moved) == (what != "workspace")
    assert (max(moved, default=0.0) <= 0.5) == (what in ("speeds", "workspace"))


def test_a_frame_that_was_judged_before_a_change_is_not_moved_by_after_it() -> None:
    with bench(look_timeout=0.5) as b:
        b.until_state("idle")
        attention = b.loop.attention
        judge = attention.check_frame

        def judged_just_before(frame: Frame) -> None:
            judge(frame)
            b.loop.picker.use(SelectSettings(), 1.01)  # no frame would do

        attention.check_frame = judged_just_before  # type: ignore[method-assign]
        b.loop.pick()
        b.notes.wait(lambda: any("changed since" in reason for reason in b.notes.reasons))
        assert b.result()["status"] == "no_frame"
        assert not b.arm.moves


@pytest.mark.parametrize("changes", [True, False])
def test_a_proposal_that_waits_for_a_word_is_dropped_by_a_change(changes: bool) -> None:
    with bench("step") as b:
        b.until_state("idle")
        b.loop.pick()
        b.until_state("awaiting_approval")
        if changes:
            assert use_cell(b, ELSEWHERE) == ""  # nothing moves while it waits
            assert b.result()["status"] == "nothing_left"
            assert not b.arm.moves
        else:
            b.loop.pick()
            assert b.result()["status"] == "picked"


def test_while_something_moves_workspace_and_speeds_are_refused_and_thresholds_are_not() -> None:
    with bench() as b:
        there, on = held_at(b, "descend")
        b.until_state("idle")
        b.loop.pick()
        assert there.wait(PATIENCE)
        assert "moves" in use_cell(b, SLOW)
        b.loop.picker.use(STRICT, 0.3)
        on.set()
        assert b.result()["status"] == "picked"  # the plan under way is carried out as it was judged
        assert max(m.speed for m in b.arm.moves if m.kind == "joint") > 0.5
        b.until_state("idle")
        assert use_cell(b, SLOW) == ""
        b.eyes.boxes = 2
        b.loop.pick()
        assert b.result(1)["status"] == "nothing_graspable"  # below the threshold that came meanwhile


def test_an_arm_that_a_person_moves_is_not_at_rest() -> None:
    with bench() as b:
        b.until_state("idle")
        still = b.arm.state()
        b.arm.state = lambda: replace(still, qd=still.qd + 0.2)  # type: ignore[method-assign]
        assert "arm moves" in b.loop.rest.hold()
        b.arm.state = lambda: still  # type: ignore[method-assign]
        assert b.loop.rest.hold() == ""


def test_no_move_begins_while_a_change_is_under_way_and_it_goes_on_by_the_new_one() -> None:
    with bench() as b:
        b.until_state("idle")
        assert b.loop.rest.hold() == ""
        assert b.loop.pick()[0]
        b.notes.wait(lambda: bool(b.notes.decisions))
        assert not b.arm.moves
        b.loop.picker.use_cell(SLOW)
        b.loop.rest.let_go()
        assert b.result()["status"] == "picked"
        assert max(m.speed for m in b.arm.moves if m.kind == "joint") <= 0.5


def test_a_resume_waits_for_a_change_and_is_not_lost() -> None:
    with bench(auto=False) as b:
        b.until_state("needs_resume")
        assert b.loop.rest.hold() == ""
        assert b.loop.resume()[0]
        b.until_state("resuming")
        b.loop.rest.let_go()
        b.until_state("idle")


def test_a_stop_ends_a_pick_that_waits_for_a_change() -> None:
    with bench() as b:
        b.until_state("idle")
        assert b.loop.rest.hold() == ""
        b.loop.pick()
        b.notes.wait(lambda: bool(b.notes.decisions))
        b.loop.stop()
        b.until_state("idle")
        b.loop.rest.let_go()
        assert not b.arm.moves


def test_rest_lets_one_hold_and_one_version_move() -> None:
    rest = Rest(lambda: False, lambda: True)
    assert rest.hold() == ""
    assert "moves" in rest.hold()  # another change is under way
    rest.let_go()
    with rest.moving(rest.version):
        assert "moves" in rest.hold()
    before = rest.version
    rest.note_change()
    with pytest.raises(Outdated), rest.moving(before):
        pytest.fail("an old plan moved")
    with rest.moving(rest.version), rest.moving():
        pass
