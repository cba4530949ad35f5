"""A shift with fakes: what is kept of it, what its page shows, what a person is asked, and what never moves unasked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.cup_scenes import CELL as CUP_CELL
from support.cup_scenes import T_BASE_CAMERA, Slab, cup_scene
from support.full_disk import full_disk
from support.loop_bench import Scene
from support.scenes import CELL

from gpnet_ros.cell import load_hand_eye
from gpnet_ros.cup_pick import decide_cup
from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.fake import FakeArm, FakeGripper
from gpnet_ros.errors import BadInput
from gpnet_ros.picking.loop import PickingLoop
from gpnet_ros.picking.loop_settings import LoopSettings
from gpnet_ros.picking.record import PickRecord, Turn
from gpnet_ros.picking.shift.lines import LINES, PAGE, ShiftHead, check_name, earlier_figures, read_lines
from gpnet_ros.picking.shift.log import ShiftLog
from gpnet_ros.picking.shift.session import News, Shift, chosen
from gpnet_ros.picking.shift.summary import picking_seconds, summarise

TURN = {
    "kind": "turn", "at": 1.0, "status": "picked", "executed": True, "rejected": {}, "halt": "", "message": "",
}  # fmt: skip
HEAD = ShiftHead("2026-11-30T08:00:00+00:00", "run", True, 0.3, "gpnet", "", "abc")


class Script:
    """A person whose answers are written down; each ends with a no."""

    def __init__(self, *answers: bool) -> None:
        self.answers, self.asked, self.told = list(answers), [], []

    def word(self, what: str) -> bool:
        self.asked.append(what)
        return self.answers.pop(0) if self.answers else False

    def tell(self, what: str) -> None:
        self.told.append(what)


class Work:
    """A shift with a fake arm over one box, or more."""

    def __init__(self, folder: Path, person: Script, mode: str = "run", width: float | None = 0.03, **how: Any) -> None:
        auto = how.pop("auto", False)
        settings = LoopSettings(mode=mode, auto_resume=auto, look_timeout=5.0, **how.pop("loop", {}))
        cell = how.pop("cell", CELL)
        self.arm, self.gripper = FakeArm(cell, auto_resume=auto), FakeGripper(object_width=width)
        self.eyes, self.person = Scene(self.gripper), person
        news = self.news = News(person.tell)
        head = ShiftHead(**{**vars(HEAD), "mode": mode})
        self.log = ShiftLog(news, folder, head, lambda: 0.5, person.tell)
        loop = self.loop = PickingLoop(self.arm, self.gripper, cell, load_hand_eye(), self.eyes, self.log, settings)
        self.shift = Shift(loop, news, person, **how)

    def run(self) -> str:
        try:
            return self.shift.run()
        finally:
            self.log.close()


def turns(folder: Path) -> list[dict[str, Any]]:
    return [line for line in read_lines(folder) if line["kind"] == "turn"]


def test_a_shift_is_kept_line_by_line_and_shown_on_one_page(tmp_path: Path) -> None:
    person = Script(True, True)
    work = Work(tmp_path / "s", person)
    assert work.run() == "nothing_left"
    first, last = turns(tmp_path / "s")
    assert (first["status"], first["executed"], last["status"]) == ("picked", True, "nothing_left")
    assert first["closed_m"] == pytest.approx(0.03)
    assert first["drift"]["width_m"] == pytest.approx(0.03 - first["predicted_width_m"], abs=1e-4)
    assert first["drift"] | {"width_m": 0} == {"failed": 0.0, "contact_m": 0.0, "width_m": 0}
    assert last["drift"] == {} and last["finished"] == "nothing_left"
    found = summarise(read_lines(tmp_path / "s"))
    assert (found.picks, found.placed, found.results, found.looks) == (1, 1, {"picked": 1}, {"nothing_left": 1})
    assert found.sliders == (0.5, 0.5) and "30% of the cell's speeds, speed slider 50%" in found.headline
    assert found.per_hour == pytest.approx(3600 / found.picking_s)
    page = (tmp_path / "s" / PAGE).read_text(encoding="utf-8")
    assert found.headline.split(":")[0].split(" in ")[0] in page and "simulated" in page
    assert not re.search(r"(src|href)=['\"](?!data:)", page), "the page needs no other file"
    json.dumps(found.to_dict())


def test_failures_are_shown_with_their_pictures_and_a_person_is_asked(tmp_path: Path) -> None:
    person = Script(True, True, False)
    assert Work(tmp_path / "s", person, width=None).run() == "failures"
    lines = turns(tmp_path / "s")
    assert lines[0]["status"] == "missed"
    assert all((tmp_path / "s" / line["picture"]).read_bytes()[:2] == b"\xff\xd8" for line in lines)
    assert lines[0]["drift"]["failed"] == 1.0 and "width_m" not in lines[0]["drift"]
    page = (tmp_path / "s" / PAGE).read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == len(lines)
    assert "failed before" in page, "candidates that were refused, by reason"
    assert "go on" in person.asked[-1]


def test_nothing_moves_without_a_word(tmp_path: Path) -> None:
    for number, mode in enumerate(("run", "step", "hover")):
        work = Work(tmp_path / f"{number}", Script(False), mode)
        assert work.run() == "person"
        assert not work.arm.moves and not work.gripper.commands


def test_to_make_ready_and_to_pick_are_two_words(tmp_path: Path) -> None:
    person = Script(True, False)
    work = Work(tmp_path / "s", person)
    assert work.run() == "person"
    assert not work.arm.moves and not work.gripper.commands
    ready, pick = person.asked
    assert "Make it ready" in ready and "jaws may move over their whole stroke" in ready and "Pick until" in pick
    for mode in ("hover", "dry_run"):
        person = Script()
        Work(tmp_path / mode, person, mode).run()
        assert "jaws" not in person.asked[0], "which leave the gripper alone"


def test_a_dry_run_moves_nothing_whatever_is_said(tmp_path: Path) -> None:
    work = Work(tmp_path / "s", Script(*[True] * 9), "dry_run", turns=2)
    assert work.run() == "max_picks"
    assert [line["status"] for line in turns(tmp_path / "s")] == ["dry_run", "dry_run"]
    assert not work.arm.moves and not work.gripper.commands


def test_step_asks_before_each_pick_and_a_no_moves_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path / "a", Script(True, True, False), "step")  # ready, look, then no
    assert work.run() == "person"
    assert not work.arm.moves
    assert any(re.search(r"pixel \(\d+, \d+\), base \(.*\) mm.* opening \d+ mm", told) for told in work.person.told)
    assert "goes home" in work.person.asked[1] and "opens idle jaws" in work.person.asked[1]
    work = Work(tmp_path / "b", Script(True, True, True, True), "step")  # ready, look, pick, look
    assert work.run() == "nothing_left"
    assert [line["status"] for line in turns(tmp_path / "b")] == ["picked", "nothing_left"]


def test_a_person_is_told_of_the_tool_that_hangs_there(tmp_path: Path) -> None:
    cup = replace(CELL, tool="suction")
    person = Script(True)  # ready, and no look
    assert Work(tmp_path / "cup", person, "step", cell=cup).run() == "person"
    ready, look = person.asked
    assert "valve of the cup may switch" in ready and "puts what the cup holds into the tote" in look
    assert "jaws" not in ready + look
    head = ShiftHead(**{**vars(HEAD), "tool": "suction"})
    assert "suction" in json.dumps(head.line())
    for tool, word in (("suction", "The cup meets"), ("jaw", "The jaws meet")):
        lines = [
            {**head.line(), "tool": tool},
            *({**TURN, "drift": {"contact_m": 0.01 * (k > 99)}} for k in range(160)),
        ]
        assert summarise(lines).drift.sentence.startswith(word)
    old = [{k: v for k, v in HEAD.line().items() if k != "tool"}, *lines[1:]]
    assert summarise(old).drift.sentence.startswith("The jaws meet"), "shifts of before were of jaws"


def test_a_choice_is_told_as_its_tool_takes_it() -> None:
    scene = cup_scene(Slab())
    cup = decide_cup(scene.frame, scene.detections, T_BASE_CAMERA, CUP_CELL, CUP_CELL.home)
    assert re.fullmatch(r"chosen +at pixel .*, base .* mm, suction 0?1?\.\d\d, score \d\.\d\d", chosen(cup))


def test_a_word_for_a_choice_that_holds_no_longer_picks_no_other(tmp_path: Path) -> None:
    person = Script(True, True, True, False)  # ready, look, the first choice, not the second
    work = Work(tmp_path / "s", person, "step")
    say, news = person.word, work.news

    def word(what: str) -> bool:
        if "Pick what was chosen" in what and len(chosen_of(person)) == 1:
            work.loop.picker.rest.note_change()  # as a parameter that is set, or a word that comes too late
            news.wait(lambda: len(chosen_of(person)) == 2 and news.now == "awaiting_approval", work.loop)
        return say(what)

    person.word = word  # type: ignore[method-assign]
    assert work.run() == "person"
    assert not work.arm.moves and not work.gripper.commands
    assert sum("Pick what was chosen" in asked for asked in person.asked) == 2
    assert any("holds no longer" in told for told in person.told)


def chosen_of(person: Script) -> list[str]:
    return [told for told in person.told if told.startswith("chosen")]


def test_the_next_heap_is_asked_for(tmp_path: Path) -> None:
    person = Script(True, True, True, False)
    work = Work(tmp_path / "s", person, again=True)
    lay = person.word

    def word(what: str) -> bool:
        work.eyes.boxes += "next heap" in what
        return lay(what)

    person.word = word  # type: ignore[method-assign]
    assert work.run() == "nothing_left"
    assert [line["status"] for line in turns(tmp_path / "s")] == ["picked", "nothing_left"] * 2


def test_a_stop_is_a_line_and_another_word_goes_on(tmp_path: Path) -> None:
    person = Script(True, True, True, True)  # ready, pick, ready, go on
    work = Work(tmp_path / "s", person)
    work.arm.script.extend([MoveStatus.ARRIVED] * 3 + [MoveStatus.STOPPED])  # with the object, on the way up
    assert work.run() == "nothing_left"
    found = summarise(read_lines(tmp_path / "s"))
    assert [what for _, what, _ in found.stops] == ["stopped"]
    assert "Make it ready" in person.asked[2] and "It has stopped" in person.asked[3], "which is the word to move"
    person = Script(True, True, True, False)
    work = Work(tmp_path / "no", person)
    work.arm.script.extend([MoveStatus.ARRIVED] * 3 + [MoveStatus.STOPPED])
    assert work.run() == "stopped"
    assert len(work.arm.moves) == 4, "made ready, and not moved"
    assert "<h2>Stops</h2>" in (tmp_path / "s" / PAGE).read_text(encoding="utf-8")


def figures(width: float, count: int) -> list[str]:
    turn = {"kind": "turn", "drift": {"width_m": width, "failed": 0.0}}
    return [json.dumps({**turn, "drift": {**turn["drift"], "width_m": width + 1e-5 * (k % 7)}}) for k in range(count)]


def test_drift_is_told_across_shifts_of_one_check_and_forgotten_with_the_next(tmp_path: Path) -> None:
    for name, width in (("a", 0.0), ("b", 0.004)):
        (tmp_path / name).mkdir()
        (tmp_path / name / LINES).write_text("\n".join([json.dumps(HEAD.line()), *figures(width, 60)]))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / LINES).write_text("something else\n")
    assert len(list(earlier_figures(tmp_path, "abc"))) == 120
    told: list[str] = []
    log = ShiftLog(None, tmp_path / "d", HEAD, lambda: None, told.append)
    assert len(told) == 1 and "`gpnet check`" in told[0]
    assert not log.folder.exists(), "a shift without a turn leaves nothing"
    log.result(PickRecord(Turn("nothing_left", ""), "run", 0, 0, 0, "nothing_left"))
    log.close()
    assert "`gpnet check`" in (tmp_path / "d" / PAGE).read_text(encoding="utf-8")
    assert "shifted (red)" in (tmp_path / "d" / PAGE).read_text(encoding="utf-8")
    for check in ("other", ""):
        ShiftLog(None, tmp_path / f"e{check}", ShiftHead(**{**vars(HEAD), "check": check}), lambda: None, told.append)
    assert len(told) == 1, "a new check begins anew, and without one nothing is known of before"


def test_a_full_disk_costs_the_record_and_no_pick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = Script(True, True)
    work = Work(tmp_path / "s", person)
    with full_disk():
        assert work.run() == "nothing_left"
    assert work.gripper.commands.count(0.0) == 1
    assert sum("cannot be written" in told for told in person.told) == 1
    assert summarise(work.log.lines).placed == 1


def test_lines_cut_short_count_as_far_as_they_go_and_others_are_refused(tmp_path: Path) -> None:
    good = json.dumps(HEAD.line())
    path = tmp_path / LINES
    path.write_text(f'{good}\n{{"kind": "end"}}\n{{"kind": "tu')
    assert [line["kind"] for line in read_lines(tmp_path)] == ["shift", "end"]
    for text in ("", "[]\n", '{"kind": "end"}\n', f'{good}\n{{"kind"\n{good}\n', "\x00\xff"):
        path.write_text(text)
        with pytest.raises(BadInput, match=LINES):
            read_lines(tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_lines(tmp_path / "none")


def states(*pairs: tuple[float, str]) -> Iterator[dict[str, Any]]:
    return ({"kind": "state", "at": at, "state": state} for at, state in pairs)


def test_what_is_refused_again_and_again_is_few_lines_and_counted_in_full(tmp_path: Path) -> None:
    clock = [100.0]
    log = ShiftLog(None, tmp_path / "s", HEAD, lambda: None, lambda _: None, lambda: clock[0])
    for reason, times in (("The frame has 3 % depth.", 25), ("No camera.", 2), ("The frame has 4 % depth.", 1)):
        for _ in range(times):
            log.refused(reason)
            clock[0] += 1.0
    log.close()
    assert log.summary().refused == {"The frame has # % depth.": 26, "No camera.": 2}
    assert sum(line["kind"] == "refused" for line in log.lines) <= 7


def test_what_waits_for_a_person_is_no_time_of_picking() -> None:
    head = {"kind": "shift", "at": 0.0}
    waits = states(
        (0, "looking"), (5, "moving"), (20, "needs_resume"), (500, "resuming"), (510, "looking"), (515, "idle")
    )
    assert picking_seconds([head, *waits]) == 25
    assert picking_seconds([head, *states((0, "moving")), {"kind": "end", "at": 8.0}]) == 8
    assert summarise([head]).per_hour is None


def test_a_check_is_named_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "check.yaml"
    file.write_text("a")
    name = check_name(str(file))
    assert len(name) == 16
    file.write_text("b")
    assert check_name(str(file)) != name
    assert check_name("") == check_name(str(tmp_path / "none")) == ""
