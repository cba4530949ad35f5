"""The ChArUco board: what is printed, and where its corners are in a picture; or why they cannot be trusted.

The board's frame has its origin at the printed pattern's upper left corner, x to the right, y down, z into the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.errors import BadInput, BoardNotSeen, SettingsError
from gpnet_ros.settings import setting, validate

#: Dictionaries of markers that OpenCV knows; the first is ours.
DICTIONARIES = (
    *(f"{bits}_{count}" for bits in ("4X4", "5X5", "6X6", "7X7") for count in (50, 100, 250, 1000)),
    *("APRILTAG_16h5", "APRILTAG_25h9", "APRILTAG_36h11", "ARUCO_ORIGINAL"),
)
#: Those that are looked for where another one than declared may be seen; larger ones begin with the same markers.
_LOOKED_FOR = tuple(name for name in DICTIONARIES if name.endswith(("_100", "16h5", "25h9", "36h11")))
#: Fewer corners than this make no pose that is worth anything.
CORNERS_MIN = 8
#: Corners lie this near [px] to where the flat board has them; what is farther is dropped, and too many refuse all.
FLAT_WITHIN, FLAT_SHARE = 2.5, 0.7
#: A board of another layout has its markers elsewhere: this share of them must lie as declared, within this part of a
#: square.
LAYOUT_SHARE, LAYOUT_WITHIN = 0.75, 0.5


@dataclass(frozen=True)
class Board:
    """A ChArUco board as it was printed; `board.yaml`."""

    columns: int = setting(8, "Squares along x.", low=3, high=40)
    rows: int = setting(5, "Squares along y.", low=3, high=40)
    square: float = setting(0.033, "Side of a square, as measured on the print.", unit="m", low=0.005, high=0.3)
    marker: float = setting(0.025, "Side of a marker, its black border included.", unit="m", low=0.003, high=0.3)
    dictionary: str = setting(DICTIONARIES[0], "Of the markers.", choices=DICTIONARIES)

    def __post_init__(self) -> None:
        validate(self)
        if not 0.3 * self.square <= self.marker <= 0.9 * self.square:
            raise SettingsError(
                f"marker is {self.marker} m; allowed: 0.3 to 0.9 of square, {0.3 * self.square:.4f} to "
                f"{0.9 * self.square:.4f} m.",
                "marker",
            )
        markers, known = self.columns * self.rows // 2, len(_dictionary(self.dictionary).bytesList)
        if markers > known:
            raise SettingsError(
                f"dictionary is {self.dictionary!r}, which has {known} markers, but {self.columns} x {self.rows} "
                f"squares need {markers}: take one with more, or fewer squares.",
                "dictionary",
            )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the pattern [m]."""
        return self.columns * self.square, self.rows * self.square

    @property
    def outline(self) -> NDArray[np.float64]:
        """The pattern's four corners in the board's frame, (4, 3) [m]."""
        w, h = self.size
        return np.array([[0.0, 0.0, 0.0], [w, 0.0, 0.0], [w, h, 0.0], [0.0, h, 0.0]])

    @property
    def centre(self) -> NDArray[np.float64]:
        """The pattern's middle in the board's frame, (3,) [m]."""
        return self.outline.mean(axis=0)

    @property
    def told(self) -> str:
        """The board in a few words, for a page and for messages."""
        return (
            f"{self.columns} x {self.rows} squares of {self.square * 1000:.4g} mm, markers of "
            f"{self.marker * 1000:.4g} mm, dictionary {self.dictionary}"
        )


@dataclass(frozen=True, eq=False)
class Corners:
    """Inner corners of the board in one picture.

    Attributes:
        points: in the board's frame, (n, 3) [m].
        pixels: where they are seen, (n, 2) [px].
    """

    points: NDArray[np.float64]
    pixels: NDArray[np.float64]


def charuco(board: Board) -> Any:
    """OpenCV's own description of the board.

    Raises:
        BadInput: this OpenCV is too old.
    """
    _require_opencv()
    size = (board.columns, board.rows)
    return cv2.aruco.CharucoBoard(size, board.square, board.marker, _dictionary(board.dictionary))


def black_cells(board: Board) -> NDArray[np.float64]:
    """What is black on the board: rectangles (n, 4) of x, y, width and height [m] in the board's frame."""
    cells = [
        (x * board.square, y * board.square, board.square, board.square)
        for y in range(board.rows)
        for x in range(board.columns)
        if (x + y) % 2 == 0
    ]
    dictionary = _dictionary(board.dictionary)
    described = charuco(board)
    bits, side = dictionary.markerSize, board.marker / (dictionary.markerSize + 2)
    for corners, number in zip(described.getObjPoints(), np.ravel(described.getIds()), strict=True):
        x, y = np.asarray(corners)[:, :2].min(axis=0)
        image = cv2.aruco.generateImageMarker(dictionary, int(number), bits + 2)
        cells += [(x + c * side, y + r * side, side, side) for r, c in np.argwhere(image == 0)]
    return np.array(cells)


