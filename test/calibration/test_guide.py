"""A person is led through a calibration: views on a word, ways on a word, and the hidden truth is found."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.board_pictures import picture
from support.board_views import BOARD, CAMERA

from gpnet_ros.calibration import guide
from gpnet_ros.calibration.capture import Capture
from gpnet_ros.calibration.guide import Guide
from gpnet_ros.calibration.view_folder import Session, ViewFolder
from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.devices.fake import FakeArm
from gpnet_ros.errors import Unreachable
from gpnet_ros.frame import Frame
from gpnet_ros.hand_eye_fit import fit_hand_eye
from gpnet_ros.hand_eye_poses import ROUGH_VIEWS, RoughRig, next_way
from gpnet_ros.kinematics import UrKinematics
from gpnet_ros.plan import Move, Plan
from gpnet_ros.pose import distance, invert
from gpnet_ros.sim.cell.arm import calibrated_dh
from gpnet_ros.sim.cell.shown_board import hidden_rig

CELL = replace(load_cell(), limits=replace(load_cell().limits, unknown_height=0.05))  # the table is empty
FILE = load_hand_eye()
TRUTH, SHOWN = hidden_rig(4, FILE, BOARD)
#: Where a person has jogged the arm: the tray under the camera, the tool to the side.
FIRST = np.deg2rad([142.0, -77.0, 90.0, -79.0, -63.0, -29.0])


class Bench:
    """An arm whose calibration only it knows, a camera that sees the board on it, and a person with a list of words."""

    def __init__(self, folder: Path, guess: bool = True) -> None:
        self.arm = FakeArm(CELL, true_kinematics=UrKinematics(calibrated_dh(3)))
        self.arm.connect()
        self.jog(FIRST)
        self.said: list[str] = []
        self.words: deque[str] = deque()
        self.folder = ViewFolder(folder)
        session = self.folder.begin(Session("fixed", BOARD))
        self.capture = Capture(self.folder, session, self, self.arm, lambda: CELL.T_flange_tcp)  # type: ignore[arg-type]
        self.guide = Guide(self.capture, CELL, FILE if guess else None, self.said.append, self.answer, drives=True)

    def jog(self, q: np.ndarray) -> None:
        """A person moves the arm."""
        self.arm._jump(Move("by hand", "joint", 1.0, 1.0, q=q))

    def read(self, timeout: float | None = None) -> Frame:
        T_base_flange = self.arm.state().T_base_tcp @ invert(CELL.T_flange_tcp)
        T = SHOWN.T_camera_board(TRUTH.T_base_camera(T_base_flange), T_base_flange)
        return Frame(picture(CAMERA, T, BOARD), None, CAMERA, self.arm.state().stamp)

    def answer(self, prompt: str) -> str:
        if not self.words:
            raise EOFError
        return self.words.popleft()

    def run(self, *words: str) -> str:
        """The person says these words and is gone; what was said to them."""
        self.words.extend(words)
        self.said.clear()
        self.guide.run()
        return "\n".join(self.said)


def test_one_view_by_hand_and_the_rest_driven_find_the_hidden_truth(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    told = bench.run("", *["d", "yes", ""] * 4)
    assert len(bench.folder.names()) == 5 and len(bench.arm.moves) == 4 and "judged by the safety check" in told
    again = Bench(tmp_path)  # left, and gone on with another day
    again.guide.go_on(again.folder.seen(BOARD))
    again.jog(bench.arm.state().q)
    told = again.run(*["d", "yes", ""] * 3)
    seen = again.folder.seen(BOARD)
    assert len(seen.views) == 8 and "5 views are there already" not in told and "residual" in told
    found = fit_hand_eye(seen.views, seen.camera, "fixed", BOARD)
    away, turned = distance(found.T_parent_camera, TRUTH.T_base_camera())
    assert away < 0.001 and turned < np.deg2rad(0.1)
    off, _ = distance(FILE.T_base_camera(), TRUTH.T_base_camera())
    assert off > 0.005, "the file was no help"


def test_nothing_moves_without_the_word_yes_and_no_slow_limit_is_passed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    told = bench.run("", "d", "y", "d", "", "s", "no", "dance")
    assert not bench.arm.moves and told.count("not driven") == 3 and "no word here" in told
    bench.run("d", "yes")
    assert [move.speed <= 0.1 * CELL.limits.joint_speed for move in bench.arm.moves] == [True]


def test_an_arm_that_was_moved_after_the_way_was_shown_is_not_driven(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run("")

    def jogged(prompt: str) -> str:
        if "yes drives" in prompt:
            bench.jog(FIRST + 0.1)
        return bench.words.popleft() if bench.words else "q"

    bench.guide.ask = jogged
    told = bench.run("d", "yes")
    assert not bench.arm.moves and "the arm's distance from the plan's start" in told


@pytest.mark.parametrize("seed", [4, 7])
def test_no_view_shows_that_the_arm_stands_in_the_plate_and_may_go_nowhere(seed: int) -> None:
    """Each view has the plate elsewhere, as long as the camera's place is known from a rough file only."""
    truth, shown = hidden_rig(seed, FILE, BOARD)
    q, taken = FIRST, list[np.ndarray]()
    for _ in range(ROUGH_VIEWS - 1):
        T_base_flange = CELL.kinematics.forward(q)
        taken.append(shown.T_camera_board(truth.T_base_camera(T_base_flange), T_base_flange))
        Y = invert(T_base_flange) @ FILE.T_parent_camera @ taken[-1]
        (way,) = next_way(RoughRig(BOARD, "fixed", Y, FILE.T_parent_camera, CAMERA), taken, q, CELL).steps
        assert isinstance(way, Move) and way.q is not None
        q = way.q


