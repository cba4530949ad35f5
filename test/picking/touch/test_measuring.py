"""A cell measured from end to end: led by hand, touched, ended and gone on with; what cannot be is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from support.touch_world import CELL, Script, TouchingArm, TouchWorld, WorldCamera, flat_pose

from gpnet_ros.cell import load_cell
from gpnet_ros.devices.fake import FakeGripper
from gpnet_ros.errors import BadInput, DeviceError
from gpnet_ros.picking.touch.measuring import ITEMS, Survey, measure_cell
from gpnet_ros.pose import Transform, invert

#: The true tote, a little elsewhere than the file has it: rim at 0.125 m, floor at 5 mm.
X, Y, HALF = 0.01, -0.64, np.array([0.18, 0.14])
RIM = [(X - HALF[0], Y - HALF[1]), (X + HALF[0], Y - HALF[1]), (X + HALF[0], Y + HALF[1]), (X - HALF[0], Y + HALF[1])]
MAST = [(0.70, 0.30, 0.20), (0.76, 0.34, 0.45)]


class Hands(Script):
    """Leads the arm to the next place whenever asked to."""

    def __init__(self, world: TouchWorld, arm: TouchingArm, words: int = 1000) -> None:
        super().__init__(world, arm, words)
        self.places = [flat_pose(x, y, 0.125) for x, y in RIM] + [flat_pose(X, Y, 0.005)]
        self.places += [flat_pose(*point) for point in MAST]
        self.names = ["mast", ""]

    def word(self, what: str) -> bool:
        """Yes, but no third point of the mast."""
        super().word(what)
        if what.startswith("another point"):
            return False
        if what.startswith("Lead the middle"):
            self.lead(self.places.pop(0))
        if what.startswith("Lead the arm home"):
            self.arm._q = np.array(CELL.home) + [0.01, 0, 0, 0, 0, 0]
        return True

    def lead(self, T: Transform) -> None:
        """The arm, wherever a hand can bring it."""
        q = self.world.kinematics.inverse_near(T @ invert(CELL.T_flange_tcp), self.arm._q)
        assert q is not None
        self.arm._q = q

    def name(self, what: str) -> str:
        """The mast, then no more."""
        return self.names.pop(0)


def survey(world: TouchWorld, words: int = 1000, **changes: Any) -> tuple[Survey, Hands]:
    world.tall, world.cylinder = 0.0, np.array([9.0, 9.0])
    arm = TouchingArm(world)
    arm.connect()
    hands = Hands(world, arm, words)
    made = Survey(
        arm, FakeGripper(active=True), WorldCamera(world), CELL, {"arm": "ur10"}, world.hand_eye, hands, lambda: None, 2
    )
    return replace(made, **changes), hands


def test_a_cell_is_measured_ended_and_gone_on_with(tmp_path: Path) -> None:
    world = TouchWorld(6, 0.001)
    first, _ = survey(world, words=8)  # ends before home
    with pytest.raises(BadInput, match="Ended"):
        measure_cell(first, tmp_path)
    assert [*yaml.safe_load((tmp_path / "measured.yaml").read_text())] == ["cell", "tote", "keep_out"]
    assert not (tmp_path / "cell.yaml").exists()
    again, hands = survey(world)
    measure_cell(again, tmp_path)
    cell = load_cell(tmp_path / "cell.yaml")
    assert np.abs(np.subtract(cell.tote.centre, (X, Y))).max() < 0.001
    assert np.abs(np.subtract(cell.tote.inner, 2 * HALF)).max() < 0.001
    assert (cell.tote.height, cell.tote.floor_z) == (pytest.approx(0.12, abs=1e-3), pytest.approx(0.005, abs=1e-3))
    kept = [each for each in CELL.keep_out if each.name != "mast"]
    assert kept and [*cell.keep_out[:-1]] == kept, "what was not measured anew is still there"
    box = cell.keep_out[-1]
    assert box.name == "mast" and (np.array(MAST) > box.low).all() and (np.array(MAST) < box.high).all()
    assert cell.home[0] == pytest.approx(CELL.home[0] + 0.01, abs=1e-3)
    assert abs(cell.workspace.table_z - world.table) < 0.002  # and the tips are up to a millimetre off
    assert cv2.imread(str(tmp_path / "cell.png")).shape == (480, 640, 3)
    descents = [move for move in again.arm.moves if move.kind == "descend"]  # type: ignore[attr-defined]
    assert len(descents) == 4 == sum("table, place" in asked for asked in hands.asked)
    done, hands = survey(world)
    measure_cell(done, tmp_path)  # nothing is left to do
    assert hands.asked == [] and len(hands.told) == len(ITEMS) + 1
    values = yaml.safe_load((tmp_path / "cell.yaml").read_text())
    made, hands = survey(world, values=values)  # begun from what was made of it
    measure_cell(made, tmp_path)
    assert hands.asked == []


def test_by_another_hand_eye_the_table_is_touched_and_seen_anew_and_nothing_else(tmp_path: Path) -> None:
    world = TouchWorld(6)
    first, _ = survey(world)
    measure_cell(first, tmp_path)
    kept = (tmp_path / "measured.yaml").read_text()
    x, y, z = world.hand_eye.position
    good, bad = (replace(world.hand_eye, position=(x + far, y, z + far)) for far in (0.0005, 0.010))
    wrong, hands = survey(world, hand_eye=bad)
    with pytest.raises(BadInput, match="the camera sees it at"):
        measure_cell(wrong, tmp_path)
    assert (tmp_path / "measured.yaml").read_text() == kept, "what was refused is not kept, what was is"
    again, hands = survey(world, hand_eye=good)
    measure_cell(again, tmp_path, ("tote", "keep_out", "home"))
    assert not hands.asked, "where the table is not to be measured, that of before stays"
    assert load_cell(tmp_path / "cell.yaml").workspace.table_z == pytest.approx(world.table, abs=0.002)
    measure_cell(again, tmp_path)
    assert sum("table, place" in asked for asked in hands.asked) == 4
    assert not any("Lead" in asked for asked in hands.asked) and any("another hand-eye" in told for told in hands.told)
    once, hands = survey(world, hand_eye=good)
    measure_cell(once, tmp_path)
    assert not hands.asked


def test_what_was_measured_of_one_cell_is_not_taken_over_into_another(tmp_path: Path) -> None:
    world = TouchWorld(6)
    first, _ = survey(world, words=8, file="left/cell.yaml")
    with pytest.raises(BadInput, match="Ended"):
        measure_cell(first, tmp_path)
    for values in ({"arm": "ur10e"}, {"arm": "ur10", "tote": {"height": 0.2}}):
        other, hands = survey(world, values=values, file="right/cell.yaml")
        with pytest.raises(BadInput, match=r"measured for left/cell.yaml.*right/cell.yaml says something else"):
            measure_cell(other, tmp_path)
        assert not hands.asked and not (tmp_path / "cell.yaml").exists()
    kept = yaml.safe_load((tmp_path / "measured.yaml").read_text())
    del kept["cell"]
    (tmp_path / "measured.yaml").write_text(yaml.safe_dump(kept))
    with pytest.raises(BadInput, match="does not say of which cell"):
        measure_cell(survey(world)[0], tmp_path)


def test_a_table_that_the_camera_sees_elsewhere_is_refused_and_not_kept(tmp_path: Path) -> None:
    world = TouchWorld(6)
    made, _ = survey(world)
    world.table -= 0.010  # the camera was asked before
    with pytest.raises(BadInput, match="the camera sees it at"):
        measure_cell(made, tmp_path, ("table",))
    assert not (tmp_path / "measured.yaml").exists()
    assert np.abs(made.arm.state().q - np.array(CELL.home)).max() < 0.02


def test_the_controller_must_have_the_tcp_of_the_cell_file(tmp_path: Path) -> None:
    other = replace(CELL, gripper=replace(CELL.gripper, tcp_offset=CELL.gripper.tcp_offset + 0.05))
    made, _ = survey(TouchWorld(6), cell=other)
    with pytest.raises(BadInput, match="set the TCP of its installation"):
        measure_cell(made, tmp_path, ("tote",))


def test_a_home_that_cannot_be_is_told_and_asked_for_again(tmp_path: Path) -> None:
    made, hands = survey(TouchWorld(6), words=2)
    hands.lead = lambda T: None  # type: ignore[method-assign]

    def word(what: str) -> bool:
        Script.word(hands, what)
        hands.arm._q = np.array(CELL.home) + [-0.5, 0, 0, 0, 0, 0]
        return True

    hands.word = word  # type: ignore[method-assign]
    with pytest.raises(BadInput, match="Ended"):
        measure_cell(made, tmp_path, ("home",))
    assert len(hands.told) == 2 and "over the tote" in hands.told[0]


def test_what_was_kept_must_be_readable(tmp_path: Path) -> None:
    for text in ("{", "[1]", "walls: 3", "cell: 3", "cell: {name: a, sums: 3}", "home: [0]"):
        (tmp_path / "measured.yaml").write_text(text)
        with pytest.raises(BadInput, match="move it away"):
            measure_cell(survey(TouchWorld(6))[0], tmp_path)
    (tmp_path / "measured.yaml").unlink()
    moving, _ = survey(TouchWorld(6))
    state = moving.arm.state
    moving.arm.state = lambda: replace(state(), qd=np.ones(6))  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="come to rest"):
        measure_cell(moving, tmp_path, ("tote",))
