"""Board and cylinder in the simulated cell: the camera sees them where the jaws meet them, wherever the files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpnet_ros.board import Board, find_board
from gpnet_ros.cell import load_cell, load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import distance, invert, transform
from gpnet_ros.sim.cell.arm import calibrated_dh
from gpnet_ros.sim.cell.camera import SimCamera
from gpnet_ros.sim.cell.plant import CellPlant
from gpnet_ros.sim.cell.process import empty_heap
from gpnet_ros.sim.cell.stage import PUT, Hidden, Stage, hidden_truth, stage_of
from gpnet_ros.sim.cell.state import SceneFile, StateWriter
from gpnet_ros.touch_look import board_plane, find_cylinder, sighting_of

CELL, TOLD, DT = load_cell(), load_hand_eye(), 0.008
HIDDEN = hidden_truth(3, TOLD)
HOME = np.array(CELL.home)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> tuple[CellPlant, Stage, Path]:
    """A plant with hidden truths, board and cylinder on its table, published into a run folder."""
    folder = tmp_path_factory.mktemp("run")
    plant = CellPlant(empty_heap(), HIDDEN.cell(CELL), calibrated_dh(4))
    stage = stage_of("board_and_cylinder", 5, Board(), TOLD, HIDDEN.table_z)
    plant.load_heap(empty_heap(), stage)
    writer = StateWriter(folder)
    heap = plant.world.heap.to_dict()
    writer.write_scene(plant.version, SceneFile(1, None, heap, stage.to_dict(), HIDDEN.to_dict()))
    plant.watchers.append(lambda p: writer.write(p.state()))
    plant.step(DT, HOME, np.zeros(6))
    return plant, stage, folder


def corners(stage: Stage) -> np.ndarray:
    assert stage.board is not None
    T = stage.board.T_other_board
    found = [[x * 0.033, y * 0.033, 0.0] for y in range(1, 5) for x in range(1, 8)]
    return np.array(found) @ T[:3, :3].T + T[:3, 3]


def met(plant: CellPlant, x: float, y: float, above: float) -> float:
    """Height [m] at which the true closed tips meet something below (x, y)."""
    T = transform(np.diag([1.0, -1.0, -1.0]), (x, y, above)) @ invert(plant.cell.T_flange_tcp)
    q = plant.inverse(T, HOME)
    assert q is not None
    plant.world.rest(q, 0.0)
    plant.set_gripper(255, 255, 10)
    for _ in range(25):
        plant.step(DT, q, np.zeros(6))
    while T[2, 3] > -0.1:
        T[2, 3] -= 0.02 * DT
        after = plant.inverse(T, q)
        assert after is not None
        plant.step(DT, after, (after - q) / DT)
        q = after
        if plant.wrench(plant.cell.T_flange_tcp)[2] > 15.0:
            return float((plant.forward(plant.q) @ plant.cell.T_flange_tcp)[2, 3])
    raise AssertionError("nothing was met")


def test_the_camera_sees_board_and_cylinder_where_they_truly_are(staged: tuple[CellPlant, Stage, Path]) -> None:
    plant, stage, folder = staged
    eye = SimCamera(folder, noise=False, period=0.0)
    eye.open()
    frame = eye.read()
    assert frame.color is not None and frame.depth is not None and frame.intrinsics is not None
    found, T_base_camera = find_board(frame.color, Board()), HIDDEN.hand_eye.T_base_camera()
    sighting = sighting_of([frame], found.points[:, :2], found.pixels, T_base_camera, None, plant.cell.workspace)
    seen = sighting.corners(HIDDEN.hand_eye)
    away = np.linalg.norm(seen[:, None] - corners(stage), axis=-1).min(axis=1)
    assert len(seen) > 20 and away.max() < 0.001
    top = sighting.cylinder_top(HIDDEN.hand_eye)
    x, y, radius, tall = stage.cylinder
    assert np.linalg.norm(top - [x, y, HIDDEN.table_z + tall]) < 0.002
    assert sighting.cylinder[3] == pytest.approx(radius, abs=0.002)
    wrong = np.linalg.norm(sighting.corners(TOLD)[:, None] - corners(stage), axis=-1).min(axis=1)
    assert wrong.max() > 0.005  # the file has the camera elsewhere
    plane = board_plane(frame.depth, frame.intrinsics, found.pixels)
    v, u = np.mgrid[: frame.depth.shape[0], : frame.depth.shape[1]]
    bare = plane[3] / (frame.intrinsics.deproject(np.stack([u, v], axis=-1), np.ones(u.shape)) @ plane[:3])
    with pytest.raises(BadInput, match="No cylinder"):
        find_cylinder(bare.astype(np.float32), frame.intrinsics, plane, T_base_camera, plant.cell.workspace)


def test_the_jaws_meet_board_cylinder_and_table_at_their_heights(staged: tuple[CellPlant, Stage, Path]) -> None:
    plant, stage, _ = staged
    x, y, _, tall = stage.cylinder
    middle = corners(stage).mean(axis=0)
    assert met(plant, middle[0], middle[1], middle[2] + 0.01) == pytest.approx(middle[2], abs=0.001)
    assert met(plant, x, y, HIDDEN.table_z + tall + 0.01) == pytest.approx(HIDDEN.table_z + tall, abs=0.001)
    assert met(plant, 0.70, -0.25, HIDDEN.table_z + 0.01) == pytest.approx(HIDDEN.table_z, abs=0.001)
    assert abs(HIDDEN.table_z) > 0.0015  # which is not where the file has it


def test_stages_and_truths_travel_whole_and_what_cannot_be_put_up_is_refused() -> None:
    for put in PUT:
        stage = stage_of(put, 2, Board(columns=6), TOLD, 0.002)
        again = Stage.from_dict(stage.to_dict())
        assert again.cylinder == stage.cylinder and again.table_z == 0.002
        assert (again.board is None) == (put == "nothing")
        if stage.board is not None and again.board is not None:
            assert again.board.board == Board(columns=6) and again.board.mount == stage.board.mount
            assert distance(again.board.T_other_board, stage.board.T_other_board)[0] < 1e-9
    assert Hidden.from_dict(HIDDEN.to_dict()) == HIDDEN
    assert HIDDEN.cell(CELL).hand.tcp_offset != CELL.hand.tcp_offset
    with pytest.raises(BadInput, match="a tree' cannot be put up"):
        stage_of("a tree", 1, Board(), TOLD, 0.0)