def find_board(color: NDArray[np.uint8], board: Board) -> Corners:
    """The board's inner corners in a picture.

    Args:
        color: (H, W, 3) RGB.
        board: as it was printed.

    Raises:
        BoardNotSeen: too little of it, another board, or a mirrored one; the message says which, and what to do.
    """
    gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(color), cv2.COLOR_RGB2GRAY), np.uint8)
    pixels, numbers, marks, seen = _detector(board).detectBoard(gray)
    found = 0 if numbers is None else len(numbers)
    seen_ids = np.zeros(0, int) if seen is None else np.ravel(seen)
    if len(seen_ids) >= 4:
        _require_layout(board, marks, seen_ids)
    elif other := _other_board(gray, board, len(seen_ids)):
        raise BoardNotSeen(other)
    if found < CORNERS_MIN:
        raise BoardNotSeen(
            f"Only {found} corners of the board are seen, {CORNERS_MIN} are needed: bring all of it into the picture, "
            "nearer, in focus, evenly lit and without glare."
        )
    points = np.asarray(charuco(board).getChessboardCorners(), np.float64)[np.ravel(numbers)]
    return _flat(Corners(points, np.asarray(pixels, np.float64).reshape(-1, 2)))


def _flat(corners: Corners) -> Corners:
    """The corners without those that do not lie on one flat board."""
    H, _ = cv2.findHomography(corners.points[:, :2], corners.pixels, cv2.RANSAC, FLAT_WITHIN)
    if H is None:
        raise BoardNotSeen("The corners that are seen lie on one line: bring all of the board into the picture.")
    expected = cv2.perspectiveTransform(corners.points[None, :, :2], H)[0]
    keep = np.linalg.norm(expected - corners.pixels, axis=1) <= FLAT_WITHIN
    if keep.sum() < max(CORNERS_MIN, FLAT_SHARE * len(keep)):
        raise BoardNotSeen(
            f"Only {keep.sum()} of {len(keep)} corners lie on one flat board: stick the print to a flat plate, and "
            "hold it still."
        )
    return Corners(corners.points[keep], corners.pixels[keep])


def _require_layout(board: Board, marks: Any, numbers: NDArray[np.int_]) -> None:
    """Markers must lie to each other as the board has them."""
    markers = board.columns * board.rows // 2
    foreign = numbers[numbers >= markers]
    declared = f"this board ({board.told}): give --board of the one that is seen, or print the right one"
    if len(foreign):
        raise BoardNotSeen(f"Marker {foreign.min()} is seen, but {markers} markers, from 0, are on {declared}.")
    places = np.array([np.asarray(p)[:, :2].mean(axis=0) for p in charuco(board).getObjPoints()])[numbers]
    seen = np.array([np.asarray(mark).reshape(4, 2).mean(axis=0) for mark in marks])
    H, _ = cv2.findHomography(seen, places, cv2.RANSAC, LAYOUT_WITHIN * board.square)
    away = np.inf if H is None else np.linalg.norm(cv2.perspectiveTransform(seen[None], H)[0] - places, axis=1)
    share = float(np.mean(np.atleast_1d(away) < LAYOUT_WITHIN * board.square))
    if share < LAYOUT_SHARE:
        raise BoardNotSeen(f"The markers that are seen lie otherwise than on {declared}.")


def _other_board(gray: NDArray[np.uint8], board: Board, seen: int) -> str:
    """One sentence where a mirrored board or another dictionary explains more markers than were seen; else nothing."""
    enough = max(4, 2 * seen)
    if len(_markers(np.ascontiguousarray(gray[:, ::-1]), board.dictionary)) >= enough:
        return (
            "The board is mirrored: switch off mirroring in the camera's driver, or print the board anew without "
            "mirroring (not on a transparency seen from behind)."
        )
    found = {name: _markers(gray, name) for name in _LOOKED_FOR}
    best = max(found, key=lambda name: len(found[name]))
    if len(found[best]) < enough:
        return ""
    # The smaller dictionaries of a kind are the first markers of the larger ones.
    kind = [name for name in DICTIONARIES if name.split("_")[0] == best.split("_")[0] or name == best]
    fitting = next(n for n in kind if len(_dictionary(n).bytesList) > found[best].max())
    return (
        f"The markers that are seen are of dictionary {fitting}, the board is of {board.dictionary}: give --board of "
        "the one that is seen, or print the right one."
    )


def _markers(gray: NDArray[np.uint8], dictionary: str) -> NDArray[np.int_]:
    """Numbers (n,) of the markers of a dictionary in a picture (H, W)."""
    _, numbers, _ = cv2.aruco.ArucoDetector(_dictionary(dictionary)).detectMarkers(gray)
    return np.zeros(0, int) if numbers is None else np.ravel(numbers)


@lru_cache(maxsize=8)
def _detector(board: Board) -> Any:
    return cv2.aruco.CharucoDetector(charuco(board))


def _dictionary(name: str) -> Any:
    _require_opencv()
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{name}"))


def _require_opencv() -> None:
    if not hasattr(getattr(cv2, "aruco", None), "CharucoDetector"):
        raise BadInput(
            f"This OpenCV ({cv2.__version__}) cannot find ChArUco boards: install opencv-python 4.7 or newer (pip)."
        )
