"""A folder of views of the board, each a picture with the arm's pose: it can be left, and gone on with.

FOLDER/session.yaml          mount, board, and the camera and the arm that the views are of
FOLDER/views/01/color.png    the picture
FOLDER/views/01/view.json    T_base_flange and its frame, joints, camera model, stamp
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from gpnet_ros.board import Board, find_board
from gpnet_ros.errors import BadInput, BoardNotSeen
from gpnet_ros.frame import Intrinsics
from gpnet_ros.hand_eye_solver import BoardView, Mount
from gpnet_ros.pose import T_BASE_LINK_BASE, Transform, from_xyz_quat, to_xyz_quat
from gpnet_ros.settings import load_settings, setting, validate

_SESSION, _VIEWS, _COLOR, _VIEW = "session.yaml", "views", "color.png", "view.json"
_FRAMES = ("base", "base_link")


@dataclass(frozen=True)
class Session:
    """What all views of a folder share; `session.yaml`."""

    mount: str = setting("fixed", "Where the camera is; the board is at the other place.", choices=("fixed", "flange"))
    board: Board = field(default_factory=Board)
    """As it was printed."""
    camera_serial: str = setting("", "Serial number of the camera.")
    arm_model: str = setting("", "What the controller calls itself.")
    arm_serial: str = setting("", "Serial number of the arm.")

    def __post_init__(self) -> None:
        validate(self)

    @property
    def where(self) -> Mount:
        """The mount as its type."""
        return "fixed" if self.mount == "fixed" else "flange"


@dataclass(frozen=True, eq=False)
class BoardPicture:
    """One view as it was taken.

    Attributes:
        name: of its folder.
        color: (H, W, 3) uint8, RGB.
        camera: model of the camera.
        T_base_flange: in the controller's base, (4, 4) [m].
        q: joints, (6,) [rad]; None where they are not known.
        stamp: of the picture [s].
    """

    name: str
    color: NDArray[np.uint8]
    camera: Intrinsics
    T_base_flange: Transform
    q: NDArray[np.float64] | None = None
    stamp: float = 0.0


@dataclass(frozen=True, eq=False)
class SeenBoard:
    """The views of a folder in which the board was found, and why it was not in the others."""

    views: tuple[BoardView, ...]
    camera: Intrinsics
    unseen: dict[str, str]


class ViewFolder:
    """The views of one calibration on disk."""

    def __init__(self, path: Path) -> None:
        """Remember where; nothing is read yet."""
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether a calibration was begun here."""
        return (self.path / _SESSION).is_file()

    def session(self) -> Session:
        """What the views share.

        Raises:
            BadInput: nothing was begun here, or the file is damaged.
        """
        if not self.exists:
            raise BadInput(f"{self.path} holds no {_SESSION}: begin one with gpnet hand-eye capture {self.path}.")
        return load_settings(Session, self.path / _SESSION)

    def begin(self, session: Session) -> Session:
        """Begin, or go on with what was begun with the same mount, board, camera and arm.

        Raises:
            BadInput: the folder is of another calibration.
        """
        if self.exists:
            known = self.session()
            merged = _merged(known, session, self.path)
            if merged == known:
                return known
            session = merged
        (self.path / _VIEWS).mkdir(parents=True, exist_ok=True)
        _write(self.path / _SESSION, yaml.safe_dump(asdict(session), sort_keys=False).encode())
        return session

    def names(self) -> list[str]:
        """Names of the views, in order."""
        return sorted(p.parent.name for p in (self.path / _VIEWS).glob(f"*/{_VIEW}"))

    def next_name(self) -> str:
        """The name of the view that comes next; no name is ever used twice while its view is there."""
        taken = [int(name) for name in self.names() if name.isdigit()]
        return f"{max(taken, default=0) + 1:02d}"

    def add(self, picture: BoardPicture) -> None:
        """Write a view; its pose comes last, so that a view that was cut off is none."""
        folder = self.path / _VIEWS / picture.name
        folder.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode(".png", cv2.cvtColor(picture.color, cv2.COLOR_RGB2BGR))
        assert done
        _write(folder / _COLOR, data.tobytes())
        position, quaternion = to_xyz_quat(picture.T_base_flange)
        values: dict[str, Any] = {
            "frame": "base",
            "position": position.tolist(),
            "quaternion": quaternion.tolist(),
            "q": None if picture.q is None else [float(x) for x in picture.q],
            "stamp": picture.stamp,
            "camera": asdict(picture.camera),
        }
        _write(folder / _VIEW, json.dumps(values, indent=1).encode())

    def drop(self, name: str) -> None:
        """Take a view away."""
        for file in (_VIEW, _COLOR):
            (self.path / _VIEWS / name / file).unlink(missing_ok=True)

    def read(self, name: str) -> BoardPicture:
        """One view.

        Raises:
            BadInput: its files are damaged; the message names the file.
        """
        file = self.path / _VIEWS / name / _VIEW
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            T = from_xyz_quat(values["position"], values["quaternion"])
            frame, camera = values["frame"], Intrinsics(**values["camera"])
            q = None if values.get("q") is None else np.array(values["q"], np.float64)
            stamp = float(values.get("stamp", 0.0))
        except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{file} is damaged ({error!r}): take the view away, {file.parent}, and again.") from error
        if frame not in _FRAMES:
            raise BadInput(f"{file}: frame is {frame!r}; allowed: {', '.join(_FRAMES)}.")
        if frame == "base_link":
            T = T_BASE_LINK_BASE @ T
        image = cv2.imread(str(file.with_name(_COLOR)), cv2.IMREAD_COLOR)
        if image is None:
            raise BadInput(f"{file.with_name(_COLOR)} is no picture: take the view away, {file.parent}, and again.")
        color = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        if color.shape[:2] != (camera.height, camera.width):
            raise BadInput(
                f"{file}: the camera is of {camera.width}x{camera.height} px, the picture of {color.shape[1]}x"
                f"{color.shape[0]} px: give the model of this very stream."
            )
        return BoardPicture(name, color, camera, T, q, stamp)

    def seen(self, board: Board) -> SeenBoard:
        """The corners of the board in all views.

        Raises:
            BadInput: no view, a damaged one, views of different cameras, or the board in none of them.
        """
        pictures = [self.read(name) for name in self.names()]
        if not pictures:
            raise BadInput(f"{self.path} holds no view: take some with gpnet hand-eye capture {self.path}.")
        cameras = {picture.camera: picture.name for picture in pictures}
        if len(cameras) > 1:
            raise BadInput(
                f"The views {', '.join(cameras.values())} of {self.path} have different camera models: take all views "
                "with one camera and one size of picture."
            )
        views, unseen = [], {}
        for picture in pictures:
            try:
                corners = find_board(picture.color, board)
            except BoardNotSeen as error:
                unseen[picture.name] = str(error)
                continue
            views.append(BoardView(picture.name, corners.points, corners.pixels, picture.T_base_flange))
        if not views:
            name, why = next(iter(unseen.items()))
            raise BoardNotSeen(f"The board is in none of {len(unseen)} views; in {name}: {why}")
        return SeenBoard(tuple(views), pictures[0].camera, unseen)


def _merged(known: Session, given: Session, path: Path) -> Session:
    """What was begun, with what was not known then.

    Raises:
        BadInput: something differs.
    """
    for name in ("mount", "board"):
        if getattr(known, name) != getattr(given, name):
            raise BadInput(
                f"{path} was begun with {name} {getattr(known, name)}, given is {getattr(given, name)}: name another "
                "folder, or go on with the same."
            )
    for name in ("camera_serial", "arm_model", "arm_serial"):
        one, other = getattr(known, name), getattr(given, name)
        if one and other and one != other:
            raise BadInput(
                f"{path} was begun with {name} {one}, connected is {other}: name another folder for another {name}."
            )
        known = replace(known, **{name: one or other})
    return known


def _write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    os.replace(fresh, path)
