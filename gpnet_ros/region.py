"""The region of a picture that counts: a box, a mask, or the workspace of a cell; outside nothing is grasped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import HandEye, load_cell, load_hand_eye
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.hand_eye_check import check_hand_eye
from gpnet_ros.maps import Grid, workspace_grid
from gpnet_ros.pose import Transform
from gpnet_ros.settings import Workspace


@dataclass(frozen=True)
class Region:
    """How the pixels that count are found in a picture; plain values, so that it can stand in the key of a result.

    Attributes:
        kind: which of the others is given.
        roi: left, top, width and height of a box [px].
        mask: path of an 8-bit picture, inside where it is not 0; mask_sum: of its content.
        workspace: of a cell, and hand_eye: where the camera sees it from.
    """

    kind: Literal["roi", "mask", "workspace"]
    roi: tuple[int, int, int, int] | None = None
    mask: str = ""
    mask_sum: str = ""
    workspace: Workspace | None = None
    hand_eye: HandEye | None = None

    @staticmethod
    def of_roi(text: str) -> Region:
        """The box of a text such as `120,80,300,240`: left, top, width and height [px].

        Raises:
            BadInput: not four whole numbers, negative, or empty.
        """
        try:
            left, top, width, height = (int(word) for word in text.split(","))
        except ValueError:
            raise BadInput(
                f"--roi is {text!r}; it must be four whole numbers x,y,w,h in pixels, such as 120,80,300,240."
            ) from None
        if min(left, top) < 0 or min(width, height) < 1:
            raise BadInput(f"--roi is {text}; x and y must be 0 or more, w and h 1 or more.")
        return Region("roi", roi=(left, top, width, height))

    @staticmethod
    def of_mask(path: Path) -> Region:
        """The pixels that are not 0 in an 8-bit picture.

        Raises:
            BadInput: it cannot be read, or nothing is inside.
        """
        mask = _read_mask(str(path))
        if not mask.any():
            raise BadInput(f"--mask {path} is 0 everywhere: nothing would be looked at; paint what counts.")
        return Region("mask", mask=str(path), mask_sum=hashlib.sha256(np.packbits(mask).tobytes()).hexdigest())

    @staticmethod
    def of_cell(cell: Path, hand_eye: Path | None = None) -> Region:
        """The workspace of a cell file; the hand-eye file is `hand_eye.yaml` beside it, unless another is given.

        Raises:
            BadInput: a file cannot be read; or the camera rides on the arm, whose pose no picture tells.
        """
        workspace = load_cell(cell).workspace
        beside = hand_eye or cell.parent / "hand_eye.yaml"
        if not beside.is_file():
            raise BadInput(f"--workspace {cell}: there is no hand-eye file {beside}; name one with --hand-eye.")
        given = load_hand_eye(beside)
        if given.mount == "flange":
            raise BadInput(
                f"--workspace {cell}: by {beside} the camera is on the flange, and no picture tells where that was; "
                "use --roi or --mask."
            )
        return Region("workspace", workspace=workspace, hand_eye=given)

    def applied(self, frame: Frame, T_base_camera: Transform | None = None) -> Frame:
        """The frame with the region in it.

        Args:
            frame: any picture.
            T_base_camera: pose (4, 4) of its camera where it is known; else that of the hand-eye counts.

        Raises:
            BadInput: the region does not lie in the picture, or is none of this size.
        """
        return replace(frame, region=self._inside(frame, T_base_camera))

    def view(self, frame: Frame, T_base_camera: Transform | None = None) -> Grid:
        """The network's view of a frame: the square of a workspace, as a cell sees it; else the whole frame.

        A box or a mask changes nothing: cut out, the grasp lay on an object in fewer of 16 real frames
        (docs/notebook.md). The arguments are those of `applied`.

        Raises:
            BadInput: the camera does not look at the workspace.
        """
        if self.workspace is None or self.hand_eye is None:
            return Grid.whole_frame(frame.shape[1], frame.shape[0])
        T = self.hand_eye.T_base_camera() if T_base_camera is None else T_base_camera
        return workspace_grid(frame, T, self.workspace)

    def to_dict(self) -> dict[str, Any]:
        """What was given, as JSON has it."""
        if self.roi is not None:
            return {"roi": list(self.roi)}
        if self.workspace is not None:
            return {"workspace": {"centre": list(self.workspace.centre), "side": self.workspace.side}}
        return {"mask": self.mask}

    def _inside(self, frame: Frame, T_base_camera: Transform | None) -> NDArray[np.bool_]:
        height, width = frame.shape
        if self.roi is not None:
            left, top, wide, high = self.roi
            if left + wide > width or top + high > height:
                raise BadInput(
                    f"--roi {left},{top},{wide},{high} reaches to ({left + wide}, {top + high}), out of the picture of "
                    f"{width}x{height}: give x,y,w,h in pixels of this picture."
                )
            inside = np.zeros((height, width), dtype=bool)
            inside[top : top + high, left : left + wide] = True
            return inside
        if self.workspace is not None and self.hand_eye is not None:
            T = self.hand_eye.T_base_camera() if T_base_camera is None else T_base_camera
            return _workspace_pixels(frame, T, self.workspace)
        mask = _read_mask(self.mask)
        if mask.shape != (height, width):
            raise BadInput(
                f"--mask {self.mask} is {mask.shape[1]}x{mask.shape[0]}, the picture {width}x{height}: it must have "
                "the picture's size."
            )
        return mask


@lru_cache(maxsize=1)
def _read_mask(path: str) -> NDArray[np.bool_]:
    """Whether each pixel is inside, (H, W); of colours each counts, of transparency none."""
    file = Path(path)
    if not file.is_file():
        raise BadInput(f"--mask {path} does not exist: check its path.")
    image = cv2.imdecode(np.frombuffer(file.read_bytes() or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        raise BadInput(f"--mask {path} is no 8-bit picture: give a PNG that is 0 outside and 255 inside.")
    return image > 0 if image.ndim == 2 else (image[..., :3] > 0).any(axis=2)


def counted_in_workspace(frame: Frame, T_base_camera: Transform, workspace: Workspace) -> Frame:
    """The frame of which only the workspace's table counts, from T_base_camera (4, 4); whole where none of it is seen.

    It is for `Frame.check`: holes beside the workspace are no reason to refuse a frame.
    """
    if frame.intrinsics is None:
        return frame
    outline = _outline(frame.intrinsics, T_base_camera.astype(np.float64).tobytes(), workspace)
    return replace(frame, region=outline) if outline.any() else frame


@lru_cache(maxsize=4)
def _outline(camera: Intrinsics, T_base_camera: bytes, workspace: Workspace) -> NDArray[np.bool_]:
    """Whether each pixel (H, W) shows the table of the workspace, were it empty; kept, as cameras on masts stay."""
    T = np.frombuffer(T_base_camera).reshape(4, 4)
    (x, y, z), eye = _rays(camera, T), T[:3, 3].astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (np.float32(workspace.table_z) - eye[2]) / z
        outline = (depth > 0) & _over(workspace, eye[0] + x * depth, eye[1] + y * depth)
    outline.setflags(write=False)
    return outline


def _workspace_pixels(frame: Frame, T_base_camera: Transform, workspace: Workspace) -> NDArray[np.bool_]:
    """Whether each pixel (H, W) shows something within the workspace; where depth is unknown, its table."""
    camera = frame.intrinsics
    if camera is None:
        raise BadInput("--workspace needs the camera model: give --camera CAMERA.json.")
    check_hand_eye(camera, frame.depth, T_base_camera, workspace)
    outline = _outline(camera, T_base_camera.astype(np.float64).tobytes(), workspace)
    if frame.depth is None:
        return outline
    (x, y, _), eye = _rays(camera, T_base_camera), T_base_camera[:3, 3].astype(np.float32)
    within = _over(workspace, eye[0] + x * frame.depth, eye[1] + y * frame.depth)
    return np.where(np.isfinite(frame.depth) & (frame.depth > 0), within, outline)


def _over(workspace: Workspace, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
    half, (middle_x, middle_y) = workspace.side / 2, workspace.centre
    return (np.abs(x - middle_x) <= half) & (np.abs(y - middle_y) <= half)


def _rays(camera: Intrinsics, T_base_camera: Transform) -> tuple[NDArray[np.float32], ...]:
    """x, y and z in base, each (H, W), from the camera to what lies 1 m deep before each pixel."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float32)
    right = (u - np.float32(camera.cx)) / np.float32(camera.fx)
    down = (v - np.float32(camera.cy)) / np.float32(camera.fy)
    rows = T_base_camera[:3, :3].astype(np.float32)
    return tuple(row[0] * right + row[1] * down + row[2] for row in rows)
