"""Rounds in simulated time: a move takes as long as the simulated controller needs, and a round adds up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.cell import load_cell
from gpnet_ros.cli import main
from gpnet_ros.devices.arm import MoveStatus
from gpnet_ros.evaluation.closed_loop.rows import read_rounds
from gpnet_ros.evaluation.closed_loop.stepped_arm import SteppedArm, SteppedGripper
from gpnet_ros.plan import Move
from gpnet_ros.sim.cell.process import empty_heap
from gpnet_ros.sim.cell.stepped import SteppedCell
from gpnet_ros.ur_controller.arm import Trapezoid

CELL = load_cell()
#: What a driver adds to the controller's own ramps [s]: the order, two samples at rest.
OVERHEAD = 0.12


def never() -> bool:
    return False


def lower(world: SteppedCell, by: float) -> np.ndarray:
    T = world.T_base_tcp()
    T[2, 3] -= by
    return T


def test_a_move_takes_as_long_as_the_controller_ramps_it() -> None:
    world = SteppedCell(empty_heap(), CELL)
    arm, q = SteppedArm(world), np.array(CELL.home)
    q[0] -= 1.2
    moves = [
        (Move("there", "joint", 1.4, 2.0, q=q), Trapezoid(1.2, 1.4, 2.0)),
        (Move("back", "joint", 0.5, 1.0, q=np.array(CELL.home)), Trapezoid(1.2, 0.5, 1.0)),
        (Move("down", "linear", 0.1, 0.4, T_base_tcp=lower(world, 0.1)), Trapezoid(0.1, 0.1, 0.4)),
    ]
    for move, ramps in moves:
        began = world.time
        assert arm.move(move, never).status is MoveStatus.ARRIVED
        assert ramps.duration < world.time - began < ramps.duration + OVERHEAD, move.name


def test_a_descent_ends_at_the_table_and_a_line_into_it_in_a_protective_stop() -> None:
    world = SteppedCell(empty_heap(), CELL)
    arm, gripper = SteppedArm(world), SteppedGripper(world)
    over = np.array(CELL.home)
    over[0] -= 0.8  # beside the tote
    assert arm.move(Move("aside", "joint", 1.0, 2.0, q=over), never).ok
    assert gripper.move(0.03, 0.1, 40.0).width == pytest.approx(0.03, abs=1e-3)
    low = world.T_base_tcp()[2, 3] - 0.03
    assert arm.move(Move("near", "linear", 0.3, 0.8, T_base_tcp=lower(world, low)), never).ok
    down = Move("descend", "descend", 0.05, 0.3, T_base_tcp=lower(world, 0.06), force_limit=30.0)
    met = arm.move(down, never)
    assert met.status is MoveStatus.CONTACT and met.T_base_tcp[2, 3] == pytest.approx(0.0, abs=5e-3)
    assert arm.move(Move("up", "linear", 0.3, 0.8, T_base_tcp=lower(world, -0.05)), never).ok
    into = Move("into", "linear", 0.3, 0.8, T_base_tcp=lower(world, 0.12))
    assert arm.move(into, never).status is MoveStatus.STOPPED
    assert arm.state().status == "protective_stop"
    assert arm.move(into, never).status is MoveStatus.REFUSED, "a person has to resume"
    arm.resume()
    assert arm.move(Move("up", "linear", 0.3, 0.8, T_base_tcp=lower(world, -0.1)), never).ok


def test_a_round_adds_up_and_is_the_same_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for name in ("a", "b"):
        options = ["--objects", "1", "--rounds", "1", "--seed", "3", "--workers", "1", "--json"]
        assert main(["bench", "clearing", "--path", "cell", *options, "--log", str(tmp_path / name)]) == 0
        told.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    row, again = read_rounds(tmp_path / "a")[0], read_rounds(tmp_path / "b")[0]
    assert row == again, "no wall clock is in it"
    assert told[0]["picks_ok"] == 1 and row.cleared
    took = 3600.0 / told[0]["objects_per_hour"]
    assert took == pytest.approx(row.seconds, rel=1e-3), "one object in all of the round's time"
    for pick in (pick for pick in row.picks if pick.executed):  # the last look ends with a way home
        assert sum(pick.details["time_s"].values()) == pytest.approx(pick.details["seconds"], abs=0.05)
    assert {"look", "decide", "approach", "descend", "close", "carry", "release"} <= set(told[0]["time_ms"])


@pytest.mark.parametrize("options", [["--gripper", "suction"], ["--priority", "oracle"]])
def test_what_this_path_cannot_play_is_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "clearing", "--path", "cell", *options]) == 2
    assert "--path cell is for the jaw" in capsys.readouterr().err
