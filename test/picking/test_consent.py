"""A person's word on a grasp is one on the grasp that was shown: a late one approves no newer grasp."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.loop_bench import PATIENCE, Bench, bench

from gpnet_ros.picking import consent
from gpnet_ros.picking.record import Turn


@contextmanager
def proposed(task: str = "pick") -> Iterator[Bench]:
    """A loop in mode `step` whose first grasp waits for a word."""
    with bench("step", auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        getattr(b.loop, task)()
        b.until_state("awaiting_approval")
        yield b


def replace_proposal(b: Bench) -> None:
    """Let a parameter change, and wait for the next proposal: the one before was never answered."""
    seen, states = len(b.notes.decisions), len(b.notes.states)
    b.loop.picker.rest.note_change()
    b.notes.wait(lambda: len(b.notes.decisions) > seen and "awaiting_approval" in b.notes.states[states:])


@pytest.mark.parametrize("task", ["pick", "start"])
def test_a_word_that_comes_after_a_whole_new_look_approves_nothing_and_tells_what_is_proposed_now(task: str) -> None:
    with proposed(task) as b:
        replace_proposal(b)
        approved, told = b.loop.pick()  # by a person who has seen the first one
        assert not approved and "A parameter has changed" in told and consent.PROPOSED_NOW in told
        u, v = b.notes.decisions[-1].grasp.pixel  # type: ignore[union-attr]
        assert f"pixel ({u:.0f}, {v:.0f})" in told
        assert b.loop.state == "awaiting_approval" and not b.arm.moves and not b.gripper.commands
        approved, told = b.loop.pick()  # the same person, who has been told
        assert approved and f"pixel ({u:.0f}, {v:.0f})" in told
        assert b.result()["status"] == "picked"


def test_each_proposal_that_replaces_another_is_told_before_it_can_be_approved() -> None:
    with proposed() as b:
        for _ in range(3):
            replace_proposal(b)
            assert not b.loop.pick()[0]
        replace_proposal(b)
        replace_proposal(b)  # two at once need one word only: what was told is the newest
        assert not b.loop.pick()[0]
        assert not b.arm.moves
        assert b.loop.pick()[0]
        assert b.result()["status"] == "picked"


def test_a_word_while_it_looks_again_approves_nothing_and_the_next_is_for_what_comes() -> None:
    with proposed() as b:
        b.eyes.silent = True
        b.loop.picker.rest.note_change()
        b.until_state("looking")
        approved, told = b.loop.pick()
        assert not approved and "next" in told and consent.PROPOSED_NOW not in told
        b.eyes.silent = False
        b.until_state("awaiting_approval")
        assert not b.arm.moves
        assert b.loop.pick()[0]
        assert b.result()["status"] == "picked"


def test_a_proposal_that_grew_old_holds_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "APPROVAL_MAX", 0.0)
    with bench("step", auto=False) as b:
        b.until_state("needs_resume")
        b.loop.resume()
        b.until_state("idle")
        b.loop.pick()
        b.notes.wait(lambda: "The proposal is too old; looks again." in b.notes.reasons)
        monkeypatch.setattr(consent, "APPROVAL_MAX", PATIENCE)
        b.until_state("awaiting_approval")
        approved, told = b.loop.pick()
        assert not approved and "too old" in told
        assert not b.arm.moves


def test_what_changes_between_the_word_and_the_move_takes_the_word_back() -> None:
    with proposed() as b:
        execute, seen = b.loop.picker.execute, len(b.notes.decisions)

        def changed_just_before(turn: Turn) -> Turn:
            b.loop.picker.execute = execute  # type: ignore[method-assign]
            b.loop.picker.rest.note_change()
            return execute(turn)

        b.loop.picker.execute = changed_just_before  # type: ignore[method-assign]
        assert b.loop.pick()[0]
        b.notes.wait(lambda: len(b.notes.decisions) > seen)
        b.until_state("awaiting_approval")
        assert not b.loop.pick()[0], "a second try of somebody who saw nothing move"
        assert not b.arm.moves
        assert b.loop.pick()[0]
        assert b.result()["status"] == "picked"


def test_a_new_task_begins_with_nothing_to_be_told() -> None:
    with proposed() as b:
        b.eyes.silent = True
        b.loop.picker.rest.note_change()
        b.until_state("looking")
        b.loop.stop()
        b.until_state("needs_resume")
        b.eyes.silent = False
        b.loop.resume()
        b.until_state("idle")
        assert b.loop.pick() == (True, "Started.")
        b.until_state("awaiting_approval")
        assert b.loop.pick()[0]
        assert b.result()["status"] == "picked"


def test_a_word_that_names_its_grasp_approves_that_one_and_no_other() -> None:
    with proposed() as b:
        first = b.notes.decisions[-1]
        replace_proposal(b)
        approved, told = b.loop.approve(first)
        assert not approved and "holds no longer" in told
        assert not b.arm.moves
        assert b.loop.approve(b.notes.decisions[-1])[0], "it names what it saw: nothing has to be told first"
        assert b.result()["status"] == "picked"
        b.until_state("idle")
        assert not b.loop.approve(b.notes.decisions[-1])[0], "nothing waits for a word now"


def test_a_stop_and_a_new_task_at_once_leave_no_old_proposal_behind() -> None:
    with bench("step") as b:
        b.until_state("idle")
        b.loop.pick()
        b.until_state("awaiting_approval")
        seen = len(b.notes.states)
        with b.loop._changed:  # the thread sees both at once
            b.loop.stop()
            assert b.loop.pick() == (True, "Started.")
        b.notes.wait(lambda: "awaiting_approval" in b.notes.states[seen:])
        assert not b.arm.moves
        assert b.loop.pick()[0]
        assert b.result()["status"] == "picked"
