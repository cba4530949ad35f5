"""Pictures of a recorded run from beside the table, for a video that is rendered afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gpnet_ros.cell import Cell, load_cell
from gpnet_ros.errors import BadInput
from gpnet_ros.frame import Intrinsics
from gpnet_ros.pose import look_at
from gpnet_ros.sim.camera.render import render
from gpnet_ros.sim.cell.recording import MOVED, read_states
from gpnet_ros.sim.cell.scenery import RunScenery
from gpnet_ros.sim.cell.state import State

#: The spectator stands before the corner between heap and tote [m] and looks at the middle of the scene.
_EYE, _TARGET = (1.85, -1.55, 1.15), (0.36, -0.22, 0.27)
_FOCAL = 0.86  # focal length by image width: a normal lens
#: Longest stretch in which nothing moves that is shown [s of simulated time].
_IDLE_MAX = 1.0


class Spectator:
    """Renders states of one run."""

    def __init__(self, run_dir: Path, size: tuple[int, int] = (640, 360), cell: Cell | None = None) -> None:
        """Picture of `size` width and height [px]; `cell` None takes `config/cell.yaml`."""
        self._shown = RunScenery(run_dir, cell or load_cell(), with_mast=True)
        width, height = size
        focal = _FOCAL * width
        self._intrinsics = Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
        right = np.cross(np.subtract(_TARGET, _EYE), (0.0, 0.0, 1.0))
        self._T_base_camera = look_at(_EYE, _TARGET, right)

    def image(self, state: State, caption: str = "") -> NDArray[np.uint8]:
        """Picture (H, W, 3) RGB of a state, with a caption in its corner."""
        scenery = self._shown.show(state.version)
        poses = list(scenery.place(state.poses))
        # One generator state for all pictures: noise that stands still is compressed away.
        view = render(scenery.scene, poses, self._intrinsics, self._T_base_camera, self._shown.style)
        image = np.ascontiguousarray(view.color)
        if caption:
            at = (10, image.shape[0] - 12)
            for thickness, level in ((3, 0), (1, 255)):
                cv2.putText(image, caption, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (level,) * 3, thickness, cv2.LINE_AA)
        return image


def chosen_states(run_dir: Path, period: float) -> Iterator[tuple[float, State]]:
    """Recorded states at least `period` of simulated time apart [s], with the time since the start of the run.

    Of a long stretch in which nothing moves only the beginning is given: while the planner thinks, nothing
    is to be seen.
    """
    start = last = None
    moved_at = -np.inf
    for state in read_states(run_dir):
        start = state.time if start is None else start
        if last is not None and last.version == state.version:
            if np.abs(state.poses - last.poses).max() > MOVED:
                moved_at = state.time
            if state.time - last.time < period or state.time - moved_at > _IDLE_MAX:
                continue
        last = state
        yield state.time - start, state


def check_recording(run_dir: Path) -> None:
    """Refuse a folder from which no video can be made.

    Raises:
        BadInput: it holds no recording.
    """
    try:
        next(read_states(run_dir))
    except StopIteration as error:
        raise BadInput(f"The recording in {run_dir} is empty; let `gpnet sim` run a little longer.") from error
