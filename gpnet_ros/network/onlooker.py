"""The networks that a picking loop asks, behind one call: maps of grasps, objects, or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.detections import Detections
from gpnet_ros.errors import ModelRefused
from gpnet_ros.frame import Frame
from gpnet_ros.maps import P_SOURCES, Grid, Maps, prioritise, workspace_grid
from gpnet_ros.network.detector import Detector, cell_threads


class Onlooker:
    """Looks where a camera on a mast sees the workspace; of a camera on the flange at whole frames.

    Attributes:
        cell: whose workspace is looked at.
    """

    def __init__(self, model: str, scene_model: str, priority: str, device: str, cell: Cell, hand_eye: HandEye) -> None:
        """Load the networks.

        Args:
            model: of maps of grasps, by name or path; empty for none, as of a suction cup.
            scene_model: the multi-task model; empty for none.
            priority: one of `free_objects.PRIORITIES`.
            device: "cpu", "cuda" or "auto".
            cell, hand_eye: where it looks.

        Raises:
            ModelRefused: a model cannot be used, or its packages are missing.
        """
        self.cell, self._priority = cell, priority if priority in P_SOURCES else "learned"
        self._T_base_camera = hand_eye.T_base_camera() if hand_eye.mount == "fixed" else None
        grid = None if self._T_base_camera is None else self._grid
        self._detector = Detector(model, device, grid, threads=cell_threads()) if model else None
        self._scene = load_scene_detector(scene_model, device, grid) if scene_model else None

    def __call__(self, frame: Frame) -> tuple[Maps | None, Detections | None]:
        """Maps and detections of a frame, each None without its network.

        Raises:
            BadInput: the frame lacks what a network needs.
        """
        seen = None if self._scene is None else self._scene(frame)
        if self._detector is None:
            return None, seen
        return prioritise(self._detector(frame), frame, self._priority, self._T_base_camera), seen

    def _grid(self, frame: Frame) -> Grid:
        assert self._T_base_camera is not None
        return workspace_grid(frame, self._T_base_camera, self.cell.workspace)


def load_scene_detector(model: str, device: str, grid: Callable[[Frame], Grid] | None) -> Any:
    """The detector of a multi-task model, which looks where a grasp network's grid lies, and a little around it.

    Raises:
        ModelRefused: torchvision, which it needs, is not installed; or see `graspnext.detector.load_scene_detector`.
    """
    try:
        from gpnet_ros.network.graspnext import detector
    except ImportError as error:
        raise ModelRefused(f"scene_model needs torchvision ({error}): pip install 'gpnet_ros[graspnext]'.") from error
    return detector.load_scene_detector(model, device, cell_threads(), grid)
