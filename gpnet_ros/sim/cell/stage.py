"""What a person puts up in the simulated cell for a calibration, and what nobody was told of the cell.

The physics has both: board and cylinder stand there for jaws to touch, the camera hangs where it hangs, the table lies
where it lies, and the tool is as long as it is. The run folder tells the simulated camera, as light tells a real one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from gpnet_ros.board import Board
from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.errors import BadInput
from gpnet_ros.pose import Transform, from_rotvec, to_rotvec, transform
from gpnet_ros.sim.cell.shown_board import BORDER, ShownBoard, hidden_rig

#: What can be put up.
PUT = ("nothing", "board_on_flange", "board_and_cylinder")
#: Thickness of the board's plate on the table [m].
PLATE = 0.003
#: Greatest hidden shift of the table, and of the tips along the tool [m].
TABLE_OFF, TOOL_OFF = 0.006, 0.0015


@dataclass(frozen=True)
class Hidden:
    """What is otherwise than the files of a cell say.

    Attributes:
        hand_eye: where the camera truly is.
        table_z: height of table and tote [m].
        longer: how much the tool is longer than the cell file has it [m].
    """

    hand_eye: HandEye
    table_z: float
    longer: float

    def cell(self, told: Cell) -> Cell:
        """The cell as it truly is, from what the file tells."""
        tote = replace(told.tote, floor_z=told.tote.floor_z + self.table_z)
        gripper = replace(told.gripper, tcp_offset=told.gripper.tcp_offset + self.longer)
        cup = replace(told.cup, tcp_offset=told.cup.tcp_offset + self.longer)
        table = replace(told.workspace, table_z=self.table_z)
        return replace(told, workspace=table, tote=tote, gripper=gripper, cup=cup)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        eye = self.hand_eye
        where = {"mount": eye.mount, "position": [*eye.position], "quaternion": [*eye.quaternion]}
        return {"hand_eye": where, "table_z": self.table_z, "longer": self.longer}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Hidden:
        """What `to_dict` gave."""
        x, y, z = values["hand_eye"]["position"]
        a, b, c, d = values["hand_eye"]["quaternion"]
        return cls(HandEye(values["hand_eye"]["mount"], (x, y, z), (a, b, c, d)), values["table_z"], values["longer"])


@dataclass(frozen=True, eq=False)
class Stage:
    """Board and cylinder as they stand in the cell.

    Attributes:
        board: with its pose in the flange or in base; None where there is none.
        cylinder: x, y, radius and height [m] of one that is fixed to the table; empty where there is none.
        table_z: height of the table on which they stand [m].
    """

    board: ShownBoard | None = None
    cylinder: tuple[float, ...] = ()
    table_z: float = 0.0

    @property
    def plate(self) -> tuple[Transform, NDArray[np.float64]] | None:
        """The board's plate on the table, T_base_box (4, 4) and half its sides (3,) [m]; None where none lies there."""
        if self.board is None or self.board.mount == "fixed":
            return None
        T, size = self.board.T_other_board, np.array(self.board.board.size)
        middle = T[:3, :3] @ self.board.board.centre + T[:3, 3] - [0.0, 0.0, PLATE / 2]
        return transform(T[:3, :3], middle), np.array([*(size / 2 + BORDER), PLATE / 2])

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        board: dict[str, Any] | None = None
        if self.board is not None:
            pose = [float(value) for value in to_rotvec(self.board.T_other_board)]
            board = {"board": asdict(self.board.board), "mount": self.board.mount, "pose": pose}
        return {"board": board, "cylinder": [*self.cylinder], "table_z": self.table_z}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Stage:
        """What `to_dict` gave."""
        board = values["board"]
        shown = board and ShownBoard(Board(**board["board"]), board["mount"], from_rotvec(board["pose"]))
        return cls(shown or None, tuple(values["cylinder"]), values["table_z"])


def hidden_truth(seed: int, told: HandEye) -> Hidden:
    """Where camera, table and tips of a simulated cell truly are, by a seed.

    Args:
        seed: of the truth.
        told: where the files have the camera, which is off by up to 26 mm and 5 degrees.
    """
    rng = np.random.default_rng([31, seed])
    table, longer = float(rng.uniform(-TABLE_OFF, TABLE_OFF)), float(rng.uniform(-TOOL_OFF, TOOL_OFF))
    return Hidden(hidden_rig(seed, told, Board())[0], table, longer)


def stage_of(put: str, seed: int, board: Board, told: HandEye, table_z: float) -> Stage:
    """What a person puts up, somewhat otherwise with each seed.

    Args:
        put: one of `PUT`.
        seed: of the places.
        board: as it was printed.
        told: hand-eye of the file; the board of a camera on the flange never hangs there.
        table_z: true height of the table [m].

    Raises:
        BadInput: nobody can put that up.
    """
    if put not in PUT:
        raise BadInput(f"{put!r} cannot be put up; allowed: {', '.join(PUT)}.")
    if put == "nothing":
        return Stage(table_z=table_z)
    if put == "board_on_flange":
        return Stage(hidden_rig(seed, replace(told, mount="fixed"), board)[1], (), table_z)
    rng = np.random.default_rng([32, seed])
    turn = np.pi / 2 + rng.uniform(-0.15, 0.15)
    R = (Rotation.from_euler("z", turn) * Rotation.from_euler("x", np.pi)).as_matrix()
    place = np.array([*(np.array([0.60, 0.0]) + rng.uniform(-0.01, 0.01, 2)), table_z + PLATE])
    lying = ShownBoard(board, "flange", transform(R, place - R @ board.centre))
    x, y = np.array([0.76, 0.04]) + rng.uniform(-0.008, 0.008, 2)
    radius, tall = rng.uniform(0.025, 0.036), rng.uniform(0.035, 0.06)
    return Stage(lying, (float(x), float(y), float(radius), float(tall)), table_z)
