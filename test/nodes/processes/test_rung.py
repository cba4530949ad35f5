"""One mode tried on a cell: its share of the speed, and a person's word before each call that may move the arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.nodes.parameters.declared import PlannerSettings
from gpnet_ros.nodes.parameters.params_file import ParamsFile
from gpnet_ros.nodes.processes.rung import Rung, _Task
from gpnet_ros.picking.consent import PROPOSED_NOW

CELL = load_cell()


def rung(mode: str, share: float = 0.1, picks: int = 1, folder: Path = Path("logs")) -> Rung:
    nodes = {name: {"cell_file": ""} for name in ("camera_node", "inference_node", "planner_node")}
    return Rung(mode, share, picks, nodes, CELL, load_hand_eye(), folder)


@pytest.mark.parametrize("share", [0.1, 0.3, 1.0])
def test_the_planner_takes_that_share_of_the_speed_and_no_other_node_does(share: float, tmp_path: Path) -> None:
    file = ParamsFile(str(rung("run", share, 3, tmp_path).write()))
    values = file.values("planner_node")
    settings = PlannerSettings(**values)  # within the bounds that the parameters have
    assert settings.mode == "run" and settings.max_picks == 3 and not settings.auto_resume
    for name in ("joint_speed", "linear_speed", "descent_speed", "grip_speed"):
        assert values[name] == pytest.approx(share * getattr(CELL.motion, name), rel=0.01)
    assert set(file.values("camera_node")) == {"cell_file"} == set(file.values("inference_node"))


def test_a_share_of_a_slow_cell_stays_within_the_bounds_of_the_parameters(tmp_path: Path) -> None:
    slow = replace(CELL, motion=replace(CELL.motion, descent_speed=0.03, joint_speed=0.3))
    values = ParamsFile(str(replace(rung("hover", 0.1, 1, tmp_path), cell=slow).write())).values("planner_node")
    PlannerSettings(**values)  # refuses a descent at 0.003 m/s
    assert values["descent_speed"] == 0.005 and values["joint_speed"] == 0.05


class Planner:
    """A planner that does at once what it is told, and ends with these results; the names of all calls."""

    def __init__(self, *results: dict[str, Any], state: str = "needs_resume") -> None:
        self.coming, self.results, self.state = list(results), list[dict[str, Any]](), state
        self.calls: list[str] = []
        self.told: list[str] = []  # what the person was told
        self.proposals, self.refused = 0, ""
        self.old = False  # the proposal that was shown is gone, and nobody was told yet

    def ask(self, service: str, timeout: float = 0.0) -> tuple[bool, str]:
        if self.old:
            self.calls.append("refused")
            self.old = False
            now = f"{PROPOSED_NOW} ..." if self.state == "awaiting_approval" else "Look at the next proposal."
            return False, f"What was shown before is not approved. {now}"
        return True, self.call(service, timeout)

    def call(self, service: str, timeout: float = 0.0) -> str:
        self.calls.append(service)
        if service == "resume":
            self.state = "idle"
        elif self.coming and self.coming[0].pop("proposed", False):
            self.propose()
        else:
            self.results += self.coming
            self.coming, self.state = [], "idle"
        return ""

    def propose(self) -> None:
        """A new proposal waits for a word."""
        self.state, self.proposals = "awaiting_approval", self.proposals + 1

    def wait_until(self, condition: Any, timeout: float, what: str) -> None:
        if not condition():
            raise DeviceError(f"Waited in vain for {what}")

    def next_result(self, seen: int, timeout: float) -> dict[str, Any]:
        self.wait_until(lambda: len(self.results) > seen, timeout, "a result")
        return self.results[seen]


class Nodes:
    """Processes that live."""

    def require_alive(self) -> None:
        """They do."""


SHOWN = "PICTURE"


def result(status: str, finished: str | None = None, **more: Any) -> dict[str, Any]:
    return {"status": status, "message": "", "finished": finished, "time_s": {"move": 2.0}, **more}


def played(
    mode: str, planner: Planner, words: list[bool], meanwhile: Callable[[str], None] = lambda _: None
) -> tuple[bool, list[str]]:
    """Whether it went well, and what the person was asked and (in capitals) shown; meanwhile happens at each word."""
    asked: list[str] = []

    def word(what: str) -> bool:
        asked.append(what)
        meanwhile(what)
        return words.pop(0)

    task = _Task(rung(mode), Nodes(), planner, word, planner.told.append, lambda: asked.append(SHOWN))  # type: ignore[arg-type]
    task.make_ready()
    return task.play(), asked


@pytest.mark.parametrize(
    ("mode", "results", "words", "calls"),
    [
        ("dry_run", [result("dry_run")], 1, ["pick"]),
        ("hover", [result("done")], 2, ["resume", "pick"]),
        ("step", [result("picked", proposed=True)], 3, ["resume", "pick", "pick"]),
        ("run", [result("missed"), result("picked"), result("nothing_left", "nothing_left")], 2, ["resume", "start"]),
    ],
)
def test_each_call_that_may_move_the_arm_has_a_word_before_it(
    mode: str, results: list[dict[str, Any]], words: int, calls: list[str]
) -> None:
    begin = "idle" if mode == "dry_run" else "needs_resume"
    planner = Planner(*(dict(each) for each in results), state=begin)
    ended, asked = played(mode, planner, [True] * words)
    assert ended and len(asked) - asked.count(SHOWN) == words and planner.calls == calls
    for given in range(words):  # and the same that is refused a word earlier or later
        planner = Planner(*(dict(each) for each in results), state=begin)
        with pytest.raises(BadInput, match="nothing more is moved"):
            played(mode, planner, [True] * given + [False])
        assert planner.calls == calls[:given]


@pytest.mark.parametrize(
    ("mode", "results"),
    [
        ("dry_run", [result("nothing_graspable")]),
        ("hover", [result("stopped")]),
        ("step", [result("missed")]),
        ("run", [result("nothing_left", "nothing_left")]),  # and nothing was picked
        ("run", [result("picked"), result("collision", "failures")]),
        ("run", [result("picked"), result("hand_eye", "hand_eye")]),
    ],
)
def test_what_did_not_go_well_is_not_done(mode: str, results: list[dict[str, Any]]) -> None:
    planner = Planner(*results, state="idle")
    assert not played(mode, planner, [True, True])[0]


class Stopping(Planner):
    """A planner whose first task ends with a stop, and whose second ends well."""

    def call(self, service: str, timeout: float = 0.0) -> str:
        """The first start stops; a resume makes ready."""
        if service == "start" and "start" not in self.calls:
            self.calls.append(service)
            self.results += [result("picked"), result("stopped", "stopped")]
            self.state = "needs_resume"
            return ""
        return super().call(service, timeout)


def test_a_run_that_was_stopped_is_made_ready_and_then_goes_on_by_another_word() -> None:
    planner = Stopping(result("nothing_left", "nothing_left"), state="idle")
    ended, asked = played("run", planner, [True, True, True])
    assert ended and planner.calls == ["start", "resume", "start"]
    assert "see to its cause" in asked[1] and "Make the arm ready" in asked[1] and "it picks" in asked[2]
    for given in (1, 2):
        planner = Stopping(result("nothing_left", "nothing_left"), state="idle")
        with pytest.raises(BadInput):
            played("run", planner, [True] * given + [False])
        assert planner.calls == ["start", "resume"][:given], "made ready, and no more"


class Holding(Planner):
    """A planner that is stopped with its only object in the jaws, and puts it into the tote after that."""

    def call(self, service: str, timeout: float = 0.0) -> str:
        """The first start stops; the second finds nothing more."""
        if service == "start" and "start" not in self.calls:
            self.calls.append(service)
            self.results += [result("stopped", "stopped", placed=0)]
            self.state = "needs_resume"
            return ""
        return super().call(service, timeout)


@pytest.mark.parametrize("placed", [1, 0])
def test_what_was_held_at_a_stop_and_put_down_after_it_counts(placed: int) -> None:
    planner = Holding(result("nothing_left", "nothing_left", placed=placed), state="idle")
    assert played("run", planner, [True] * 3)[0] == bool(placed)


@pytest.mark.parametrize("back", [True, False])
def test_a_word_for_a_proposal_that_grew_old_approves_no_newer_one(back: bool) -> None:
    planner = Planner(result("picked", proposed=True), state="idle")

    def meanwhile(what: str) -> None:
        """The first proposal is replaced while the person looks at it; the next is there by the word, or later."""
        if "Do the pick" in what and planner.proposals == 1:
            planner.old = True
            if back:
                planner.propose()
            else:
                planner.state = "looking"

    def wait_until(condition: Any, timeout: float, what: str) -> None:
        if not condition():
            planner.propose()
        Planner.wait_until(planner, condition, timeout, what)

    planner.wait_until = wait_until  # type: ignore[method-assign]
    ended, asked = played("step", planner, [True] * 3, meanwhile)
    assert ended and planner.calls == ["pick", "refused", "pick"], "the planner says whether the word still counts"
    assert [what == SHOWN for what in asked] == [False, True, False, True, False], "shown before each word for it"


def test_a_proposal_that_is_replaced_before_it_can_be_shown_is_asked_for_again() -> None:
    planner = Planner(result("picked", proposed=True), state="idle")

    def wait_until(condition: Any, timeout: float, what: str) -> None:
        Planner.wait_until(planner, condition, timeout, what)
        if what == "a proposal" and planner.proposals == 1:
            planner.propose()
            planner.old = True

    planner.wait_until = wait_until  # type: ignore[method-assign]
    ended, asked = played("step", planner, [True] * 3)
    assert ended and planner.calls == ["pick", "refused", "pick"]
    assert [what == SHOWN for what in asked] == [False, True, False, True, False]


class Dropping(Planner):
    """A planner that drops its first proposal after it was approved: a parameter has changed just then."""

    def ask(self, service: str, timeout: float = 0.0) -> tuple[bool, str]:
        """The first approval comes to nothing, and the next proposal is there."""
        if self.calls == ["pick"]:
            self.calls.append("dropped")
            self.refused = "A parameter has changed"
            self.propose()
            self.old = True
            return True, "Approved."
        return super().ask(service, timeout)


def test_a_proposal_that_was_dropped_after_its_approval_is_told_and_asked_for_until_it_is_picked() -> None:
    planner = Dropping(result("picked", proposed=True), state="idle")
    ended, asked = played("step", planner, [True] * 4)
    assert ended and planner.calls == ["pick", "dropped", "refused", "pick"]
    assert [what == SHOWN for what in asked] == [False, *[True, False] * 3], "shown before each word for it"
    assert "Nothing was picked" in planner.told[0] and planner.refused in planner.told[0]
    assert PROPOSED_NOW in planner.told[1]
    for given in range(1, 4):  # and a person's no at any of these words moves nothing
        planner = Dropping(result("picked", proposed=True), state="idle")
        with pytest.raises(BadInput):
            played("step", planner, [True] * given + [False])
        assert planner.calls == ["pick", "dropped", "refused"][:given] and not planner.results


def test_what_is_gone_is_never_shown_again_for_a_word() -> None:
    """The planner looks again while its state of before is still on its way: nothing is proposed, nothing is shown."""
    planner = Planner(result("picked", proposed=True), state="idle")

    def ask(service: str, timeout: float = 0.0) -> tuple[bool, str]:
        planner.calls.append("refused")
        return False, "What was shown before is not approved. Look at the next proposal."

    planner.ask = ask  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="a proposal"):
        played("step", planner, [True] * 2)
    assert planner.calls == ["pick", "refused"] and planner.state == "awaiting_approval"


def test_a_word_after_a_stop_begins_nothing() -> None:
    planner = Planner(result("picked", proposed=True), state="idle")

    def meanwhile(what: str) -> None:
        planner.state = "idle" if "Do the pick" in what else planner.state

    with pytest.raises(DeviceError, match="a proposal"):
        played("step", planner, [True] * 2, meanwhile)
    assert planner.calls == ["pick"]