def test_out_of_a_dead_end_it_is_driven_back_on_a_word_and_from_there_to_another_pose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, dead = Bench(tmp_path), [False, True, False, True, True]
    monkeypatch.setattr(guide, "next_way", lambda *given: blocked() if dead.pop(0) else next_way(*given))

    def blocked() -> Plan:
        raise Unreachable("No further pose.")

    bench.run("", "d", "yes", "")
    told = bench.run("d", "no")
    assert "back to where the arm stood before" in told and "not driven" in told and len(bench.arm.moves) == 1
    dead.insert(0, True)
    bench.run("d", "yes")
    assert np.allclose(bench.arm.state().q, FIRST) and bench.arm.moves[-1].speed <= 0.1 * CELL.limits.joint_speed
    bench.run("d", "yes", "")
    assert len(bench.folder.names()) == 3
    bench.run("d", "yes")
    assert np.allclose(bench.arm.state().q, FIRST)
    assert "No further pose." in bench.run("d", "yes"), "from the first place there is no way back"


def test_where_nothing_is_known_the_person_is_told_what_is_needed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, guess=False)
    assert "Take a first view by hand" in bench.run("d")
    assert "take 5 views by hand" in bench.run("", "d")
    assert not bench.arm.moves


def test_a_stop_on_the_way_and_a_view_without_the_board_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run("")
    bench.arm.script.append(MoveStatus.STOPPED)
    assert "did not arrive (stopped)" in bench.run("d", "yes")
    bench.jog(np.array(CELL.home))
    assert "corners of the board are seen" in bench.run("")
    assert bench.folder.names() == ["01"]
    assert "dropped view 01" in bench.run("x") and "no view to drop" in bench.run("x")
    assert bench.folder.names() == []


def test_an_arm_that_moves_during_the_exposure_gives_no_view(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    read = bench.read

    def shaken(timeout: float | None = None) -> Frame:
        bench.jog(FIRST + 0.002)
        return read()

    bench.read = shaken  # type: ignore[method-assign]
    assert "The arm moved by" in bench.run("") and bench.folder.names() == []
