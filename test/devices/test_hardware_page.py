"""What is said on the robot's side stands, with cause and cure, in one table: of nodes, doctor or hardware."""

from __future__ import annotations

import re

from support.sentences import HOLE, Sentence, missing, of_files, quotes, says

from gpnet_ros.settings import config_dir

ROOT = config_dir().parent
#: Who speaks to a person at the robot.
SPEAKERS = (
    "safety.py", "motion.py", "moves.py", "reach.py", "release.py", "board.py", "hand_eye_*.py", "touch_*.py",
    "cell_measure.py", "calibration/*.py", "picking/touch/*.py", "commands/robot_person.py",
    "commands/touch_check.py", "commands/measure_cell.py", "commands/hand_eye_*.py", "devices/**/*.py",
)  # fmt: skip
#: What is no hardware; and the doctor's, whose own table is held by its own test.
ELSEWHERE = ("devices/fake.py", "devices/recorded.py", "devices/doctor/")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def spoken() -> list[Sentence]:
    """Every complaint of the speakers; comments of files that they write are none."""
    files = [f for pattern in SPEAKERS for f in sorted((ROOT / "gpnet_ros").glob(pattern))]
    said = of_files([f for f in files if not any(part in str(f) for part in ELSEWHERE)], ROOT)
    return [sentence for sentence in said if not sentence.text.startswith("# ")]


OURS, NODES = quotes(page("hardware.md"), "When something is said"), quotes(page("ros.md"), "Trouble")


def test_everything_that_is_said_at_the_robot_has_its_row() -> None:
    found = missing(spoken(), [*OURS, *NODES])
    assert not found, "docs/hardware.md lacks a row for:\n" + "\n".join(found)


def test_no_row_stands_twice_and_none_is_of_nobody() -> None:
    said = spoken()
    assert len({*OURS}) == len(OURS)
    assert not [quote for quote in OURS if not any(says(sentence, quote) for sentence in said)]
    at_nodes = [s for s in said if any(says(s, quote) for quote in NODES)]
    twice = [s.text for s in at_nodes if any(says(s, quote) for quote in OURS)]
    assert not twice, f"has a row in docs/ros.md already: {twice}"
    assert not [quote for quote in OURS if len(re.findall("[A-Za-z]", quote)) < 8]


def test_a_planted_complaint_is_missed() -> None:
    assert missing([Sentence("planted", f"The {HOLE} has caught fire.")], [*OURS, *NODES])


def test_each_step_says_what_was_never_tried() -> None:
    steps = re.split(r"^## \d\. ", page("hardware.md"), flags=re.MULTILINE)[1:-1]  # the last is what follows
    assert len(steps) >= 6
    assert not [step.splitlines()[0] for step in steps if not re.search("never tried", step, re.IGNORECASE)]


def test_the_page_can_be_found() -> None:
    for name, target in (
        ("ros.md", "hardware.md"),
        ("bringup.md", "hardware.md"),
        ("../README.md", "docs/hardware.md"),
    ):
        assert f"]({target})" in page(name), name
