"""The oracle: maps of a frame of the simulated cell from the truth at its exposure, for measuring the ceiling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from gpnet_ros.cell import Cell, HandEye
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Frame
from gpnet_ros.maps import Maps, workspace_grid
from gpnet_ros.sim.camera.raycast import PlacedScene
from gpnet_ros.sim.camera.render import View
from gpnet_ros.sim.cell.arm import FLANGE
from gpnet_ros.sim.cell.scenery import RunScenery, body_pose, poses_of
from gpnet_ros.sim.cell.state import StateReader
from gpnet_ros.sim.cell.world import in_tote, over_table
from gpnet_ros.sim.clearing.true_grasps import perfect_maps
from gpnet_ros.sim.heap.heap import Heap

#: Stamps of frames are rounded to nanoseconds, as floats to a little less [s].
_ROUNDING = 1e-6


class Oracle:
    """Reads the states that the cell publishes into a run folder.

    Attributes:
        cell: whose workspace it looks at; may be exchanged.
    """

    def __init__(self, run_dir: Path, cell: Cell, hand_eye: HandEye) -> None:
        """Nothing is read yet."""
        self._run_dir, self.cell, self._hand_eye = run_dir, cell, hand_eye
        self._reader: StateReader | None = None
        self._shown = RunScenery(run_dir, cell)

    def maps(self, frame: Frame) -> Maps | None:
        """True maps of a frame; None when no object lies on the table or the cell has published nothing yet.

        Raises:
            BadInput: the frame has no camera model.
            DeviceError: no cell publishes.
        """
        if frame.intrinsics is None:
            raise BadInput("The oracle needs the frame's camera model; publish camera_info.")
        if self._reader is None:
            self._reader = StateReader(self._run_dir)
        # A frame older than the kept states shows a heap at rest, or it would not be decided on.
        state = self._reader.at(frame.stamp + _ROUNDING) or self._reader.newest()
        if state is None:
            return None
        scenery, heap = self._shown.show(state.version), self._shown.heap
        T_base_camera = self._hand_eye.T_base_camera(body_pose(state.poses, FLANGE))
        depth, ids = PlacedScene(scenery.scene, scenery.place(state.poses)).depth(frame.intrinsics, T_base_camera)
        grid = workspace_grid(frame, T_base_camera, self.cell.workspace)
        T = poses_of(state.poses[: len(heap.objects)])
        there = over_table(T[:, :3, 3]) & ~in_tote(self.cell, T[:, :3, 3])
        if not there.any():
            nothing = np.zeros((grid.height, grid.width), dtype=np.float32)
            return Maps(nothing, nothing + 1, nothing, nothing, nothing, grid, frame.stamp, frame.frame_id)
        numbers = np.zeros(len(heap.objects) + 1, dtype=np.int32)
        numbers[1:][there] = np.arange(1, there.sum() + 1)
        left = Heap(tuple(o for o, here in zip(heap.objects, there, strict=True) if here), T[there])
        view = View(np.zeros((*frame.shape, 3), np.uint8), depth, numbers[ids])
        maps = perfect_maps(view, left, grid, T_base_camera, self.cell)
        return replace(maps, stamp=frame.stamp, frame_id=frame.frame_id)
