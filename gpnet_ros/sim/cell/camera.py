"""The simulated D435: it looks at the states that the cell publishes and hands out frames, nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from gpnet_ros.cell import Cell, HandEye, load_cell, load_hand_eye
from gpnet_ros.data.noise import DepthNoise, d435_depth
from gpnet_ros.devices.camera import stall_limit
from gpnet_ros.errors import DeviceError
from gpnet_ros.frame import Frame, Intrinsics
from gpnet_ros.sim.camera.d435 import D435_640x480
from gpnet_ros.sim.camera.render import Quality, render
from gpnet_ros.sim.cell.arm import FLANGE
from gpnet_ros.sim.cell.scenery import RunScenery, body_pose
from gpnet_ros.sim.cell.shown_board import ShownBoard
from gpnet_ros.sim.cell.state import State, StateReader

#: Least wall time from one exposure to the next [s]: a frame costs half a core-second, which others need too.
EXPOSURE_PERIOD = 0.7
_POLL = 0.005  # [s]


class SimCamera:
    """A `Camera` beside the simulated cell, in any process of the same machine."""

    def __init__(
        self,
        run_dir: Path,
        noise: bool = True,
        hand_eye: HandEye | None = None,
        cell: Cell | None = None,
        intrinsics: Intrinsics = D435_640x480,
        quality: Quality = "fast",
        seed: int | None = None,
        period: float = EXPOSURE_PERIOD,
        board: ShownBoard | None = None,
    ) -> None:
        """Remember what to look at; nothing is opened yet.

        Args:
            run_dir: folder in which the simulated cell publishes its states.
            noise: D435 noise on the depth; without it depth is exact. Colour always has the sensor noise
                of the scene's style.
            hand_eye: where the camera is; None takes `config/hand_eye.yaml`. A cell with hidden truths says otherwise.
            cell: furniture; None takes `config/cell.yaml`.
            intrinsics: of colour and aligned depth.
            quality: of the renderer.
            seed: of the noise; None is different in every process.
            period: least wall time between exposures [s].
            board: a calibration board that is seen, too, where nobody has put up another one in the cell.
        """
        self._run_dir, self._noise = Path(run_dir), noise
        self._hand_eye = hand_eye or load_hand_eye()
        self._shown = RunScenery(run_dir, cell or load_cell())
        self._intrinsics, self._quality = intrinsics, quality
        self._rng = np.random.default_rng(seed)
        self._reader: StateReader | None = None
        self._board = board
        self._period, self._next, self._last = period, -np.inf, -np.inf

    def open(self) -> None:
        """Attach to the cell's states.

        Raises:
            DeviceError: no cell publishes into the run folder.
        """
        self._reader = StateReader(self._run_dir)

    def read(self, timeout: float | None = None) -> Frame:
        """A frame of the cell at this instant; its stamp is the simulated time of it.

        Args:
            timeout: longest wait for a new state [s]; None waits as long as any camera may stall.

        Raises:
            DeviceError: not open, or the cell's time stands still for the time-out.
        """
        if self._reader is None:
            raise DeviceError("The simulated camera is not open; call open() first.")
        limit = min(timeout or np.inf, stall_limit(self._period))
        deadline = time.monotonic() + limit
        time.sleep(min(max(self._next - time.monotonic(), 0.0), limit))
        while True:
            state = self._reader.newest()
            if state is not None and state.time > self._last:
                self._last, self._next = state.time, time.monotonic() + self._period
                return self._expose(state)
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"No new state of the simulated cell in {limit:.1f} s; check that `gpnet sim` still runs "
                    f"with --run-dir {self._run_dir}."
                )
            time.sleep(_POLL)

    def close(self) -> None:
        """Let go of the states."""
        self._reader = None

    def _expose(self, state: State) -> Frame:
        scenery, style = self._shown.show(state.version), self._shown.style
        T_base_flange = body_pose(state.poses, FLANGE)
        hidden, board = self._shown.hidden, self._shown.stage.board or self._board
        T_base_camera = (hidden.hand_eye if hidden else self._hand_eye).T_base_camera(T_base_flange)
        poses = list(scenery.place(state.poses))
        view = render(scenery.scene, poses, self._intrinsics, T_base_camera, style, self._quality, self._rng)
        color, depth = view.color, view.depth
        if board is not None:
            T_camera_board = board.T_camera_board(T_base_camera, T_base_flange)
            color, depth = board.lay(color, depth, self._intrinsics, T_camera_board)
        if self._noise:
            depth = d435_depth(depth, self._intrinsics, DepthNoise(), self._rng, color)
        return Frame(color, depth.astype(np.float32), self._intrinsics, state.time)
